package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tickring/tickring/exchanges/sim"
)

const (
	recordPairs = 8
	// recordRate is frames a second and connection: a dozen publishers share a machine.
	recordRate = 150
	// recordParts of a run are one recording.
	recordParts = 4
	// The first recorder that is killed lives for a quarter of the run, each further one
	// half as long as the one before, and leastLife at least.
	firstLife = 4
	leastLife = time.Second
	// recordBackfill is what is fetched by REST after an outage, where a venue has it.
	recordBackfill = 50
)

// recordWorld is a venue and those that record it.
type recordWorld struct {
	world
	legs         int
	program, dir string
	whole        *recorder
	lives        []*recorder // that were killed, or are to be
	moments      *rand.Rand  // of the kills; world's are of the storms, at the same time
	// calm is held while a fault is on: recorders are started in between.
	calm sync.Mutex

	runningMu sync.Mutex
	running   []string // feeds
}

// openRecord starts a venue and the recorder of the whole run. The world is to be closed
// with an error too, nil is none.
func (s *soak) openRecord(set setting, legs int, dir string, end time.Time) (*recordWorld, error) {
	w := &recordWorld{
		world: world{
			set: set, pairs: recordPairs, long: s.length >= longRun,
			random: rand.New(rand.NewPCG(s.seed, uint64(legs)<<8|uint64(len(set.venue)))),
			say:    func(format string, a ...any) { s.printf(format+" (seed=%d)", append(a, s.seed)...) },
		},
		moments: rand.New(rand.NewPCG(s.seed, 1<<16|uint64(legs)<<8|uint64(len(set.venue)))),
		legs:    legs, program: s.program, dir: filepath.Join(dir, fmt.Sprintf("%s-%d", set.venue, legs)),
	}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	w.sim, err = sim.New(sim.Config{
		Venue: set.venue, TLS: true, Settle: -1, Seed: s.seed, Rate: min(set.rate, recordRate), Symbols: w.pairs,
		Compression: sim.Compression{On: legs > 1},
	})
	if err != nil {
		return nil, err
	}
	if err := w.sim.Start(); err != nil {
		return nil, err
	}
	if err := w.listRecorded(); err != nil {
		return w, err
	}
	part := max(time.Until(end)/recordParts, time.Second)
	w.whole, err = w.start("whole", "--rotate-every", part.String())
	return w, err
}

// listRecorded asks the venue for its pairs, and writes its authority down.
func (w *recordWorld) listRecorded() error {
	d, err := w.set.dialect()
	if err != nil {
		return err
	}
	if err := w.list(d, authority(w.sim), w.pairs); err != nil {
		return err
	}
	return os.WriteFile(w.authorityFile(), w.sim.CAPEM(), 0o600)
}

func (w *recordWorld) authorityFile() string { return filepath.Join(w.dir, "ca.pem") }

// start starts a recorder while the venue behaves.
func (w *recordWorld) start(name string, more ...string) (*recorder, error) {
	w.calm.Lock()
	defer w.calm.Unlock()
	r, err := startRecorder(w.program, w.dir, name, append(w.recordFlags(), more...)...)
	if err != nil {
		return nil, err
	}
	w.runningMu.Lock()
	defer w.runningMu.Unlock()
	w.running = append(w.running, name)
	return r, nil
}

// recordFlags are those of every recorder of the world.
func (w *recordWorld) recordFlags() []string {
	var pairs []string
	for _, s := range w.symbols {
		pairs = append(pairs, s.String())
	}
	flags := []string{"--venue", w.set.venue, "--symbols", strings.Join(pairs, ","), "--url", w.sim.URL(), "--rest-url", w.sim.RESTURL(),
		"--ca", w.authorityFile(), "--legs", fmt.Sprint(w.legs)}
	for _, o := range w.set.options {
		flags = append(flags, "--set", o[0]+"="+o[1])
	}
	if w.legs > 1 {
		flags = append(flags, "--bind", uplinks[0], "--bind", uplinks[1], "--set", "ws.compression=on")
	}
	if w.set.venue != "mexc" { // its trades have no ids by REST
		flags = append(flags, "--backfill", fmt.Sprint(recordBackfill))
	}
	return flags
}

// killAgain starts recorders and kills each, until the run ends.
func (w *recordWorld) killAgain(end time.Time) {
	life := time.Until(end) / firstLife
	for time.Until(end) > leastLife/2 || len(w.lives) == 0 {
		var more []string
		if len(w.lives)%2 == 1 { // a part may be cut at any byte too
			more = []string{"--rotate-every", max(life/recordParts, leastLife/2).String()}
		}
		r, err := w.start(fmt.Sprintf("killed-%d", len(w.lives)+1), more...)
		if err != nil {
			w.mismatch("a recorder to be killed: " + err.Error())
			return
		}
		w.lives = append(w.lives, r)
		lives := min(life+time.Duration(w.moments.Int64N(int64(life/4+1))), max(time.Until(end), leastLife))
		if err := r.killAfter(lives); err != nil {
			w.mismatch(err.Error())
		}
		w.forgetFeed(r.feed)
		removeFeed(w.dir, r.feed)
		life = max(life/2, leastLife)
	}
}

func (w *recordWorld) forgetFeed(name string) {
	w.runningMu.Lock()
	defer w.runningMu.Unlock()
	w.running = slices.DeleteFunc(w.running, func(have string) bool { return have == name })
}

// feeds are those that run.
func (w *recordWorld) feeds() []string {
	w.runningMu.Lock()
	defer w.runningMu.Unlock()
	return slices.Clone(w.running)
}

// close ends what still runs.
func (w *recordWorld) close() error {
	var errs []error
	if w.whole != nil {
		errs = append(errs, w.whole.discard())
	}
	return errors.Join(append(errs, w.sim.Close())...)
}
