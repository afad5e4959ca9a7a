package feed_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

var eth = feed.Symbol{Base: "ETH", Quote: "USDT"}

// journal collects what a market says.
type journal struct {
	mu     sync.Mutex
	text   bytes.Buffer
	states []feed.State
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) log() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) state(s feed.State) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.states = append(j.states, s)
}

func (j *journal) seen() []feed.State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]feed.State(nil), j.states...)
}

func (j *journal) until(t *testing.T, want feed.State) {
	t.Helper()
	require.Eventually(t, func() bool {
		seen := j.seen()
		return len(seen) > 0 && seen[len(seen)-1] == want
	}, 10*time.Second, 5*time.Millisecond, "state %s", want)
}

// spotRig is a simulator and a market of it that is not initialized.
type spotRig struct {
	*feed.PublicSpot
	sim     *sim.Server
	journal *journal
	dialect feed.Dialect
}

// newSpot makes a market; nothing may be left of it when the test ends.
func newSpot(t *testing.T, sc sim.Config, hs feed.Handlers, change func(*feed.Config), options ...[2]string) *spotRig {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
	j := &journal{}
	cfg, s := spotConfig(t, sc, options...)
	if change != nil {
		change(&cfg)
	}
	logger := slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := feed.NewPublicSpot(cfg, hs, logger, j.state)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return &spotRig{PublicSpot: p, sim: s, journal: j, dialect: cfg.Dialect}
}

// pairs are the first n of the simulator, but for BTC/USDT.
func (s *spotRig) pairs(t *testing.T, n int) (out []feed.Symbol) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.sim.CAPEM())
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	res, err := client.Get(s.sim.RESTURL() + s.dialect.MetadataPath())
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	infos, err := s.dialect.ParseMetadata(body)
	require.NoError(t, err)
	for _, i := range infos {
		if pair := (feed.Symbol{Base: i.Base, Quote: i.Quote}); pair != btc && len(out) < n {
			out = append(out, pair)
		}
	}
	require.Len(t, out, n)
	return out
}

// spotConfig starts a simulator of the venue in sc, Gate.io when it names none.
func spotConfig(t *testing.T, sc sim.Config, options ...[2]string) (feed.Config, *sim.Server) {
	t.Helper()
	if sc.Venue == "" {
		sc.Venue = "gateio"
	}
	if sc.Settle == 0 {
		sc.Settle = 20 * time.Millisecond
	}
	if sc.Rate == 0 {
		sc.Rate = 500
	}
	if sc.Symbols == 0 {
		sc.Symbols = 10
	}
	s, err := sim.New(sc)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { _ = s.Close() })
	cfg := feed.Config{PublisherConfig: feed.PublisherConfig{CPU: -1, Slots: 1 << 14, MaxInstruments: 128, URLs: []string{s.URL()}}}
	type dialect interface {
		feed.Dialect
		Set(key, value string) error
	}
	var d dialect = gateio.New()
	if sc.Venue == "mexc" {
		d = mexc.New()
	}
	for _, o := range options {
		require.NoError(t, d.Set(o[0], o[1]))
	}
	cfg.Dialect = d
	if pem := s.CAPEM(); pem != nil {
		cfg.CA = x509.NewCertPool()
		cfg.CA.AppendCertsFromPEM(pem)
	}
	return cfg, s
}

