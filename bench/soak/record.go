package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// Recordings of a soak: while a venue misbehaves one process records all of it in
// parts, and others are killed at random moments. What readers got of them live is held
// against what readers get of a replay.

// lossLimit is the specification's, of a recorder that is killed.
const lossLimit = time.Second

// recordResult is what came of a world's recordings.
type recordResult struct {
	venue         string
	legs, faults  int
	records       uint64 // of the whole run, as a reader got them live
	hash          string
	replayed      uint64
	replayedHash  string
	equal         bool
	kills         int
	killedRecords uint64
	killedLoss    time.Duration // the age of the oldest record that a killed recorder lost
	killedEqual   bool
}

func (r recordResult) String() string {
	return fmt.Sprintf("record: venue=%s legs=%d faults=%d records=%d hash=%s replayed=%d hash=%s equal=%t kills=%d killed_records=%d killed_lost_ms=%d killed_equal=%t",
		r.venue, r.legs, r.faults, r.records, r.hash, r.replayed, r.replayedHash, r.equal, r.kills, r.killedRecords,
		r.killedLoss.Milliseconds(), r.killedEqual)
}

func (r recordResult) good() bool {
	return r.equal && r.killedEqual && r.records > 0 && r.kills > 0 && r.killedRecords > 0 && r.faults > 0 && r.killedLoss < lossLimit
}

// record lets the venues misbehave side by side, and compares their recordings one after
// the other. The error is of what could not be started.
func record(o options) (results []recordResult, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	for o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}
	s := &soak{options: o}
	s.printf("seed=%d for=%s venue=%s, recorded", o.seed, o.length, o.venue)
	dir, err := os.MkdirTemp("", "tickring-soak-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	end := time.Now().Add(o.length)
	worlds, err := s.openRecords(dir, end)
	defer func() {
		for _, w := range worlds {
			err = errors.Join(err, w.close())
		}
	}()
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	for _, w := range worlds {
		wg.Go(func() { w.storms(end) })
		wg.Go(func() { w.killAgain(end) })
	}
	wg.Wait()
	for _, w := range worlds {
		results = append(results, w.judge())
	}
	return results, nil
}

// openRecords opens every venue with one leg and with two, and in a short run with one or
// the other. The worlds are to be closed with an error too.
func (s *soak) openRecords(dir string, end time.Time) (worlds []*recordWorld, err error) {
	for legs := 1; legs <= len(uplinks); legs++ {
		for i, set := range rounds()[legs-1] { // books of another kind with each number
			if !s.runs(set) || s.length < longRun && legs != i%len(uplinks)+1 {
				continue
			}
			w, err := s.openRecord(set, legs, dir, end)
			if w != nil {
				worlds = append(worlds, w)
			}
			if err != nil {
				return worlds, fmt.Errorf("start %s with %d legs: %w", set.venue, legs, err)
			}
		}
	}
	return worlds, nil
}
