package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/bench/internal/kit"
)

// Times of a run.
const (
	startLimit = 30 * time.Second
	// slack is what starting and ending may take beyond the run.
	slack = time.Minute
	// besideShare of the run is what each run of the loop in C takes.
	besideShare = 4
)

// What a program without collections for ten minutes is started with: crypto/tls takes
// 24 bytes a record, 0.7 GB in that time at 50,000 a second.
const (
	quietGOGC  = "off"
	quietLimit = "1GiB"
)

func main() {
	var q quiet
	root := flag.String("root", ".", "the working tree")
	flag.DurationVar(&q.length, "for", 10*time.Minute, "how long, in whole seconds")
	flag.IntVar(&q.rate, "rate", 50_000, "messages a second")
	flag.BoolVar(&q.runtimes, "default-gc", false, "the runtime's own settings instead of GOGC="+quietGOGC+" GOMEMLIMIT="+quietLimit)
	flag.Parse()
	q.out = os.Stdout
	if err := q.all(*root); err != nil {
		fmt.Fprintln(os.Stderr, "quiet:", err)
		os.Exit(1)
	}
}

// quiet is one run.
type quiet struct {
	tickring, feedTest, loop string // loop is empty without a C compiler
	length                   time.Duration
	rate                     int
	runtimes                 bool
	out                      io.Writer
	cpus                     kit.CPUs
}

// all builds the programs and runs them.
func (q *quiet) all(root string) (err error) {
	dir, err := os.MkdirTemp("", "tickring-quiet-bin-")
	if err != nil {
		return fmt.Errorf("make a directory for programs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := q.build(root, dir); err != nil {
		return err
	}
	return q.run()
}

func (q *quiet) run() (err error) {
	runtime.LockOSThread() // children end with the thread that made them
	if q.length < time.Second {
		return fmt.Errorf("-for %s: want a second or more", q.length)
	}
	if q.cpus, err = kit.ChooseCPUs(); err != nil {
		return err
	}
	if runtime.NumCPU() < 4 {
		fmt.Fprintf(q.out, "quiet: %d CPUs: the simulator and the runtime's threads share one, and the hot thread's may be taken by others\n", runtime.NumCPU())
	}
	if err := q.beside(); err != nil {
		return err
	}
	if err := q.publisher(); err != nil {
		return err
	}
	return q.beside()
}

// beside runs the loop in C.
func (q *quiet) beside() error {
	if q.loop == "" {
		fmt.Fprintln(q.out, "quiet: skipped, no C compiler: the same loop in C")
		return nil
	}
	seconds := max(int((q.length / besideShare).Seconds()), 1)
	p, err := kit.StartFor(time.Duration(seconds)*time.Second+slack, "loop", q.loop,
		strconv.Itoa(q.cpus.Publisher), strconv.Itoa(q.cpus.Reader), strconv.Itoa(seconds), strconv.Itoa(q.rate))
	if err != nil {
		return err
	}
	return q.print(p)
}

// print passes on the lines that a process says, and waits for its end.
func (q *quiet) print(p *kit.Process) error {
	text, err := io.ReadAll(p.Out)
	if err != nil {
		return p.Explain(err)
	}
	if err := p.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
	}
	said := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "quiet:") {
			said = true
			_, _ = io.WriteString(q.out, line) // the report is the terminal's
		}
	}
	if !said {
		return fmt.Errorf("it reported nothing: %s", strings.TrimSpace(string(text)))
	}
	return nil
}

// publisher brings up the simulator and the publisher and prints what that counted.
func (q *quiet) publisher() (err error) {
	dir, err := os.MkdirTemp("", "tickring-quiet-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	urls := filepath.Join(dir, "urls")
	venue, err := kit.StartFor(q.length+slack, "simulator", q.tickring, "sim", "--venue", "gateio", "--tls",
		"--settle", "100ms", "--rate", strconv.Itoa(q.rate), "--symbols", "10", "--url-file", urls)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, venue.Interrupt(), os.RemoveAll(dir)) }()
	lines, err := awaitLines(urls)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"TICKRING_QUIET_FOR": q.length.String(), "TICKRING_QUIET_CPU": strconv.Itoa(q.cpus.Publisher),
		"TICKRING_QUIET_URL": lines[0], "TICKRING_QUIET_CA": lines[2],
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	if err := q.collector(); err != nil {
		return err
	}
	// The rest of the process keeps off the hot CPU, as tickring run sees to.
	if err := keepOff(q.cpus.Publisher); err != nil {
		return err
	}
	p, err := kit.StartFor(q.length+slack, "publisher", q.feedTest, "-test.run=^TestQuietPublisher$", "-test.timeout=0")
	if err != nil {
		return err
	}
	return q.print(p)
}

func (q *quiet) collector() error {
	if q.runtimes {
		return nil
	}
	return errors.Join(os.Setenv("GOGC", quietGOGC), os.Setenv("GOMEMLIMIT", quietLimit))
}

// keepOff takes a CPU out of what this thread's children may use.
func keepOff(cpu int) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return fmt.Errorf("ask for the CPUs allowed: %w", err)
	}
	set.Clear(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("keep off CPU %d: %w", cpu, err)
	}
	return nil
}

// awaitLines waits for the simulator's addresses: WebSocket, REST, authority.
func awaitLines(path string) ([]string, error) {
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if lines := strings.Fields(string(text)); len(lines) >= 3 && strings.HasSuffix(string(text), "\n") {
			return lines, nil
		}
	}
	return nil, fmt.Errorf("the simulator was not ready within %s", startLimit)
}

// build makes the programs of a run in a directory, from a working tree.
func (q *quiet) build(root, dir string) error {
	q.tickring, q.feedTest = filepath.Join(dir, "tickring"), filepath.Join(dir, "feed.test")
	steps := [][]string{{"go", "build", "-trimpath", "-o", q.tickring, "./cmd/tickring"}, {"go", "test", "-c", "-trimpath", "-o", q.feedTest, "./feed"}}
	if _, err := exec.LookPath("cc"); err == nil {
		q.loop = filepath.Join(dir, "loop")
		steps = append(steps, []string{"cc", "-std=c11", "-O2", "-o", q.loop, "bench/quiet/c/loop.c"})
	}
	for _, s := range steps {
		cmd := exec.Command(s[0], s[1:]...)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", s[len(s)-1], err, out)
		}
	}
	return nil
}
