package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Book is the private copy, or the image to write, of one board book. Make it
// with NewBook for the segment's depth and reuse it.
type Book struct {
	Header BookHeader
	levels [2 * MaxBookDepth]Level
	depth  int
}

// Levels follow the header without a hole.
var _ = [1]struct{}{}[unsafe.Offsetof(Book{}.levels)-BookHeaderSize]

// NewBook makes a book of depth levels a side, 1 to MaxBookDepth (View.BookDepth).
func NewBook(depth int) *Book {
	if depth < 1 || depth > MaxBookDepth {
		panic(fmt.Sprintf("ring: book depth %d", depth))
	}
	return &Book{depth: depth}
}

// Depth is how many levels a side the book can hold.
func (b *Book) Depth() int { return b.depth }

// Bids are the valid bids, best first; they hold until the book is read again.
func (b *Book) Bids() []Level { return b.levels[:min(int(b.Header.BidCount), b.depth)] }

// Asks are the valid asks, best first; they hold until the book is read again.
func (b *Book) Asks() []Level {
	return b.levels[b.depth : b.depth+min(int(b.Header.AskCount), b.depth)]
}

// BidLevels and AskLevels are all places of a side, for the writer to fill.
func (b *Book) BidLevels() []Level { return b.levels[:b.depth] }

// AskLevels: see BidLevels.
func (b *Book) AskLevels() []Level { return b.levels[b.depth : 2*b.depth] }

// Valid says that the book was synchronised and is not suspect.
func (b *Book) Valid() bool {
	return BookFlag(b.Header.Flags)&(BookValid|BookSuspect) == BookValid
}

// WriteBook stores the image as the instrument's board book. The caller has
// published the record named in Header.AsOf before, and has filled everything
// but Header.Version. b must have the segment's depth.
func (w *Writer) WriteBook(id uint16, b *Book) {
	if b.depth != w.view.bookDepth || int(id) >= w.count {
		panic("ring: book of another depth or of no instrument")
	}
	dst := w.view.bookAt(int(id))
	b.Header.Version = atomic.LoadUint64(dst)&^1 + 2
	publishWords(dst, b.words(), bookEntrySize(b.depth)/8, b.Header.Version)
}

// ReadBook copies the instrument's board book: RECORD, EMPTY when never written,
// BUSY after BoardTries without a whole copy (its writer may be dead), DAMAGED
// when the copy is whole and senseless. b must have the segment's depth.
func (v *View) ReadBook(id int, b *Book) Answer {
	if id < 0 || id >= v.InstrumentCount() || b.depth != v.bookDepth {
		return AnswerEmpty
	}
	src := v.bookAt(id)
	for range BoardTries {
		before := atomic.LoadUint64(src) // pairs with the even mark of publishWords
		if before == 0 {
			return AnswerEmpty
		}
		if before&1 == 1 {
			continue
		}
		loadBook(b, src, bookEntrySize(b.depth)/8)
		if atomic.LoadUint64(src) == before {
			b.Header.Version = before
			if int(b.Header.BidCount) > b.depth || int(b.Header.AskCount) > b.depth {
				return AnswerDamaged
			}
			return AnswerRecord
		}
	}
	return AnswerBusy
}

// ReadBoard copies the newest record of one kind of an instrument: RECORD, EMPTY
// when there was none yet, BUSY after BoardTries without a whole copy, DAMAGED
// when the copy is whole and senseless. Callable from any thread.
func (v *View) ReadBoard(id int, place BoardSlot, out *Record) Answer {
	if id < 0 || id >= v.InstrumentCount() || place > BoardStatus {
		return AnswerEmpty
	}
	src := v.boardAt(id, place)
	for range BoardTries {
		before := atomic.LoadUint64(&src.Commit) // pairs with the even mark of publishRecord
		if before == 0 {
			return AnswerEmpty
		}
		if before&1 == 1 {
			continue
		}
		loadRecord(out, src)
		if atomic.LoadUint64(&src.Commit) == before {
			out.Commit = before
			if before > 2*MaxSequence || !out.sane(false) {
				return AnswerDamaged
			}
			return AnswerRecord
		}
	}
	return AnswerBusy
}
