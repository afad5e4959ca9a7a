package main

import (
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/ring"
)

// beatPeriod is far longer than a publisher's, whose goroutine rings for readers as well:
// nothing in these programs wants the world stopped, and with two CPUs each beat takes one
// of them from a side that is measured.
const beatPeriod = 50 * time.Millisecond

// spinGrip is a grip with the goroutine that it needs, and a clock of ticks.
type spinGrip struct {
	*ring.Grip
	nsPerTick float64
	stop      chan struct{}
}

func startGrip() *spinGrip {
	g := &spinGrip{ring.NewGrip(beatPeriod), kit.Calibrate(), make(chan struct{})}
	go g.beat()
	return g
}

func (g *spinGrip) beat() {
	t := time.NewTicker(beatPeriod)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			g.Beat()
		case <-g.stop:
			return
		}
	}
}

func (g *spinGrip) ns(ticks int64) int64 { return int64(float64(ticks) * g.nsPerTick) }

func (g *spinGrip) end() { close(g.stop) }
