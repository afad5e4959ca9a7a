package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// Two legs, one of which is cut at random, over and over: nothing may be lost, told
// twice or marked while the other lives.

// uplinks are where the two legs come from: the venue tells them apart by it.
var uplinks = [2]string{"127.0.0.1", "127.0.0.2"}

const (
	legPairs = 8
	// legRate is how much busier the venue is, so that every stream is soon on both.
	legRate = 5
	// overlap is how many frames of a stream both legs have brought, or how long both
	// have had a quiet one, before one of them may be cut.
	overlap      = 3
	overlapQuiet = 500 * ms
)

// legsResult is what a run of two legs found.
type legsResult struct {
	drops, lost, duplicates, marks int
	records                        uint64
}

func (r legsResult) String() string {
	return fmt.Sprintf("drops=%d records=%d lost=%d duplicates=%d marks=%d", r.drops, r.records, r.lost, r.duplicates, r.marks)
}

// legWorld is a venue and a publisher of two legs.
type legWorld struct {
	world
	judge *legJudge
}

// eachLegs runs two legs of each venue, over books of each kind, one after the other.
func (s *soak) eachLegs(length time.Duration) error {
	var all []setting
	some := rounds()[:2]
	if s.length < longRun {
		some = some[:1]
	}
	for _, settings := range some {
		for _, set := range settings {
			if s.runs(set) {
				all = append(all, set)
			}
		}
	}
	for _, set := range all {
		if err := s.legs(set, length/time.Duration(len(all))); err != nil {
			return err
		}
	}
	return nil
}

// legs runs a setting for a time with two legs.
func (s *soak) legs(set setting, length time.Duration) error {
	w := &legWorld{world: world{
		set: set, random: rand.New(rand.NewPCG(s.seed, 2)), followed: make(chan struct{}),
		say: func(format string, a ...any) { s.printf(format+" (seed=%d)", append(a, s.seed)...) },
	}}
	if err := w.open(s.seed); err != nil {
		return fmt.Errorf("start %s with two legs: %w", set.venue, err)
	}
	w.cut(time.Now().Add(length))
	w.quiet()
	w.stop()
	r := w.judge.finish()
	s.printf("legs: %s, book %s: %s", set.venue, set.options[0][1], r)
	s.result.faults += r.drops
	s.result.mismatches += w.count()
	s.result.lost += uint64(r.lost)
	return w.close()
}

func (w *legWorld) open(seed uint64) error {
	var err error
	w.sim, err = sim.New(sim.Config{Venue: w.set.venue, TLS: true, Settle: -1, Seed: seed, Rate: legRate * w.set.rate, Symbols: legPairs})
	if err != nil {
		return err
	}
	if err := w.sim.Start(); err != nil {
		return err
	}
	dialect, err := w.set.dialect()
	if err != nil {
		return errors.Join(err, w.sim.Close())
	}
	ca := authority(w.sim)
	if err := w.list(dialect, ca, legPairs); err != nil {
		return errors.Join(err, w.sim.Close())
	}
	w.pub, err = feed.StartPublisher(feed.PublisherConfig{
		Anonymous: true, Dialect: dialect, CPU: -1, Slots: slots, MaxInstruments: legPairs,
		Symbols: w.symbols, Channels: ring.AllChannels, URLs: []string{w.sim.URL()}, RESTURL: w.sim.RESTURL(),
		CA: ca, Source: ring.SourceSimulated, MetadataInterval: metadataEvery, Legs: len(uplinks), Bind: uplinks[:],
	})
	if err != nil {
		return errors.Join(err, w.sim.Close())
	}
	w.judge = newLegJudge(w.set, w.pub.View(), w.mismatch)
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	go func() { defer close(w.followed); w.judge.follow(ctx) }()
	return nil
}

// cut cuts one leg after the other, each once both are whole.
func (w *legWorld) cut(end time.Time) {
	w.begin("both legs come up")
	if !w.whole(0) {
		return
	}
	w.judge.settle()
	for first := true; first || time.Now().Before(end); first = false {
		leg := w.random.IntN(len(uplinks))
		w.begin(fmt.Sprintf("leg %d is cut", leg))
		before := w.opened()
		w.sim.DropFrom(net.ParseIP(uplinks[leg]))
		w.judge.dropped()
		if !w.whole(before) {
			return
		}
		time.Sleep(time.Duration(w.random.IntN(50)) * ms)
	}
}

// quiet silences the venue and lets what is under way arrive.
func (w *legWorld) quiet() {
	w.begin("the end")
	if err := w.sim.ApplyFaults(sim.Faults{PingsOnly: true}); err != nil {
		w.mismatch(err.Error())
	}
	for last, still := uint64(0), 0; still < 20; time.Sleep(10 * ms) {
		now := w.pub.View().LastSequence()
		if still++; now != last {
			last, still = now, 0
		}
	}
}

// opened counts the connections that the venue has ever accepted.
func (w *legWorld) opened() uint64 {
	var last uint64
	for _, c := range w.sim.Truth().Connections {
		last = max(last, c.Number)
	}
	return last
}

