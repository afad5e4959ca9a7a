package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tickring/tickring/cmd/tickring/internal/human"
	"github.com/tickring/tickring/cmd/tickring/internal/jsonl"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

const (
	// retryEvery is how often a reader tries the name for another generation.
	retryEvery = 100 * time.Millisecond
	// lookEvery is how often an idle reader looks at the file behind its mapping.
	lookEvery = time.Second
	// batchRecords is how many records are printed between two looks at the clock.
	batchRecords = 4096
)

// printer turns a record into a line.
type printer interface {
	AppendRecord(dst []byte, r *ring.Record) []byte
}

// tail is one run of the command, over one segment after the other.
type tail struct {
	opts    tailOptions
	filter  *filter
	out     *output
	notes   io.Writer
	printed int64
	moved   bool      // something was printed since active was set
	active  time.Time // when something was printed last

	mapping    *shm.Mapping
	named      *shm.Registration // nil: not in the file of readers
	generation uint64
	reader     *ring.Reader
	lines      printer
	covered    *covered
	stale      bool
	unnamed    bool      // the file was deleted, and we said so
	looked     time.Time // when the file behind the mapping was looked at last
	record     ring.Record
}

// errDone ends a run cleanly.
var errDone = errors.New("done")

func (t *tail) note(format string, args ...any) { fmt.Fprintf(t.notes, format+"\n", args...) }

func (t *tail) run(ctx context.Context) error {
	defer t.detach()
	err := t.attach(ctx)
	for err == nil {
		err = t.step(ctx)
	}
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// step prints what is there and acts on the answer behind it.
func (t *tail) step(ctx context.Context) error {
	var answer ring.Answer
	var successor uint64
	var err error
	gone := t.mapping.Guard(func() {
		answer, err = t.batch()
		successor = t.mapping.View().SuccessorGeneration()
	})
	if gone != nil {
		return t.lost(ctx, gone)
	}
	if err != nil {
		return err
	}
	t.report()
	switch answer {
	case ring.AnswerRecord:
		return t.ended(ctx)
	case ring.AnswerOverrun:
		t.note("overrun: lost %d records", t.reader.Lost())
		return t.ended(ctx)
	case ring.AnswerEmpty, ring.AnswerStale:
		return t.idle(ctx, answer == ring.AnswerStale)
	case ring.AnswerClosed:
		return t.over(ctx, "closed by its publisher")
	case ring.AnswerSuperseded:
		return t.over(ctx, fmt.Sprintf("superseded by generation %d", successor))
	}
	return fmt.Errorf("feed %q is damaged: record %d is none that a publisher writes; restart the publisher",
		t.opts.feed, t.reader.NextSequence())
}

// batch prints up to batchRecords. It returns RECORD when there may be more.
func (t *tail) batch() (ring.Answer, error) {
	for range batchRecords {
		answer := t.reader.Next(&t.record)
		if answer != ring.AnswerRecord {
			return answer, nil
		}
		if t.covered.covers(&t.record) {
			continue
		}
		if err := t.print(&t.record); err != nil {
			return answer, err
		}
	}
	return ring.AnswerRecord, nil
}

func (t *tail) print(r *ring.Record) error {
	if !t.filter.pass(r) {
		return nil
	}
	t.out.buf = t.lines.AppendRecord(t.out.buf, r)
	t.moved = true
	t.printed++
	if t.opts.limit > 0 && t.printed >= t.opts.limit {
		return errDone
	}
	return t.out.flushLarge()
}

// ended says whether time is up: errDone at the end of the context, or when
// nothing was printed within --idle.
func (t *tail) ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return errDone
	}
	if t.opts.idle == 0 {
		return nil
	}
	now := time.Now()
	if t.moved {
		t.moved, t.active = false, now
	}
	if now.Sub(t.active) >= t.opts.idle {
		return errDone
	}
	return nil
}

// idle waits on the doorbell after everything was printed.
func (t *tail) idle(ctx context.Context, stale bool) error {
	if err := t.quiet(ctx); err != nil {
		return err
	}
	if stale != t.stale {
		t.stale = stale
		if stale {
			t.note("stale: the publisher of feed %q stands still", t.opts.feed)
		} else {
			t.note("fresh: the publisher of feed %q goes on", t.opts.feed)
		}
	}
	if time.Since(t.looked) >= lookEvery {
		if err := t.look(); err != nil {
			return t.lost(ctx, err)
		}
	}
	if stale && t.opts.follow {
		if found, err := t.reattach(); found || err != nil {
			return err
		}
	}
	t.report()
	if err := t.mapping.Guard(func() { t.reader.Wait(t.patience()) }); err != nil {
		return t.lost(ctx, err)
	}
	return nil
}

// look finds out what happened to the file behind the mapping: it may be deleted,
// which is said and does no harm, or truncated, which is the error.
func (t *tail) look() error {
	t.looked = time.Now()
	switch _, err := t.mapping.Changed(); {
	case errors.Is(err, shm.ErrShrunk):
		return err
	case errors.Is(err, shm.ErrNoFeed) && !t.unnamed:
		t.unnamed = true
		t.note("deleted: the file of feed %q is gone; its publisher's records still come, other readers cannot attach",
			t.opts.feed)
	}
	return nil
}

