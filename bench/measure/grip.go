package main

import (
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/ring"
)

// beatPeriod is longer than a publisher's, whose goroutine rings for readers as well: with
// two CPUs it runs on those of the two sides.
const beatPeriod = time.Millisecond

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
