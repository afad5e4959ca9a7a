package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies from 1 ns to a minute are kept with three digits.
const (
	lowestLatency  = 1
	highestLatency = int64(time.Minute)
	latencyDigits  = 3
)

// series is one row of latencies: all rounds in one histogram, and the median of
// each round by itself, for ratios within a round.
type series struct {
	name    string
	all     *hdrhistogram.Histogram
	medians []float64
	lost    uint64
}

func newSeries(name string) *series {
	return &series{name: name, all: hdrhistogram.New(lowestLatency, highestLatency, latencyDigits)}
}

// add takes one round's latencies in ns. A negative one, which two clocks that are a
// few ns apart may give, counts as the lowest.
func (s *series) add(latencies []float64) error {
	for _, ns := range latencies {
		v := min(max(int64(math.Round(ns)), lowestLatency), highestLatency)
		if err := s.all.RecordValue(v); err != nil {
			return fmt.Errorf("record %d ns of %s: %w", v, s.name, err)
		}
	}
	s.medians = append(s.medians, median(slices.Clone(latencies)))
	return nil
}

// p50 is the median of the rounds' medians, in ns.
func (s *series) p50() float64 { return median(slices.Clone(s.medians)) }

// quantiles are the columns of a table of latencies.
var quantiles = []float64{50, 90, 99, 99.9, 100}

// line is the row of the table: name, count, percentiles in ns, loss.
func (s *series) line() string {
	text := fmt.Sprintf("  %-54s %8d", s.name, s.all.TotalCount())
	for _, q := range quantiles {
		text += fmt.Sprintf(" %10d", s.all.ValueAtQuantile(q))
	}
	if s.lost > 0 {
		text += fmt.Sprintf("  lost %d", s.lost)
	}
	return text
}

func tableHead(title string) string {
	return fmt.Sprintf("  %-54s %8s %10s %10s %10s %10s %10s", title, "samples", "p50", "p90", "p99", "p99.9", "max")
}

// ratioOf compares two series round by round: the median of the quotients of their
// medians. What disturbs the machine for longer than a round disturbs both.
func ratioOf(a, b *series) float64 {
	n := min(len(a.medians), len(b.medians))
	quotients := make([]float64, n)
	for i := range quotients {
		quotients[i] = a.medians[i] / b.medians[i]
	}
	return median(quotients)
}

// scaled converts ticks, or parts of them, to ns.
func scaled(values []int64, factor float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v) * factor
	}
	return out
}