// Every kind of message reaches its handler with exact numbers, on both venues.
func TestHandlersGetEveryChannel(t *testing.T) {
	for _, c := range []struct {
		venue  string
		option [2]string
	}{{"gateio", [2]string{"gateio.book", "order_book@20"}}, {"mexc", [2]string{"mexc.book", "limit.depth@20"}}} {
		t.Run(c.venue, func(t *testing.T) {
			var mu sync.Mutex
			var quote feed.BookTicker
			var trade feed.Trade
			var book feed.BookUpdate
			var ticker feed.Ticker
			var id, price string
			s := newSpot(t, sim.Config{Venue: c.venue, TLS: true, Rate: 2000}, feed.Handlers{
				BookTicker: func(v *feed.BookTicker) { mu.Lock(); quote = *v; mu.Unlock() },
				Trades:     func(v *feed.Trade) { mu.Lock(); trade, id, price = *v, v.ID(), v.Price.Text(); mu.Unlock() },
				OrderBook: func(v *feed.BookUpdate) {
					mu.Lock()
					book = *v
					book.Bids, book.Asks = append([]feed.Level(nil), v.Bids...), append([]feed.Level(nil), v.Asks...)
					mu.Unlock()
				},
				Ticker: func(v *feed.Ticker) { mu.Lock(); ticker = *v; mu.Unlock() },
			}, nil, c.option)
			require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.AllChannels))
			require.Eventually(t, func() bool {
				mu.Lock()
				defer mu.Unlock()
				return quote.Sequence > 0 && trade.Sequence > 0 && book.Sequence > 0 && ticker.Sequence > 0
			}, 10*time.Second, 10*time.Millisecond)
			require.NoError(t, s.Close())
			assert.Equal(t, btc, quote.Symbol)
			assert.Equal(t, c.venue, quote.Venue)
			assert.Greater(t, quote.Ask.Mantissa, quote.Bid.Mantissa)
			assert.NotEmpty(t, id)
			assert.Equal(t, price, trade.Price.Text())
			assert.InDelta(t, trade.Price.Float(), quote.Bid.Float(), quote.Bid.Float()/10)
			assert.Equal(t, feed.UpdateSnapshot, book.Type)
			require.Len(t, book.Bids, 20)
			require.Len(t, book.Asks, 20)
			assert.Greater(t, book.Price(book.Asks[0]).Float(), book.Price(book.Bids[0]).Float())
			assert.Positive(t, book.Quantity(book.Bids[0]).Float())
			assert.NotZero(t, book.LastSequence)
			assert.Positive(t, ticker.Last.Float())
			assert.LessOrEqual(t, quote.RecvTimeNS, quote.PublishTimeNS)
		})
	}
}

// Updates of a book arrive whole and in order: a snapshot, then differences that
// chain without a hole.
func TestBookUpdatesArriveInOrder(t *testing.T) {
	type seen struct {
		kind        feed.UpdateType
		first, last uint64
		suspect     bool
	}
	var mu sync.Mutex
	var all []seen
	s := newSpot(t, sim.Config{Rate: 2000}, feed.Handlers{OrderBook: func(u *feed.BookUpdate) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, seen{u.Type, u.FirstSequence, u.LastSequence, u.Suspect()})
	}}, nil, [2]string{"gateio.book", "obu@50"})
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelOrderBook))
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(all) > 20 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, s.Close())
	assert.Equal(t, feed.UpdateSnapshot, all[0].kind)
	for i, u := range all[1:] {
		require.Equal(t, feed.UpdateDiff, u.kind)
		require.Equal(t, all[i].last+1, u.first)
		require.False(t, u.suspect)
	}
}

// A message of n trades is n calls in the message's order.
func TestTradesOfAMessageAreCalledInOrder(t *testing.T) {
	type place struct {
		index, count int
		id           string
	}
	var mu sync.Mutex
	var all []place
	s := newSpot(t, sim.Config{Settle: time.Minute}, feed.Handlers{Trades: func(v *feed.Trade) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, place{v.Index, v.Count, v.ID()})
	}}, nil)
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades))
	s.journal.until(t, feed.StateConnected)
	one := func(id int) string {
		return fmt.Sprintf(`{"id":%d,"id_market":%d,"create_time":1790359165,"create_time_ms":"1790359165714.5","side":"buy","currency_pair":"BTC_USDT","amount":"0.5","price":"100.1","range":"1-1"}`, id, id)
	}
	s.sim.SendAll([]byte(`{"time":1790359165,"time_ms":1790359165714,"channel":"spot.trades_v2","event":"update","result":[]}`))
	s.sim.SendAll([]byte(`{"time":1790359165,"time_ms":1790359165714,"channel":"spot.trades","event":"update","result":[` +
		one(7) + "," + one(8) + "," + one(9) + `]}`))
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(all) == 3 }, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, []place{{0, 3, "7"}, {1, 3, "8"}, {2, 3, "9"}}, all)
	require.Eventually(t, func() bool { return s.PerformanceMetrics().Channels["trades"].Messages == 1 }, time.Second, 5*time.Millisecond)
	assert.Equal(t, uint64(3), s.PerformanceMetrics().Channels["trades"].HandlerCalls)
}

