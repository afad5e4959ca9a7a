package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

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
	}
	if len(args) == 0 || sub[args[0]] == nil {
		return fmt.Errorf("want report, writer, reader, decode or pinned; make bench runs it")
	}
	return sub[args[0]](args[1:])
}

// bench is one run of the report.
type bench struct {
	// Programs; ping and cReader are empty without a C compiler.
	self, tickring, feedTest, ping, cReader string
	// dir holds the segments.
	dir       string
	slots     int
	cpus      cpus
	nsPerTick float64
	out       io.Writer
	text      strings.Builder // all that was printed
	figures   []string
}

func (b *bench) printf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	b.text.WriteString(line)
	fmt.Fprint(b.out, line)
}

func runReport(args []string) error {
	b := &bench{out: os.Stdout}
	f := flag.NewFlagSet("report", flag.ContinueOnError)
	f.StringVar(&b.tickring, "tickring", "", "the program")
	f.StringVar(&b.feedTest, "feed-test", "", "the test binary of package feed")
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
	b.printf("\nmeasured in %s\n", time.Since(began).Round(time.Second))
	if *results == "" {
		return nil
	}
	return os.WriteFile(*results, []byte(resultsHead+"```\n"+b.text.String()+"```\n"), 0o644)
}

// prepare settles where and by which clock is measured.
func (b *bench) prepare() (err error) {
	// The children end with the thread that made them, whatever ends this process.
	runtime.LockOSThread()
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if b.cpus, err = chooseCPUs(); err != nil {
		return err
	}
	b.slots = ring.DefaultSlots
	if text := os.Getenv("BENCH_SLOTS"); text != "" {
		if b.slots, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("BENCH_SLOTS=%q: want a power of two", text)
		}
	}
	b.nsPerTick = calibrate()
	return nil
}

func (b *bench) all(cc, commit string) error {
	b.printf("tickring bench\n")
	for _, line := range machineFacts(b.cpus, cc, commit, b.nsPerTick) {
		b.printf("  %s\n", line)
	}
	for _, line := range machineWarnings(b.cpus) {
		b.printf("  warning: %s\n", line)
	}
	if err := b.reportDecode(); err != nil {
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
	b.printf("\n== figures and same-run ratios\n%s\n", strings.Join(b.figures, "\n"))
	return nil
}
