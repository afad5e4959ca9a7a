package shm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/tickring/tickring/ring"
)

const (
	// retryEvery is how often a name is tried for a feed, or for its next generation:
	// the pace of readers in every language.
	retryEvery = 100 * time.Millisecond
	// batchMost is how many records are copied between two guards of the mapping: it
	// spreads the guard's cost thin and keeps the copies in the first cache.
	batchMost = 64
	// looksMost bounds how many records of others a filter may skip at a time.
	looksMost = 1024
	// reportFills is how many full batches may pass without a report.
	reportFills = 16
	// reportLooks is how many idle looks may pass without a report.
	reportLooks = 64
)

// From says where a feed is begun.
type From int

// Beginnings.
const (
	// FromLatest begins with the next record.
	FromLatest From = iota
	// FromOldest begins with the oldest record that the ring is sure to keep.
	FromOldest
	// FromBoard begins with the latest record of every instrument and kind on the
	// board, in the order of sequences, and goes on in the ring behind them: the late
	// join, without a gap and without saying anything twice.
	FromBoard
)

// FeedOptions chooses what is read, and how. The zero value reads everything from the
// next record on, moves on with the publisher, and leaves no trace.
type FeedOptions struct {
	// Dir is the directory of a feed that is given by name; empty: see Dir.
	Dir string
	// Wait waits for a feed that is not there yet, until the context ends.
	Wait bool
	// From is the beginning. A feed that was waited for, and each next generation, is
	// read from its oldest record, for all of it is new.
	From From
	// Kinds lets only these kinds pass; none: all. Without KindStatus the truth about
	// the data does not pass either.
	Kinds []ring.Kind
	// Symbols lets only these instruments pass, as BTC/USDT or as the venue spells
	// them; none: all. A symbol need not exist yet. Records of no single instrument
	// pass by their kind alone.
	Symbols []string
	// Stay ends at the end of a generation instead of moving to the next.
	Stay bool
	// Register names the reader in the feed's file of readers; empty: it stays
	// unknown. See RegisterFault.
	Register string
}

// Feed reads one feed for as long as there is one: it is what a strategy begins with.
// It moves to the publisher's next segment by itself, filters, counts what it lost,
// and survives a file that is cut short under it. Not for several threads at a time.
// Nothing is allocated after OpenFeed, but by a move to another generation.
//
// A plain ring.Reader over a Mapping does less, and saves a few nanoseconds a record.
type Feed struct {
	opts    FeedOptions
	mapping *Mapping
	reader  *ring.Reader
	filter  filter
	join    join

	batch      [batchMost]ring.Record
	head, tail int // of what is copied and not yet handed out
	size       int // of the next batch: 1 when idle, so that nothing waits for a second look
	read       func()
	answer     ring.Answer // behind the batch
	owed       ring.Answer // to be told before the next batch; EMPTY: nothing

	cut   error     // the mapping must not be touched any more
	ended bool      // drained, and its successor is not there yet
	tried time.Time // when the name was tried last
	past  FeedStats // of earlier generations
	err   error     // why an iteration ended

	registration *Registration
	registerErr  error
	fills, looks uint32
	told         uint64 // cursor at the last report
}

// FeedStats are a feed's totals since OpenFeed, over all generations.
type FeedStats struct {
	Read     uint64 // records copied from the ring
	Filtered uint64 // of these, records that the options did not let pass
	Lost     uint64 // records overwritten before they were read
	Overruns uint64 // times lapped
	Torn     uint64 // copies rejected because the slot changed meanwhile
	Skipped  uint64 // DEPTH records dropped after an overrun, until an event began
	Moves    uint64 // times moved to another generation
}

// OpenFeed opens a feed by its name, or by the path of its file (anything with a
// slash). Errors are those of Open and OpenPath; with Wait only those that no
// publisher's start mends, and the context's. Any thread.
func OpenFeed(ctx context.Context, feed string, o FeedOptions) (*Feed, error) {
	f := &Feed{opts: o, size: 1, owed: ring.AnswerEmpty}
	f.read = f.readBatch
	f.filter = newFilter(o.Kinds, o.Symbols)
	from := o.From
	for {
		m, err := f.openOnce(feed)
		if err == nil {
			err = f.begin(m)
			if err == nil {
				err = f.start(from)
			}
			if err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return f, nil
		}
		if !o.Wait || !passes(err) {
			return nil, err
		}
		if from == FromLatest {
			from = FromOldest
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for feed: %w; last: %w", context.Cause(ctx), err)
		case <-time.After(retryEvery):
		}
	}
}

