package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// ReplayOptions say what to replay and where to.
type ReplayOptions struct {
	// Paths are recordings, or the parts of one in order, or one capture (.jsonl,
	// .jsonl.zst).
	Paths []string
	// Feed names the segment; default the recorded feed's name and -replay.
	Feed string
	// Dir, Group, Anonymous and Slots are as in PublisherConfig; Slots 0 is as recorded.
	Dir, Group string
	Anonymous  bool
	Slots      int
	// Speed is how much faster than recorded; 0 is as fast as it goes.
	Speed float64
	// FromNS and ToNS bound what is published under the feed's name, Unix ns; 0 is no
	// bound. What came before FromNS is taken in first, since the state follows from it.
	FromNS, ToNS int64
	// Venue and Channels are those of a capture, which does not name them; Options are
	// set in addition to a recording's.
	Venue    string
	Channels ring.Channel
	Options  [][2]string
	// NewDialect makes a venue's dialect with options set.
	NewDialect func(venue string, options [][2]string) (Dialect, error)
	// Version is the publisher's version text.
	Version string
	// Published is called when the segment is there, before anything more is
	// published; nil is not called.
	Published func(v *ring.View)
	// Progress is called some times a second; nil is not called.
	Progress func(p ReplayProgress)
	// Logger gets the session's events; nil discards.
	Logger *slog.Logger
}

// ReplayProgress is how far a replay is.
type ReplayProgress struct {
	NowNS           int64 // recorded time
	FirstNS, LastNS int64 // of the recording, within the bounds; 0 unknown
	Inputs          uint64
	Records         uint64
	Done            float64 // share of the work, 0 to 1
}

// ReplaySummary is what a replay came to.
type ReplaySummary struct {
	Feed    string   `json:"feed"`
	Venue   string   `json:"venue"`
	Files   []string `json:"files"`
	Inputs  uint64   `json:"inputs"`
	Records uint64   `json:"records"`
	// FirstNS and LastNS are the recorded times of the first and last input, Unix ns.
	FirstNS int64 `json:"first_ns"`
	LastNS  int64 `json:"last_ns"`
	// Hash is of the records published, as RecordSummary.Hash; of the records from
	// FromNS on where that is set. PartHashes are since the beginning of each part.
	Hash       string   `json:"hash"`
	PartHashes []string `json:"part_hashes"`
	// Verified is how many of the recording's own hashes the records were held
	// against, Differences how many did not agree, FirstDifferenceNS where.
	Verified          int   `json:"verified"`
	Differences       int   `json:"differences"`
	FirstDifferenceNS int64 `json:"first_difference_ns,omitempty"`
	// Losses is how often the recorder had lost items; TornBytes what a recorder that
	// was killed left behind its last block; Rebuilt how many files had no index.
	Losses    int     `json:"losses"`
	TornBytes int64   `json:"torn_bytes"`
	Rebuilt   int     `json:"rebuilt"`
	Seconds   float64 `json:"seconds"`
}

// Errors of a replay.
var (
	// ErrRecording: a file is no recording, or is damaged.
	ErrRecording = errors.New("recording")
	// ErrReplayRange: nothing was recorded in the range.
	ErrReplayRange = errors.New("nothing was recorded in the range")
)

// player gives a recording to a hot thread that has no sockets. One goroutine: it is
// that thread.
type player struct {
	o        ReplayOptions
	cfg      PublisherConfig
	segment  *shm.Segment
	h        *hot
	log      *playlog
	clock    *replayClock
	dials    []replayDial
	rest     SnapshotDialect
	backfill int // as the recording says

	reader      *ring.Reader
	read        ring.Record
	part, total *recording.Hash
	lapped      bool
	base, own   uint64 // sequences, there and here, of the last start or checkpoint
	began, lost bool
	shown       bool
	ended       bool
	verifying   bool // the hash is the recording's: nothing was left out

	sum     ReplaySummary
	started time.Time
	pace    pacer
}

// replayDial is a dial that the session began.
type replayDial struct {
	c       *conn
	attempt uint64
}

// Replay publishes a recording, marked REPLAY, until it or ctx ends. Records are those
// of the live feed but for publish times and sequences. The summary is valid with an
// error too.
func Replay(ctx context.Context, o ReplayOptions) (ReplaySummary, error) {
	if len(o.Paths) == 0 || o.Speed < 0 || math.IsNaN(o.Speed) || o.ToNS != 0 && o.ToNS < o.FromNS {
		return ReplaySummary{}, fmt.Errorf("%w: a replay needs a file, a speed of 0 or more, and an end behind its beginning", ErrConfig)
	}
	p := &player{o: o, part: recording.NewHash(), total: recording.NewHash(), started: time.Now(), verifying: o.FromNS == 0}
	p.sum.Files, p.sum.PartHashes = o.Paths, []string{}
	err := p.replay(ctx)
	p.sum.Seconds = time.Since(p.started).Seconds()
	return p.sum, err
}

