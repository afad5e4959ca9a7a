package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message read by the standard library: values of a field in
// order, numbers as text.
type message map[int][]string

func readMessage(t testing.TB, b []byte) message {
	t.Helper()
	m := message{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		require.Positive(t, n, "%x", b)
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			require.Positive(t, n)
			m[int(number)] = append(m[int(number)], strconv.FormatUint(v, 10))
			b = b[n:]
		default:
			require.Equal(t, protowire.BytesType, kind)
			v, n := protowire.ConsumeBytes(b)
			require.Positive(t, n)
			m[int(number)] = append(m[int(number)], string(v))
			b = b[n:]
		}
	}
	return m
}

func (m message) one(t testing.TB, field int) string {
	t.Helper()
	require.Len(t, m[field], 1, "field %d of %v", field, m)
	return m[field][0]
}

func (m message) id(t testing.TB, field int) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(m.one(t, field), 10, 64)
	require.NoError(t, err)
	return n
}

func (m message) levels(t testing.TB, field int) (l [][2]string) {
	for _, item := range m[field] {
		x := readMessage(t, []byte(item))
		l = append(l, [2]string{x.one(t, 1), x.one(t, 2)})
	}
	return l
}

// startMEXC runs a MEXC server.
func startMEXC(t *testing.T, cfg Config) *Server {
	cfg.Venue = venueMEXC
	return start(t, cfg)
}

// answer reads the next text message: the msg of an answer.
func (c *client) answer() string {
	c.t.Helper()
	var a struct {
		ID   uint64
		Code int
		Msg  string
	}
	for {
		h, payload, err := c.frame(5 * time.Second)
		require.NoError(c.t, err)
		if h.OpCode == ws.OpText {
			require.NoError(c.t, json.Unmarshal(payload, &a), "%s", payload)
			return a.Msg
		}
	}
}

// want asks for streams, which must all be accepted.
func (c *client) want(names ...string) {
	c.t.Helper()
	c.method("SUBSCRIPTION", names...)
	got := strings.Split(c.answer(), ",")
	require.ElementsMatch(c.t, names, got)
}

func (c *client) method(method string, names ...string) {
	c.t.Helper()
	request, err := json.Marshal(map[string]any{"method": method, "params": names})
	require.NoError(c.t, err)
	c.send(string(request))
}

// push reads the next data frame.
func (c *client) push() message {
	c.t.Helper()
	for {
		h, payload, err := c.frame(5 * time.Second)
		require.NoError(c.t, err)
		if h.OpCode == ws.OpBinary {
			return readMessage(c.t, payload)
		}
	}
}

const (
	quoteStream = mexcBookTicker + "@10ms@BTCUSDT"
	dealsStream = mexcDeals + "@10ms@BTCUSDT"
	depthStream = mexcDepth + "@10ms@BTCUSDT"
)

