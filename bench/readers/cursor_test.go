package readers

import (
	"fmt"
	"testing"

	"github.com/tickring/tickring/ring"
)

// turns is a case's ring: small, so that it wraps at once.
const turns = 16

// Several laps of the ring, read record by record.
func TestWrapsLoseNothing(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("wrap", turns))
	r.beat = s.beat
	r.ask("open " + s.path())
	for n := range 5 * turns {
		s.quotes(1)
		r.ask("lag", "LAG records=1")
		r.ask("next 1")
		r.ask("position", fmt.Sprintf("POSITION next=%d", n+2))
	}
	r.ask("lag", "LAG records=0")
	for range 3 {
		s.quotes(turns) // a whole lap, not one record more
		r.ask(fmt.Sprintf("next %d", turns+1))
	}
	r.ask("stats", "STATS records=128 lost=0 overruns=0 skipped_depth=0")
}

// A reader that opens a ring in its n-th lap stands behind the writer's margin.
func TestPositionsInALappedRing(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("position", turns))
	r.beat = s.beat
	s.quotes(turns - 1)
	r.ask("open "+s.path(), "OPENED generation=1 next=1")
	s.quotes(1)
	r.ask("open "+s.path(), "OPENED generation=1 next=2") // 16 - 16 + margin 2
	s.quotes(100)
	r.ask("open "+s.path(), "OPENED generation=1 next=102")
	r.ask("next 100")
	r.ask("seek oldest", "POSITION next=102")
	r.ask("seek latest", "POSITION next=117")
	r.ask("next 1", "EMPTY")
	s.open(quote(117)) // the frame is open: the hint does not know it yet
	r.ask("seek latest", "POSITION next=117")
	r.ask("next 2")
	s.w.EndFrame()
	r.ask("next 1", "EMPTY")
	r.ask("stats", "STATS records=16 lost=0 overruns=0 skipped_depth=0")
}

// The numbers of an overrun: lapped by one record, by many laps, within a frame that has
// not ended, and with the writer's mark on the very slot.
func TestOverrunsCountWhatIsLost(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("overrun", turns))
	r.beat = s.beat
	r.ask("open " + s.path())
	s.quotes(turns + 1)
	r.ask("next 1", "OVERRUN lost=2 next=3") // 17 - 16 + 2
	r.ask("next 20")
	s.quotes(1000)
	r.ask("next 1", "OVERRUN lost=985 next=1003") // 1017 - 16 + 2, from 18
	r.ask("next 3")
	for range turns {
		s.open(quote(s.w.LastSequence() + 1)) // up to 1033; the hint stays at 1017
	}
	r.ask("next 1", "OVERRUN lost=2 next=1008") // the slot of 1006 holds 1022: 1022 - 16 + 2
	r.ask("next 20")
	s.w.EndFrame()
	r.ask("stats")
}

// A writer that stands between its mark and its commit.
func TestMarkWithoutCommit(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("mark", turns))
	r.beat = s.beat
	buf := s.seg.Bytes()
	r.ask("open " + s.path())
	put64(buf, slotAt(buf, 1), 1)
	r.ask("next 1", "EMPTY")
	r.ask("head 1", "EMPTY")
	put64(buf, slotAt(buf, 1), 0)
	s.quotes(turns)
	put64(buf, slotAt(buf, turns+1), 2*(turns+1)-1)
	r.ask("next 1", "OVERRUN lost=2 next=3")
	r.ask("next 20")
	r.ask("next 1", "EMPTY")
}

// What an overrun tears is dropped: the rest of a depth event, until one begins or
// another kind shows that it is over.
func TestTornDepthEventsAreDropped(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("depth", turns))
	r.beat = s.beat
	event := func(records int) {
		for i := range records {
			flags := ring.Flags(0)
			if i == 0 {
				flags |= ring.FlagFirst
			}
			if i == records-1 {
				flags |= ring.FlagLast
			}
			s.frame(depth(uint64(i), flags))
		}
	}
	r.ask("open " + s.path())
	event(turns + 4) // lands at 6, within the event
	event(3)
	r.ask("next 30")
	r.ask("stats")
	event(turns + 8)
	s.quotes(1)
	event(2)
	r.ask("next 30")
	event(turns + 8) // nothing but the rest of an event
	r.ask("next 1", "OVERRUN lost=9 next=60")
	r.ask("next 1", "EMPTY")
	s.frame(depth(1, ring.FlagLast))
	r.ask("next 1", "EMPTY")
	event(1)
	r.ask("next 2")
	event(turns + 6)
	r.ask("open " + s.path()) // starts in the middle, as after an overrun
	r.ask("next 30")
	r.ask("stats")
}

// The filter hands out what was asked for, counts nothing else, and does not change what
// is dropped.
func TestFilterStandsBehindAllElse(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("filter", turns))
	r.beat = s.beat
	mix := func() {
		s.frame(quote(1), of(1, quote(2)), trade(3), of(1, trade(4)), depth(5, ring.FlagFirst), depth(5, ring.FlagLast),
			of(ring.NoInstrument, status(ring.StatusUp, "all")), of(1, status(ring.StatusStale, "eth")))
	}
	r.ask("open " + s.path())
	r.ask("filter TRADE,BOOK_TICKER BTC/USDT", "FILTER kinds=BOOK_TICKER,TRADE instruments=0")
	mix()
	r.ask("next 20")
	r.ask("filter STATUS ETH/USDT,BTC_USDT,ETH/USDT", "FILTER kinds=STATUS instruments=0,1")
	mix()
	r.ask("next 20")
	r.ask("filter * BTC/USDT", "FILTER kinds=* instruments=0")
	mix()
	r.ask("next 20")
	r.ask("head 20", "EMPTY")
	r.ask("filter * XRP/USDT", "ERROR NO_INSTRUMENT")
	r.ask("stats")
	r.ask("filter DEPTH ETH/USDT")
	for range 40 {
		s.frame(depth(1, 0), of(1, depth(2, 0)))
	}
	s.frame(of(0, quote(1)))
	s.frame(of(1, depth(2, 0)))
	r.ask("next 20") // the book ticker ends the dropping though it does not pass
	r.ask("stats")
	r.ask("filter * *", "FILTER kinds=* instruments=*")
	mix()
	r.ask("next 20")
}

// Late join, with a board that is ahead of the watermark.
func TestLateJoinIsComplete(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("join", 64))
	r.beat = s.beat
	r.ask("open " + s.path())
	r.ask("join", "JOINED watermark=0", "EMPTY")
	s.quotes(5)
	s.frame(of(1, quote(7)), trade(8), depth(9, ring.FlagFirst|ring.FlagLast), status(ring.StatusUp, ""))
	s.open(quote(10), trade(11), of(1, depth(12, ring.FlagFirst)), of(1, trade(13)), fill(ring.KindPerpetual, 0))
	r.ask("join")
	s.open(quote(14), of(1, quote(15)))
	r.ask("next 10")
	s.w.EndFrame()
	r.ask("next 1", "EMPTY")
	r.ask("join")
	r.ask("stats")
}
