package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// What the demo runs on.
const (
	demoFeed    = "demo"
	demoMemory  = 32 << 20 // bytes of shared memory it may need
	demoSymbols = "BTC/USDT,ETH/USDT,SOL/USDT,XRP/USDT,DOGE/USDT"
	demoStart   = 15 * time.Second // for a child to get ready on a busy machine
	demoStop    = 10 * time.Second // for a child to end, and for a reader to drain
	cReaderName = "tickring-tail-c"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	duration time.Duration
	rate     int
	symbols  string
	cReader  string
}

func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show all of it at work: a simulated venue, a publisher, two readers",
		Long: "Show all of it at work on this machine alone: a simulated Gate.io over TLS, a publisher, a reader\n" +
			"in Go and one in C, each a process of its own, and a live table. It leaves nothing behind.",
		Args: needsNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.duration <= 0 {
				return usagef("--for %s: want a positive duration, such as 10s", o.duration)
			}
			if o.rate < 1 {
				return usagef("--rate %d: want 1 or more frames a second", o.rate)
			}
			return runDemo(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.duration, "for", 10*time.Second, "how long it runs")
	f.IntVar(&o.rate, "rate", 2000, "frames a second of the simulated venue")
	f.StringVar(&o.symbols, "symbols", demoSymbols, "pairs to publish")
	f.StringVar(&o.cReader, "c-reader", "", "path of "+cReaderName+" (default: looked for beside this program and in PATH)")
	return cmd
}

// demo is one run.
type demo struct {
	opts   demoOptions
	self   string
	memory string // where shared memory is
	dir    string
	out    *output

	venue, publisher *child
	mapping          *shm.Mapping
	goReader         *goReader
	cReader          *cReader // nil where there is none
}

func runDemo(ctx context.Context, o demoOptions, stdout io.Writer) (err error) {
	// The children end with the thread that made them, whatever ends this process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d := &demo{opts: o, memory: "/dev/shm", out: newOutput(stdout)}
	if d.self, err = os.Executable(); err != nil {
		return fmt.Errorf("demo: find this program: %w", err)
	}
	if err := d.makeDir(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.cleanUp()) }()
	if err := d.start(ctx); err != nil {
		return d.interrupted(ctx, err)
	}
	if err := d.watch(ctx, isTerminal(stdout)); err != nil {
		return err
	}
	return d.finish()
}

// interrupted turns a start that a signal cut short into a clean end.
func (d *demo) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// makeDir finds a place for the segment: shared memory, or a directory of files
// where there is not enough of it.
func (d *demo) makeDir() error {
	dir, why := os.MkdirTemp(d.memory, "tickring-demo-")
	if why == nil {
		if why = hasRoom(dir); why == nil {
			d.dir = dir
			return nil
		}
		if err := os.Remove(dir); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "tickring-demo-")
	if err != nil {
		return fmt.Errorf("demo: no shared memory (%v) and no temporary directory: %w", why, err)
	}
	d.dir = dir
	return d.out.printf("demo: %s cannot be used (%v); using %s instead, latencies may suffer\n", d.memory, why, dir)
}

func hasRoom(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return err
	}
	if free := fs.Bavail * uint64(fs.Bsize); fs.Blocks > 0 && free < demoMemory {
		return fmt.Errorf("%d bytes free, %d wanted", free, demoMemory)
	}
	return nil
}

// start brings up venue, publisher and readers, each after the one before it.
func (d *demo) start(ctx context.Context) (err error) {
	urls := filepath.Join(d.dir, ".venue")
	d.venue, err = startChild("simulated venue", nil, d.self, "sim", "--venue", "gateio", "--tls", "--settle", "200ms",
		"--rate", strconv.Itoa(d.opts.rate), "--symbols", "20", "--url-file", urls)
	if err != nil {
		return err
	}
	var lines []string
	err = d.venue.await(ctx, func() error {
		content, err := os.ReadFile(urls)
		lines = strings.Fields(string(content))
		return err
	})
	if err != nil {
		return err
	}
	if len(lines) != 3 {
		return fmt.Errorf("demo: simulated venue: %d lines in %s, want 3", len(lines), urls)
	}
	d.publisher, err = startChild("publisher", nil, d.self, "run", "--venue", "gateio", "--symbols", d.opts.symbols,
		"--url", lines[0], "--rest-url", lines[1], "--ca", lines[2], "--dir", d.dir, "--feed", demoFeed,
		"--source", "simulated", "--set", "gateio.book=obu@50", "--quiet")
	if err != nil {
		return err
	}
	err = d.publisher.await(ctx, func() (err error) {
		d.mapping, err = shm.Open(d.dir, demoFeed)
		return err
	})
	if err != nil {
		return err
	}
	d.goReader = startGoReader(d.mapping)
	return d.startCReader()
}

