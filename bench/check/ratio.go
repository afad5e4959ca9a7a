package main

import (
	"errors"
	"fmt"
	"slices"
)

// How the sides are timed.
const (
	rounds     = 7
	roundTime  = "15ms"
	longRounds = 15
	longTime   = "40ms"
	cRoundN    = "1000000x" // about as long
	// worseBy is the limit for counts and ratios.
	worseBy = 1.05
)

// times are the quotients of a series: head by base, and base by base, which is the
// machine's noise.
type times struct{ ratios, control []float64 }

// timeAll fills in the first series, and a second for programs with an input that is worse.
func timeAll(list []program, rows []row) error {
	for i := range list {
		p := &list[i]
		if p.head == "" || p.base == "" {
			continue
		}
		mine := map[string]*row{}
		for k := range rows {
			if rows[k].program == i {
				mine[rows[k].name] = &rows[k]
			}
		}
		if err := p.series(rounds, roundTime, func(name string) *times { return timesOf(mine[name], false) }); err != nil {
			return err
		}
		suspect := false
		for _, r := range mine {
			suspect = suspect || r.first.slower()
		}
		if !suspect {
			continue
		}
		if err := p.series(longRounds, longTime, func(name string) *times { return timesOf(mine[name], true) }); err != nil {
			return err
		}
	}
	return nil
}

// timesOf is where a series of a row is kept; nil where there is no row.
func timesOf(r *row, second bool) *times {
	switch {
	case r == nil:
		return nil
	case second:
		return &r.second
	}
	return &r.first
}

// series runs the base, the head and the base again, round by round.
func (p *program) series(rounds int, much string, of func(name string) *times) error {
	if p.c {
		much = cRoundN
	}
	for range rounds {
		before, errBefore := p.timed(p.base, p.baseDir, much)
		head, errHead := p.timed(p.head, p.headDir, much)
		after, errAfter := p.timed(p.base, p.baseDir, much)
		if err := errors.Join(errBefore, errHead, errAfter); err != nil {
			return fmt.Errorf("time %s: %w", p.label, err)
		}
		for name, ns := range head {
			if b, t := before[name], of(name); b > 0 && t != nil {
				t.ratios = append(t.ratios, ns/b)
				t.control = append(t.control, after[name]/b)
			}
		}
	}
	return nil
}

// timed is ns of each input of one run.
func (p *program) timed(bin, dir, much string) (map[string]float64, error) {
	text, err := output(timeLimit, dir, bin, p.arguments(much)...)
	if err != nil {
		return nil, err
	}
	results, err := parseResults(text)
	if err != nil {
		return nil, err
	}
	ns := map[string]float64{}
	for _, r := range results {
		ns[p.label+"/"+r.name] = r.value
	}
	return ns, nil
}

// quarter is the value with so many quarters of a list below it, 0 of nothing.
func quarter(list []float64, below int) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)*below/4]
}

// slower says that three rounds of four are beyond the limit, and beyond what three of
// four of the base by itself are.
func (t *times) slower() bool {
	return quarter(t.ratios, 1) > max(worseBy, quarter(t.control, 3))
}

// slower says that both series agree.
func (r *row) slower() bool { return r.first.slower() && r.second.slower() }

// verdict is the line of the report, and whether it fails the check.
func (r *row) verdict(excuses []excuse) (line string, fails bool) {
	why := whyOf(excuses, r.name)
	switch {
	case r.base == absent:
		return fmt.Sprintf("check %s base=none head=%.1f new", r.name, r.head), false
	case r.head == absent && why != "":
		return fmt.Sprintf("check %s base=%.1f head=none gone, ok: %s", r.name, r.base, why), false
	case r.head == absent:
		return fmt.Sprintf("check %s base=%.1f head=none gone worse", r.name, r.base), true
	}
	line = fmt.Sprintf("check %s base=%.1f head=%.1f %+.1f%%", r.name, r.base, r.head, change(r.base, r.head))
	series := r.first
	if len(r.second.ratios) > 0 {
		series = r.second
	}
	if len(series.ratios) > 0 {
		line += fmt.Sprintf(" time=%+.1f%%", 100*(quarter(series.ratios, 2)-1))
	}
	if r.head <= r.base*worseBy+1 && !r.slower() { // an instruction is the noise of the count
		return line + " ok", false
	}
	if why != "" {
		return line + " worse, ok: " + why, false
	}
	return line + " worse", true
}

func change(base, head float64) float64 {
	if base <= 0 {
		return 0
	}
	return 100 * (head/base - 1)
}
