package feed_test

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
)

// compositeRig is a composite over a simulated Gate.io and a simulated MEXC.
type compositeRig struct {
	*feed.Composite
	gate, mexc *sim.Server
	journal    *journal
}

// newComposite leaves nothing behind when the test ends.
func newComposite(t *testing.T, sc sim.Config, slots int, options ...[2]string) *compositeRig {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
	r := &compositeRig{journal: &journal{}}
	var configs []feed.Config
	for _, venue := range []string{"gateio", "mexc"} {
		sc.Venue = venue
		var own [][2]string
		for _, o := range options {
			if strings.HasPrefix(o[0], venue+".") {
				own = append(own, o)
			}
		}
		cfg, s := spotConfig(t, sc, own...)
		cfg.RESTURL, cfg.Slots = s.RESTURL(), slots
		if venue == "gateio" {
			r.gate = s
		} else {
			r.mexc = s
		}
		configs = append(configs, cfg)
	}
	c, err := feed.NewComposite(configs, slog.New(slog.NewTextHandler(r.journal, nil)), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	r.Composite = c
	return r
}

// textLevels are the first n levels as the venue writes them.
func textLevels(b *feed.OrderBook, side []feed.Level, n int) (out [][2]string) {
	for _, l := range side[:min(n, len(side))] {
		out = append(out, [2]string{
			feed.Decimal{Mantissa: l.Price, Exponent: b.PriceExponent}.Text(),
			feed.Decimal{Mantissa: l.Quantity, Exponent: b.QuantityExponent}.Text(),
		})
	}
	return out
}

// canonical writes the simulator's levels without trailing zeros.
func canonical(levels [][2]string, n int) (out [][2]string) {
	trim := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	for _, l := range levels[:min(n, len(levels))] {
		out = append(out, [2]string{trim(l[0]), trim(l[1])})
	}
	return out
}

// Books and quotes of both venues are kept, operations counted, and subscribers told
// of every change, with the venue's own book at the end.
func TestCompositeKeepsBooksAndQuotes(t *testing.T) {
	c := newComposite(t, sim.Config{Rate: 1000}, 1<<15, [2]string{"gateio.book", "obu@50"}, [2]string{"mexc.book", "aggre.depth@100ms"})
	var mu sync.Mutex
	told := map[string]map[feed.UpdateType]int{"gateio": {}, "mexc": {}}
	cancel := c.Notify(func(u *feed.CompositeUpdate) {
		mu.Lock()
		defer mu.Unlock()
		told[u.Venue][u.Type]++
		if u.Book.Valid && (u.Symbol != btc && u.Symbol != eth || u.Book.Venue != u.Venue || len(u.Book.Bids) == 0) {
			t.Errorf("odd update %+v", u)
		}
	})
	require.NoError(t, c.Initialize([]feed.Symbol{btc, eth}, feed.AllChannels))
	for _, venue := range c.Venues() {
		require.Eventually(t, func() bool {
			b, ok := c.Book(venue, btc)
			q, fresh := c.BestQuote(venue, btc)
			return ok && b.Valid && !b.FromBoard && fresh && q.Bid.Mantissa > 0
		}, 10*time.Second, 10*time.Millisecond, venue)
	}
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return told["gateio"][feed.UpdateDiff] > 5 && told["gateio"][feed.UpdateSnapshot] >= 2 &&
			told["mexc"][feed.UpdateDiff] > 5 && told["mexc"][feed.UpdateSnapshot] >= 2
	}, 10*time.Second, 10*time.Millisecond)
	assert.True(t, c.Connected())
	for venue, ops := range c.Operations() {
		for name, n := range ops {
			assert.Positive(t, n, "%s %s", venue, name)
		}
	}
	for venue, m := range c.PerformanceMetrics() {
		assert.Equal(t, venue, m.Name)
		assert.Positive(t, m.MessagesProcessed)
	}
	spread, ok := c.Spread(btc, "gateio", "mexc")
	require.True(t, ok)
	assert.Equal(t, spread.Bid.Minus(spread.Ask).Text(), spread.Difference.Text())
	assert.Less(t, spread.ApartNS, int64(5*time.Second))
	matches := 0
	for range 400 { // the simulator's book moves on while we compare
		id, bids, asks := c.gate.Book("BTC_USDT")
		b, _ := c.Book("gateio", btc)
		if b.VenueSequence == id {
			matches++
			assert.Equal(t, canonical(bids, 50), textLevels(&b, b.Bids, 50))
			assert.Equal(t, canonical(asks, 50), textLevels(&b, b.Asks, 50))
		}
		time.Sleep(2 * time.Millisecond)
	}
	assert.Positive(t, matches, "the book is the venue's")

	cancel()
	cancel()
	time.Sleep(50 * time.Millisecond)
	mu.Lock()
	before := told["gateio"][feed.UpdateDiff]
	mu.Unlock()
	time.Sleep(200 * time.Millisecond)
	mu.Lock()
	assert.Equal(t, before, told["gateio"][feed.UpdateDiff], "nobody is told after cancel")
	mu.Unlock()
}

