package main

import (
	"slices"
	"strconv"

	"github.com/tickring/tickring/bench/internal/kit"
)

// part is a step of the way of a frame, timed by a Go benchmark; of its nanoseconds those
// of another, the loop alone, are taken off.
type part struct {
	name, benchmark, loop string
	what                  string
}

// reportParts prints what single steps cost, and what they allocate.
func (b *bench) reportParts() error {
	b.Printf("\n== single steps, ns; medians of rounds; goals: symbol 3, header 7, allocations 0 but for TLS\n")
	b.Printf("  %-28s %10s %12s\n", "step", "ns", "allocations")
	if err := b.printParts(b.numbersTest, "^Benchmark(Lookup|LookupLoopAlone|PaddedDecimals?)$", []part{
		{name: "symbol_to_instrument", benchmark: "Lookup", loop: "LookupLoopAlone", what: "of 256, in turn"},
		{name: "decimal", benchmark: "PaddedDecimal", what: "one in a call"},
		{name: "decimals_four", benchmark: "PaddedDecimals", what: "four in a call"},
	}); err != nil {
		return err
	}
	return b.printParts(b.wireTest, "^Benchmark(ReaderHeader|ConnPlain|ConnTLS)$", []part{
		{name: "frame_header", benchmark: "ReaderHeader", what: "the payload is not looked at"},
		{name: "message_plain", benchmark: "ConnPlain", what: "with both system calls"},
		{name: "message_tls12", benchmark: "ConnTLS/TLS_1.2", what: "opened and read, without system calls"},
		{name: "message_tls13", benchmark: "ConnTLS/TLS_1.3", what: "opened and read, without system calls"},
	})
}

func (b *bench) printParts(binary, pattern string, parts []part) error {
	text, err := kit.Output("benchmarks of single steps", b.self, "pinned", strconv.Itoa(b.cpus.Publisher), binary, "-test.run", "^$",
		"-test.bench", pattern, "-test.benchtime", "50ms", "-test.count", "7", "-test.benchmem")
	if err != nil {
		return err
	}
	rows, err := parseGoBench(string(text), "Benchmark")
	if err != nil {
		return err
	}
	of := func(name string) (ns, allocations float64) {
		i := slices.IndexFunc(rows, func(r goBench) bool { return r.name == name })
		if i < 0 {
			return 0, 0
		}
		return kit.Median(slices.Clone(rows[i].ns)), rows[i].allocations
	}
	for _, p := range parts {
		ns, allocations := of(p.benchmark)
		loop, _ := of(p.loop)
		b.Printf("  %-28s %10.1f %12g  %s\n", p.name, ns-loop, allocations, p.what)
		b.Figure(p.name, ns-loop, "ns")
		b.Figure(p.name+"_allocations", allocations, "a call")
	}
	return nil
}
