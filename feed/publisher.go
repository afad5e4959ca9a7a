package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// ErrClosed: the publisher was closed.
var ErrClosed = errors.New("publisher is closed")

// Publisher is a running feed. Its methods may be called from any goroutine.
type Publisher struct {
	cfg     PublisherConfig
	segment *shm.Segment
	hot     *hot
	control *controlServer // nil without a file, and where it cannot listen
	resting hostRest       // of the REST host
	rest    *rest          // nil where nothing but metadata is fetched
	tap     *tap           // nil where no recording was begun with the feed
	cancel  context.CancelFunc
	ctx     context.Context
	done    chan struct{}
	helpers sync.WaitGroup
	closed  atomic.Bool
	gone    chan struct{} // closed when Close is through
	err     error

	view      *ring.View // of the segment as it was published
	published atomic.Bool
}

// PrepareProcess keeps every other thread of the process off the hot CPU: it
// takes cpu out of the process's mask and executes the program again, once. Call
// it first in main; cpu below 0 does nothing.
func PrepareProcess(cpu int) error {
	if cpu < 0 {
		return nil
	}
	err := wire.ExcludeAndReexec(cpu)
	if errors.Is(err, wire.ErrSingleCPU) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: cpu %d: %w", ErrConfig, cpu, err)
	}
	return nil
}

// StartPublisher makes the segment, starts the hot thread and returns; the feed
// connects in the background and never gives up. Errors are one line; usage
// errors wrap ErrConfig or ring.ErrConfig. With Takeover it returns when the feed
// was taken over; see StartPublisherContext.
func StartPublisher(cfg PublisherConfig) (*Publisher, error) {
	return StartPublisherContext(context.Background(), cfg)
}

