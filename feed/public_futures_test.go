package feed_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tickring/tickring/exchanges/gateiofutures"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// newFuturesRig is newRig for Gate.io's perpetuals.
func newFuturesRig(t *testing.T, sc sim.Config, change func(*feed.PublisherConfig), options ...[2]string) *rig {
	t.Helper()
	d := gateiofutures.New()
	for _, o := range options {
		require.NoError(t, d.Set(o[0], o[1]))
	}
	sc.Venue = "gateio-futures"
	return newRig(t, sc, func(c *feed.PublisherConfig) {
		c.Dialect = d
		if change != nil {
			change(c)
		}
	})
}

// futuresConfig is a market's configuration on a simulator of its own.
func futuresConfig(t *testing.T) (feed.Config, *sim.Server) {
	t.Helper()
	s, err := sim.New(sim.Config{Venue: "gateio-futures", Rate: 2000, Symbols: 5, Settle: 10 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { _ = s.Close() })
	return feed.Config{PublisherConfig: feed.PublisherConfig{
		CPU: -1, Slots: 1 << 14, MaxInstruments: 16, Dialect: gateiofutures.New(), URLs: []string{s.URL()}, RESTURL: s.RESTURL(),
	}}, s
}

// Every kind of message reaches its handler, sizes in contracts; the multiplier is in
// the instrument table, and marks finer than the tick make no book anew.
func TestFuturesHandlersGetEveryChannel(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
	cfg, _ := futuresConfig(t)
	var mu sync.Mutex
	var quote feed.BookTicker
	var trade feed.Trade
	var ticker feed.Ticker
	var perpetual feed.Perpetual
	var book feed.BookUpdate
	j := &journal{}
	m := feed.NewPublicFutures(cfg, feed.FuturesHandlers{
		BookTicker: func(v *feed.BookTicker) { mu.Lock(); quote = *v; mu.Unlock() },
		Trades:     func(v *feed.Trade) { mu.Lock(); trade = *v; mu.Unlock() },
		OrderBook: func(v *feed.BookUpdate) {
			mu.Lock()
			defer mu.Unlock()
			if v.Type == feed.UpdateSnapshot {
				book = *v
				book.Bids = append([]feed.Level(nil), v.Bids...)
			}
		},
		Ticker:    func(v *feed.Ticker) { mu.Lock(); ticker = *v; mu.Unlock() },
		Perpetual: func(v *feed.Perpetual) { mu.Lock(); perpetual = *v; mu.Unlock() },
	}, slog.New(slog.NewTextHandler(j, nil)), j.state)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	assert.True(t, m.Multiplier(btc).IsAbsent(), "nothing is known before Initialize")
	require.NoError(t, m.Initialize([]feed.Symbol{btc}, feed.AllChannels))
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return quote.Sequence > 0 && trade.Sequence > 0 && book.Sequence > 0 && ticker.Last.Mantissa > 0 && perpetual.Sequence > 0
	}, 10*time.Second, 10*time.Millisecond)
	assert.Equal(t, "0.0001", m.Multiplier(btc).Text())
	assert.True(t, m.Multiplier(eth).IsAbsent(), "nobody asked for it")
	widened := m.View().Counter(ring.CounterWidened)
	metrics := m.PerformanceMetrics()
	require.NoError(t, m.Close())

	assert.Equal(t, []any{btc, "gateio-futures"}, []any{perpetual.Symbol, perpetual.Venue})
	assert.InDelta(t, quote.Bid.Float(), perpetual.Mark.Float(), quote.Bid.Float()/10)
	assert.Less(t, perpetual.Mark.Exponent, quote.Bid.Exponent, "a mark is finer than the tick")
	assert.Equal(t, perpetual.Mark.Exponent, perpetual.Index.Exponent)
	assert.Equal(t, "0.0001", perpetual.FundingRate.Text())
	assert.Greater(t, perpetual.FundingTimeNS, perpetual.RecvTimeNS)
	assert.Positive(t, perpetual.OpenInterest.Float())
	assert.NotEqual(t, int64(ring.Absent), perpetual.SendTimeNS)
	assert.Zero(t, quote.BidQuantity.Exponent, "whole contracts")
	assert.Zero(t, trade.Quantity.Exponent)
	assert.Len(t, book.Bids, 100)
	assert.Zero(t, widened)
	assert.Positive(t, metrics.Channels["perpetual"].HandlerCalls)
	assert.Zero(t, metrics.Channels["perpetual"].Messages, "its message is the ticker's")
	assert.Positive(t, metrics.Channels["ticker"].Messages)
}

