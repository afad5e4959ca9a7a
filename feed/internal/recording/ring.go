package recording

import (
	"math/bits"
	"sync/atomic"
)

// Ring carries items from the hot thread to the goroutine that keeps them: one
// producer, one consumer, no lock, no allocation, no system call. Where there is no
// room an item is refused, and so is everything after it until Resume: what follows
// a hole cannot be replayed.
//
//	buf   [ free ][ items to be taken ][ free ]
//	              head                 tail
type Ring struct {
	buf  []byte
	mask uint64
	_    [128]byte
	tail atomic.Uint64 // bytes ever put; the producer
	free uint64        // the producer's last look at head, plus the size
	_    [128]byte
	head atomic.Uint64 // bytes ever taken; the consumer
	_    [128]byte
	lost atomic.Uint64 // items refused since Resume; the producer
}

// NewRing makes a ring of at least size bytes.
func NewRing(size int) *Ring {
	n := uint64(1) << bits.Len64(uint64(max(size, 1024)-1))
	return &Ring{buf: make([]byte, n), mask: n - 1, free: n}
}

// Put appends an item, or counts it as lost. The producer's thread only.
func (r *Ring) Put(kind Kind, a uint8, b uint16, value int64, payload []byte) {
	if lost := r.lost.Load(); lost > 0 {
		r.lost.Store(lost + 1)
		return
	}
	at := r.tail.Load()
	need := uint64(stride(len(payload)))
	if at+need > r.free {
		r.free = r.head.Load() + uint64(len(r.buf)) // pairs with the store in Take
		if at+need > r.free {
			r.lost.Store(1)
			return
		}
	}
	var head [itemHeader]byte
	putHeader(head[:], kind, a, b, value, len(payload))
	r.write(at, head[:])
	r.write(at+itemHeader, payload)
	r.tail.Store(at + need) // pairs with the load in Take: the item is whole
}

func (r *Ring) write(at uint64, p []byte) {
	n := copy(r.buf[at&r.mask:], p)
	copy(r.buf, p[n:])
}

// Lost is how many items were refused since Resume, 0 none. Any thread.
func (r *Ring) Lost() uint64 { return r.lost.Load() }

// Resume takes items again. The producer's thread only.
func (r *Ring) Resume() { r.lost.Store(0) }

// Take appends all items that wait. The consumer's thread only.
func (r *Ring) Take(dst []byte) []byte {
	from, to := r.head.Load(), r.tail.Load()
	if from == to {
		return dst
	}
	i, j := from&r.mask, to&r.mask
	if i < j {
		dst = append(dst, r.buf[i:j]...)
	} else {
		dst = append(append(dst, r.buf[i:]...), r.buf[:j]...)
	}
	r.head.Store(to)
	return dst
}