// A venue that is gone has no valid book and no fresh quote; the other goes on.
func TestCompositeDistrustsAVenueThatIsGone(t *testing.T) {
	c := newComposite(t, sim.Config{Rate: 1000}, 1<<15, [2]string{"gateio.book", "order_book@20"}, [2]string{"mexc.book", "limit.depth@20"})
	require.NoError(t, c.Initialize([]feed.Symbol{btc}, feed.AllChannels))
	good := func(venue string) bool {
		b, ok := c.Book(venue, btc)
		_, fresh := c.BestQuote(venue, btc)
		return ok && b.Valid && fresh
	}
	require.Eventually(t, func() bool { return good("gateio") && good("mexc") }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, c.mexc.Pause(false))
	c.mexc.DropAll()
	require.Eventually(t, func() bool {
		b, _ := c.Book("mexc", btc)
		_, fresh := c.BestQuote("mexc", btc)
		return !b.Valid && !fresh
	}, 5*time.Second, 5*time.Millisecond)
	_, ok := c.Spread(btc, "gateio", "mexc")
	assert.False(t, ok)
	require.Eventually(t, func() bool { return !c.Connected() }, 2*time.Second, time.Millisecond)
	assert.True(t, good("gateio"))
	require.NoError(t, c.mexc.Pause(true))
	require.Eventually(t, func() bool { return good("mexc") }, 10*time.Second, 10*time.Millisecond)

	require.NoError(t, c.Unsubscribe([]feed.Symbol{btc}))
	require.Eventually(t, func() bool { return !good("gateio") && !good("mexc") }, 2*time.Second, 10*time.Millisecond)
	require.NoError(t, c.Subscribe([]feed.Symbol{btc}))
	require.Eventually(t, func() bool { return good("gateio") && good("mexc") }, 10*time.Second, 10*time.Millisecond)
}

// A subscriber that sleeps loses events to us; until the publisher has said the book
// again the board's stands in, then the kept one is the venue's once more.
func TestCompositeRecoversLostEvents(t *testing.T) {
	c := newComposite(t, sim.Config{Rate: 3000, Symbols: 4}, 1<<9, [2]string{"gateio.book", "obu@50"})
	var block atomic.Pointer[chan struct{}]
	c.Notify(func(*feed.CompositeUpdate) {
		if ch := block.Load(); ch != nil {
			<-*ch
		}
	})
	require.NoError(t, c.Initialize([]feed.Symbol{btc}, feed.AllChannels))
	kept := func() bool { b, ok := c.Book("gateio", btc); return ok && b.Valid && !b.FromBoard }
	require.Eventually(t, kept, 10*time.Second, 5*time.Millisecond)
	ch := make(chan struct{})
	block.Store(&ch)
	market := c.Market("gateio")
	at := market.View().LastSequence()
	require.Eventually(t, func() bool { return market.View().LastSequence() > at+2000 }, 15*time.Second, 5*time.Millisecond)
	block.Store(nil)
	close(ch)
	require.Eventually(t, func() bool { return market.PerformanceMetrics().Channels["orderbook"].LostRecords > 0 }, 5*time.Second, time.Millisecond)
	require.Eventually(t, kept, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, uint64(1), c.gate.Stats().Connections, "the venue was not asked again")
	assert.Nil(t, c.Market("nowhere"))
}

