package sim

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// push is any frame of the venue, read exactly.
type push struct {
	Time    int64  `json:"time"`
	TimeMS  int64  `json:"time_ms"`
	Channel string `json:"channel"`
	Event   string `json:"event"`
	Result  result `json:"result"`
}

type result struct {
	T        int64           `json:"t"`
	Full     bool            `json:"full"`
	S        string          `json:"s"`
	First    uint64          `json:"U"`
	Last     uint64          `json:"u"`
	TopID    uint64          `json:"lastUpdateId"`
	Level    string          `json:"l"`
	B        json.RawMessage `json:"b"`
	A        json.RawMessage `json:"a"`
	BigB     string          `json:"B"`
	BigA     string          `json:"A"`
	Bids     [][2]string     `json:"bids"`
	Asks     [][2]string     `json:"asks"`
	ID       uint64          `json:"id"`
	IDMarket uint64          `json:"id_market"`
	Created  string          `json:"create_time_ms"`
	Pair     string          `json:"currency_pair"`
	Range    string          `json:"range"`
	LastPx   string          `json:"last"`
	HighBid  string          `json:"highest_bid"`
	LowAsk   string          `json:"lowest_ask"`
}

func (r *result) levels(t *testing.T, raw json.RawMessage) (l [][2]string) {
	if len(raw) > 0 {
		require.NoError(t, json.Unmarshal(raw, &l))
	}
	return l
}

// textBook is a book a client keeps from the text of frames.
type textBook struct {
	id         uint64
	bids, asks map[string]string
}

func (b *textBook) replace(id uint64, bids, asks [][2]string) {
	b.id, b.bids, b.asks = id, map[string]string{}, map[string]string{}
	b.apply(id, bids, asks)
}

func (b *textBook) apply(id uint64, bids, asks [][2]string) {
	b.id = id
	for side, levels := range map[*map[string]string][][2]string{&b.bids: bids, &b.asks: asks} {
		for _, l := range levels {
			if l[1] == "0" {
				delete(*side, l[0])
			} else {
				(*side)[l[0]] = l[1]
			}
		}
	}
}

// best sorts a side exactly and gives its best n levels.
func best(side map[string]string, n int, sign int) [][2]string {
	levels := make([][2]string, 0, len(side))
	for price, amount := range side {
		levels = append(levels, [2]string{price, amount})
	}
	slices.SortFunc(levels, func(a, b [2]string) int { return sign * number(a[0]).Cmp(number(b[0])) })
	return levels[:min(n, len(levels))]
}

func number(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("not a number: " + s)
	}
	return r
}

// witness follows every channel of one pair and checks them against each other.
type witness struct {
	t        *testing.T
	quote    result
	obu      map[string]*textBook
	diff     map[string]*textBook // by depth of the stream
	lastID   uint64               // trade
	tops     map[uint64]result    // 100 levels, by id
	counts   map[string]int
	empty    int
	compared int
}

func newWitness(t *testing.T) *witness {
	return &witness{t: t, obu: map[string]*textBook{}, diff: map[string]*textBook{}, tops: map[uint64]result{}, counts: map[string]int{}}
}

func (w *witness) see(p push) {
	w.counts[p.Channel]++
	r := p.Result
	switch p.Channel {
	case chBookTicker:
		require.Greater(w.t, r.Last, w.quote.Last)
		require.False(w.t, string(r.B) == string(w.quote.B) && string(r.A) == string(w.quote.A) && r.BigA == w.quote.BigA && r.BigB == w.quote.BigB, "a quote is not repeated")
		w.quote = r
	case chTrades:
		if w.lastID != 0 {
			require.Equal(w.t, w.lastID+1, r.ID)
		}
		w.lastID = r.ID
		require.Equal(w.t, r.ID, r.IDMarket)
		require.Equal(w.t, fmt.Sprintf("%d-%d", r.ID, r.ID), r.Range)
		require.Regexp(w.t, `^\d{13}\.\d{3}000$`, r.Created)
	case chTop:
		w.seeTop(r)
	case chOBU:
		w.seeOBU(r)
	case chDiffs:
		w.seeDiffs(r)
	}
}

