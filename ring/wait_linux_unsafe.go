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
	// maxWaiters is the most words that the kernel watches for one sleeper.
	maxWaiters = 128
	// sysFutexWaitv has this number on every 64-bit architecture; since Linux 5.16.
	sysFutexWaitv = 449
	// futexSharedU32 flags a word of 32 bits that other processes may change.
	futexSharedU32 = 2
	clockMonotonic = 1
	// shortNap is the sleep where the kernel cannot watch several words.
	shortNap = time.Millisecond
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
		if r.turnedStale() {
			return true
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		futexSleep(&r.view.h.Doorbell, bell, min(left, maxSleep))
	}
}

// turnedStale looks at the heartbeat and says whether the writer is STALE since this
// very look.
func (r *Reader) turnedStale() bool {
	was := r.stale
	r.checkHeartbeat()
	return r.stale && !was
}

// WaitAny is Wait over several readers, of any segments: the index of one whose Next
// has something to say, or -1 when timeout has passed. It sleeps on all doorbells at
// once; more than 128 readers, or a kernel before 5.16, are looked at every
// millisecond instead. The readers belong to the calling thread meanwhile.
func WaitAny(readers []*Reader, timeout time.Duration) int {
	deadline := time.Now().Add(timeout)
	for range spinLooks {
		if i := anyReady(readers); i >= 0 {
			return i
		}
	}
	var waiters [maxWaiters]futexWaiter
	for {
		for i, r := range readers[:min(len(readers), maxWaiters)] {
			bell := &r.view.h.Doorbell // before the look: no ring is missed
			waiters[i] = futexWaiter{uint64(atomic.LoadUint32(bell)), uint64(uintptr(unsafe.Pointer(bell))), futexSharedU32, 0}
		}
		if i := anyReady(readers); i >= 0 {
			return i
		}
		for i, r := range readers {
			if r.turnedStale() {
				return i
			}
		}
		left := time.Until(deadline)
		if left <= 0 {
			return -1
		}
		sleepOnAny(waiters[:min(len(readers), maxWaiters)], len(readers), min(left, maxSleep))
	}
}

func anyReady(readers []*Reader) int {
	for i, r := range readers {
		if r.ready() {
			return i
		}
	}
	return -1
}

// futexWaiter is struct futex_waitv of the kernel.
type futexWaiter struct {
	value, address  uint64
	flags, reserved uint32
}

// sleepOnAny returns when a word has changed, when d has passed, or early for any
// other reason: every outcome leads to a new look. readers may be more than the words.
func sleepOnAny(words []futexWaiter, readers int, d time.Duration) {
	var until syscall.Timespec
	if readers == 0 || readers > len(words) {
		time.Sleep(min(d, shortNap))
		return
	}
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&until)), 0)
	until = syscall.NsecToTimespec(until.Nano() + int64(d))
	_, _, err := syscall.Syscall6(sysFutexWaitv, uintptr(unsafe.Pointer(&words[0])), uintptr(len(words)), 0,
		uintptr(unsafe.Pointer(&until)), clockMonotonic, 0)
	if err == syscall.ENOSYS || err == syscall.EPERM || err == syscall.EINVAL {
		time.Sleep(min(d, shortNap))
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
