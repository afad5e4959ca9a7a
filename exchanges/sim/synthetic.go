package sim

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	stepsPerTurn = 4096                   // market steps before the lock is let go
	shortestNap  = 250 * time.Microsecond // steps closer than this share a write
	longestNap   = time.Hour              // nothing to do
	mostLag      = time.Second            // the market does not catch up with more
	controlEvery = 20 * time.Millisecond  // of market time
	quietBursts  = 0.4                    // share of bursts out of sight
	controlSpan  = 0.25                   // seconds in which a missed rate is made good
)

// stream is one stream of the market with those who get it.
type stream struct {
	key
	spec  streamSpec
	pair  *pair
	subs  []*conn
	fresh []*conn // of subs: have got nothing yet

	dueNS      int64  // market time of the next window
	lastID     uint64 // book id of what was sent last
	bids, asks window // what was sent last
	candle     candle
}

// synthetic serves the market. One goroutine moves the market along a clock of
// its own, which follows the wall clock; what happens on that clock depends on
// nothing but seed, settings and requests.
type synthetic struct {
	srv    *Server
	market *market
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

func newSynthetic(s *Server) *synthetic {
	m := newMarket(s.cfg.Seed, s.cfg.Symbols)
	return &synthetic{
		srv:     s,
		market:  m,
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

func (s *synthetic) book(pair string) (bookCopy, bool) {
	p := s.market.byName[pair]
	if p == nil {
		return bookCopy{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := bookCopy{id: p.id, changedMS: s.wallMS(p.changedNS)}
	b.bids, b.asks = p.text(p.bids.levels), p.text(p.asks.levels)
	return b, true
}

func (p *pair) text(levels []level) [][2]string {
	out := make([][2]string, len(levels))
	for i, l := range levels {
		out[i] = [2]string{string(p.appendPrice(nil, l.ticks)), string(p.appendAmount(nil, l.lots))}
	}
	return out
}

// begin makes a client live.
func (s *synthetic) begin(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || c.isGone() {
		return
	}
	s.live = append(s.live, c)
	s.resume(time.Now())
	for _, k := range c.wanted() {
		s.attach(c, k)
	}
	s.changed()
}

func (s *synthetic) end(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.live, c)
	if i < 0 {
		return
	}
	s.live = slices.Delete(s.live, i, i+1)
	for k := range s.streams {
		s.detach(c, k)
	}
	s.changed()
}

func (s *synthetic) subscribe(c *conn, k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.live, c) {
		s.resume(time.Now())
		s.attach(c, k)
		s.changed()
	}
}

func (s *synthetic) unsubscribe(c *conn, k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detach(c, k)
	s.changed()
}

// attach gives a live client a stream; the lock is held.
func (s *synthetic) attach(c *conn, k key) {
	st := s.streams[k]
	if st == nil {
		st = s.open(k)
	}
	if slices.Contains(st.subs, c) {
		return
	}
	st.subs = append(st.subs, c)
	st.fresh = append(st.fresh, c)
	if st.spec.kind == kindSnapshotDiffs {
		s.buf = appendOBU(s.buf[:0], st.pair, k.level, 0, st.lastID, st.bids.sent, st.asks.sent, s.wallMS(s.clockNS), s.nowMS)
		s.send(k.channel, s.buf, c)
		st.fresh = nil
	}
	s.flush()
}

// open starts a stream at the present state of the market.
func (s *synthetic) open(k key) *stream {
	p := s.market.byName[k.pair]
	st := &stream{key: k, spec: specOf(k), pair: p}
	switch st.spec.kind {
	case kindSilent:
		s.streams[k] = st
		return st
	case kindDiffs, kindSnapshotDiffs:
		st.remember()
	case kindCandle:
		st.candle = newCandle(p.last, s.wallMS(s.clockNS)/1000, candleSeconds(k.level))
	}
	s.streams[k] = st
	s.byPair[p.index] = append(s.byPair[p.index], st)
	if w := int64(st.spec.window); w > 0 {
		// Windows of different pairs end at different times.
		phase := int64(mix64(uint64(p.index)) % uint64(w))
		st.dueNS = s.clockNS + w - (s.clockNS+w-phase)%w
		heap.Push(&s.due, st)
	}
	return st
}

func (s *synthetic) detach(c *conn, k key) {
	st := s.streams[k]
	if st == nil {
		return
	}
	gone := func(o *conn) bool { return o == c }
	st.subs = slices.DeleteFunc(st.subs, gone)
	st.fresh = slices.DeleteFunc(st.fresh, gone)
	if len(st.subs) > 0 {
		return
	}
	delete(s.streams, k)
	same := func(o *stream) bool { return o == st }
	s.byPair[st.pair.index] = slices.DeleteFunc(s.byPair[st.pair.index], same)
	s.due = slices.DeleteFunc(s.due, same)
	heap.Init(&s.due)
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

// framesOfStep is what a step yields on a stream that sends at once, as the shares
// in market.go make it.
func framesOfStep(k streamKind) float64 {
	switch k {
	case kindQuotes:
		return 0.55 * (1 - quietBursts)
	case kindTrades:
		return 0.21 * (1 - quietBursts)
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
		s.baseNS = now.UnixNano() - s.clockNS
	}
	s.nowMS = now.UnixMilli()
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
	target := now.UnixNano() - s.baseNS
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
	for _, st := range s.byPair[p.index] {
		s.follow(st)
	}
	if quoteChanged {
		s.sendQuote(p)
	}
	s.schedule()
}

// follow tells a stream of the step: its executions go out, changes of the book
// wait for the end of the window. Streams that begin with a snapshot of their own
// need the net difference only.
func (s *synthetic) follow(st *stream) {
	if st.spec.kind == kindDiffs {
		st.bids.follow(&st.pair.bids, st.spec.depth)
		st.asks.follow(&st.pair.asks, st.spec.depth)
	}
	for _, t := range s.market.trades {
		switch st.spec.kind {
		case kindTrades:
			s.buf = appendTrade(s.buf[:0], st.channel, st.pair, t, s.baseNS+t.atNS, s.nowMS)
			s.send(st.channel, s.buf, st.subs...)
		case kindCandle:
			st.candle.take(t)
		}
	}
}

func (s *synthetic) sendQuote(p *pair) {
	for _, st := range s.byPair[p.index] {
		if st.spec.kind == kindQuotes {
			s.buf = appendBookTicker(s.buf[:0], p, s.wallMS(p.changedNS), s.nowMS)
			s.send(st.channel, s.buf, st.subs...)
		}
	}
}

// window ends a window of a stream.
func (s *synthetic) window(st *stream) {
	switch st.spec.kind {
	case kindDiffs, kindSnapshotDiffs:
		s.sendDiffs(st)
	case kindTop:
		s.sendTop(st)
	case kindTicker:
		if to := st.receivers(st.lastID != st.pair.id); len(to) > 0 {
			s.buf = appendTicker(s.buf[:0], st.pair, s.nowMS)
			s.send(st.channel, s.buf, to...)
		}
		st.lastID = st.pair.id
	case kindCandle:
		s.sendCandle(st)
	}
}

// receivers are all clients of a stream when there is news, else those that have
// got nothing yet.
func (st *stream) receivers(news bool) []*conn {
	to := st.fresh
	st.fresh = nil
	if news {
		return st.subs
	}
	return to
}

func (s *synthetic) sendDiffs(st *stream) {
	p := st.pair
	if st.lastID == p.id {
		return
	}
	s.diffs[0] = st.bids.diff(s.diffs[0][:0], &p.bids, st.spec.depth)
	s.diffs[1] = st.asks.diff(s.diffs[1][:0], &p.asks, st.spec.depth)
	changedMS := s.wallMS(p.changedNS)
	if st.spec.kind == kindDiffs {
		s.buf = appendDiffs(s.buf[:0], p, st.lastID+1, s.diffs[0], s.diffs[1], changedMS, s.nowMS)
	} else {
		s.buf = appendOBU(s.buf[:0], p, st.level, st.lastID+1, p.id, s.diffs[0], s.diffs[1], changedMS, s.nowMS)
	}
	s.send(st.channel, s.buf, st.subs...)
	st.remember()
}

func (s *synthetic) sendTop(st *stream) {
	p := st.pair
	bids, asks := p.bids.top(st.spec.depth), p.asks.top(st.spec.depth)
	news := !slices.Equal(bids, st.bids.sent) || !slices.Equal(asks, st.asks.sent)
	if to := st.receivers(news); len(to) > 0 {
		s.buf = appendTop(s.buf[:0], p, st.level, bids, asks, s.wallMS(p.changedNS), s.nowMS)
		s.send(st.channel, s.buf, to...)
	}
	if news {
		st.remember()
	}
}

// remember keeps the present best levels as sent.
func (st *stream) remember() {
	p := st.pair
	st.lastID = p.id
	st.bids.restart(&p.bids, st.spec.depth)
	st.asks.restart(&p.asks, st.spec.depth)
}

func (s *synthetic) sendCandle(st *stream) {
	p, length := st.pair, candleSeconds(st.level)
	nowS := s.wallMS(s.clockNS) / 1000
	if nowS >= st.candle.startS+length {
		s.buf = appendCandle(s.buf[:0], p, st.level, st.candle, true, s.nowMS)
		s.send(st.channel, s.buf, st.subs...)
		st.candle = newCandle(st.candle.close, nowS, length)
	}
	if to := st.receivers(st.lastID != p.tradeID); len(to) > 0 {
		s.buf = appendCandle(s.buf[:0], p, st.level, st.candle, false, s.nowMS)
		s.send(st.channel, s.buf, to...)
	}
	st.lastID = p.tradeID
}

func newCandle(ticks, nowS, length int64) candle {
	return candle{startS: nowS - nowS%length, open: ticks, high: ticks, low: ticks, close: ticks}
}

func (c *candle) take(t trade) {
	c.close = t.ticks
	c.high, c.low = max(c.high, t.ticks), min(c.low, t.ticks)
	c.baseLots += t.lots
	c.quoteUnits += t.lots * t.ticks
}

// candleSeconds is the length of a bar.
func candleSeconds(interval string) int64 {
	switch interval {
	case "1d":
		return 86400
	case "7d":
		return 7 * 86400
	}
	d, _ := time.ParseDuration(interval)
	return int64(math.Max(1, d.Seconds()))
}

// send queues a data frame for clients; they are woken by flush.
func (s *synthetic) send(channel string, frame []byte, to ...*conn) {
	n := 0
	for _, c := range to {
		if !c.queueData(frame) {
			continue
		}
		n++
		if !c.touched {
			c.touched = true
			s.touched = append(s.touched, c)
		}
	}
	s.control.sent += int64(len(to))
	s.srv.stats.frames(channel, n)
}

func (s *synthetic) flush() {
	for _, c := range s.touched {
		c.touched = false
		c.kick()
	}
	clear(s.touched)
	s.touched = s.touched[:0]
}

// wallMS is the wall time of a market time.
func (s *synthetic) wallMS(marketNS int64) int64 { return (s.baseNS + marketNS) / 1e6 }

// dueHeap orders streams by the end of their window, then by name, so that the
// order is the same in every run.
type dueHeap []*stream

func (h dueHeap) Len() int      { return len(h) }
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(*stream)) }
func (h dueHeap) Less(i, j int) bool {
	if a, b := h[i].dueNS, h[j].dueNS; a != b {
		return a < b
	}
	return h[i].order(h[j].key) < 0
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	st := (*h)[last]
	*h = (*h)[:last]
	return st
}

// order compares two keys by their members.
func (k key) order(o key) int {
	return cmp.Or(cmp.Compare(k.pair, o.pair), cmp.Compare(k.channel, o.channel),
		cmp.Compare(k.level, o.level), cmp.Compare(k.interval, o.interval))
}
