package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// venue is what a fault test must know of a venue.
type venue struct {
	name        string
	quotes      func(c *client, pair int) // subscribes
	deltas      func(c *client, pair int)
	ping        string
	pairs       [2]string
	bookPath    func(pair string) string
	bookID      string // key in the REST answer
	acknowledge string // part of an accepting answer
	refusal     string // of a refusing one, with a text of its own
}

var venues = []venue{
	{
		name:        venueGateio,
		quotes:      func(c *client, i int) { c.request("subscribe", chBookTicker, gateNames[i]) },
		deltas:      func(c *client, i int) { c.request("subscribe", chDiffs, gateNames[i], "20ms") },
		ping:        `{"channel":"spot.ping"}`,
		pairs:       gateNames,
		bookPath:    func(pair string) string { return "/spot/order_book?with_id=true&currency_pair=" + pair },
		bookID:      "id",
		acknowledge: `"status":"success"`,
		refusal:     `"message":"not today"`,
	},
	{
		name:        venueGateioFutures,
		quotes:      func(c *client, i int) { c.request("subscribe", chFutBookTicker, gateNames[i]) },
		deltas:      func(c *client, i int) { c.request("subscribe", chFutDiffs, gateNames[i], "20ms", "20") },
		ping:        `{"channel":"futures.ping"}`,
		pairs:       gateNames,
		bookPath:    func(pair string) string { return "/futures/usdt/order_book?with_id=true&contract=" + pair },
		bookID:      "id",
		acknowledge: `"status":"success"`,
		refusal:     `"message":"not today"`,
	},
	{
		name:        venueMEXC,
		quotes:      func(c *client, i int) { c.method("SUBSCRIPTION", mexcBookTicker+"@10ms@"+mexcPairs[i]) },
		deltas:      func(c *client, i int) { c.method("SUBSCRIPTION", mexcDepth+"@10ms@"+mexcPairs[i]) },
		ping:        `{"method":"PING"}`,
		pairs:       mexcPairs,
		bookPath:    func(pair string) string { return "/api/v3/depth?symbol=" + pair },
		bookID:      "lastUpdateId",
		acknowledge: `"msg":"spot@`,
		refusal:     "Reason\uff1a not today ",
	},
}

var (
	gateNames = [2]string{"BTC_USDT", "ETH_USDT"}
	mexcPairs = [2]string{"BTCUSDT", "ETHUSDT"}
)

// eachVenue runs a test for every venue at once.
func eachVenue(t *testing.T, test func(t *testing.T, v venue)) {
	t.Parallel()
	for _, v := range venues {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			test(t, v)
		})
	}
}

// flowing starts a server and a client that gets deltas of the first pair.
func flowing(t *testing.T, v venue, cfg Config) (*Server, *client) {
	t.Helper()
	cfg.Venue, cfg.Settle, cfg.Symbols = v.name, time.Millisecond, 2
	cfg.Rate = orDefault(cfg.Rate, 300)
	s := start(t, cfg)
	c := dial(t, s)
	v.deltas(c, 0)
	c.delta()
	return s, c
}

// delta reads the next book delta: its first and last id.
func (c *client) delta() (first, last uint64) {
	c.t.Helper()
	for {
		h, payload, err := c.frame(5 * time.Second)
		require.NoError(c.t, err)
		if first, last, ok := parseDelta(c.t, h, payload); ok {
			return first, last
		}
	}
}

func parseDelta(t testing.TB, h ws.Header, payload []byte) (first, last uint64, ok bool) {
	t.Helper()
	if h.OpCode == ws.OpBinary {
		b := readMessage(t, []byte(readMessage(t, payload).one(t, bodyDepth)))
		return b.id(t, 4), b.id(t, 5), true
	}
	var p push
	if h.OpCode != ws.OpText || json.Unmarshal(payload, &p) != nil || p.Event != "update" || p.Channel != chDiffs && p.Channel != chFutDiffs {
		return 0, 0, false
	}
	return p.Result.First, p.Result.Last, true
}