// Requests are answered in the venue's words, full-width colon and blank included.
func TestMEXCRequests(t *testing.T) {
	sub := func(names string) string { return `{"method":"SUBSCRIPTION","params":[` + names + `]}` }
	const blocked = "].  Reason\uff1a Blocked! \"}"
	lower := mexcBookTicker + "@10ms@btcusdt"
	closed := "spot@public.deals.v3.api@BTCUSDT"
	for name, test := range map[string]struct{ send, want string }{
		"one stream is accepted": {sub(`"` + quoteStream + `"`), `{"id":0,"code":0,"msg":"` + quoteStream + `"}`},
		"two streams are accepted in another order": {sub(`"` + quoteStream + `","` + depthStream + `"`),
			`{"id":0,"code":0,"msg":"` + depthStream + `,` + quoteStream + `"}`},
		"an id comes back": {`{"id":7,"method":"SUBSCRIPTION","params":["` + quoteStream + `"]}`, `{"id":7,"code":0,"msg":"` + quoteStream + `"}`},
		"an unknown pair is refused and its neighbour is not": {sub(`"` + quoteStream + `","` + mexcBatch + `@NOPEUSDT"`),
			`{"id":0,"code":0,"msg":"Subscribed successful! [` + quoteStream + `]. Not Subscribed successfully! [` + mexcBatch + `@NOPEUSDT` + blocked},
		"a lower-case pair is refused":      {sub(`"` + lower + `"`), `{"id":0,"code":0,"msg":"Not Subscribed successfully! [` + lower + blocked},
		"a closed channel is refused":       {sub(`"` + closed + `"`), `{"id":0,"code":0,"msg":"Not Subscribed successfully! [` + closed + blocked},
		"an unknown interval is refused":    {sub(`"` + mexcDepth + `@20ms@BTCUSDT"`), mexcDepth + `@20ms@BTCUSDT` + blocked},
		"an unknown depth is refused":       {sub(`"` + mexcTop + `@BTCUSDT@50"`), mexcTop + `@BTCUSDT@50` + blocked},
		"an unknown zone is refused":        {sub(`"` + mexcMiniTickers + `@UTC+99"`), mexcMiniTickers + `@UTC+99` + blocked},
		"an unknown bar is refused":         {sub(`"` + mexcKline + `@BTCUSDT@Min2"`), mexcKline + `@BTCUSDT@Min2` + blocked},
		"a name in the wrong order":         {sub(`"` + mexcDepth + `@BTCUSDT@10ms"`), mexcDepth + `@BTCUSDT@10ms` + blocked},
		"every kind of stream is accepted":  {sub(`"` + mexcBatch + `@BTCUSDT","` + mexcTop + `@BTCUSDT@20","` + mexcMiniTicker + `@BTCUSDT@UTC+8","` + mexcMiniTickers + `@24H","` + mexcKline + `@BTCUSDT@Min1"`), `{"id":0,"code":0,"msg":"` + mexcKline},
		"an empty list":                     {sub(``), `{"id":0,"code":0,"msg":"Not Subscribed successfully! []."}`},
		"a ping":                            {`{"method":"PING"}`, `{"id":0,"code":0,"msg":"PONG"}`},
		"what is no JSON is refused":        {`hello`, `"code":1`},
		"an unknown method is refused":      {`{"method":"LIST"}`, `"code":1,"msg":"unknown method LIST"`},
		"unsubscribing what one has not":    {`{"method":"UNSUBSCRIPTION","params":["` + quoteStream + `"]}`, `{"id":0,"code":0,"msg":"` + quoteStream + `"}`},
		"unsubscribing what does not exist": {`{"method":"UNSUBSCRIPTION","params":["x"]}`, `Not Subscribed successfully! [x` + blocked},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, startMEXC(t, Config{Settle: time.Hour}))
			c.send(test.send)
			assert.Contains(t, string(c.next()), test.want)
		})
	}
}

// A connection has 30 streams over its life: unsubscribing gives none back. The
// next is silent or refused, as configured.
func TestMEXCStreamLimit(t *testing.T) {
	names := func(from, to int) (names []string) {
		for i := from; i < to; i++ {
			names = append(names, mexcBatch+"@"+strings.ReplaceAll(namedSpec(i).name, "_", ""))
		}
		return names
	}
	t.Run("the stream over the limit is silent", func(t *testing.T) {
		s := startMEXC(t, Config{Settle: time.Hour})
		c := dial(t, s)
		c.want(names(0, 20)...)
		c.method("UNSUBSCRIPTION", names(0, 10)...)
		c.answer()
		c.want(names(20, 32)...)
		c.want(names(10, 12)...)
		assert.Len(t, s.Truth().Active(), 20)
		assert.NotContains(t, s.Truth().Active(), names(30, 31)[0])
		c.want(names(0, 1)...)
		assert.Len(t, s.Truth().Active(), 20, "a stream given back counts again")
	})
	t.Run("the stream over the limit is refused", func(t *testing.T) {
		c := dial(t, startMEXC(t, Config{Settle: time.Hour, RefuseOverLimit: true}))
		c.want(names(0, 30)...)
		c.method("SUBSCRIPTION", names(30, 31)...)
		assert.Equal(t, "Not Subscribed successfully! ["+names(30, 31)[0]+"].  Reason\uff1a Blocked! ", c.answer())
	})
	t.Run("another connection has streams of its own", func(t *testing.T) {
		s := startMEXC(t, Config{Settle: time.Hour, RefuseOverLimit: true})
		dial(t, s).want(names(0, 30)...)
		dial(t, s).want(names(30, 60)...)
		assert.Len(t, s.Truth().Active(), 60)
	})
}

// A client may send 100 messages a second; one more and it is cut.
func TestMEXCMessageLimit(t *testing.T) {
	t.Parallel()
	s := startMEXC(t, Config{Settle: time.Hour})
	c := dial(t, s)
	for range mexcMessages {
		c.send(`{"method":"PING"}`)
	}
	for range mexcMessages {
		require.Equal(t, "PONG", c.answer())
	}
	time.Sleep(1100 * time.Millisecond)
	for range mexcMessages {
		c.send(`{"method":"PING"}`)
	}
	for range mexcMessages {
		require.Equal(t, "PONG", c.answer())
	}
	c.send(`{"method":"PING"}`)
	assert.Zero(t, c.closeCode(5*time.Second))
	assert.Equal(t, uint64(1), s.Stats().FloodCuts)
}

