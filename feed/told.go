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

// told says that a datum was told before, or is overtaken by what was. A venue that
// begins its counters anew is known by its clock, which goes on.
func (in *instrument) told(it *exchanges.Item) bool {
	switch it.Kind {
	case ring.KindBookTicker:
		return it.Sequence != 0 && it.Sequence < in.quoteSeq && saidNS(it) <= in.quoteNS
	case ring.KindTrade:
		if it.IDFormat != ring.IDUint64 && it.IDFormat != ring.IDMEXCPair {
			return false
		}
		if it.TradeID <= in.tradeID && in.trades.has(it.TradeID, it.SecondID) {
			return true
		}
		in.trades.add(it.TradeID, it.SecondID)
	case ring.KindDepth:
		if it.Sequence == 0 || it.Sequence > in.depthID || saidNS(it) > in.depthNS {
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