// seeTop: the best level is the quote of the last book ticker.
func (w *witness) seeTop(r result) {
	require.True(w.t, slices.IsSortedFunc(r.Bids, func(a, b [2]string) int { return number(b[0]).Cmp(number(a[0])) }))
	require.True(w.t, slices.IsSortedFunc(r.Asks, func(a, b [2]string) int { return number(a[0]).Cmp(number(b[0])) }))
	require.Negative(w.t, number(r.Bids[0][0]).Cmp(number(r.Asks[0][0])), "the book is crossed")
	if w.quote.Last != 0 {
		require.GreaterOrEqual(w.t, r.TopID, w.quote.Last)
		require.Equal(w.t, string(w.quote.B), `"`+r.Bids[0][0]+`"`)
		require.Equal(w.t, string(w.quote.A), `"`+r.Asks[0][0]+`"`)
		require.Equal(w.t, w.quote.BigB, r.Bids[0][1])
		require.Equal(w.t, w.quote.BigA, r.Asks[0][1])
	}
	if r.Level != "100" {
		return
	}
	w.tops[r.TopID] = r
	for name, b := range w.obu {
		if b.id == r.TopID {
			n := min(100, len(b.bids))
			require.Equal(w.t, r.Bids[:n], best(b.bids, n, -1), name)
			require.Equal(w.t, r.Asks[:n], best(b.asks, n, 1), name)
			w.compared++
		}
	}
}

// seeOBU: a snapshot, then diffs without a gap; the book is the one of the other
// channels.
func (w *witness) seeOBU(r result) {
	b := w.obu[r.S]
	bids, asks := r.levels(w.t, r.B), r.levels(w.t, r.A)
	if b == nil {
		require.True(w.t, r.Full, "a stream begins with a snapshot")
		require.Zero(w.t, r.First)
		b = &textBook{}
		b.replace(r.Last, bids, asks)
		w.obu[r.S] = b
		return
	}
	require.False(w.t, r.Full)
	require.Equal(w.t, b.id+1, r.First, "diffs chain")
	require.GreaterOrEqual(w.t, r.Last, r.First)
	if len(bids)+len(asks) == 0 {
		require.Empty(w.t, r.B)
		w.empty++
	}
	b.apply(r.Last, bids, asks)
	depth := 400
	if strings.HasSuffix(r.S, ".50") {
		depth = 50
	}
	require.Len(w.t, b.bids, depth, "levels out of the window are deleted")
	require.Len(w.t, b.asks, depth)
}

// seeDiffs: the chain has no gap; the book from REST and diffs is the one of the
// other channels.
func (w *witness) seeDiffs(r result) {
	b := w.diff["100"]
	if b == nil {
		b = &textBook{id: r.First - 1}
		w.diff["100"] = b
	}
	require.Equal(w.t, b.id+1, r.First, "diffs chain")
	if b.bids == nil {
		b.id = r.Last
		return
	}
	b.apply(r.Last, r.levels(w.t, r.B), r.levels(w.t, r.A))
	if top, ok := w.tops[b.id]; ok {
		require.Equal(w.t, top.Bids, best(b.bids, 200, -1), "no level but the best")
		require.Equal(w.t, top.Asks, best(b.asks, 200, 1), "no level but the best")
		w.compared++
	}
}

