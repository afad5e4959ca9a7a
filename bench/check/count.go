package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of one run, which takes seconds: a hang must not become the check's.
const (
	countLimit = 10 * time.Minute
	timeLimit  = 2 * time.Minute
)

// Where callgrind begins and ends to count: functions that each input calls around its
// work, of a Go package or of c/reader.c. They call nothing: the growing stack of a
// goroutine would enter them twice.
const (
	beginMark = "*checkBegin"
	doneMark  = "*checkDone"
)

// absent is the count of an input that a side does not have.
const absent = -1

// row is an input on both sides.
type row struct {
	name          string
	base, head    float64 // instructions a repetition
	program       int
	first, second times
}

// countAll counts every program on both sides, as many at a time as there are CPUs.
func countAll(list []program, dir string) ([]row, error) {
	base, head := make([]counts, len(list)), make([]counts, len(list))
	places := make(chan struct{}, runtime.NumCPU())
	var done sync.WaitGroup
	for i, p := range list {
		for _, job := range []func(){
			func() { base[i] = count(p, p.base, p.baseDir, filepath.Join(dir, fmt.Sprintf("base-%d", i))) },
			func() { head[i] = count(p, p.head, p.headDir, filepath.Join(dir, fmt.Sprintf("head-%d", i))) },
		} {
			done.Go(func() {
				places <- struct{}{}
				job()
				<-places
			})
		}
	}
	done.Wait()
	var rows []row
	for i, p := range list {
		if err := errors.Join(base[i].err, head[i].err); err != nil {
			return nil, fmt.Errorf("count %s: %w", p.label, err)
		}
		rows = append(rows, joinSides(i, base[i].list, head[i].list)...)
	}
	return rows, nil
}

// counted is what callgrind said of one input, or a run of its time.
type counted struct {
	name  string
	value float64
}

// counts of a program's inputs.
type counts struct {
	list []counted
	err  error
}

// joinSides makes rows in the head's order; what only the base has comes last.
func joinSides(program int, base, head []counted) []row {
	var rows []row
	old := map[string]float64{}
	for _, b := range base {
		old[b.name] = b.value
	}
	for _, h := range head {
		r := row{name: h.name, base: absent, head: h.value, program: program}
		if v, ok := old[h.name]; ok {
			r.base = v
			delete(old, h.name)
		}
		rows = append(rows, r)
	}
	for _, b := range base {
		if _, left := old[b.name]; left {
			rows = append(rows, row{name: b.name, base: b.value, head: absent, program: program})
		}
	}
	return rows
}

// count runs a program under callgrind; no program, no counts.
func count(p program, bin, dir, out string) (c counts) {
	if bin == "" {
		return c
	}
	args := append([]string{"--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=" + out,
		"--zero-before=" + beginMark, "--dump-before=" + doneMark, bin}, p.arguments(fmt.Sprintf("%dx", p.times))...)
	text, err := output(countLimit, dir, "valgrind", args...)
	if err != nil {
		return counts{err: err}
	}
	results, err := parseResults(text)
	if err != nil {
		return counts{err: err}
	}
	// The testing package runs an input once before it runs it N times.
	perInput := 2
	if p.c {
		perInput = 1
	}
	if more, err := filepath.Glob(fmt.Sprintf("%s.%d-*", out, perInput*len(results)+1)); err != nil || len(more) > 0 {
		return counts{err: errors.Join(err, errors.New("callgrind wrote more parts than there are inputs"))}
	}
	for i, r := range results {
		total, err := partTotal(fmt.Sprintf("%s.%d", out, perInput*(i+1)))
		if err != nil {
			return counts{err: fmt.Errorf("%s: %w", r.name, err)}
		}
		c.list = append(c.list, counted{p.label + "/" + r.name, total / float64(p.times)})
	}
	return c
}

// partTotal is the sum of a part, which has a file for each thread: the one that did
// most is the input's, what the runtime's others did is noise.
func partTotal(path string) (most float64, err error) {
	files, err := filepath.Glob(path + "-*")
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, errors.New("callgrind wrote no part for it"))
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return 0, fmt.Errorf("read a part: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "totals:"); ok {
				total, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
				if err != nil {
					return 0, fmt.Errorf("callgrind's totals: %w", err)
				}
				most = max(most, total)
			}
		}
	}
	return most, nil
}

// arguments of a run of so many repetitions ("1000x") or so long ("20ms").
func (p *program) arguments(much string) []string {
	if p.c {
		return []string{strings.TrimSuffix(much, "x")}
	}
	return []string{"-test.run=^$", "-test.bench=" + p.pattern, "-test.benchtime=" + much}
}

// parseResults reads the lines of benchmarks; a name is without its prefix and the
// count of CPUs.
func parseResults(text string) ([]counted, error) {
	var list []counted
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		v, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return nil, fmt.Errorf("result %q: %w", strings.TrimSpace(line), err)
		}
		list = append(list, counted{strings.TrimPrefix(strings.TrimPrefix(fields[0], "BenchmarkChecked/"), "Benchmark"), v})
	}
	return list, nil
}

// environment of a run: nothing of the runtime runs beside the input.
func environment() []string {
	return append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
}

// output runs a program to its end.
func output(limit time.Duration, dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, environment()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stop := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() }) // it may have ended just now
	defer stop.Stop()
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%w: %s%s", err, out.String(), said.String())
	}
	return out.String(), nil
}
