package feed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// An instrument that stands still keeps its ticker alone and is marked stale; it comes
// back whole when the ticker tells something new, and what the user ends while it rests
// stays ended.
func TestAStillInstrumentRestsUntilItMoves(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{Rate: 500}, func(c *feed.PublisherConfig) {
		c.IdleAfter = time.Second
	}, [2]string{"gateio.book", "obu@50"})
	state := func(symbol string) (st ring.InstrumentState) {
		id, ok := r.pub.View().Find(symbol)
		require.True(t, ok)
		require.True(t, r.pub.View().InstrumentState(id, &st))
		return st
	}
	is := func(acknowledged ring.Channel, stale bool, symbol string) func() bool {
		return func() bool {
			st := state(symbol)
			return ring.Channel(st.Acknowledged) == acknowledged && (st.Bits()&ring.BitStale != 0) == stale
		}
	}
	soon := func(what string, f func() bool) { require.Eventually(t, f, 8*time.Second, 5*time.Millisecond, what) }
	soon("it is whole", is(ring.AllChannels, false, "BTC/USDT"))
	time.Sleep(1500 * time.Millisecond) // it moves: nothing rests
	assert.True(t, is(ring.AllChannels, false, "BTC/USDT")())

	require.NoError(t, r.sim.ApplyFaults(sim.Faults{PingsOnly: true}))
	soon("it rests", is(ring.ChannelTicker, true, "BTC/USDT"))
	soon("it rests", is(ring.ChannelTicker, true, "ETH/USDT"))
	assert.EqualValues(t, ring.AllChannels&^ring.ChannelTicker, state("BTC/USDT").Stale&^uint32(ring.ChannelTicker))
	require.NoError(t, r.pub.Unsubscribe([]feed.Symbol{{Base: "ETH", Quote: "USDT"}}, ring.ChannelTrades))
	require.NoError(t, r.sim.ApplyFaults(sim.Faults{}))
	soon("it is whole again", is(ring.AllChannels, false, "BTC/USDT"))
	soon("what was ended stays ended", is(ring.AllChannels&^ring.ChannelTrades, false, "ETH/USDT"))
	r.untilKind(ring.KindDepth, "BTC/USDT")
}

// An instrument without a ticker has nothing that could bring it back: it never rests.
func TestWithoutATickerNothingRests(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{Rate: 500}, func(c *feed.PublisherConfig) {
		c.IdleAfter, c.Channels = time.Second, ring.ChannelBookTicker
	})
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
	require.NoError(t, r.sim.ApplyFaults(sim.Faults{PingsOnly: true}))
	require.Never(t, func() bool { return len(r.sim.Truth().Active()) < 2 }, 1800*time.Millisecond, 50*time.Millisecond)
	c := newConfig(t)
	c.IdleAfter = time.Millisecond
	_, err := feed.StartPublisher(c)
	assert.ErrorIs(t, err, feed.ErrConfig)
}
