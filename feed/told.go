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
	ids  [toldTrades][2]uint64
	next uint8
}

func (m *tradeMemory) add(id, second uint64) {
	m.ids[m.next] = [2]uint64{id, second}
	m.next++ // wraps where the array ends
}

// has looks from the newest back.
func (m *tradeMemory) has(id, second uint64) bool {
	want := [2]uint64{id, second}
	for i := m.next - 1; ; i-- {
		if m.ids[i] == want {
			return true
		}
		if i == m.next {
			return false
		}
	}
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
		if it.IDFormat != ring.IDUint64 && it.IDFormat != ring.IDMEXCPair {
			return false
		}
		if it.TradeID <= in.tradeID && in.trades.has(it.TradeID, it.SecondID) {
			return true
		}
		in.trades.add(it.TradeID, it.SecondID)
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

// saidNS is the venue's time of a datum: of the event, else of sending.
func saidNS(it *exchanges.Item) int64 {
	if it.EventTimeNS != ring.Absent {
		return it.EventTimeNS
	}
	return it.SendTimeNS
}
