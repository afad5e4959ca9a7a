package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// place is an entry of the board.
type place struct {
	instrument uint16
	slot       ring.BoardSlot
}

// reader is the reader under test: a mapping, a cursor, and what the driver keeps.
type reader struct {
	mapping *shm.Mapping
	r       *ring.Reader
	rec     ring.Record
	covered map[place]uint64 // by the board since the last join

	name         string            // under which it asked for a slot
	registration *shm.Registration // nil: it has none

	kinds       []ring.Kind // nil passes all
	instruments []uint16    // nil passes all
	before      ring.ReaderStats
	damaged     bool
	refused     uint64 // records that the filter did not pass, or the board covered
}

func openPath(path string) (*reader, error) { return newReader(shm.OpenPath(path)) }

func openFeed(dir, feed string) (*reader, error) { return newReader(shm.Open(dir, feed)) }

func newReader(m *shm.Mapping, err error) (*reader, error) {
	if err != nil {
		return nil, err
	}
	return &reader{mapping: m, r: ring.NewReader(m.View())}, nil
}

func (r *reader) view() *ring.View { return r.mapping.View() }

// close gives the slot back as well; where its lock cannot be had, the slot stays until
// this process ends.
func (r *reader) close() {
	if r.registration != nil {
		_ = r.registration.Close()
	}
	if err := r.mapping.Close(); err != nil {
		panic(err)
	}
}

func (r *reader) register(name string) {
	r.name = name
	r.registration, _ = r.mapping.Register(name) // refused: it reads on without
	r.report()
}

func (r *reader) report() {
	if r.registration != nil {
		r.registration.Report(r.r)
	}
}

// errors of opening by their names in the protocol; the first that matches holds.
var errorNames = []struct {
	err  error
	name string
}{
	{shm.ErrFeedName, "NAME"}, {shm.ErrNoFeed, "NO_FEED"}, {shm.ErrPermission, "PERMISSION"},
	{shm.ErrNotRegular, "NOT_REGULAR"}, {shm.ErrOwner, "OWNER"}, {ring.ErrTooShort, "TOO_SHORT"},
	{ring.ErrNotReady, "NOT_READY"}, {ring.ErrMagic, "MAGIC"}, {ring.ErrByteOrder, "BYTE_ORDER"},
	{ring.ErrVersion, "VERSION"}, {ring.ErrHeaderField, "HEADER"}, {ring.ErrTruncated, "TRUNCATED"},
	{ring.ErrSize, "SIZE"}, {ring.ErrFormatHash, "FORMAT_HASH"}, {ring.ErrDirectory, "DIRECTORY"},
	{shm.ErrOtherBoot, "OTHER_BOOT"}, {shm.ErrOtherFeed, "OTHER_FEED"},
}

func errorName(err error) string {
	for _, e := range errorNames {
		if errors.Is(err, e.err) {
			return e.name
		}
	}
	return "SYSTEM"
}

// next is the next record that passes, or another answer.
func (r *reader) next() ring.Answer { return r.passing(r.r.Next) }

// head reads the first line of a record alone.
func (r *reader) head() ring.Answer { return r.passing(r.r.NextHead) }

func (r *reader) passing(next func(*ring.Record) ring.Answer) ring.Answer {
	for {
		a := next(&r.rec)
		r.report()
		r.damaged = r.damaged || a == ring.AnswerDamaged
		if a != ring.AnswerRecord || r.passes() {
			return a
		}
		r.refused++
	}
}

func (r *reader) passes() bool {
	if r.kinds != nil && !slices.Contains(r.kinds, r.rec.Kind) {
		return false
	}
	if r.instruments != nil && r.rec.Instrument != ring.NoInstrument && !slices.Contains(r.instruments, r.rec.Instrument) {
		return false
	}
	slot, ok := slotOf(r.rec.Kind)
	return !ok || r.rec.Sequence() > r.covered[place{r.rec.Instrument, slot}]
}