// quiet writes out what was gathered and ends where nothing more is wanted.
func (t *tail) quiet(ctx context.Context) error {
	if err := t.out.flush(); err != nil {
		return err
	}
	if t.out.readerGone() {
		return errPipe
	}
	return t.ended(ctx)
}

// patience is how long to wait at most: --idle may be shorter than a retry.
func (t *tail) patience() time.Duration {
	if t.opts.idle == 0 {
		return retryEvery
	}
	return min(retryEvery, max(t.opts.idle-time.Since(t.active), time.Millisecond))
}

// over is the end of a segment: of the run too, unless it follows.
func (t *tail) over(ctx context.Context, why string) error {
	if !t.opts.follow {
		if err := t.out.flush(); err != nil {
			return err
		}
		t.note("end of feed %q: %s", t.opts.feed, why)
		return errDone
	}
	t.note("feed %q: %s; waiting for its next publisher", t.opts.feed, why)
	return t.next(ctx)
}

// lost is a segment that was truncated under us.
func (t *tail) lost(ctx context.Context, err error) error {
	if !t.opts.follow {
		return fmt.Errorf("feed %q: %w", t.opts.feed, err)
	}
	t.note("feed %q: %v; waiting for its next publisher", t.opts.feed, err)
	return t.next(ctx)
}

// next tries the name until it leads to another generation.
func (t *tail) next(ctx context.Context) error {
	for {
		if err := t.quiet(ctx); err != nil {
			return err
		}
		if found, err := t.reattach(); found || err != nil {
			return err
		}
		sleep(ctx, t.patience())
	}
}

// sleep waits for d or for the end of the context.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// attach opens the feed for the first time; with --follow it waits for it. All of
// a feed that was waited for is new.
func (t *tail) attach(ctx context.Context) error {
	from := t.opts.from
	for said := false; ; said = true {
		m, err := shm.Open(t.opts.dir, t.opts.feed)
		if err == nil {
			return t.begin(m, from)
		}
		if !t.opts.follow || !passes(err) {
			return err
		}
		if !said {
			t.note("waiting: %v", err)
			from = fromOldest
		}
		if err := t.quiet(ctx); err != nil {
			return err
		}
		sleep(ctx, t.patience())
	}
}

// passes says whether a fault of opening goes away when a publisher starts.
func passes(err error) bool {
	for _, lasting := range []error{shm.ErrPermission, shm.ErrOwner, shm.ErrNotRegular,
		ring.ErrVersion, ring.ErrFormatHash, ring.ErrByteOrder} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return true
}

// reattach takes the segment that the name leads to when it is another generation
// than the one at hand.
func (t *tail) reattach() (bool, error) {
	changed, err := t.mapping.Changed()
	if !changed && !errors.Is(err, shm.ErrShrunk) {
		return false, nil
	}
	m, err := shm.Open(t.opts.dir, t.opts.feed)
	if err != nil {
		if passes(err) {
			return false, nil
		}
		return false, err
	}
	old := t.generation
	if m.View().Generation() == old {
		return false, m.Close()
	}
	t.closeMapping()
	if err := t.begin(m, fromOldest); err != nil {
		return false, err
	}
	t.note("reattached: feed %q, generation %d after %d", t.opts.feed, t.generation, old)
	return true, nil
}

// register names this reader, or keeps its name over a move. Only a full table is worth
// a word: whoever may not write the file reads all the same.
func (t *tail) register() {
	const name = "tickring tail"
	var err error
	if t.named != nil {
		t.named, err = t.named.Follow(t.mapping, name)
	} else {
		t.named, err = t.mapping.Register(name)
	}
	if errors.Is(err, shm.ErrReadersFull) {
		t.note("unnamed: %v", err)
	}
}

func (t *tail) report() {
	if t.named != nil {
		t.named.Report(t.reader)
	}
}

func (t *tail) detach() {
	if t.named != nil {
		_ = t.named.Close() // the end of the process does it too
		t.named = nil
	}
	t.closeMapping()
}

func (t *tail) closeMapping() {
	if t.mapping != nil {
		// The mapping is read-only and not used again: nothing is lost with it.
		_ = t.mapping.Close()
		t.mapping = nil
	}
}

// begin sets up reader, lines and place for a mapping, which it owns from here.
func (t *tail) begin(m *shm.Mapping, from string) error {
	view := m.View()
	t.mapping, t.stale, t.unnamed, t.looked, t.covered = m, false, false, time.Now(), nil
	var err error
	gone := m.Guard(func() {
		t.generation = view.Generation()
		t.filter.attach(view)
		t.reader = ring.NewReader(view)
		if t.opts.json {
			t.lines = jsonl.NewEncoder(view)
		} else {
			t.lines = human.NewPrinter(view)
		}
		switch from {
		case fromOldest:
			t.reader.SeekOldest()
		case fromLatest:
			t.reader.SeekLatest()
		case fromBoard:
			err = t.joinBoard()
		}
	})
	t.register()
	return errors.Join(gone, err)
}