// Every channel of a pair tells the same story.
func TestMarketIsConsistent(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Settle: 700 * time.Millisecond, Seed: 7, Rate: 600, Symbols: 20})
	c := dial(t, s)
	pairs := []string{"BTC_USDT", "SHIB_USDT"}
	c.subscribe(chBookTicker, pairs...)
	c.subscribe(chTrades, pairs...)
	c.subscribe(chTickers, pairs...)
	witnesses := map[string]*witness{}
	for _, p := range pairs {
		c.subscribe(chTop, p, "100", "100ms")
		c.subscribe(chTop, p, "5", "100ms")
		c.subscribe(chDiffs, p, "100ms")
		c.subscribe(chOBU, "ob."+p+".50")
		c.subscribe(chOBU, "ob."+p+".400")
		witnesses[p] = newWitness(t)
	}
	// Enough is every channel of every pair, compared several times.
	enough := func() bool {
		for _, w := range witnesses {
			if len(w.counts) < 6 || w.compared < 6 || w.empty == 0 {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(10 * time.Second); !enough() && time.Now().Before(deadline); {
		var p push
		frame := c.next()
		require.NoError(t, json.Unmarshal(frame, &p), "%s", frame)
		name := p.Result.Pair
		if name == "" {
			name = p.Result.S
		}
		if pair, _, ok := cutOBU(name); ok {
			name = pair
		}
		require.Equal(t, "update", p.Event)
		require.InDelta(t, time.Now().UnixMilli(), p.TimeMS, 60_000) // a busy machine reads late
		w := witnesses[name]
		require.NotNil(t, w, "%s", frame)
		w.see(p)
	}
	for pair, w := range witnesses {
		for _, ch := range []string{chBookTicker, chTrades, chTickers, chTop, chDiffs, chOBU} {
			assert.NotZero(t, w.counts[ch], "%s %s", pair, ch)
		}
		assert.Greater(t, w.compared, 5, pair)
		assert.Greater(t, w.empty, 0, "%s: diffs that only move the id", pair)
		assert.Less(t, w.empty, w.counts[chOBU]*2/3, pair)
	}
	total, stats := uint64(0), s.Stats()
	for _, n := range stats.Frames {
		total += n
	}
	assert.Equal(t, total, stats.FramesTotal)
}

// A book from a REST answer and the 100 ms diffs agrees with the snapshots and, in
// the end, with Server.Book.
func TestBookFromRESTAndDiffs(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Settle: 700 * time.Millisecond, Rate: 400, Symbols: 3})
	c := dial(t, s)
	c.subscribe(chDiffs, "ETH_USDT", "100ms")
	c.subscribe(chTop, "ETH_USDT", "100", "100ms")
	w := newWitness(t)
	see := func() {
		var p push
		require.NoError(t, json.Unmarshal(c.next(), &p))
		w.see(p)
	}
	see()
	see()
	_, body := get(t, s, "/spot/order_book?currency_pair=ETH_USDT&limit=100&with_id=true")
	assert.Equal(t, "id current update asks bids", keysOf(t, []byte(body)))
	var rest struct {
		ID         uint64
		Asks, Bids [][2]string
	}
	require.NoError(t, json.Unmarshal([]byte(body), &rest))
	require.Len(t, rest.Bids, 100)
	for w.diff["100"] == nil || w.diff["100"].id < rest.ID {
		var p push
		require.NoError(t, json.Unmarshal(c.next(), &p))
		if p.Channel == chDiffs && p.Result.Last >= rest.ID {
			require.LessOrEqual(t, p.Result.First, rest.ID+1)
			w.diff["100"] = &textBook{}
			w.diff["100"].replace(rest.ID, rest.Bids, rest.Asks)
			w.diff["100"].apply(p.Result.Last, p.Result.levels(t, p.Result.B), p.Result.levels(t, p.Result.A))
		} else {
			w.see(p)
		}
	}
	for w.compared < 5 {
		see()
	}
	id, bids, asks := s.Book("ETH_USDT")
	assert.GreaterOrEqual(t, id, w.diff["100"].id)
	assert.GreaterOrEqual(t, len(bids), 400)
	assert.GreaterOrEqual(t, len(asks), 400)
	id, _, _ = s.Book("NOPE_USDT")
	assert.Zero(t, id)
}

// withoutTimes takes out of a frame what may differ between two runs.
func withoutTimes(frame []byte) string {
	return times.ReplaceAllString(string(frame), "$1:0")
}

var times = regexp.MustCompile(`("(?:time|time_ms|t|E|create_time|create_time_ms)"):"?[0-9.]+"?`)

// The same seed gives the same frames but for times, another seed gives others.
func TestSeedRepeatsTheFrames(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, tls bool) (frames []string) {
		s := start(t, Config{Settle: 700 * time.Millisecond, Seed: seed, Rate: 10_000, Symbols: 10, TLS: tls})
		c := dial(t, s)
		c.subscribe(chBookTicker, "BTC_USDT", "ETH_USDT", "ADA_USDT")
		c.subscribe(chTrades, "BTC_USDT", "ADA_USDT")
		c.subscribe(chTickers, "BTC_USDT")
		c.subscribe(chDiffs, "BTC_USDT", "20ms")
		c.subscribe(chTop, "ADA_USDT", "10", "100ms")
		c.subscribe(chOBU, "ob.BTC_USDT.50", "ob.ADA_USDT.400")
		for range 1500 {
			frames = append(frames, withoutTimes(c.next()))
		}
		return frames
	}
	first := run(1, false)
	assert.Equal(t, first, run(1, true))
	assert.NotEqual(t, first, run(2, false))
}

