package main

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

const (
	// silenceFound is longer than the venues' deadlines, by which a link that is silent is
	// given up; one such fault in silenceEvery is so long.
	silenceFound = 35 * time.Second
	silenceEvery = 6
	// leastPause and mostPause are between faults, in milliseconds.
	leastPause, mostPause = 50, 600
	// askLimit bounds a request to a publisher that is being killed, or waits for REST.
	askLimit = 2 * time.Second
)

// storms plays faults until the run ends.
func (w *recordWorld) storms(end time.Time) {
	for {
		for _, faults := range w.shuffled(w.recordFaults()) {
			time.Sleep(time.Duration(w.between(leastPause, mostPause)) * ms)
			if w.faults > 0 && !time.Now().Before(end) {
				return
			}
			w.blow(faults, end)
		}
	}
}

// blow turns faults on for a time.
func (w *recordWorld) blow(faults []fault, end time.Time) {
	w.calm.Lock()
	defer w.calm.Unlock()
	var knobs sim.Faults
	var names []string
	on := time.Duration(0)
	for _, f := range faults {
		names = append(names, f.name)
		if f.set != nil {
			f.set(&w.world, &knobs)
		}
		on = max(on, f.least+time.Duration(w.random.Int64N(int64(f.most-f.least+1))))
	}
	if (knobs.Silent || knobs.HalfOpen || knobs.PingsOnly) && w.long && w.random.IntN(silenceEvery) == 0 {
		on = silenceFound
	}
	w.begin(strings.Join(names, " "))
	w.faults += len(faults)
	w.apply(knobs, faults, func(f fault) func(*world) { return f.begin })
	time.Sleep(min(on, max(time.Until(end), 0)))
	w.apply(sim.Faults{}, faults, func(f fault) func(*world) { return f.end })
}

// apply sets the venue's faults and does then what each of them does.
func (w *recordWorld) apply(knobs sim.Faults, faults []fault, what func(fault) func(*world)) {
	if err := w.sim.ApplyFaults(knobs); err != nil {
		w.mismatch(err.Error())
	}
	for _, f := range faults {
		if do := what(f); do != nil {
			do(&w.world)
		}
	}
}

// recordFaults are the venue's, and users' who ask over the control socket.
func (w *recordWorld) recordFaults() []fault {
	all := append(linkFaults(), restFaults()...)
	for _, f := range answerFaults() {
		if f.name == "ack_refused" {
			f.end = func(*world) { w.ask(w.symbols, ring.AllChannels) }
		}
		all = append(all, f)
	}
	all = append(all, dataFaults()...)
	if w.legs > 1 {
		all = append(all, fault{name: "drop_leg", least: 1 * ms, most: 50 * ms, begin: func(*world) {
			w.sim.DropFrom(net.ParseIP(uplinks[w.random.IntN(len(uplinks))]))
		}})
	}
	return append(all, fault{name: "resubscribe", least: 50 * ms, most: 500 * ms, begin: func(*world) {
		some := []feed.Symbol{w.symbols[w.random.IntN(len(w.symbols))]}
		w.ask(some, ring.Channel(1+w.random.IntN(int(ring.AllChannels))))
	}})
}

// ask ends channels of some symbols and asks for them anew, of every feed that runs. One
// that is being killed, or a venue that refuses, may fail it: whatever came of it is in
// the recording.
func (w *recordWorld) ask(symbols []feed.Symbol, channels ring.Channel) {
	for _, name := range w.feeds() {
		ctx, cancel := context.WithTimeout(context.Background(), askLimit)
		if c, err := feed.DialControl(ctx, w.dir, name); err == nil {
			_ = c.Unsubscribe(ctx, symbols, channels)
			_ = c.Subscribe(ctx, symbols, channels)
			_, _ = c.Resend(ctx, symbols)
			_ = c.Close()
		}
		cancel()
	}
}