// Each call has a stated result in each state and for each odd argument.
func TestCallsHaveStatedResults(t *testing.T) {
	s := newSpot(t, sim.Config{}, feed.Handlers{}, nil)
	bad := feed.Symbol{Base: "btc", Quote: "usdt"}
	for name, call := range map[string]func() error{
		"Subscribe":           func() error { return s.Subscribe([]feed.Symbol{btc}) },
		"Unsubscribe":         func() error { return s.Unsubscribe([]feed.Symbol{btc}) },
		"UnsubscribeChannels": func() error { return s.UnsubscribeChannels([]feed.Symbol{btc}, feed.ChannelTrades) },
	} {
		require.ErrorIs(t, call(), feed.ErrNotInitialized, name)
	}
	assert.Empty(t, s.ActiveSymbols())
	assert.False(t, s.Connected())
	assert.Nil(t, s.View())
	require.ErrorIs(t, s.Initialize([]feed.Symbol{btc, bad}, feed.AllChannels), feed.ErrConfig)
	require.ErrorIs(t, s.Initialize([]feed.Symbol{btc}, 0), feed.ErrConfig)
	assert.Equal(t, feed.StateNone, s.State())

	require.NoError(t, s.Initialize([]feed.Symbol{btc, btc}, feed.ChannelTrades|feed.ChannelBookTicker))
	require.ErrorIs(t, s.Initialize([]feed.Symbol{btc}, feed.AllChannels), feed.ErrStarted)
	assert.Len(t, s.ActiveSymbols(), 1)
	require.NoError(t, s.Subscribe(nil))
	require.NoError(t, s.Unsubscribe(nil))
	require.NoError(t, s.Subscribe([]feed.Symbol{btc, btc}))
	assert.Len(t, s.ActiveSymbols(), 1)
	err := s.Subscribe([]feed.Symbol{eth, bad})
	require.ErrorIs(t, err, feed.ErrConfig)
	assert.Contains(t, err.Error(), "btc/usdt")
	assert.NotContains(t, s.ActiveSymbols(), eth, "nothing is changed by a list that cannot be spelled")
	err = s.Unsubscribe([]feed.Symbol{btc, eth})
	require.ErrorIs(t, err, feed.ErrNotSubscribed)
	assert.Contains(t, err.Error(), "ETH/USDT")
	assert.Empty(t, s.ActiveSymbols())

	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "a second call does nothing")
	require.ErrorIs(t, s.Subscribe([]feed.Symbol{btc}), feed.ErrClosed)
	require.ErrorIs(t, s.Unsubscribe([]feed.Symbol{btc}), feed.ErrClosed)
	require.ErrorIs(t, s.Initialize([]feed.Symbol{btc}, feed.AllChannels), feed.ErrClosed)
	assert.Empty(t, s.ActiveSymbols())
	assert.False(t, s.Connected())
	assert.Equal(t, feed.StateClosed, s.State())
}

// The active set is a copy, follows the calls, and the venue hears of each change.
func TestActiveSymbolsFollowTheCalls(t *testing.T) {
	s := newSpot(t, sim.Config{}, feed.Handlers{}, nil)
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades|feed.ChannelBookTicker))
	require.NoError(t, s.Subscribe([]feed.Symbol{eth}))
	active := s.ActiveSymbols()
	assert.Len(t, active, 2)
	delete(active, btc)
	assert.Len(t, s.ActiveSymbols(), 2, "the copy is the caller's")
	venueHas := func(want ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Join(want, ",") == strings.Join(s.sim.Truth().Active(), ",") },
			5*time.Second, 5*time.Millisecond, "%v", s.sim.Truth().Active())
	}
	venueHas("spot.book_ticker BTC_USDT", "spot.book_ticker ETH_USDT", "spot.trades BTC_USDT", "spot.trades ETH_USDT")
	require.NoError(t, s.UnsubscribeChannels([]feed.Symbol{btc}, feed.ChannelTrades))
	venueHas("spot.book_ticker BTC_USDT", "spot.book_ticker ETH_USDT", "spot.trades ETH_USDT")
	assert.Equal(t, feed.ChannelBookTicker, s.ActiveSymbols()[btc])
	require.NoError(t, s.UnsubscribeChannels([]feed.Symbol{btc}, feed.ChannelBookTicker))
	assert.NotContains(t, s.ActiveSymbols(), btc)
	require.NoError(t, s.Unsubscribe([]feed.Symbol{eth}))
	venueHas()
	require.NoError(t, s.Subscribe([]feed.Symbol{btc}))
	venueHas("spot.book_ticker BTC_USDT", "spot.trades BTC_USDT")
}

