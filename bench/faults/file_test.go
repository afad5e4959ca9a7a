package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// exitCode is how a process ended that was to end by itself.
func exitCode(t *testing.T, p *process) int {
	t.Helper()
	p.wait(t)
	if p.err == nil {
		return 0
	}
	var exit *exec.ExitError
	require.True(t, errors.As(p.err, &exit), "%v", p.err)
	return exit.ExitCode()
}

// A segment's file that is deleted from outside: attached readers and the publisher
// go on and say so, a new reader is told that there is no such feed, and the next
// publisher counts the generation up.
func TestSegmentDeleted(t *testing.T) {
	dir := feedDir(t)
	readers := startReaders(t, dir, 0)
	v := startVenue(t, 2000, 10)
	p := startPublisher(t, dir, v, 4096)
	m := awaitFeed(t, dir, p, 100)
	for _, r := range readers {
		r.awaitEvent(t, eventAttached, 0, patience)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, feedName)))

	at := m.View().LastSequence()
	for _, r := range readers {
		r.await(t, "records from the old mapping", patience, func(s report) bool { return s.Next > at+2000 })
	}
	tail := start(t, nil, nil, binary, "tail", feedName, "--dir", dir)
	assert.Equal(t, 1, exitCode(t, tail))
	assert.Contains(t, tail.said.text(), "no such feed")
	require.Eventually(t, func() bool { return strings.Contains(p.said.text(), "no such feed") }, patience, 5*time.Millisecond,
		"the publisher says so")
	readers[0].awaitEvent(t, eventDeleted, 0, patience)

	p.kill()
	next := startPublisher(t, dir, v, 4096)
	generation := awaitFeed(t, dir, next, 100).View().Generation()
	assert.Equal(t, m.View().Generation()+1, generation, "the lock file remembers")
	finishInLast(t, next, readers, generation)
	fmt.Printf("faults: segment deleted: readers went on, attach refused, next generation=%d\n", generation)
}

// finishInLast waits until every reader is in the last generation, ends the
// publisher, and finishes the readers.
func finishInLast(t *testing.T, p *process, readers []*reader, generation uint64) {
	t.Helper()
	for _, r := range readers {
		r.await(t, "the next generation", patience, func(s report) bool {
			return s.Generation == generation && s.Next > s.First+100
		})
	}
	p.end(t)
	for _, r := range readers {
		r.awaitEvent(t, eventClosed, 0, patience)
		r.finish(t)
	}
}

// A segment's file that is truncated from outside takes its pages from everybody
// who has it mapped. An operating system answers their touch with SIGBUS; what is
// left is to end well and to start again:
//   - the publisher ends with exit 1 and a line that says what happened;
//   - the Go reader, inside Guard, gets an error and waits for the next generation;
//   - the C library answers DAMAGED where it looks before it touches: it was waiting.
//     One that was busy elsewhere touches first: the process gets SIGBUS, and without
//     a handler of its own it dies. The reader of this test has one and goes on;
//   - a publisher that is started again counts the generation up, and both follow.
func TestSegmentTruncated(t *testing.T) {
	for _, c := range []truncation{
		{name: "behind its header, under load", size: ring.HeaderSize},
		{name: "to nothing, under load"},
		{name: "to nothing, while the publisher is stopped", stopped: true},
		{name: "behind its header, while the readers are busy elsewhere", size: ring.HeaderSize, busy: true},
	} {
		t.Run(c.name, func(t *testing.T) { truncate(t, c) })
	}
}

// truncation is one way to do it.
type truncation struct {
	name    string
	size    int64
	stopped bool // the publisher
	busy    bool // the C reader: it does not wait on the feed at that moment
}

func truncate(t *testing.T, c truncation) {
	dir := feedDir(t)
	nap := time.Duration(0)
	if c.busy {
		nap = time.Second
	}
	readers := startReaders(t, dir, nap)
	v := startVenue(t, 5000, 10)
	p := startPublisher(t, dir, v, 4096)
	generation := awaitFeed(t, dir, p, 100).View().Generation()
	for _, r := range readers {
		r.await(t, "records", patience, func(s report) bool { return s.Got > 0 })
	}
	if c.stopped {
		p.signal(t, syscall.SIGSTOP)
		for _, r := range readers {
			r.awaitEvent(t, eventStale, 0, patience)
		}
	}
	if c.busy {
		readers[len(readers)-1].awaitSilence(t, 3*tellEvery)
	}
	require.NoError(t, os.Truncate(filepath.Join(dir, feedName), c.size))
	for _, r := range readers {
		awaitLoss(t, r)
	}
	if c.stopped {
		p.signal(t, syscall.SIGCONT)
	}
	assert.Equal(t, 1, exitCode(t, p), p.said.text())
	assert.Contains(t, p.said.text(), "truncated")
	assert.NotContains(t, p.said.text(), "goroutine", "a line, not a dump")

	next := startPublisher(t, dir, v, 4096)
	after := awaitFeed(t, dir, next, 100).View().Generation()
	assert.Equal(t, generation+1, after)
	finishInLast(t, next, readers, after)
	for _, r := range readers {
		damaged, _ := r.saidEvent(eventDamaged)
		shrunk, _ := r.saidEvent(eventShrunk)
		fmt.Printf("faults: segment truncated %s: reader=%s damaged=%d shrunk=%d generation=%d\n", c.name, r.name,
			damaged, shrunk, after)
		assert.Equal(t, 1, damaged+shrunk, "%s reader: said once", r.name)
		if r.name == "Go" || c.busy {
			assert.Equal(t, 1, shrunk, "%s reader: it touched a page that was gone, and lives", r.name)
		}
	}
}

// awaitLoss waits until a reader has noticed that its pages are gone.
func awaitLoss(t *testing.T, r *reader) {
	t.Helper()
	require.Eventually(t, func() bool {
		damaged, _ := r.saidEvent(eventDamaged)
		shrunk, _ := r.saidEvent(eventShrunk)
		return damaged+shrunk > 0
	}, patience, time.Millisecond, "%s reader: did not notice; last %+v", r.name, r.now())
}
