package ring

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	futexWait = 0
	futexWake = 1
	// maxSleep bounds one sleep on the doorbell, so that a dead writer is noticed.
	maxSleep = 100 * time.Millisecond
	// spinLooks is how often Wait looks before it sleeps: a few microseconds.
	spinLooks = 200
)

// Wait returns true as soon as Next has something other than EMPTY to say, false
// when timeout (at most that long; 0 looks once) has passed. It looks a few
// microseconds, then sleeps on the doorbell in steps of at most 100 ms; it works
// on a read-only mapping. A STALE writer is worth saying, and ends it too, once.
func (r *Reader) Wait(timeout time.Duration) bool {
	deadline := time.Now().Add(timeout)
	for range spinLooks {
		if r.ready() {
			return true
		}
	}
	for {
		bell := atomic.LoadUint32(&r.view.h.Doorbell) // before the look: no ring is missed
		if r.ready() {
			return true
		}
		wasStale := r.stale
		r.checkHeartbeat()
		if r.stale && !wasStale {
			return true
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		futexSleep(&r.view.h.Doorbell, bell, min(left, maxSleep))
	}
}

// ready says that the next slot was written or that the segment has ended.
func (r *Reader) ready() bool {
	return r.damaged || atomic.LoadUint64(&r.view.slotAt(r.next&r.mask).Commit) >= 2*r.next ||
		r.view.State() != StateLive
}

func futexSleep(word *uint32, value uint32, d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	// Every outcome (woken, changed, timed out, interrupted) leads to a new look.
	_, _, _ = syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait,
		uintptr(value), uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// Ring wakes every reader that sleeps on the doorbell. It is a system call: the
// writer's thread calls it only just before it blocks anyway.
func Ring(doorbell *uint32) {
	_, _, _ = syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(doorbell)), futexWake,
		1<<30, 0, 0, 0)
}
