package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/ring"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "languages:", err)
		os.Exit(1)
	}
}

func command(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "drain":
			return drainCommand(args[1:])
		case "report":
			return runReport(args[1:])
		}
	}
	return fmt.Errorf("want report or drain, see bench/languages/run; got %q", args)
}

// bench is one run.
type bench struct {
	kit.Report
	self          string
	tools         string // what bench/languages/run built
	dir           string // of the segments
	small         bool
	slots         int
	costRounds    int
	latencyRounds int
	latencyCount  int
	cpus          kit.CPUs
	nsPerTick     float64
}

func runReport(args []string) error {
	b := &bench{Report: kit.Report{Out: os.Stdout}, slots: ring.DefaultSlots, costRounds: costRounds,
		latencyRounds: latencyRounds, latencyCount: latencyCount}
	f := flag.NewFlagSet("report", flag.ContinueOnError)
	f.StringVar(&b.tools, "tools", "", "directory of the programs")
	f.StringVar(&b.dir, "dir", "", "directory of the segments")
	f.BoolVar(&b.small, "small", false, "few records: it proves that all works, and no figure")
	cc := f.String("cc", "cc", "the C compiler")
	commit := f.String("commit", "unknown", "what is measured")
	results := f.String("write", "", "file to write the report into")
	if err := f.Parse(args); err != nil {
		return err
	}
	if b.small {
		b.slots, b.costRounds, b.latencyRounds, b.latencyCount = 1<<12, 2, 1, 500
	}
	if err := b.prepare(); err != nil {
		return err
	}
	began := time.Now()
	b.printHead(*cc, *commit)
	if err := b.reportCost(); err != nil {
		return err
	}
	if err := b.reportLatency(); err != nil {
		return err
	}
	b.PrintFigures()
	b.Printf("\nmeasured in %s\n", time.Since(began).Round(time.Second))
	if *results == "" {
		return nil
	}
	return os.WriteFile(*results, []byte(resultsHead+"```\n"+b.Text()+"```\n"), 0o644)
}

// prepare settles where and by which clock is measured.
func (b *bench) prepare() (err error) {
	runtime.LockOSThread() // the children end with the thread that made them
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if b.cpus, err = kit.ChooseCPUs(); err != nil {
		return err
	}
	if text := os.Getenv("BENCH_SLOTS"); text != "" {
		if b.slots, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("BENCH_SLOTS=%q: want a power of two", text)
		}
	}
	b.nsPerTick = kit.Calibrate()
	return nil
}

func (b *bench) printHead(cc, commit string) {
	b.Printf("tickring readers, every language beside C\n")
	facts := kit.MachineFacts(b.cpus, "make bench-readers", cc, commit, b.nsPerTick)
	for _, line := range append(facts, b.lines("versions")...) {
		b.Printf("  %s\n", line)
	}
	for _, line := range kit.MachineWarnings(b.cpus) {
		b.Printf("  warning: %s\n", line)
	}
	for _, line := range b.lines("absent") {
		b.Printf("absent %s\n", line)
	}
}

// lines of a file among the tools; none where it is missing.
func (b *bench) lines(name string) []string {
	text, err := os.ReadFile(b.tool(name))
	if err != nil {
		return nil
	}
	return slices.Collect(strings.FieldsFuncSeq(string(text), func(r rune) bool { return r == '\n' }))
}

func (b *bench) tool(name string) string { return filepath.Join(b.tools, name) }

// program is a language's, false where it could not be built.
func (b *bench) program(name string) (string, bool) {
	if name == "" {
		return b.self, true
	}
	path := b.tool(name)
	_, err := os.Stat(path)
	return path, err == nil
}

// pinned starts a program all of whose threads stay on one CPU.
func (b *bench) pinned(name string, cpu int, limit time.Duration, program string, args ...string) (*kit.Process, error) {
	return kit.StartFor(limit, name, b.tool("measure"), append([]string{"pinned", strconv.Itoa(cpu), program}, args...)...)
}

// resultsHead opens the file that a run with BENCH_WRITE=1 leaves.
const resultsHead = `# Readers in every language beside C

One run of BENCH_WRITE=1 make bench-readers, as printed. PUB_CPU= READ_CPU= BENCH_SLOTS= choose the CPUs and the
ring's size. Watch the ratio lines: they compare values of one round of one run. *_rate_over_goal is records a
second over what is asked for, 10 M/s of batches into numpy and 1 M/s of one by one.

`
