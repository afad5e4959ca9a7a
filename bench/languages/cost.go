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
	base    *row      // C's, which it is held to; itself for those
	ns      []float64 // a record, one each turn
	of      []float64 // quotients of its turn and of its base's turn beside it
}

// reportCost drains one full ring by all ways, each in turn with C.
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
	for _, r := range rows { // the first two are C's, which there always is
		r.base = rows[0]
		if r.head() {
			r.base = rows[1]
		}
	}
	return rows, nil
}

// round is one turn of a row and one of its base beside it, now the one and now the other
// first: what a turn leaves in the caches, and where in a round it is, is then alike for
// both. A row that has had its rounds is passed over.
func (b *bench) round(r *row, round int) error {
	n := drains
	if r.rounds > 0 {
		n = 1
	}
	if r == r.base || r.rounds > 0 && round >= r.rounds {
		return nil
	}
	pair := []*row{r.base, r}
	if round%2 == 1 {
		slices.Reverse(pair)
	}
	for _, each := range pair {
		turns := n
		if each == r.base {
			turns = drains
		}
		ns, err := b.turn(each, turns)
		if err != nil {
			return err
		}
		each.ns = append(each.ns, ns)
	}
	r.of = append(r.of, last(r.ns)/last(r.base.ns))
	return nil
}

func last(list []float64) float64 { return list[len(list)-1] }

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

func (b *bench) printCost(rows []*row) {
	b.Printf("\n== cost of a record, ns of the thread's processor time; a full ring of %d slots drained, each way in turn with C, on CPU %d\n",
		b.slots, b.cpus.Reader)
	b.Printf("   medians of %d rounds, of fewer where a record costs far more; the ratio is the median of those to C's turn beside it\n", b.costRounds)
	b.Printf("  %-40s %10s %14s %10s\n", "row", "ns", "M records/s", "of C's")
	for _, r := range rows {
		ns, of := kit.Median(slices.Clone(r.ns)), 1.0
		if r != r.base {
			of = kit.Median(slices.Clone(r.of))
		}
		b.Printf("  %-40s %10.1f %14.2f %10.2f\n", r.name, ns, 1e3/ns, of)
		b.Figure("cost_"+r.key, ns, "ns")
		switch {
		case r.rate > 0:
			b.Ratio(r.key+"_rate_over_goal", 1e9/ns/r.rate, kit.AtLeast(1))
		case r != r.base:
			b.ratio("cost_"+r.key+"_over_c", of, r.most)
		}
		if math.IsInf(ns, 0) || ns <= 0 {
			b.Printf("  warning: %s took no time that its clock tells\n", r.name)
		}
	}
}
