package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/tickring/tickring/ring"
)

// How often the table is drawn: often enough to look alive on a terminal, once a
// second in a log.
const (
	drawTerminal = 250 * time.Millisecond
	drawLog      = time.Second
)

// Words to a terminal: cut lines that are too long, or go on below.
const (
	noWrap = "\x1b[?7l"
	wrap   = "\x1b[?7h"
)

// screen draws the state of a demo: a table that is drawn over itself on a
// terminal, a line a second elsewhere. Everything in it comes from the segment.
type screen struct {
	demo     *demo
	terminal bool
	began    time.Time
	drawn    int // lines to go up before drawing again
	last     time.Time
	frames   uint64
	records  uint64
}

func newScreen(d *demo, terminal bool) *screen {
	now := time.Now()
	return &screen{demo: d, terminal: terminal, began: now, last: now}
}

func (s *screen) period() time.Duration {
	if s.terminal {
		return drawTerminal
	}
	return drawLog
}

// rates are totals and what was added since the last look.
type rates struct {
	frames, records         uint64
	framesPerS, recordsPerS float64
	decodeErrors, lost      uint64
	printed                 uint64 // by the C reader
}

func (s *screen) measure() rates {
	v, now := s.demo.mapping.View(), time.Now()
	r := rates{
		frames: v.Counter(ring.CounterFrames), records: v.LastSequence(),
		decodeErrors: v.Counter(ring.CounterDecodeErrors), lost: s.demo.goReader.lost(),
	}
	if passed := now.Sub(s.last).Seconds(); passed > 0 {
		r.framesPerS = float64(r.frames-s.frames) / passed
		r.recordsPerS = float64(r.records-s.records) / passed
	}
	if c := s.demo.cReader; c != nil {
		r.printed = c.records.Load()
	}
	s.last, s.frames, s.records = now, r.frames, r.records
	return r
}

func (s *screen) draw() error {
	var text string
	err := s.demo.mapping.Guard(func() {
		r := s.measure()
		if s.terminal {
			text = s.table(r)
		} else {
			text = s.line(r)
		}
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return s.demo.out.printf("%s", text)
}

func (s *screen) line(r rates) string {
	h := s.demo.goReader.latencies()
	return fmt.Sprintf("%5.1fs  %d frames (%.0f/s)  %d records (%.0f/s)  decode errors %d  lost %d  p50 %s  p99 %s\n",
		time.Since(s.began).Seconds(), r.frames, r.framesPerS, r.records, r.recordsPerS, r.decodeErrors, r.lost,
		time.Duration(h.ValueAtQuantile(50)), time.Duration(h.ValueAtQuantile(99)))
}

func (s *screen) table(r rates) string {
	var b strings.Builder
	b.WriteString(noWrap) // a line that is cut leaves the count of lines right
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	h := s.demo.goReader.latencies()
	rows := []string{
		fmt.Sprintf("simulated Gate.io over TLS -> publisher -> shared memory -> readers   %.1fs of %s",
			time.Since(s.began).Seconds(), s.demo.opts.duration),
		fmt.Sprintf("%-12s %16s %16s %16s %10s", "", "bid", "ask", "last trade", "books"),
	}
	v := s.demo.mapping.View()
	for id := range v.InstrumentCount() {
		rows = append(rows, s.row(v, id))
	}
	rows = append(rows,
		fmt.Sprintf("frames %d (%.0f/s)   records %d (%.0f/s)   decode errors %d   lost %d",
			r.frames, r.framesPerS, r.records, r.recordsPerS, r.decodeErrors, r.lost),
		fmt.Sprintf("Go reader %d records   C reader %s   publish to seen: p50 %s  p99 %s", s.demo.goReader.records(),
			s.wrote(r), time.Duration(h.ValueAtQuantile(50)), time.Duration(h.ValueAtQuantile(99))))
	for _, row := range rows {
		b.WriteString(row)
		b.WriteString("\x1b[K\n")
	}
	s.drawn = len(rows)
	b.WriteString(wrap)
	return b.String()
}

func (s *screen) wrote(r rates) string {
	if s.demo.cReader == nil {
		return "absent"
	}
	return fmt.Sprintf("%d records", r.printed)
}

// row is one instrument, from the board alone.
func (s *screen) row(v *ring.View, id int) string {
	var r ring.Record
	bid, ask, trade := "-", "-", "-"
	if v.ReadBoard(id, ring.BoardBookTicker, &r) == ring.AnswerRecord {
		bid = priceText(r.BookTicker().BidPrice, r.PriceExponent)
		ask = priceText(r.BookTicker().AskPrice, r.PriceExponent)
	}
	if v.ReadBoard(id, ring.BoardTrade, &r) == ring.AnswerRecord {
		trade = priceText(r.Trade().Price, r.PriceExponent)
	}
	book := ring.NewBook(v.BookDepth())
	state := "none"
	if v.ReadBook(id, book) == ring.AnswerRecord {
		state = "suspect"
		if book.Valid() {
			state = "valid"
		}
	}
	return fmt.Sprintf("%-12s %16s %16s %16s %10s", v.Symbol(id), bid, ask, trade, state)
}

func priceText(mantissa int64, exponent int8) string {
	if mantissa == ring.Absent {
		return "-"
	}
	return string(ring.AppendDecimal(nil, mantissa, exponent))
}

// close draws the table once more, so that the last state stands.
func (s *screen) close() error {
	if !s.terminal {
		return nil
	}
	return s.draw()
}
