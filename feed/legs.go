package feed

import (
	"math"
	"math/bits"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Redundant legs: every stream is asked for on a connection of each leg. Of data with a
// sequence of the venue's the first arrival is published, what another leg brought
// before is dropped, and a hole in one leg waits for another to fill it. One leg is a
// stream's carrier: what has no sequence is taken of it alone, and when its connection
// is lost another leg carries on, so that nothing is marked stale while one lives.

const (
	// maxLegs: more than two cost sockets and win little; four is one for each of a
	// host's uplinks.
	maxLegs = 4
	// holeWaitNS is how long a hole in one leg waits for another leg to fill it: far
	// beyond what connections to one venue lie apart.
	holeWaitNS = 1 * second
	// leggedTrades is how many trades of an instrument are remembered where legs bring
	// each twice: what one may be behind the other in a burst.
	leggedTrades = 2048
)

// legStats are the counts of one leg. Hot thread only.
type legStats struct {
	first uint64 // data published of it
	late  uint64 // data another leg had brought
	holed uint64 // depth events left for another leg to bring, with what came before
	leads leads
}

// leads is a histogram of how far a leg was ahead: place n counts leads of n bits, ns.
type leads [48]uint64

func (l *leads) add(ns int64) { l[min(bits.Len64(uint64(max(ns, 0))), len(l)-1)]++ }

// quantile is the middle of the place that holds a share of the leads, in ns; 0 of none.
func (l *leads) quantile(share float64) int64 {
	var sum, seen uint64
	for _, n := range l {
		sum += n
	}
	for i, n := range l {
		if seen += n; sum > 0 && float64(seen) >= share*float64(sum) {
			return int64(3) << max(i, 2) >> 2
		}
	}
	return 0
}

// arrival is when and over which leg the newest datum of a kind came first.
type arrival struct {
	recvNS int64
	row    uint16
	leg    uint8
}

// mergeUntil says until when several connections may bring an instrument's data.
func (h *hot) mergeUntil(in *instrument, ns int64) {
	if h.legs > 1 {
		ns = math.MaxInt64
	}
	in.mergeNS = ns
}

// wantLegs asks for a stream on every leg but its carrier's.
func (h *hot) wantLegs(in *instrument, k int) {
	carrier := in.subs[k]
	in.legs[k][carrier.leg] = carrier
	if h.legs < 2 {
		return
	}
	h.mergeUntil(in, math.MaxInt64)
	in.trades.grow(leggedTrades)
	for leg := range h.legs {
		s := in.legs[k][leg]
		if s == nil {
			s = &subscription{inst: in, stream: carrier.stream, leg: uint8(leg)}
			in.legs[k][leg] = s
		}
		if s.state == subIdle || s.state == subLeaving || s.state == subRefused {
			s.state = subWanted
		}
		if s.conn == nil {
			h.assign(s)
		}
	}
}

// unwantLegs ends a stream on every leg but its carrier's.
func (h *hot) unwantLegs(in *instrument, k int) {
	for _, s := range in.legs[k] {
		if s == nil || s == in.subs[k] {
			continue
		}
		if s.state == subActive || s.state == subRequested {
			s.state = subLeaving
		} else {
			s.state = subIdle
		}
	}
}

// isSpare says that a subscription is of a leg that is not its stream's carrier.
func (s *subscription) isSpare() bool {
	k := channelIndex(s.stream.Channel)
	return s.inst.subs[k] != s && s.inst.legs[k][s.leg] == s
}

// on is the instrument's subscription of a channel on a connection, nil when there is
// none.
func (in *instrument) on(k int, c *conn) *subscription {
	if s := in.subs[k]; s != nil && s.conn == c {
		return s
	}
	if s := in.legs[k][c.leg]; s != nil && s.conn == c {
		return s
	}
	return nil
}

// put makes a subscription take another's place.
func (in *instrument) put(k int, was, s *subscription) {
	if in.subs[k] == was {
		in.subs[k] = s
	}
	if in.legs[k][was.leg] == was {
		in.legs[k][was.leg] = s
	}
}

// live says that a leg brings a stream's data.
func (s *subscription) live() bool {
	return s != nil && s.state == subActive && s.conn != nil && s.conn.ws != nil
}

// standIn deals with the loss of a connection for a stream that other legs bring too:
// false when none does.
func (h *hot) standIn(s *subscription, now int64) bool {
	in, k := s.inst, channelIndex(s.stream.Channel)
	if h.legs < 2 || in.legs[k][s.leg] != s {
		return false
	}
	if in.subs[k] == s {
		other := in.otherLeg(k, s)
		if other == nil {
			return false
		}
		h.promote(other, now)
	}
	s.lost()
	return true
}

// otherLeg is a live subscription of another leg, nil when there is none.
func (in *instrument) otherLeg(k int, s *subscription) *subscription {
	for _, other := range in.legs[k] {
		if other != s && other.live() {
			return other
		}
	}
	return nil
}

// lost takes a spare back to where it is to be asked for again.
func (s *subscription) lost() {
	s.retryNS, s.retryWaitNS, s.firstDataNS, s.counted, s.unheard, s.jumped = 0, 0, 0, false, false, false
	if s.state == subIdle || s.state == subLeaving {
		s.state = subIdle
		return
	}
	s.state = subWanted
}

// promote makes a leg's subscription its stream's carrier. The book goes on where it
// stands; one that waited for the old carrier's snapshot asks the new one for its own.
func (h *hot) promote(s *subscription, now int64) {
	in, k := s.inst, channelIndex(s.stream.Channel)
	s.lastDataNS = max(s.lastDataNS, in.subs[k].lastDataNS)
	in.subs[k] = s
	h.w.SetInstrumentConnection(in.id, s.conn.row)
	if s.state == subActive && s.awaitsSnapshot() {
		h.recvNS = now
		h.resubscribe(in, s.stream.Channel)
	}
}

// spareAnswered deals with the answer to a request of a leg that is not the carrier.
// False: it is the carrier now, and the answer is dealt with as one.
func (h *hot) spareAnswered(s *subscription, granted bool) bool {
	if h.legs < 2 || !s.isSpare() {
		return false
	}
	if granted && !s.inst.subs[channelIndex(s.stream.Channel)].live() {
		h.promote(s, h.recvNS)
		return false
	}
	return true
}

// spareRefused: a spare that was refused is asked for again when its connection comes
// back; one whose request before may have been granted is ended first.
func (h *hot) spareRefused(c *conn, s *subscription, text []byte) {
	if s.unheard {
		s.unheard = false
		one := [1]*subscription{s}
		if h.send(c, one[:], true, h.recvNS) {
			s.state = subWanted
		}
		return
	}
	s.state = subRefused
	s.refusal = string(text[:min(len(text), maxLoggedText)])
	h.logRefused(c, s, text)
}

// legRepeat counts a datum that another leg brought before, and by how much.
func (h *hot) legRepeat(c *conn, in *instrument, it *exchanges.Item) {
	h.legStats[c.leg].late++
	var first arrival
	switch {
	case it.Kind == ring.KindBookTicker && it.Sequence == in.quoteSeq:
		first = in.quoteFirst
	case it.Kind == ring.KindDepth && it.Sequence == in.depthID:
		first = in.depthFirst
	case it.Kind == ring.KindTrade:
		first = in.trades.arrival(tradeKey(it))
	}
	if first.recvNS != 0 && first.leg != c.leg {
		h.legStats[first.leg].leads.add(h.recvNS - first.recvNS)
	}
}

// legFirst counts a datum that no leg brought before. False: it is a depth event behind
// a hole that another leg may fill; that leg brings it too.
func (h *hot) legFirst(c *conn, in *instrument, it *exchanges.Item) bool {
	first := arrival{h.recvNS, c.row, c.leg}
	switch it.Kind {
	case ring.KindBookTicker:
		in.quoteFirst = first
	case ring.KindTrade:
		if hasTradeID(it) {
			in.trades.came(first)
		}
	case ring.KindDepth:
		if h.holeMayFill(c, in, it) {
			h.legStats[c.leg].holed++
			return false
		}
		in.depthFirst = first
	}
	h.legStats[c.leg].first++
	return true
}

// holeMayFill says that an event does not follow the one before it, and that another
// leg has not come to the hole yet.
func (h *hot) holeMayFill(c *conn, in *instrument, it *exchanges.Item) bool {
	k := channelIndex(ring.ChannelOrderBook)
	whole := it.Rule == exchanges.RuleSnapshots || it.Flags&ring.FlagSnapshot != 0
	if whole || in.depthID == 0 || it.FirstSequence <= in.depthID+1 {
		if in.holeNS != 0 {
			in.forgetHole(k)
		}
		return false
	}
	if in.holeNS == 0 {
		in.holeNS = h.recvNS
	}
	if s := in.on(k, c); s != nil {
		s.jumped = true
	}
	for _, s := range in.legs[k] {
		if s.live() && !s.jumped && h.recvNS-in.holeNS < holeWaitNS {
			return true
		}
	}
	in.forgetHole(k)
	return false
}

func (in *instrument) forgetHole(k int) {
	in.holeNS = 0
	for _, s := range in.legs[k] {
		if s != nil {
			s.jumped = false
		}
	}
}

// LegReport is what one of a feed's redundant legs did.
type LegReport struct {
	Leg         int   `json:"leg"`
	Connections []int `json:"connections"` // rows of the connection table that are up
	// First counts data published of this leg, Late those that another had brought,
	// Holed depth events left to another leg with what came before them.
	First uint64 `json:"first"`
	Late  uint64 `json:"late"`
	Holed uint64 `json:"holed"`
	// LeadP50NS and LeadP99NS say by how much it was ahead of another leg's copy of
	// what it brought first, to a factor of 1.5; 0 before the first.
	LeadP50NS int64 `json:"lead_p50_ns"`
	LeadP99NS int64 `json:"lead_p99_ns"`
}

// legReports is empty where there is one leg. Hot thread only.
func (h *hot) legReports() []LegReport {
	if h.legs < 2 {
		return nil
	}
	out := make([]LegReport, h.legs)
	for i := range out {
		s := &h.legStats[i]
		out[i] = LegReport{
			Leg: i, Connections: []int{}, First: s.first, Late: s.late, Holed: s.holed,
			LeadP50NS: s.leads.quantile(0.5), LeadP99NS: s.leads.quantile(0.99),
		}
	}
	for _, c := range h.conns {
		if c.ws != nil {
			out[c.leg].Connections = append(out[c.leg].Connections, int(c.row))
		}
	}
	return out
}
