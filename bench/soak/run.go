package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// longRun is from where on a run goes through every round; a shorter one takes the
// first two, the second for half of its time.
const longRun = time.Minute

// legsShare is the part of a run that goes to redundant legs.
const legsShare = 6

// soak is one run.
type soak struct {
	options
	mu         sync.Mutex
	result     result
	recoveries []time.Duration
	refused    []time.Duration
	settled    []time.Duration
	books      int
}

// run plays all rounds. The error is of what could not be started.
func run(o options) (result, error) {
	if err := o.check(); err != nil {
		return result{}, err
	}
	for o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}
	s := &soak{options: o}
	s.printf("seed=%d for=%s venue=%s", o.seed, o.length, o.venue)
	start := takeStock()
	all := rounds()
	if o.length < longRun {
		all = all[:2]
	}
	for i, settings := range all {
		if err := s.round(i, settings, (o.length-o.length/legsShare)/time.Duration(len(all))); err != nil {
			return s.result, err
		}
		// The first round warms what a process keeps for good.
		if i == 0 {
			start = start.warm()
		}
		s.leaks("after the round", start.grown(stockClosed, stockWait))
	}
	if err := s.eachLegs(o.length / legsShare); err != nil {
		return s.result, err
	}
	r := &s.result
	r.recovery = percentile(s.recoveries, 0.99)
	s.printf("recoveries=%d p50_ms=%d p99_ms=%d max_ms=%d (goal 100, limit 1000); after an HTTP refusal: %d, max_ms=%d",
		len(s.recoveries), percentile(s.recoveries, 0.5).Milliseconds(), r.recovery.Milliseconds(),
		percentile(s.recoveries, 1).Milliseconds(), len(s.refused), percentile(s.refused, 1).Milliseconds())
	s.printf("all streams acknowledged again: p50_ms=%d p99_ms=%d; board books compared: %d",
		percentile(s.settled, 0.5).Milliseconds(), percentile(s.settled, 0.99).Milliseconds(), s.books)
	return *r, nil
}

func (s *soak) printf(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "soak: "+format+"\n", a...)
}

// leaks counts and prints what has grown.
func (s *soak) leaks(when string, grown []string) {
	for _, what := range grown {
		s.printf("leak: seed=%d %s: %s", s.seed, when, what)
	}
	s.result.leaks += len(grown)
}

// round runs its settings side by side for a time.
func (s *soak) round(number int, settings []setting, length time.Duration) error {
	end := time.Now().Add(length)
	var worlds []*world
	for _, set := range settings {
		if !s.runs(set) {
			continue
		}
		seed := s.seed + uint64(number)
		w, err := open(set, s.pairs, seed, func(format string, a ...any) { s.printf(format+" (seed=%d)", append(a, s.seed)...) })
		if err != nil {
			return errors.Join(fmt.Errorf("start %s: %w", set.venue, err), closeAll(worlds))
		}
		w.long = s.length >= longRun
		worlds = append(worlds, w)
	}
	s.together(worlds, func(w *world) { w.begin("start"); w.settle(); w.account(); w.settle() })
	before := takeStock()
	s.together(worlds, func(w *world) { s.storms(w, end) })
	s.together(worlds, func(w *world) { w.begin("end"); w.finish() })
	s.leaks("while running", before.grown(stockRunning, stockWait))
	for _, w := range worlds {
		w.stop()
		s.collect(w)
	}
	return closeAll(worlds)
}

func closeAll(worlds []*world) error {
	var errs []error
	for _, w := range worlds {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

// together does the same in all worlds at once.
func (s *soak) together(worlds []*world, do func(w *world)) {
	var wg sync.WaitGroup
	for _, w := range worlds {
		wg.Go(func() { do(w) })
	}
	wg.Wait()
}

// mostMismatches end a world: what follows tells nothing new.
const mostMismatches = 500

// leastStorms are played of a round, however slow the machine.
const leastStorms = 2

// storms plays all faults in random order, again and again.
func (s *soak) storms(w *world, end time.Time) {
	for played := 0; ; {
		for _, faults := range w.shuffled(every()) {
			if played >= leastStorms && !time.Now().Before(end) || w.count() > mostMismatches {
				return
			}
			played++
			began, had := time.Now(), w.count()
			w.play(faults)
			if s.verbose {
				s.printf("%s %s: %d ms, mismatches %d, connections %d", w.set.venue, w.storm, time.Since(began).Milliseconds(), w.count()-had, w.up())
			}
		}
	}
}

// shuffled makes storms of faults: one that is not of data with up to two that
// are, now and then those of data alone.
func (w *world) shuffled(all []fault) [][]fault {
	var storms [][]fault
	var data []fault
	for _, f := range all {
		if f.class == classData {
			data = append(data, f)
		} else {
			storms = append(storms, []fault{f})
		}
	}
	mix := func(n int) []fault {
		w.random.Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })
		return append([]fault(nil), data[:n]...)
	}
	for i := range storms {
		storms[i] = append(storms[i], mix(w.random.IntN(3))...)
	}
	for range 6 {
		storms = append(storms, mix(1+w.random.IntN(len(data))))
	}
	w.random.Shuffle(len(storms), func(i, j int) { storms[i], storms[j] = storms[j], storms[i] })
	return storms
}

// finish compares what only a world at rest can be asked.
func (w *world) finish() {
	w.wantAll()
	if !w.settle() {
		return
	}
	w.compareBooks(true)
	silent := 0
	w.ledger.mu.Lock()
	for i := range w.ledger.streams {
		for k := range w.ledger.streams[i] {
			if w.ledger.streams[i][k].ever == 0 {
				silent++
			}
		}
	}
	w.ledger.mu.Unlock()
	if silent > len(w.places)/2 {
		w.mismatch(fmt.Sprintf("%d of %d streams never had data", silent, len(w.places)))
	}
}

func (s *soak) collect(w *world) {
	s.result.faults += w.faults
	s.result.mismatches += w.count()
	s.result.lost += w.ledger.lost
	s.recoveries = append(s.recoveries, w.ledger.recoveries...)
	s.refused = append(s.refused, w.refused...)
	s.settled = append(s.settled, w.settled...)
	s.books += w.books
}
