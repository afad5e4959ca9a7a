package main

import (
	"errors"
	"fmt"
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
	if err := b.printParts(b.numbersTest, "^Benchmark(Lookup|LookupLoopAlone|PaddedDecimals?)$", "50ms", []part{
		{name: "symbol_to_instrument", benchmark: "Lookup", loop: "LookupLoopAlone", what: "of 256, in turn"},
		{name: "decimal", benchmark: "PaddedDecimal", what: "one in a call"},
		{name: "decimals_four", benchmark: "PaddedDecimals", what: "four in a call"},
	}); err != nil {
		return err
	}
	if err := b.printParts(b.wireTest, "^Benchmark(ReaderHeader|ConnPlain)$", "50ms", []part{
		{name: "frame_header", benchmark: "ReaderHeader", what: "the payload is not looked at"},
		{name: "message_plain", benchmark: "ConnPlain", what: "with both system calls"},
	}); err != nil {
		return err
	}
	// Its messages are sealed by a server before the clock runs: a count, not a time.
	return b.printParts(b.wireTest, "^BenchmarkConnTLS$", "2000x", []part{
		{name: "message_tls12", benchmark: "ConnTLS/TLS_1.2", what: "opened and read, without system calls"},
		{name: "message_tls13", benchmark: "ConnTLS/TLS_1.3", what: "opened and read, without system calls"},
	})
}

func (b *bench) printParts(binary, pattern, length string, parts []part) error {
	text, err := kit.Output("benchmarks of single steps", b.self, "pinned", strconv.Itoa(b.cpus.Publisher), binary, "-test.run", "^$",
		"-test.bench", pattern, "-test.benchtime", length, "-test.count", "7", "-test.benchmem")
	if err != nil {
		return err
	}
	rows, err := parseGoBench(string(text), "Benchmark")
	if err != nil {
		return err
	}
	of := func(name string) (ns, allocations float64, err error) {
		i := slices.IndexFunc(rows, func(r goBench) bool { return r.name == name })
		switch {
		case name == "":
			return 0, 0, nil
		case i < 0:
			return 0, 0, fmt.Errorf("benchmarks of single steps: Benchmark%s printed nothing", name)
		}
		return kit.Median(slices.Clone(rows[i].ns)), rows[i].allocations, nil
	}
	for _, p := range parts {
		ns, allocations, err := of(p.benchmark)
		loop, _, loopErr := of(p.loop)
		if err := errors.Join(err, loopErr); err != nil {
			return err
		}
		b.Printf("  %-28s %10.1f %12g  %s\n", p.name, ns-loop, allocations, p.what)
		b.Figure(p.name, ns-loop, "ns")
		b.Figure(p.name+"_allocations", allocations, "a call")
	}
	return nil
}