// StartPublisherContext is StartPublisher; the end of ctx ends a take-over that
// waits, and nothing else. Errors of a take-over wrap ErrTakeover: the publisher
// that has the feed goes on.
func StartPublisherContext(ctx context.Context, cfg PublisherConfig) (*Publisher, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	names, err := natives(cfg.Dialect, cfg.Symbols)
	if err != nil {
		return nil, err
	}
	if cfg.MaxInstruments == 0 {
		cfg.MaxInstruments = max(ring.DefaultMaxInstruments, len(names))
	}
	metadata := newMetadata(&cfg)
	metadata.refresh(ctx)
	segment, owned, err := createSegment(&cfg)
	if err != nil {
		return nil, err
	}
	p := &Publisher{cfg: cfg, segment: segment, done: make(chan struct{}), gone: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.start(names, metadata, owned); err != nil {
		p.cancel()
		return nil, errors.Join(err, segment.Close(true))
	}
	if !owned {
		if err := p.takeOver(ctx); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	if !cfg.Anonymous {
		if p.control, err = p.listenControl(); err != nil {
			// The data matter more than the means to change them.
			cfg.Logger.Error("feed cannot be controlled from outside", "error", err, "feed", cfg.Feed)
		}
	}
	return p, nil
}

// createSegment makes the segment; owned is false where it is to be taken over from
// a publisher that lives.
func createSegment(cfg *PublisherConfig) (segment *shm.Segment, owned bool, err error) {
	rc := ring.Config{
		Feed: cfg.Feed, Venue: cfg.Dialect.Venue(), PublisherVersion: cfg.Version, Source: cfg.Source,
		Slots: cfg.Slots, MaxInstruments: cfg.MaxInstruments, BookDepth: cfg.BookDepth,
	}
	if cfg.Anonymous {
		segment, err = shm.Anonymous(rc)
		return segment, true, err
	}
	opts := shm.Options{Dir: cfg.Dir, Group: cfg.Group}
	segment, err = shm.Create(opts, rc)
	var locked *shm.LockedError
	if cfg.Takeover && errors.As(err, &locked) {
		segment, err = shm.Prepare(opts, rc)
		return segment, false, err
	}
	return segment, true, err
}

// publish gives the segment its name, and this process its look at it.
func (p *Publisher) publish() error {
	if err := p.segment.Publish(); err != nil {
		return err
	}
	if err := p.segment.ReadersFault(); err != nil && p.cfg.Logger != nil {
		p.cfg.Logger.Warn("readers cannot name themselves", slog.String("feed", p.cfg.Feed), slog.Any("error", err))
	}
	var err error
	if p.view, err = ring.OpenView(p.segment.Bytes()); err != nil {
		return fmt.Errorf("look at own segment of feed %q: %w", p.cfg.Feed, err)
	}
	p.published.Store(true)
	return nil
}

// start builds the hot thread's world and waits until that runs, on a segment that
// is in place where the feed is owned.
func (p *Publisher) start(names []string, metadata *metadata, owned bool) error {
	h, err := newHot(&p.cfg, p.segment.Bytes())
	if err != nil {
		return err
	}
	p.hot = h
	h.dial = p.dial
	h.metadata = metadata.table()
	p.resting.ask(metadata.asked)
	p.snapshots(h)
	p.timekeeper(h)
	p.backfill(h)
	if err := p.record(h); err != nil {
		return err
	}
	h.tee.started(h, p.cfg.Symbols, names, p.cfg.Channels)
	if err := h.begin(p.cfg.Symbols, names, p.cfg.Channels); err != nil {
		return err
	}
	h.tee.end(h)
	if owned {
		if err := p.publish(); err != nil {
			return err
		}
	}
	wire.EnsureProcs(int(hotThreads.Add(1)))
	pinned := make(chan error, 1)
	p.helpers.Add(3)
	go p.housekeeper()
	go p.librarian(metadata)
	go p.bellRinger()
	go p.run(pinned)
	if err := <-pinned; err != nil {
		_ = p.Close()
		return err
	}
	return nil
}

func newHot(cfg *PublisherConfig, buf []byte) (*hot, error) {
	clock := wire.NewClock()
	h := &hot{
		cfg: cfg, dialect: cfg.Dialect, clock: clock,
		symbols: exchanges.NewSymbolTable(), bySymbol: map[Symbol]*instrument{},
		streams: cfg.Dialect.Streams(ring.AllChannels),
		cmds:    wire.NewQueue[command](queueCap), dials: wire.NewQueue[dialResult](queueCap),
		logs: wire.NewQueue[logEvent](queueCap), hosts: map[string]*hostLimit{}, legs: max(cfg.Legs, 1), idleAfterNS: int64(cfg.IdleAfter),
	}
	h.learnDialect()
	h.jitter.Seed(rand.Uint64(), rand.Uint64())
	var err error
	if h.w, err = ring.NewWriter(buf, clock.Now); err != nil {
		return nil, err
	}
	h.image = ring.NewBook(h.w.View().BookDepth())
	if h.poller, err = wire.NewPoller(); err != nil {
		return nil, fmt.Errorf("start hot thread: %w", err)
	}
	h.grip = ring.NewGrip(bellBusy)
	if h.waker, err = wire.NewWaker(); err != nil {
		return nil, fmt.Errorf("start hot thread: %w", err)
	}
	if err := h.poller.Add(h.waker.FD(), wakerToken); err != nil {
		return nil, fmt.Errorf("start hot thread: %w", err)
	}
	return h, nil
}

// learnDialect notes what the dialect can do beyond Dialect.
func (h *hot) learnDialect() {
	h.binary, _ = h.dialect.(BinaryDialect)
	if h.fast, _ = h.dialect.(FastDialect); h.fast != nil && h.cfg.Wait == WaitBusy {
		h.warmer = newWarmer(len(h.fast.Fallbacks()) - 1)
	}
	if d, ok := h.dialect.(MixedDialect); ok {
		h.perRequest = d.StreamsPerRequest()
	}
	if d, ok := h.dialect.(LifelongDialect); ok {
		h.countsForLife = d.StreamsCountForLife()
	}
	if d, ok := h.dialect.(MortalDialect); ok {
		h.lifeNS = d.ConnectionLifeNS()
	}
	if d, ok := h.dialect.(ThrottledDialect); ok {
		h.messagesPerSecond = d.MessagesPerSecond()
	}
	if d, ok := h.dialect.(RepeatingDialect); ok {
		h.dropRepeats = d.DropRepeats()
	}
}

// hotThreads of this process run: each may keep a processor of the runtime to itself.
var hotThreads atomic.Int32

// run is the hot thread.
func (p *Publisher) run(pinned chan<- error) {
	runtime.LockOSThread()
	defer close(p.done)
	defer hotThreads.Add(-1)
	if p.cfg.CPU >= 0 {
		if err := wire.PinThread(p.cfg.CPU); err != nil {
			pinned <- fmt.Errorf("%w: pin the hot thread to cpu %d: %w", ErrConfig, p.cfg.CPU, err)
			p.hot.shutdown()
			return
		}
	}
	pinned <- nil
	// A file that was truncated from outside ends this feed, not the program: the
	// pages are gone, so nothing of the segment may be touched afterwards.
	if err := shm.Guard(p.segment.Bytes(), p.hot.loop); err != nil {
		p.err = fmt.Errorf("feed %q ended: %w; start its publisher again", p.cfg.Feed, err)
		p.hot.abandon()
	}
}

// dial runs on the hot thread and hands the work to a control goroutine.
func (p *Publisher) dial(c *conn, url string, attempt uint64) {
	p.helpers.Add(1)
	bind := p.cfg.bindOf(c.leg)
	go func() {
		defer p.helpers.Done()
		r := &dialResult{conn: c, attempt: attempt}
		ws, err := wire.Dial(p.ctx, wire.DialConfig{URL: url, CA: p.cfg.CA, BindIP: bind, Header: headerOf(p.cfg.Dialect), Deflate: p.cfg.Compression.offer()})
		if err != nil {
			if !errors.As(err, &r.err) {
				r.err = &wire.DialError{Code: wire.DialOther, Reason: err.Error(), Err: err}
			}
		}
		if ws != nil {
			r.ws = ws
		}
		for !p.hot.dials.Push(r) {
			if p.ctx.Err() != nil {
				if ws != nil {
					_ = ws.Close()
				}
				return
			}
			time.Sleep(time.Millisecond)
		}
		p.hot.waker.Wake()
	}()
}

// housekeeper moves the process heartbeat, writes the log, and watches over the
// segment's file.
func (p *Publisher) housekeeper() {
	defer p.helpers.Done()
	t := time.NewTicker(ring.HeartbeatIntervalNS)
	defer t.Stop()
	var said string
	for beat := 0; ; beat++ {
		// A fault here is the hot thread's to report: its next beat meets it too.
		_ = shm.Guard(p.segment.Bytes(), func() { p.hot.w.ProcessBeat(time.Now().UnixNano()) })
		p.writeLog()
		if p.published.Load() && beat%segmentCheckBeats == 0 {
			said = p.checkSegment(said)
		}
		select {
		case <-t.C:
		case <-p.done:
			p.writeLog()
			return
		}
	}
}

// segmentCheckBeats: the file is looked at once a second.
const segmentCheckBeats = 20

// checkSegment says, once, that the segment's file was deleted, replaced or
// truncated from outside. Readers that are attached go on; new ones find nothing.
func (p *Publisher) checkSegment(said string) string {
	err := p.segment.Check()
	if err == nil {
		return ""
	}
	if text := err.Error(); text != said {
		p.cfg.Logger.Error("segment file was tampered with: restart the publisher to replace it", "error", text, "feed", p.cfg.Feed)
		return text
	}
	return said
}

func (p *Publisher) writeLog() {
	for e := p.hot.logs.Pop(); e != nil; e = p.hot.logs.Pop() {
		p.cfg.Logger.LogAttrs(context.Background(), e.level, e.text, append(e.attrs, slog.String("feed", p.cfg.Feed))...)
	}
}

// Periods of the helper that rings where the hot thread does not: in busy mode it
// never does; in the other modes it may be in one long chunk of frames.
const (
	bellBusy  = 200 * time.Microsecond
	bellQuiet = 5 * time.Millisecond
)

func bellPeriod(wait WaitMode) time.Duration {
	if wait == WaitBusy {
		return bellBusy
	}
	return bellQuiet
}

// bellRinger wakes readers, and by running at all tells the hot thread that nothing
// wants to stop it.
func (p *Publisher) bellRinger() {
	defer p.helpers.Done()
	t := time.NewTicker(bellPeriod(p.cfg.Wait))
	defer t.Stop()
	word := p.hot.w.Doorbell()
	last := uint32(0)
	look := func() {
		if now := atomic.LoadUint32(word); now != last {
			last = now
			ring.Ring(word)
		}
	}
	for {
		select {
		case <-t.C:
			p.hot.grip.Beat()
			if shm.Guard(p.segment.Bytes(), look) != nil {
				return // the hot thread reports it
			}
		case <-p.done:
			return
		}
	}
}

// command runs f on the hot thread and waits for it.
func (p *Publisher) command(f func(h *hot)) error {
	ran := make(chan struct{})
	for !p.hot.cmds.Push(&command{run: func(h *hot) { f(h); close(ran) }}) {
		select {
		case <-p.done:
			return ErrClosed
		case <-time.After(time.Millisecond):
		}
	}
	p.hot.waker.Wake()
	select {
	case <-ran:
		return nil
	case <-p.done:
		select {
		case <-ran:
			return nil
		default:
			return ErrClosed
		}
	}
}

// Subscribe adds channels of symbols to what is asked for. Known pairs are left
// as they are. A symbol that cannot be added is named in the error; the others
// are added all the same.
func (p *Publisher) Subscribe(symbols []Symbol, channels ring.Channel) error {
	names, err := natives(p.cfg.Dialect, symbols)
	if err != nil {
		return err
	}
	var failed error
	err = p.command(func(h *hot) {
		h.tee.asked(teeSubscribe, h, symbols, names, channels)
		failed = h.subscribe(symbols, names, channels)
	})
	return errors.Join(err, failed)
}

func (h *hot) subscribe(symbols []Symbol, names []string, channels ring.Channel) (failed error) {
	for i, s := range symbols {
		in := h.bySymbol[s]
		if in == nil {
			var err error
			if in, err = h.addInstrument(s, names[i], h.metadata[names[i]]); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
		}
		h.want(in, channels)
	}
	h.requestAll()
	return failed
}

// Unsubscribe ends channels of symbols; unknown ones are named in the error.
func (p *Publisher) Unsubscribe(symbols []Symbol, channels ring.Channel) error {
	var failed error
	err := p.command(func(h *hot) {
		h.tee.asked(teeUnsubscribe, h, symbols, nil, channels)
		failed = h.unsubscribe(symbols, channels)
	})
	return errors.Join(err, failed)
}

func (h *hot) unsubscribe(symbols []Symbol, channels ring.Channel) (failed error) {
	for _, s := range symbols {
		in := h.bySymbol[s]
		if in == nil {
			failed = errors.Join(failed, fmt.Errorf("unsubscribe %s: not subscribed", s))
			continue
		}
		h.unwant(in, channels)
	}
	h.requestAll()
	return failed
}

func (h *hot) requestAll() {
	now := h.clock.Now()
	for _, c := range h.conns {
		h.request(c, now)
	}
}

// View is the segment, as a reader in this process sees it.
func (p *Publisher) View() *ring.View { return p.view }

// Done is closed when the hot thread has ended.
func (p *Publisher) Done() <-chan struct{} { return p.done }

// Err says why the hot thread ended by itself; nil after Close, and where the feed was
// let go for a successor.
func (p *Publisher) Err() error { return p.err }

// Close ends the feed: sockets closed, CLOSED stored, goroutines gone. The
// segment's file stays, so that readers can drain it. A feed that was let go for a
// successor ends without CLOSED. A second call waits for the first.
func (p *Publisher) Close() error {
	if p.closed.Swap(true) {
		<-p.gone
		return nil
	}
	defer close(p.gone)
	var uncontrolled error
	if p.control != nil {
		uncontrolled = p.control.close()
	}
	p.cancel()
	err := p.command(func(h *hot) {
		h.tee.command(teeShutdown, teeCommand{})
		h.shutdown()
		h.stopTee()
	})
	if errors.Is(err, ErrClosed) {
		err = nil
	}
	<-p.done
	p.helpers.Wait()
	if p.rest != nil {
		p.rest.client.CloseIdleConnections()
	}
	for r := p.hot.dials.Pop(); r != nil; r = p.hot.dials.Pop() {
		if r.ws != nil {
			_ = r.ws.Close()
		}
	}
	return errors.Join(err, uncontrolled, p.hot.waker.Close(), p.hot.poller.Close(), p.segment.Close(false))
}
