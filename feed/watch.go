package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// watch reads everything: it counts the data, and STATUS records move the state.
func (b *Base) watch() {
	names := symbolCache{view: b.pub.View()}
	b.read("watcher", func(rec *ring.Record) {
		if rec.Kind != ring.KindStatus {
			b.meter.message(rec, time.Now().UnixNano())
			return
		}
		b.status(rec, &names)
	}, func(lost uint64) {
		b.note(note{level: slog.LevelError, text: "metrics are short of records that were overwritten", who: "watcher", count: lost})
		b.resync()
	})
}

// status takes one STATUS record.
func (b *Base) status(rec *ring.Record, names *symbolCache) {
	s := rec.Status()
	switch s.Code {
	case ring.StatusConnecting:
		b.states.on(eventDialling)
	case ring.StatusUp:
		b.takeCounters()
		if b.allUp() {
			b.states.on(eventAllUp)
		}
	case ring.StatusDown:
		b.states.on(eventLost)
	case ring.StatusSubscribed:
		b.meter.answer(true)
		symbol := names.of(rec.Instrument)
		b.refusals.clear(symbol)
		b.note(note{level: slog.LevelDebug, text: "subscription confirmed", symbol: symbol.String(), detail: s.TextString()})
	case ring.StatusSubscribeRefused:
		// The publisher's own line has the venue's words at full length.
		b.meter.answer(false)
		b.refusals.set(names.of(rec.Instrument), s.TextString())
	case ring.StatusDecodeError:
		b.note(note{
			level: slog.LevelError, text: "message of the venue was refused", symbol: names.text(rec.Instrument),
			who: ring.Reason(s.Reason).String(), detail: s.TextString(),
		})
	}
}

// text is the symbol of a row, "" for none.
func (c *symbolCache) text(id uint16) string {
	if id == ring.NoInstrument {
		return ""
	}
	return c.of(id).String()
}

// allUp asks the hot thread whether every connection carries data; one that is
// only the successor of another does not count.
func (b *Base) allUp() bool {
	up := false
	err := b.pub.command(func(h *hot) {
		up = len(h.conns) > 0
		for _, c := range h.conns {
			up = up && (c.ws != nil || c.successorOf != nil)
		}
	})
	return up && err == nil
}

// resync finds the state anew after STATUS records were overwritten.
func (b *Base) resync() {
	if b.allUp() {
		b.states.on(eventAllUp)
		return
	}
	b.states.on(eventLost)
	b.states.on(eventDialling)
}

// note is a line for the log, written off every path that matters.
type note struct {
	level         slog.Level
	text          string
	who, symbol   string
	detail, stack string
	count         uint64
}

// Bounds of the log: lines that wait, and lines of one text within a second.
const (
	notesCap       = 512
	notesPerSecond = 10
)

// note queues a line; one that finds no room is counted.
func (b *Base) note(n note) {
	select {
	case b.notes <- n:
	default:
		b.dropped.Add(1)
	}
}

// scribe writes the notes, bounded by text and second, and the performance line.
func (b *Base) scribe() {
	performance := make(<-chan time.Time)
	if b.cfg.PerformanceEvery > 0 {
		t := time.NewTicker(b.cfg.PerformanceEvery)
		defer t.Stop()
		performance = t.C
	}
	limit := noteLimit{seen: map[string]int{}}
	for {
		select {
		case n := <-b.notes:
			b.write(n, &limit)
		case <-performance:
			b.sayPerformance()
		case <-b.stop:
			for len(b.notes) > 0 {
				b.write(<-b.notes, &limit)
			}
			return
		}
	}
}

// noteLimit lets few lines of one text through a second. One goroutine.
type noteLimit struct {
	second     time.Time
	seen       map[string]int
	suppressed int
}

func (l *noteLimit) admits(n *note, now time.Time) (ok bool, suppressed int) {
	if now.Sub(l.second) >= time.Second {
		l.second = now
		clear(l.seen)
	}
	l.seen[n.text]++
	if n.level > slog.LevelDebug && l.seen[n.text] > notesPerSecond {
		l.suppressed++
		return false, 0
	}
	suppressed, l.suppressed = l.suppressed, 0
	return true, suppressed
}