// slotOf is a kind's place on the board; DEPTH and PERPETUAL have none.
func slotOf(k ring.Kind) (ring.BoardSlot, bool) {
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

// line is an answer as the log has it.
func (r *reader) line(a ring.Answer) string {
	switch a {
	case ring.AnswerRecord:
		return newLine("RECORD").record(&r.rec)
	case ring.AnswerOverrun:
		return fmt.Sprintf("OVERRUN lost=%d next=%d", r.r.Lost(), r.r.NextSequence())
	}
	return a.String()
}

func (r *reader) position() string { return fmt.Sprintf("POSITION next=%d", r.r.NextSequence()) }

func (r *reader) reattach() (moved bool, err error) {
	next, err := r.mapping.Successor()
	if next == nil {
		return false, err
	}
	r.before = r.stats()
	if r.registration != nil {
		r.registration, _ = r.registration.Follow(next, r.name)
	}
	if err := r.mapping.Close(); err != nil {
		panic(err)
	}
	r.mapping, r.r, r.covered = next, ring.NewReader(next.View()), nil
	r.damaged = false
	return true, nil
}

// stats are those of all segments since open.
func (r *reader) stats() ring.ReaderStats {
	s, b := r.r.Stats, r.before
	return ring.ReaderStats{Records: s.Records + b.Records, Lost: s.Lost + b.Lost,
		Overruns: s.Overruns + b.Overruns, Skipped: s.Skipped + b.Skipped}
}

func (d *driver) stats([]string) string {
	s := d.reader.stats()
	return fmt.Sprintf("STATS records=%d lost=%d overruns=%d skipped_depth=%d",
		s.Records-d.reader.refused, s.Lost, s.Overruns, s.Skipped)
}

func (d *driver) lag([]string) string {
	return fmt.Sprintf("LAG records=%d", d.reader.r.Lag())
}

// kindsOf are the kinds of a comma-separated list; nil for all.
func kindsOf(list string) ([]ring.Kind, bool) {
	if list == "*" {
		return nil, true
	}
	wanted := strings.Split(list, ",")
	var kinds []ring.Kind
	for k := ring.KindBookTicker; k <= ring.KindPerpetual; k++ {
		if slices.Contains(wanted, k.String()) {
			kinds = append(kinds, k)
		}
	}
	return kinds, len(kinds) == len(wanted)
}

func (d *driver) filter(args []string) string {
	kinds, ok := kindsOf(args[0])
	if !ok {
		return "ERROR ARGUMENT"
	}
	var instruments []uint16
	if args[1] != "*" {
		for _, s := range strings.Split(args[1], ",") {
			id, ok := d.reader.view().Find(s)
			if !ok {
				return "ERROR NO_INSTRUMENT"
			}
			instruments = append(instruments, uint16(id))
		}
		slices.Sort(instruments)
		instruments = slices.Compact(instruments)
	}
	d.reader.kinds, d.reader.instruments = kinds, instruments
	return "FILTER kinds=" + list(kinds) + " instruments=" + list(instruments)
}

func list[T any](items []T) string {
	if items == nil {
		return "*"
	}
	words := make([]string, len(items))
	for i, v := range items {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ",")
}

var boardSlots = []ring.BoardSlot{ring.BoardBookTicker, ring.BoardTrade, ring.BoardTicker, ring.BoardStatus}

func (d *driver) join([]string) string {
	r := d.reader
	covered := map[place]uint64{}
	var lines []string
	watermark := r.view().Watermark()
	if watermark > ring.MaxSequence {
		watermark = 0
	}
	r.r.Join(func() {
		var rec ring.Record
		for id := range r.view().InstrumentCount() {
			for _, slot := range boardSlots {
				if a := r.view().ReadBoard(id, slot, &rec); a == ring.AnswerRecord {
					covered[place{uint16(id), slot}] = rec.Sequence()
					lines = append(lines, boardLine(newLine("BOARD").uint("instrument", uint64(id)), slot, &rec))
				} else if a != ring.AnswerEmpty {
					lines = append(lines, newLine("BOARD").uint("instrument", uint64(id)).key("slot", slot.String()).String()+" "+a.String())
				}
			}
		}
	})
	r.covered = covered
	d.say(fmt.Sprintf("JOINED watermark=%d", watermark))
	for _, l := range lines {
		d.say(l)
	}
	for {
		a := r.next()
		d.say(r.line(a))
		if a != ring.AnswerRecord {
			return ""
		}
	}
}
