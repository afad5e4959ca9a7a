package faults

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// slack is what a reader may add to the second after which a writer is stale: its
// own looks and the way of its words to the test.
const slack = 200 * time.Millisecond

// A publisher that is stopped reads as STALE within a second, and as fresh when it
// goes on; nothing is lost, for the ring stood still as well.
func TestPublisherStopped(t *testing.T) {
	const slots = 1 << 16
	dir := feedDir(t)
	readers := startReaders(t, dir, 0)
	p := startPublisher(t, dir, startVenue(t, 2000, 20), slots)
	m := awaitFeed(t, dir, p, 100)
	for _, r := range readers {
		r.await(t, "records", patience, func(s report) bool { return s.Got > 0 })
	}
	cpu := startProbe()
	var longest time.Duration
	for range counted(1, 5) {
		before := map[*reader]int{}
		for _, r := range readers {
			before[r], _ = r.saidEvent(eventStale)
		}
		p.signal(t, syscall.SIGSTOP)
		stopped := time.Now()
		for _, r := range readers {
			r.awaitEvent(t, eventStale, before[r], patience)
			_, at := r.saidEvent(eventStale)
			longest = max(longest, at.Sub(stopped))
			fmt.Printf("faults: publisher stopped: reader=%s stale_after_ms=%d\n", r.name, at.Sub(stopped).Milliseconds())
		}
		last := m.View().LastSequence()
		p.signal(t, syscall.SIGCONT)
		continued := time.Now()
		for _, r := range readers {
			r.await(t, "records after the stop", patience, func(s report) bool { return s.Next > last+1 })
			stale, _ := r.saidEvent(eventStale)
			r.awaitEvent(t, eventFresh, stale-1, patience)
			_, at := r.saidEvent(eventFresh)
			fmt.Printf("faults: publisher continued: reader=%s fresh_after_ms=%d\n", r.name, at.Sub(continued).Milliseconds())
		}
	}
	assert.Less(t, longest, widened(ring.StaleAfterNS*time.Nanosecond+slack, cpu.end()))
	p.end(t)
	for _, r := range readers {
		checkWhole(t, r, m.View())
		assert.Zero(t, r.finish(t).Lost, "%s reader", r.name)
	}
}

// checkWhole waits until a reader has drained a feed that is closed, and checks
// that what it got, lost and dropped is every record since it began.
func checkWhole(t *testing.T, r *reader, v *ring.View) {
	t.Helper()
	r.awaitEvent(t, eventClosed, 0, patience)
	s := r.now()
	assert.Equal(t, uint64(1), s.First, "%s reader: began with the first record", r.name)
	assert.Equal(t, v.LastSequence()+1, s.Next, "%s reader: drained", r.name)
	assert.Equal(t, v.LastSequence(), s.Got+s.Lost+s.Skipped, "%s reader: %+v", r.name, s)
}

// A reader that is stopped while the ring goes round many times knows to the
// record what it lost.
func TestReaderStopped(t *testing.T) {
	const slots = 1024
	dir := feedDir(t)
	readers := startReaders(t, dir, 0)
	p := startPublisher(t, dir, startVenue(t, 5000, 20), slots)
	m := awaitFeed(t, dir, p, slots)
	for _, r := range readers {
		r.await(t, "records", patience, func(s report) bool { return s.Got > 0 })
		r.signal(t, syscall.SIGSTOP)
	}
	from := m.View().LastSequence()
	require.Eventually(t, func() bool { return m.View().LastSequence() > from+5*slots }, patience, time.Millisecond)
	for _, r := range readers {
		r.signal(t, syscall.SIGCONT)
		r.await(t, "an overrun", patience, func(s report) bool { return s.Overruns > 0 && s.Next > from+5*slots })
	}
	p.end(t)
	for _, r := range readers {
		checkWhole(t, r, m.View())
		last := r.finish(t)
		assert.Greater(t, last.Lost, uint64(3*slots), "%s reader", r.name)
		stale, _ := r.saidEvent(eventStale)
		assert.Zero(t, stale, "%s reader: a stop of its own is none of the publisher's", r.name)
		fmt.Printf("faults: reader stopped: reader=%s got=%d lost=%d skipped=%d last=%d unaccounted=%d\n", r.name,
			last.Got, last.Lost, last.Skipped, m.View().LastSequence(), m.View().LastSequence()-last.Got-last.Lost-last.Skipped)
	}
}

// beats watches how long the hot heartbeat stands still at most.
type beats struct {
	stop    chan struct{}
	done    chan struct{}
	longest atomic.Int64
}

func watchBeats(v *ring.View) *beats {
	b := &beats{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		last, _ := v.HotHeartbeat()
		moved := time.Now()
		for {
			select {
			case <-b.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			now := time.Now()
			b.longest.Store(max(b.longest.Load(), int64(now.Sub(moved))))
			if beat, _ := v.HotHeartbeat(); beat != last {
				last, moved = beat, now
			}
		}
	}()
	return b
}

func (b *beats) end() time.Duration {
	close(b.stop)
	<-b.done
	return time.Duration(b.longest.Load())
}

// A reader that is killed is nothing to the publisher: it goes on as before.
func TestReaderKilled(t *testing.T) {
	dir := feedDir(t)
	readers := startReaders(t, dir, 0)
	p := startPublisher(t, dir, startVenue(t, 5000, 20), 4096)
	m := awaitFeed(t, dir, p, 4096)
	v := m.View()
	survivor := startReaders(t, dir, 0)[0]
	survivor.awaitEvent(t, eventAttached, 0, patience)
	b, cpu := watchBeats(v), startProbe()
	before := rate(v, time.Second)
	for _, r := range readers {
		r.await(t, "records", patience, func(s report) bool { return s.Got > 0 })
		r.kill()
	}
	after := rate(v, time.Second)
	still := b.end()
	assert.Less(t, still, widened(500*time.Millisecond, cpu.end()), "the hot thread goes on turning")
	assert.InDelta(t, before, after, before/2, "and publishes as before")
	state := survivor.now()
	survivor.await(t, "records as before", patience, func(s report) bool { return s.Next > state.Next })
	p.end(t)
	assert.NotContains(t, p.said.text(), "level=WARN", "it has noticed nothing")
	survivor.awaitEvent(t, eventClosed, 0, patience)
	survivor.finish(t)
	fmt.Printf("faults: readers killed=%d records_per_s_before=%.0f after=%.0f longest_heartbeat_gap_ms=%d\n",
		len(readers), before, after, still.Milliseconds())
}

// rate is records a second over a while.
func rate(v *ring.View, d time.Duration) float64 {
	from, start := v.LastSequence(), time.Now()
	time.Sleep(d)
	return float64(v.LastSequence()-from) / time.Since(start).Seconds()
}
