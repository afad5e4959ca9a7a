package shm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tickring/tickring/ring"
)

// filter chooses records by kind and instrument. Rows of the instrument table are
// judged once each.
type filter struct {
	all      bool   // everything passes
	kinds    uint32 // bits
	symbols  []string
	view     *ring.View
	rows     []bool
	filtered uint64
}

func newFilter(kinds []ring.Kind, symbols []string) filter {
	f := filter{symbols: slices.Clone(symbols), all: len(kinds) == 0 && len(symbols) == 0}
	for _, k := range kinds {
		f.kinds |= 1 << (k & 31)
	}
	if len(kinds) == 0 {
		f.kinds = ^uint32(0)
	}
	return f
}

// attach forgets the rows of the segment before, and makes room for all of this one,
// so that judging allocates nothing.
func (f *filter) attach(v *ring.View) {
	f.view, f.rows, f.filtered = v, f.rows[:0], 0
	if len(f.symbols) > 0 {
		f.rows = slices.Grow(f.rows, v.InstrumentCapacity())
	}
}

func (f *filter) passes(r *ring.Record) bool {
	if f.kinds&(1<<(r.Kind&31)) != 0 && (len(f.symbols) == 0 || f.wants(r.Instrument)) {
		return true
	}
	f.filtered++
	return false
}

func (f *filter) wants(id uint16) bool {
	if id == ring.NoInstrument {
		return true
	}
	for row := len(f.rows); row <= int(id) && row < f.view.InstrumentCount(); row++ {
		f.rows = append(f.rows, f.judge(row))
	}
	return int(id) < len(f.rows) && f.rows[id]
}

func (f *filter) judge(row int) bool {
	var in ring.Instrument
	return f.view.Instrument(row, &in) && (slices.Contains(f.symbols, in.Symbol()) || slices.Contains(f.symbols, in.Native()))
}

// boardSlots is how many records a board entry has.
const boardSlots = int(ring.BoardStatus) + 1

// joinTries bounds how often a join begins again because the writer was about to lap
// it: each try copies the whole board.
const joinTries = 100

// join hands out a copy of the board, and keeps what it covers in the ring from being
// handed out again.
type join struct {
	board   []ring.Record // not yet handed out
	upTo    uint64        // no record above is covered; 0: none at all
	covered []uint64      // newest sequence on the board, by instrument and slot
}

func (j *join) left() bool { return len(j.board) > 0 }

// hand moves records of the board that pass to out and says how many.
func (j *join) hand(out []ring.Record, f *filter) int {
	n := 0
	for ; n < len(out) && len(j.board) > 0; j.board = j.board[1:] {
		if out[n] = j.board[0]; f.passes(&out[n]) {
			n++
		}
	}
	return n
}

// covers says whether the board has stood for a record of the ring. Behind the last
// such record it costs one comparison.
func (j *join) covers(r *ring.Record) bool {
	if r.Sequence() > j.upTo {
		j.upTo = 0 // sequences only grow
		return false
	}
	slot, ok := boardSlot(r.Kind)
	place := int(r.Instrument)*boardSlots + int(slot)
	return ok && place < len(j.covered) && r.Sequence() <= j.covered[place]
}

// boardSlot is the place of a kind on the board; false when it has none.
func boardSlot(k ring.Kind) (ring.BoardSlot, bool) {
	switch k {
	case ring.KindBookTicker:
		return ring.BoardBookTicker, true
	case ring.KindTrade:
		return ring.BoardTrade, true
	case ring.KindTicker:
		return ring.BoardTicker, true
	case ring.KindStatus:
		return ring.BoardStatus, true
	}
	return 0, false
}

// Join is the late join, now: the next records are the latest of every instrument and
// kind on the board, then follows what came in the ring behind them, nothing twice.
// For the beginning (FromBoard does it) and after OVERRUN. Books come from
// Instrument.Book. It allocates. An entry whose writer died in it is left out.
func (f *Feed) Join() (err error) {
	f.head, f.tail, f.owed, f.size = 0, 0, ring.AnswerEmpty, 1
	if f.cut != nil {
		return fault("join feed", f.mapping.path, f.cut)
	}
	view := f.mapping.view
	f.cut = f.mapping.Guard(func() {
		for range joinTries {
			f.join = join{}
			f.reader.Join(func() { err = f.join.copyBoard(view) })
			behind := f.reader.Lag()
			if err != nil || behind < uint64(view.Slots())/2 {
				return
			}
			err = fmt.Errorf("join feed %q: the ring turns faster than its board can be copied; use more slots", f.mapping.feed)
		}
	})
	if f.cut != nil {
		return fault("join feed", f.mapping.path, f.cut)
	}
	return err
}

func (j *join) copyBoard(v *ring.View) error {
	j.covered = make([]uint64, v.InstrumentCount()*boardSlots)
	for i := range j.covered {
		var r ring.Record
		switch v.ReadBoard(i/boardSlots, ring.BoardSlot(i%boardSlots), &r) {
		case ring.AnswerRecord:
			j.board = append(j.board, r)
			j.covered[i] = r.Sequence()
			j.upTo = max(j.upTo, r.Sequence())
		case ring.AnswerDamaged:
			return fmt.Errorf("join feed: board entry %d of instrument %d: %w", i%boardSlots, i/boardSlots, ring.ErrDamaged)
		}
	}
	slices.SortFunc(j.board, func(a, b ring.Record) int { return cmp.Compare(a.Commit, b.Commit) })
	return nil
}

// Instrument is one symbol of a feed, over all its generations. Its calls are for the
// feed's thread and, like those of View, outside of its guard.
type Instrument struct {
	feed       *Feed
	symbol     string
	id         int
	generation uint64
	rows       int // of the table when it was looked through last
	book       *ring.Book
}

// Instrument is a symbol, BTC/USDT or the venue's spelling. It need not exist yet.
func (f *Feed) Instrument(symbol string) *Instrument {
	return &Instrument{feed: f, symbol: symbol, id: -1}
}

// ID is the row of the instrument table at present, to compare with a record's
// Instrument; -1 while there is none. Cheap, unless the table has changed.
func (i *Instrument) ID() int {
	v := i.feed.View()
	if generation := i.feed.Generation(); i.generation != generation {
		i.generation, i.id, i.rows, i.book = generation, -1, 0, nil
	}
	if i.id < 0 {
		if rows := v.InstrumentCount(); rows != i.rows {
			i.rows = rows
			if id, ok := v.Find(i.symbol); ok {
				i.id = id
			}
		}
	}
	return i.id
}

// FreshWithin is ring.View.FreshWithin of this instrument.
func (i *Instrument) FreshWithin(within time.Duration) bool {
	return i.feed.View().FreshWithin(i.ID(), within)
}

// QuoteAge is ring.View.QuoteAge of this instrument.
func (i *Instrument) QuoteAge() (time.Duration, bool) { return i.feed.View().QuoteAge(i.ID()) }

// Latest copies the newest record of one kind from the board: RECORD, EMPTY, BUSY or
// DAMAGED. It says nothing of freshness.
func (i *Instrument) Latest(slot ring.BoardSlot, out *ring.Record) ring.Answer {
	return i.feed.View().ReadBoard(i.ID(), slot, out)
}

// Book copies the top of the order book: RECORD, EMPTY, BUSY or DAMAGED. The book is
// good until the next call; one that is not Valid must not be traded on.
func (i *Instrument) Book() (*ring.Book, ring.Answer) {
	id, v := i.ID(), i.feed.View()
	if i.book == nil {
		i.book = ring.NewBook(v.BookDepth())
	}
	return i.book, v.ReadBook(id, i.book)
}
