package feed

import (
	"math/rand/v2"
	"testing"

	"github.com/tickring/tickring/ring"
)

// bookDepthTimed is the depth of the books that are timed, of each side.
const bookDepthTimed = 400

// deepBook is a book of so many levels a side around a price.
func deepBook(levels int) *localBook {
	b := newLocalBook()
	for i := range int64(levels) {
		b.apply([]ring.Level{{Price: 100_000 - 2*i, Quantity: 1}}, []ring.Level{{Price: 100_002 + 2*i, Quantity: 1}})
	}
	return b
}

// nearTop are events of one level each within so many levels of the best: new totals,
// ends of levels, and levels that come (back).
func nearTop(levels int) [][]ring.Level {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([][]ring.Level, 4096)
	for i := range out {
		out[i] = []ring.Level{{Price: 100_000 - int64(random.IntN(2*levels)), Quantity: int64(random.IntN(3))}}
	}
	return out
}

// BenchmarkBookLevel is what one level of a delta costs a book of 400 levels a side.
func BenchmarkBookLevel(b *testing.B) {
	for _, c := range []struct {
		name   string
		levels int
	}{{"top_5", 5}, {"top_20", 20}, {"anywhere", bookDepthTimed}} {
		b.Run(c.name, func(b *testing.B) {
			book, events := deepBook(bookDepthTimed), nearTop(c.levels)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				book.apply(events[i&4095], nil)
				i++
			}
		})
	}
}