// The calls are PublicSpot's.
func TestFuturesCallsHaveStatedResults(t *testing.T) {
	cfg, s := futuresConfig(t)
	m := feed.NewPublicFutures(cfg, feed.FuturesHandlers{}, nil, nil)
	assert.ErrorIs(t, m.Subscribe([]feed.Symbol{btc}), feed.ErrNotInitialized)
	assert.ErrorIs(t, m.Initialize([]feed.Symbol{{Base: "币安人生", Quote: "USDT"}}, feed.ChannelTicker), feed.ErrConfig)
	require.NoError(t, m.Initialize([]feed.Symbol{btc}, feed.ChannelTicker|feed.ChannelTrades))
	assert.ErrorIs(t, m.Initialize(nil, feed.ChannelTicker), feed.ErrStarted)
	require.NoError(t, m.Subscribe([]feed.Symbol{eth}))
	assert.Equal(t, map[feed.Symbol]feed.Channel{btc: feed.ChannelTicker | feed.ChannelTrades, eth: feed.ChannelTicker | feed.ChannelTrades}, m.ActiveSymbols())
	require.Eventually(t, func() bool { return m.Connected() && len(s.Truth().Active()) == 4 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, m.Unsubscribe([]feed.Symbol{btc}))
	assert.ErrorIs(t, m.Unsubscribe([]feed.Symbol{btc}), feed.ErrNotSubscribed)
	require.Eventually(t, func() bool { return len(s.Truth().Active()) == 2 }, 10*time.Second, 5*time.Millisecond)
	nope := feed.Symbol{Base: "NOPE", Quote: "USDT"}
	require.NoError(t, m.Subscribe([]feed.Symbol{nope}))
	require.Eventually(t, func() bool { return m.Refused()[nope] != "" }, 10*time.Second, 5*time.Millisecond)
	assert.Contains(t, m.Refused()[nope], "unknown currency pair")
	require.NoError(t, m.Close())
	assert.Empty(t, m.ActiveSymbols())
	assert.False(t, m.Connected())
	assert.ErrorIs(t, m.Subscribe([]feed.Symbol{btc}), feed.ErrClosed)
	assert.Equal(t, "gateio-futures", m.PerformanceMetrics().Venue)
}

// equalBooks waits until the board's book of a contract and the venue's meet at the
// same id, and wants all levels to be equal then.
func equalBooks(t *testing.T, r *rig, symbol, native string, depth int) {
	t.Helper()
	id, ok := r.pub.View().Find(symbol)
	require.True(t, ok)
	book := ring.NewBook(r.pub.View().BookDepth())
	texts := func(side []ring.Level) (out [][2]string) {
		for _, l := range side {
			out = append(out, [2]string{
				string(ring.AppendDecimal(nil, l.Price, book.Header.PriceExponent)), string(ring.AppendDecimal(nil, l.Quantity, book.Header.QuantityExponent)),
			})
		}
		return out
	}
	require.Eventually(t, func() bool {
		at, bids, asks := r.sim.Book(native)
		if r.pub.View().ReadBook(id, book) != ring.AnswerRecord || !book.Valid() || book.Header.VenueSequence != at {
			return false
		}
		n := min(depth, r.pub.View().BookDepth())
		require.Equal(t, bids[:n], texts(book.Bids())[:n])
		require.Equal(t, asks[:n], texts(book.Asks())[:n])
		return true
	}, 20*time.Second, time.Millisecond, "%s: the books never met", symbol)
}

// Books of every book channel equal the venue's, fractions of a contract included: the
// size header goes with the handshake and with REST.
func TestFuturesBooksEqualTheVenues(t *testing.T) {
	for _, c := range []struct {
		option string
		depth  int
	}{{"order_book_update@100ms", 100}, {"order_book_update@20ms", 20}, {"obu@50", 50}, {"obu@400", 100}, {"order_book@20", 20}} {
		t.Run(c.option, func(t *testing.T) {
			t.Parallel()
			r := newFuturesRig(t, sim.Config{Rate: 200, Symbols: 5}, func(c *feed.PublisherConfig) { c.RESTURL = simREST }, [2]string{"gateio-futures.book", c.option})
			equalBooks(t, r, "BTC/USDT", "BTC_USDT", c.depth)
			equalBooks(t, r, "ETH/USDT", "ETH_USDT", c.depth)
			assert.Zero(t, r.pub.View().Counter(ring.CounterDecodeErrors))
			assert.Zero(t, r.pub.View().Counter(ring.CounterFallbacksOrderBook), "today's shapes need no fallback")
		})
	}
}

// Skipped deltas are a gap of that contract alone, whose book is made again: by REST,
// or by a snapshot of the stream.
func TestFuturesBooksAreResyncedAfterAGap(t *testing.T) {
	for _, option := range []string{"order_book_update@20ms", "obu@50"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			r := newFuturesRig(t, sim.Config{Rate: 1000, Symbols: 5}, func(c *feed.PublisherConfig) { c.RESTURL = simREST }, [2]string{"gateio-futures.book", option})
			require.Eventually(t, func() bool {
				return (r.state("BTC/USDT")|r.state("ETH/USDT"))&ring.BitSuspect == 0
			}, 10*time.Second, 10*time.Millisecond)
			r.reader.SeekLatest()
			require.NoError(t, r.sim.ApplyFaults(sim.Faults{SkipEvery: 3, SkipPair: "BTC_USDT"}))
			gap := r.untilStatus(ring.StatusGap, 10*time.Second)
			assert.Equal(t, "BTC/USDT", r.pub.View().Symbol(int(gap.Instrument)))
			assert.NotZero(t, gap.Status().FirstMissing)
			assert.Zero(t, r.state("ETH/USDT")&ring.BitSuspect, "another contract's book")
			require.NoError(t, r.sim.ApplyFaults(sim.Faults{}))
			r.until("the sync after it", 15*time.Second, isCode(ring.StatusResyncEnd))
			equalBooks(t, r, "BTC/USDT", "BTC_USDT", 20)
			assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects), "nothing is reconnected for it")
		})
	}
}

