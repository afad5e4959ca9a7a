package sim

import "sort"

// level is a price in ticks and an amount in lots; amount 0 means none.
type level struct{ ticks, lots int64 }

// ladder is one side of a book, best price first. Its sign orders it: 1 for asks,
// whose best is the lowest, -1 for bids.
type ladder struct {
	sign   int64
	levels []level
}

// find gives the place of a price, and whether it is there.
func (l *ladder) find(ticks int64) (int, bool) {
	i := sort.Search(len(l.levels), func(i int) bool { return l.sign*l.levels[i].ticks >= l.sign*ticks })
	return i, i < len(l.levels) && l.levels[i].ticks == ticks
}

// set puts the total amount of a price; 0 removes it.
func (l *ladder) set(ticks, lots int64) {
	i, there := l.find(ticks)
	switch {
	case there && lots == 0:
		l.levels = append(l.levels[:i], l.levels[i+1:]...)
	case there:
		l.levels[i].lots = lots
	case lots != 0:
		l.levels = append(l.levels, level{})
		copy(l.levels[i+1:], l.levels[i:])
		l.levels[i] = level{ticks, lots}
	}
}

func (l *ladder) best() level { return l.levels[0] }

// top gives the best n levels; valid until the next change.
func (l *ladder) top(n int) []level { return l.levels[:min(n, len(l.levels))] }

// diffLevels appends to out what turns the side old into the side now, both best
// first and ordered by sign: new totals, and 0 for what is gone.
func diffLevels(out, old, now []level, sign int64) []level {
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && sign*old[0].ticks < sign*now[0].ticks:
			out = append(out, level{old[0].ticks, 0})
			old = old[1:]
		case len(old) == 0 || sign*now[0].ticks < sign*old[0].ticks:
			out = append(out, now[0])
			now = now[1:]
		default:
			if old[0].lots != now[0].lots {
				out = append(out, now[0])
			}
			old, now = old[1:], now[1:]
		}
	}
	return out
}
