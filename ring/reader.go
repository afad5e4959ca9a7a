package ring

import (
	"sync/atomic"
	"time"
)

// Reader is one cursor over a segment. It is owned by one thread at a time and
// writes nothing shared. Records are copied out whole; no pointer into the
// segment escapes.
type Reader struct {
	view *View
	mask uint64
	next uint64 // sequence expected next

	lost      uint64 // of the last overrun
	resuming  bool   // drop DEPTH until an event begins
	damaged   bool
	empties   uint32
	heartbeat uint64
	still     time.Duration // how long the heartbeat has stood still, by our looks
	lastLook  time.Duration // our clock when we last looked
	looked    bool
	stale     bool
	started   time.Time

	// Stats count what this reader saw.
	Stats ReaderStats
}

// ReaderStats are a reader's own totals.
type ReaderStats struct {
	Records  uint64 // handed out
	Lost     uint64 // overwritten before they were read
	Overruns uint64 // times lapped
	Torn     uint64 // copies rejected by the second look at the mark
	Skipped  uint64 // DEPTH records dropped after an overrun, until an event began
}

// NewReader starts at the oldest record that the ring is sure to keep; see also
// SeekLatest, SeekOldest and Join.
func NewReader(v *View) *Reader {
	r := &Reader{view: v, mask: v.ring.Count - 1, next: 1, started: time.Now()}
	r.SeekOldest()
	return r
}

// View is the segment that is read.
func (r *Reader) View() *View { return r.view }

// NextSequence is the sequence that Next expects.
func (r *Reader) NextSequence() uint64 { return r.next }

// Seek makes sequence n, 1 to MaxSequence, the next one.
func (r *Reader) Seek(n uint64) { r.next, r.resuming = min(max(n, 1), MaxSequence), false }

// SeekLatest goes behind the last record of the last whole frame.
func (r *Reader) SeekLatest() { r.Seek(r.believe(r.view.LastSequence()) + 1) }

// believe takes a sequence from the header; one beyond MaxSequence is damage.
func (r *Reader) believe(n uint64) uint64 {
	if n > MaxSequence {
		r.damaged = true
		return 0
	}
	return n
}

// SeekOldest goes to the oldest record that is not about to be overwritten.
func (r *Reader) SeekOldest() {
	last, n := r.believe(r.view.LastSequence()), r.view.ring.Count
	if last < n {
		r.Seek(1)
		return
	}
	r.Seek(last - n + margin(n))
	r.resuming = true
}

// margin is how far behind the writer's tail a lapped reader resumes, so that it
// is not lapped at once again.
func margin(slots uint64) uint64 { return max(slots/8, 2) }

// Next copies the next record out. It never blocks and never allocates.
//
//	RECORD      out is whole; Sequence(out) is the one expected
//	EMPTY       nothing new yet
//	OVERRUN     Lost() records were overwritten; the next call goes on behind them
//	STALE       as EMPTY, and the hot thread has stood still for a second
//	CLOSED      drained, and no record will follow
//	SUPERSEDED  drained, and a newer segment has the name
//	DAMAGED     bytes that no writer leaves; final
func (r *Reader) Next(out *Record) Answer { return r.take(out, false) }

// NextHead is Next for a reader in a hurry: only the first 64 bytes are copied and
// validated, one cache line. They hold kind, flags, instrument, receive time, the
// four values of a book ticker, price, quantity and id of a trade. The rest of out
// keeps what it had, so that a body's later fields and the last two times must not be
// read.
func (r *Reader) NextHead(out *Record) Answer { return r.take(out, true) }

func (r *Reader) take(out *Record, head bool) Answer {
	for {
		a := r.fetch(out, head)
		if a == AnswerRecord && r.resuming && r.skips(out) {
			continue
		}
		return a
	}
}

// NextBatch is Next for as many records as are there, at most len(out): their number,
// and the answer behind them, RECORD when out is full. Both count: records come before
// the answer.
func (r *Reader) NextBatch(out []Record) (n int, a Answer) {
	if !r.resuming && !r.damaged {
		n = r.run(out)
	}
	for n < len(out) {
		if a = r.fetch(&out[n], false); a != AnswerRecord {
			return n, a
		}
		if !r.resuming || !r.skips(&out[n]) {
			n++
		}
	}
	return n, AnswerRecord
}

// run copies the records that are simply there, by the same steps as fetch and with
// the cursor in a register. At anything else it stops, for fetch to say what it is.
func (r *Reader) run(out []Record) (n int) {
	next := r.next
	for ; n < len(out); n++ {
		slot, to := r.view.slotAt(next&r.mask), &out[n]
		if atomic.LoadUint64(&slot.Commit) != 2*next { // pairs with the even mark of publishRecord
			break
		}
		loadRecord(to, slot)
		if atomic.LoadUint64(&slot.Commit) != 2*next {
			r.Stats.Torn++
			break
		}
		to.Commit = 2 * next
		if !to.sane(false) {
			break
		}
		next++
	}
	r.next = next
	r.Stats.Records += uint64(n)
	return n
}

