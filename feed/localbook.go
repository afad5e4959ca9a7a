package feed

import (
	"sort"

	"github.com/tickring/tickring/ring"
)

// maxLocalLevels bounds one side of a book: the deepest stream of any venue's
// sheet has 5,000 levels; beyond it the worst level leaves.
const maxLocalLevels = 5000

// localBook is an order book at its instrument's exponents, best levels first.
// Memory is taken once and grows to the deepest book seen.
type localBook struct {
	bids, asks []ring.Level
}

func newLocalBook() *localBook {
	return &localBook{bids: make([]ring.Level, 0, 512), asks: make([]ring.Level, 0, 512)}
}

func (b *localBook) clear() { b.bids, b.asks = b.bids[:0], b.asks[:0] }

// apply takes new totals; quantity 0 deletes.
func (b *localBook) apply(bids, asks []ring.Level) {
	for _, l := range bids {
		b.bids = put(b.bids, l, true)
	}
	for _, l := range asks {
		b.asks = put(b.asks, l, false)
	}
}

// put sets one level of a side that is sorted best first (descending for bids).
func put(side []ring.Level, l ring.Level, descending bool) []ring.Level {
	i := sort.Search(len(side), func(i int) bool {
		if descending {
			return side[i].Price <= l.Price
		}
		return side[i].Price >= l.Price
	})
	found := i < len(side) && side[i].Price == l.Price
	switch {
	case found && l.Quantity == 0:
		return append(side[:i], side[i+1:]...)
	case found:
		side[i].Quantity = l.Quantity
		return side
	case l.Quantity == 0:
		return side
	case len(side) >= maxLocalLevels:
		if i == len(side) {
			return side
		}
		side = side[:len(side)-1]
	}
	side = append(side, ring.Level{})
	copy(side[i+1:], side[i:])
	side[i] = l
	return side
}

// broken says that a book built from deltas cannot be true: crossed, or emptied.
func (b *localBook) broken() bool {
	return len(b.bids) == 0 && len(b.asks) == 0 || b.crossed()
}

// crossed says that the best bid is at or above the best ask.
func (b *localBook) crossed() bool {
	return len(b.bids) > 0 && len(b.asks) > 0 && b.bids[0].Price >= b.asks[0].Price
}

// rescale brings all levels to smaller exponents; false when one does not fit.
func (b *localBook) rescale(priceBy, quantityBy int) bool {
	bids := rescale(b.bids, priceBy, quantityBy)
	return rescale(b.asks, priceBy, quantityBy) && bids
}

func rescale(levels []ring.Level, priceBy, quantityBy int) bool {
	ok := true
	for i := range levels {
		ok = widenBy(&levels[i].Price, priceBy) && ok
		ok = widenBy(&levels[i].Quantity, quantityBy) && ok
	}
	return ok
}

func widenBy(m *int64, by int) bool {
	if by == 0 {
		return true
	}
	v := *m * pow10[by]
	if v/pow10[by] != *m {
		return false
	}
	*m = v
	return true
}
