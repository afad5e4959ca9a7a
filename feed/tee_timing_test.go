package feed

import (
	"fmt"
	"testing"

	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// BenchmarkCheckpoint is how long the hot thread stands still when a recording joins
// or a part begins: two instruments, with shallow books and with deep ones.
func BenchmarkCheckpoint(b *testing.B) {
	for _, levels := range []int{20, 5000} {
		b.Run(fmt.Sprintf("levels=%d", levels), func(b *testing.B) {
			bench := newBench(b, [2]string{"gateio.book", "obu@50"})
			for _, in := range bench.h.instruments {
				in.book.bids.levels, in.book.asks.levels = make([]ring.Level, levels), make([]ring.Level, levels)
			}
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(len(bench.h.checkpoint())))
			}
		})
	}
}

// BenchmarkRecordedFrame is a book ticker from a socket that is ready to its record,
// with and without a recording.
func BenchmarkRecordedFrame(b *testing.B) {
	for _, recorded := range []bool{false, true} {
		b.Run(fmt.Sprintf("recorded=%v", recorded), func(b *testing.B) {
			bench := newBench(b)
			s := &oneMessage{frame: padded(frameBookTicker)}
			bench.c.ws = s
			bench.h.byRow[bench.c.row] = bench.c
			r, buf := recording.NewRing(1<<20), make([]byte, 0, 1<<20)
			if recorded {
				bench.h.startTee(r)
			}
			event := wire.Event{Token: uint32(bench.c.row), Readable: true}
			for n := 0; b.Loop(); n++ {
				advance(s.frame)
				bench.h.tee.event(event)
				bench.h.event(event)
				bench.h.tee.end(bench.h)
				if n%1024 == 0 {
					buf = r.Take(buf[:0])
				}
			}
		})
	}
}
