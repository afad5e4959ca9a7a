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

// Where callgrind ends a part: at what each input calls once, behind its work.
const (
	goMark = "testing.BenchmarkResult.String"
	cMark  = "input_done"
)

// absent is the count of an input that a side does not have.
const absent = -1

// row is an input on both sides.
type row struct {
	name       string
	base, head float64 // instructions a repetition
	program    int
	ratios     []float64 // times of head by base, one a round
	again      []float64 // of the second series
}

// countAll counts every program on both sides, as many at a time as there are CPUs.
func countAll(list []program, dir string) ([]row, error) {
	type job struct {
		program, times int
		bin, in, out   string
		counts         []counted
		err            error
	}
	var jobs []*job
	for i, p := range list {
		for _, s := range []struct{ name, bin, dir string }{{"base", p.base, p.baseDir}, {"head", p.head, p.headDir}} {
			for _, times := range []int{p.times, 2 * p.times} {
				out := filepath.Join(dir, fmt.Sprintf("%s-%d-%d", s.name, i, times))
				jobs = append(jobs, &job{program: i, times: times, bin: s.bin, in: s.dir, out: out})
			}
		}
	}
	places := make(chan struct{}, runtime.NumCPU())
	var done sync.WaitGroup
	for _, j := range jobs {
		done.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			j.counts, j.err = count(list[j.program], j.bin, j.in, j.out, j.times)
		})
	}
	done.Wait()
	var rows []row
	for i := 0; i < len(jobs); i += 4 {
		if err := errors.Join(jobs[i].err, jobs[i+1].err, jobs[i+2].err, jobs[i+3].err); err != nil {
			return nil, err
		}
		p := list[jobs[i].program]
		base, err := perRepetition(p, jobs[i].counts, jobs[i+1].counts)
		if err != nil {
			return nil, fmt.Errorf("count %s of the base: %w", p.label, err)
		}
		head, err := perRepetition(p, jobs[i+2].counts, jobs[i+3].counts)
		if err != nil {
			return nil, fmt.Errorf("count %s of the head: %w", p.label, err)
		}
		rows = append(rows, joinSides(jobs[i].program, base, head)...)
	}
	return rows, nil
}

// counted is what callgrind said of one input.
type counted struct {
	name  string
	value float64
}

// perRepetition takes one run from the other of twice as many repetitions.
func perRepetition(p program, once, twice []counted) ([]counted, error) {
	if len(once) != len(twice) {
		return nil, fmt.Errorf("%d inputs in one run, %d in the other", len(once), len(twice))
	}
	out := make([]counted, len(once))
	for i := range once {
		if once[i].name != twice[i].name {
			return nil, fmt.Errorf("inputs %q and %q in one place", once[i].name, twice[i].name)
		}
		out[i] = counted{p.label + "/" + once[i].name, (twice[i].value - once[i].value) / float64(p.times)}
	}
	return out, nil
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
func count(p program, bin, dir, out string, times int) ([]counted, error) {
	if bin == "" {
		return nil, nil
	}
	mark := goMark
	if p.c {
		mark = cMark
	}
	args := append([]string{"--tool=callgrind", "--callgrind-out-file=" + out, "--dump-before=" + mark, bin}, p.arguments(fmt.Sprintf("%dx", times))...)
	text, err := output(countLimit, dir, "valgrind", args...)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", p.label, err)
	}
	results, err := parseResults(text)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", p.label, err)
	}
	list := make([]counted, len(results))
	for i, r := range results {
		total, err := partTotal(fmt.Sprintf("%s.%d", out, i+1))
		if err != nil {
			return nil, fmt.Errorf("count %s %s: %w", p.label, r.name, err)
		}
		list[i] = counted{r.name, total}
	}
	return list, nil
}

// partTotal reads the sum of a part.
func partTotal(path string) (float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("callgrind wrote no part for it: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "totals:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, errors.New("callgrind's part has no totals")
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
		list = append(list, counted{strings.TrimPrefix(fields[0], "Benchmark"), v})
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
