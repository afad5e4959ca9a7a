package main

import (
	"bufio"
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Rounds are merged for the percentiles and kept apart for the medians.
func TestSeriesMergesRounds(t *testing.T) {
	s := newSeries("row")
	require.NoError(t, s.add([]float64{100, 100, 100, 900}))
	require.NoError(t, s.add([]float64{300, 300, 300}))
	assert.EqualValues(t, 7, s.all.TotalCount())
	assert.EqualValues(t, 300, s.all.ValueAtQuantile(50))
	assert.EqualValues(t, 900, s.all.Max())
	assert.Equal(t, []float64{100, 300}, s.medians)
	assert.InDelta(t, 200, s.p50(), 0)
	assert.Equal(t, []float64{100, 300}, s.medians, "asking changes nothing")
	assert.Contains(t, s.line(), "row")
	assert.NotContains(t, s.line(), "lost")
}

// Clocks of two processes may be a few ns apart; a stall may exceed the histogram.
func TestSeriesKeepsWhatIsOutOfRange(t *testing.T) {
	s := newSeries("row")
	require.NoError(t, s.add([]float64{-20, 0, 1e15}))
	assert.EqualValues(t, 3, s.all.TotalCount())
	assert.EqualValues(t, lowestLatency, s.all.Min())
	assert.GreaterOrEqual(t, s.all.Max(), highestLatency)
}

// The machine got three times slower in the second round, for both: the ratio stays.
func TestRatioIsTakenWithinRounds(t *testing.T) {
	a, raw := newSeries("a"), newSeries("raw")
	for _, speed := range []float64{1, 3, 1} {
		require.NoError(t, a.add([]float64{120 * speed}))
		require.NoError(t, raw.add([]float64{100 * speed}))
	}
	assert.InDelta(t, 1.2, ratioOf(a, raw), 1e-9)
	assert.True(t, math.IsNaN(ratioOf(a, newSeries("empty"))))
}

func TestMedian(t *testing.T) {
	assert.InDelta(t, 2, median([]float64{3, 1, 2}), 0)
	assert.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 0)
	assert.True(t, math.IsNaN(median(nil)))
}

// Half of a round trip of 200 ticks at 0.5 ns a tick is 50 ns.
func TestRoundTripsAreHalved(t *testing.T) {
	assert.Equal(t, []float64{50, 100}, scaled([]int64{200, 400}, 0.5/2))
}

// A rate in records a second becomes a distance in ticks.
func TestIntervalOfARate(t *testing.T) {
	b := &bench{nsPerTick: 0.5}
	assert.EqualValues(t, 20_000, b.interval(100_000))
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		name  string
		g     goal
		value float64
		text  string
		want  string
	}{
		{"at most, met exactly", atMost(1.25), 1.25, "<=1.25", "ok"},
		{"at most, missed", atMost(1.25), 1.26, "<=1.25", "short"},
		{"at least, met", atLeast(8), 9, ">=8", "ok"},
		{"at least, missed", atLeast(8), 7.9, ">=8", "short"},
		{"nothing was measured", atMost(1), math.NaN(), "<=1", "short"},
		{"nothing was measured from below", atLeast(1), math.NaN(), ">=1", "short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.text, c.g.String())
			assert.Equal(t, c.want, c.g.verdict(c.value))
		})
	}
}

// What a reader writes is what the report reads, and damage is told.
func TestSamplesSurviveThePipe(t *testing.T) {
	j := readerJob{lost: 7, samples: []sample{{1, 2, 3}, {math.MinInt64, 0, math.MaxInt64}}}
	var pipe bytes.Buffer
	require.NoError(t, j.write(&pipe))
	whole := pipe.Bytes()
	got, lost, err := readSamples(bufio.NewReader(bytes.NewReader(whole)))
	require.NoError(t, err)
	assert.Equal(t, j.samples, got)
	assert.EqualValues(t, 7, lost)
	for _, broken := range [][]byte{nil, []byte("oops\n"), []byte("samples 9999999999 lost 0\n"), whole[:len(whole)-1]} {
		_, _, err := readSamples(bufio.NewReader(bytes.NewReader(broken)))
		assert.Error(t, err)
	}
}

// The counter only grows, and its rate is that of some real machine.
func TestCounterGrowsAndIsCalibrated(t *testing.T) {
	last := ticks()
	for range 1000 {
		now := ticks()
		require.GreaterOrEqual(t, now, last)
		last = now
	}
	rate := calibrate()
	assert.Greater(t, rate, 0.05)
	assert.Less(t, rate, 1000.0)
	resolution, cost := clockStep(rate)
	assert.Positive(t, resolution)
	assert.Positive(t, cost)
}
