package sim

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

const (
	stepsPerTurn = 4096                   // market steps before the lock is let go
	shortestNap  = 250 * time.Microsecond // steps closer than this share a write
	longestNap   = time.Hour              // nothing to do
	mostLag      = time.Second            // the market does not catch up with more
	controlEvery = 20 * time.Millisecond  // of market time
	quietBursts  = 0.4                    // share of bursts out of sight
	controlSpan  = 0.25                   // seconds in which a missed rate is made good
	bareEvery    = 100                    // of so many empty windows of trades one is told
)

// streamKind is how a stream of the market behaves.
type streamKind uint8

const (
	kindSilent        streamKind = iota // acknowledged, never sends
	kindQuotes                          // on each change of the quote
	kindQuoteWindow                     // once a window: the quote, changed or not
	kindTrades                          // on each execution
	kindTradeStep                       // on executions: all of one taker
	kindTradeWindow                     // once a window: its executions
	kindDiffs                           // once a window: what changed in the best levels
	kindSnapshotDiffs                   // the same after a snapshot
	kindTop                             // once a window: the best levels
	kindTicker                          // once a window: the day's statistics
	kindTickers                         // the same of all pairs
	kindCandle                          // once a window: the bar under way
)

// delta reports whether a stream's frames change a book the client keeps.
func (k streamKind) delta() bool { return k == kindDiffs || k == kindSnapshotDiffs }

// streamSpec is the behaviour of a stream: depth in levels a side, bar in seconds.
type streamSpec struct {
	kind   streamKind
	depth  int
	window time.Duration
	bar    int64
}

// moment is the wall time of a frame: base is that of market time 0, changed that
// of the pair's last change, now that of sending.
type moment struct{ baseNS, changedMS, nowMS int64 }

// format writes the frames of a venue. Its methods keep nothing and return what
// they appended to b; they are called under the market's lock.
type format interface {
	// separator stands between base and quote in the name of a pair.
	separator() string
	// op is the kind of message the frames are.
	op() ws.OpCode
	// spec is the behaviour of a stream, name what the venue calls it.
	spec(k key) streamSpec
	name(k key) string

	quote(b []byte, st *stream, m moment) []byte
	// tradeNumber is an execution's id as a number, as the venue's text has it.
	tradeNumber(t trade) uint64
	// trades may be told of none: a window in which nothing happened.
	trades(b []byte, st *stream, ts []trade, m moment) []byte
	// diffs from id first to the pair's present one; first 0 is a snapshot.
	diffs(b []byte, st *stream, first uint64, bids, asks []level, m moment) []byte
	top(b []byte, st *stream, bids, asks []level, m moment) []byte
	// ticker tells one pair, or all that are listed.
	ticker(b []byte, st *stream, pairs []*pair, m moment) []byte
	candle(b []byte, st *stream, closed bool, m moment) []byte
}

// stream is one stream of the market with those who get it.
type stream struct {
	key
	name  string
	spec  streamSpec
	pair  *pair
	subs  []*conn
	fresh []*conn // of subs: have got nothing yet

	dueNS      int64  // market time of the next window
	lastID     uint64 // book id of what was sent last
	bids, asks window // what was sent last
	quote      [2]level
	trades     []trade // since the last window
	empty      int     // windows without a trade
	candle     candle
}

// synthetic serves the market. One goroutine moves the market along a clock of
// its own, which follows the wall clock; what happens on that clock depends on
// nothing but seed, settings and requests.
type synthetic struct {
	srv    *Server
	market *market
	format format
	epoch  time.Time
	wake   chan struct{}
	quit   chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex // guards all below and the market
	stopped bool
	streams map[key]*stream
	byPair  [][]*stream // streams with clients, by index of the pair
	live    []*conn
	touched []*conn
	due     dueHeap
	buf     []byte
	diffs   [2][]level
	frozen  map[string]bookView // books of an earlier moment, by pair; nil: none

	running bool
	clockNS int64 // market time
	baseNS  int64 // wall time of market time 0
	nowMS   int64 // wall time of this turn
	stepNS  int64 // market time of the next step
	burst   *pair
	left    int  // steps left of the burst
	quiet   bool // the burst is out of sight
	control control
	active  []*pair
	shares  []float64 // running sum of the weights of active
}

