package feed

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// warmBench has the warmer of busy mode, and one message of each of two streams behind it.
func warmBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.h.cfg.Wait = WaitBusy
	b.h.warmer = newWarmer(len(b.h.fast.Fallbacks()) - 1)
	b.frame(frameBookTicker)
	b.frame(frameTrade)
	require.Len(t, b.drain(), 2)
	return b
}

// Warming publishes nothing, counts nothing and allocates nothing, and gives each
// stream's message its turn.
func TestWarmingLeavesNoTrace(t *testing.T) {
	b := warmBench(t)
	h := b.h
	sequence, counters, counts := h.w.LastSequence(), h.w.Counters, slices.Clone(h.fast.Fallbacks())
	now := h.recvNS
	var kinds []string
	for range 4 {
		now += warmNS
		h.warm(now)
		require.Len(t, h.batch.Items, 1)
		kinds = append(kinds, h.batch.Items[0].Kind.String())
	}
	assert.Equal(t, kinds[:2], kinds[2:])
	assert.NotEqual(t, kinds[0], kinds[1])
	assert.Zero(t, testing.AllocsPerRun(100, func() { now += warmNS; h.warm(now) }))
	assert.Equal(t, sequence, h.w.LastSequence())
	assert.Equal(t, counters, h.w.Counters)
	assert.Equal(t, counts, h.fast.Fallbacks())
	assert.Empty(t, b.drain())
}

// A message that comes next is published as if nothing had been warmed.
func TestMessagesAfterWarming(t *testing.T) {
	b, plain := warmBench(t), warmBench(t)
	b.h.warm(b.h.recvNS + warmNS)
	next := padded(frameBookTicker)
	advance(next)
	for _, x := range []*bench{b, plain} {
		x.bytes(next)
	}
	got, want := b.drain(), plain.drain()
	require.Len(t, got, 1)
	require.Len(t, want, 1)
	assert.Equal(t, *want[0].BookTicker(), *got[0].BookTicker())
	assert.Equal(t, want[0].VenueSequence, got[0].VenueSequence)
}

// Nothing is warmed just after a message, nothing too long is kept, and a stream's
// message is taken anew only now and then.
func TestWarmingKeepsToItsTimes(t *testing.T) {
	w := newWarmer(2)
	at := 60 * int64(second)
	w.keep(1, []byte("first"), at)
	_, frame := w.due(at + warmNS - 1)
	assert.Nil(t, frame)
	id, frame := w.due(at + warmNS)
	assert.Equal(t, 1, id)
	assert.Equal(t, "first", string(frame))
	w.keep(1, []byte("soon"), at+warmKeepNS-1)
	w.keep(1, []byte(strings.Repeat("x", warmBytes+1)), at+2*warmKeepNS)
	w.keep(2, []byte("of no stream"), at+2*warmKeepNS)
	_, frame = w.due(at + 3*warmKeepNS)
	assert.Equal(t, "first", string(frame))
	w.keep(1, []byte("later"), at+4*warmKeepNS)
	_, frame = w.due(at + 5*warmKeepNS)
	assert.Equal(t, "later", string(frame))
	none := newWarmer(2)
	_, frame = none.due(at)
	assert.Nil(t, frame)
}
