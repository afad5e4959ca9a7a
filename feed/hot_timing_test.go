package feed

import (
	"fmt"
	"strings"
	"testing"
)

// update20 is a delta of twenty levels.
func update20() string {
	side := func(price float64, step float64) string {
		var levels []string
		for i := range 10 {
			levels = append(levels, fmt.Sprintf(`["%.2f","%d.%04d"]`, price+float64(i)*step, i, 1234+i))
		}
		return strings.Join(levels, ",")
	}
	return `{"time":1790134390,"time_ms":1790134390859,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390805,"e":"depthUpdate","E":1790134390,"s":"ETH_USDT","U":474334686,"u":474334687,"b":[` +
		side(2765.25, -0.07) + `],"a":[` + side(2766.31, 0.03) + `]}}`
}

// BenchmarkFrame is the way of a frame from its bytes to the committed record or
// records, board included, by channel.
func BenchmarkFrame(b *testing.B) {
	for _, c := range []struct{ name, book, frame string }{
		{"book_ticker", "order_book_update@100ms", frameBookTicker},
		{"trade", "order_book_update@100ms", frameTrade},
		{"ticker", "order_book_update@100ms", frameTicker},
		{"order_book_update", "order_book_update@100ms", frameUpdate},
		{"order_book_update_20", "order_book_update@100ms", update20()},
		{"order_book", "order_book@20", frameOrderBook},
		{"obu", "obu@50", frameSnapshot},
	} {
		b.Run(c.name, func(b *testing.B) {
			bench := newBench(b, [2]string{"gateio.book", c.book})
			frame := padded(c.frame)
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				bench.bytes(frame)
			}
		})
	}
}