// whole waits until a connection was opened after number before, and both legs have had
// every stream for a while: until then neither can stand in for the other.
func (w *legWorld) whole(before uint64) bool {
	want := len(w.symbols) * len(channels) * len(uplinks)
	for began := time.Now(); ; time.Sleep(look) {
		have := 0
		for _, c := range w.sim.Truth().Connections {
			for _, st := range c.Streams {
				quiet := time.Now().UnixNano()-st.SubscribedNS > int64(overlapQuiet)
				if c.ClosedNS == 0 && !c.Ending && st.Active() && (st.Frames >= overlap || quiet) {
					have++
				}
			}
		}
		if have == want && w.opened() > before && w.booksStand() {
			return true
		}
		if time.Since(began) > settleLimit {
			w.mismatch(fmt.Sprintf("%d of %d streams came back", have, want))
			return false
		}
	}
}

func (w *legWorld) booksStand() bool {
	var st ring.InstrumentState
	for i := range w.symbols {
		if w.pub.View().InstrumentState(i, &st); st.Bits() != ring.BitSubscribed {
			return false
		}
	}
	return true
}

// legJudge reads a ring of two legs and judges every record.
type legJudge struct {
	set    setting
	reader *ring.Reader
	report func(string)

	mu             sync.Mutex
	settled        bool
	result         legsResult
	trades         map[uint16]*idRange
	quotes, depths map[uint16]uint64 // the last ids, by instrument
}

func newLegJudge(set setting, view *ring.View, report func(string)) *legJudge {
	j := &legJudge{
		set: set, reader: ring.NewReader(view), report: report,
		trades: map[uint16]*idRange{}, quotes: map[uint16]uint64{}, depths: map[uint16]uint64{},
	}
	j.reader.Seek(1)
	return j
}

// idRange are the trade ids that came of one instrument: legs may bring them out of
// order, where the one that was cut had older ones under way.
type idRange struct {
	first, last uint64
	seen        map[uint64]struct{}
}

func (r *idRange) missing(step uint64) int { return int((r.last-r.first)/step) + 1 - len(r.seen) }

// follow reads until the context ends and the ring is empty.
func (j *legJudge) follow(ctx context.Context) {
	var r ring.Record
	for {
		switch a := j.reader.Next(&r); a {
		case ring.AnswerRecord:
			j.mu.Lock()
			j.judge(&r)
			j.mu.Unlock()
		case ring.AnswerOverrun:
			j.mu.Lock()
			j.result.lost += int(j.reader.Lost())
			j.mu.Unlock()
		case ring.AnswerEmpty, ring.AnswerStale:
			if ctx.Err() != nil {
				return
			}
			j.reader.Wait(20 * ms)
		default:
			j.report("the ring ended: " + a.String())
			return
		}
	}
}

// settle says that everything stands: from now on nothing may be marked.
func (j *legJudge) settle() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settled = true
}

func (j *legJudge) dropped() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result.drops++
}

// finish counts the trades that never came.
func (j *legJudge) finish() legsResult {
	j.mu.Lock()
	defer j.mu.Unlock()
	for in, ids := range j.trades {
		if n := ids.missing(j.set.idStep); n != 0 {
			j.result.lost += n
			j.report(fmt.Sprintf("%s: %d trades from %d to %d never came", j.reader.View().Symbol(int(in)), n, ids.first, ids.last))
		}
	}
	return j.result
}

func (j *legJudge) judge(r *ring.Record) {
	j.result.records++
	switch r.Kind {
	case ring.KindTrade:
		j.trade(r)
	case ring.KindBookTicker:
		if r.VenueSequence <= j.quotes[r.Instrument] && r.Flags&ring.FlagRepeat == 0 || r.VenueSequence < j.quotes[r.Instrument] {
			j.twice(r, j.quotes[r.Instrument])
		}
		j.quotes[r.Instrument] = r.VenueSequence
	case ring.KindDepth:
		j.depth(r)
	case ring.KindStatus:
		st := r.Status()
		if code := st.Code; code == ring.StatusGap || j.settled && code == ring.StatusStale {
			j.result.marks++
			j.report(fmt.Sprintf("instrument %d: %s, %d to %d", r.Instrument, code, st.FirstMissing, st.LastMissing))
		}
	}
}

func (j *legJudge) twice(r *ring.Record, before uint64) {
	j.result.duplicates++
	j.report(fmt.Sprintf("%s: %s %d behind %d", j.reader.View().Symbol(int(r.Instrument)), r.Kind, r.VenueSequence, before))
}

func (j *legJudge) trade(r *ring.Record) {
	id := r.Trade().TradeID
	ids := j.trades[r.Instrument]
	if ids == nil {
		ids = &idRange{first: id, seen: map[uint64]struct{}{}}
		j.trades[r.Instrument] = ids
	}
	if _, told := ids.seen[id]; told {
		j.twice(r, id)
	}
	ids.seen[id] = struct{}{}
	ids.first, ids.last = min(ids.first, id), max(ids.last, id)
}

func (j *legJudge) depth(r *ring.Record) {
	if r.Flags&ring.FlagFirst == 0 || r.Flags&ring.FlagSynthetic != 0 {
		return
	}
	before, ok := j.depths[r.Instrument]
	j.depths[r.Instrument] = r.VenueSequence
	switch {
	case j.settled && r.Flags&ring.FlagSuspect != 0:
		j.result.marks++
		j.report(fmt.Sprintf("instrument %d: depth %d is suspect", r.Instrument, r.VenueSequence))
	case !ok:
	case r.VenueSequence <= before && r.Flags&ring.FlagSnapshot == 0:
		j.twice(r, before)
	case r.Flags&ring.FlagSnapshot == 0 && r.Depth().FirstSequence > before+1:
		j.result.lost++
		j.report(fmt.Sprintf("instrument %d: depth from %d behind %d", r.Instrument, r.Depth().FirstSequence, before))
	}
}
