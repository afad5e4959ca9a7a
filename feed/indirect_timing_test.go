package feed

import (
	"testing"

	"github.com/tickring/tickring/feed/internal/wire"
)

// countedClock and countedSocket count what a frame asks of clock and socket.
type countedClock struct {
	hotClock
	calls int
}

func (c *countedClock) Now() int64 { c.calls++; return c.hotClock.Now() }

type countedSocket struct {
	socket
	calls int
}

func (s *countedSocket) ReadChunk() (int, error) { s.calls++; return s.socket.ReadChunk() }

func (s *countedSocket) Next() (wire.Message, error) { s.calls++; return s.socket.Next() }

// BenchmarkIndirect is one call through the interface, as the hot thread makes it, and
// the same call of the concrete type; with BenchmarkCallsOfAFrame, what the interfaces
// cost a frame.
func BenchmarkIndirect(b *testing.B) {
	concrete := wire.NewClock()
	h := &hot{clock: concrete}
	b.Run("interface", func(b *testing.B) {
		for b.Loop() {
			sinkNS = h.clock.Now()
		}
	})
	held := &struct{ clock *wire.Clock }{concrete}
	b.Run("concrete", func(b *testing.B) {
		for b.Loop() {
			sinkNS = held.clock.Now()
		}
	})
}

var sinkNS int64

// BenchmarkCallsOfAFrame reports how many such calls a book ticker makes, from the socket
// that is ready to the record and the end of the turn.
func BenchmarkCallsOfAFrame(b *testing.B) {
	bench := newBench(b)
	n := newNumbered(frameBookTicker, 1)
	s := &countedSocket{socket: &oneMessage{frame: n.frame}}
	clock := &countedClock{hotClock: bench.h.clock}
	bench.c.ws, bench.h.byRow[bench.c.row], bench.h.clock = s, bench.c, clock
	event := wire.Event{Token: uint32(bench.c.row), Readable: true}
	times := 0
	for ; b.Loop(); times++ {
		n.raise()
		bench.h.event(event)
		_ = bench.h.clock.Now() // the loop's own
	}
	b.ReportMetric(float64(s.calls)/float64(times), "socket-calls")
	b.ReportMetric(float64(clock.calls)/float64(times), "clock-calls")
}