// skips drops the rest of a depth event whose beginning was lost.
func (r *Reader) skips(out *Record) bool {
	if out.Kind == KindDepth && out.Flags&FlagFirst == 0 {
		r.Stats.Skipped++
		r.Stats.Records--
		return true
	}
	r.resuming = false
	return false
}

func (r *Reader) fetch(out *Record, head bool) Answer {
	if r.damaged {
		return AnswerDamaged
	}
	n := r.next
	slot := r.view.slotAt(n & r.mask)
	v := atomic.LoadUint64(&slot.Commit) // pairs with the even mark of publishRecord
	if v < 2*n {
		return r.idle(slot, n)
	}
	if v > 2*n {
		return r.overrun(v, n)
	}
	if head {
		loadHead(out, slot)
	} else {
		loadRecord(out, slot)
	}
	if again := atomic.LoadUint64(&slot.Commit); again != v {
		r.Stats.Torn++
		return r.overrun(again, n)
	}
	out.Commit = v
	if !out.sane(head) {
		r.damaged = true
		return AnswerDamaged
	}
	r.next = n + 1
	r.empties = 0
	r.Stats.Records++
	return AnswerRecord
}

// Lost is how many records the last OVERRUN cost.
func (r *Reader) Lost() uint64 { return r.lost }

// overrun moves the cursor behind the records that are gone. v is a mark above 2n.
func (r *Reader) overrun(v, n uint64) Answer {
	m := (v + 1) / 2
	hint := r.view.LastSequence()
	slots := r.view.ring.Count
	if v > 2*MaxSequence || m <= n || (m^n)&r.mask != 0 || hint > MaxSequence || hint > m+1<<40 {
		r.damaged = true
		return AnswerDamaged
	}
	to := max(hint, m) - slots + margin(slots)
	r.lost = to - n
	r.next = to
	r.resuming = true
	r.Stats.Overruns++
	r.Stats.Lost += r.lost
	return AnswerOverrun
}

// clockEvery: the clock is read on each so many empty looks, which keeps its cost
// off a spinning reader. A stale reader has nothing to hurry for and reads it on
// each look, so that it sees the writer's return at once.
const clockEvery = 8

// idle decides what an empty slot means.
func (r *Reader) idle(slot *Record, n uint64) Answer {
	if s := r.view.State(); s != StateLive {
		// Records stored before the state are seen now.
		if atomic.LoadUint64(&slot.Commit) >= 2*n {
			return AnswerEmpty
		}
		switch s {
		case StateClosed:
			return AnswerClosed
		case StateSuperseded:
			return AnswerSuperseded
		}
		r.damaged = true
		return AnswerDamaged
	}
	r.empties++
	if r.stale || r.empties%clockEvery == 1 {
		r.checkHeartbeat()
	}
	if r.stale {
		return AnswerStale
	}
	return AnswerEmpty
}

// checkHeartbeat compares the hot heartbeat with its own earlier value over this
// reader's own clock: no clock is compared between processes or containers. Of
// each gap between two looks at most half the bound counts, so that a reader that
// was stopped together with the writer looks again before it judges.
func (r *Reader) checkHeartbeat() { r.checkHeartbeatAt(time.Since(r.started)) }

func (r *Reader) checkHeartbeatAt(now time.Duration) {
	beat := atomic.LoadUint64(&r.view.h.HotHeartbeat)
	gap := now - r.lastLook
	r.lastLook = now
	if !r.looked || beat != r.heartbeat {
		r.looked, r.heartbeat, r.still, r.stale = true, beat, 0, false
		return
	}
	r.still += min(gap, StaleAfterNS/2)
	r.stale = r.still >= StaleAfterNS
}

// Lag is how many records the writer was ahead of this reader when its last frame
// ended; 0 when there is none, or when the header cannot be believed.
func (r *Reader) Lag() uint64 {
	last := r.view.LastSequence()
	if last < r.next || last > MaxSequence {
		return 0
	}
	return last - r.next + 1
}

// Join copies nothing itself: it takes the watermark, lets the caller copy what it
// wants from the board (ReadBoard, ReadBook), and sets the cursor to the record
// behind the watermark. Records that a board entry covers (its own sequence is
// not below theirs) are to be skipped by the caller, as are records of an
// instrument at or below its book's AsOf.
func (r *Reader) Join(copyBoard func()) {
	w := r.believe(r.view.Watermark())
	copyBoard()
	r.Seek(w + 1)
}

// Sequence is the ring's number of a record that a reader handed out.
func (r *Record) Sequence() uint64 { return r.Commit / 2 }

// sane says that a whole record is one that a writer could have written: its kind
// is known and its inner lengths lie within it; head: only 64 bytes are there.
func (r *Record) sane(head bool) bool {
	switch r.Kind {
	case KindBookTicker, KindTicker, KindPerpetual:
		return true
	case KindTrade:
		return head || r.Trade().TextLength <= 24
	case KindDepth:
		d := r.Depth()
		return head || uint(d.Bids)+uint(d.Asks) <= LevelsPerRecord
	case KindStatus:
		return r.Status().TextLength <= 40
	}
	return false
}
