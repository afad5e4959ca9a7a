package faults

import (
	"fmt"

	"github.com/tickring/tickring/ring"
)

// checker judges what a reader hands out in one generation: is each record one
// that the publisher can have made of the simulated market, and does it follow the
// one before it? testdata/checker.c holds the same rules.
type checker struct {
	rep       *reporter
	expected  uint64 // sequence of the next record
	recvNS    int64
	publishNS int64
	inEvent   bool // between FIRST and LAST of a depth event
	event     eventID
	quotes    map[uint16]uint64
	trades    map[uint16]uint64
}

// eventID is what the records of one depth event share.
type eventID struct {
	instrument uint16
	venue      uint64
	first      uint64
	recvNS     int64
}

func newChecker(rep *reporter, first uint64) *checker {
	rep.First, rep.Next = first, first
	return &checker{rep: rep, expected: first, quotes: map[uint16]uint64{}, trades: map[uint16]uint64{}}
}

// gone takes records out of the sequence: overwritten ones, or dropped ones.
func (c *checker) gone(n uint64) {
	if n > 0 {
		c.expected += n
		c.inEvent = false
	}
}

// record judges the next one.
func (c *checker) record(r *ring.Record) {
	if seq := r.Sequence(); seq != c.expected {
		c.misplaced(seq)
	}
	c.expected = r.Sequence() + 1
	c.rep.Got++
	c.rep.Next = c.expected
	why := judge(r)
	if why == "" {
		why = c.follows(r)
	}
	if why != "" {
		c.rep.torn(fmt.Sprintf("record %d: %s", r.Sequence(), why))
	}
}

// misplaced: the reader stands at a sequence that got, lost and skipped do not
// add up to.
func (c *checker) misplaced(seq uint64) {
	c.rep.Misplaced++
	if c.rep.Why == "" {
		c.rep.Why = fmt.Sprintf("at %d, expected %d", seq, c.expected)
	}
}

// follows judges a record by those before it.
func (c *checker) follows(r *ring.Record) string {
	if r.RecvTimeNS < c.recvNS || r.PublishTimeNS < c.publishNS {
		return fmt.Sprintf("clocks go back: received %d after %d, published %d after %d",
			r.RecvTimeNS, c.recvNS, r.PublishTimeNS, c.publishNS)
	}
	c.recvNS, c.publishNS = r.RecvTimeNS, r.PublishTimeNS
	if c.inEvent && r.Kind != ring.KindDepth {
		return "within a depth event"
	}
	switch r.Kind {
	case ring.KindBookTicker:
		return ascends(c.quotes, r.Instrument, r.VenueSequence, 0)
	case ring.KindTrade:
		return ascends(c.trades, r.Instrument, r.Trade().TradeID, 1)
	case ring.KindDepth:
		return c.continues(r)
	}
	return ""
}

// ascends says whether an id is at least step above the last of its instrument.
func ascends(last map[uint16]uint64, instrument uint16, id, step uint64) string {
	if before := last[instrument]; id < before+step {
		return fmt.Sprintf("instrument %d: id %d after %d", instrument, id, before)
	}
	last[instrument] = id
	return ""
}

// continues checks that the records of an event stand together.
func (c *checker) continues(r *ring.Record) string {
	id := eventID{r.Instrument, r.VenueSequence, r.Depth().FirstSequence, r.RecvTimeNS}
	begins := r.Flags&ring.FlagFirst != 0
	fits := begins && !c.inEvent || !begins && c.inEvent && id == c.event
	c.event, c.inEvent = id, r.Flags&ring.FlagLast == 0
	if !fits {
		return "no whole depth event"
	}
	return ""
}

