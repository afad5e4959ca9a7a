package gateiofutures

import (
	"testing"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// One sub-benchmark a channel and way, over the project's own frames of today's shape.
func BenchmarkDecode(b *testing.B) {
	frames := recordings.Lines(b, "testdata/frames.jsonl")
	for _, c := range []struct {
		name string
		line int
	}{{"book_ticker", 1}, {"trades_2", 4}, {"order_book_update_3_levels", 6}, {"order_book_2_levels", 9}, {"obu_3_levels", 12}, {"tickers", 14}} {
		b.Run(c.name+"/template", func(b *testing.B) { benchmarkFrame(b, padded(frames[c.line-1], hostileTail)) })
		b.Run(c.name+"/reference", func(b *testing.B) { benchmarkFrame(b, frames[c.line-1]) })
	}
}

func benchmarkFrame(b *testing.B, frame []byte) {
	d, symbols, batch := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if v := d.Decode(frame, symbols, batch); v.Class != exchanges.ClassData {
			b.Fatalf("%s", v.Text)
		}
	}
}