// A ping frame of the client goes unanswered, and the idle times are the venue's.
func TestMEXCPingFramesAndIdle(t *testing.T) {
	t.Parallel()
	s := startMEXC(t, Config{Settle: time.Hour, IdleTimeout: 2 * time.Second, SilentTimeout: 4400 * time.Millisecond})
	idle, subscribed := dial(t, s), dial(t, s)
	began := time.Now()
	subscribed.want(dealsStream)
	idle.send(`{"method":"PING"}`)
	assert.Equal(t, "PONG", idle.answer())
	require.NoError(t, ws.WriteFrame(idle.conn, ws.MaskFrameInPlace(ws.NewPingFrame([]byte("x")))))
	idle.quiet(1400 * time.Millisecond)
	idle.send(`{"method":"PING"}`)
	assert.Zero(t, idle.closeCode(5*time.Second))
	assert.Less(t, time.Since(began), 3300*time.Millisecond, "pings do not keep a client without a subscription")
	assert.Zero(t, subscribed.closeCode(5*time.Second))
	assert.GreaterOrEqual(t, time.Since(began), 4390*time.Millisecond)
	assert.Equal(t, uint64(2), s.Stats().IdleCloses)
	assert.Equal(t, uint64(1), s.Stats().ProtocolPings)
}

// mexcWitness follows every stream of one pair and checks them against each other.
type mexcWitness struct {
	t        *testing.T
	book     textBook
	quoteID  uint64
	quote    string
	lastTo   uint64
	lastID   uint64
	counts   map[string]int
	repeats  int
	compared int
	trades   int
}

func (w *mexcWitness) see(m message) {
	t := w.t
	channel := m.one(t, 1)
	w.counts[channel]++
	require.InDelta(t, time.Now().UnixMilli(), m.id(t, 6), 60_000) // a busy machine reads late
	switch {
	case strings.HasPrefix(channel, mexcBookTicker):
		require.Equal(t, "BTCUSDT", m.one(t, 3))
		b := readMessage(t, []byte(m.one(t, bodyBookTicker)))
		require.GreaterOrEqual(t, b.id(t, 5), w.quoteID)
		quote := fmt.Sprint(b[1], b[2], b[3], b[4])
		if quote == w.quote {
			w.repeats++
		}
		w.quote, w.quoteID = quote, b.id(t, 5)
	case strings.HasPrefix(channel, mexcBatch):
		b := readMessage(t, []byte(m.one(t, bodyBatch)))
		item := readMessage(t, []byte(b.one(t, 1)))
		require.Len(t, item, 4)
		require.Positive(t, b.id(t, 2))
		require.Positive(t, b.id(t, 3))
	case strings.HasPrefix(channel, mexcDeals):
		w.seeDeals(m)
	case strings.HasPrefix(channel, mexcDepth):
		w.seeDepth(readMessage(t, []byte(m.one(t, bodyDepth))))
	case strings.HasPrefix(channel, mexcTop):
		w.seeTop(readMessage(t, []byte(m.one(t, bodyTop))))
	}
}

func (w *mexcWitness) seeDeals(m message) {
	t := w.t
	if len(m[bodyDeals]) == 0 {
		require.Len(t, m, 3, "a window without a trade has no body")
		return
	}
	b := readMessage(t, []byte(m.one(t, bodyDeals)))
	require.Equal(t, mexcDeals+"@10ms", b.one(t, 2))
	for _, item := range b[1] {
		deal := readMessage(t, []byte(item))
		require.Contains(t, []string{"1", "2"}, deal.one(t, 3))
		first, _, ok := strings.Cut(deal.one(t, 5), "X0_")
		require.True(t, ok)
		id, err := strconv.ParseUint(first, 10, 64)
		require.NoError(t, err)
		if w.lastID != 0 {
			require.Equal(t, w.lastID+2, id, "no trade is left out")
		}
		w.lastID = id
		w.trades++
	}
}

