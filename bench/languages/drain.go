package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// drained is what a drain gave: records, the sum of their bids, and what it took.
type drained struct {
	records uint64
	bids    int64
	took    time.Duration
}

func (d *drained) take(r *ring.Record) {
	d.records++
	d.bids += r.BookTicker().BidPrice
}

// runDrain is "drain WAY PATH", the Go side.
func runDrain(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("drain: want WAY and PATH, got %q", args)
	}
	runtime.LockOSThread() // it is the thread's time that counts
	dir, feed := filepath.Split(args[1])
	m, err := shm.Open(dir, feed)
	if err != nil {
		return err
	}
	defer m.Close()
	drain, err := drainOf(args[0], ring.NewReader(m.View()), func() (*shm.Feed, error) {
		return shm.OpenFeed(context.Background(), feed, shm.FeedOptions{Dir: dir, From: shm.FromOldest})
	})
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var drains int
		if _, err := fmt.Sscanf(lines.Text(), "turn %d", &drains); err != nil {
			return fmt.Errorf("drain: %q: %w", lines.Text(), err)
		}
		var d drained
		for range drains {
			if err := drain(&d); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(out, d.records, d.took.Nanoseconds(), d.bids); err != nil {
			return err
		}
	}
	return nil
}

func drainOf(way string, r *ring.Reader, open func() (*shm.Feed, error)) (func(*drained) error, error) {
	timed := func(drain func(*drained)) func(*drained) error {
		return func(d *drained) error {
			from := cpuTime()
			r.SeekOldest()
			drain(d)
			d.took += cpuTime() - from
			return nil
		}
	}
	switch way {
	case "next":
		return timed(func(d *drained) { drainNext(r, d) }), nil
	case "head":
		return timed(func(d *drained) { drainHead(r, d) }), nil
	case "batch":
		batch := make([]ring.Record, 256)
		return timed(func(d *drained) { drainBatch(r, batch, d) }), nil
	case "records":
		return func(d *drained) error { return drainFeed(r, open, d) }, nil
	}
	return nil, fmt.Errorf("drain: no way %q", way)
}

func drainNext(r *ring.Reader, d *drained) {
	var rec ring.Record
	for r.Next(&rec) == ring.AnswerRecord {
		d.take(&rec)
	}
}

func drainHead(r *ring.Reader, d *drained) {
	var rec ring.Record
	for r.NextHead(&rec) == ring.AnswerRecord {
		d.take(&rec)
	}
}

func drainBatch(r *ring.Reader, batch []ring.Record, d *drained) {
	for {
		n, a := r.NextBatch(batch)
		for i := range batch[:n] {
			d.take(&batch[i])
		}
		if a != ring.AnswerRecord {
			return
		}
	}
}

// drainFeed drains through a feed of its own, as a feed does not go back. Opening it, and
// the faults of its new mapping's pages, are before the time begins.
func drainFeed(r *ring.Reader, open func() (*shm.Feed, error), d *drained) error {
	f, err := open()
	if err != nil {
		return err
	}
	defer f.Close()
	r.SeekOldest()
	left := r.View().LastSequence() - r.NextSequence() + 1
	touch := ring.NewReader(f.View())
	touch.SeekOldest()
	drainNext(touch, new(drained))

	from := cpuTime()
	for rec := range f.Records(context.Background()) {
		d.take(rec)
		if left--; left == 0 {
			break
		}
	}
	d.took += cpuTime() - from
	return f.Err()
}

// cpuTime is this thread's processor time: what else runs on the machine does not count.
func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(fmt.Sprintf("a thread without a clock: %v", err)) // Linux has it
	}
	return time.Duration(ts.Nano())
}

func drainCommand(args []string) error { return runDrain(args, os.Stdin, os.Stdout) }
