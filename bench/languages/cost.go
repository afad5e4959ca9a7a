package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
)

// A turn is so many drains where a record costs some ns; one where it costs a hundred
// times that.
const (
	drains      = 4
	costRounds  = 25
	childrenFor = 5 * time.Minute
)

// row is a way to read with its process and what its turns gave.
type row struct {
	way
	process *kit.Process
	ns      []float64 // a record, one each round
}

// reportCost drains one full ring by all ways in turn.
func (b *bench) reportCost() error {
	path := filepath.Join(b.dir, "cost")
	writer, err := b.fill(path)
	if err != nil {
		return err
	}
	defer writer.Kill()
	rows, err := b.startRows(path)
	for _, r := range rows {
		defer r.process.Kill()
	}
	if err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := b.turn(r, b.warmDrains(r.warm)); err != nil {
			return err
		}
	}
	for round := range b.costRounds {
		for _, r := range rows {
			if err := b.round(r, round); err != nil {
				return err
			}
		}
	}
	b.printCost(rows)
	return nil
}

// warmDrains is fewer in a small run, which proves that it works and no figure.
func (b *bench) warmDrains(n int) int {
	if b.small {
		return 1
	}
	return n
}

// fill starts the writer of one ring, which is left full and its writer alive.
func (b *bench) fill(path string) (*kit.Process, error) {
	w, err := kit.StartFor(childrenFor, "writer of the full ring", b.tool("writer"))
	if err != nil {
		return nil, err
	}
	for _, command := range []string{fmt.Sprintf("make %s cost %d 1", path, b.slots), fmt.Sprintf("run %d", b.slots-1)} {
		said, err := ask(w, command)
		if err == nil && said != "ok\n" {
			err = fmt.Errorf("%s: it said %q", command, said)
		}
		if err != nil {
			return nil, w.Explain(err)
		}
	}
	return w, nil
}

// ask gives a process a line and waits for the answer.
func ask(p *kit.Process, line string) (string, error) {
	if _, err := fmt.Fprintln(p.In, line); err != nil {
		return "", err
	}
	return p.Out.ReadString('\n')
}

// startRows starts a process for each way whose program there is.
func (b *bench) startRows(path string) ([]*row, error) {
	var rows []*row
	for _, w := range ways {
		program, ok := b.program(w.program)
		if !ok {
			continue
		}
		p, err := b.pinned(w.name, b.cpus.Reader, childrenFor, program, "drain", w.way, path)
		if err != nil {
			return rows, err
		}
		rows = append(rows, &row{way: w, process: p})
	}
	return rows, nil
}

// round is one turn of a row, unless it has had its rounds.
func (b *bench) round(r *row, round int) error {
	n := drains
	if r.rounds > 0 {
		if round >= r.rounds {
			return nil
		}
		n = 1
	}
	ns, err := b.turn(r, n)
	r.ns = append(r.ns, ns)
	return err
}

// turn drains n times and gives the ns of a record. A drain that missed a record fails.
func (b *bench) turn(r *row, n int) (float64, error) {
	said, err := ask(r.process, "turn "+strconv.Itoa(n))
	if err != nil {
		return 0, r.process.Explain(err)
	}
	var records, ns, check int64
	if _, err := fmt.Sscan(said, &records, &ns, &check); err != nil {
		return 0, r.process.Explain(fmt.Errorf("it said %q: %w", said, err))
	}
	// The bids are 1 to slots-1, one each record.
	each := int64(b.slots - 1)
	if records != int64(n)*each || r.sums && check != int64(n)*each*(each+1)/2 {
		return 0, r.process.Explain(fmt.Errorf("%d drains gave %d records, sum %d", n, records, check))
	}
	return float64(ns) / float64(records), nil
}

// quotient is the median of the quotients of each round.
func quotient(a, c *row) float64 {
	var list []float64
	for i := range min(len(a.ns), len(c.ns)) {
		list = append(list, a.ns[i]/c.ns[i])
	}
	return kit.Median(list)
}

func (b *bench) printCost(rows []*row) {
	b.Printf("\n== cost of a record, ns of the thread's processor time; a full ring of %d slots drained, all ways in turn, on CPU %d\n",
		b.slots, b.cpus.Reader)
	b.Printf("   medians of %d rounds, of fewer where a record costs far more; the ratio is the median of the rounds' ratios\n", b.costRounds)
	b.Printf("  %-40s %10s %14s %10s\n", "row", "ns", "M records/s", "of C's")
	whole, head := rows[0], rows[1]
	for _, r := range rows {
		base := whole
		if r.head() {
			base = head
		}
		ns, of := kit.Median(slices.Clone(r.ns)), quotient(r, base)
		b.Printf("  %-40s %10.1f %14.2f %10.2f\n", r.name, ns, 1e3/ns, of)
		b.Figure("cost_"+r.key, ns, "ns")
		switch {
		case r.rate > 0:
			b.Ratio(r.key+"_rate_over_goal", 1e9/ns/r.rate, kit.AtLeast(1))
		case r != base:
			b.ratio("cost_"+r.key+"_over_c", of, r.most)
		}
		if math.IsInf(ns, 0) || ns <= 0 {
			b.Printf("  warning: %s took no time that its clock tells\n", r.name)
		}
	}
}
