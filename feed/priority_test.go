package feed

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// newUrgent is a bench whose ETH/USDT comes before its BTC/USDT.
func newUrgent(t *testing.T) (h *hot, usual, urgent *conn) {
	t.Helper()
	h = newBench(t).h
	h.conns, h.rows = nil, rowPool{}
	for _, in := range h.instruments {
		in.urgent = in.symbol == Symbol{"ETH", "USDT"}
		for k, s := range in.subs {
			s.state, s.conn = subWanted, nil
			h.assign(s)
			in.legs[k][0] = s
		}
	}
	require.Len(t, h.conns, 2)
	return h, h.conns[0], h.conns[1]
}

// A symbol that comes first has a connection of its own, and shares it with no other.
func TestUrgentSymbolsHaveConnectionsOfTheirOwn(t *testing.T) {
	h, usual, urgent := newUrgent(t)
	assert.False(t, usual.urgent)
	assert.True(t, urgent.urgent)
	for _, c := range h.conns {
		assert.Len(t, c.subs, channelCount)
		for _, s := range c.subs {
			assert.Equal(t, c.urgent, s.inst.urgent)
		}
	}
	n := h.newConn(h.clock.Now(), urgent.connGroup)
	assert.True(t, n.urgent, "a successor is of the same group")
}

// Where the limits let one of two connections dial, it is the urgent one; where they let
// one of two books be fetched, it is the urgent symbol's.
func TestUrgentSymbolsComeFirst(t *testing.T) {
	h, usual, urgent := newUrgent(t)
	h.cfg.URLs = []string{"ws://127.0.0.1:1/"}
	now := h.clock.Now()
	var dialled []*conn
	h.dial = func(c *conn, _ string, _ uint64) { dialled = append(dialled, c) }
	h.host(h.cfg.URLs[0]).bucket = bucket{tokens: 1, atNS: now}
	usual.dialNS, urgent.dialNS = now, now
	h.tick(now)
	assert.Equal(t, []*conn{urgent}, dialled)

	var fetched []string
	h.fetchSnapshot = func(in *instrument, _ uint64) { fetched = append(fetched, in.symbol.Base) }
	for _, c := range h.conns {
		c.ws, c.dialing, c.nextPingNS = stillSocket{}, false, now+second
		for _, s := range c.subs {
			s.state, s.inst.rest = subActive, &restBook{}
		}
	}
	h.restPace = bucket{tokens: 1, atNS: now}
	h.tick(now)
	assert.Equal(t, []string{"ETH"}, fetched)
}

// A publisher with symbols that come first serves all.
func TestUrgentSymbolsAreConfigured(t *testing.T) {
	b := newBench(t)
	b.h.cfg.Priority = []Symbol{{"SOL", "USDT"}}
	in, err := b.h.addInstrument(Symbol{"SOL", "USDT"}, "SOL_USDT", nil)
	require.NoError(t, err)
	b.h.want(in, ring.ChannelTrades)
	assert.True(t, in.urgent)
	assert.True(t, in.subs[channelIndex(ring.ChannelTrades)].conn.urgent)
}
