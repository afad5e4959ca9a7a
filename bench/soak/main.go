package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

func main() {
	// What lives on the heap is told by where it was taken; see heapOf.
	runtime.MemProfileRate = memProfileRate
	o := options{out: os.Stdout}
	flag.DurationVar(&o.length, "for", 10*time.Minute, "how long, at least 5s")
	flag.Uint64Var(&o.seed, "seed", 0, "order and parameters of the faults; 0 draws one")
	flag.StringVar(&o.venue, "venue", "both", "gateio, mexc or both")
	flag.BoolVar(&o.verbose, "v", false, "print every storm")
	flag.Parse()
	r, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	fmt.Fprintln(o.out, r)
	if !r.good() {
		os.Exit(1)
	}
}

// recoveryLimit is the specification's; the goal is a tenth of it.
const (
	recoveryLimit = time.Second
	recoveryGoal  = recoveryLimit / 10
)

// result is what a run found.
type result struct {
	faults, mismatches int
	lost               uint64
	leaks              int
	recovery           time.Duration // 99th percentile
}

// String is the last line of the program.
func (r result) String() string {
	return fmt.Sprintf("soak: faults=%d mismatches=%d lost=%d leaks=%d recovery_p99_ms=%d",
		r.faults, r.mismatches, r.lost, r.leaks, r.recovery.Milliseconds())
}

func (r result) good() bool {
	return r.mismatches == 0 && r.lost == 0 && r.leaks == 0 && r.recovery < recoveryLimit && r.faults > 0
}

// options say what to run.
type options struct {
	length  time.Duration
	seed    uint64
	venue   string
	verbose bool
	out     io.Writer
}

func (o options) check() error {
	if o.venue != "gateio" && o.venue != "mexc" && o.venue != "both" {
		return fmt.Errorf("venue %q: want gateio, mexc or both", o.venue)
	}
	if o.length < 5*time.Second {
		return fmt.Errorf("for %s: want at least 5s", o.length)
	}
	return nil
}

func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
