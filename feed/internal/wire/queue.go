package wire

import (
	"math/bits"
	"sync/atomic"
)

// cacheLine keeps words written by different threads apart. Adjacent-line
// prefetch makes it two lines.
const cacheLine = 128

// Queue is a bounded lock-free queue of pointers: many producers, one consumer,
// first in first out for each producer. It never blocks.
//
// Each cell carries a turn. turn == position: free for the producer of that
// position. turn == position+1: full, for the consumer. The consumer sets it to
// position+capacity, which frees the cell for the next lap.
//
//	capacity 4, head 2, tail 5:
//	cell   0     1     2     3
//	turn   5     5     3     4
//	       pos 4 free  pos 2 pos 3   positions 2, 3 and 4 wait, 5 is the next
type Queue[T any] struct {
	cells []cell[T]
	mask  uint64
	_     [cacheLine]byte
	tail  atomic.Uint64 // next position to write; producers
	_     [cacheLine]byte
	head  uint64 // next position to read; the consumer alone
}

type cell[T any] struct {
	turn  atomic.Uint64
	value *T
}

// NewQueue returns an empty queue for at least capacity items (rounded up to a
// power of two, 2 or more).
func NewQueue[T any](capacity int) *Queue[T] {
	n := uint64(2)
	if capacity > 2 {
		n = 1 << bits.Len64(uint64(capacity-1))
	}
	q := &Queue[T]{cells: make([]cell[T], n), mask: n - 1}
	for i := range q.cells {
		q.cells[i].turn.Store(uint64(i))
	}
	return q
}

// Push appends v and reports whether there was room. Any goroutine.
func (q *Queue[T]) Push(v *T) bool {
	for {
		pos := q.tail.Load()
		c := &q.cells[pos&q.mask]
		// Pairs with the store in Pop: the cell's old value has been taken.
		turn := c.turn.Load()
		switch {
		case turn == pos:
			if q.tail.CompareAndSwap(pos, pos+1) {
				c.value = v
				// Pairs with the load in Pop. A producer stopped before
				// this line holds back those behind it, no more.
				c.turn.Store(pos + 1)
				return true
			}
		case int64(turn-pos) < 0:
			return false
		}
	}
}

// Pop takes the oldest item, nil when there is none. The consumer only.
func (q *Queue[T]) Pop() *T {
	c := &q.cells[q.head&q.mask]
	if c.turn.Load() != q.head+1 {
		return nil
	}
	v := c.value
	c.value = nil
	c.turn.Store(q.head + q.mask + 1)
	q.head++
	return v
}

// Cap returns how many items fit.
func (q *Queue[T]) Cap() int { return len(q.cells) }
