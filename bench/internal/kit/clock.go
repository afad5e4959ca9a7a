package kit

import (
	"math"
	"slices"
	"time"
)

// calibrationTime gives a rate good to some ppm.
const calibrationTime = 100 * time.Millisecond

// Calibrate measures the length of a tick in ns against the monotonic clock.
func Calibrate() float64 {
	began, from := time.Now(), Ticks()
	for time.Since(began) < calibrationTime {
		continue
	}
	return float64(time.Since(began)) / float64(Ticks()-from)
}

// ClockStep is the smallest step seen between two readings, and the Median cost of
// one, both in ns.
func ClockStep(nsPerTick float64) (resolution, cost float64) {
	const readings = 10_000
	steps := make([]float64, readings)
	resolution = math.Inf(1)
	last := Ticks()
	for i := range steps {
		now := Ticks()
		steps[i] = float64(now-last) * nsPerTick
		if now > last {
			resolution = min(resolution, steps[i])
		}
		last = now
	}
	return resolution, Median(steps)
}

// Median is that of values, which it sorts; NaN of none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
