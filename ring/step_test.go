package ring

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storesOf are the stores of publishRecord, one at a time, in its order. Without
// the mark it is the mistake that the protocol exists to avoid.
func storesOf(dst *Record, src Record, mark uint64, withMark bool) []func() {
	d, s := words(dst), words(&src)
	var stores []func()
	if withMark {
		stores = append(stores, func() { atomic.StoreUint64(&d[0], mark-1) })
	}
	for i := 1; i < len(d); i++ {
		stores = append(stores, func() { atomic.StoreUint64(&d[i], s[i]) })
	}
	return append(stores, func() { atomic.StoreUint64(&d[0], mark) })
}

// tornAtEachStore stops a writer of record 9 after each of its stores over record
// 1, in the ring and on the board, and lets the real reader read. It returns how
// often what was handed out was torn.
func tornAtEachStore(t *testing.T, withMark bool) (ring, board int) {
	w, r := fillRing(t, "8 1 2 3 4 5 6 7", 8)
	addInstruments(t, w, 4)
	entry := w.view.boardAt(1, BoardBookTicker)
	*entry = derivedRecord(1)
	onRing := storesOf(&w.slots[1], derivedRecord(9), 18, withMark)
	onBoard := storesOf(entry, derivedRecord(9), 18, withMark)
	var out Record
	for i := range onRing {
		onRing[i]()
		onBoard[i]()
		last := i == len(onRing)-1
		r.Seek(9)
		if a := r.Next(&out); last {
			require.Equal(t, AnswerRecord, a)
			require.True(t, isDerived(&out))
		} else {
			require.Equal(t, AnswerEmpty, a, "record 9 before its commit")
		}
		r.Seek(1)
		switch a := r.Next(&out); {
		case a == AnswerRecord && !isDerived(&out):
			ring++
		case withMark:
			require.Equal(t, AnswerOverrun, a, "record 1 after store %d", i)
		}
		switch a := w.view.ReadBoard(1, BoardBookTicker, &out); {
		case a == AnswerRecord && !isDerived(&out):
			board++
		case withMark && !last:
			require.Equal(t, AnswerBusy, a)
		default:
			require.Equal(t, AnswerRecord, a)
		}
	}
	require.Equal(t, derivedRecord(9), w.slots[1])
	return ring, board
}

// A writer that stands still between any two stores shows nothing torn; with the
// mark left out the same test catches each of the fifteen mixes.
func TestWriterStoppedBetweenStores(t *testing.T) {
	ring, board := tornAtEachStore(t, true)
	assert.Zero(t, ring)
	assert.Zero(t, board)
	ring, board = tornAtEachStore(t, false)
	assert.Equal(t, RecordSize/8-1, ring, "negative control")
	assert.Equal(t, RecordSize/8-1, board, "negative control")
}

// The stores above are those of the real publishRecord.
func TestSteppedStoresAreTheRealOnes(t *testing.T) {
	var stepped, real Record
	src := derivedRecord(9)
	for _, store := range storesOf(&stepped, src, 18, true) {
		store()
	}
	publishRecord(&real, &src, 18)
	assert.Equal(t, real, stepped)
}

// interleave calls visit with every order in which a writer's steps and a
// reader's steps can meet, as the number of writer's steps before each of the
// reader's.
func interleave(writer, reader int, visit func(before []int)) {
	before := make([]int, reader)
	var place func(i, from int)
	place = func(i, from int) {
		if i == reader {
			visit(before)
			return
		}
		for at := from; at <= writer; at++ {
			before[i] = at
			place(i+1, at)
		}
	}
	place(0, 0)
}

// tornInterleavings runs a reader of record 1 against a writer of two further
// laps over a slot of three payload words, load by load and store by store, in
// every order. It returns how many orders there are and how many ended torn.
func tornInterleavings(withMark, recheck bool) (orders, torn int) {
	type step struct {
		word  int
		value uint64
	}
	var stores []step
	for n := uint64(2); n <= 3; n++ {
		if withMark {
			stores = append(stores, step{0, 2*n - 1})
		}
		stores = append(stores, step{1, n}, step{2, n}, step{3, n}, step{0, 2 * n})
	}
	loads := []int{0, 1, 2, 3, 0}
	interleave(len(stores), len(loads), func(before []int) {
		slot := [4]uint64{2, 1, 1, 1}
		var got [5]uint64
		done := 0
		for i, word := range loads {
			for ; done < before[i]; done++ {
				slot[stores[done].word] = stores[done].value
			}
			got[i] = slot[word]
		}
		orders++
		if got[0] == 2 && (got[4] == 2 || !recheck) && (got[1] != 1 || got[2] != 1 || got[3] != 1) {
			torn++
		}
	})
	return orders, torn
}

// In every order of loads and stores the protocol hands out whole records only;
// without the mark, or without the second look, some orders tear.
func TestEveryInterleaving(t *testing.T) {
	orders, torn := tornInterleavings(true, true)
	assert.Equal(t, 3003, orders, "15 choose 5")
	assert.Zero(t, torn)
	_, unmarked := tornInterleavings(false, true)
	assert.NotZero(t, unmarked, "negative control: no mark")
	_, unchecked := tornInterleavings(true, false)
	assert.NotZero(t, unchecked, "negative control: no second look")
	t.Logf("%d orders; torn: 0 with both, %d without the mark, %d without the second look", orders, unmarked, unchecked)
}
