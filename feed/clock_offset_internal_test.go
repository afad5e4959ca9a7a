package feed

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Whatever the two ways of a round trip take, the truth is within what a sample says,
// and the best of many is at least as sure as any.
func TestClockSamplesHoldTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		truth := rng.Int64N(20*second) - 10*second
		var v venueClock
		at, surest := int64(1_700_000_000*second), int64(1<<62)
		for range 40 {
			there, back := rng.Int64N(300*ms), rng.Int64N(300*ms)
			said := (at + there + truth) / ms * ms // the venue rounds down
			s := sampleOf(said, at, at+there+back)
			best := v.add(s)
			for _, one := range []clockSample{s, best} {
				assert.LessOrEqual(t, max(one.offsetNS-truth, truth-one.offsetNS), one.uncertaintyNS)
			}
			surest = min(surest, s.uncertaintyNS)
			at += second
		}
		assert.GreaterOrEqual(t, v.best().uncertaintyNS, surest)
		assert.Equal(t, 40, v.taken)
	}
}

// A sample that contradicts the best one says that a clock was set: what came before is
// forgotten, however sure it was.
func TestClockThatWasSet(t *testing.T) {
	var v venueClock
	v.add(clockSample{offsetNS: 0, uncertaintyNS: 1 * ms})
	v.add(clockSample{offsetNS: 90 * ms, uncertaintyNS: 100 * ms})
	assert.Equal(t, int64(1*ms), v.best().uncertaintyNS, "they agree")
	best := v.add(clockSample{offsetNS: 5 * second, uncertaintyNS: 100 * ms})
	assert.Equal(t, int64(5*second), best.offsetNS)
	assert.Equal(t, 1, v.taken)
}

// The oldest samples are forgotten.
func TestClockSamplesAge(t *testing.T) {
	var v venueClock
	v.add(clockSample{uncertaintyNS: 1 * ms})
	for range clockSamples - 1 {
		assert.Equal(t, int64(1*ms), v.add(clockSample{uncertaintyNS: 9 * ms}).uncertaintyNS)
	}
	assert.Equal(t, int64(9*ms), v.add(clockSample{uncertaintyNS: 9 * ms}).uncertaintyNS)
}

// What the round trip leaves open counts against the bound: doubt flags nothing.
func TestClockBeyondBound(t *testing.T) {
	for _, c := range []struct {
		offset, uncertainty int64
		want                bool
	}{
		{1500 * ms, 100 * ms, true}, {-1500 * ms, 100 * ms, true},
		{1500 * ms, 600 * ms, false}, {900 * ms, 0, false}, {-1 * second, 0, false}, {1*second + 1, 0, true},
	} {
		assert.Equal(t, c.want, clockSample{offsetNS: c.offset, uncertaintyNS: c.uncertainty}.beyond(1*second), "%+v", c)
	}
}