// seeDepth: ranges chain without a gap.
func (w *mexcWitness) seeDepth(b message) {
	t := w.t
	from, to := b.id(t, 4), b.id(t, 5)
	require.LessOrEqual(t, from, to)
	if w.lastTo != 0 {
		require.Equal(t, w.lastTo+1, from, "ranges are contiguous")
	}
	w.lastTo = to
	if w.book.bids != nil && to > w.book.id {
		require.LessOrEqual(t, from, w.book.id+1)
		w.book.apply(to, b.levels(t, 2), b.levels(t, 1))
	}
}

// seeTop: a snapshot of the book the diffs make.
func (w *mexcWitness) seeTop(b message) {
	t := w.t
	require.Equal(t, mexcTop, b.one(t, 3))
	bids, asks := b.levels(t, 2), b.levels(t, 1)
	require.Len(t, bids, 20)
	require.Regexp(t, `^\d+\.\d$`, bids[0][0], "numbers are padded")
	require.Regexp(t, `^\d+\.\d{6}$`, bids[0][1])
	if w.book.bids == nil || b.id(t, 4) != w.book.id {
		return
	}
	require.Equal(t, numbers(bids), numbers(best(w.book.bids, 20, -1)))
	require.Equal(t, numbers(asks), numbers(best(w.book.asks, 20, 1)))
	w.compared++
}

func numbers(levels [][2]string) (out []string) {
	for _, l := range levels {
		out = append(out, number(l[0]).String()+" "+number(l[1]).String())
	}
	return out
}

// Every stream of a pair tells the same story; most quotes are repeats; a book
// from REST and the diffs is the server's.
func TestMEXCMarketIsConsistent(t *testing.T) {
	t.Parallel()
	s := startMEXC(t, Config{Settle: 100 * time.Millisecond, Seed: 7, Rate: 500, Symbols: 20})
	c := dial(t, s)
	w := &mexcWitness{t: t, counts: map[string]int{}}
	c.want(quoteStream, dealsStream, depthStream, mexcTop+"@BTCUSDT@20", mexcBatch+"@BTCUSDT")
	for w.lastTo == 0 {
		w.see(c.push())
	}
	status, body := get(t, s, "/api/v3/depth?symbol=BTCUSDT&limit=1000")
	require.Equal(t, 200, status)
	var rest struct {
		LastUpdateID uint64
		Bids, Asks   [][2]string
	}
	require.NoError(t, json.Unmarshal([]byte(body), &rest))
	w.book.replace(rest.LastUpdateID, trimmed(rest.Bids), trimmed(rest.Asks))
	for deadline := time.Now().Add(10 * time.Second); w.compared < 6 || w.trades < 20 || w.counts[quoteStream] < 100; {
		require.True(t, time.Now().Before(deadline), "compared %d, trades %d, %v", w.compared, w.trades, w.counts)
		w.see(c.push())
	}
	assert.Len(t, w.counts, 5)
	assert.Greater(t, w.repeats, w.counts[quoteStream]/2, "most quotes are repeats")
	assert.GreaterOrEqual(t, s.Stats().Repeats, uint64(w.repeats)/2)

	c.method("UNSUBSCRIPTION", quoteStream, dealsStream, mexcTop+"@BTCUSDT@20", mexcBatch+"@BTCUSDT")
	for {
		h, payload, err := c.frame(5 * time.Second)
		require.NoError(t, err)
		if h.OpCode == ws.OpText {
			break // the answer: nothing but diffs comes after it
		}
		w.see(readMessage(t, payload))
	}
	for _, st := range s.Truth().Connections[0].Streams {
		switch st.Name {
		case dealsStream:
			assert.Equal(t, [2]uint64{uint64(w.trades), w.lastID}, [2]uint64{st.Items, st.LastSequence})
		case quoteStream:
			assert.Equal(t, [2]uint64{uint64(w.counts[quoteStream]), w.quoteID}, [2]uint64{st.Frames, st.LastSequence})
		}
	}
	for {
		id, bids, asks := s.Book("BTCUSDT")
		for w.book.id < id {
			w.see(c.push())
		}
		if w.book.id == id {
			require.Equal(t, numbers(bids), numbers(best(w.book.bids, 10_000, -1)))
			require.Equal(t, numbers(asks), numbers(best(w.book.asks, 10_000, 1)))
			return
		}
	}
}

// trimmed takes the zeros at the end off padded numbers.
func trimmed(levels [][2]string) [][2]string {
	for i := range levels {
		for j, n := range levels[i] {
			if strings.Contains(n, ".") {
				levels[i][j] = strings.TrimSuffix(strings.TrimRight(n, "0"), ".")
			}
		}
	}
	return levels
}

