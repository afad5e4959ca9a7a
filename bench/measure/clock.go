package main

import (
	"math"
	"slices"
	"time"
)

// calibrationTime gives a rate good to some ppm.
const calibrationTime = 100 * time.Millisecond

// calibrate measures the length of a tick in ns against the monotonic clock.
func calibrate() float64 {
	began, from := time.Now(), ticks()
	for time.Since(began) < calibrationTime {
		continue
	}
	return float64(time.Since(began)) / float64(ticks()-from)
}

// clockStep is the smallest step seen between two readings, and the median cost of
// one, both in ns.
func clockStep(nsPerTick float64) (resolution, cost float64) {
	const readings = 10_000
	steps := make([]float64, readings)
	resolution = math.Inf(1)
	last := ticks()
	for i := range steps {
		now := ticks()
		steps[i] = float64(now-last) * nsPerTick
		if now > last {
			resolution = min(resolution, steps[i])
		}
		last = now
	}
	return resolution, median(steps)
}

// median of values, which it sorts; NaN of none.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