// drain reads until nothing came for a while.
func (c *client) drain() {
	c.t.Helper()
	for {
		if _, _, err := c.frame(150 * time.Millisecond); err != nil {
			var timeout net.Error
			require.True(c.t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
			return
		}
	}
}

func apply(t *testing.T, s *Server, f Faults) {
	t.Helper()
	require.NoError(t, s.ApplyFaults(f))
}

// only gives the account of the one stream of the one open connection.
func only(t *testing.T, s *Server) StreamTruth {
	t.Helper()
	truth := s.Truth()
	require.Len(t, truth.Connections, 1)
	require.Len(t, truth.Connections[0].Streams, 1)
	return truth.Connections[0].Streams[0]
}

// Every socket is cut and none is let in until the fault ends.
func TestFaultSocketDropped(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		apply(t, s, Faults{DropSockets: true})
		assert.Zero(t, c.closeCode(5*time.Second))
		_, _, _, err := dialer(s).Dial(t.Context(), s.URL())
		assert.Error(t, err)
		apply(t, s, Faults{})
		dial(t, s)
	})
}

// A silent server sends no data, no answers, no pongs, and keeps the socket; then
// the deltas have one gap.
func TestFaultSilentButOpen(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		apply(t, s, Faults{Silent: true})
		c.drain()
		last := only(t, s).LastSequence
		c.send(v.ping)
		c.quiet(300 * time.Millisecond)
		assert.Positive(t, only(t, s).Withheld)
		assert.Zero(t, only(t, s).Gaps)
		apply(t, s, Faults{})
		first, _ := c.delta()
		assert.Greater(t, first, last+1, "deltas are missing")
		assert.Equal(t, uint64(1), only(t, s).Gaps)
	})
}

// A server that only pings sends ping frames and pongs, no data and no answers.
func TestFaultPingsOnly(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		apply(t, s, Faults{PingsOnly: true})
		v.quotes(c, 1)
		c.send(v.ping)
		var pings, pongs int
		for begin := time.Now(); pings < 3 || pongs < 1; {
			require.Less(t, time.Since(begin), 5*time.Second)
			h, payload, err := c.frame(5 * time.Second)
			require.NoError(t, err)
			switch {
			case h.OpCode == ws.OpPing:
				pings++
			case strings.Contains(strings.ToLower(string(payload)), "pong"):
				pongs++
			default:
				require.Zero(t, pings, "data after the fault: %q", payload)
			}
		}
		assert.Len(t, s.Truth().Active(), 2, "the request had its effect")
	})
}

// Acknowledgements of an open connection come late, are lost, or refuse.
func TestFaultAckLate(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s := start(t, Config{Venue: v.name, Settle: time.Hour})
		c := dial(t, s)
		v.quotes(c, 0)
		assert.Contains(t, string(c.next()), v.acknowledge)
		apply(t, s, Faults{AckDelay: 300 * time.Millisecond})
		began := time.Now()
		v.quotes(c, 1)
		require.Eventually(t, func() bool { return s.Truth().Connections[0].Messages == 2 }, 5*time.Second, time.Millisecond)
		apply(t, s, Faults{})
		v.deltas(c, 0)
		assert.Contains(t, string(c.next()), v.acknowledge)
		assert.GreaterOrEqual(t, time.Since(began), 290*time.Millisecond)
		assert.Contains(t, string(c.next()), v.acknowledge, "the next waits its turn")
		assert.Len(t, s.Truth().Active(), 3)
	})
}

func TestFaultAckLost(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s := start(t, Config{Venue: v.name, Settle: 20 * time.Millisecond, Symbols: 2})
		c := dial(t, s)
		apply(t, s, Faults{LoseAcks: true})
		v.deltas(c, 0)
		h, payload, err := c.frame(5 * time.Second)
		require.NoError(t, err)
		_, _, ok := parseDelta(t, h, payload)
		assert.True(t, ok, "data without an answer: %q", payload)

		apply(t, s, Faults{NoAcks: true})
		v.quotes(c, 1)
		c.send(v.ping)
		for !strings.Contains(strings.ToLower(string(payload)), "pong") {
			_, payload, err = c.frame(5 * time.Second)
			require.NoError(t, err)
			require.NotContains(t, string(payload), v.acknowledge)
		}
		assert.Len(t, s.Truth().Active(), 1, "a swallowed request has no effect")
	})
}