func (p *player) replay(ctx context.Context) error {
	if isCapture(p.o.Paths[0]) {
		return p.capture(ctx)
	}
	log, err := openPlaylog(p.o.Paths)
	if err != nil {
		return err
	}
	defer log.close()
	p.log = log
	p.sum.TornBytes, p.sum.Rebuilt = log.torn, log.rebuilt
	if err := p.prepare(); err != nil {
		return err
	}
	if err := log.seek(p.o.FromNS); err != nil {
		return errors.Join(err, p.discard())
	}
	return p.play(ctx, p.all)
}

// play runs f as the hot thread and ends the feed.
func (p *player) play(ctx context.Context, f func(ctx context.Context) error) error {
	err := p.guarded(func() error {
		err := f(ctx)
		if !p.ended && p.shown {
			p.h.w.CloseSegment()
			ring.Ring(p.h.w.Doorbell())
		}
		p.finishHashes()
		return err
	})
	return errors.Join(err, p.discard())
}

// guarded turns into an error what a damaged recording can do to the session, and what
// becomes of it when the segment is truncated from outside.
func (p *player) guarded(f func() error) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%w: what it holds cannot have happened, near %s: %v", ErrRecording, timeText(p.clock.now), caught)
		}
	}()
	if gone := shm.Guard(p.segment.Bytes(), func() { err = f() }); gone != nil {
		err = fmt.Errorf("replay into feed %q: %w", p.cfg.Feed, gone)
	}
	return err
}

// timeText is a recorded time as --from takes it.
func timeText(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// prepare makes the segment and the session, as the recording's first item says.
func (p *player) prepare() error {
	c, err := p.log.config()
	if err != nil {
		return err
	}
	p.cfg = PublisherConfig{
		Feed: p.o.Feed, Dir: p.o.Dir, Group: p.o.Group, Anonymous: p.o.Anonymous, Slots: p.o.Slots,
		MaxInstruments: c.Shape.Instruments, BookDepth: c.Shape.BookDepth, URLs: c.URLs, CPU: -1, Legs: min(max(c.Legs, 1), maxLegs),
		Exponents: map[Symbol][2]int8{}, Channels: ring.AllChannels, Options: append(c.Options, p.o.Options...),
	}
	p.backfill = c.Backfill
	p.cfg.MaxClockSkew, p.cfg.ClockEvery = time.Duration(c.ClockSkewNS), time.Duration(c.ClockEveryNS)
	if c.ClockSkewNS == 0 {
		p.cfg.MaxClockSkew = -1 // of a build that flagged nothing
	}
	if p.cfg.Feed == "" {
		p.cfg.Feed = c.Feed + "-replay"
	}
	if p.cfg.Slots == 0 {
		p.cfg.Slots = c.Shape.Slots
	}
	if c.IdleNS >= int64(time.Second) {
		p.cfg.IdleAfter = time.Duration(c.IdleNS)
	}
	for _, text := range c.Priority {
		s, err := ParseSymbol(text)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecording, err)
		}
		p.cfg.Priority = append(p.cfg.Priority, s)
	}
	for _, e := range c.Exponents {
		s, err := ParseSymbol(e.Symbol)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecording, err)
		}
		p.cfg.Exponents[s] = [2]int8{e.Price, e.Quantity}
	}
	return p.build(c.Venue, c.REST)
}

// build makes the segment, which has no name yet where its beginning is passed over,
// and the session.
func (p *player) build(venue string, rest bool) error {
	var err error
	if p.cfg.Dialect, err = p.o.NewDialect(venue, p.cfg.Options); err != nil {
		return err
	}
	p.cfg.Source, p.cfg.Version, p.cfg.Logger = ring.SourceReplay, p.o.Version, p.o.Logger
	if err := p.cfg.check(); err != nil {
		return err
	}
	p.sum.Feed, p.sum.Venue = p.cfg.Feed, venue
	if p.segment, _, err = createSegment(&p.cfg); err != nil {
		return err
	}
	if p.h, err = newHot(&p.cfg, p.segment.Bytes()); err != nil {
		return errors.Join(err, p.segment.Close(true))
	}
	p.clock = &replayClock{player: p, real: p.h.clock}
	p.h.clock = p.clock
	p.h.dial = func(c *conn, _ string, attempt uint64) { p.dials = append(p.dials, replayDial{c, attempt}) }
	p.rest, _ = p.cfg.Dialect.(SnapshotDialect)
	if _, ok := p.cfg.Dialect.(ClockDialect); ok && rest {
		p.h.fetchTime = func() {} // as with snapshots
	}
	if p.backfill > 0 {
		p.cfg.Backfill = p.backfill
		p.h.fetchTrades = func(*instrument, uint64) {}
	}
	if rest && p.rest != nil {
		p.h.fetchSnapshot = func(*instrument, uint64) {} // what came of it is in the recording
	}
	return nil
}

