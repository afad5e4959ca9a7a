package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tickring/tickring/ring"
)

// joinTries bounds how often a late join begins again because the writer lapped
// it while it copied the board.
const joinTries = 100

// covered are the records that a copy of the board stands for.
type covered struct {
	upTo    uint64 // no record above is covered
	entries map[place]uint64
}

// place is one entry of the board.
type place struct {
	instrument uint16
	kind       ring.Kind
}

// covers says whether the board entry of a record's instrument and kind is as new
// as the record. After the last such record it costs one comparison.
func (c *covered) covers(r *ring.Record) bool {
	if c == nil || r.Sequence() > c.upTo {
		return false
	}
	return r.Kind != ring.KindDepth && r.Sequence() <= c.entries[place{r.Instrument, r.Kind}]
}

// joinBoard is the late join: it takes the watermark, copies the board, prints it
// in the order of sequences and goes on in the ring behind the watermark.
func (t *tail) joinBoard() error {
	for range joinTries {
		var records []ring.Record
		var err error
		t.reader.Join(func() { records, err = t.copyBoard() })
		if err != nil {
			return err
		}
		view := t.mapping.View()
		if view.LastSequence() >= t.reader.NextSequence()+uint64(view.Slots())/2 {
			continue // about to be lapped: begin again
		}
		return t.printBoard(records)
	}
	return fmt.Errorf("feed %q: the ring turns faster than its board can be read; use more --slots", t.opts.feed)
}

func (t *tail) copyBoard() (records []ring.Record, err error) {
	view := t.mapping.View()
	t.covered = &covered{entries: map[place]uint64{}}
	for id := range view.InstrumentCount() {
		for slot := ring.BoardBookTicker; slot <= ring.BoardStatus; slot++ {
			var r ring.Record
			switch view.ReadBoard(id, slot, &r) {
			case ring.AnswerRecord:
				records = append(records, r)
				t.covered.entries[place{uint16(id), r.Kind}] = r.Sequence()
				t.covered.upTo = max(t.covered.upTo, r.Sequence())
			case ring.AnswerBusy:
				t.note("board: the entry %s of %s is being written and stays so", slot, view.Symbol(id))
			case ring.AnswerDamaged:
				return nil, fmt.Errorf("feed %q is damaged: board entry %s of instrument %d; restart the publisher",
					t.opts.feed, slot, id)
			}
		}
	}
	slices.SortFunc(records, func(a, b ring.Record) int { return cmp.Compare(a.Commit, b.Commit) })
	return records, nil
}

func (t *tail) printBoard(records []ring.Record) error {
	for i := range records {
		if err := t.print(&records[i]); err != nil {
			return err
		}
	}
	return nil
}
