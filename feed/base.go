package feed

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// Errors of a market's calls.
var (
	// ErrNotInitialized: the call needs Initialize first.
	ErrNotInitialized = errors.New("market is not initialized")
	// ErrStarted: Initialize was called before and succeeded.
	ErrStarted = errors.New("market is initialized already")
	// ErrNotSubscribed is wrapped by an error that names symbols which are not
	// in the active set.
	ErrNotSubscribed = errors.New("not subscribed")
)

// Defaults of Config.
const (
	defaultPerformanceEvery = 60 * time.Second
	defaultResubscribeEvery = 10 * time.Second
)

// Config says what a market is to run. Symbols, Channels and Logger of the
// embedded configuration are set by Initialize and the constructor; Anonymous is
// set unless Feed or Dir is given. CPU holds as there: -1 pins to none.
type Config struct {
	PublisherConfig
	// Name tells a market from others in logs and metrics; default the venue's.
	Name string
	// PerformanceEvery is how often the performance line is logged; 0 is 60 s,
	// below 0 never.
	PerformanceEvery time.Duration
	// ResubscribeEvery is the least time between two requests that a failing
	// handler causes for one symbol and channel; it doubles with each, up to 32
	// times. 0 is 10 s.
	ResubscribeEvery time.Duration
}

// Base is what a market of any type shares: its life cycle, subscriptions, active
// set, states, metrics and log. What it hands to whom is the market type's: a list
// of routes. See PublicSpot for the results of the calls.
type Base struct {
	cfg     Config
	log     *slog.Logger
	onState func(State)
	routes  []*route

	mu       sync.Mutex // life cycle and active set
	pub      *Publisher
	closed   bool
	channels Channel
	active   map[Symbol]Channel

	states   *stateMachine
	meter    *meter
	pending  *pendingSet
	resends  *pendingSet
	refusals refusals
	notes    chan note
	dropped  atomic.Uint64 // notes that found no room
	stopping atomic.Bool
	stop     chan struct{}
	readers  sync.WaitGroup
	helpers  sync.WaitGroup
	teller   sync.WaitGroup
}

func newBase(cfg Config, routes []*route, logger *slog.Logger, onState func(State)) *Base {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if cfg.PerformanceEvery == 0 {
		cfg.PerformanceEvery = defaultPerformanceEvery
	}
	if cfg.ResubscribeEvery == 0 {
		cfg.ResubscribeEvery = defaultResubscribeEvery
	}
	if cfg.Name == "" && cfg.Dialect != nil {
		cfg.Name = cfg.Dialect.Venue()
	}
	cfg.Anonymous = cfg.Feed == "" && cfg.Dir == ""
	m := newMeter()
	return &Base{
		cfg: cfg, log: logger.With("market", cfg.Name), onState: onState, routes: routes,
		active: map[Symbol]Channel{}, states: newStateMachine(m.life), meter: m,
		pending: newPendingSet(cfg.ResubscribeEvery), resends: newPendingSet(resendEvery), refusals: refusals{why: map[Symbol]string{}},
		notes: make(chan note, notesCap), stop: make(chan struct{}),
	}
}

// Initialize starts the market and asks for the channels of the symbols. It
// returns when the segment is there; connections come up in the background. After
// an error nothing is left and it may be called again.
func (b *Base) Initialize(symbols []Symbol, channels Channel) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ErrClosed
	case b.pub != nil:
		return ErrStarted
	}
	cfg := b.cfg.PublisherConfig
	cfg.Symbols, cfg.Channels, cfg.Logger = distinct(symbols), channels, b.log
	p, err := StartPublisher(cfg)
	if err != nil {
		return fmt.Errorf("initialize %s: %w", b.cfg.Name, err)
	}
	b.pub, b.channels = p, channels
	for _, s := range cfg.Symbols {
		b.active[s] = channels
	}
	b.startTeller()
	b.states.on(eventStart)
	b.startReaders()
	return nil
}