// discard frees what the session held; the file of a segment with a name stays.
func (p *player) discard() error {
	for _, c := range p.h.conns {
		if c.ws != nil {
			_ = c.ws.Close()
		}
	}
	return errors.Join(p.h.poller.Close(), p.h.waker.Close(), p.segment.Close(!p.shown))
}

// show gives the segment its name.
func (p *player) show() error {
	if p.shown {
		return nil
	}
	if err := p.segment.Publish(); err != nil {
		return err
	}
	p.shown = true
	p.reader = ring.NewReader(p.h.w.View())
	p.reader.Seek(1) // the instruments of a capture are there already
	if p.o.FromNS != 0 {
		p.reader.Seek(p.h.w.LastSequence() + 1)
	}
	if p.o.Published == nil {
		return nil
	}
	v, err := ring.OpenView(p.segment.Bytes())
	if err != nil {
		return fmt.Errorf("look at own segment of feed %q: %w", p.cfg.Feed, err)
	}
	p.o.Published(v)
	return nil
}

// all takes every input in turn.
func (p *player) all(ctx context.Context) error {
	if p.o.FromNS == 0 {
		if err := p.show(); err != nil {
			return err
		}
	}
	p.pace.begin(p)
	for {
		it, ok, err := p.log.next()
		if err != nil || !ok {
			return errors.Join(err, p.show())
		}
		if at := p.log.timeOf(&it); at != 0 {
			if p.o.ToNS != 0 && at > p.o.ToNS {
				return p.show()
			}
			if err := p.reached(at); err != nil {
				return err
			}
			if err := p.pace.wait(ctx, at); err != nil {
				return err
			}
		}
		if err := p.input(&it); err != nil {
			return err
		}
		p.hash()
		if p.ended {
			return nil
		}
	}
}

// reached notes the time of an input, and gives the segment its name when it is time.
func (p *player) reached(at int64) error {
	p.sum.LastNS = at
	if p.sum.FirstNS == 0 {
		p.sum.FirstNS = at
	}
	if p.shown || at < p.o.FromNS {
		return nil
	}
	p.sum.FirstNS = at
	p.pace.begin(p)
	return p.show()
}

// hash takes in what was published since, once the segment has its name. It is called
// often enough that the ring holds all of it.
func (p *player) hash() {
	for p.shown {
		switch p.reader.Next(&p.read) {
		case ring.AnswerRecord:
			p.part.Add(&p.read)
			p.total.Add(&p.read)
			p.sum.Records++
		case ring.AnswerOverrun:
			p.lapped = true
			return
		default:
			return
		}
	}
}

func (p *player) finishHashes() {
	if !p.began {
		return
	}
	p.hash()
	p.endPart()
	if !p.lapped {
		p.sum.Hash = p.total.Text()
	}
	p.sum.Records = p.total.Records()
}

func (p *player) endPart() {
	text := p.part.Text()
	if p.lapped {
		text = ""
	}
	p.sum.PartHashes = append(p.sum.PartHashes, text)
}

// compare holds the records against a mark, and at the end of a block against its hash.
func (p *player) compare(it *recording.Item) {
	p.hash()
	wrong := p.h.w.LastSequence()-p.own != uint64(it.Value)-p.base
	if b, last := p.log.ends(); last && b.Flags&recording.FlagHash != 0 && p.verifying && !p.lapped {
		p.sum.Verified++
		wrong = wrong || p.part.Sum() != b.Hash
	}
	if wrong {
		p.differs()
	}
}

// differs notes that something is not as it was: the session of this build asks the
// world other questions, or the recording is damaged.
func (p *player) differs() {
	p.sum.Differences++
	if p.sum.FirstDifferenceNS == 0 {
		p.sum.FirstDifferenceNS = p.clock.now
	}
}

// unanswered notes that the recording has no answer to what the session asks, unless
// it ends or has a hole here, so that the input was not whole.
func (p *player) unanswered() {
	if !p.log.broken() {
		p.differs()
	}
}
