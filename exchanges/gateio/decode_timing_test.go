package gateio

import (
	"testing"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// One sub-benchmark a channel, over the project's own frames of today's shape.
func BenchmarkDecode(b *testing.B) {
	frames := recordings.Lines(b, "testdata/frames.jsonl")
	for _, c := range []struct {
		name string
		line int
	}{
		{"book_ticker", 1}, {"trades", 5}, {"order_book_update_4_levels", 8}, {"order_book_3_levels", 12}, {"obu", 15}, {"tickers", 17}, {"ack", 19}, {"pong", 22},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkFrame(b, frames[c.line-1]) })
	}
}

func benchmarkFrame(b *testing.B, frame []byte) {
	d, symbols, batch := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for range b.N {
		if v := d.Decode(frame, symbols, batch); v.Class == exchanges.ClassMalformed {
			b.Fatalf("%s", v.Text)
		}
	}
}

// Books of 20 levels a side from a recording, as a loaded feed has them.
func BenchmarkDecodeCapturedBooks(b *testing.B) {
	frames := recordings.Texts(b, recordings.Path(b, "captures", "gateio", "reencoded-gate-20250903-btc-eth-sol.jsonl.zst"))
	d, symbols, batch := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	b.ReportAllocs()
	for i := range b.N {
		if v := d.Decode(frames[i%len(frames)], symbols, batch); v.Class == exchanges.ClassMalformed {
			b.Fatalf("%s", v.Text)
		}
	}
}
