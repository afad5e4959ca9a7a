package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	// What lives on the heap is told by where it was taken; see heapOf.
	runtime.MemProfileRate = memProfileRate
	o := options{out: os.Stdout}
	flag.DurationVar(&o.length, "for", 10*time.Minute, "how long, at least 5s")
	flag.Uint64Var(&o.seed, "seed", 0, "order and parameters of the faults; 0 draws one")
	flag.StringVar(&o.venue, "venue", allVenues, "one of "+strings.Join(venues, ", ")+", or "+allVenues)
	flag.IntVar(&o.pairs, "pairs", 100, fmt.Sprintf("pairs of each venue, %d to %d", leastPairs, mostPairs))
	flag.BoolVar(&o.verbose, "v", false, "print every storm")
	recorded := flag.Bool("record", false, "record the venues and replay, see the package's documentation")
	flag.StringVar(&o.program, "tickring", "tickring", "with --record, the program that records and replays")
	flag.Parse()
	if *recorded {
		os.Exit(mainRecord(o))
	}
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

// mainRecord runs the recordings and gives the exit code.
func mainRecord(o options) int {
	results, err := record(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 2
	}
	code := 0
	for _, r := range results {
		fmt.Fprintln(o.out, r)
		if !r.good() {
			code = 1
		}
	}
	return code
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

// venues are those that the simulator serves; allVenues runs them side by side.
var venues = []string{"gateio", "mexc", "gateio-futures"}

const allVenues = "all"

// leastPairs is what the faults choose among, mostPairs what a publisher subscribes within
// settleLimit.
const leastPairs, mostPairs = 10, 500

// options say what to run.
type options struct {
	length  time.Duration
	seed    uint64
	venue   string
	pairs   int // of each venue
	verbose bool
	program string // records and replays
	out     io.Writer
}

// runs says whether a setting is of a venue that was asked for.
func (o options) runs(set setting) bool { return o.venue == allVenues || o.venue == set.venue }

func (o options) check() error {
	if o.venue != allVenues && !slices.Contains(venues, o.venue) {
		return fmt.Errorf("venue %q: want one of %s, or %s", o.venue, strings.Join(venues, ", "), allVenues)
	}
	if o.pairs < leastPairs || o.pairs > mostPairs {
		return fmt.Errorf("pairs %d: want %d to %d", o.pairs, leastPairs, mostPairs)
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