// Changing 100 subscriptions takes a caller less than 100 ms, also while the venue
// is gone; they are made up for when it is back.
func TestSubscriptionChangesTakeNoTime(t *testing.T) {
	s := newSpot(t, sim.Config{Symbols: 120}, feed.Handlers{}, nil)
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelBookTicker))
	s.journal.until(t, feed.StateConnected)
	pairs := s.pairs(t, 101)
	timed := func(what string, f func() error) {
		t.Helper()
		start := time.Now()
		require.NoError(t, f())
		took := time.Since(start)
		t.Logf("%s took %s", what, took)
		assert.Less(t, took, 100*time.Millisecond, what)
	}
	timed("subscribing 100 symbols", func() error { return s.Subscribe(pairs) })
	require.Eventually(t, func() bool { return len(s.sim.Truth().Active()) >= 100 }, 5*time.Second, 5*time.Millisecond)
	timed("unsubscribing 100 symbols", func() error { return s.Unsubscribe(pairs) })
	require.NoError(t, s.sim.Pause(false))
	s.sim.DropAll()
	s.journal.until(t, feed.StateReconnecting)
	timed("subscribing while the venue is gone", func() error { return s.Subscribe(pairs) })
	require.NoError(t, s.sim.Pause(true))
	s.journal.until(t, feed.StateReconnected)
	require.Eventually(t, func() bool { return len(s.sim.Truth().Active()) >= 100 }, 5*time.Second, 5*time.Millisecond)
}

// States are told in order over a loss and a return, the set is restored, and the
// end is the last.
func TestStatesAreToldInOrder(t *testing.T) {
	s := newSpot(t, sim.Config{}, feed.Handlers{}, nil)
	require.NoError(t, s.Initialize([]feed.Symbol{btc, eth}, feed.ChannelTrades))
	s.journal.until(t, feed.StateConnected)
	assert.True(t, s.Connected())
	require.Eventually(t, func() bool { return len(s.sim.Truth().Active()) == 2 }, 5*time.Second, 5*time.Millisecond)
	before := s.sim.Truth().Active()
	s.sim.DropAll()
	s.journal.until(t, feed.StateReconnected)
	assert.True(t, s.Connected())
	require.Eventually(t, func() bool { return assert.ObjectsAreEqual(before, s.sim.Truth().Active()) }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, s.Close())
	assert.Equal(t, []feed.State{
		feed.StateConnecting, feed.StateConnected, feed.StateDisconnected, feed.StateReconnecting,
		feed.StateReconnected, feed.StateClosing, feed.StateClosed,
	}, s.journal.seen())
	m := s.PerformanceMetrics()
	assert.Equal(t, uint64(1), m.Reconnections)
	assert.Equal(t, 1.0, m.ReconnectionsPerHour)
}

// A market of several connections is CONNECTED when all of them are.
func TestConnectedMeansEveryConnection(t *testing.T) {
	s := newSpot(t, sim.Config{Venue: "mexc", Symbols: 60}, feed.Handlers{}, nil)
	pairs := s.pairs(t, 50)
	require.NoError(t, s.Initialize(pairs, feed.ChannelBookTicker|feed.ChannelTrades))
	s.journal.until(t, feed.StateConnected)
	assert.GreaterOrEqual(t, s.sim.Stats().Open, 4, "30 subscriptions a connection")
	assert.Equal(t, []feed.State{feed.StateConnecting, feed.StateConnected}, s.journal.seen())
}

