package wire

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// world is a counter and a system clock under the test's control.
type world struct {
	clock *Clock
	ticks uint64
	sysNS float64
	rate  float64 // true ns per tick
	last  int64
}

const (
	worldStart = 1_800_000_000_000_000_000
	worldRate  = 0.4
)

// newWorld starts a clock whose calibration is wrong by rateError.
func newWorld(rateError float64) *world {
	w := &world{clock: &Clock{rate: worldRate * (1 + rateError)}, ticks: 1 << 40, rate: worldRate}
	w.clock.setAnchor(w.ticks, worldStart)
	return w
}

// run lets d pass, reads the clock each millisecond and checks that it never
// goes back.
func (w *world) run(t *testing.T, d time.Duration) {
	t.Helper()
	for end := w.sysNS + float64(d); w.sysNS < end; {
		w.ticks += uint64(float64(time.Millisecond) / w.rate)
		w.sysNS += float64(time.Millisecond)
		now := w.clock.forward(w.clock.at(w.ticks))
		require.GreaterOrEqual(t, now, w.last, "the clock went back")
		w.last = now
	}
}

func (w *world) system() int64 { return worldStart + int64(w.sysNS) }

func (w *world) off() int64 { return w.system() - w.clock.at(w.ticks) }

func abs(n int64) int64 { return max(n, -n) }

// A rate that is 50 ppm wrong is learnt, with samples that are up to 50 ns off
// and intervals that vary.
func TestClockLearnsItsRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, rateError := range []float64{50e-6, -50e-6} {
		w := newWorld(rateError)
		for i := range 200 {
			w.run(t, time.Duration(50+rng.IntN(100))*time.Millisecond)
			if i > 50 {
				require.Less(t, abs(w.off()), int64(time.Microsecond), "turn %d", i)
			}
			w.clock.adjust(w.ticks, w.system()+rng.Int64N(100)-50)
		}
		assert.Zero(t, w.clock.Steps())
	}
}

// A caller that disciplines rarely gets a coarser clock, not a swinging one.
func TestClockStableAtAnyInterval(t *testing.T) {
	for _, interval := range []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, time.Second, 5 * time.Second} {
		w := newWorld(20e-6)
		for range 60 {
			w.run(t, interval)
			w.clock.adjust(w.ticks, w.system())
		}
		w.run(t, interval)
		assert.Less(t, abs(w.off()), int64(5*time.Microsecond), "%v", interval)
		assert.Zero(t, w.clock.Steps())
	}
}

// A system clock that slews by 200 ppm, as a time daemon does, is followed
// within some microseconds.
func TestClockFollowsSlew(t *testing.T) {
	w := newWorld(0)
	for i := range 100 {
		w.run(t, 100*time.Millisecond)
		w.sysNS += 20_000 // 200 ppm of 100 ms
		if i > 30 {
			require.Less(t, abs(w.off()), int64(30*time.Microsecond))
		}
		w.clock.adjust(w.ticks, w.system())
	}
	assert.Zero(t, w.clock.Steps())
}

func TestClockSetForwardAtOnce(t *testing.T) {
	w := newWorld(0)
	w.run(t, 100*time.Millisecond)
	w.sysNS += float64(10 * time.Second)
	w.clock.adjust(w.ticks, w.system())
	assert.Zero(t, w.off())
	assert.Equal(t, uint64(1), w.clock.Steps())
	w.run(t, 100*time.Millisecond)
	w.clock.adjust(w.ticks, w.system())
	assert.Less(t, abs(w.clock.ErrorNS()), int64(time.Microsecond), "the rate was not learnt from the step")
	assert.Equal(t, uint64(1), w.clock.Steps())
}

// The system clock goes back by a second: ours goes on, at half speed, and is
// right after two seconds, counted once.
func TestClockSetBackNeverGoesBack(t *testing.T) {
	w := newWorld(0)
	w.run(t, 100*time.Millisecond)
	w.sysNS -= float64(time.Second)
	for range 30 {
		before := w.last
		w.clock.adjust(w.ticks, w.system())
		w.run(t, 100*time.Millisecond)
		assert.Greater(t, w.last, before+int64(45*time.Millisecond), "timers go on")
	}
	w.clock.adjust(w.ticks, w.system())
	assert.Less(t, abs(w.clock.ErrorNS()), int64(100*time.Microsecond))
	assert.Equal(t, uint64(1), w.clock.Steps())
}

// A counter that restarts (a restored machine) makes a new anchor, not a leap by
// centuries.
func TestClockCounterReset(t *testing.T) {
	w := newWorld(0)
	w.run(t, 100*time.Millisecond)
	w.ticks = 1000
	w.run(t, 5*time.Millisecond)
	w.clock.adjust(w.ticks, w.system())
	w.run(t, 100*time.Millisecond)
	w.clock.adjust(w.ticks, w.system())
	assert.Less(t, abs(w.off()), int64(time.Microsecond))
	assert.Equal(t, uint64(1), w.clock.Steps())
}

// The real clock against the real system for a second, disciplined as the hot
// thread does it.
func TestClockAgainstSystem(t *testing.T) {
	c := NewClock()
	require.Contains(t, []string{"tsc", "cntvct", "vdso"}, c.Source())
	var worst, sum, count int64
	last := int64(0)
	next := time.Now()
	for start := time.Now(); time.Since(start) < time.Second; {
		if time.Now().After(next) {
			c.Discipline()
			next = next.Add(50 * time.Millisecond)
		}
		before := time.Now().UnixNano()
		now := c.Now()
		after := time.Now().UnixNano()
		require.GreaterOrEqual(t, now, last)
		last = now
		if after-before > 5000 {
			continue // interrupted between the readings
		}
		off := abs(now - (before+after)/2)
		worst, sum, count = max(worst, off), sum+off, count+1
	}
	t.Logf("source %s, %.6f ns a tick, %d readings: mean error %d ns, worst %d ns",
		c.Source(), c.RateNSPerTick(), count, sum/count, worst)
	assert.Less(t, sum/count, int64(time.Millisecond))
	assert.Less(t, worst, int64(time.Millisecond))
	assert.Zero(t, c.Steps())
}

// Without a usable counter the clock reads the system's, still never back.
func TestClockFallback(t *testing.T) {
	c := &Clock{vdso: true, source: "vdso"}
	c.Discipline()
	now := c.Now()
	assert.InDelta(t, time.Now().UnixNano(), now, float64(time.Second))
	c.lastNS = now + int64(time.Hour)
	assert.Equal(t, now+int64(time.Hour), c.Now())
}

func TestClockAllocatesNothing(t *testing.T) {
	c := NewClock()
	assert.Zero(t, testing.AllocsPerRun(1000, func() { c.Now(); c.Discipline() }))
}
