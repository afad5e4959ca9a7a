package sim

import (
	"cmp"
	"slices"
	"sort"
)

// level is a price in ticks and an amount in lots; amount 0 means none.
type level struct{ ticks, lots int64 }

// ladder is one side of a book, best price first. Its sign orders it: 1 for asks,
// whose best is the lowest, -1 for bids.
type ladder struct {
	sign    int64
	levels  []level
	changed []touch // by set, since forget
}

// touch is a price that was set, and the place it had.
type touch struct {
	ticks int64
	place int
}

// find gives the place of a price, and whether it is there.
func (l *ladder) find(ticks int64) (int, bool) {
	i := sort.Search(len(l.levels), func(i int) bool { return l.sign*l.levels[i].ticks >= l.sign*ticks })
	return i, i < len(l.levels) && l.levels[i].ticks == ticks
}

// set puts the total amount of a price; 0 removes it.
func (l *ladder) set(ticks, lots int64) {
	i, there := l.find(ticks)
	l.changed = append(l.changed, touch{ticks, i})
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

func (l *ladder) forget() { l.changed = l.changed[:0] }

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

// window is one side of a stream of book diffs: what was sent, and what happened
// since among the best levels.
//
// The net difference is not enough. A client may take a REST book between two
// messages; a level that came and went since the last message, or has changed and
// changed back, may be in it and must be told again, and so must a level that was
// among the best, or was not, for a moment only because others came or went. A side
// has at least one level.
type window struct {
	sent    []level
	touched []int64 // prices set while among the best
	// Worst of the best levels, where it was farthest out and farthest in.
	deepest, shallowest int64
}

// follow takes a step of the side into the window.
func (w *window) follow(l *ladder, depth int) {
	for _, c := range l.changed {
		if c.place < depth {
			w.touched = append(w.touched, c.ticks)
		}
	}
	worst := l.levels[min(depth, len(l.levels))-1].ticks
	w.deepest = l.sign * max(l.sign*w.deepest, l.sign*worst)
	w.shallowest = l.sign * min(l.sign*w.shallowest, l.sign*worst)
}

// restart begins the next message at the present state.
func (w *window) restart(l *ladder, depth int) {
	w.sent = append(w.sent[:0], l.top(depth)...)
	w.touched = w.touched[:0]
	w.deepest = w.sent[len(w.sent)-1].ticks
	w.shallowest = w.deepest
}

// diff appends to out what a client must be told since restart: new totals, and 0
// for what is no longer among the best.
func (w *window) diff(out []level, l *ladder, depth int) []level {
	top := l.top(depth)
	out = diffLevels(out, w.sent, top, l.sign)
	net := out
	for i := sort.Search(len(l.levels), func(i int) bool {
		return l.sign*l.levels[i].ticks > l.sign*w.shallowest
	}); i < len(l.levels) && l.sign*l.levels[i].ticks <= l.sign*w.deepest; i++ {
		w.touched = append(w.touched, l.levels[i].ticks)
	}
	slices.Sort(w.touched)
	for _, ticks := range slices.Compact(w.touched) {
		if hasPrice(net, ticks, l.sign) {
			continue
		}
		lots := int64(0)
		if i, there := l.find(ticks); there && i < depth {
			lots = l.levels[i].lots
		}
		out = append(out, level{ticks, lots})
	}
	return out
}

// hasPrice reports whether levels, best first, have a price.
func hasPrice(levels []level, ticks, sign int64) bool {
	_, there := slices.BinarySearchFunc(levels, ticks, func(l level, t int64) int {
		return cmp.Compare(sign*l.ticks, sign*t)
	})
	return there
}
