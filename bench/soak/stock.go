package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// stock is what a process holds.
type stock struct {
	goroutines, descriptors int
	heapBytes               uint64           // of everything
	feedBytes               uint64           // taken by the publisher's code
	sites                   map[string]int64 // of those, by where they were taken
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
	s := stock{goroutines: runtime.NumGoroutine(), descriptors: len(names), heapBytes: m.HeapAlloc}
	s.feedBytes, s.sites = heapOf("tickring/feed.", "tickring/feed/")
	return s
}

// warm takes the heap anew, and leaves goroutines and descriptors.
func (s stock) warm() stock {
	now := takeStock()
	s.heapBytes, s.feedBytes, s.sites = now.heapBytes, now.feedBytes, now.sites
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
			what = append(what, fmt.Sprintf("publisher's heap %d bytes, then %d: %s", s.feedBytes, now.feedBytes, now.newer(s)))
		}
		if kind == stockClosed && now.heapBytes > s.heapBytes+stockHeapBytes {
			what = append(what, fmt.Sprintf("heap %d bytes, then %d", s.heapBytes, now.heapBytes))
		}
		if len(what) == 0 || time.Now().After(end) {
			return what
		}
	}
}

// mostSites bounds the places named of a leak.
const mostSites = 4

// newer names the places that hold most more than before.
func (s stock) newer(before stock) string {
	type site struct {
		name string
		more int64
	}
	var all []site
	for name, bytes := range s.sites {
		if more := bytes - before.sites[name]; more > 0 {
			all = append(all, site{name, more})
		}
	}
	slices.SortFunc(all, func(a, b site) int { return cmp.Compare(b.more, a.more) })
	var text []string
	for _, it := range all[:min(mostSites, len(all))] {
		text = append(text, fmt.Sprintf("%+d by %s", it.more, it.name))
	}
	return strings.Join(text, ", ")
}

// heapOf estimates the bytes in use that were taken by calls through packages whose
// functions have one of the names in them, in all and by such a call's place; the
// venue's own are left out. It counts samples, one for each memProfileRate bytes.
func heapOf(names ...string) (sum uint64, sites map[string]int64) {
	records := make([]runtime.MemProfileRecord, 4096)
	n, ok := runtime.MemProfile(records, false)
	for !ok {
		records = make([]runtime.MemProfileRecord, n+n/4)
		n, ok = runtime.MemProfile(records, false)
	}
	sites = map[string]int64{}
	for i := range records[:n] {
		if place := through(&records[i], names); place != "" {
			bytes := max(0, records[i].InUseBytes())
			sum += uint64(bytes)
			sites[place] += bytes
		}
	}
	return sum, sites
}

// through is the innermost call of a record through one of the packages, "" none.
func through(r *runtime.MemProfileRecord, names []string) string {
	frames := runtime.CallersFrames(r.Stack())
	for {
		f, more := frames.Next()
		for _, name := range names {
			if strings.Contains(f.Function, name) {
				return fmt.Sprintf("%s:%d", f.Function[strings.LastIndexByte(f.Function, '/')+1:], f.Line)
			}
		}
		if !more {
			return ""
		}
	}
}