func (d *demo) startCReader() error {
	path := d.findCReader()
	if path == "" {
		return d.out.printf("demo: no C reader: install a C compiler (apt-get install gcc, or your system's clang) " +
			"and run make demo; going on with the Go reader alone\n")
	}
	c, err := startCReader(path, d.dir)
	if err != nil {
		return err
	}
	d.cReader = c
	return nil
}

// findCReader is the path of the C reader, "" where there is none.
func (d *demo) findCReader() string {
	candidates := []string{d.opts.cReader}
	if d.opts.cReader == "" {
		candidates = []string{filepath.Join(filepath.Dir(d.self), cReaderName), cReaderName}
	}
	for _, c := range candidates {
		if path, err := exec.LookPath(c); err == nil {
			return path
		}
	}
	return ""
}

// watch shows the table until time is up, a signal comes or something has died.
func (d *demo) watch(ctx context.Context, terminal bool) error {
	ctx, cancel := context.WithTimeout(ctx, d.opts.duration)
	defer cancel()
	s := newScreen(d, terminal)
	tick := time.NewTicker(s.period())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.close()
		case <-d.venue.done:
			return d.venue.died()
		case <-d.publisher.done:
			return d.publisher.died()
		case <-tick.C:
			if err := s.draw(); err != nil {
				return err
			}
		}
	}
}

// finish stops the publisher, lets the readers drain and prints the summary.
func (d *demo) finish() error {
	if err := d.publisher.stop(); err != nil {
		return err
	}
	failed := d.goReader.wait()
	var last, frames, decodeErrors uint64
	gone := d.mapping.Guard(func() {
		v := d.mapping.View()
		last, frames = v.LastSequence(), v.Counter(ring.CounterFrames)
		decodeErrors = v.Counter(ring.CounterDecodeErrors)
	})
	failed = errors.Join(failed, gone, d.goReader.complete(last))
	lost, readers := d.goReader.lost(), 1
	if d.cReader != nil {
		failed = errors.Join(failed, d.cReader.wait(), d.cReader.complete(last))
		lost += d.cReader.lost
		readers++
	}
	if err := d.summary(frames, last, decodeErrors, lost, readers); err != nil {
		return err
	}
	if failed == nil && (decodeErrors > 0 || lost > 0) {
		failed = fmt.Errorf("demo: %d decode errors, %d records lost", decodeErrors, lost)
	}
	return failed
}

// quantiles are what the summary prints of the latencies.
var quantiles = []float64{50, 90, 99, 99.9, 100}

func (d *demo) summary(frames, records, decodeErrors, lost uint64, readers int) error {
	h := d.goReader.latencies()
	var b strings.Builder
	fmt.Fprintf(&b, "\nfrom publish to seen by the Go reader, %d records, both by the system's clock:\n", h.TotalCount())
	for _, q := range quantiles {
		fmt.Fprintf(&b, "  p%-5s %12s\n", strconv.FormatFloat(q, 'f', -1, 64), time.Duration(h.ValueAtQuantile(q)))
	}
	fmt.Fprintf(&b, "read whole: Go %d records", d.goReader.records())
	if d.cReader != nil {
		fmt.Fprintf(&b, ", C %d records", d.cReader.records.Load())
	}
	return d.out.printf("%s\ndemo: frames=%d records=%d decode_errors=%d lost=%d readers=%d p50_ns=%d p99_ns=%d\n",
		b.String(), frames, records, decodeErrors, lost, readers, h.ValueAtQuantile(50), h.ValueAtQuantile(99))
}

// cleanUp ends what still runs and removes every file.
func (d *demo) cleanUp() error {
	var errs []error
	for _, c := range []*child{d.publisher, d.venue} {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	if d.cReader != nil {
		errs = append(errs, d.cReader.child.stop())
	}
	if d.goReader != nil {
		d.goReader.stop()
	}
	if d.mapping != nil {
		errs = append(errs, d.mapping.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}