func (f *Feed) openOnce(feed string) (*Mapping, error) {
	if strings.Contains(feed, "/") {
		return OpenPath(feed)
	}
	return Open(f.opts.Dir, feed)
}

// passes says whether a fault of opening goes away when a publisher starts.
func passes(err error) bool {
	for _, lasting := range []error{ErrFeedName, ErrPermission, ErrOwner, ErrNotRegular,
		ring.ErrVersion, ring.ErrFormatHash, ring.ErrByteOrder} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return true
}

// begin takes over a mapping, of the first generation or of the next; on an error the
// feed is as it was.
func (f *Feed) begin(m *Mapping) error {
	var reader *ring.Reader
	if gone := m.Guard(func() { reader = ring.NewReader(m.view) }); gone != nil {
		return errors.Join(fault("open segment", m.path, gone), m.Close())
	}
	if f.mapping != nil {
		f.past = f.Stats()
		f.past.Moves++
		_ = f.mapping.Close() // read-only, and not used again
	}
	f.mapping, f.reader, f.join = m, reader, join{}
	f.cut, f.ended, f.owed, f.size = nil, false, ring.AnswerEmpty, 1
	f.head, f.tail, f.told = 0, 0, 0
	f.filter.attach(m.view)
	f.register()
	return nil
}

// start goes to the beginning that was asked for; begin stands at the oldest record.
func (f *Feed) start(from From) error {
	switch from {
	case FromLatest:
		return f.mapping.Guard(f.reader.SeekLatest)
	case FromBoard:
		return f.Join()
	}
	return nil
}

func (f *Feed) register() {
	if f.opts.Register == "" {
		return
	}
	if f.registration != nil {
		f.registration, f.registerErr = f.registration.Follow(f.mapping, f.opts.Register)
		return
	}
	f.registration, f.registerErr = f.mapping.Register(f.opts.Register)
}

// RegisterFault is nil, or says why the reader is not, or no longer, in the file of
// readers. It reads all the same.
func (f *Feed) RegisterFault() error {
	if f.registration != nil {
		return f.registration.Fault()
	}
	return f.registerErr
}

// Next copies the next record that passes. It never blocks.
//
//	RECORD      out is whole
//	EMPTY       nothing yet
//	OVERRUN     Lost() records were overwritten: state kept from records must be
//	            refreshed (Join, Instrument.Book); the next call goes on behind them
//	STALE       as EMPTY: the publisher has stood still for a second, or its file was
//	            cut short; may pass, or lead to another generation
//	CLOSED      drained; with Stay it is the end
//	SUPERSEDED  drained, or: moved to another generation just now (Generation tells).
//	            Ids of instruments are other ones; those of Instrument follow
//	DAMAGED     bytes that no writer leaves; final
func (f *Feed) Next(out *ring.Record) ring.Answer {
	r, a := f.take()
	if a == ring.AnswerRecord {
		*out = *r
	}
	return a
}

// take is Next without the copy: the record holds until the batch is filled again.
func (f *Feed) take() (*ring.Record, ring.Answer) {
	if f.head == f.tail {
		if a := f.fill(); a != ring.AnswerRecord {
			return nil, a
		}
	}
	r := &f.batch[f.head]
	f.head++
	return r, ring.AnswerRecord
}

// fill copies the next records that pass: as many as are there, at most the size of
// a batch, which grows only while the feed is behind.
func (f *Feed) fill() ring.Answer {
	f.head, f.tail = 0, 0
	if a := f.owed; a != ring.AnswerEmpty {
		f.owed = ring.AnswerEmpty
		return a
	}
	if f.cut == nil {
		f.cut = Guard(f.mapping.buf, f.read)
	}
	if f.cut != nil {
		f.answer = ring.AnswerStale // what was copied before is whole
		if f.opts.Stay {
			f.answer = ring.AnswerDamaged
		}
	}
	if f.tail > 0 {
		return f.full()
	}
	return f.idle()
}