func (b *Base) write(n note, limit *noteLimit) {
	ok, suppressed := limit.admits(&n, time.Now())
	if !ok {
		return
	}
	attrs := make([]slog.Attr, 0, 7)
	for _, a := range [...]struct{ key, value string }{
		{"channel", n.who}, {"symbol", n.symbol}, {"detail", n.detail}, {"stack", n.stack},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if n.count > 0 {
		attrs = append(attrs, slog.Uint64("lost", n.count))
	}
	if suppressed += int(b.dropped.Swap(0)); suppressed > 0 {
		attrs = append(attrs, slog.Int("lines_left_out", suppressed))
	}
	b.log.LogAttrs(context.Background(), n.level, n.text, attrs...)
}

// sayPerformance logs the performance line.
func (b *Base) sayPerformance() {
	m := b.PerformanceMetrics()
	b.log.Info("performance",
		"messages_processed", m.MessagesProcessed, "messages_per_second", m.MessagesPerSecond,
		"avg_latency_us", m.AvgLatencyUS, "p99_latency_us", m.LatencyUS.P99, "handler_time_us", m.HandlerTimeUS,
		"active_symbols", m.ActiveSymbols, "uptime_seconds", m.UptimeSeconds, "reconnections", m.Reconnections,
		"subscription_success_rate", m.SubscriptionSuccessRate, "handler_errors", m.HandlerErrors, "lost_records", m.LostRecords)
}

// sayTotals logs the closure.
func (b *Base) sayTotals(symbols int) {
	m := b.PerformanceMetrics()
	b.log.Info("closed",
		"messages_processed", m.MessagesProcessed, "avg_latency_us", m.AvgLatencyUS, "symbols", symbols,
		"uptime_seconds", m.UptimeSeconds, "reconnections", m.Reconnections,
		"handler_errors", m.HandlerErrors, "lost_records", m.LostRecords)
}

const (
	// mendEvery is how often the pending lists are looked at.
	mendEvery = 50 * time.Millisecond
	// resendEvery is the least time between two snapshots of one book.
	resendEvery = time.Second
	unlimited   = 1 << 30
)

// mend asks again for the symbols of failed handlers, and notices that the hot
// thread has ended by itself.
func (b *Base) mend() {
	t := time.NewTicker(mendEvery)
	defer t.Stop()
	done := b.pub.Done()
	for {
		select {
		case now := <-t.C:
			for _, k := range b.pending.due(now, unlimited) {
				b.resubscribe(k)
			}
			for _, k := range b.resends.due(now, 1) {
				b.resend(k.symbol)
			}
		case <-done:
			done = nil
			if err := b.pub.Err(); err != nil {
				b.note(note{level: slog.LevelError, text: "market ended by itself", detail: err.Error()})
			}
			b.states.on(eventLost)
		case <-b.stop:
			return
		}
	}
}

// resubscribe says HANDLER_ERROR in the stream and asks for the symbol again.
func (b *Base) resubscribe(k pendingKey) {
	// A market that is closing has nothing to mend.
	_ = b.pub.command(func(h *hot) {
		h.tee.of(teeHandlerError, k.symbol, k.channel)
		h.handlerFailed(k.symbol, k.channel)
	})
}

// handlerFailed says that a handler failed and asks for its stream again.
func (h *hot) handlerFailed(s Symbol, channel Channel) {
	in := h.bySymbol[s]
	if in == nil {
		return
	}
	h.recvNS = h.clock.Now()
	open := h.openFrame(h.recvNS)
	h.instrumentStatus(in, ring.StatusHandlerError, ring.ReasonNone, nil)
	h.closeFrame(open)
	// The list has a limit of its own: the stream's is not added to it.
	if s := in.subs[channelIndex(channel)]; s != nil {
		s.retryNS, s.retryWaitNS = 0, 0
	}
	h.resubscribe(in, channel)
}

// resend publishes a synchronised book whole, between RESYNC_BEGIN and RESYNC_END.
func (b *Base) resend(s Symbol) {
	// A market that is closing has nobody to say it to.
	_ = b.pub.command(func(h *hot) {
		h.tee.of(teeResend, s, ring.ChannelOrderBook)
		h.resend(s)
	})
}

func (h *hot) resend(s Symbol) {
	in := h.bySymbol[s]
	if in == nil || in.book == nil || !in.bookSynced {
		return
	}
	sub := in.subs[channelIndex(ring.ChannelOrderBook)]
	if sub == nil || sub.conn == nil {
		return
	}
	h.recvNS = h.clock.Now()
	open := h.openFrame(h.recvNS)
	h.instrumentStatus(in, ring.StatusResyncBegin, ring.ReasonRequested, nil)
	it := exchanges.Item{
		Kind: ring.KindDepth, Instrument: in.id, Sequence: in.bookID, EventTimeNS: ring.Absent,
		SendTimeNS: ring.Absent, Flags: ring.FlagSnapshot | ring.FlagSynthetic,
	}
	h.bids, h.asks = in.book.bids.appendTo(h.bids[:0]), in.book.asks.appendTo(h.asks[:0])
	h.priceExponent, h.quantityExponent = in.price.exponent, in.quantity.exponent
	h.publishDepth(sub.conn, in, &it, 0)
	h.instrumentStatus(in, ring.StatusResyncEnd, ring.ReasonNone, nil)
	h.closeFrame(open)
}

// pendingKey is one stream to be asked for again.
type pendingKey struct {
	symbol  Symbol
	channel Channel
}

// pendingTurn is when a key may be asked for again, and how long the turn after
// that has to wait.
type pendingTurn struct {
	at   time.Time
	wait time.Duration
}

// resubscribeDoublings bounds the growth of the wait between two requests.
const resubscribeDoublings = 32

// pendingSet is the list of streams to be asked for again because their handler
// failed. Each key is asked for at most once in its wait, which doubles while the
// failures go on and begins anew when they have stopped for as long.
type pendingSet struct {
	mu      sync.Mutex
	every   time.Duration
	waiting map[pendingKey]bool
	turns   map[pendingKey]pendingTurn
}

func newPendingSet(every time.Duration) *pendingSet {
	return &pendingSet{every: every, waiting: map[pendingKey]bool{}, turns: map[pendingKey]pendingTurn{}}
}

func (p *pendingSet) add(s Symbol, ch Channel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[pendingKey{s, ch}] = true
}

// drop forgets channels of a symbol that is no longer wanted.
func (p *pendingSet) drop(s Symbol, channels Channel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.waiting {
		if k.symbol == s && k.channel&channels != 0 {
			delete(p.waiting, k)
		}
	}
}

// due takes keys off the list whose turn has come, so many at most.
func (p *pendingSet) due(now time.Time, most int) (out []pendingKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.waiting {
		turn := p.turns[k]
		if len(out) == most {
			break
		}
		if now.Before(turn.at) {
			continue
		}
		delete(p.waiting, k)
		wait := min(2*turn.wait, resubscribeDoublings*p.every)
		if turn.wait == 0 || now.Sub(turn.at) > turn.wait {
			wait = p.every
		}
		p.turns[k] = pendingTurn{at: now.Add(wait), wait: wait}
		out = append(out, k)
	}
	return out
}

func (p *pendingSet) count() int { return len(p.symbols()) }

// symbols on the list, each once.
func (p *pendingSet) symbols() []Symbol {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Symbol, 0, len(p.waiting))
	for k := range p.waiting {
		list = append(list, k.symbol)
	}
	return distinct(list)
}

// refusals are the venue's words by symbol.
type refusals struct {
	mu  sync.Mutex
	why map[Symbol]string
}

func (r *refusals) set(s Symbol, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why[s] = text
}

func (r *refusals) clear(s Symbol) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.why, s)
}

func (r *refusals) copy() map[Symbol]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[Symbol]string, len(r.why))
	for s, text := range r.why {
		out[s] = text
	}
	return out
}