// A state handler that panics costs its own call only; Close before Initialize is
// told too.
func TestStateHandlerMayPanic(t *testing.T) {
	cfg, _ := spotConfig(t, sim.Config{})
	j := &journal{}
	p := feed.NewPublicSpot(cfg, feed.Handlers{}, slog.New(slog.NewTextHandler(j, nil)), func(s feed.State) {
		j.state(s)
		panic("no good")
	})
	require.NoError(t, p.Close())
	assert.Equal(t, []feed.State{feed.StateClosing, feed.StateClosed}, j.seen())
	assert.Contains(t, j.log(), "state handler failed")
}

// A handler that sleeps delays neither the ring nor the other handlers, and is told
// what it lost.
func TestSlowHandlerDelaysNobody(t *testing.T) {
	var quotes atomic.Int64
	var sleeping, awake = make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := newSpot(t, sim.Config{Rate: 5000}, feed.Handlers{
		Trades:     func(*feed.Trade) { once.Do(func() { close(sleeping); <-awake }) },
		BookTicker: func(*feed.BookTicker) { quotes.Add(1) },
	}, func(c *feed.Config) { c.Slots = 1 << 9 })
	require.NoError(t, s.Initialize([]feed.Symbol{btc, eth}, feed.AllChannels))
	<-sleeping
	before, at := quotes.Load(), s.View().LastSequence()
	require.Eventually(t, func() bool { return s.View().LastSequence() > at+3000 }, 15*time.Second, 10*time.Millisecond,
		"the ring goes on")
	assert.Greater(t, quotes.Load(), before+100, "the other handler goes on")
	close(awake)
	require.Eventually(t, func() bool { return s.PerformanceMetrics().Channels["trades"].LostRecords >= 2000 },
		5*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(s.journal.log(), "handler is too slow") }, 2*time.Second, 10*time.Millisecond)
	assert.Less(t, s.PerformanceMetrics().Channels["book_ticker"].HandlerTimeUS.P50, 1000.0)
}

// A handler that panics is logged and counted, its symbol is put on the list and
// asked for again, within a limit, and the next messages reach it.
func TestPanickingHandlerIsSurvived(t *testing.T) {
	var calls, fail atomic.Int64
	fail.Store(3)
	s := newSpot(t, sim.Config{Rate: 2000}, feed.Handlers{Trades: func(*feed.Trade) {
		if calls.Add(1); fail.Add(-1) >= 0 {
			panic("bad trade")
		}
	}}, func(c *feed.Config) { c.ResubscribeEvery = time.Hour })
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades))
	require.Eventually(t, func() bool { return calls.Load() > 10 }, 10*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return s.sim.Stats().Unsubscribes == 1 && s.sim.Stats().Subscribes == 2 }, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, []string{"spot.trades BTC_USDT"}, s.sim.Truth().Active())
	m := s.PerformanceMetrics()
	assert.Equal(t, uint64(3), m.HandlerErrors)
	assert.Equal(t, uint64(3), m.Channels["trades"].HandlerErrors)

	fail.Store(1)
	require.Eventually(t, func() bool { return len(s.PendingResubscribe()) == 1 }, 5*time.Second, time.Millisecond,
		"within the limit the symbol stays on the list")
	assert.Equal(t, []feed.Symbol{btc}, s.PendingResubscribe())
	time.Sleep(150 * time.Millisecond)
	assert.Equal(t, uint64(1), s.sim.Stats().Unsubscribes)
	r := ring.NewReader(s.View())
	r.Seek(1)
	reported := 0
	var rec ring.Record
	for r.Next(&rec) == ring.AnswerRecord {
		if rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusHandlerError {
			reported++
			assert.Equal(t, "BTC/USDT", s.View().Symbol(int(rec.Instrument)))
		}
	}
	assert.Equal(t, 1, reported, "once for each request that it causes")
	require.NoError(t, s.Close())
	assert.Contains(t, s.journal.log(), "handler failed")
	assert.Contains(t, s.journal.log(), "bad trade")
}