func TestFaultAckRefused(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s := start(t, Config{Venue: v.name, Settle: time.Hour})
		c := dial(t, s)
		apply(t, s, Faults{RefusePairs: v.pairs[1:], RefuseText: "not today"})
		v.quotes(c, 0)
		assert.Contains(t, string(c.next()), v.acknowledge)
		v.quotes(c, 1)
		assert.Contains(t, string(c.next()), v.refusal)
		apply(t, s, Faults{RefuseAll: true, RefuseText: "not today"})
		v.deltas(c, 0)
		assert.Contains(t, string(c.next()), v.refusal)
		apply(t, s, Faults{})
		v.deltas(c, 0)
		assert.Contains(t, string(c.next()), v.acknowledge)
	})
}

// A half-open server reads nothing and sends nothing; what was asked meanwhile is
// answered when it wakes.
func TestFaultHalfOpen(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s := start(t, Config{Venue: v.name, Settle: time.Hour, IdleTimeout: 100 * time.Millisecond})
		c := dial(t, s)
		apply(t, s, Faults{HalfOpen: true})
		requests := s.Stats().Requests
		v.quotes(c, 0)
		c.send(v.ping)
		c.quiet(400 * time.Millisecond)
		assert.Equal(t, requests, s.Stats().Requests, "nothing was read")
		assert.Equal(t, 1, s.Stats().Open, "the socket stays past the idle time")
		apply(t, s, Faults{})
		assert.Contains(t, string(c.next()), v.acknowledge)
	})
}

// A half-open server can still be closed.
func TestFaultHalfOpenCloses(t *testing.T) {
	s := start(t, Config{Faults: Faults{HalfOpen: true}})
	c := dial(t, s)
	c.send(`{"channel":"spot.ping"}`)
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, s.Close())
	assert.Zero(t, c.closeCode(5*time.Second))
}

// A connection is reset in the middle of a frame: part of it arrives, then the
// reset.
func TestFaultResetMidFrame(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		for _, secure := range []bool{false, true} {
			s, c := flowing(t, v, Config{TLS: secure})
			s.ResetMidFrameAll()
			n, length, err := c.untilBroken()
			assert.ErrorIs(t, err, syscall.ECONNRESET, "TLS %v", secure)
			assert.Equal(t, length/2, n)
			assert.Eventually(t, func() bool { return s.Stats().Open == 0 }, 5*time.Second, time.Millisecond)
			dial(t, s)
		}
	})
}

// untilBroken reads up to a frame that ends early: how much of it came.
func (c *client) untilBroken() (n, length int, err error) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		h, err := ws.ReadHeader(c.br)
		require.NoError(c.t, err, "an end between two frames")
		if n, err := io.ReadFull(c.br, make([]byte, h.Length)); err != nil {
			return n, int(h.Length), err
		}
	}
}

// The TLS handshake is delayed, and its records trickle.
func TestFaultSlowTLS(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s := start(t, Config{Venue: v.name, TLS: true})
		took := func(f Faults) time.Duration {
			apply(t, s, f)
			began := time.Now()
			dial(t, s)
			return time.Since(began)
		}
		assert.GreaterOrEqual(t, took(Faults{TLSDelay: 300 * time.Millisecond}), 300*time.Millisecond)
		// A handshake sends some 800 bytes.
		assert.GreaterOrEqual(t, took(Faults{TrickleBytes: 2}), 250*time.Millisecond)
		c := dial(t, s)
		c.send(v.ping)
		c.next()
	})
}

// Frames come twice.
func TestFaultDuplicateFrames(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{Faults: Faults{DuplicateEvery: 3}})
		var last uint64
		doubles := 0
		for range 30 {
			_, l := c.delta()
			if l == last {
				doubles++
			}
			last = l
		}
		assert.InDelta(t, 30/4, doubles, 1)
		assert.GreaterOrEqual(t, only(t, s).Duplicates, uint64(doubles))
		assert.Zero(t, only(t, s).Gaps)
	})
}

// A frame comes after the one that follows it; none is lost.
func TestFaultReorderedFrames(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{Faults: Faults{ReorderEvery: 4}})
		type span struct{ first, last uint64 }
		var spans []span
		back := 0
		for range 40 {
			f, l := c.delta()
			if len(spans) > 0 && f < spans[len(spans)-1].first {
				back++
			}
			spans = append(spans, span{f, l})
		}
		assert.Greater(t, back, 4)
		assert.GreaterOrEqual(t, only(t, s).Reordered, uint64(back))
		slices.SortFunc(spans, func(a, b span) int { return int(int64(a.first - b.first)) })
		for i := 1; i < len(spans)-1; i++ {
			require.Equal(t, spans[i-1].last+1, spans[i].first, "sorted, the chain is whole")
		}
	})
}

