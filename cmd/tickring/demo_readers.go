package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// Latencies from 1 ns to a minute are kept with three digits.
const (
	lowestLatency  = 1
	highestLatency = int64(time.Minute)
	latencyDigits  = 3
)

// goReader reads the whole feed on a goroutine of its own and measures how long
// after its publication each record was seen.
type goReader struct {
	mapping *shm.Mapping
	quit    atomic.Bool
	done    chan struct{}
	err     error // read after done

	mu        sync.Mutex // held while records are read, not while waiting
	reader    *ring.Reader
	histogram *hdrhistogram.Histogram
}

func startGoReader(m *shm.Mapping) *goReader {
	g := &goReader{
		mapping: m, done: make(chan struct{}),
		histogram: hdrhistogram.New(lowestLatency, highestLatency, latencyDigits),
	}
	go func() {
		defer close(g.done)
		gone := m.Guard(func() { g.err = g.run() })
		g.err = errors.Join(g.err, gone)
	}()
	return g
}

func (g *goReader) run() error {
	g.mu.Lock()
	g.reader = ring.NewReader(g.mapping.View())
	g.reader.Seek(1)
	g.mu.Unlock()
	report := func() {}
	if named, err := g.mapping.Register("tickring demo"); err == nil { // it reads all the same
		defer named.Close()
		report = func() { named.Report(g.reader) }
	}
	began := time.Now().UnixNano()
	for !g.quit.Load() {
		switch answer := g.drain(began); answer {
		case ring.AnswerEmpty, ring.AnswerStale:
			report()
			g.reader.Wait(retryEvery)
		case ring.AnswerOverrun:
		case ring.AnswerClosed:
			return nil
		default:
			return fmt.Errorf("demo: the Go reader was told %s", answer)
		}
	}
	return nil
}

// drain reads until there is nothing more. Records from before the reader began
// are counted and not measured.
func (g *goReader) drain(began int64) ring.Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	var r ring.Record
	for {
		answer := g.reader.Next(&r)
		if answer != ring.AnswerRecord {
			return answer
		}
		if r.PublishTimeNS >= began {
			// Publisher and reader read one clock of one host, each in its own way: they
			// may be apart by less than a step of either.
			_ = g.histogram.RecordValue(min(max(time.Now().UnixNano()-r.PublishTimeNS, lowestLatency), highestLatency))
		}
	}
}

// latencies is a copy of what was measured so far.
func (g *goReader) latencies() *hdrhistogram.Histogram {
	g.mu.Lock()
	defer g.mu.Unlock()
	return hdrhistogram.Import(g.histogram.Export())
}

func (g *goReader) records() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader == nil {
		return 0
	}
	return g.reader.Stats.Records
}

// lost counts records that were overwritten, and the rest of events whose
// beginning was.
func (g *goReader) lost() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader == nil {
		return 0
	}
	return g.reader.Stats.Lost + g.reader.Stats.Skipped
}

// wait lets the reader drain a closed feed.
func (g *goReader) wait() error {
	select {
	case <-g.done:
		return g.err
	case <-time.After(demoStop):
		return fmt.Errorf("demo: the Go reader did not reach the end within %s", demoStop)
	}
}

// complete is an error unless every record up to last was read or counted lost.
func (g *goReader) complete(last uint64) error {
	if seen := g.records() + g.lost(); seen != last {
		return fmt.Errorf("demo: the Go reader saw %d of %d records", seen, last)
	}
	return nil
}

// stop ends the reader; the mapping may be closed after it.
func (g *goReader) stop() {
	g.quit.Store(true)
	<-g.done
}

// cReader is the C program; it prints every record, and this side follows its
// sequence numbers.
type cReader struct {
	child   *child
	lines   io.Closer
	counted chan struct{}
	records atomic.Uint64
	lost    uint64 // read after counted, as err
	err     error
}

func startCReader(path, dir string) (*cReader, error) {
	out, in := io.Pipe()
	c := &cReader{lines: in, counted: make(chan struct{})}
	go func() {
		defer close(c.counted)
		c.err = c.follow(out)
		// What it still writes after an error must not block it.
		_, _ = io.Copy(io.Discard, out)
	}()
	var err error
	c.child, err = startChild("C reader", in, path, demoFeed, "--dir", dir, "--from", "oldest")
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	return c, nil
}

// follow counts lines until the output ends; a jump in the sequence is loss.
func (c *cReader) follow(lines io.Reader) error {
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(make([]byte, flushBytes), 1<<20)
	last := uint64(0)
	for scanner.Scan() {
		n, ok := sequenceOf(scanner.Bytes())
		if !ok || n <= last {
			return fmt.Errorf("demo: the C reader printed %q after record %d", scanner.Text(), last)
		}
		c.lost += n - last - 1
		last = n
		c.records.Add(1)
	}
	return scanner.Err()
}

// sequenceOf reads the number behind the first key of a line of tail --json.
func sequenceOf(line []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	if !ok {
		return 0, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(","))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	return n, ok && err == nil
}

// wait lets the program drain a closed feed and end.
func (c *cReader) wait() error {
	select {
	case <-c.child.done:
	case <-time.After(demoStop):
		return errors.Join(fmt.Errorf("demo: the C reader did not reach the end within %s", demoStop), c.child.stop())
	}
	_ = c.lines.Close()
	<-c.counted
	if c.child.err != nil {
		return c.child.died()
	}
	return c.err
}

// complete is an error unless every record up to last was printed or is missing
// between two that were.
func (c *cReader) complete(last uint64) error {
	if seen := c.records.Load() + c.lost; seen != last {
		return fmt.Errorf("demo: the C reader saw %d of %d records", seen, last)
	}
	return nil
}