// A handler may call the market, also while Close waits for it.
func TestHandlerMayCallTheMarket(t *testing.T) {
	var s *spotRig
	closing := make(chan struct{})
	var once sync.Once
	var result error
	s = newSpot(t, sim.Config{}, feed.Handlers{Trades: func(*feed.Trade) {
		once.Do(func() {
			_ = s.PerformanceMetrics()
			close(closing)
			for s.State() != feed.StateClosing {
				time.Sleep(time.Millisecond)
			}
			result = s.Subscribe([]feed.Symbol{eth})
		})
	}}, nil)
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades))
	<-closing
	require.NoError(t, s.Close())
	assert.ErrorIs(t, result, feed.ErrClosed)
}

// What the venue refuses is logged in its words and leaves the others alone.
func TestRefusedSymbolsAreNamed(t *testing.T) {
	nope := feed.Symbol{Base: "NOPE", Quote: "USDT"}
	s := newSpot(t, sim.Config{}, feed.Handlers{}, nil)
	require.NoError(t, s.Initialize([]feed.Symbol{btc, nope}, feed.ChannelTrades))
	require.Eventually(t, func() bool { return len(s.Refused()) == 1 }, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, map[feed.Symbol]string{nope: "unknown currency pair: NOPE_USDT"}, s.Refused())
	require.Eventually(t, func() bool { return s.PerformanceMetrics().SubscriptionSuccessRate == 0.5 }, 5*time.Second, 5*time.Millisecond)
	assert.Contains(t, s.ActiveSymbols(), nope)
	require.Eventually(t, func() bool {
		return strings.Contains(s.journal.log(), "level=ERROR msg=\"venue refused a subscription\"")
	}, 2*time.Second, 10*time.Millisecond)
	require.NoError(t, s.Unsubscribe([]feed.Symbol{nope}))
	assert.Empty(t, s.Refused())
}

// The log has each event at its level: states and totals, confirmations, what was
// refused, and the performance line.
func TestLogHasEveryEventAtItsLevel(t *testing.T) {
	s := newSpot(t, sim.Config{}, feed.Handlers{}, func(c *feed.Config) { c.PerformanceEvery = 50 * time.Millisecond })
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades))
	s.journal.until(t, feed.StateConnected)
	s.sim.SendAll([]byte(`{"time":1,"channel":"spot.trades","event":"update","result":{"id":"x`))
	for _, want := range []string{
		`level=INFO msg="state changed" market=gateio state=CONNECTED`,
		`level=DEBUG msg="subscription confirmed" market=gateio symbol=BTC/USDT detail=spot.trades`,
		`level=ERROR msg="message of the venue was refused"`,
		`level=INFO msg=performance market=gateio messages_processed=`,
	} {
		require.Eventually(t, func() bool { return strings.Contains(s.journal.log(), want) }, 5*time.Second, 10*time.Millisecond, want)
	}
	require.NoError(t, s.Close())
	assert.Contains(t, s.journal.log(), "level=INFO msg=closed market=gateio messages_processed=")
}

// A flood of lines of one text is cut to a few a second and counted.
func TestLogIsBounded(t *testing.T) {
	s := newSpot(t, sim.Config{Settle: time.Minute}, feed.Handlers{}, nil)
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades))
	s.journal.until(t, feed.StateConnected)
	for range 200 {
		s.sim.SendAll([]byte(`{"time":1,"channel":"spot.trades","event":"update","result":{"id":"x`))
	}
	time.Sleep(300 * time.Millisecond)
	require.NoError(t, s.Close())
	lines := strings.Count(s.journal.log(), "message of the venue was refused")
	assert.Greater(t, lines, 0)
	assert.LessOrEqual(t, lines, 40)
}

