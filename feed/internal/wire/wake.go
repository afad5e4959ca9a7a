package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Waker makes a Poller return from another goroutine. Wakes given before the
// hot thread has drained the last one cost one atomic exchange and no system
// call.
type Waker struct {
	fd  int
	set atomic.Bool // a wake is in the descriptor, or about to be
}

// NewWaker returns a Waker over a new eventfd.
func NewWaker() (*Waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	return &Waker{fd: fd}, nil
}

// FD returns the descriptor to add to the Poller. It turns readable on Wake.
func (w *Waker) FD() int { return w.fd }

// Wake makes FD readable. Whatever the caller published before is seen by the
// consumer after its Drain. Any goroutine, but not after Close.
func (w *Waker) Wake() {
	// Pairs with the store in Drain.
	if w.set.Swap(true) {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		// EAGAIN means that the counter is full, hence readable.
		if _, err := unix.Write(w.fd, one[:]); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Drain takes the wake back. Call it before looking at what was published: the
// flag is cleared last, so a Wake that came too early to write again has its
// publication seen by the look that follows. The consumer only.
func (w *Waker) Drain() {
	var count [8]byte
	for {
		if _, err := unix.Read(w.fd, count[:]); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	w.set.Store(false)
}

// Close frees the descriptor. Nobody may call Wake any more.
func (w *Waker) Close() error {
	if err := unix.Close(w.fd); err != nil {
		return fmt.Errorf("close eventfd: %w", err)
	}
	return nil
}
