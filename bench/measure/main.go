package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/ring"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command runs one of the sides of a measurement, or, as "report", all of them.
func command(args []string) error {
	sub := map[string]func([]string) error{
		"report": runReport, "writer": runWriter, "reader": runReader, "decode": runDecode, "pinned": runPinned,
		"frames": runFrames,
	}
	if len(args) == 0 || sub[args[0]] == nil {
		return fmt.Errorf("want report, writer, reader, decode, frames or pinned; make bench runs it")
	}
	return sub[args[0]](args[1:])
}

// bench is one run of the report.
type bench struct {
	kit.Report

	// Programs; ping and cReader are empty without a C compiler.
	self, tickring, ping, cReader string
	// Test binaries, for their benchmarks.
	feedTest, wireTest, numbersTest string
	// dir holds the segments.
	dir       string
	slots     int
	cpus      kit.CPUs
	nsPerTick float64
}

func runReport(args []string) error {
	b := &bench{Report: kit.Report{Out: os.Stdout}}
	f := flag.NewFlagSet("report", flag.ContinueOnError)
	f.StringVar(&b.tickring, "tickring", "", "the program")
	f.StringVar(&b.feedTest, "feed-test", "", "the test binary of package feed")
	f.StringVar(&b.wireTest, "wire-test", "", "that of package wire")
	f.StringVar(&b.numbersTest, "numbers-test", "", "that of package exchanges")
	f.StringVar(&b.ping, "ping", "", "bench/ping.c, built; empty without a C compiler")
	f.StringVar(&b.cReader, "c-reader", "", "bench/reader.c, built; empty without a C compiler")
	f.StringVar(&b.dir, "dir", "", "directory for segments")
	cc := f.String("cc", "cc", "the C compiler")
	commit := f.String("commit", "unknown", "what is measured")
	results := f.String("write", "", "file to write the report into")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := b.prepare(); err != nil {
		return err
	}
	began := time.Now()
	if err := b.all(*cc, *commit); err != nil {
		return err
	}
	b.Printf("\nmeasured in %s\n", time.Since(began).Round(time.Second))
	if *results == "" {
		return nil
	}
	return os.WriteFile(*results, []byte(resultsHead+"```\n"+b.Text()+"```\n"), 0o644)
}

// prepare settles where and by which clock is measured.
func (b *bench) prepare() (err error) {
	// The children end with the thread that made them, whatever ends this process.
	runtime.LockOSThread()
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if b.cpus, err = kit.ChooseCPUs(); err != nil {
		return err
	}
	b.slots = ring.DefaultSlots
	if text := os.Getenv("BENCH_SLOTS"); text != "" {
		if b.slots, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("BENCH_SLOTS=%q: want a power of two", text)
		}
	}
	b.nsPerTick = kit.Calibrate()
	return nil
}

func (b *bench) all(cc, commit string) error {
	b.Printf("tickring bench\n")
	for _, line := range kit.MachineFacts(b.cpus, "make bench", cc, commit, b.nsPerTick) {
		b.Printf("  %s\n", line)
	}
	for _, line := range kit.MachineWarnings(b.cpus) {
		b.Printf("  warning: %s\n", line)
	}
	if err := b.reportDecode(); err != nil {
		return err
	}
	if err := b.reportParts(); err != nil {
		return err
	}
	if err := b.reportBook(); err != nil {
		return err
	}
	if err := b.reportPublish(); err != nil {
		return err
	}
	c, err := b.measureCrossings()
	if err != nil {
		return err
	}
	c.report(b)
	if err := b.reportSocket(); err != nil {
		return err
	}
	b.PrintFigures()
	return nil
}