// The metrics have the specification's keys, are zero before the first message,
// and are never NaN.
func TestMetricsHaveTheSpecifiedKeys(t *testing.T) {
	s := newSpot(t, sim.Config{Rate: 2000}, feed.Handlers{Trades: func(*feed.Trade) { time.Sleep(10 * time.Microsecond) }}, nil)
	text, err := json.Marshal(s.PerformanceMetrics())
	require.NoError(t, err, "NaN does not marshal")
	var zero map[string]any
	require.NoError(t, json.Unmarshal(text, &zero))
	keys := []string{
		"messages_processed", "avg_latency_us", "active_symbols", "uptime_seconds", "reconnections", "messages_per_second",
		"subscription_success_rate", "handler_time_us", "reconnections_per_hour",
	}
	for _, k := range keys {
		assert.Equal(t, 0.0, zero[k], k)
	}
	require.NoError(t, s.Initialize([]feed.Symbol{btc, eth}, feed.AllChannels))
	time.Sleep(1500 * time.Millisecond)
	m := s.PerformanceMetrics()
	assert.Greater(t, m.MessagesProcessed, uint64(100))
	assert.Positive(t, m.MessagesPerSecond)
	assert.Positive(t, m.AvgLatencyUS)
	assert.Equal(t, 2, m.ActiveSymbols)
	assert.InDelta(t, 1.5, m.UptimeSeconds, 0.9)
	assert.Positive(t, m.ConnectedSeconds)
	assert.Equal(t, 1.0, m.SubscriptionSuccessRate)
	assert.Greater(t, m.HandlerTimeUS, 9.0)
	require.Len(t, m.Channels, 4)
	sum := uint64(0)
	for name, c := range m.Channels {
		assert.Positive(t, c.Messages, name)
		p := c.LatencyUS
		assert.True(t, 0 < p.P50 && p.P50 <= p.P90 && p.P90 <= p.P99 && p.P99 <= p.P999 && p.P999 <= p.Max, "%s %+v", name, p)
		sum += c.Messages
	}
	assert.Equal(t, m.MessagesProcessed, sum)
	assert.Positive(t, m.Channels["trades"].HandlerLatencyUS.P50)
	text, err = json.Marshal(m)
	require.NoError(t, err)
	var full map[string]any
	require.NoError(t, json.Unmarshal(text, &full))
	for _, k := range keys {
		assert.Contains(t, full, k)
	}
	require.NoError(t, s.Close())
	after := s.PerformanceMetrics()
	assert.Equal(t, 0, after.ActiveSymbols)
	assert.GreaterOrEqual(t, after.MessagesProcessed, m.MessagesProcessed)
	assert.Equal(t, after.UptimeSeconds, s.PerformanceMetrics().UptimeSeconds, "the clock stands still after the end")
}

// At 10,000 messages a second over 100 symbols and TLS, a message is processed
// within 500 us and reaches its handler within 1 ms, in the median of a machine
// that does other things too, and none is lost.
func TestLatencyTargets(t *testing.T) {
	var calls atomic.Uint64
	s := newSpot(t, sim.Config{TLS: true, Rate: 10_000, Symbols: 110}, feed.Handlers{
		BookTicker: func(*feed.BookTicker) { calls.Add(1) },
	}, func(c *feed.Config) { c.Slots = 1 << 16 })
	require.NoError(t, s.Initialize(s.pairs(t, 100), feed.ChannelBookTicker))
	time.Sleep(1200 * time.Millisecond)
	m := s.PerformanceMetrics()
	c := m.Channels["book_ticker"]
	t.Logf("%.0f messages/s, processing p50 %.1f us p99 %.1f us, handler p50 %.1f us p99 %.1f us",
		m.MessagesPerSecond, c.LatencyUS.P50, c.LatencyUS.P99, c.HandlerLatencyUS.P50, c.HandlerLatencyUS.P99)
	assert.Greater(t, m.MessagesProcessed, uint64(2000))
	assert.Less(t, c.LatencyUS.P50, 500.0)
	assert.Less(t, c.HandlerLatencyUS.P50, 1000.0)
	assert.Zero(t, m.LostRecords)
	require.NoError(t, s.Close())
	assert.Equal(t, calls.Load(), s.PerformanceMetrics().Channels["book_ticker"].HandlerCalls)
}

// An address where nobody listens is left for the next one of the list.
func TestNextAddressIsTried(t *testing.T) {
	s := newSpot(t, sim.Config{}, feed.Handlers{}, func(c *feed.Config) {
		c.URLs = append([]string{"ws://127.0.0.1:1/"}, c.URLs...)
	})
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades))
	s.journal.until(t, feed.StateConnected)
	assert.Equal(t, []feed.State{feed.StateConnecting, feed.StateConnected}, s.journal.seen(), "failed dials change nothing")
	r := ring.NewReader(s.View())
	r.Seek(1)
	var rec ring.Record
	failovers := 0
	for r.Next(&rec) == ring.AnswerRecord {
		if rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusFailover {
			failovers++
		}
	}
	assert.Equal(t, 1, failovers)
}

