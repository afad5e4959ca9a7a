package feed

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// A side holds what a sorted map of the same changes holds, near the best and far from it,
// and when it is full the worst level leaves.
func TestBookSideIsASortedMap(t *testing.T) {
	for _, asks := range []bool{false, true} {
		random := rand.New(rand.NewPCG(3, 4))
		side, model := bookSide{asks: asks}, map[int64]int64{}
		for range 20_000 {
			l := ring.Level{Price: int64(random.IntN(600)), Quantity: max(0, int64(random.IntN(6))-2)}
			side.put(l)
			if model[l.Price] = l.Quantity; l.Quantity == 0 {
				delete(model, l.Price)
			}
		}
		assert.Equal(t, sorted(model, asks), side.appendTo(nil))
		top := make([]ring.Level, 5)
		require.Equal(t, 5, side.top(top))
		assert.Equal(t, sorted(model, asks)[:5], top)
		assert.Equal(t, top[0], side.best())
	}
}

func sorted(model map[int64]int64, asks bool) (out []ring.Level) {
	for p, q := range model {
		out = append(out, ring.Level{Price: p, Quantity: q})
	}
	slices.SortFunc(out, func(a, b ring.Level) int {
		if (a.Price < b.Price) == asks {
			return -1
		}
		return 1
	})
	return out
}

func TestFullBookSideLetsTheWorstGo(t *testing.T) {
	s := bookSide{}
	for i := range int64(maxLocalLevels) {
		s.put(ring.Level{Price: 10 + i, Quantity: 1})
	}
	s.put(ring.Level{Price: 5, Quantity: 1})
	assert.EqualValues(t, 10, s.levels[0].Price, "worse than the worst does not come in")
	s.put(ring.Level{Price: 9_999, Quantity: 2})
	assert.Len(t, s.levels, maxLocalLevels)
	assert.EqualValues(t, 11, s.levels[0].Price)
	assert.EqualValues(t, 9_999, s.best().Price)
	s.put(ring.Level{Price: 10_000_000, Quantity: 0})
	assert.EqualValues(t, 9_999, s.best().Price, "what is not there cannot be deleted")
	s.put(ring.Level{Price: 20, Quantity: 0})
	s.put(ring.Level{Price: 20, Quantity: 3})
	assert.Len(t, s.levels, maxLocalLevels)
	assert.True(t, slices.IsSortedFunc(s.levels, func(a, b ring.Level) int { return int(a.Price - b.Price) }))
}

// Whole sides are the same book in whatever order they come, and however deep.
func TestBookSideIsReplaced(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, asks := range []bool{false, true} {
		model := map[int64]int64{}
		for range 300 {
			model[int64(random.IntN(5000))] = 1 + int64(random.IntN(9))
		}
		want := sorted(model, asks)
		s := bookSide{asks: asks}
		s.put(ring.Level{Price: 77_777, Quantity: 1})
		s.replace(want)
		assert.Equal(t, want, s.appendTo(nil), "best first")
		mixed := append(slices.Clone(want), ring.Level{Price: want[3].Price, Quantity: 5}, ring.Level{Price: want[7].Price, Quantity: 0})
		random.Shuffle(len(want), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		s.replace(mixed)
		assert.Len(t, s.levels, len(want)-1)
		assert.True(t, slices.IsSortedFunc(s.levels, func(a, b ring.Level) int {
			if s.worse(a.Price, b.Price) {
				return -1
			}
			return 1
		}))
		s.replace(nil)
		assert.Empty(t, s.levels)
	}
	deep := make([]ring.Level, maxLocalLevels+10)
	for i := range deep {
		deep[i] = ring.Level{Price: int64(len(deep) - i), Quantity: 1}
	}
	s := bookSide{}
	s.replace(deep)
	assert.Len(t, s.levels, maxLocalLevels)
	assert.Equal(t, deep[0], s.best())
}

// bookMemory is what docs/operations.md says of an instrument's book, up to 400 levels a
// side.
const bookMemory = 17 << 10

// A thousand instruments with books of 400 levels a side fit the stated memory, and keep
// it however they change.
func TestThousandBooksFitTheStatedMemory(t *testing.T) {
	const books = 1000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make([]*localBook, books)
	for i := range kept {
		kept[i] = deepBook(bookDepthTimed)
	}
	for _, levels := range nearTop(bookDepthTimed) {
		for _, b := range kept[:10] {
			b.apply(levels, nil)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d bytes a book", (after.HeapAlloc-before.HeapAlloc)/books)
	assert.Less(t, after.HeapAlloc-before.HeapAlloc, uint64(books*bookMemory))
	runtime.KeepAlive(kept)
}