// Deltas of one pair are left out, and each hole is a gap in the chain; those of
// the other pair are whole.
func TestFaultSkippedDeltas(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		v.deltas(c, 1)
		apply(t, s, Faults{SkipEvery: 5, SkipPair: v.pairs[0]})
		gaps := map[string]uint64{}
		last := map[string]uint64{}
		counts := map[string]int{}
		for wait := 5 * time.Second; ; {
			if counts[v.pairs[0]] >= 60 && counts[v.pairs[1]] >= 10 {
				apply(t, s, Faults{Silent: true})
				wait = 200 * time.Millisecond // read what is under way, then compare
			}
			h, payload, err := c.frame(wait)
			if err != nil && s.fault().Silent {
				break
			}
			require.NoError(t, err)
			first, l, ok := parseDelta(t, h, payload)
			if !ok || strings.Contains(string(payload), v.acknowledge) {
				continue
			}
			pair := v.pairs[0]
			if strings.Contains(string(payload), v.pairs[1]) {
				pair = v.pairs[1]
			}
			if last[pair] != 0 && first != last[pair]+1 {
				gaps[pair]++
			}
			last[pair] = l
			counts[pair]++
		}
		assert.GreaterOrEqual(t, gaps[v.pairs[0]], uint64(5))
		assert.Zero(t, gaps[v.pairs[1]])
		for _, st := range s.Truth().Connections[0].Streams {
			assert.Equal(t, gaps[st.Pair], st.Gaps, st.Pair)
			assert.Equal(t, last[st.Pair], st.LastSequence, st.Pair)
		}
	})
}

// A frame is half of itself: well framed, and nothing a decoder may accept.
func TestFaultMalformedFrame(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{Faults: Faults{MalformEvery: 4}})
		broken := 0
		for range 40 {
			h, payload, err := c.frame(5 * time.Second)
			require.NoError(t, err)
			whole := json.Valid(payload)
			if h.OpCode == ws.OpBinary {
				whole = fields(payload, func(field) {})
			}
			if !whole {
				broken++
			}
		}
		assert.InDelta(t, 10, broken, 2)
		assert.GreaterOrEqual(t, only(t, s).Malformed, uint64(broken))
		assert.GreaterOrEqual(t, s.Stats().Malformed, uint64(broken))
		assert.GreaterOrEqual(t, only(t, s).Gaps, uint64(broken)-1, "a broken delta is a gap")
	})
}

// A frame of 11 MiB comes in the middle of the data.
func TestFaultOversizeFrame(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		s.SendOversizeAll(11 << 20)
		for {
			h, _, err := c.frame(5 * time.Second)
			require.NoError(t, err)
			if h.Length == 11<<20 {
				break
			}
		}
		c.delta()
	})
}

// Each close code reaches the client, and ends the connection.
func TestFaultCloseCodes(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s := start(t, Config{Venue: v.name})
		for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999} {
			c := dial(t, s)
			s.CloseAll(code, "test")
			assert.Equal(t, ws.StatusCode(code), c.closeCode(5*time.Second))
			require.NoError(t, c.conn.Close())
		}
		c := dial(t, s)
		s.CloseAll(1005, "")
		h, payload, err := c.frame(5 * time.Second)
		require.NoError(t, err)
		assert.Equal(t, ws.OpClose, h.OpCode)
		assert.Empty(t, payload, "1005 is a close frame without a code")
	})
}

// A connection is cut when it is too old, with data flowing or without.
func TestFaultConnectionLife(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		began := time.Now()
		s, c := flowing(t, v, Config{ConnectionLife: 400 * time.Millisecond})
		assert.Zero(t, c.closeCode(5*time.Second))
		assert.GreaterOrEqual(t, time.Since(began), 400*time.Millisecond)
		assert.Less(t, time.Since(began), 2*time.Second)
		assert.Equal(t, uint64(1), s.Stats().LifeCuts)

		idle := dial(t, s)
		apply(t, s, Faults{ConnectionLife: 50 * time.Millisecond})
		began = time.Now()
		assert.Zero(t, idle.closeCode(5*time.Second))
		assert.Less(t, time.Since(began), 350*time.Millisecond, "the fault is sooner than the limit")
	})
}