// Tickers and candles have the fields of the schema; the ticker of all pairs has
// all pairs and no symbol.
func TestMEXCTickersAndCandles(t *testing.T) {
	t.Parallel()
	s := startMEXC(t, Config{Settle: time.Millisecond, Rate: 200, Symbols: 5})
	c := dial(t, s)
	c.want(mexcMiniTicker+"@BTCUSDT@UTC+8", mexcMiniTickers+"@24H", mexcKline+"@ETHUSDT@Min1")
	seen := map[string]message{}
	for len(seen) < 3 {
		m := c.push()
		seen[m.one(t, 1)] = m
	}
	ticker := readMessage(t, []byte(seen[mexcMiniTicker+"@BTCUSDT@UTC+8"].one(t, bodyMiniTicker)))
	assert.Equal(t, "BTCUSDT", ticker.one(t, 1))
	assert.Len(t, ticker, 12)
	volume, quantity := number(ticker.one(t, 7)), number(ticker.one(t, 8))
	assert.Positive(t, volume.Cmp(quantity), "volume is in the quote asset")

	all := seen[mexcMiniTickers+"@24H"]
	assert.Empty(t, all[3])
	assert.Len(t, readMessage(t, []byte(all.one(t, bodyMiniTickers)))[1], 5)

	bar := seen[mexcKline+"@ETHUSDT@Min1"]
	assert.Empty(t, bar[6])
	assert.Len(t, bar.one(t, 4), 32)
	kline := readMessage(t, []byte(bar.one(t, bodyKline)))
	assert.Equal(t, "Min1", kline.one(t, 1))
	assert.Equal(t, kline.id(t, 2)+60, kline.id(t, 9))
}

// realFrames were published from the live venue in 2026.
var realFrames = map[string]string{
	"quote": "CjRzcG90QHB1YmxpYy5hZ2dyZS5ib29rVGlja2VyLnYzLmFwaS5wYkAxMDBtc0BCVENVU0RUGgdCVENVU0RUMLq2z6iNNNoTOwoFODQyNzASCDAuMDA2Mzg3Ggg4NDI3MC4wMSIKNS40MjE2OTk2OSoLODIxNjQxNTM0MzYwl5/PqI00",
	"deals": "Ci9zcG90QHB1YmxpYy5hZ2dyZS5kZWFscy52My5hcGkucGJAMTAwbXNAQlRDVVNEVBoHQlRDVVNEVDCqzM+ojTTSE7sBCkcKBTg0MjcwEgowLjAwMDk5ODI5GAIg4MvPqI00Kik3MzE5MDE4OTY5ODUzOTkyOTZYMF83MzE5MDE4OTY5ODUzOTkyOTdYMApHCgU4NDI3MBIKMC4wMDAxOTE2ORgBIOHLz6iNNCopNzMxOTAxODk2OTg1Mzk5Mjk4WDBfNzMxOTAxODk2OTg1Mzk5Mjk5WDASJ3Nwb3RAcHVibGljLmFnZ3JlLmRlYWxzLnYzLmFwaS5wYkAxMDBtcw==",
	"top":   "CitzcG90QHB1YmxpYy5saW1pdC5kZXB0aC52My5hcGkucGJAQlRDVVNEVEA1GgdCVENVU0RUMJPUz6iNNPoSpwIKFgoIODQyNzAuMDESCjUuNDIxNjk5NjkKFgoIODQyNzAuMDISCjAuMDAxMTc2NDYKFgoIODQyNzAuMDMSCjAuMDAxMjQzOTcKFgoIODQyNzAuMDUSCjAuMDAxMjIyODQKFgoIODQyNzAuMjYSCjAuMDAxMDg5NDcSFgoIODQyNzAuMDASCjAuMDA2Mzg3MDASFgoIODQyNjcuMDMSCjAuMDAyMzQ4MDASFgoIODQyNjQuMTUSCjAuMDQ3ODk1MDYSFgoIODQyNjMuNDUSCjAuMDQ3ODk1MDYSFgoIODQyNjMuNDASCjIuMDc4NTMxMDAaIXNwb3RAcHVibGljLmxpbWl0LmRlcHRoLnYzLmFwaS5wYiILODIxNjQxNTU2NDMoh9TPqI00",
	"kline": "CihzcG90QHB1YmxpYy5rbGluZS52My5hcGkucGJAQlRDVVNEVEBNaW4xGgdCVENVU0RUIiAyZmI5NDIxNTRlZjQ0YTRhYjJlZjk4YzhhZmI2YTRhNyjw4c+ojTSiE0sKBE1pbjEQ8IvW1QYaCDg0MzAwLjE0IgU4NDI3MCoIODQzMDAuMTUyBTg0MjcwOgoyLjg0MDQ0MjAzQgkyMzkzOTMuNjlIrIzW1QY=",
}

