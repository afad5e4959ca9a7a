package feed

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// stillSocket is a connection that nothing is read from or written to.
type stillSocket struct{ socket }

func (stillSocket) WriteText([]byte) error { return nil }
func (stillSocket) WantWrite() bool        { return false }

// newTwoLegs is a bench whose streams have a second connection.
func newTwoLegs(t *testing.T, options ...[2]string) (b *bench, one, two *conn) {
	t.Helper()
	b = newBench(t, options...)
	b.h.legs = 2
	for _, in := range b.h.instruments {
		for k := range in.subs {
			b.h.wantLegs(in, k)
		}
	}
	require.Len(t, b.h.conns, 2)
	for _, c := range b.h.conns {
		c.ws = stillSocket{}
		for _, s := range c.subs {
			s.state = subActive
		}
	}
	return b, b.h.conns[0], b.h.conns[1]
}

// from publishes a frame that came over a connection.
func (b *bench) from(c *conn, text string) {
	b.c = c
	b.frame(text)
}

func obuDelta(first, last int) string {
	return fmt.Sprintf(`{"channel":"spot.obu","result":{"t":1754006400361,"s":"ob.BTC_USDT.50","U":%d,"u":%d,"b":[["115765.1","0.5"]],"a":[]},"time_ms":1754006400364,"event":"update"}`, first, last)
}

// depths are the last ids of depth events, and GAPs as minus their first missing id.
func (b *bench) depths() (ids []int) {
	for _, r := range b.drain() {
		switch {
		case r.Kind == ring.KindDepth && r.Flags&ring.FlagFirst != 0:
			ids = append(ids, int(r.VenueSequence))
		case r.Kind == ring.KindStatus && r.Status().Code == ring.StatusGap:
			ids = append(ids, -int(r.Status().FirstMissing))
		}
	}
	return ids
}

// A hole in one leg is filled by another, in whatever pieces it brings the data; one that
// both have, or that waits too long, is a GAP.
func TestALegFillsAnothersHole(t *testing.T) {
	b, one, two := newTwoLegs(t, [2]string{"gateio.book", "obu@50"})
	in := b.h.instruments[0]
	b.from(one, frameSnapshot) // ends in 100
	b.from(one, obuDelta(101, 103))
	b.from(two, obuDelta(101, 102))
	b.from(one, obuDelta(107, 109))
	assert.Equal(t, []int{100, 103}, b.depths(), "107 waits for what is before it")
	b.from(two, obuDelta(103, 106))
	b.from(two, obuDelta(107, 109))
	b.from(one, obuDelta(110, 112))
	assert.Equal(t, []int{106, 109, 112}, b.depths())
	assert.True(t, in.bookSynced)
	assert.EqualValues(t, 1, b.h.legStats[0].holed)

	b.from(one, obuDelta(116, 118))
	assert.Empty(t, b.depths())
	b.from(two, obuDelta(116, 118))
	assert.Equal(t, []int{-113, 118}, b.depths(), "both have the hole")
	assert.False(t, in.bookSynced)

	b.from(one, `{"channel":"spot.obu","result":{"t":1754006400461,"full":true,"s":"ob.BTC_USDT.50","u":200,"b":[["115765.1","1"]],"a":[["115765.2","1"]]},"time_ms":1754006400464,"event":"update"}`)
	b.from(one, obuDelta(204, 205))
	assert.Equal(t, []int{200}, b.depths())
	in.holeNS -= holeWaitNS
	b.from(one, obuDelta(206, 207))
	assert.Equal(t, []int{-201, 207}, b.depths(), "it waited long enough")
}

// Without a leg that lives nothing waits.
func TestAHoleDoesNotWaitForALegThatIsDown(t *testing.T) {
	b, one, two := newTwoLegs(t, [2]string{"gateio.book", "obu@50"})
	b.from(one, frameSnapshot)
	two.ws = nil
	b.from(one, obuDelta(104, 105))
	assert.Equal(t, []int{100, -101, 105}, b.depths())
}

// What a leg was ahead by is counted where the other brings its copy.
func TestLegsCountTheirLead(t *testing.T) {
	b, one, two := newTwoLegs(t)
	b.from(two, frameBookTicker)
	b.h.instruments[0].quoteFirst.recvNS -= 1_300_000 // the middle of what is told to a factor of 1.5
	b.from(one, frameBookTicker)
	b.from(one, frameTrade)
	b.from(two, frameTrade)
	r := b.h.legReports()
	require.Len(t, r, 2)
	assert.EqualValues(t, 1, r[1].First)
	assert.InDelta(t, 1.5e6, float64(r[1].LeadP50NS), 0.5e6)
	assert.EqualValues(t, 1, r[0].First)
	assert.EqualValues(t, 1, r[0].Late)
	assert.EqualValues(t, 1, r[1].Late)
}

// Legs cost no allocation.
func TestLegsAllocateNothing(t *testing.T) {
	b, one, two := newTwoLegs(t)
	quote, trade := padded(frameBookTicker), padded(frameTrade)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		advance(quote)
		advance(trade)
		for _, c := range []*conn{one, two} {
			b.c = c
			b.bytes(quote)
			b.bytes(trade)
		}
	}))
}