// The keys of a frame stand in the order of the frames published from the live
// venue.
func TestFramesKeepTheKeyOrder(t *testing.T) {
	for _, test := range []struct{ channel, payload, want string }{
		{chBookTicker, "BTC_USDT", "time time_ms channel event result{t u s b B a A}"},
		{chTrades, "BTC_USDT", "time time_ms channel event result{id id_market create_time create_time_ms side currency_pair amount price range stock money trade_mode}"},
		{chTradesV2, "BTC_USDT", "time time_ms channel event result{id id_market create_time create_time_ms side currency_pair amount price range stock money trade_mode}"},
		{chTickers, "BTC_USDT", "time time_ms channel event result{currency_pair last lowest_ask highest_bid change_percentage base_volume quote_volume high_24h low_24h}"},
		{chTop, "BTC_USDT 10 100ms", "time time_ms channel event result{t lastUpdateId s l bids asks}"},
		{chDiffs, "BTC_USDT 20ms", "time time_ms channel event result{t e E s U u b a}"},
		{chOBU, "ob.BTC_USDT.400", "channel result{t full s u b a} time_ms event"},
		{chCandles, "10s BTC_USDT", "time time_ms channel event result{t v c h l o n a w}"},
	} {
		t.Run(test.channel, func(t *testing.T) {
			t.Parallel()
			c := dial(t, start(t, Config{Settle: time.Millisecond, Symbols: 1, Rate: 100}))
			c.subscribe(test.channel, strings.Fields(test.payload)...)
			frame := c.next()
			assert.Equal(t, test.want, keysOf(t, frame))
			assert.NotContains(t, string(frame), " ")
			if test.channel == chOBU {
				assert.Contains(t, []string{
					"channel result{t s u U} time_ms event", "channel result{t s u U b} time_ms event",
					"channel result{t s u U a} time_ms event", "channel result{t s u U b a} time_ms event",
				}, keysOf(t, c.next()))
			}
		})
	}
}

// Frames come at the rate asked for, whatever the mix of channels.
func TestRate(t *testing.T) {
	for name, subscribe := range map[string]func(*client){
		"quotes only": func(c *client) { c.subscribe(chBookTicker, "BTC_USDT", "ETH_USDT") },
		"quotes, trades and diffs": func(c *client) {
			c.subscribe(chBookTicker, "BTC_USDT", "ETH_USDT", "SOL_USDT")
			c.subscribe(chTrades, "BTC_USDT", "ETH_USDT", "SOL_USDT")
			c.subscribe(chDiffs, "BTC_USDT", "100ms")
			c.subscribe(chOBU, "ob.ETH_USDT.50")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, start(t, Config{Settle: 700 * time.Millisecond, Rate: 1000, Symbols: 5, TLS: true}))
			subscribe(c)
			c.next()
			began, n := time.Now(), 0
			for ; time.Since(began) < time.Second; n++ {
				c.next()
			}
			assert.InDelta(t, 1000, n, 200)
		})
	}
}

// Two clients get the same market: what one sees the other sees too.
func TestTwoClientsShareTheMarket(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Settle: 100 * time.Millisecond, Rate: 500, Symbols: 2})
	a, b := dial(t, s), dial(t, s)
	a.subscribe(chBookTicker, "BTC_USDT")
	b.subscribe(chBookTicker, "BTC_USDT")
	seen := map[string]bool{}
	for range 600 {
		seen[string(a.next())] = true
	}
	both := 0
	for range 400 {
		if seen[string(b.next())] {
			both++
		}
	}
	assert.Greater(t, both, 100)
}

// What is unsubscribed stops; a stream subscribed later starts without waiting
// for the others to settle.
func TestSubscriptionsChangeWhileDataFlow(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, Config{Settle: 20 * time.Millisecond, Rate: 300, Symbols: 2}))
	c.subscribe(chBookTicker, "BTC_USDT")
	c.next()
	c.request("subscribe", chOBU, "ob.ETH_USDT.50")
	waitFor := func(part string) {
		t.Helper()
		for range 500 {
			if strings.Contains(string(c.next()), part) {
				return
			}
		}
		require.Fail(t, "not seen", part)
	}
	waitFor(`"channel":"spot.obu","event":"subscribe"`)
	waitFor(`"full":true,"s":"ob.ETH_USDT.50"`)
	c.request("unsubscribe", chBookTicker, "BTC_USDT")
	waitFor(`"event":"unsubscribe"`)
	for range 20 {
		require.Contains(t, string(c.next()), `"s":"ob.ETH_USDT.50"`)
	}
	c.request("unsubscribe", chOBU, "ob.ETH_USDT.50")
	waitFor(`"event":"unsubscribe"`)
	c.quiet(100 * time.Millisecond)
}

