package ring

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// after runs f on another goroutine, d from now, and waits for it at the end.
func after(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	timer := time.AfterFunc(d, func() { defer close(done); f() })
	t.Cleanup(func() {
		if !timer.Stop() {
			<-done
		}
	})
}

// What ends a wait, and how soon.
func TestWaitEnds(t *testing.T) {
	publish := func(w *Writer) { publishTickers(w, 1) }
	for _, c := range []struct {
		name    string
		do      func(w *Writer)
		woken   bool
		atMost  time.Duration
		timeout time.Duration
	}{
		{"a record is committed and the bell rung", func(w *Writer) { publish(w); Ring(w.Doorbell()) }, true, 90 * time.Millisecond, 5 * time.Second},
		{"a record is committed and nobody rings: a step of the sleep", publish, true, 400 * time.Millisecond, 5 * time.Second},
		{"the segment is closed", func(w *Writer) { w.CloseSegment(); Ring(w.Doorbell()) }, true, 90 * time.Millisecond, 5 * time.Second},
		{"the segment is superseded", func(w *Writer) { Supersede(w.view.buf, 8) }, true, 400 * time.Millisecond, 5 * time.Second},
		{"nothing happens", func(*Writer) {}, false, 600 * time.Millisecond, 250 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			const head = 20 * time.Millisecond
			took := time.Hour
			for tries := 0; tries < 10 && took >= c.atMost+head; tries++ { // a busy machine is late at times
				w, r := newSegment(t, 8)
				begin := time.Now()
				after(t, head, func() { c.do(w) })
				assert.Equal(t, c.woken, r.Wait(c.timeout))
				took = time.Since(begin)
				assert.GreaterOrEqual(t, took, head)
				runtime.KeepAlive(w)
			}
			assert.Less(t, took, c.atMost+head)
		})
	}
}

// One ring wakes every sleeper.
func TestRingWakesAll(t *testing.T) {
	w, r := newSegment(t, 8)
	const sleepers = 4
	took := make(chan time.Duration, sleepers)
	for range sleepers {
		go func() {
			other := NewReader(r.View())
			begin := time.Now()
			other.Wait(5 * time.Second)
			took <- time.Since(begin)
		}()
	}
	time.Sleep(20 * time.Millisecond)
	publishTickers(w, 1)
	Ring(w.Doorbell())
	for range sleepers {
		assert.Less(t, <-took, 90*time.Millisecond, "a step of the sleep is 100 ms")
	}
}

// What is there already needs no sleep, and a wait of no time is one look.
func TestWaitLooksFirst(t *testing.T) {
	w, r := newSegment(t, 8)
	begin := time.Now()
	assert.False(t, r.Wait(0))
	publishTickers(w, 20)
	assert.True(t, r.Wait(time.Minute), "an overrun is worth saying")
	assert.Less(t, time.Since(begin), 5*time.Second)
}

// A writer that stands still ends the wait once, after a second.
func TestWaitNoticesADeadWriter(t *testing.T) {
	w, r := newSegment(t, 8)
	w.HotBeat(1)
	begin := time.Now()
	require.True(t, r.Wait(10*time.Second))
	assert.InDelta(t, 1.1, time.Since(begin).Seconds(), 0.4)
	var out Record
	assert.Equal(t, AnswerStale, r.Next(&out))
	assert.False(t, r.Wait(10*time.Millisecond), "said once")
	w.HotBeat(2)
	r.Wait(0)
	assert.Equal(t, AnswerEmpty, r.Next(&out))
}