// startReaders starts what reads the ring, and what helps it.
func (b *Base) startReaders() {
	b.readers.Go(b.watch)
	for _, r := range b.routes {
		b.readers.Go(func() { b.serve(r) })
	}
	b.helpers.Go(b.scribe)
	b.helpers.Go(b.mend)
}

// startTeller starts the goroutine that tells the states. The lock is held.
func (b *Base) startTeller() {
	b.teller.Go(func() {
		for {
			s := b.states.next()
			b.tell(s)
			if s == StateClosed {
				return
			}
		}
	})
}

// tell hands one state to the listener, whose panic costs only that call.
func (b *Base) tell(s State) {
	b.log.Info("state changed", "state", s.String())
	if b.onState == nil {
		return
	}
	defer func() {
		if caught := recover(); caught != nil {
			b.log.Error("state handler failed", "state", s.String(), "panic", fmt.Sprint(caught), "stack", stackText())
		}
	}()
	b.onState(s)
}

// distinct takes each symbol once, in the order given.
func distinct(symbols []Symbol) []Symbol {
	seen := make(map[Symbol]bool, len(symbols))
	out := make([]Symbol, 0, len(symbols))
	for _, s := range symbols {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// running gives the publisher, or why there is none. The lock is held.
func (b *Base) running() (*Publisher, error) {
	switch {
	case b.closed:
		return nil, ErrClosed
	case b.pub == nil:
		return nil, ErrNotInitialized
	}
	return b.pub, nil
}

// Subscribe adds symbols, with the channels of Initialize, to the active set and
// sends the requests. It waits for no answer of the venue. Symbols that are active
// already stay as they are.
func (b *Base) Subscribe(symbols []Symbol) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.running()
	if err != nil {
		return err
	}
	var fresh []Symbol
	for _, s := range distinct(symbols) {
		if b.active[s]&b.channels != b.channels {
			fresh = append(fresh, s)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	failed := p.Subscribe(fresh, b.channels)
	if errors.Is(failed, ErrConfig) || errors.Is(failed, ErrClosed) {
		return fmt.Errorf("subscribe: %w", failed)
	}
	for _, s := range b.accepted(fresh) {
		b.active[s] |= b.channels
	}
	if failed != nil {
		return fmt.Errorf("subscribe: %w", failed)
	}
	return nil
}

// accepted are the symbols that have a place in the instrument table.
func (b *Base) accepted(symbols []Symbol) []Symbol {
	out := make([]Symbol, 0, len(symbols))
	// A market that has ended by itself has accepted nothing.
	_ = b.pub.command(func(h *hot) {
		for _, s := range symbols {
			if h.bySymbol[s] != nil {
				out = append(out, s)
			}
		}
	})
	return out
}

// Unsubscribe ends every channel of the symbols and takes them out of the active
// set.
func (b *Base) Unsubscribe(symbols []Symbol) error {
	return b.UnsubscribeChannels(symbols, AllChannels)
}

// UnsubscribeChannels ends some channels of the symbols; a symbol without a
// channel left leaves the active set.
func (b *Base) UnsubscribeChannels(symbols []Symbol, channels Channel) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.running()
	if err != nil {
		return err
	}
	var known []Symbol
	var failed error
	for _, s := range distinct(symbols) {
		if _, ok := b.active[s]; !ok {
			failed = errors.Join(failed, fmt.Errorf("unsubscribe %s: %w", s, ErrNotSubscribed))
			continue
		}
		known = append(known, s)
	}
	if len(known) == 0 || channels == 0 {
		return failed
	}
	if err := p.Unsubscribe(known, channels); err != nil {
		return errors.Join(failed, fmt.Errorf("unsubscribe: %w", err))
	}
	for _, s := range known {
		if b.active[s] &^= channels; b.active[s] == 0 {
			delete(b.active, s)
			b.refusals.clear(s)
		}
		b.pending.drop(s, channels)
	}
	return failed
}

// ActiveSymbols is a copy of the active set: what was asked for, and what is
// restored after a reconnect, each with its channels.
func (b *Base) ActiveSymbols() map[Symbol]Channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[Symbol]Channel, len(b.active))
	for s, c := range b.active {
		out[s] = c
	}
	return out
}

