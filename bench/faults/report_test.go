package faults

import (
	"encoding/json"
	"io"
)

// Events that a reader reports. Each line holds all totals as well.
const (
	eventAttached   = "attached"   // stands in a generation, the first or a later one
	eventStale      = "stale"      // the writer stands still
	eventFresh      = "fresh"      // the writer turns again
	eventClosed     = "closed"     // drained, ended cleanly
	eventSuperseded = "superseded" // drained, replaced
	eventDamaged    = "damaged"    // the reader answers DAMAGED
	eventShrunk     = "shrunk"     // pages of the mapping are gone
	eventDeleted    = "deleted"    // the name is gone, the mapping is not
	eventTotals     = "totals"     // every 100 ms
	eventEnd        = "end"        // the last line, after SIGTERM
)

// report is one line of a reader. Counts go on over generations.
type report struct {
	Event      string `json:"event"`
	Generation uint64 `json:"generation"`
	First      uint64 `json:"first"` // sequence at which it began in this generation
	Next       uint64 `json:"next"`  // sequence it expects next
	Got        uint64 `json:"got"`
	Lost       uint64 `json:"lost"`
	Skipped    uint64 `json:"skipped"`
	Overruns   uint64 `json:"overruns"`
	Rejected   uint64 `json:"rejected"` // copies that the protocol threw away
	Torn       uint64 `json:"torn"`     // records handed out that no writer made
	Misplaced  uint64 `json:"misplaced"`
	Board      uint64 `json:"board"` // board entries and books judged
	Busy       uint64 `json:"busy"`  // board entries in which a writer died or wrote
	Moved      uint64 `json:"moved"` // generations entered after the first
	Why        string `json:"why"`   // of the first torn or misplaced record
}

// reporter prints reports.
type reporter struct {
	report
	out *json.Encoder
}

func newReporter(w io.Writer) *reporter { return &reporter{out: json.NewEncoder(w)} }

// say prints a line. Where nobody listens any more, this process ends with its
// parent.
func (r *reporter) say(event string) {
	r.Event = event
	_ = r.out.Encode(&r.report)
}

func (r *reporter) torn(why string) {
	r.Torn++
	if r.Why == "" {
		r.Why = why
	}
}