// The book of a symbol whose events were lost is the board's meanwhile.
func TestCompositeReadsTheBoard(t *testing.T) {
	c := newComposite(t, sim.Config{Rate: 1000}, 1<<15, [2]string{"gateio.book", "order_book@20"})
	hold := make(chan struct{})
	var once sync.Once
	c.Notify(func(u *feed.CompositeUpdate) {
		if u.Venue == "gateio" && u.Symbol == eth {
			once.Do(func() { <-hold })
		}
	})
	require.NoError(t, c.Initialize([]feed.Symbol{eth}, feed.ChannelOrderBook))
	require.Eventually(t, func() bool { b, ok := c.Book("gateio", eth); return ok && !b.FromBoard }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, c.Subscribe([]feed.Symbol{btc}))
	require.Eventually(t, func() bool {
		b, ok := c.Book("gateio", btc)
		return ok && b.FromBoard && b.Valid && len(b.Bids) == 20
	}, 5*time.Second, 5*time.Millisecond)
	close(hold)
	require.Eventually(t, func() bool { b, ok := c.Book("gateio", btc); return ok && !b.FromBoard && b.Valid }, 5*time.Second, 5*time.Millisecond)
	_, ok := c.Book("gateio", feed.Symbol{Base: "SOL", Quote: "USDT"})
	assert.False(t, ok)
	_, ok = c.Book("nowhere", btc)
	assert.False(t, ok)
}

// A subscriber that panics is logged and costs the others nothing.
func TestSubscriberMayPanic(t *testing.T) {
	c := newComposite(t, sim.Config{}, 1<<14, [2]string{"gateio.book", "order_book@20"})
	var told atomic.Int64
	c.Notify(func(*feed.CompositeUpdate) { panic("mine") })
	c.Notify(func(*feed.CompositeUpdate) { told.Add(1) })
	require.NoError(t, c.Initialize([]feed.Symbol{btc}, feed.ChannelOrderBook))
	require.Eventually(t, func() bool { return told.Load() > 3 }, 10*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(c.journal.log(), "subscriber failed") }, 2*time.Second, 5*time.Millisecond)
	assert.Zero(t, c.PerformanceMetrics()["gateio"].HandlerErrors)
}

// Configurations that cannot be are refused by name; a venue that does not start
// takes the composite down whole.
func TestCompositeRefusesBadConfigurations(t *testing.T) {
	cfg, _ := spotConfig(t, sim.Config{})
	_, err := feed.NewComposite([]feed.Config{cfg, cfg}, nil, nil)
	require.ErrorIs(t, err, feed.ErrConfig)
	assert.Contains(t, err.Error(), `"gateio"`)
	_, err = feed.NewComposite([]feed.Config{{}}, nil, nil)
	require.ErrorIs(t, err, feed.ErrConfig)
	other := cfg
	other.Name, other.Slots = "second", 1000
	c, err := feed.NewComposite([]feed.Config{cfg, other}, nil, nil)
	require.NoError(t, err)
	require.Error(t, c.Initialize([]feed.Symbol{btc}, feed.AllChannels))
	assert.ErrorIs(t, c.Subscribe([]feed.Symbol{eth}), feed.ErrClosed)
}

// mexcQuote is one push of MEXC's aggregated book ticker as a WebSocket frame.
func mexcQuote(symbol, bid, ask string, version int) []byte {
	text := func(b []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
	}
	quote := text(text(text(text(nil, 1, bid), 2, "1.5"), 3, ask), 4, "2.25")
	quote = text(quote, 5, strconv.Itoa(version))
	push := text(text(nil, 1, "spot@public.aggre.bookTicker.v3.api.pb@10ms@"+symbol), 3, symbol)
	push = protowire.AppendBytes(protowire.AppendTag(push, 315, protowire.BytesType), quote)
	if len(push) > 125 {
		panic("a push of more than 125 bytes needs a longer frame header")
	}
	return append([]byte{0x82, byte(len(push))}, push...)
}
