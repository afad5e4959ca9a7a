package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-full:", err)
		os.Exit(1)
	}
}

// command runs one of the sides of a measurement, or, as "report", all of them.
func command(args []string) error {
	sub := map[string]func([]string) error{
		"report": runReport, "decode": runDecode, "venue": runVenue, "segment": runSegment, "client": runClient,
	}
	if len(args) == 0 || sub[args[0]] == nil {
		return fmt.Errorf("want report, decode, venue, segment or client; make bench-full runs it")
	}
	return sub[args[0]](args[1:])
}

// bench is one run of the report.
type bench struct {
	kit.Report

	self  string
	tools string // directory of what bench/full/run built
	dir   string // directory of segments and sockets, in memory
	cpus  kit.CPUs
	// helper is the CPU of brokers and of transports' own threads: HELP_CPU, else a third
	// one, else the reader's.
	helper    int
	nsPerTick float64
	rounds    int
	small     bool // counts of a trial, not of a measurement
}

func runReport(args []string) error {
	b := &bench{Report: kit.Report{Out: os.Stdout}}
	f := flag.NewFlagSet("report", flag.ContinueOnError)
	f.StringVar(&b.tools, "tools", "", "directory with the programs that bench/full/run builds")
	f.StringVar(&b.dir, "dir", "", "directory for segments and sockets")
	f.IntVar(&b.rounds, "rounds", 5, "rounds of all peers in turn")
	f.BoolVar(&b.small, "small", false, "a trial: few messages, figures mean nothing")
	only := f.String("only", "", "one part: ring, decode, socket")
	commit := f.String("commit", "unknown", "what is measured")
	results := f.String("write", "", "file to write the report into")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := b.prepare(); err != nil {
		return err
	}
	began := time.Now()
	if err := b.all(*only, *commit); err != nil {
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
	if b.helper, err = chooseHelper(b.cpus); err != nil {
		return err
	}
	b.nsPerTick = kit.Calibrate()
	return nil
}

func (b *bench) all(only, commit string) error {
	b.Printf("tickring bench, peers beside us\n")
	for _, line := range kit.MachineFacts(b.cpus, "make bench-full", "cc", commit, b.nsPerTick) {
		b.Printf("  %s\n", line)
	}
	b.Printf("  brokers and threads of transports: CPU %d (HELP_CPU)\n", b.helper)
	for _, line := range versions(b.tools) {
		b.Printf("  %s\n", line)
	}
	for _, line := range b.warnings() {
		b.Printf("  warning: %s\n", line)
	}
	for _, line := range absences(b.tools) {
		b.Printf("absent %s\n", line)
	}
	for _, part := range []struct {
		name    string
		measure func() error
	}{{"ring", b.reportRing}, {"decode", b.reportDecode}, {"socket", b.reportSocket}} {
		if only != "" && only != part.name {
			continue
		}
		if err := part.measure(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	b.PrintFigures()
	return nil
}

func (b *bench) warnings() []string {
	list := kit.MachineWarnings(b.cpus)
	if b.helper == b.cpus.Reader {
		list = append(list, "no third CPU: brokers and transports' threads share the reader's, whose readers then block; with three or more they spin")
	}
	if b.small {
		list = append(list, "a trial with few messages: its figures mean nothing")
	}
	return list
}
