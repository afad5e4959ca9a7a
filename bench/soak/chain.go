package main

import "github.com/tickring/tickring/ring"

// chain follows the update ids of a book's events.
type chain struct {
	last     uint64
	lost     uint64 // last, when the connection was lost; 0 when no event has come since
	synced   bool   // a snapshot came, and no hole or loss since
	doubtful bool   // an event was not verified since the last snapshot
	ended    bool   // by the user, and no event since: what was not asked for is no gap
	gap      bool   // a GAP awaits the event that revealed it
	from, to uint64
}

// seeded follows a book made of a snapshot that came by REST: its deltas were
// published before.
func (l *ledger) seeded(r *ring.Record) {
	c := &l.chains[r.Instrument]
	if c.lost != 0 || c.gap {
		l.chained(r, c, r.VenueSequence+1)
	}
	c.synced, c.gap, c.lost, c.ended, c.last = true, false, 0, false, max(c.last, r.VenueSequence)
}

// depth wants update ids that chain, and each hole said, before the event that
// reveals it and exactly.
func (l *ledger) depth(r *ring.Record, s *stream) {
	c := &l.chains[r.Instrument]
	first, last := r.Depth().FirstSequence, r.VenueSequence
	snapshot := r.Flags&ring.FlagSnapshot != 0
	behind := last < s.sequence || last == s.sequence && !s.incomplete
	if behind && (l.set.book == bookSnapshots || !snapshot) {
		l.mismatch(r, "depth event %d behind %d", last, s.sequence)
	}
	s.sequence = max(s.sequence, last)
	switch {
	case l.set.book == bookSnapshots:
	case snapshot:
		l.chained(r, c, last)
		c.doubtful = false
	case l.set.book == bookStream && r.Flags&ring.FlagSuspect != 0 && !c.gap:
		c.doubtful = true // a snapshot is on its way
	default:
		l.chained(r, c, first)
		c.doubtful = c.doubtful || l.set.book == bookStream && r.Flags&ring.FlagSuspect != 0
	}
	c.last, c.gap, c.lost, c.ended = max(c.last, last), false, 0, s.ended
	if snapshot {
		c.last, c.synced = last, true
	}
}

// chained compares the hole before an event with the GAP that was said, if any.
func (l *ledger) chained(r *ring.Record, c *chain, first uint64) {
	before := c.last
	if c.lost != 0 {
		before = c.lost
	}
	hole := before != 0 && first > before+1
	switch {
	case c.doubtful, c.ended: // what the chain ends in is not the book's
	case hole && !c.gap && r.Flags&(ring.FlagSnapshot|ring.FlagSynthetic) != ring.FlagSnapshot:
		l.mismatch(r, "no GAP for %d to %d", before+1, first-1)
	case c.gap && !hole:
		l.mismatch(r, "GAP %d to %d, and nothing is missing", c.from, c.to)
	case c.gap && (c.from != before+1 || c.to != first-1):
		l.mismatch(r, "GAP %d to %d, and %d to %d is missing", c.from, c.to, before+1, first-1)
	}
}
