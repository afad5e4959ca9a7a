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

// MEXC grants a connection 30 streams over its life and stays silent about one more:
// a stream that is ended and wanted again has its connection replaced, the new one
// first, and nothing is lost over it.
func TestMEXCReplacesAConnectionThatGrantsNoMore(t *testing.T) {
	r := newMEXC(t, sim.Config{Rate: 500, Symbols: 30}, func(c *feed.PublisherConfig) {
		c.Symbols, c.Channels = nil, ring.ChannelTrades
	})
	symbols := simPairs(t, r.sim)
	require.Len(t, symbols, 30)
	require.NoError(t, r.pub.Subscribe(symbols, ring.ChannelTrades))
	all := func() bool { return len(r.sim.Truth().Active()) == 30 && r.sim.Stats().Open == 1 }
	require.Eventually(t, all, 5*time.Second, 10*time.Millisecond)

	for range 2 {
		require.NoError(t, r.pub.Unsubscribe(symbols[:1], ring.ChannelTrades))
		require.Eventually(t, func() bool { return len(r.sim.Truth().Active()) == 29 }, 5*time.Second, 10*time.Millisecond)
		require.NoError(t, r.pub.Subscribe(symbols[:1], ring.ChannelTrades))
		require.Eventually(t, all, 5*time.Second, 10*time.Millisecond)
	}
	r.reader.SeekLatest()
	r.untilKind(ring.KindTrade, symbols[0].String())
	assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects))
	assert.Zero(t, r.pub.View().Counter(ring.CounterGaps))
}