// full is the answer for a batch with records in it.
func (f *Feed) full() ring.Answer {
	if f.answer == ring.AnswerOverrun {
		f.owed = f.answer
	}
	f.size = min(2*f.size, batchMost)
	if f.answer != ring.AnswerRecord {
		f.size = 1
	}
	if f.fills++; f.fills%reportFills == 0 {
		f.report()
	}
	return ring.AnswerRecord
}

// idle is the answer for an empty batch: also the moment to move and to report.
func (f *Feed) idle() ring.Answer {
	f.size = 1
	if f.looks++; f.looks%reportLooks == 0 || f.reader.NextSequence() != f.told {
		f.report()
	}
	a := f.answer
	if a == ring.AnswerRecord { // others' records only: there may be more
		return ring.AnswerEmpty
	}
	f.ended = a == ring.AnswerClosed || a == ring.AnswerSuperseded || f.cut != nil
	if (f.ended || a == ring.AnswerStale) && f.move() {
		return ring.AnswerSuperseded
	}
	return a
}

// readBatch runs inside the guard. What it has copied when a page is found gone is
// whole.
func (f *Feed) readBatch() {
	f.answer = ring.AnswerRecord
	if f.tail = f.join.hand(f.batch[:f.size], &f.filter); f.tail == f.size {
		return
	}
	for looks := 0; looks < looksMost && f.tail < f.size && f.answer == ring.AnswerRecord; {
		var n int
		n, f.answer = f.reader.NextBatch(f.batch[f.tail:f.size])
		looks += n
		if f.filter.all && f.join.upTo == 0 {
			f.tail += n
			continue
		}
		for i := f.tail; n > 0; i, n = i+1, n-1 {
			if r := &f.batch[i]; !f.join.covers(r) && f.filter.passes(r) {
				if i != f.tail {
					f.batch[f.tail] = *r
				}
				f.tail++
			}
		}
	}
}

// report tells the cursor where the reader is registered.
func (f *Feed) report() {
	if f.registration != nil && f.cut == nil {
		f.registration.Report(f.reader)
		f.told = f.reader.NextSequence()
	}
}

// move takes the next generation when the name leads to one. The name is tried every
// 100 ms at most.
func (f *Feed) move() bool {
	if f.opts.Stay || time.Since(f.tried) < retryEvery {
		return false
	}
	f.tried = time.Now()
	next, err := f.mapping.Successor()
	if err != nil || next == nil {
		return false // what is wrong with it, a later publisher may mend
	}
	return f.begin(next) == nil
}

// Wait returns as soon as Next may have something new to say, false when timeout has
// passed. It looks a few microseconds, then sleeps on the doorbell.
func (f *Feed) Wait(timeout time.Duration) bool {
	if f.head < f.tail || f.owed != ring.AnswerEmpty || f.join.left() {
		return true
	}
	f.report()
	if f.ended || f.cut != nil {
		time.Sleep(min(timeout, max(0, retryEvery-time.Since(f.tried))))
		return true
	}
	woken := false
	f.cut = Guard(f.mapping.buf, func() { woken = f.reader.Wait(min(timeout, retryEvery)) })
	return woken || timeout >= retryEvery || f.cut != nil
}

// Records gives every record that passes, until the context ends (looked at each
// 100 ms when nothing comes), or the feed does: Err says why. A record is good until
// the next one. What was lost is in Stats and in Lag only: a loop that keeps state
// from records wants All.
func (f *Feed) Records(ctx context.Context) iter.Seq[*ring.Record] {
	// So small that the compiler puts the loop's body in place of yield.
	return func(yield func(*ring.Record) bool) {
		for f.head < f.tail || f.more(ctx) {
			f.head++
			if !yield(&f.batch[f.head-1]) {
				return
			}
		}
	}
}

// All is Records with everything that is not a record in its place: the record is nil
// and the answer says what happened. OVERRUN comes with each loss (see Lost), STALE,
// CLOSED and SUPERSEDED when they begin, EMPTY when a STALE publisher is back,
// SUPERSEDED also when the feed has moved to another generation, DAMAGED last.
func (f *Feed) All(ctx context.Context) iter.Seq2[*ring.Record, ring.Answer] {
	return func(yield func(*ring.Record, ring.Answer) bool) {
		seen := news{last: ring.AnswerRecord, lasts: ring.AnswerEmpty, generation: f.Generation()}
		for f.head < f.tail || f.tells(ctx, &seen) {
			var r *ring.Record
			if f.head < f.tail {
				r = &f.batch[f.head]
				f.head++
			}
			if !yield(r, seen.last) {
				return
			}
		}
	}
}

