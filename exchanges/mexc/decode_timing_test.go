package mexc

import (
	"testing"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// One sub-benchmark a body, over the project's own frames.
func BenchmarkDecodeBinary(b *testing.B) {
	frames := ownFrames(b)
	for _, c := range []struct {
		name string
		line int
	}{
		{"book_ticker", 1}, {"batch_2_quotes", 4}, {"deals_3", 5}, {"aggre_depth_5_levels", 7}, {"limit_depth_4_levels", 10}, {"mini_ticker", 12}, {"kline", 15}, {"no_body", 16},
	} {
		b.Run(c.name, func(b *testing.B) {
			benchmarkMessages(b, []message{{binary: true, data: frames[c.line-1]}})
		})
	}
}

func BenchmarkDecodeAnswer(b *testing.B) {
	control := recordings.Lines(b, "testdata/control.txt")
	for _, c := range []struct {
		name string
		line int
	}{{"ack", 1}, {"ack_in_part", 3}, {"pong", 6}} {
		b.Run(c.name, func(b *testing.B) { benchmarkMessages(b, []message{{data: control[c.line-1]}}) })
	}
}

func benchmarkMessages(b *testing.B, messages []message) {
	d, symbols, batch := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	bytes := 0
	for _, m := range messages {
		bytes += len(m.data)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes / len(messages)))
	for i := range b.N {
		if v := messages[i%len(messages)].decode(d, symbols, batch); v.Class == exchanges.ClassMalformed {
			b.Fatalf("%s", v.Text)
		}
	}
}

// Varied frames, as a loaded feed has them: quotes and trades of 10 ms windows
// and diffs; and books of 20 levels a side.
func BenchmarkDecodeCaptured(b *testing.B) {
	for _, name := range []string{"reencoded-binance-20240808-10ms", "reencoded-gate-20250903-btc-eth-sol"} {
		b.Run(name, func(b *testing.B) {
			benchmarkMessages(b, messagesOf(b, recordings.Path(b, "captures", "mexc", name+".jsonl.zst")))
		})
	}
}
