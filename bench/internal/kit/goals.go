package kit

import "strconv"

// Goal bounds a ratio from above or from below.
type Goal struct {
	bound float64
	least bool
}

// AtMost is met by a ratio up to the bound.
func AtMost(bound float64) Goal { return Goal{bound: bound} }

// AtLeast is met by a ratio from the bound on.
func AtLeast(bound float64) Goal { return Goal{bound: bound, least: true} }

func (g Goal) String() string {
	bound := strconv.FormatFloat(g.bound, 'f', -1, 64)
	if g.least {
		return ">=" + bound
	}
	return "<=" + bound
}

// Verdict is "ok" or "short"; a ratio that is no number is short.
func (g Goal) Verdict(value float64) string {
	if g.least && value >= g.bound || !g.least && value <= g.bound {
		return "ok"
	}
	return "short"
}
