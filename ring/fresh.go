package ring

import (
	"math"
	"sync/atomic"
	"time"
)

// freshBits are the bits of a state word that FreshWithin looks at: the first must be
// set and none of the others.
const freshBits = BitSubscribed | BitStale | BitSuspect | BitResyncing | BitRefused | BitHalted

// FreshWithin is the question a strategy asks before it acts: true when the data of
// instrument id are live, verified, and at most within old. That is: the source is
// LIVE (never a simulation or a replay), the segment is LIVE and its hot heartbeat at
// most a second old, the state word has SUBSCRIBED and none of STALE, SUSPECT,
// RESYNCING, REFUSED and HALTED, and the instrument's connection received something
// at most within ago. Times are compared with this host's clock in both directions: a
// time in the future is no freshness.
//
// It speaks of the link: a quiet market on a link that lives is fresh. See QuoteAge
// for how long it has been quiet. It keeps nothing, allocates nothing and makes no
// system call; any thread.
func (v *View) FreshWithin(id int, within time.Duration) bool {
	if v.Source() != SourceLive || v.State() != StateLive || id < 0 || id >= v.InstrumentCount() {
		return false
	}
	s := v.stateAt(id)
	row := uint64(atomic.LoadUint32(&s.Connection))
	if StateBit(uint32(atomic.LoadUint64(&s.Word)))&freshBits != BitSubscribed || row >= v.connections.Count {
		return false
	}
	heard := atomic.LoadInt64(&v.connectionAt(int(row)).LastReceiveNS)
	beat := atomic.LoadInt64(&v.h.HotHeartbeatTimeNS)
	now := time.Now().UnixNano()
	return isNear(now, beat, StaleAfterNS) && isNear(now, heard, int64(within))
}

// isNear says whether a time lies within a bound of now, in either direction; 0 and
// less was never.
func isNear(now, timeNS, within int64) bool {
	age := now - timeNS
	return timeNS > 0 && age <= within && -age <= within
}

// QuoteAge is how long ago, by this host's clock, the venue's newest book ticker of an
// instrument was received, whether or not it said anything new; false when there was
// none yet, or no such instrument. Any thread.
func (v *View) QuoteAge(id int) (age time.Duration, ok bool) {
	if id < 0 || id >= v.InstrumentCount() {
		return 0, false
	}
	last := atomic.LoadInt64(&v.stateAt(id).BookTickerLastSeenNS)
	if last == 0 {
		return 0, false
	}
	if last < 0 { // no writer leaves that: it is older than anything
		return math.MaxInt64, true
	}
	return max(0, time.Duration(time.Now().UnixNano()-last)), true
}