// REST refuses with a status and a time to wait.
func TestFaultRESTStatus(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s := start(t, Config{Venue: v.name, Symbols: 2})
		for status, after := range map[int]time.Duration{429: 1500 * time.Millisecond, 418: 2 * time.Minute, 403: 0, 503: 0} {
			apply(t, s, Faults{RESTStatus: status, RetryAfter: after})
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			r, err := client.Get(s.RESTURL() + v.bookPath(v.pairs[0]))
			require.NoError(t, err)
			require.NoError(t, r.Body.Close())
			assert.Equal(t, status, r.StatusCode)
			want := map[int]string{429: "2", 418: "120"}[status]
			assert.Equal(t, want, r.Header.Get("Retry-After"), status)
		}
		apply(t, s, Faults{})
		status, _ := get(t, s, v.bookPath(v.pairs[0]))
		assert.Equal(t, 200, status)
	})
}

// restID is the id of a REST book.
func restID(t *testing.T, s *Server, v venue) uint64 {
	t.Helper()
	status, body := get(t, s, v.bookPath(v.pairs[0]))
	require.Equal(t, 200, status)
	var book map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &book))
	id, err := strconv.ParseUint(string(book[v.bookID]), 10, 64)
	require.NoError(t, err)
	return id
}

// A stale book is the one of the moment the fault began.
func TestFaultRESTStale(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		apply(t, s, Faults{RESTStale: true})
		began, _, _ := s.Book(v.pairs[0])
		for now := began; now <= began+1; now, _, _ = s.Book(v.pairs[0]) {
			c.delta() // those of before may still be on their way
		}
		stale := restID(t, s, v)
		assert.LessOrEqual(t, stale, began)
		now, _, _ := s.Book(v.pairs[0])
		assert.Less(t, stale, now, "the market went on")
		assert.Equal(t, stale, restID(t, s, v))
		apply(t, s, Faults{})
		assert.Greater(t, restID(t, s, v), stale)
	})
}

// A late answer has the book of the moment of asking.
func TestFaultRESTLate(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		go func() {
			for {
				if _, _, err := c.frame(5 * time.Second); err != nil {
					return
				}
			}
		}()
		apply(t, s, Faults{RESTDelay: 300 * time.Millisecond})
		began := time.Now()
		id := restID(t, s, v)
		assert.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
		now, _, _ := s.Book(v.pairs[0])
		assert.Less(t, id, now)
	})
}

// A halted pair is said to be halted by its metadata.
func TestFaultHalt(t *testing.T) {
	s := start(t, Config{})
	_, body := get(t, s, "/spot/currency_pairs/BTC_USDT")
	assert.Contains(t, body, `"trade_status":"tradable"`)
	apply(t, s, Faults{HaltPairs: []string{"BTC_USDT"}})
	_, body = get(t, s, "/spot/currency_pairs/BTC_USDT")
	assert.Contains(t, body, `"trade_status":"untradable"`)
	_, body = get(t, s, "/spot/currency_pairs/ETH_USDT")
	assert.Contains(t, body, `"trade_status":"tradable"`)
}

// Faults out of their range are refused and change nothing.
func TestFaultErrors(t *testing.T) {
	s := start(t, Config{})
	for want, f := range map[string]Faults{
		"fault REST status 200: want 400 to 599": {RESTStatus: 200},
		"fault counts: want 0 or more":           {SkipEvery: -1},
		"fault durations: want 0 or more":        {RESTDelay: -1},
	} {
		assert.ErrorContains(t, s.ApplyFaults(f), want)
	}
	assert.Equal(t, Faults{}, *s.fault())
}

