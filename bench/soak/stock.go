package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// stock is what a process holds.
type stock struct {
	goroutines, descriptors int
	heapBytes               uint64 // of everything
	feedBytes               uint64 // taken by the publisher's code
}

// What may come and go by itself: requests for metadata and snapshots under way, at
// both ends, and buffers that have grown. A leak of one a storm is beyond it soon.
const (
	stockGoroutines  = 24
	stockDescriptors = 12
	stockHeapBytes   = 8 << 20
	stockFeedBytes   = 4 << 20
	stockWait        = 5 * time.Second
	memProfileRate   = 16 << 10
)

// stockKind says what is compared: while venues run too, the heap is theirs as well
// and only the publisher's part tells something.
type stockKind uint8

const (
	stockRunning stockKind = iota
	stockClosed
)

func takeStock() stock {
	// Twice: what finalizers free goes with the second.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	names, _ := os.ReadDir("/proc/self/fd")
	return stock{goroutines: runtime.NumGoroutine(), descriptors: len(names), heapBytes: m.HeapAlloc, feedBytes: heapOf("tickring/feed.", "tickring/feed/")}
}

// warm takes the heap anew, and leaves goroutines and descriptors.
func (s stock) warm() stock {
	now := takeStock()
	s.heapBytes, s.feedBytes = now.heapBytes, now.feedBytes
	return s
}

// grown says what there is more of than before, once it had time to go.
func (s stock) grown(kind stockKind, wait time.Duration) []string {
	var what []string
	for end := time.Now().Add(wait); ; time.Sleep(100 * time.Millisecond) {
		now := takeStock()
		what = what[:0]
		if now.goroutines > s.goroutines+stockGoroutines {
			what = append(what, fmt.Sprintf("goroutines %d, then %d", s.goroutines, now.goroutines))
		}
		if now.descriptors > s.descriptors+stockDescriptors {
			what = append(what, fmt.Sprintf("descriptors %d, then %d", s.descriptors, now.descriptors))
		}
		if now.feedBytes > s.feedBytes+stockFeedBytes {
			what = append(what, fmt.Sprintf("publisher's heap %d bytes, then %d", s.feedBytes, now.feedBytes))
		}
		if kind == stockClosed && now.heapBytes > s.heapBytes+stockHeapBytes {
			what = append(what, fmt.Sprintf("heap %d bytes, then %d", s.heapBytes, now.heapBytes))
		}
		if len(what) == 0 || time.Now().After(end) {
			return what
		}
	}
}

// heapOf estimates the bytes in use that were taken by calls through packages whose
// functions have one of the names in them; the venue's own are left out. It counts
// samples, one for each memProfileRate bytes.
func heapOf(names ...string) uint64 {
	records := make([]runtime.MemProfileRecord, 4096)
	n, ok := runtime.MemProfile(records, false)
	for !ok {
		records = make([]runtime.MemProfileRecord, n+n/4)
		n, ok = runtime.MemProfile(records, false)
	}
	var sum uint64
	for i := range records[:n] {
		if through(&records[i], names) {
			sum += uint64(max(0, records[i].InUseBytes()))
		}
	}
	return sum
}

func through(r *runtime.MemProfileRecord, names []string) bool {
	frames := runtime.CallersFrames(r.Stack())
	for {
		f, more := frames.Next()
		for _, name := range names {
			if strings.Contains(f.Function, name) {
				return true
			}
		}
		if !more {
			return false
		}
	}
}
