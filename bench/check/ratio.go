package main

import (
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

// timeAll fills in the ratios, and a second series for programs with one that is worse.
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
		if err := p.series(rounds, roundTime, func(name string, q float64) {
			mine[name].ratios = append(mine[name].ratios, q)
		}, mine); err != nil {
			return err
		}
		suspect := false
		for _, r := range mine {
			suspect = suspect || quartile(r.ratios) > worseBy
		}
		if !suspect {
			continue
		}
		if err := p.series(longRounds, longTime, func(name string, q float64) {
			mine[name].again = append(mine[name].again, q)
		}, mine); err != nil {
			return err
		}
	}
	return nil
}

// series runs both sides by turns and gives each round's quotients out.
func (p *program) series(rounds int, much string, take func(name string, q float64), rows map[string]*row) error {
	if p.c {
		much = cRoundN
	}
	for round := range rounds {
		var head, base map[string]float64
		var errHead, errBase error
		// Which goes first changes: what a side leaves behind meets both.
		if round%2 == 0 {
			base, errBase = p.timed(p.base, p.baseDir, much)
			head, errHead = p.timed(p.head, p.headDir, much)
		} else {
			head, errHead = p.timed(p.head, p.headDir, much)
			base, errBase = p.timed(p.base, p.baseDir, much)
		}
		if errHead != nil || errBase != nil {
			return fmt.Errorf("time %s: head: %w, base: %w", p.label, errHead, errBase)
		}
		for name, ns := range head {
			if b := base[name]; b > 0 && rows[name] != nil {
				take(name, ns/b)
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

// quartile is the lower quartile, 0 of nothing.
func quartile(list []float64) float64 { return at(list, 1, 4) }

// median of a list, 0 of nothing.
func median(list []float64) float64 { return at(list, 1, 2) }

func at(list []float64, part, of int) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)*part/of]
}

// slower says that both series agree.
func (r *row) slower() bool { return quartile(r.ratios) > worseBy && quartile(r.again) > worseBy }

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
	series := r.ratios
	if len(r.again) > 0 {
		series = r.again
	}
	if len(series) > 0 {
		line += fmt.Sprintf(" time=%+.1f%%", 100*(median(series)-1))
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
