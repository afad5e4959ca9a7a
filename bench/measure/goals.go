package main

import "fmt"

// goal bounds a ratio from above or from below.
type goal struct {
	bound float64
	least bool
}

func atMost(bound float64) goal { return goal{bound: bound} }

func atLeast(bound float64) goal { return goal{bound: bound, least: true} }

func (g goal) String() string {
	if g.least {
		return fmt.Sprintf(">=%g", g.bound)
	}
	return fmt.Sprintf("<=%g", g.bound)
}

// verdict is "ok" or "short"; a ratio that is no number is short.
func (g goal) verdict(value float64) string {
	if g.least && value >= g.bound || !g.least && value <= g.bound {
		return "ok"
	}
	return "short"
}

// figure notes an absolute value; ratio a quotient of two values of this run with its
// goal. They are printed together at the end, one a line.
func (b *bench) figure(name string, value float64, unit string) {
	b.figures = append(b.figures, fmt.Sprintf("figure %s %.1f %s", name, value, unit))
}

func (b *bench) ratio(name string, value float64, g goal) {
	b.figures = append(b.figures, fmt.Sprintf("ratio %s %.2f %s %s", name, value, g, g.verdict(value)))
}