// control holds the frames sent at the rate asked for.
type control struct {
	perStep float64 // frames expected of a step
	steps   float64 // steps a second
	sent    int64
	sinceNS int64
	nextNS  int64
}

func newSynthetic(s *Server, f format) *synthetic {
	m := newMarket(s.cfg.Seed, s.cfg.Symbols, f.separator())
	return &synthetic{
		srv:     s,
		market:  m,
		format:  f,
		epoch:   time.Now(),
		wake:    make(chan struct{}, 1),
		quit:    make(chan struct{}),
		streams: map[key]*stream{},
		byPair:  make([][]*stream, len(m.pairs)),
	}
}

func (s *synthetic) knows(pair string) bool { return s.market.byName[pair] != nil }

func (s *synthetic) start() { s.wg.Go(s.run) }

func (s *synthetic) stop() {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	s.stopped = true
	s.mu.Unlock()
	close(s.quit)
	s.wg.Wait()
}

// bookView is a copy of a pair's book.
type bookView struct {
	pair       *pair
	id         uint64
	changedMS  int64
	bids, asks []level
}

// view copies a pair's book: the present one, or, when stale, the one frozen.
func (s *synthetic) view(pair string, stale bool) (bookView, bool) {
	p := s.market.byName[pair]
	if p == nil {
		return bookView{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.frozen[pair]; ok && stale {
		return v, true
	}
	return s.viewLocked(p), true
}

func (s *synthetic) viewLocked(p *pair) bookView {
	return bookView{p, p.id, s.wallMS(p.changedNS), slices.Clone(p.bids.levels), slices.Clone(p.asks.levels)}
}

// freeze keeps the books as they are for stale answers, or forgets those kept.
func (s *synthetic) freeze(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on {
		s.frozen = nil
		return
	}
	if s.frozen != nil {
		return
	}
	s.frozen = make(map[string]bookView, len(s.market.pairs))
	for _, p := range s.market.pairs {
		s.frozen[p.name] = s.viewLocked(p)
	}
}

func (s *synthetic) book(pair string) (bookCopy, bool) {
	v, ok := s.view(pair, false)
	if !ok {
		return bookCopy{}, false
	}
	return bookCopy{v.id, v.pair.text(v.bids), v.pair.text(v.asks)}, true
}

func (p *pair) text(levels []level) [][2]string {
	out := make([][2]string, len(levels))
	for i, l := range levels {
		out[i] = [2]string{string(p.appendPrice(nil, l.ticks)), string(p.appendAmount(nil, l.lots))}
	}
	return out
}

// changed follows a change of clients or streams: which pairs are active, and how
// many steps make the rate.
func (s *synthetic) changed() {
	s.active, s.shares = s.active[:0], s.shares[:0]
	sum := 0.0
	for i, streams := range s.byPair {
		if len(streams) > 0 {
			sum += s.market.pairs[i].weight
			s.active = append(s.active, s.market.pairs[i])
			s.shares = append(s.shares, sum)
		}
	}
	perStep := 0.0
	for _, p := range s.active {
		for _, st := range s.byPair[p.index] {
			perStep += p.weight / sum * float64(len(st.subs)) * framesOfStep(st.spec.kind)
		}
	}
	s.control = control{perStep: max(perStep, 0.25), sinceNS: s.clockNS, nextNS: s.clockNS}
	s.steer()
	s.left = 0
	s.schedule()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// repeatsOfStep is how many windows of a quote a step stands for: at 10 ms the venue
// repeats 96 of 100 quotes and more (probed 2026-09).
const repeatsOfStep = 12

// framesOfStep is what a step yields on a stream that sends at once, as the shares
// in market.go make it.
func framesOfStep(k streamKind) float64 {
	switch k {
	case kindQuotes:
		return 0.55 * (1 - quietBursts)
	case kindTrades, kindTradeStep, kindTradeWindow:
		return 0.21 * (1 - quietBursts)
	case kindQuoteWindow:
		return repeatsOfStep
	}
	return 0
}

// steer sets the steps a second so that what is sent keeps to the rate.
func (s *synthetic) steer() {
	rate := float64(s.srv.cfg.Rate * len(s.live))
	if rate == 0 {
		return
	}
	elapsed := float64(s.clockNS-s.control.sinceNS) / 1e9
	missing := (rate*elapsed - float64(s.control.sent)) / (rate * controlSpan)
	s.control.steps = rate / s.control.perStep * max(0.05, min(4, 1+missing))
	s.control.nextNS = s.clockNS + int64(controlEvery)
}

// schedule draws the time of the next step: steps of a burst follow each other
// twenty times as fast as the mean, so that the mean is kept and the pauses
// between bursts are long.
func (s *synthetic) schedule() {
	if len(s.active) == 0 || s.control.steps == 0 {
		return
	}
	const within = 0.05
	rng := s.market.rng
	mean := 1e9 / s.control.steps
	if s.left > 0 {
		s.left--
		s.stepNS = s.clockNS + int64(mean*within)
		return
	}
	s.burst = s.active[s.drawActive(rng.Float64())]
	s.quiet = rng.Float64() < quietBursts
	s.left = int(min(rng.ExpFloat64()*(burstMean-1), 20*burstMean))
	pause := mean * (burstMean - (burstMean-1)*within)
	s.stepNS = s.clockNS + int64(rng.ExpFloat64()*pause)
}

func (s *synthetic) drawActive(u float64) int {
	u *= s.shares[len(s.shares)-1]
	i, _ := slices.BinarySearch(s.shares, u)
	return min(i, len(s.active)-1)
}

func (s *synthetic) run() {
	timer := time.NewTimer(longestNap)
	defer timer.Stop()
	for {
		timer.Reset(s.turn(time.Now()))
		select {
		case <-s.quit:
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// resume starts the market's clock where it stood; the lock is held.
func (s *synthetic) resume(now time.Time) {
	if !s.running {
		s.running = true
		s.baseNS = s.steadyNS(now) - s.clockNS
	}
	s.nowMS = now.UnixMilli()
}

// steadyNS is the wall time as if nobody had set the clock since the start: a clock
// set back must not stop the market.
func (s *synthetic) steadyNS(now time.Time) int64 {
	return s.epoch.UnixNano() + int64(now.Sub(s.epoch))
}

// turn moves the market up to now and returns how long to sleep.
func (s *synthetic) turn(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.active) == 0 {
		s.running = false
		return longestNap
	}
	s.resume(now)
	target := s.steadyNS(now) - s.baseNS
	if target-s.clockNS > int64(mostLag) {
		s.baseNS += target - s.clockNS
		target = s.clockNS
	}
	for range stepsPerTurn {
		next := s.next()
		if next > target {
			s.flush()
			return max(time.Duration(next-target), shortestNap)
		}
		s.clockNS = max(next, s.clockNS)
		s.happen()
	}
	s.flush()
	return 0
}

// next is the market time of what happens next.
func (s *synthetic) next() int64 {
	if len(s.due) > 0 {
		return min(s.due[0].dueNS, s.stepNS)
	}
	return s.stepNS
}

// happen lets one thing happen: the end of a window or a step of a pair.
func (s *synthetic) happen() {
	if s.clockNS >= s.control.nextNS {
		s.steer()
	}
	if len(s.due) > 0 && s.due[0].dueNS <= s.stepNS {
		st := s.due[0]
		s.window(st)
		st.dueNS += int64(st.spec.window)
		heap.Fix(&s.due, 0)
		return
	}
	p := s.burst
	quoteChanged := s.market.step(p, s.clockNS, s.quiet)
	p.keepTrades(s.market.trades)
	for _, st := range s.byPair[p.index] {
		s.follow(st)
	}
	if quoteChanged {
		s.sendQuote(p)
	}
	s.schedule()
}
