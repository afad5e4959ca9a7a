package feed

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/ring"
)

// A kept book takes what joins it, and ends its synchronisation over what does not.
func TestKeptBookFollowsTheUpdates(t *testing.T) {
	level := func(p, q int64) Level { return Level{Price: p, Quantity: q} }
	snapshot := func(id uint64) *BookUpdate {
		return &BookUpdate{
			Type: UpdateSnapshot, LastSequence: id, PriceExponent: -1, QuantityExponent: -2,
			Bids: []Level{level(100, 5), level(99, 7)}, Asks: []Level{level(101, 3)},
		}
	}
	diff := func(first, last uint64, bids ...Level) *BookUpdate {
		return &BookUpdate{FirstSequence: first, LastSequence: last, PriceExponent: -1, QuantityExponent: -2, Bids: bids}
	}
	suspect := func(u *BookUpdate) *BookUpdate { u.Flags |= ring.FlagSuspect; return u }
	finer := func(u *BookUpdate) *BookUpdate { u.PriceExponent = -2; return u }
	coarser := func(u *BookUpdate) *BookUpdate { u.PriceExponent = 0; return u }
	for _, c := range []struct {
		name    string
		updates []*BookUpdate
		synced  bool
		bids    []Level
	}{
		{"a difference before any snapshot is left out", []*BookUpdate{diff(1, 2, level(90, 1))}, false, nil},
		{"a snapshot makes the book", []*BookUpdate{snapshot(5)}, true, []Level{level(100, 5), level(99, 7)}},
		{"a difference that follows is applied", []*BookUpdate{snapshot(5), diff(6, 7, level(99, 0), level(98, 1))}, true, []Level{level(100, 5), level(98, 1)}},
		{"one that overlaps is applied", []*BookUpdate{snapshot(5), diff(4, 7, level(99, 8))}, true, []Level{level(100, 5), level(99, 8)}},
		{"one that is contained is left out", []*BookUpdate{snapshot(5), suspect(diff(4, 5, level(99, 0)))}, true, []Level{level(100, 5), level(99, 7)}},
		{"a hole ends the synchronisation", []*BookUpdate{snapshot(5), diff(7, 8, level(99, 8))}, false, []Level{level(100, 5), level(99, 7)}},
		{"a suspect difference ends it", []*BookUpdate{snapshot(5), suspect(diff(6, 8, level(99, 8)))}, false, []Level{level(100, 5), level(99, 7)}},
		{"a suspect snapshot ends it", []*BookUpdate{snapshot(5), suspect(snapshot(6))}, false, []Level{level(100, 5), level(99, 7)}},
		{"a crossed book ends it", []*BookUpdate{snapshot(5), diff(6, 6, level(101, 1))}, false, []Level{level(101, 1), level(100, 5), level(99, 7)}},
		{"a new snapshot begins anew", []*BookUpdate{snapshot(5), diff(7, 8), snapshot(9)}, true, []Level{level(100, 5), level(99, 7)}},
		{"finer prices widen the book", []*BookUpdate{snapshot(5), finer(diff(6, 6, level(995, 1)))}, true, []Level{level(1000, 5), level(995, 1), level(990, 7)}},
		{"coarser prices are widened", []*BookUpdate{snapshot(5), coarser(diff(6, 6, level(9, 1)))}, true, []Level{level(100, 5), level(99, 7), level(90, 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &keptBook{book: newLocalBook()}
			for _, u := range c.updates {
				k.take(u)
			}
			assert.Equal(t, c.synced, k.synced)
			assert.Equal(t, append([]Level{}, c.bids...), k.book.bids.appendTo([]Level{}))
		})
	}
}

// Base serves a market that is not spot: what it hands to whom is a list of routes,
// here one that takes tickers alone and knows nothing of Handlers.
func TestBaseAssumesNoSpotMarket(t *testing.T) {
	s, err := sim.New(sim.Config{Venue: "gateio", Rate: 500, Symbols: 3, Settle: 10 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	defer s.Close()
	var last atomic.Int64
	got := int64(0)
	r := newRoute(ring.KindTicker, func(r *ring.Record, m *Meta) bool {
		got = r.Ticker().Last
		return true
	}, func() { last.Store(got) })
	cfg := Config{PublisherConfig: PublisherConfig{CPU: -1, Slots: 1 << 12, Dialect: gateio.New(), URLs: []string{s.URL()}}}
	b := newBase(cfg, []*route{r}, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, b.Initialize([]Symbol{{"BTC", "USDT"}}, ChannelTicker))
	require.Eventually(t, func() bool { return last.Load() > 0 }, 5*time.Second, 5*time.Millisecond)
	assert.True(t, b.Connected())
	assert.Positive(t, b.PerformanceMetrics().Channels["ticker"].HandlerCalls)
	require.NoError(t, b.Close())
}

// A market whose STATUS records were overwritten finds its state anew.
func TestStateIsFoundAnewAfterAnOverrun(t *testing.T) {
	s, err := sim.New(sim.Config{Venue: "gateio", Symbols: 3, Settle: time.Minute})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	defer s.Close()
	cfg := Config{PublisherConfig: PublisherConfig{CPU: -1, Slots: 1 << 10, Dialect: gateio.New(), URLs: []string{s.URL()}}}
	b := newBase(cfg, nil, nil, nil)
	require.NoError(t, b.Initialize([]Symbol{{"BTC", "USDT"}}, ChannelTicker))
	defer b.Close()
	require.Eventually(t, b.Connected, 5*time.Second, 5*time.Millisecond)
	b.states.on(eventLost)
	b.resync()
	assert.Equal(t, StateReconnected, b.State())
	require.NoError(t, s.Pause(false))
	s.DropAll()
	require.Eventually(t, func() bool { return b.State() == StateReconnecting }, 5*time.Second, 5*time.Millisecond)
	b.states.on(eventAllUp)
	b.resync()
	assert.Equal(t, StateReconnecting, b.State())
}