func realFrame(t *testing.T, name string) []byte {
	b, err := base64.StdEncoding.DecodeString(realFrames[name])
	require.NoError(t, err)
	return b
}

// The encoder gives the bytes of frames published from the live venue.
func TestMEXCEncoderMatchesRealFrames(t *testing.T) {
	p := &pair{pairSpec: pairSpec{name: "BTCUSDT", priceDecimals: 2, amountDecimals: 8}}
	p.bids = ladder{sign: -1, levels: []level{{8427000, 638700}, {8426703, 234800}, {8426415, 4789506}, {8426345, 4789506}, {8426340, 207853100}}}
	p.asks = ladder{sign: 1, levels: []level{{8427001, 542169969}, {8427002, 117646}, {8427003, 124397}, {8427005, 122284}, {8427026, 108947}}}
	open := func(name string) *stream {
		k, ok := parseMEXCName(name)
		require.True(t, ok)
		require.Equal(t, name, mexcName(k))
		return &stream{key: k, name: name, spec: mexcSpec(k), pair: p}
	}
	times := func(name string, body, changed int) moment {
		m := readMessage(t, realFrame(t, name))
		b := readMessage(t, []byte(m.one(t, body)))
		return moment{nowMS: int64(m.id(t, 6)), changedMS: int64(b.id(t, changed))}
	}

	p.id = 82164153436
	assert.Equal(t, realFrame(t, "quote"), mexcFormat{}.quote(nil, open(mexcBookTicker+"@100ms@BTCUSDT"), times("quote", bodyBookTicker, 6)))
	p.id = 82164155643
	assert.Equal(t, realFrame(t, "top"), mexcFormat{}.top(nil, open(mexcTop+"@BTCUSDT@5"), p.bids.levels, p.asks.levels, times("top", bodyTop, 5)))

	deals := readMessage(t, realFrame(t, "deals"))
	first := readMessage(t, []byte(readMessage(t, []byte(deals.one(t, bodyDeals)))[1][0]))
	at := int64(first.id(t, 4)) * 1e6
	ids := uint64(731901896985399296-700_000_000_000_000_000) / 2
	ts := []trade{{ids, false, 8427000, 99829, at}, {ids + 1, true, 8427000, 19169, at + 1e6}}
	assert.Equal(t, realFrame(t, "deals"), mexcFormat{}.trades(nil, open(mexcDeals+"@100ms@BTCUSDT"), ts, moment{nowMS: int64(deals.id(t, 6))}))

	kline := readMessage(t, realFrame(t, "kline"))
	st := open(mexcKline + "@BTCUSDT@Min1")
	st.candle = candle{int64(readMessage(t, []byte(kline.one(t, bodyKline))).id(t, 2)), 8430014, 8430015, 8427000, 8427000, 284044203, 23939369 * 1e8}
	got := mexcFormat{}.candle(nil, st, false, moment{nowMS: int64(kline.id(t, 5))})
	assert.Equal(t, realFrame(t, "kline"), bytes.Replace(got, []byte(symbolID(p)), []byte(kline.one(t, 4)), 1))
}