// The truth of a client is what it did and got: streams with their times, the last
// sequence sent, how many frames; gone clients stay in it.
func TestTruth(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		s, c := flowing(t, v, Config{})
		before := time.Now().UnixNano()
		var got, last uint64 = 1, 0
		unsubscribe := `{"channel":"spot.order_book_update","event":"unsubscribe","payload":["BTC_USDT","20ms"]}`
		switch v.name {
		case venueGateioFutures:
			unsubscribe = `{"channel":"futures.order_book_update","event":"unsubscribe","payload":["BTC_USDT","20ms","20"]}`
		case venueMEXC:
			unsubscribe = `{"method":"UNSUBSCRIPTION","params":["` + depthStream + `"]}`
		}
		v.quotes(c, 1)
		for range 10 {
			_, last = c.delta2(&got)
		}
		c.send(unsubscribe)
		for stop := time.Now().Add(300 * time.Millisecond); time.Now().Before(stop); {
			h, payload, err := c.frame(time.Second)
			require.NoError(t, err)
			if strings.Contains(string(payload), "book") && isQuote(h, payload) {
				continue
			}
			if _, l, ok := parseDelta(t, h, payload); ok {
				last = l
				got++
			}
		}
		truth := s.Truth()
		require.Len(t, truth.Connections, 1)
		require.Len(t, truth.Connections[0].Streams, 2)
		deltas, quotes := truth.Connections[0].Streams[0], truth.Connections[0].Streams[1]
		assert.Equal(t, v.pairs[0], deltas.Pair)
		assert.False(t, deltas.Active())
		assert.Less(t, deltas.SubscribedNS, before)
		assert.Greater(t, deltas.UnsubscribedNS, before)
		assert.Equal(t, got, deltas.Frames)
		assert.Equal(t, last, deltas.LastSequence)
		assert.True(t, quotes.Active())
		assert.Equal(t, []string{quotes.Name}, truth.Active())

		require.NoError(t, c.conn.Close())
		require.Eventually(t, func() bool { return s.Truth().Connections[0].ClosedNS > before }, 5*time.Second, time.Millisecond)
		assert.Empty(t, s.Truth().Active())
		dial(t, s)
		all := s.Truth().Connections
		require.Len(t, all, 2)
		assert.Equal(t, [2]uint64{1, 2}, [2]uint64{all[0].Number, all[1].Number})
	})
}

// delta2 reads up to the next delta among other frames, and counts it.
func (c *client) delta2(count *uint64) (first, last uint64) {
	c.t.Helper()
	for {
		h, payload, err := c.frame(5 * time.Second)
		require.NoError(c.t, err)
		if isQuote(h, payload) {
			continue
		}
		if first, last, ok := parseDelta(c.t, h, payload); ok {
			*count++
			return first, last
		}
	}
}

// isQuote reports whether a frame is a quote of either venue.
func isQuote(h ws.Header, payload []byte) bool {
	text := string(payload)
	return strings.Contains(text, mexcBookTicker) && h.OpCode == ws.OpBinary ||
		strings.Contains(text, fmt.Sprintf(`"channel":%q,"event":"update"`, chBookTicker))
}

// The faults of data are played on a capture as on the market.
func TestFaultsOfACapture(t *testing.T) {
	diff := func(first, last int) string {
		return fmt.Sprintf(`{"time":1,"channel":"spot.order_book_update","event":"update","result":{"t":1,"s":"BTC_USDT","U":%d,"u":%d,"b":[],"a":[]}}`, first, last)
	}
	var rows []string
	for i := range 9 {
		rows = append(rows, diff(i, i))
	}
	path := writeCapture(t, "c.jsonl", 0, rows...)
	s := start(t, Config{Capture: path, Settle: 10 * time.Millisecond, Faults: Faults{SkipEvery: 3}})
	c := dial(t, s)
	c.subscribe(chDiffs, "BTC_USDT", "20ms")
	for _, i := range []int{0, 1, 3, 4, 6, 7} {
		require.Equal(t, diff(i, i), string(c.next()))
	}
	c.quiet(50 * time.Millisecond)
	assert.Equal(t, [3]uint64{6, 3, 2}, [3]uint64{only(t, s).Frames, only(t, s).Withheld, only(t, s).Gaps}, "no delta follows the last hole")
}

// Of clients that are gone the last ones are remembered.
func TestTruthIsBounded(t *testing.T) {
	var kept truths
	for i := range keptTruths + 10 {
		kept.add(ConnectionTruth{Number: uint64(i + 1)})
	}
	require.Len(t, kept.gone, keptTruths)
	assert.Equal(t, uint64(11), kept.gone[0].Number)
}
