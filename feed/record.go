package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// Bounds of recording.
const (
	// recordRing holds a minute of the busiest second that was captured of two pairs
	// (2,500 frames of 270 bytes), or a checkpoint's worth of delay of a slow disk.
	recordRing = 64 << 20
	// recordPeriod is how often the ring is emptied.
	recordPeriod = 10 * time.Millisecond
)

// RecordOptions say where a recording goes.
type RecordOptions struct {
	// Path is the file; with a rotation the parts are PATH.0001 and so on.
	Path string
	// Force replaces what is there.
	Force bool
	// RotateBytes and RotateEvery begin a new part; 0 never. Each part can be
	// replayed alone.
	RotateBytes int64
	RotateEvery time.Duration
	// RingBytes bounds what waits in memory for the file, with RecordPublisher; 0 is
	// 64 MiB. What does not fit is lost to the recording, which says so.
	RingBytes int
}

// ErrRecordingExists: the file is there already.
var ErrRecordingExists = recording.ErrExists

// RecordSummary is what a recording holds.
type RecordSummary = recording.Summary

// recordConfig describes the feed of a recording; it stands at its beginning.
type recordConfig struct {
	Feed      string         `json:"feed"`
	Venue     string         `json:"venue"`
	Version   string         `json:"version"`
	Source    ring.Source    `json:"source"`
	Options   [][2]string    `json:"options"`
	Exponents []teeExponents `json:"exponents"`
	URLs      []string       `json:"urls"`
	REST      bool           `json:"rest"`
	Legs      int            `json:"legs"`
	Priority  []string       `json:"priority"`
	IdleNS    int64          `json:"idle_after_ns"`
	Shape     recordShape    `json:"shape"`

	ClockSkewNS  int64 `json:"max_clock_skew_ns"`
	ClockEveryNS int64 `json:"clock_every_ns"`
	Backfill     int   `json:"backfill"`
}

type teeExponents struct {
	Symbol   string `json:"symbol"`
	Price    int8   `json:"price"`
	Quantity int8   `json:"quantity"`
}

type recordShape struct {
	Slots       int `json:"slots"`
	Instruments int `json:"instruments"`
	BookDepth   int `json:"book_depth"`
}

// describe says what a replay must know of a publisher.
func (p *Publisher) describe() recordConfig {
	c := recordConfig{
		Feed: p.cfg.Feed, Venue: p.cfg.Dialect.Venue(), Version: p.cfg.Version, Source: p.cfg.Source,
		Options: p.cfg.Options, URLs: p.cfg.URLs, REST: p.rest != nil, Legs: p.cfg.Legs, Priority: symbolTexts(p.cfg.Priority),
		IdleNS: int64(p.cfg.IdleAfter), ClockSkewNS: int64(p.cfg.MaxClockSkew), ClockEveryNS: int64(p.cfg.ClockEvery), Backfill: p.cfg.Backfill,
	}
	v := p.hot.w.View()
	c.Shape = recordShape{Slots: v.Slots(), Instruments: v.InstrumentCapacity(), BookDepth: v.BookDepth()}
	for s, e := range p.cfg.Exponents {
		c.Exponents = append(c.Exponents, teeExponents{Symbol: s.String(), Price: e[0], Quantity: e[1]})
	}
	return c
}

// tap empties the ring of a feed that is written down.
type tap struct {
	p    *Publisher
	ring *recording.Ring
	// states are what the checkpoint items stand for that will come out of the ring.
	states   *wire.Queue[tapState]
	buf, out []byte
}

// tapState is a checkpoint and the sequence that its item says.
type tapState struct {
	sequence int64
	bytes    []byte
}

func newTap(p *Publisher, ringBytes int) *tap {
	fingerprint() // once, and not on the hot thread
	if ringBytes == 0 {
		ringBytes = recordRing
	}
	return &tap{p: p, ring: recording.NewRing(ringBytes), states: wire.NewQueue[tapState](queueCap)}
}

// errTapped: a feed is written down once at a time.
var errTapped = errors.New("the feed is being recorded already")