// REST answers in the venue's shape: metadata with the decimals of the market,
// padded books, refusals.
func TestMEXCREST(t *testing.T) {
	s := startMEXC(t, Config{Symbols: 30, Faults: Faults{HaltPairs: []string{"ETHUSDT"}}})
	_, body := get(t, s, "/api/v3/time")
	assert.Regexp(t, `^\{"serverTime":\d{13}\}$`, body)
	var info struct {
		Symbols []struct {
			Symbol, Status, BaseAsset, QuoteAsset string
			QuotePrecision, BaseAssetPrecision    int
			IsSpotTradingAllowed                  bool
		}
	}
	_, body = get(t, s, "/api/v3/exchangeInfo")
	require.NoError(t, json.Unmarshal([]byte(body), &info))
	require.Len(t, info.Symbols, 30)
	for _, p := range info.Symbols {
		require.Equal(t, p.Symbol, p.BaseAsset+p.QuoteAsset)
		require.True(t, p.IsSpotTradingAllowed)
		require.Equal(t, map[bool]string{true: "2", false: "1"}[p.Symbol == "ETHUSDT"], p.Status)
		_, bids, _ := s.Book(p.Symbol)
		for _, l := range bids {
			require.LessOrEqual(t, decimalsOf(l[0]), p.QuotePrecision)
			require.LessOrEqual(t, decimalsOf(l[1]), p.BaseAssetPrecision)
		}
	}
	_, body = get(t, s, "/api/v3/exchangeInfo?symbols=ETHUSDT,NEOBTC")
	require.NoError(t, json.Unmarshal([]byte(body), &info))
	require.Len(t, info.Symbols, 2)
	assert.Equal(t, "BTC", info.Symbols[1].QuoteAsset)

	_, body = get(t, s, "/api/v3/depth?symbol=BTCUSDT")
	assert.Equal(t, "lastUpdateId bids asks timestamp", keysOf(t, []byte(body)))
	assert.Equal(t, 200, strings.Count(body, `["`), "100 levels a side are the default")
	for path, want := range map[string]int{
		"/api/v3/depth?symbol=NOPE": 400, "/api/v3/depth?symbol=BTCUSDT&limit=5001": 400, "/api/v3/depth": 400,
		"/api/v3/exchangeInfo?symbol=NOPE": 400, "/api/v3/nothing": 404, "/nothing": 404, "/api/v3/ping": 200,
	} {
		status, _ := get(t, s, path)
		assert.Equal(t, want, status, path)
	}
}

// mexcCapture writes a capture: a row of text that begins with ">" was sent, one
// that begins with "GET " is a REST answer, another text was received; anything
// else is a binary frame.
func mexcCapture(t *testing.T, rows ...any) string {
	t.Helper()
	var b bytes.Buffer
	for _, row := range rows {
		r := map[string]any{"t": nil, "conn": 1, "dir": "in", "op": "text"}
		switch row := row.(type) {
		case []byte:
			r["op"], r["b64"] = "bin", base64.StdEncoding.EncodeToString(row)
		case string:
			r["data"] = row
			if out, ok := strings.CutPrefix(row, ">"); ok {
				r["dir"], r["data"] = "out", out
			}
			if get, ok := strings.CutPrefix(row, "GET "); ok {
				r["op"] = "rest"
				r["url"], r["data"], _ = strings.Cut(get, " ")
			}
		}
		line, err := json.Marshal(r)
		require.NoError(t, err)
		b.Write(append(line, '\n'))
	}
	path := filepath.Join(t.TempDir(), "c.jsonl")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// A capture is sent byte for byte by the channel its frames name; answers are not
// resent; what names no channel goes to everybody; REST serves what was recorded
// and makes the rest.
func TestMEXCCapture(t *testing.T) {
	quote, deals, top, kline := realFrame(t, "quote"), realFrame(t, "deals"), realFrame(t, "top"), realFrame(t, "kline")
	cut, noise := deals[:100], []byte{0xff, 0xff}
	path := mexcCapture(t,
		`>{"method":"SUBSCRIPTION","params":["`+mexcDeals+`@10ms@XENUSDT"]}`,
		`{"id":0,"code":0,"msg":"PONG"}`,
		quote, top, deals, kline, cut, noise, quote,
		"GET https://api.mexc.com/api/v3/depth?symbol=BTCUSDT&limit=1000 {\"lastUpdateId\":1}",
	)
	for name, test := range map[string]struct {
		streams []string
		want    [][]byte
	}{
		"quotes":          {[]string{mexcBookTicker + "@100ms@BTCUSDT"}, [][]byte{quote, noise, quote}},
		"another rate":    {[]string{mexcBookTicker + "@10ms@BTCUSDT"}, [][]byte{noise}},
		"deals and top":   {[]string{mexcDeals + "@100ms@BTCUSDT", mexcTop + "@BTCUSDT@5"}, [][]byte{top, deals, cut, noise}},
		"candles":         {[]string{mexcKline + "@BTCUSDT@Min1"}, [][]byte{kline, noise}},
		"only asked for":  {[]string{mexcDeals + "@100ms@XENUSDT"}, [][]byte{noise}},
		"all pairs' ones": {[]string{mexcMiniTickers + "@24H"}, [][]byte{noise}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startMEXC(t, Config{Capture: path, Settle: 10 * time.Millisecond, Once: true})
			c := dial(t, s)
			c.want(test.streams...)
			for _, want := range test.want {
				h, got, err := c.frame(5 * time.Second)
				require.NoError(t, err)
				require.Equal(t, ws.OpBinary, h.OpCode)
				require.Equal(t, want, got)
			}
			assert.Equal(t, ws.StatusNormalClosure, c.closeCode(5*time.Second))
		})
	}
	s := startMEXC(t, Config{Capture: path})
	_, body := get(t, s, "/api/v3/depth?symbol=BTCUSDT&limit=1000")
	assert.Equal(t, `{"lastUpdateId":1}`, body)
	_, body = get(t, s, "/api/v3/exchangeInfo?symbol=BTCUSDT")
	assert.Contains(t, body, `"baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":2,`)
	_, body = get(t, s, "/api/v3/exchangeInfo?symbol=XENUSDT")
	assert.Contains(t, body, `"baseAsset":"XEN"`)
	status, _ := get(t, s, "/api/v3/depth?symbol=XENUSDT")
	assert.Equal(t, 503, status)
	c := dial(t, s)
	c.method("SUBSCRIPTION", mexcDeals+"@100ms@ADAUSDT")
	assert.Contains(t, c.answer(), "Blocked!")
}