// A market in a named segment is read by others as well.
func TestMarketInANamedSegment(t *testing.T) {
	dir := t.TempDir()
	s := newSpot(t, sim.Config{}, feed.Handlers{}, func(c *feed.Config) { c.Dir, c.Feed = dir, "spot" })
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.ChannelTrades))
	m, err := shm.Open(dir, "spot")
	require.NoError(t, err)
	defer m.Close()
	require.Eventually(t, func() bool { return m.View().LastSequence() > 20 }, 5*time.Second, 10*time.Millisecond)
	other := feed.NewPublicSpot(feed.Config{PublisherConfig: feed.PublisherConfig{
		Dir: dir, Feed: "spot", CPU: -1, Dialect: gateio.New(), URLs: []string{s.sim.URL()},
	}}, feed.Handlers{}, nil, nil)
	require.Error(t, other.Initialize([]feed.Symbol{btc}, feed.ChannelTrades), "a second publisher is refused")
	require.NoError(t, other.Close())
	require.NoError(t, s.Close())
	assert.Equal(t, ring.StateClosed, m.View().State())
}

// A market whose segment is truncated from outside says so and is DISCONNECTED; the
// program goes on and can close it.
func TestMarketOutlivesItsSegment(t *testing.T) {
	dir := t.TempDir()
	s := newSpot(t, sim.Config{Rate: 2000}, feed.Handlers{Trades: func(*feed.Trade) {}}, func(c *feed.Config) { c.Dir, c.Feed = dir, "spot" })
	require.NoError(t, s.Initialize([]feed.Symbol{btc}, feed.AllChannels))
	require.Eventually(t, func() bool { return s.PerformanceMetrics().MessagesProcessed > 100 }, 5*time.Second, time.Millisecond)
	require.NoError(t, os.Truncate(filepath.Join(dir, "spot"), 0))
	s.journal.until(t, feed.StateDisconnected)
	assert.False(t, s.Connected())
	assert.Greater(t, s.PerformanceMetrics().MessagesProcessed, uint64(100))
	require.ErrorIs(t, s.Subscribe([]feed.Symbol{eth}), feed.ErrClosed)
	require.NoError(t, s.Close())
	assert.Contains(t, s.journal.log(), "market ended by itself")
	assert.Contains(t, s.journal.log(), "truncated")
}

// Decimals are exact, print canonically, and subtract without rounding.
func TestDecimalsAreExact(t *testing.T) {
	absent := feed.Decimal{Mantissa: ring.Absent}
	assert.Equal(t, "64000.1", feed.Decimal{Mantissa: 640001000, Exponent: -4}.Text())
	assert.Equal(t, "", absent.Text())
	assert.True(t, math.IsNaN(absent.Float()))
	assert.Equal(t, 0.1, feed.Decimal{Mantissa: 1, Exponent: -1}.Float())
	for _, c := range []struct {
		name string
		a, b feed.Decimal
		want string
	}{
		{"numbers of different exponents", feed.Decimal{Mantissa: 3, Exponent: -1}, feed.Decimal{Mantissa: 1, Exponent: -3}, "0.299"},
		{"a negative difference", feed.Decimal{Mantissa: 1}, feed.Decimal{Mantissa: 3}, "-2"},
		{"an absent number", absent, feed.Decimal{Mantissa: 3}, ""},
		{"zero at an exponent far away", feed.Decimal{Exponent: 18}, feed.Decimal{Mantissa: 3, Exponent: -18}, "-0.000000000000000003"},
		{"a difference that does not fit", feed.Decimal{Mantissa: math.MaxInt64}, feed.Decimal{Mantissa: -1}, ""},
		{"a scale that does not fit", feed.Decimal{Mantissa: math.MaxInt64}, feed.Decimal{Mantissa: 1, Exponent: -3}, ""},
		{"a scale beyond every power", feed.Decimal{Mantissa: 1, Exponent: 18}, feed.Decimal{Mantissa: 1, Exponent: -18}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, c.a.Minus(c.b).Text()) })
	}
}
