package kit

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

// Series is one row of latencies: all rounds in one histogram, and the Median of
// each round by itself, for ratios within a round.
type Series struct {
	Name    string
	All     *hdrhistogram.Histogram
	Medians []float64
	Lost    uint64
}

func NewSeries(name string) *Series {
	return &Series{Name: name, All: hdrhistogram.New(lowestLatency, highestLatency, latencyDigits)}
}

// Add takes one round's latencies in ns. A negative one, which two clocks that are a
// few ns apart may give, counts as the lowest.
func (s *Series) Add(latencies []float64) error {
	for _, ns := range latencies {
		v := min(max(int64(math.Round(ns)), lowestLatency), highestLatency)
		if err := s.All.RecordValue(v); err != nil {
			return fmt.Errorf("record %d ns of %s: %w", v, s.Name, err)
		}
	}
	s.Medians = append(s.Medians, Median(slices.Clone(latencies)))
	return nil
}

// P50 is the Median of the rounds' medians, in ns.
func (s *Series) P50() float64 { return Median(slices.Clone(s.Medians)) }

// quantiles are the columns of a table of latencies.
var quantiles = []float64{50, 90, 99, 99.9, 100}

// Line is the row of the table: name, count, percentiles in ns, loss.
func (s *Series) Line() string {
	text := fmt.Sprintf("  %-54s %8d", s.Name, s.All.TotalCount())
	for _, q := range quantiles {
		text += fmt.Sprintf(" %10d", s.All.ValueAtQuantile(q))
	}
	if s.Lost > 0 {
		text += fmt.Sprintf("  lost %d", s.Lost)
	}
	return text
}

// TableHead is the table's first line, above those of Line.
func TableHead(title string) string {
	return fmt.Sprintf("  %-54s %8s %10s %10s %10s %10s %10s", title, "samples", "p50", "p90", "p99", "p99.9", "max")
}

// RatioOf compares two series round by round: the Median of the quotients of their
// medians. What disturbs the machine for longer than a round disturbs both.
func RatioOf(a, b *Series) float64 {
	n := min(len(a.Medians), len(b.Medians))
	quotients := make([]float64, n)
	for i := range quotients {
		quotients[i] = a.Medians[i] / b.Medians[i]
	}
	return Median(quotients)
}

// Scaled converts ticks, or parts of them, to ns.
func Scaled(values []int64, factor float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v) * factor
	}
	return out
}