// The smaller captures of the shared material load, and every frame of them has a stream.
func TestMEXCSharedCaptures(t *testing.T) {
	base := os.Getenv("TICKRING_SHARED")
	if base == "" {
		base = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(base, "captures", "mexc", "*.jsonl.zst"))
	require.NoError(t, err)
	if len(files) == 0 {
		line := "skipped: no shared captures under " + base + " (set TICKRING_SHARED)"
		fmt.Println(line)
		t.Skip(line)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() > 1<<20 {
			continue // the conformance run reads the large ones
		}
		c, err := loadCapture(file, routeMEXC)
		require.NoError(t, err)
		for _, r := range c.routes {
			require.True(t, r.named(), "%s: %v", file, r)
		}
	}
}

// A recorded exchangeInfo is served by its elements.
func TestMEXCCaptureRecordedInfo(t *testing.T) {
	info := `{"symbols":[{"symbol":"ADAUSDT","quotePrecision":4},{"symbol":"BTCUSDT","quotePrecision":2}]}`
	s := startMEXC(t, Config{Capture: mexcCapture(t, realFrame(t, "quote"), "GET https://x/api/v3/exchangeInfo "+info)})
	_, body := get(t, s, "/api/v3/exchangeInfo")
	assert.Contains(t, body, `"symbols":[{"symbol":"ADAUSDT","quotePrecision":4},{"symbol":"BTCUSDT","quotePrecision":2}]`)
}

// The same seed gives the same market whatever the client's transport.
func TestMEXCSeedRepeatsTheQuotes(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, tls bool) (quotes []string) {
		c := dial(t, startMEXC(t, Config{Settle: 20 * time.Millisecond, Seed: seed, Rate: 2000, Symbols: 5, TLS: tls}))
		c.want(quoteStream, dealsStream)
		for range 80 {
			m := c.push()
			for _, body := range slices.Concat(m[bodyBookTicker], m[bodyDeals]) {
				b := readMessage(t, []byte(body))
				if len(m[bodyDeals]) > 0 {
					quotes = append(quotes, fmt.Sprint(len(b[1])))
				} else {
					quotes = append(quotes, fmt.Sprint(b[1], b[2], b[3], b[4], b[5]))
				}
			}
		}
		return quotes
	}
	first := run(1, false)
	assert.Equal(t, first, run(1, true))
	assert.NotEqual(t, first, run(2, false))
}

// The reader of fields gives the same as the standard library on real frames, and
// ends on damage.
func TestFields(t *testing.T) {
	for name := range realFrames {
		got := message{}
		ok := fields(realFrame(t, name), func(f field) {
			value := string(f.content)
			if f.wire == wireVarint {
				value = strconv.FormatUint(f.value, 10)
			}
			got[int(f.number)] = append(got[int(f.number)], value)
		})
		assert.True(t, ok)
		assert.Equal(t, readMessage(t, realFrame(t, name)), got)
		frame := realFrame(t, name)
		for end := range frame {
			fields(frame[:end], func(field) {})
		}
	}
	for name, damaged := range map[string][]byte{
		"a length past the end":    {0x0a, 5, 'x'},
		"a wire type that is none": {0x0b},
		"a varint without an end":  {0x30, 0xff, 0xff},
		"a tag without an end":     {0xff},
		"eight bytes that are not": {0x09, 1},
	} {
		assert.False(t, fields(damaged, func(field) {}), name)
	}
	assert.True(t, fields([]byte{0x0d, 1, 2, 3, 4, 0x09, 1, 2, 3, 4, 5, 6, 7, 8}, func(field) {}))
}
