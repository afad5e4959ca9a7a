package ring

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const gripPeriod = time.Millisecond

// gripWith is one that has just seen a beat, at time now.
func gripWith(t *testing.T, now int64) *Grip {
	t.Helper()
	g := NewGrip(gripPeriod)
	g.Beat()
	require.False(t, g.may(now-2*gripRestNS), "the first look rests")
	g.Beat()
	require.True(t, g.may(now))
	return g
}

// Without a sign of life nothing is held: the world may be stopping.
func TestGripLetsGoWithoutBeats(t *testing.T) {
	const now = int64(time.Hour)
	g := gripWith(t, now)
	assert.True(t, g.may(now+g.patienceNS))
	assert.False(t, g.may(now+g.patienceNS+1))
	g.Beat()
	assert.False(t, g.may(now+g.patienceNS+2), "the rest has its full length")
	assert.True(t, g.may(now+g.patienceNS+1+gripRestNS))
}

// Beats or not, once a second the scheduler has the thread.
func TestGripRestsEachSecond(t *testing.T) {
	now := int64(time.Hour)
	g := gripWith(t, now)
	loose := 0
	for end := now + 10*gripLongestNS; now < end; now += gripRestNS / 2 {
		g.Beat()
		if !g.may(now) {
			loose++
		}
	}
	assert.InDelta(t, 20, loose, 4, "two looks in each of ten seconds")
}

// Take, Turn and Release hold and let go; Release twice does no harm.
func TestGripHolds(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := int64(time.Hour)
	g := gripWith(t, now)
	g.Take(now)
	assert.True(t, g.held)
	g.Turn(now + g.patienceNS + 1)
	assert.False(t, g.held)
	g.Beat()
	g.Turn(now + g.patienceNS + 1 + gripRestNS)
	assert.True(t, g.held)
	g.Release()
	g.Release()
	assert.False(t, g.held)
}

// While a thread spins under a grip, collections end, timers fire and goroutines run;
// and when all is quiet the thread is not taken off its CPU.
func TestGripLeavesTheRuntimeAlive(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(3, runtime.NumCPU()+1)))
	g := NewGrip(gripPeriod)
	var stop atomic.Bool
	var turns, held atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		start := time.Now()
		g.Take(int64(time.Since(start)))
		for !stop.Load() {
			g.Turn(int64(time.Since(start)))
			turns.Add(1)
			if g.held {
				held.Add(1)
			}
		}
		g.Release()
	}()
	beats := time.NewTicker(gripPeriod)
	defer beats.Stop()
	beaten := make(chan struct{})
	go func() {
		defer close(beaten)
		for !stop.Load() {
			<-beats.C
			g.Beat()
		}
	}()
	require.Eventually(t, func() bool { return held.Load() > 1000 }, 10*time.Second, time.Millisecond, "it never holds")
	lived := make(chan struct{})
	go func() {
		defer close(lived)
		var sink [][]byte
		for i := range 20 {
			runtime.GC()
			runtime.GOMAXPROCS(3 + i%2) // stops the world
			sink = append(sink, make([]byte, 1<<16))
			time.Sleep(time.Millisecond)
		}
		runtime.KeepAlive(sink)
	}()
	select {
	case <-lived:
	case <-time.After(30 * time.Second):
		assert.Fail(t, "collections or stops of the world stood still")
	}
	stop.Store(true)
	<-ended
	<-beaten
	t.Logf("%d turns, %d of them held", turns.Load(), held.Load())
}