// Refused is a copy of what the venue refused of the active set, in its words, at
// most 40 bytes each.
func (b *Base) Refused() map[Symbol]string { return b.refusals.copy() }

// PendingResubscribe are the symbols whose handler failed and which have not been
// asked for again yet.
func (b *Base) PendingResubscribe() []Symbol { return b.pending.symbols() }

// State is the present state.
func (b *Base) State() State { return b.states.now() }

// Connected says that every connection is up.
func (b *Base) Connected() bool { return b.states.now().up() }

// Name is the market's name.
func (b *Base) Name() string { return b.cfg.Name }

// View is the segment as a reader in this process sees it, for ring.NewReader; nil
// before Initialize. It must not be used after Close.
func (b *Base) View() *ring.View {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pub == nil || b.closed {
		return nil
	}
	return b.pub.View()
}

// look runs f on the segment, unless the market has none.
func (b *Base) look(f func(*ring.View)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pub == nil || b.closed {
		return
	}
	// A file that was truncated from outside has nothing to show.
	_ = shm.Guard(b.pub.segment.Bytes(), func() { f(b.pub.View()) })
}

// Resend asks the publisher to publish the symbol's present book as a SNAPSHOT,
// for readers that have lost it. It returns at once; one book is published every
// 50 ms, and of a book that is not synchronised none is: its snapshot comes when
// it is.
func (b *Base) Resend(s Symbol) { b.resends.add(s, ChannelOrderBook) }

// Close ends the market: requests and sockets, then the goroutines; records not yet
// handed out are dropped. It waits for handler calls that are under way. The active
// set is empty afterwards. A second call does nothing.
func (b *Base) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	symbols := len(b.active)
	clear(b.active)
	b.mu.Unlock() // handlers that are waited for may call what takes it

	if b.pub == nil {
		b.startTeller()
	}
	b.states.on(eventClosing)
	var err error
	if b.pub != nil {
		err = b.end()
	}
	b.states.on(eventClosed)
	b.teller.Wait()
	b.sayTotals(symbols)
	return err
}

// end stops what Initialize started.
func (b *Base) end() error {
	b.stopping.Store(true)
	// The sockets go first, whatever handlers are doing. A hot thread that has
	// ended by itself has closed them.
	_ = b.pub.command(func(h *hot) {
		h.tee.command(teeShutdown, teeCommand{})
		h.shutdown()
		h.stopTee()
	})
	b.readers.Wait()
	b.takeCounters()
	close(b.stop)
	b.helpers.Wait()
	return b.pub.Close()
}

// takeCounters brings the publisher's counters into the meter.
func (b *Base) takeCounters() {
	_ = shm.Guard(b.pub.segment.Bytes(), func() { // a file that is gone counts no more
		v := b.pub.View()
		b.meter.counters(v.Counter(ring.CounterReconnects), v.Counter(ring.CounterAckTimeouts), time.Now().UnixNano())
	})
}

// PerformanceMetrics is what was measured until now.
func (b *Base) PerformanceMetrics() Metrics {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.metrics()
}

// metrics gathers; the lock is held.
func (b *Base) metrics() Metrics {
	out := Metrics{
		Name: b.cfg.Name, State: b.states.now().String(), ActiveSymbols: len(b.active),
		PendingResubscribe: b.pending.count(), Channels: map[string]ChannelMetrics{},
	}
	if b.cfg.Dialect != nil {
		out.Venue = b.cfg.Dialect.Venue()
	}
	if b.pub != nil && !b.closed {
		b.takeCounters()
	}
	b.meter.fill(&out, time.Now())
	var count uint64
	var sumNS float64
	for _, r := range b.routes {
		n, ns := r.calls.fill(&out, r.name)
		count, sumNS = count+n, sumNS+ns
	}
	out.HandlerTimeUS = ratio(sumNS, float64(count)) / 1e3
	return out
}

