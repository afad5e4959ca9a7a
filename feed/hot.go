package feed

import (
	"math/rand/v2"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// Times of the loop.
const (
	tickNS = ring.HeartbeatIntervalNS
	// sweepNS is how often quiet instruments are looked for.
	sweepNS = 250 * ms
	// spinNS is how long adaptive waiting spins after the last data: longer than
	// the distance of frames in a burst, far shorter than a scheduler's slice.
	spinNS = 50_000
	// ringNS bounds how long a reader that sleeps waits for the bell while frames
	// follow one another too closely for the thread to block: a wake-up takes about
	// as long.
	ringNS = 50_000
	// maxEvents of one look at the sockets.
	maxEvents = 64
	// wakerToken is no row of the connection table.
	wakerToken = 1 << 16
	// queueCap bounds commands and dial results in flight.
	queueCap = 1024
)

// hot is the hot thread: everything in it belongs to that thread alone, but for
// the queues and the waker.
type hot struct {
	cfg     *PublisherConfig
	dialect Dialect
	w       *ring.Writer
	clock   hotClock
	tee     *tee // what a recording is made of; nil where there is none
	poller  *wire.Poller
	waker   *wire.Waker
	warmer  warmer
	grip    *ring.Grip // held while the thread spins in busy mode
	cmds    *wire.Queue[command]
	dials   *wire.Queue[dialResult]
	logs    *wire.Queue[logEvent]
	dial    func(c *conn, url string, attempt uint64)

	// What the dialect can do beyond Dialect; zero where it cannot.
	binary        BinaryDialect
	fast          FastDialect
	perRequest    int
	countsForLife bool
	lifeNS        int64
	dropRepeats   bool
	// messagesPerSecond is the venue's limit on a connection, 0 none known.
	messagesPerSecond int

	// fetchSnapshot hands a REST fetch to a control goroutine; nil where books are
	// not made so.
	fetchSnapshot func(in *instrument, attempt uint64)
	// fetchTrades does the same for an instrument's recent trades; nil where none are.
	fetchTrades func(in *instrument, attempt uint64)
	// fetchTime does the same for the venue's time; nil where it has none to tell.
	fetchTime   func()
	venueClock  venueClock
	restPace    bucket
	restUntilNS int64 // the host wants to be left alone until then

	symbols     *exchanges.SymbolTable
	batch       exchanges.Batch
	streams     []exchanges.StreamInfo
	idleAfterNS int64 // after which an instrument keeps its ticker only, 0 never
	legs        int   // connections that bring each stream, 1 to maxLegs
	legStats    [maxLegs]legStats
	instruments []*instrument
	bySymbol    map[Symbol]*instrument
	conns       []*conn
	byRow       [ring.MaxConnections]*conn // connections that are up
	rows        rowPool
	hosts       map[string]*hostLimit
	metadata    map[string]*exchanges.InstrumentInfo

	recvNS    int64
	frameOpen bool
	worked    bool  // records were published since the doorbell last rang
	rungNS    int64 // when it last rang
	closing   bool
	nextTick  int64
	nextSweep int64
	lastWork  int64

	record           ring.Record
	statusRecord     ring.Record
	image            *ring.Book
	bids, asks       []ring.Level
	priceExponent    int8
	quantityExponent int8
	requestID        uint64
	jitter           rand.PCG
	bad              badFrames
	requestBatch     []*subscription
	scratch          []byte
	events           [maxEvents]wire.Event
}

// command is work handed to the hot thread; run is called there.
type command struct {
	run func(h *hot)
}

// dialResult is what a control goroutine made of a dial.
type dialResult struct {
	conn    *conn
	attempt uint64
	ws      socket
	err     *wire.DialError
}

// loop turns until a command closes it. The goroutine is locked to its thread.
func (h *hot) loop() {
	h.nextTick = h.clock.Now()
	h.lastWork = h.nextTick
	for !h.closing {
		n, err := h.look()
		if err != nil {
			h.logText(logPoll, nil, []byte(err.Error()))
		}
		for _, e := range h.events[:n] {
			h.tee.event(e)
			h.event(e)
			h.tee.end(h)
		}
		h.grip.Release() // of an event that asked for nothing
		now := h.clock.Now()
		if n > 0 {
			h.lastWork = now
		}
		if now >= h.nextTick && !h.closing {
			h.tee.tick(now)
			h.tick(now)
			h.tee.end(h)
		}
	}
}

// look waits for sockets that are ready, and for the next tick at most.
func (h *hot) look() (int, error) {
	if timeout := h.timeout(); timeout != 0 {
		return h.poller.Wait(timeout, h.events[:])
	}
	return h.spin()
}

// spin looks until there is something, which is read under the grip, or something is due.
func (h *hot) spin() (n int, err error) {
	h.keepCPU(h.clock.Now())
	for n == 0 && err == nil {
		if n, err = h.poller.Wait(0, h.events[:]); n > 0 {
			return n, nil
		}
		now := h.clock.Now()
		if !h.spins(now) {
			break
		}
		if h.cfg.Wait == WaitBusy {
			h.grip.Turn(now)
			h.warm(now)
		}
	}
	h.grip.Release()
	return n, err
}

// keepCPU keeps the scheduler off until the grip is released, in busy mode: in the others the
// thread has no core of its own, and a stop of the world is not to wait for it. Held are
// only looks at sockets and reads of them. Nothing under the grip may block or panic, so
// the segment, which may be gone, is not touched.
func (h *hot) keepCPU(now int64) {
	if h.cfg.Wait == WaitBusy {
		h.grip.Take(now)
	}
}

// spins says whether a spin may go on.
func (h *hot) spins(now int64) bool {
	if now >= h.nextTick || h.cfg.Wait == WaitBlock {
		return false
	}
	return h.cfg.Wait == WaitBusy || now-h.lastWork < spinNS && (!h.worked || now-h.rungNS <= ringNS)
}

func (h *hot) event(e wire.Event) {
	if e.Token == wakerToken {
		h.grip.Release()
		h.waker.Drain()
		h.drain()
		return
	}
	c := h.byRow[e.Token]
	if c == nil {
		h.grip.Release()
		return
	}
	if e.Writable {
		h.grip.Release()
		if err := c.ws.Flush(); err != nil {
			h.lost(c, err)
			return
		}
		h.watchWrites(c)
	}
	if e.Readable {
		h.readable(c)
	}
}

// timeout is how long the next look may block, in ms. Just before it may block
// the readers that sleep on the doorbell are woken, and every ringNS of a spin.
func (h *hot) timeout() int {
	if h.cfg.Wait == WaitBusy {
		return 0
	}
	now := h.clock.Now()
	spin := h.cfg.Wait == WaitAdaptive && now-h.lastWork < spinNS
	if !spin || now-h.rungNS > ringNS {
		h.ring(now)
	}
	if spin {
		return 0
	}
	left := h.nextTick - now
	if left <= 0 {
		return 0
	}
	return int((left + ms - 1) / ms)
}

func (h *hot) ring(now int64) {
	if h.worked {
		h.worked, h.rungNS = false, now
		ring.Ring(h.w.Doorbell())
	}
}

// drain takes commands and dial results in.
func (h *hot) drain() {
	for r := h.dials.Pop(); r != nil; r = h.dials.Pop() {
		h.tee.dialled(r)
		h.dialled(r)
		h.tee.end(h)
	}
	for !h.closing {
		c := h.cmds.Pop()
		if c == nil {
			return
		}
		c.run(h)
		h.tee.end(h)
	}
}

func (h *hot) dialled(r *dialResult) {
	c, now := r.conn, h.clock.Now()
	h.scouted(h.cfg.URLs[c.url], r.err != nil, now)
	if r.attempt != c.attempt || h.closing {
		if r.ws != nil {
			_ = r.ws.Close()
		}
		return
	}
	c.dialing = false
	if r.err != nil {
		h.dialFailed(c, r.err, now)
		return
	}
	h.up(c, r.ws, now)
}

// tick does what is due every 50 ms: heartbeat, clock, dials, pings, deadlines.
func (h *hot) tick(now int64) {
	h.clock.Discipline()
	h.nextTick = now + tickNS
	h.w.HotBeat(now)
	h.w.Counters[ring.CounterRecords] = h.w.LastSequence()
	h.w.Counters[ring.CounterClockSteps] = h.clock.Steps()
	h.countFast()
	h.w.FlushCounters()
	sweep := now >= h.nextSweep
	if sweep {
		h.nextSweep = now + sweepNS
	}
	// What comes first dials, asks and resynchronises before the limits are used up.
	for _, urgent := range [2]bool{true, false} {
		// Connections may join or leave the list in a turn: it is walked backwards.
		for i := len(h.conns) - 1; i >= 0; i-- {
			if i < len(h.conns) && h.conns[i].urgent == urgent {
				h.tickConn(h.conns[i], now, sweep)
			}
		}
	}
	h.wantTime(now)
	if sweep && h.idleAfterNS > 0 {
		h.rest(now)
	}
	for _, c := range h.conns {
		// A dial that is due within the next tick brings the tick forward.
		if c.ws == nil && !c.dialing && c.dialNS < h.nextTick {
			h.nextTick = max(c.dialNS, now+ms)
		}
	}
}

// hasten brings the next tick forward to when something is due.
func (h *hot) hasten(at int64) { h.nextTick = min(h.nextTick, at) }

// countFast takes the dialect's template counts into the segment's counters.
func (h *hot) countFast() {
	if h.fast == nil {
		return
	}
	c := &h.w.Counters
	for i := ring.CounterFastMessages; i <= ring.CounterFallbacksOther; i++ {
		c[i] = 0
	}
	for id, s := range h.fast.Fallbacks() {
		c[ring.CounterFastMessages] += s.Hits
		place := ring.CounterFallbacksOther
		for i := range h.streams {
			if int(h.streams[i].ID) == id {
				place = ring.CounterFallbacksBookTicker + ring.Counter(channelIndex(h.streams[i].Channel))
			}
		}
		c[place] += s.Fallbacks
	}
}

func (h *hot) tickConn(c *conn, now int64, sweep bool) {
	if c.ws == nil {
		if !c.dialing && now >= c.dialNS && h.mayDial(c, now) {
			h.startDial(c, now)
		}
		return
	}
	if now >= c.nextPingNS {
		c.nextPingNS = now + h.dialect.PingIntervalNS()
		if c.pingNS == 0 {
			c.pingNS = now
		}
		if c.askedNS <= c.stats.LastReceiveNS {
			c.askedNS = now
		}
		if !h.ping(c, now) {
			return
		}
	}
	// Nothing at all since a ping, for longer than its answer may take.
	if c.askedNS > c.stats.LastReceiveNS && now-c.askedNS > h.dialect.PongDeadlineNS() {
		h.down(c, ring.ReasonTimeout, textNoPong)
		return
	}
	if !h.overdue(c, now) {
		return
	}
	h.request(c, now)
	h.wantSnapshots(c, now)
	h.wantTrades(c, now)
	if sweep && c.ws != nil {
		h.w.SetConnection(c.row, &c.stats)
		h.sweep(c, now)
	}
	h.age(c, now)
}

// ping sends the venue's own ping; false when the connection went down over it.
func (h *hot) ping(c *conn, now int64) bool {
	c.pings++
	h.scratch = h.dialect.AppendPing(h.scratch[:0], now)
	return h.write(c, h.scratch)
}

var (
	textNoPong = []byte("no answer to a ping")
	textNoAck  = []byte("requests go unanswered")
)

// overdue asks again for what was not answered in time; false when the connection
// went down over it.
func (h *hot) overdue(c *conn, now int64) bool {
	kept := c.pending[:0]
	late := false
	for _, p := range c.pending {
		if now < p.deadlineNS {
			kept = append(kept, p)
			continue
		}
		late = true
		h.w.Counters[ring.CounterAckTimeouts]++
		for _, s := range p.subs {
			switch {
			case s.state == subRequested:
				s.state, s.unheard = subWanted, true
			case p.leaving && s.state == subIdle && s.conn == c:
				s.state = subLeaving // the venue goes on sending it
			}
		}
	}
	c.pending = kept
	if !late {
		return true
	}
	c.ackFailures++
	if c.ackFailures < maxAckFailures {
		return true
	}
	h.down(c, ring.ReasonTimeout, textNoAck)
	return false
}

// sweep finds streams that are quiet beyond their bound, and streams whose first
// data never came.
func (h *hot) sweep(c *conn, now int64) {
	for _, s := range c.subs {
		if s.state != subActive || s.isSpare() {
			continue
		}
		if s.firstDataNS != 0 && now > s.firstDataNS {
			s.firstDataNS = 0
			h.recvNS = now
			h.resubscribe(s.inst, s.stream.Channel)
			if c.ws == nil {
				return
			}
			continue
		}
		bound := s.stream.QuietBoundNS
		if bound == 0 || s.inst.stale&s.stream.Channel != 0 && s.inst.staleAnnounced {
			continue
		}
		if since := max(s.lastDataNS, s.activeNS); now-since > bound {
			h.goneQuiet(s, since, now)
		}
	}
}

func (h *hot) goneQuiet(s *subscription, since, now int64) {
	in := s.inst
	in.stale |= s.stream.Channel
	in.bits |= ring.BitStale
	h.storeState(in)
	h.w.SetStaleChannels(in.id, in.stale)
	open := h.openFrame(now)
	h.announceStale(in, ring.ReasonQuiet, since)
	h.closeFrame(open)
}

// startDial hands a dial to a control goroutine.
func (h *hot) startDial(c *conn, now int64) {
	c.dialing = true
	c.attempt++
	c.stats.State = ring.ConnectionConnecting
	h.w.SetConnection(c.row, &c.stats)
	url := h.cfg.URLs[c.url]
	if c.failures == 0 {
		h.w.SetEndpoint(c.row, url)
		open := h.openFrame(now)
		h.status(statusArgs{code: ring.StatusConnecting, scope: ring.ScopeConnection, conn: c, since: c.downNS, text: []byte(url)})
		h.closeFrame(open)
	}
	h.dial(c, url, c.attempt)
}

// shutdown ends the feed cleanly: close frames, CLOSING, CLOSED.
func (h *hot) shutdown() {
	h.leave(nil)
	h.w.CloseSegment()
	ring.Ring(h.w.Doorbell())
}

// leave ends the loop: sockets closed, CLOSING said.
func (h *hot) leave(text []byte) {
	h.closing = true
	now := h.clock.Now()
	for _, c := range h.conns {
		if c.ws == nil {
			continue
		}
		_ = c.ws.SendClose(wire.CloseNormal, "") // best effort: the process leaves
		_ = h.poller.Del(c.ws.FD())
		_ = c.ws.Close()
		c.ws = nil
		h.byRow[c.row] = nil
		c.stats.State = ring.ConnectionClosed
		h.w.SetConnection(c.row, &c.stats)
	}
	open := h.openFrame(now)
	h.status(statusArgs{code: ring.StatusClosing, scope: ring.ScopeFeed, reason: ring.ReasonRequested, text: text})
	h.closeFrame(open)
	h.w.HotBeat(now)
	h.w.Counters[ring.CounterRecords] = h.w.LastSequence()
}

// abandon closes the sockets of a feed whose segment is gone.
func (h *hot) abandon() {
	h.closing = true
	for _, c := range h.conns {
		if c.ws != nil {
			_ = c.ws.Close() // the feed has failed already
			c.ws = nil
		}
	}
}
