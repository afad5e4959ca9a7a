package ring

import (
	"sync/atomic"
	"time"
)

// Times of a Grip.
const (
	// gripRestNS is how long the scheduler may have the thread when it may want it.
	gripRestNS = int64(time.Millisecond)
	// gripLongestNS bounds how long the thread is kept, whatever the signs.
	gripLongestNS = int64(time.Second)
	// gripPatience is how many periods of Beat may pass without one.
	// The world waits so long to be stopped.
	gripPatience = 5
	// gripLeastNS is the least patience: goroutines wake late where CPUs are few.
	gripLeastNS = int64(5 * time.Millisecond)
)

// Grip keeps Go's scheduler from taking a spinning thread off its CPU. The scheduler
// does so every 10 ms although nobody else wants the CPU, and a goroutine locked to its
// thread comes back by way of another thread: tens of microseconds later, or
// milliseconds where that thread has to wait for a CPU.
//
// The collector must stop every thread now and then. So the grip is loosened, for a
// millisecond, while the collector marks, when a goroutine that calls Beat has not been
// seen to run (the world is being stopped, or the CPUs are short), and once a second.
//
//	grip := ring.NewGrip(period)  // a goroutine calls grip.Beat every period
//	grip.Take(now)
//	for nothing() {
//		now = clock()
//		grip.Turn(now)
//	}
//	grip.Release()
//
// Between Take and Release the goroutine must not block (no lock, no channel, no system
// call but raw ones that return at once) and must not panic, so that it keeps off a
// mapping whose file may shrink: the runtime ends the program over it. All methods but
// Beat belong to the thread, which has called runtime.LockOSThread.
type Grip struct {
	beats      atomic.Uint32
	seen       uint32
	held       bool
	seenNS     int64 // when a beat was last seen
	looseNS    int64 // until then nothing is held, or was
	patienceNS int64
}

// NewGrip returns a grip whose Beat is called every period.
func NewGrip(period time.Duration) *Grip {
	return &Grip{patienceNS: max(gripLeastNS, gripPatience*int64(period))}
}

// Beat is a sign of life of the other goroutines. Any of them may call it; it never
// blocks.
func (g *Grip) Beat() { g.beats.Add(1) }

// Take begins a spin, or goes on with one. now is of any clock in nanoseconds that does
// not go back.
func (g *Grip) Take(now int64) {
	if !g.held {
		g.set(g.may(now))
	}
}

// Turn is called in each turn of the spin, with the same clock.
func (g *Grip) Turn(now int64) {
	if may := g.may(now); may != g.held {
		g.set(may)
	}
}

// Release ends a spin. Without one it does nothing.
func (g *Grip) Release() { g.set(false) }

func (g *Grip) set(hold bool) {
	switch {
	case hold && !g.held:
		procPin()
	case !hold && g.held:
		procUnpin()
	}
	g.held = hold
}

// may says whether nobody can want the thread.
func (g *Grip) may(now int64) bool {
	if n := g.beats.Load(); n != g.seen {
		g.seen, g.seenNS = n, now
	}
	if collectorMarks() || now-g.seenNS > g.patienceNS || now-g.looseNS > gripLongestNS {
		g.looseNS = now + gripRestNS
	}
	return now >= g.looseNS
}
