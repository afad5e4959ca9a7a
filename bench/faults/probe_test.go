package faults

import (
	"sync/atomic"
	"time"
)

// probe measures how long this process was kept from a CPU at most. Bounds on times
// hold on a machine that has CPUs to give; where it has none for a while, they are
// widened by what was missing, and the figures say so.
type probe struct {
	stop    chan struct{}
	done    chan struct{}
	longest atomic.Int64
}

const (
	probeEvery = 2 * time.Millisecond
	// probeFree is what an idle machine may be late by.
	probeFree = 20 * time.Millisecond
	// probeShare: what is timed needs several processes to run one after the other,
	// each of which may wait so long.
	probeShare = 20
)

func startProbe() *probe {
	p := &probe{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for {
			before := time.Now()
			select {
			case <-p.stop:
				return
			case <-time.After(probeEvery):
			}
			late := time.Since(before) - probeEvery
			p.longest.Store(max(p.longest.Load(), int64(late)))
		}
	}()
	return p
}

// end returns the longest wait for a CPU.
func (p *probe) end() time.Duration {
	close(p.stop)
	<-p.done
	return time.Duration(p.longest.Load())
}

// widened is a bound on a machine that was late by so much.
func widened(bound, late time.Duration) time.Duration {
	if late <= probeFree {
		return bound
	}
	return bound + probeShare*late
}
