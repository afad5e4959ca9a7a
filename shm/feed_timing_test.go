package shm

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
)

// lapRecords is what one lap of the timing's ring holds; it stays in a first cache.
const lapRecords = 4000

// timingFeed is a ring with a lap of records that nobody writes to any more.
func timingFeed(tb testing.TB) (*Mapping, *Feed) {
	dir := tb.TempDir()
	cfg := small("f")
	cfg.Slots = 4096
	s, err := Create(Options{Dir: dir}, cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, s.Close(true)) })
	w, err := ring.NewWriter(s.Bytes(), func() int64 { return 1 })
	require.NoError(tb, err)
	require.NoError(tb, s.Publish())
	publishPlain(w, lapRecords)
	m, err := Open(dir, "f")
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, m.Close()) })
	return m, openFeed(tb, dir, "f", FeedOptions{From: FromOldest, Register: "timing"})
}

// Each of these reads one lap and adds something up, as a strategy would.

func plainLap(r *ring.Reader) (sum int64) {
	var out ring.Record
	r.Seek(1)
	for range lapRecords {
		if r.Next(&out) != ring.AnswerRecord {
			panic("a lap is short")
		}
		sum += out.RecvTimeNS
	}
	return sum
}

func recordsLap(ctx context.Context, f *Feed) (sum int64) {
	f.reader.Seek(1)
	n := 0
	for r := range f.Records(ctx) {
		sum += r.RecvTimeNS
		if n++; n == lapRecords {
			break
		}
	}
	return sum
}

func allLap(ctx context.Context, f *Feed) (sum int64) {
	f.reader.Seek(1)
	n := 0
	for r, a := range f.All(ctx) {
		if a != ring.AnswerRecord {
			continue
		}
		sum += r.RecvTimeNS
		if n++; n == lapRecords {
			break
		}
	}
	return sum
}

func nextLap(f *Feed) (sum int64) {
	var out ring.Record
	f.reader.Seek(1)
	for range lapRecords {
		if f.Next(&out) != ring.AnswerRecord {
			panic("a lap is short")
		}
		sum += out.RecvTimeNS
	}
	return sum
}

// A lap by the plain reader and by the calls of Feed, interleaved, the least of many
// rounds each: the shares that ns a record have of the plain reader's.
func TestRecordsCostLittleMoreThanTheReader(t *testing.T) {
	m, f := timingFeed(t)
	reader := ring.NewReader(m.View())
	ctx := context.Background()
	ways := []struct {
		name string
		lap  func() int64
		most float64
	}{
		{"plain reader", func() int64 { return plainLap(reader) }, 1},
		{"range Records", func() int64 { return recordsLap(ctx, f) }, 1.10},
		{"range All", func() int64 { return allLap(ctx, f) }, 1.25},
		{"Feed.Next", func() int64 { return nextLap(f) }, 2},
	}
	best := make([]float64, len(ways))
	for i := range best {
		best[i] = math.Inf(1)
	}
	rounds := 300
	if raceEnabled {
		rounds = 3 // nothing is measured then
	}
	for range rounds {
		for i, w := range ways {
			begin := time.Now()
			w.lap()
			best[i] = min(best[i], float64(time.Since(begin))/lapRecords)
		}
	}
	for i, w := range ways {
		fmt.Printf("shm: %-14s %5.1f ns a record, %.2f of the plain reader\n", w.name, best[i], best[i]/best[0])
		if !raceEnabled {
			assert.LessOrEqual(t, best[i]/best[0], w.most, w.name)
		}
	}
}

// A report that is stored: every 10 ms at most.
func BenchmarkReport(b *testing.B) {
	m, _ := timingFeed(b)
	g, err := m.Register("bench")
	require.NoError(b, err)
	defer g.Close()
	reader := ring.NewReader(m.View())
	for b.Loop() {
		g.reported = -ring.ReaderReportNS
		g.Report(reader)
	}
}

// A report between two that are stored.
func BenchmarkReportTooEarly(b *testing.B) {
	m, _ := timingFeed(b)
	g, err := m.Register("bench")
	require.NoError(b, err)
	defer g.Close()
	reader := ring.NewReader(m.View())
	g.base = g.base.Add(time.Hour) // never due
	for b.Loop() {
		g.Report(reader)
	}
}