// readWait bounds one sleep of a reader, so that Close is not kept waiting.
const readWait = 50 * time.Millisecond

// read hands out every record of the segment until the market closes, and says
// how many were lost where the writer was faster.
func (b *Base) read(who string, each func(*ring.Record), lapped func(lost uint64)) {
	err := shm.Guard(b.pub.segment.Bytes(), func() {
		r := ring.NewReader(b.pub.View())
		r.Seek(1)
		var rec ring.Record
		for !b.stopping.Load() {
			switch a := r.Next(&rec); a {
			case ring.AnswerRecord:
				each(&rec)
			case ring.AnswerOverrun:
				lapped(r.Lost())
			case ring.AnswerEmpty, ring.AnswerStale:
				r.Wait(readWait)
			case ring.AnswerDamaged:
				b.note(note{level: slog.LevelError, text: "segment is damaged: nothing more is read", who: who})
				return
			default:
				return
			}
		}
	})
	if err != nil {
		b.note(note{level: slog.LevelError, text: "reading ended", who: who, detail: err.Error()})
	}
}

// serve leads records to one handler.
func (b *Base) serve(r *route) {
	names := symbolCache{view: b.pub.View()}
	r.meta.Venue = b.cfg.Name
	b.read(r.name, func(rec *ring.Record) {
		if rec.Kind != r.kind {
			return
		}
		m := &r.meta
		m.Symbol, m.Instrument = names.of(rec.Instrument), rec.Instrument
		m.Sequence, m.VenueSequence = rec.Sequence(), rec.VenueSequence
		m.Flags, m.EventTimeNS = rec.Flags, rec.EventTimeNS
		m.RecvTimeNS, m.PublishTimeNS = rec.RecvTimeNS, rec.PublishTimeNS
		if r.take(rec, m) {
			b.invoke(r)
		}
	}, func(lost uint64) {
		r.calls.overrun(lost)
		if r.forget != nil {
			r.forget()
		}
		b.note(note{level: slog.LevelError, text: "handler is too slow: records were lost to it", who: r.name, count: lost})
		if r.lapped != nil {
			r.lapped()
		}
	})
}

// invoke calls a handler, times it, and survives it.
func (b *Base) invoke(r *route) {
	start := time.Now()
	failed := true
	defer func() {
		if failed {
			b.handlerFailed(r, recover())
		}
		r.calls.record(start.UnixNano()-r.meta.RecvTimeNS, int64(time.Since(start)), failed)
	}()
	r.call()
	failed = false
}

// maxStack bounds the stack that is logged.
const maxStack = 2048

func stackText() string {
	s := debug.Stack()
	return string(s[:min(len(s), maxStack)])
}

// handlerFailed reports a panic and puts the symbol on the list of those to be
// asked for again.
func (b *Base) handlerFailed(r *route, caught any) {
	b.note(note{
		level: slog.LevelError, text: "handler failed", who: r.name, symbol: r.meta.Symbol.String(),
		detail: fmt.Sprint(caught), stack: stackText(),
	})
	b.pending.add(r.meta.Symbol, r.channel)
}

// symbolCache resolves instrument rows, each once. One goroutine.
type symbolCache struct {
	view  *ring.View
	known []Symbol
}

func (c *symbolCache) of(id uint16) Symbol {
	for int(id) >= len(c.known) {
		var in ring.Instrument
		if !c.view.Instrument(len(c.known), &in) {
			return Symbol{}
		}
		c.known = append(c.known, Symbol{Base: cString(in.Base[:]), Quote: cString(in.Quote[:])})
	}
	return c.known[id]
}

// cString is the text of a zero-padded field.
func cString(field []byte) string {
	for i, c := range field {
		if c == 0 {
			return string(field[:i])
		}
	}
	return string(field)
}