// The listed pairs differ, and REST describes them with the decimals of their
// numbers.
func TestListedPairs(t *testing.T) {
	s := start(t, Config{Symbols: 300})
	var pairs []struct {
		ID, Base, Quote string
		Precision       int
		AmountPrecision int    `json:"amount_precision"`
		TradeStatus     string `json:"trade_status"`
	}
	_, body := get(t, s, "/spot/currency_pairs")
	require.NoError(t, json.Unmarshal([]byte(body), &pairs))
	require.Len(t, pairs, 300)
	assert.Equal(t, "BTC_USDT", pairs[0].ID)
	names := map[string]bool{}
	for i := range maxSymbols {
		name := namedSpec(i).name
		require.False(t, names[name], name)
		names[name] = true
	}
	for _, p := range pairs {
		require.Equal(t, p.ID, p.Base+"_"+p.Quote)
		require.Equal(t, strings.ToUpper(p.ID), p.ID)
		require.Equal(t, "tradable", p.TradeStatus)
		_, bids, asks := s.Book(p.ID)
		require.GreaterOrEqual(t, len(bids), 400, p.ID)
		for _, l := range slices.Concat(bids, asks) {
			if decimalsOf(l[0]) > p.Precision || decimalsOf(l[1]) > p.AmountPrecision || l[0] == "0" {
				require.Fail(t, "level outside of the metadata", "%s %v", p.ID, l)
			}
		}
	}
	status, _ := get(t, s, "/spot/currency_pairs/NOPE_USDT")
	assert.Equal(t, 400, status)
	_, body = get(t, s, "/spot/time")
	assert.Regexp(t, `^\{"server_time":\d{13}\}$`, body)
	status, _ = get(t, s, "/spot/nothing")
	assert.Equal(t, 404, status)
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "interval=0.1"} {
		status, _ = get(t, s, "/spot/order_book?currency_pair=BTC_USDT&"+query)
		assert.Equal(t, 400, status, query)
	}
}

// The market stands still while nobody listens, and goes on where it stood.
func TestMarketStandsStillWithoutClients(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Settle: time.Millisecond, Rate: 500, Symbols: 1})
	before, _, _ := s.Book("BTC_USDT")
	time.Sleep(50 * time.Millisecond)
	id, _, _ := s.Book("BTC_USDT")
	assert.Equal(t, before, id)

	var last push
	for range 2 {
		c := dial(t, s)
		c.subscribe(chBookTicker, "BTC_USDT")
		var p push
		require.NoError(t, json.Unmarshal(c.next(), &p))
		assert.Greater(t, p.Result.Last, last.Result.Last)
		assert.InDelta(t, time.Now().UnixMilli(), p.Result.T, 500)
		require.NoError(t, c.conn.Close())
		require.Eventually(t, func() bool { return s.Stats().Open == 0 }, 5*time.Second, time.Millisecond)
		last = p
		time.Sleep(30 * time.Millisecond)
		still, _, _ := s.Book("BTC_USDT")
		time.Sleep(30 * time.Millisecond)
		id, _, _ = s.Book("BTC_USDT")
		assert.Equal(t, still, id)
	}
}

// A bar ends where its interval ends: it is told as closed once, and the next one
// opens at its close.
func TestCandlesCloseAndFollow(t *testing.T) {
	srv := &Server{cfg: Config{Symbols: 1, Rate: 100}, stats: newStats()}
	srv.faults.Store(&Faults{})
	s := newSynthetic(srv, gateioFormat{})
	k := key{channel: chCandles, pair: "BTC_USDT", level: "10s"}
	st := s.open(k)
	st.candle = newCandle(837909, 1_790_000_005, 10)
	assert.Equal(t, int64(1_790_000_000), st.candle.startS)
	st.candle.take(trade{ticks: 837950, lots: 7})
	st.candle.take(trade{ticks: 837900, lots: 3})
	assert.Equal(t, candle{1_790_000_000, 837909, 837950, 837900, 837900, 10, 7*837950 + 3*837900}, st.candle)

	frame := string(appendCandle(nil, st.pair, k.level, st.candle, true, 1_790_000_010_004))
	assert.Equal(t, `{"time":1790000010,"time_ms":1790000010004,"channel":"spot.candlesticks","event":"update","result":{"t":"1790000000","v":"0.837935","c":"83790","h":"83795","l":"83790","o":"83790.9","n":"10s_BTC_USDT","a":"0.00001","w":true}}`,
		frame)

	s.baseNS = 1_790_000_012_000_000_000 - s.clockNS
	s.sendCandle(st)
	assert.Equal(t, newCandle(837900, 1_790_000_012, 10), st.candle)
	for interval, seconds := range map[string]int64{"10s": 10, "1m": 60, "8h": 28800, "1d": 86400, "7d": 604800} {
		assert.Equal(t, seconds, candleSeconds(interval))
	}
}
