package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// A venue may send a message twice, or after one that is newer. A trade is published
// once, in whatever order it came. A quote or a book that is older than what was
// published is not: readers take the last one for the present, and deltas are totals
// that must not go back.

// toldTrades is how many trades are remembered of an instrument: more than a message
// of a venue's window has.
const toldTrades = 256

// tradeMemory are the ids of the last trades.
type tradeMemory struct {
	ids    [][2]uint64 // a power of two
	firsts []arrival   // of each; none where there is one leg
	next   uint32
}

func newTradeMemory() *tradeMemory { return &tradeMemory{ids: make([][2]uint64, toldTrades)} }

// grow makes room for more, a power of two, with their arrivals, and forgets.
func (m *tradeMemory) grow(size int) {
	if size = max(size, len(m.ids)); len(m.firsts) < size {
		m.ids, m.firsts, m.next = make([][2]uint64, size), make([]arrival, size), 0
	}
}

func (m *tradeMemory) add(id, second uint64) {
	m.ids[int(m.next)&(len(m.ids)-1)] = [2]uint64{id, second}
	m.next++
}

// has says whether a trade is remembered.
func (m *tradeMemory) has(id, second uint64) bool { return m.find(id, second) >= 0 }

// find looks from the newest back; -1 when there is none.
func (m *tradeMemory) find(id, second uint64) int {
	want, mask := [2]uint64{id, second}, len(m.ids)-1
	for back := 1; back <= len(m.ids); back++ {
		if i := (int(m.next) - back) & mask; m.ids[i] == want {
			return i
		}
	}
	return -1
}

// came notes how the newest trade arrived.
func (m *tradeMemory) came(a arrival) { m.firsts[int(m.next-1)&(len(m.firsts)-1)] = a }

// arrival is how a remembered trade came; zero when it is not remembered.
func (m *tradeMemory) arrival(id, second uint64) arrival {
	if i := m.find(id, second); i >= 0 && m.firsts != nil {
		return m.firsts[i]
	}
	return arrival{}
}

// Bounds of what is overtaken: how far apart it and what overtook it may be by the
// venue's clock and by its counter. Our choice, far beyond any delay within a
// connection and any counter's pace (MEXC's fastest moves some 1,000 a second).
// What is further back is of a venue that began anew.
const (
	overtakenNS    = 60 * second
	overtakenCount = 1 << 24
)

// overtaken says that a datum with a lower number than a later one is as old too.
func overtaken(it *exchanges.Item, laterID uint64, laterNS int64) bool {
	ns := saidNS(it)
	return laterID-it.Sequence < overtakenCount && ns <= laterNS && (ns == ring.Absent || laterNS-ns < overtakenNS)
}

// told says that a datum was told before, or is overtaken by what was. A venue that
// begins its counters anew is known by its clock, which goes on, or by how far it falls.
func (in *instrument) told(it *exchanges.Item) bool {
	switch it.Kind {
	case ring.KindBookTicker:
		return it.Sequence != 0 && it.Sequence < in.quoteSeq && overtaken(it, in.quoteSeq, in.quoteNS)
	case ring.KindTrade:
		if !hasTradeID(it) {
			return false
		}
		if it.TradeID <= in.tradeID && in.trades.has(tradeKey(it)) {
			return true
		}
		in.trades.add(tradeKey(it))
	case ring.KindDepth:
		if it.Sequence == 0 || it.Sequence > in.depthID || !overtaken(it, in.depthID, in.depthNS) {
			return false
		}
		if it.Rule == exchanges.RuleSnapshots {
			return in.bookSynced
		}
		return it.Flags&ring.FlagSnapshot == 0
	}
	return false
}

// tradeKey is what tells a trade from others: a pair, or a number alone. REST may not
// repeat the second number that a stream has.
func tradeKey(it *exchanges.Item) (id, second uint64) {
	if it.IDFormat == ring.IDUint64 {
		return it.TradeID, 0
	}
	return it.TradeID, it.SecondID
}

// hasTradeID says that a trade can be told from others.
func hasTradeID(it *exchanges.Item) bool {
	return it.IDFormat == ring.IDUint64 || it.IDFormat == ring.IDMEXCPair
}

// saidNS is the venue's time of a datum: of the event, else of sending.
func saidNS(it *exchanges.Item) int64 {
	if it.EventTimeNS != ring.Absent {
		return it.EventTimeNS
	}
	return it.SendTimeNS
}
