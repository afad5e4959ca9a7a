package main

import (
	"slices"
	"strconv"

	"github.com/tickring/tickring/bench/internal/kit"
)

// bookLevelGoal is the most that a level near the top of a book may cost, ns.
const bookLevelGoal = 60

// reportBook prints what one level of a delta costs a book of 400 levels a side.
func (b *bench) reportBook() error {
	text, err := kit.Output("book benchmark", b.self, "pinned", strconv.Itoa(b.cpus.Publisher), b.feedTest, "-test.run", "^$",
		"-test.bench", "^BenchmarkBookLevel$", "-test.benchtime", "20ms", "-test.count", "7", "-test.benchmem")
	if err != nil {
		return err
	}
	rows, err := parseGoBench(string(text), "BenchmarkBookLevel/")
	if err != nil {
		return err
	}
	b.Printf("\n== one level of a delta into a book of 400 levels a side; medians of rounds; goal near the top %d ns\n", bookLevelGoal)
	b.Printf("  %-24s %10s %12s\n", "levels from the best", "ns", "allocations")
	for _, r := range rows {
		ns := kit.Median(slices.Clone(r.ns))
		b.Printf("  %-24s %10.0f %12g\n", r.name, ns, r.allocations)
		b.Figure("book_level_"+r.name, ns, "ns")
	}
	return nil
}
