package kit

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Rounds are merged for the percentiles and kept apart for the medians.

func TestSeriesMergesRounds(t *testing.T) {
	s := NewSeries("row")
	require.NoError(t, s.Add([]float64{100, 100, 100, 900}))
	require.NoError(t, s.Add([]float64{300, 300, 300}))
	assert.EqualValues(t, 7, s.All.TotalCount())
	assert.EqualValues(t, 300, s.All.ValueAtQuantile(50))
	assert.EqualValues(t, 900, s.All.Max())
	assert.Equal(t, []float64{100, 300}, s.Medians)
	assert.InDelta(t, 200, s.P50(), 0)
	assert.Equal(t, []float64{100, 300}, s.Medians, "asking changes nothing")
	assert.Contains(t, s.Line(), "row")
	assert.NotContains(t, s.Line(), "lost")
}

// Clocks of two processes may be a few ns apart; a stall may exceed the histogram.

func TestSeriesKeepsWhatIsOutOfRange(t *testing.T) {
	s := NewSeries("row")
	require.NoError(t, s.Add([]float64{-20, 0, 1e15}))
	assert.EqualValues(t, 3, s.All.TotalCount())
	assert.EqualValues(t, lowestLatency, s.All.Min())
	assert.GreaterOrEqual(t, s.All.Max(), highestLatency)
}

// The machine got three times slower in the second round, for both: the ratio stays.

func TestRatioIsTakenWithinRounds(t *testing.T) {
	a, raw := NewSeries("a"), NewSeries("raw")
	for _, speed := range []float64{1, 3, 1} {
		require.NoError(t, a.Add([]float64{120 * speed}))
		require.NoError(t, raw.Add([]float64{100 * speed}))
	}
	assert.InDelta(t, 1.2, RatioOf(a, raw), 1e-9)
	assert.True(t, math.IsNaN(RatioOf(a, NewSeries("empty"))))
}

func TestMedian(t *testing.T) {
	assert.InDelta(t, 2, Median([]float64{3, 1, 2}), 0)
	assert.InDelta(t, 2.5, Median([]float64{4, 1, 3, 2}), 0)
	assert.True(t, math.IsNaN(Median(nil)))
}

// Half of a round trip of 200 ticks at 0.5 ns a tick is 50 ns.

func TestRoundTripsAreHalved(t *testing.T) {
	assert.Equal(t, []float64{50, 100}, Scaled([]int64{200, 400}, 0.5/2))
}

// A rate in records a second becomes a distance in ticks.

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		name  string
		g     Goal
		value float64
		text  string
		want  string
	}{
		{"at most, met exactly", AtMost(1.25), 1.25, "<=1.25", "ok"},
		{"at most, missed", AtMost(1.25), 1.26, "<=1.25", "short"},
		{"at least, met", AtLeast(8), 9, ">=8", "ok"},
		{"at least, missed", AtLeast(8), 7.9, ">=8", "short"},
		{"nothing was measured", AtMost(1), math.NaN(), "<=1", "short"},
		{"nothing was measured from below", AtLeast(1), math.NaN(), ">=1", "short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.text, c.g.String())
			assert.Equal(t, c.want, c.g.Verdict(c.value))
		})
	}
}

// What a reader writes is what the report reads, and damage is told.

// The counter only grows, and its rate is that of some real machine.

func TestCounterGrowsAndIsCalibrated(t *testing.T) {
	last := Ticks()
	for range 1000 {
		now := Ticks()
		require.GreaterOrEqual(t, now, last)
		last = now
	}
	rate := Calibrate()
	assert.Greater(t, rate, 0.05)
	assert.Less(t, rate, 1000.0)
	resolution, cost := ClockStep(rate)
	assert.Positive(t, resolution)
	assert.Positive(t, cost)
}

func TestCPUsAreChecked(t *testing.T) {
	for _, c := range []struct{ name, publisher, reader, want string }{
		{"a CPU that is not there", "1023", "0", "PUB_CPU"},
		{"no number", "0", "one", "READ_CPU"},
		{"one CPU for both", "0", "0", "the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PUB_CPU", c.publisher)
			t.Setenv("READ_CPU", c.reader)
			_, err := ChooseCPUs()
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestMachineIsNamed(t *testing.T) {
	for _, line := range MachineFacts(CPUs{0, 1}, "make bench", "no-such-compiler", "abc", 1) {
		_, value, ok := strings.Cut(line, ": ")
		assert.True(t, ok && strings.TrimSpace(value) != "", line)
	}
	warnings := strings.Join(MachineWarnings(CPUs{0, 0}), "\n")
	assert.Contains(t, warnings, "two threads of one core")
}
