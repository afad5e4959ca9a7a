package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/ring"
)

// playlog gives the items of some files one by one.
type playlog struct {
	files   []*recording.File
	torn    int64
	rebuilt int

	file, block int // the next block to be read
	head        recording.Block
	items       []byte // of the present block, not yet taken
	size        int64  // blocks of all files
	taken       int64  // blocks read
}

func openPlaylog(paths []string) (*playlog, error) {
	l := &playlog{}
	for i, path := range paths {
		if err := l.open(path, i > 0 && i == len(paths)-1); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// open takes a file in. The last of several may have no whole block, or end within its
// header: its recorder was killed as it began that part, and what it held before is whole.
func (l *playlog) open(path string, mayBeEmpty bool) error {
	f, err := recording.Open(path)
	switch {
	case mayBeEmpty && errors.Is(err, recording.ErrShort):
		return nil
	case errors.Is(err, recording.ErrFormat):
		return fmt.Errorf("%w: %w", ErrRecording, err)
	case err != nil:
		return err
	}
	l.torn += f.Torn
	if len(f.Blocks) == 0 {
		_ = f.Close() // it was only read
		if mayBeEmpty {
			return nil
		}
		return fmt.Errorf("%w %q: there is no whole block in it", ErrRecording, path)
	}
	l.files = append(l.files, f)
	l.size += int64(len(f.Blocks))
	if f.Rebuilt {
		l.rebuilt++
	}
	return nil
}

func (l *playlog) close() {
	for _, f := range l.files {
		_ = f.Close() // it was only read
	}
}

// config is what the first file says of its feed; the others must say of the same.
func (l *playlog) config() (first recordConfig, err error) {
	for i, f := range l.files {
		_, items, err := f.ReadBlock(0)
		if err != nil {
			return first, fmt.Errorf("%w %q: %w", ErrRecording, f.Path, err)
		}
		it, size, err := recording.Next(items)
		if err != nil || size == 0 || it.Kind != recording.KindConfig {
			return first, fmt.Errorf("%w %q: it does not say what was recorded", ErrRecording, f.Path)
		}
		var c recordConfig
		if err := json.Unmarshal(it.Payload, &c); err != nil {
			return first, fmt.Errorf("%w %q: %w", ErrRecording, f.Path, err)
		}
		if i == 0 {
			first = c
		} else if c.Feed != first.Feed || c.Venue != first.Venue {
			return first, fmt.Errorf("%w: %q is of feed %s of %s, %q of feed %s of %s; replay one feed at a time", ErrConfig,
				l.files[0].Path, first.Feed, first.Venue, f.Path, c.Feed, c.Venue)
		}
	}
	return first, nil
}

// seek goes to the last place at or before a time where a replay may begin.
func (l *playlog) seek(fromNS int64) error {
	if fromNS == 0 {
		return nil
	}
	found := false
	for i, f := range l.files {
		for k, b := range f.Blocks {
			if b.LastNS >= fromNS {
				found = true
			}
			if b.Flags&recording.FlagBase != 0 && b.FirstNS <= fromNS {
				l.file, l.block = i, k
			}
		}
	}
	if !found {
		last := l.files[len(l.files)-1]
		return fmt.Errorf("%w: it ends at %s", ErrReplayRange, timeText(last.Blocks[len(last.Blocks)-1].LastNS))
	}
	return nil
}

// span is from the first to the last time of the recording.
func (l *playlog) span() (first, last int64) {
	for _, f := range l.files {
		for _, b := range f.Blocks {
			if first == 0 {
				first = b.FirstNS
			}
			last = max(last, b.LastNS)
		}
	}
	return first, last
}

// fill reads the next block where the present one is used up; false at the end.
func (l *playlog) fill() (bool, error) {
	for len(l.items) == 0 {
		if l.file < len(l.files) && l.block == len(l.files[l.file].Blocks) {
			l.file, l.block = l.file+1, 0
		}
		if l.file == len(l.files) {
			return false, nil
		}
		f := l.files[l.file]
		var err error
		if l.head, l.items, err = f.ReadBlock(l.block); err != nil {
			return false, fmt.Errorf("%w %q: %w", ErrRecording, f.Path, err)
		}
		l.block++
		l.taken++
	}
	return true, nil
}

// next is the next item; false at the end. It holds until the next block is read.
func (l *playlog) next() (recording.Item, bool, error) {
	if ok, err := l.fill(); !ok {
		return recording.Item{}, false, err
	}
	it, size, err := recording.Next(l.items)
	if err != nil || size == 0 {
		return it, false, fmt.Errorf("%w %q: %w", ErrRecording, l.files[min(l.file, len(l.files)-1)].Path, recording.ErrItem)
	}
	l.items = l.items[size:]
	return it, true, nil
}

// answer takes the next item if it is of a kind.
func (l *playlog) answer(kind recording.Kind) (recording.Item, bool) {
	if ok, err := l.fill(); !ok || err != nil {
		return recording.Item{}, false // next says why
	}
	it, size, err := recording.Next(l.items)
	if err != nil || size == 0 || it.Kind != kind {
		return it, false
	}
	l.items = l.items[size:]
	return it, true
}

// broken says that the recording ends here, or has a hole: the input before may not be
// whole.
func (l *playlog) broken() bool {
	if ok, err := l.fill(); !ok || err != nil {
		return true
	}
	it, size, err := recording.Next(l.items)
	return err != nil || size == 0 || it.Kind == recording.KindLoss
}

// ends says whether the present block is used up, and what its header says.
func (l *playlog) ends() (recording.Block, bool) { return l.head, len(l.items) == 0 }

// answersLookedAt is how far behind an input its first reading of the clock may be.
const answersLookedAt = 4

// timeOf is the time of an input: its own, or the first reading of the clock behind
// it; 0 unknown.
func (l *playlog) timeOf(it *recording.Item) int64 {
	if it.Kind == recording.KindTick {
		return it.Value
	}
	rest := l.items
	for range answersLookedAt {
		next, size, err := recording.Next(rest)
		if err != nil || size == 0 || next.Kind.Input() {
			return 0
		}
		if next.Kind == recording.KindClock {
			return next.Value
		}
		rest = rest[size:]
	}
	return 0
}

// pacer lets recorded time pass as fast as was asked for.
type pacer struct {
	p      *player
	wall   time.Time // when recorded was due
	first  int64
	last   int64
	looked time.Time
	said   time.Time
	speed  float64
	fromNS int64
	toNS   int64
	turns  int
}

// Times of pacing.
const (
	// paceHole: a longer time without an input is no time of the feed, which has a
	// timer of 50 ms: parts are missing, and nobody waits for them.
	paceHole = 10 * second
	// paceBeat keeps readers from taking a slow replay for a dead one.
	paceBeat = ring.HeartbeatIntervalNS
	// paceLook is how often a replay at full speed rings and looks around.
	paceLook = time.Millisecond
	// progressEvery is how often progress is told.
	progressEvery = 200 * time.Millisecond
)

func (c *pacer) begin(p *player) {
	c.p, c.speed, c.first, c.last = p, p.o.Speed, 0, 0
	if p.log != nil {
		c.fromNS, c.toNS = p.log.span()
	}
	if p.o.FromNS != 0 {
		c.fromNS = max(c.fromNS, p.o.FromNS)
	}
	if p.o.ToNS != 0 {
		c.toNS = min(c.toNS, p.o.ToNS)
	}
}

// wait returns when an input of a recorded time is due.
func (c *pacer) wait(ctx context.Context, at int64) error {
	if c.speed == 0 || !c.p.shown {
		if c.turns++; c.turns%64 != 0 || time.Since(c.looked) < paceLook {
			return nil
		}
		return c.look(ctx, at)
	}
	if c.first == 0 || at-c.last > paceHole {
		c.first, c.wall = at, time.Now()
	}
	c.last = at
	for {
		left := time.Duration(float64(at-c.first)/c.speed) - time.Since(c.wall)
		if left <= 0 {
			if time.Since(c.looked) < paceLook {
				return nil
			}
			return c.look(ctx, at)
		}
		if err := c.look(ctx, at); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(left, paceBeat)):
		}
	}
}

// look rings for sleeping readers, shows that the process lives, and tells progress.
func (c *pacer) look(ctx context.Context, at int64) error {
	c.looked = time.Now()
	c.p.h.ring(c.looked.UnixNano())
	c.p.h.w.ProcessBeat(c.looked.UnixNano())
	c.p.h.w.HotBeat(c.looked.UnixNano()) // the timer's own beats say the recorded time
	if c.p.o.Progress != nil && time.Since(c.said) >= progressEvery {
		c.said = c.looked
		c.p.o.Progress(ReplayProgress{
			NowNS: at, FirstNS: c.fromNS, LastNS: c.toNS, Inputs: c.p.sum.Inputs, Records: c.p.total.Records(),
			Done: c.share(at),
		})
	}
	return ctx.Err()
}

func (c *pacer) share(at int64) float64 {
	if c.toNS <= c.fromNS {
		return 0
	}
	return min(max(float64(at-c.fromNS)/float64(c.toNS-c.fromNS), 0), 1)
}