// record begins the recording that the configuration asks for. Before the hot thread
// runs.
func (p *Publisher) record(h *hot) error {
	r := p.cfg.record
	if r == nil {
		return nil
	}
	var err error
	if r.rec, err = recording.NewRecorder(r.opts.inner(), encodeTee(p.describe())); err != nil {
		return err
	}
	p.tap = newTap(p, r.opts.RingBytes)
	h.startTee(p.tap.ring)
	return nil
}

// begin begins to write a running feed down, with a checkpoint.
func (t *tap) begin() error {
	var failed error
	err := t.p.command(func(h *hot) {
		if h.tee != nil {
			failed = errTapped
			return
		}
		h.startTee(t.ring)
		t.keep(h)
	})
	return errors.Join(err, failed)
}

// take writes a checkpoint, after what tells how far the records before it go, or that
// a hole is before it. Hot thread only.
func (t *tap) take(h *hot) {
	if lost := h.tee.ring.Lost(); lost > 0 {
		h.tee.ring.Resume()
		h.tee.ring.Put(recording.KindLoss, 0, 0, int64(lost), nil)
	} else {
		h.tee.mark(h)
	}
	t.keep(h)
}

// keep writes a checkpoint. Hot thread only.
func (t *tap) keep(h *hot) {
	state := tapState{int64(h.w.LastSequence()), h.checkpoint()}
	if !t.states.Push(&state) {
		return // a thousand wait: one more says nothing new
	}
	h.tee.ring.Put(recording.KindCheckpoint, 0, 0, state.sequence, nil)
}

// renew writes a checkpoint into the stream; it waits for the hot thread.
func (t *tap) renew() error {
	return t.p.command(func(h *hot) {
		if h.tee != nil {
			t.take(h)
		}
	})
}

// end stops writing down; what the ring holds is still to be taken.
func (t *tap) end() {
	_ = t.p.command(func(h *hot) { h.stopTee() }) // a feed that has ended has stopped it
}

// drain gives what waits in the ring, checkpoints in their places. After a loss it
// has one made.
func (t *tap) drain() []byte {
	t.buf = t.ring.Take(t.buf[:0])
	t.out = t.out[:0]
	for b := t.buf; len(b) > 0; {
		it, size, err := recording.Next(b)
		if err != nil || size == 0 {
			panic("feed: the ring of a recording holds half an item")
		}
		if it.Kind == recording.KindCheckpoint {
			it.Payload = t.state(it.Value)
			t.out = recording.Append(t.out, it)
		} else {
			t.out = append(t.out, b[:size]...)
		}
		b = b[size:]
	}
	if t.ring.Lost() > 0 {
		_ = t.renew() // there is room now; a feed that has ended has nothing to renew
	}
	return t.out
}

// state is what a checkpoint item stands for; those whose items found no room are
// passed over.
func (t *tap) state(sequence int64) []byte {
	for s := t.states.Pop(); s != nil; s = t.states.Pop() {
		if s.sequence == sequence {
			return s.bytes
		}
	}
	return nil
}

// Recording is a feed that is being recorded, until Close.
type Recording struct {
	opts RecordOptions
	mu   sync.Mutex
	rec  *recording.Recorder
	err  error
	stop chan struct{}
	done chan struct{}
	once sync.Once
	sum  RecordSummary
}

func newRecording(o RecordOptions) *Recording {
	return &Recording{opts: o, stop: make(chan struct{}), done: make(chan struct{})}
}

// source is where a recording's items come from.
type source struct {
	drain      func() ([]byte, error) // what waits; the error ends the recording
	checkpoint func() error           // has a checkpoint sent
	finish     func()                 // has the stream ended; drain gives the rest
	ended      <-chan struct{}        // the feed has ended: drain gives the rest
}

