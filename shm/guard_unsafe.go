package shm

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// Guard runs f and returns ErrTruncatedUnderUs when f touched a page of buf that
// is gone because the file was truncated meanwhile. Any other panic of f goes on.
// f is cut short at the fault: what it had half done stays half done. A store
// into a read-only mapping is a fault as well and gives the same error.
//
// It holds for the calling goroutine, not for those that f starts, and not for
// code that is not Go. It costs some nanoseconds (BenchmarkGuard), so wrap the loop, not
// the record. Any thread.
func Guard(buf []byte, f func()) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if caught := recover(); caught != nil {
			if !isFaultIn(buf, caught) {
				panic(caught)
			}
			err = ErrTruncatedUnderUs
		}
	}()
	f()
	return nil
}

// isFaultIn says whether a panic is a memory fault at an address of buf.
func isFaultIn(buf []byte, caught any) bool {
	memory, ok := caught.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok || len(buf) == 0 {
		return false
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(buf)))
	return memory.Addr() >= start && memory.Addr()-start < uintptr(len(buf))
}
