package feed

import (
	"testing"
)

// BenchmarkFrame is the way of a frame from its bytes to the committed record or
// records, board included, by channel.
func BenchmarkFrame(b *testing.B) {
	for _, c := range []struct{ name, book, frame string }{
		{"book_ticker", "order_book_update@100ms", frameBookTicker},
		{"trade", "order_book_update@100ms", frameTrade},
		{"ticker", "order_book_update@100ms", frameTicker},
		{"order_book_update", "order_book_update@100ms", frameUpdate},
		{"order_book", "order_book@20", frameOrderBook},
		{"obu", "obu@50", frameSnapshot},
	} {
		b.Run(c.name, func(b *testing.B) {
			bench := newBench(b, [2]string{"gateio.book", c.book})
			frame := []byte(c.frame)
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				bench.bytes(frame)
			}
		})
	}
}