// After a loss everything comes back, and the active set with it.
func TestFuturesComeBackAfterALoss(t *testing.T) {
	r := newFuturesRig(t, sim.Config{Rate: 1000, Symbols: 5}, func(c *feed.PublisherConfig) { c.RESTURL = simREST })
	var before ring.Record
	state := r.until("what is told of a perpetual", 5*time.Second, func(rec *ring.Record) bool {
		if rec.Kind == ring.KindPerpetual {
			return true
		}
		before = *rec
		return false
	})
	assert.Equal(t, [2]uint16{uint16(ring.KindTicker), state.Instrument}, [2]uint16{uint16(before.Kind), before.Instrument}, "behind the ticker that it came with")
	r.sim.DropAll()
	r.untilStatus(ring.StatusUp, 10*time.Second)
	for _, kind := range []ring.Kind{ring.KindBookTicker, ring.KindTrade, ring.KindDepth, ring.KindTicker, ring.KindPerpetual} {
		r.untilKind(kind, "BTC/USDT")
	}
	equalBooks(t, r, "BTC/USDT", "BTC_USDT", 20)
}

// A multiplier that is told late, and one that changes, reach the instrument table and
// are said in the stream.
func TestMultiplierIsToldLateAndChanges(t *testing.T) {
	var multiplier atomic.Value
	multiplier.Store("")
	header := make(chan string, 100)
	rest := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case header <- r.Header.Get("X-Gate-Size-Decimal"):
		default:
		}
		m := multiplier.Load().(string)
		if m == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode([]map[string]string{{"name": "BTC_USDT", "quanto_multiplier": m, "order_price_round": "0.1", "status": "trading"}})
	}))
	t.Cleanup(rest.Close)
	r := newFuturesRig(t, sim.Config{Rate: 20, Symbols: 3}, func(c *feed.PublisherConfig) {
		c.RESTURL, c.MetadataInterval, c.Channels = rest.URL, 20*time.Millisecond, ring.ChannelTrades
	})
	assert.Equal(t, "1", <-header)
	row := func() (in ring.Instrument) {
		id, _ := r.pub.View().Find("BTC/USDT")
		require.True(t, r.pub.View().Instrument(id, &in))
		return in
	}
	assert.Equal(t, int64(ring.Absent), row().Multiplier)
	for _, c := range []struct {
		text     string
		mantissa int64
		exponent int8
	}{{"0.0001", 1, -4}, {"9.6", 96, -1}, {"0", ring.Absent, 0}} {
		multiplier.Store(c.text)
		rec := r.until("the change to "+c.text, 5*time.Second, isCode(ring.StatusInstrumentChanged))
		assert.Equal(t, "multiplier changed", rec.Status().TextString())
		assert.Equal(t, [2]int64{c.mantissa, int64(c.exponent)}, [2]int64{row().Multiplier, int64(row().MultiplierExponent)})
	}
}
