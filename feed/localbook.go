package feed

import (
	"sort"

	"github.com/tickring/tickring/ring"
)

const (
	// maxLocalLevels bounds one side of a book: the deepest stream of any venue's
	// sheet has 5,000 levels; beyond it the worst level leaves.
	maxLocalLevels = 5000
	// nearLevels are looked at one by one from the best: most changes are there.
	nearLevels = 8
)

// bookSide is one side of a book, worst level first: what changes near the best moves
// few of the others. Memory is taken once and grows to the deepest book seen.
type bookSide struct {
	levels []ring.Level
	asks   bool // the best is the lowest price
}

// localBook is an order book at its instrument's exponents.
type localBook struct {
	bids, asks bookSide
}

func newLocalBook() *localBook {
	return &localBook{
		bids: bookSide{levels: make([]ring.Level, 0, 512)},
		asks: bookSide{levels: make([]ring.Level, 0, 512), asks: true},
	}
}

func (b *localBook) clear() {
	b.bids.levels, b.asks.levels = b.bids.levels[:0], b.asks.levels[:0]
}

// apply takes new totals; quantity 0 deletes.
func (b *localBook) apply(bids, asks []ring.Level) {
	for i := range bids {
		b.bids.put(bids[i])
	}
	for i := range asks {
		b.asks.put(asks[i])
	}
}

// replace makes the book of whole sides. Venues send them best first, which are taken as
// they come; any other order is put level by level.
func (b *localBook) replace(bids, asks []ring.Level) {
	b.bids.replace(bids)
	b.asks.replace(asks)
}

func (s *bookSide) replace(levels []ring.Level) {
	s.levels = s.levels[:0]
	for i := min(len(levels), maxLocalLevels) - 1; i >= 0; i-- {
		l := levels[i]
		if l.Quantity == 0 || len(s.levels) > 0 && !s.worse(s.best().Price, l.Price) {
			s.levels = s.levels[:0]
			for _, l := range levels {
				s.put(l)
			}
			return
		}
		s.levels = append(s.levels, l)
	}
}

// worse says that price a is worse than b on this side.
func (s *bookSide) worse(a, b int64) bool {
	if s.asks {
		return a > b
	}
	return a < b
}

// place is where a price stands or is to be put: behind every worse one.
func (s *bookSide) place(price int64) int {
	i := len(s.levels)
	for range nearLevels {
		if i == 0 || s.worse(s.levels[i-1].Price, price) {
			return i
		}
		i--
	}
	return sort.Search(i, func(k int) bool { return !s.worse(s.levels[k].Price, price) })
}

// put sets one level.
func (s *bookSide) put(l ring.Level) {
	i := s.place(l.Price)
	found := i < len(s.levels) && s.levels[i].Price == l.Price
	switch {
	case found && l.Quantity == 0:
		s.levels = append(s.levels[:i], s.levels[i+1:]...)
		return
	case found:
		s.levels[i].Quantity = l.Quantity
		return
	case l.Quantity == 0:
		return
	case len(s.levels) >= maxLocalLevels:
		if i == 0 {
			return
		}
		copy(s.levels, s.levels[1:i])
		s.levels[i-1] = l
		return
	}
	s.levels = append(s.levels, l)
	copy(s.levels[i+1:], s.levels[i:])
	s.levels[i] = l
}

// best is the best level; the side must have one.
func (s *bookSide) best() ring.Level { return s.levels[len(s.levels)-1] }

// top copies the best levels, best first, as many as fit, and returns how many.
func (s *bookSide) top(dst []ring.Level) int {
	n := min(len(dst), len(s.levels))
	for i := range n {
		dst[i] = s.levels[len(s.levels)-1-i]
	}
	return n
}

// appendTo appends every level, best first.
func (s *bookSide) appendTo(dst []ring.Level) []ring.Level {
	for i := len(s.levels) - 1; i >= 0; i-- {
		dst = append(dst, s.levels[i])
	}
	return dst
}

// broken says that a book built from deltas cannot be true: crossed, or emptied.
func (b *localBook) broken() bool {
	return len(b.bids.levels) == 0 && len(b.asks.levels) == 0 || b.crossed()
}

// crossed says that the best bid is at or above the best ask.
func (b *localBook) crossed() bool {
	return len(b.bids.levels) > 0 && len(b.asks.levels) > 0 && b.bids.best().Price >= b.asks.best().Price
}

// rescale brings all levels to smaller exponents; false when one does not fit.
func (b *localBook) rescale(priceBy, quantityBy int) bool {
	return rescaleBoth(b.bids.levels, b.asks.levels, priceBy, quantityBy)
}

func rescaleBoth(bids, asks []ring.Level, priceBy, quantityBy int) bool {
	ok := rescale(bids, priceBy, quantityBy)
	return rescale(asks, priceBy, quantityBy) && ok
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