// judge says what is wrong with a record by itself, "" when nothing is.
func judge(r *ring.Record) string {
	if r.RecvTimeNS <= 0 || r.PublishTimeNS < r.RecvTimeNS || r.Reserved != 0 {
		return "clocks or reserved byte"
	}
	switch r.Kind {
	case ring.KindBookTicker:
		return judgeBookTicker(r.BookTicker())
	case ring.KindTrade:
		t := r.Trade()
		if t.Price <= 0 || t.Quantity <= 0 || t.Aggressor < 1 || t.Aggressor > 2 || t.Reserved != 0 ||
			t.IDFormat != uint8(ring.IDUint64) || t.TextLength != 0 || t.Text != [24]byte{} {
			return fmt.Sprintf("trade %+v", *t)
		}
	case ring.KindDepth:
		return judgeDepth(r)
	case ring.KindTicker:
		t := r.Ticker()
		if t.Low <= 0 || t.Last < t.Low || t.Last > t.High || t.Bid <= 0 || t.Ask <= t.Bid {
			return fmt.Sprintf("ticker %+v", *t)
		}
	case ring.KindStatus:
		s := r.Status()
		if s.Code < ring.StatusConnecting || s.Code > ring.StatusClosing || s.Reserved0 != 0 || s.TextLength > 40 {
			return fmt.Sprintf("status %+v", *s)
		}
	default:
		return fmt.Sprintf("kind %d", r.Kind)
	}
	return ""
}

func judgeBookTicker(b *ring.BookTicker) string {
	if b.BidPrice <= 0 || b.AskPrice <= b.BidPrice || b.AskPrice/2 >= b.BidPrice ||
		b.BidQuantity <= 0 || b.AskQuantity <= 0 || b.Reserved != [34]byte{} {
		return fmt.Sprintf("book ticker %+v", *b)
	}
	return ""
}

func judgeDepth(r *ring.Record) string {
	d := r.Depth()
	n := int(d.Bids) + int(d.Asks)
	if n > ring.LevelsPerRecord || d.FirstSequence > r.VenueSequence {
		return fmt.Sprintf("depth %d levels, %d to %d", n, d.FirstSequence, r.VenueSequence)
	}
	for i, l := range d.Levels {
		if i < n && (l.Price <= 0 || l.Quantity < 0) || i >= n && l != (ring.Level{}) {
			return fmt.Sprintf("depth level %d of %d: %+v", i, n, l)
		}
	}
	return ""
}

// board judges one instrument's board entries and book.
func (c *checker) board(v *ring.View, id int, book *ring.Book) {
	var r ring.Record
	for place := ring.BoardBookTicker; place <= ring.BoardStatus; place++ {
		switch v.ReadBoard(id, place, &r) {
		case ring.AnswerRecord:
			c.rep.Board++
			if why := judge(&r); why != "" || int(r.Instrument) != id {
				c.rep.torn(fmt.Sprintf("board of %d: record of %d: %s", id, r.Instrument, why))
			}
		case ring.AnswerBusy:
			c.rep.Busy++
		case ring.AnswerDamaged:
			c.rep.torn("board: damaged")
		}
	}
	switch v.ReadBook(id, book) {
	case ring.AnswerRecord:
		c.rep.Board++
		if why := judgeBook(book); why != "" {
			c.rep.torn(why)
		}
	case ring.AnswerBusy:
		c.rep.Busy++
	case ring.AnswerDamaged:
		c.rep.torn("book: damaged")
	}
}

// judgeBook: a valid book has both sides, ordered, not crossed.
func judgeBook(b *ring.Book) string {
	bids, asks := b.Bids(), b.Asks()
	if !b.Valid() {
		return ""
	}
	if len(bids) == 0 || len(asks) == 0 || bids[0].Price >= asks[0].Price {
		return fmt.Sprintf("book: %d bids, %d asks, crossed or empty", len(bids), len(asks))
	}
	for i := range bids {
		if bids[i].Quantity <= 0 || i > 0 && bids[i].Price >= bids[i-1].Price {
			return fmt.Sprintf("book: bid %d out of order", i)
		}
	}
	for i := range asks {
		if asks[i].Quantity <= 0 || i > 0 && asks[i].Price <= asks[i-1].Price {
			return fmt.Sprintf("book: ask %d out of order", i)
		}
	}
	return ""
}