// run takes what drain gives until it fails, the feed ends, or Close is called.
func (r *Recording) run(s source) {
	t := time.NewTicker(recordPeriod)
	defer t.Stop()
	for last := false; ; {
		b, err := s.drain()
		r.mu.Lock()
		err = errors.Join(r.rec.Take(b), err)
		due := !last && err == nil && r.rec.WantsCheckpoint()
		r.mu.Unlock()
		if due {
			err = s.checkpoint()
		}
		if err != nil || last {
			if !last || !errors.Is(err, ErrFeedEnded) {
				r.err = err
			}
			s.finish()
			return
		}
		select {
		case <-t.C:
		case <-s.ended:
			last = true
		case <-r.stop:
			s.finish()
			last = true
		}
	}
}

// Progress is what was recorded so far. Any goroutine.
func (r *Recording) Progress() RecordSummary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rec.Progress()
}

// Done is closed when the recording has ended by itself or by Close.
func (r *Recording) Done() <-chan struct{} { return r.done }

// ErrFeedEnded: the publisher of a recorded feed has gone. The recording is whole up
// to there.
var ErrFeedEnded = errors.New("the feed has ended")

// Close ends the recording and says what it holds. The error is also what ended it
// before; the summary holds what was written all the same.
func (r *Recording) Close() (RecordSummary, error) {
	r.once.Do(func() {
		close(r.stop)
		<-r.done
		r.mu.Lock()
		defer r.mu.Unlock()
		var err error
		r.sum, err = r.rec.Close()
		r.err = errors.Join(r.err, err)
	})
	return r.sum, r.err
}

func (o RecordOptions) inner() recording.Options {
	return recording.Options{Path: o.Path, Force: o.Force, RotateBytes: o.RotateBytes, RotateEvery: o.RotateEvery}
}

// check says what is wrong with the options.
func (o RecordOptions) check() error {
	if o.Path == "" || o.RotateBytes < 0 || o.RotateEvery < 0 || o.RingBytes < 0 {
		return fmt.Errorf("%w: a recording needs a path, and bounds that are not negative", ErrConfig)
	}
	inner := o.inner()
	return inner.Vacant()
}

// RecordPublisher starts a publisher that is recorded from its first record on. Close
// the publisher first, then the recording: so it holds the feed's end too.
func RecordPublisher(ctx context.Context, cfg PublisherConfig, o RecordOptions) (*Publisher, *Recording, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	if cfg.Takeover {
		return nil, nil, fmt.Errorf("%w: a take-over cannot be recorded from its first record; record the feed when it is done", ErrConfig)
	}
	r := newRecording(o)
	cfg.record = r
	p, err := StartPublisherContext(ctx, cfg)
	if err != nil {
		if r.rec != nil {
			_, closed := r.rec.Close()
			err = errors.Join(err, closed)
		}
		return nil, nil, err
	}
	r.rec.Attach(p.view)
	p.helpers.Add(1)
	go func() {
		defer p.helpers.Done()
		defer close(r.done)
		r.run(source{
			drain: func() ([]byte, error) { return p.tap.drain(), nil }, checkpoint: p.tap.renew, finish: p.tap.end, ended: p.done,
		})
	}()
	return p, r, nil
}

// RecordFeed records a feed of another process, over its control socket: from its
// present state on, which the recording begins with.
func RecordFeed(ctx context.Context, dir, feed string, o RecordOptions) (*Recording, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	segment, err := shm.Open(dir, feed)
	if err != nil {
		return nil, err
	}
	s, config, err := openStream(ctx, dir, feed)
	if err != nil {
		return nil, errors.Join(err, segment.Close())
	}
	r := newRecording(o)
	if r.rec, err = recording.NewRecorder(o.inner(), config); err != nil {
		return nil, errors.Join(err, s.close(), segment.Close())
	}
	r.rec.Attach(segment.View())
	go func() {
		defer close(r.done)
		// A segment that is truncated meanwhile ends the recording, not the program.
		gone := segment.Guard(func() {
			r.run(source{drain: s.drain, checkpoint: s.checkpoint, finish: s.finish})
		})
		r.err = errors.Join(r.err, gone, s.close(), segment.Close())
	}()
	return r, nil
}