// tells finds the next thing to say, a batch of records or an answer; false when the
// iteration ends.
func (f *Feed) tells(ctx context.Context, seen *news) bool {
	for f.err = nil; !f.pause(ctx, seen.last); {
		seen.last = f.fill()
		if seen.last == ring.AnswerRecord || seen.is(seen.last, f.Generation()) {
			return true
		}
	}
	return false
}

// more fills the batch, and waits until it can; false when the iteration ends.
func (f *Feed) more(ctx context.Context) bool {
	for f.err = nil; ; {
		a := f.fill()
		if a == ring.AnswerRecord {
			return !f.over(ctx, a)
		}
		if f.pause(ctx, a) {
			return false
		}
	}
}

// pause waits where nothing is there; true when the iteration ends.
func (f *Feed) pause(ctx context.Context, a ring.Answer) bool {
	if f.over(ctx, a) {
		return true
	}
	if a != ring.AnswerRecord && a != ring.AnswerOverrun {
		f.Wait(retryEvery)
	}
	return false
}

// over says whether an iteration ends, and keeps why.
func (f *Feed) over(ctx context.Context, a ring.Answer) bool {
	switch {
	case ctx.Err() != nil:
		f.err = context.Cause(ctx)
	case a == ring.AnswerDamaged:
		f.err = fault("read segment", f.mapping.path, ring.ErrDamaged)
		if f.cut != nil {
			f.err = fault("read segment", f.mapping.path, f.cut)
		}
	default:
		return f.opts.Stay && (a == ring.AnswerClosed || a == ring.AnswerSuperseded)
	}
	return true
}

// news keeps from being told twice what lasts.
type news struct {
	last       ring.Answer // of an iteration: what is at hand, or was told last
	lasts      ring.Answer
	generation uint64
}

// is says whether an answer is worth telling: a loss, a change, a move.
func (n *news) is(a ring.Answer, generation uint64) bool {
	switch {
	case a == ring.AnswerRecord:
		return false
	case a == ring.AnswerOverrun:
		return true
	case generation != n.generation: // what lasted there begins anew here
		n.lasts, n.generation = ring.AnswerEmpty, generation
		return true
	}
	before := n.lasts
	n.lasts = a
	return a != before && (a != ring.AnswerEmpty || before == ring.AnswerStale)
}

// Err is why the last loop over Records or All ended: nil for a break and for the
// clean end of a feed with Stay, the context's cause, or what is wrong with the file.
func (f *Feed) Err() error { return f.err }

// Lost is how many records the last OVERRUN cost.
func (f *Feed) Lost() uint64 { return f.reader.Lost() }

// Lag is how many records of this generation are published and not handed out.
func (f *Feed) Lag() uint64 {
	if f.cut != nil {
		return 0
	}
	return f.reader.Lag() + uint64(f.tail-f.head)
}

// Stats are the totals since OpenFeed.
func (f *Feed) Stats() FeedStats {
	s, p := f.reader.Stats, f.past
	return FeedStats{
		Read: p.Read + s.Records, Filtered: p.Filtered + f.filter.filtered, Lost: p.Lost + s.Lost,
		Overruns: p.Overruns + s.Overruns, Torn: p.Torn + s.Torn, Skipped: p.Skipped + s.Skipped, Moves: p.Moves,
	}
}

// Generation names the segment that is read at present.
func (f *Feed) Generation() uint64 { return f.mapping.generation }

// View is the segment that is read at present: its tables, board and facts. It must
// not be used once Next has moved the feed (SUPERSEDED with another Generation), nor
// after Close. Unlike the calls of Feed, its own are not guarded; see Guard.
func (f *Feed) View() *ring.View { return f.mapping.view }

// Guard runs code that uses View or an Instrument as the function Guard does.
func (f *Feed) Guard(code func()) error { return f.mapping.Guard(code) }

// Close lets go of the segment, and of the place in the file of readers. A second
// call does nothing.
func (f *Feed) Close() error {
	var errs []error
	if f.registration != nil {
		errs = append(errs, f.registration.Close())
		f.registration = nil
	}
	if f.mapping != nil {
		errs = append(errs, f.mapping.Close())
	}
	return errors.Join(errs...)
}
