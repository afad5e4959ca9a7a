package wire

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestQueueCapacity(t *testing.T) {
	for asked, got := range map[int]int{-1: 2, 0: 2, 1: 2, 2: 2, 3: 4, 4: 4, 5: 8, 1000: 1024} {
		assert.Equal(t, got, NewQueue[int](asked).Cap(), "asked for %d", asked)
	}
}

// First in first out over many laps; full and empty are told.
func TestQueueOrder(t *testing.T) {
	q := NewQueue[int](4)
	next := 0
	for lap := range 100 {
		assert.Nil(t, q.Pop())
		values := []int{lap * 4, lap*4 + 1, lap*4 + 2, lap*4 + 3}
		for i := range values {
			require.True(t, q.Push(&values[i]))
		}
		require.False(t, q.Push(new(int)), "full")
		for range values {
			v := q.Pop()
			require.NotNil(t, v)
			require.Equal(t, next, *v)
			next++
		}
	}
}

// Four producers against a small queue: nothing is lost, doubled or reordered
// within a producer. The consumer sleeps on the Waker, so a lost wake hangs.
func TestQueueAndWakerUnderContention(t *testing.T) {
	const producers, each = 4, 5000
	type item struct{ producer, n int }
	q := NewQueue[item](16)
	w, err := NewWaker()
	require.NoError(t, err)
	p := newTestPoller(t)
	require.NoError(t, p.Add(w.FD(), 9))

	var group sync.WaitGroup
	for id := range producers {
		group.Go(func() {
			for n := range each {
				for v := (&item{id, n}); !q.Push(v); {
					runtime.Gosched()
				}
				w.Wake()
			}
		})
	}
	var next [producers]int
	events := make([]Event, 1)
	for got := 0; got < producers*each; {
		n, err := p.Wait(10_000, events)
		require.NoError(t, err)
		require.Equal(t, 1, n, "a wake was lost with %d of %d received", got, producers*each)
		w.Drain()
		for v := q.Pop(); v != nil; v = q.Pop() {
			require.Equal(t, next[v.producer], v.n)
			next[v.producer]++
			got++
		}
	}
	group.Wait()
	assert.Nil(t, q.Pop())
	require.NoError(t, w.Close())
}

// Many wakes before a drain write once.
func TestWakerCoalesces(t *testing.T) {
	w, err := NewWaker()
	require.NoError(t, err)
	defer w.Close()
	for range 3 {
		for range 10 {
			w.Wake()
		}
		var count [8]byte
		_, err := unix.Read(w.FD(), count[:])
		require.NoError(t, err)
		assert.Equal(t, byte(1), count[0], "one write for ten wakes")
		w.Drain()
		_, err = unix.Read(w.FD(), count[:])
		require.ErrorIs(t, err, unix.EAGAIN)
	}
}

func TestWakerWakesAWait(t *testing.T) {
	w, err := NewWaker()
	require.NoError(t, err)
	defer w.Close()
	p := newTestPoller(t)
	require.NoError(t, p.Add(w.FD(), 5))
	time.AfterFunc(20*time.Millisecond, w.Wake)
	events := make([]Event, 2)
	n, err := p.Wait(-1, events)
	require.NoError(t, err)
	assert.Equal(t, []Event{{Token: 5, Readable: true}}, events[:n])
}
