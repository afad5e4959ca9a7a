package shm

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
)

// prepare makes a segment of childFeed beside the name.
func prepare(t *testing.T, dir string) *Segment {
	t.Helper()
	s, err := Prepare(Options{Dir: dir}, small(childFeed))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close(true)) })
	return s
}

// ended is a context that has ended: Acquire tries once.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// A prepared segment changes nothing of a feed that lives; it takes the feed when
// its owner lets go, tells the old segment's readers, and wakes those that sleep.
func TestPreparedSegmentTakesTheFeedOver(t *testing.T) {
	dir := t.TempDir()
	old := published(t, dir, childFeed)
	m := open(t, dir, childFeed)
	next := prepare(t, dir)
	assert.Equal(t, uint64(2), next.Generation())
	require.ErrorIs(t, next.Publish(), ErrNotAcquired)
	var locked *LockedError
	require.ErrorAs(t, next.Acquire(ended()), &locked)
	assert.Equal(t, os.Getpid(), locked.PID)
	assert.Equal(t, ring.StateLive, m.View().State())
	assert.Equal(t, uint64(1), open(t, dir, childFeed).View().Generation())

	require.NoError(t, old.Close(false), "the lock is free, the segment not CLOSED")
	require.NoError(t, next.Acquire(ended()))
	require.NoError(t, next.Acquire(ended()), "a second call does nothing")
	var asleep sync.WaitGroup
	began := time.Now()
	asleep.Go(func() { ring.NewReader(m.View()).Wait(time.Minute) })
	time.Sleep(10 * time.Millisecond) // it sleeps now, for 100 ms if nobody rings
	require.NoError(t, next.Publish())
	require.NoError(t, next.Told())
	asleep.Wait()
	assert.Less(t, time.Since(began), 80*time.Millisecond, "nobody rang")
	assert.Equal(t, ring.StateSuperseded, m.View().State())
	assert.Equal(t, uint64(2), m.View().SuccessorGeneration())
	successor, err := m.Successor()
	require.NoError(t, err)
	require.NotNil(t, successor)
	assert.Equal(t, uint64(2), successor.View().Generation())
	require.NoError(t, successor.Close())
	assert.ElementsMatch(t, []string{childFeed, childFeed + ".readers", "." + childFeed + ".lock"}, names(t, dir))
	require.ErrorIs(t, next.Acquire(ended()), ErrPublished)
}

// Acquire waits for an owner that is about to go.
func TestAcquireWaits(t *testing.T) {
	dir := t.TempDir()
	old := published(t, dir, childFeed)
	next := prepare(t, dir)
	var both sync.WaitGroup
	both.Go(func() {
		time.Sleep(20 * time.Millisecond)
		assert.NoError(t, old.Close(false))
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	began := time.Now()
	require.NoError(t, next.Acquire(ctx))
	assert.GreaterOrEqual(t, time.Since(began), 10*time.Millisecond)
	both.Wait()
	require.NoError(t, next.Publish())
}

// A prepared segment lives through the starts of others, and its generation is
// fixed when it takes the feed: never one that was used, never one below.
func TestPreparedSegmentOutlivesOtherStarts(t *testing.T) {
	dir := t.TempDir()
	next := prepare(t, dir)
	require.Equal(t, uint64(1), next.Generation())
	for want := range uint64(3) {
		s := published(t, dir, childFeed)
		assert.Equal(t, want+1, s.Generation())
		require.NoError(t, s.Close(want == 2)) // the last one leaves no file
	}
	require.NoError(t, next.Acquire(ended()))
	assert.Equal(t, uint64(4), next.Generation())
	require.NoError(t, next.Publish())
	assert.Equal(t, uint64(4), open(t, dir, childFeed).View().Generation())
}

// What a dead process prepared is swept by whoever takes the feed next; what a live
// one prepares is not, though it is of another process.
func TestSweepTellsTheDeadFromTheLiving(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, rolePrepare, dir, envStep+"="+stepFormatted)
	require.Equal(t, "at "+stepFormatted, c.line(t))
	require.NoError(t, published(t, dir, childFeed).Close(false))
	left, err := filepath.Glob(filepath.Join(dir, ".*.new"))
	require.NoError(t, err)
	require.Len(t, left, 1, "the file of a live process")
	c.kill()
	require.NoError(t, published(t, dir, childFeed).Close(false))
	left, err = filepath.Glob(filepath.Join(dir, ".*.new"))
	require.NoError(t, err)
	assert.Empty(t, left, "the file of a dead one")
}

// A publisher that dies while it takes a feed over leaves the name with one of two
// whole segments, and the next publisher goes on.
func TestKilledWhileTakingOver(t *testing.T) {
	for _, step := range []string{stepFormatted, stepLocked, stepSwept, stepReady, stepNoted, stepRenamed, stepTold} {
		t.Run("at "+step, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, published(t, dir, childFeed).Close(false))
			c := startChild(t, rolePrepare, dir, envStep+"="+step)
			require.Equal(t, "at "+step, c.line(t))
			c.kill()
			want := uint64(1)
			if step == stepRenamed || step == stepTold {
				want = 2
			}
			assert.Equal(t, want, open(t, dir, childFeed).View().Generation())
			checkNext(t, dir, want)
		})
	}
}

// Publishers that sweep ten thousand times a second never take a file away under
// one that prepares.
func TestPrepareRacesSweeps(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
				assert.NoError(t, sweep(dir, childFeed))
			}
		}
	})
	defer sweeping.Wait()
	defer close(stop)
	for range 200 {
		s, err := Prepare(Options{Dir: dir}, small(childFeed))
		require.NoError(t, err)
		same, err := leadsTo(s.buildPath, s.file)
		require.NoError(t, err)
		require.True(t, same, "the file was swept")
		require.NoError(t, s.Close(false))
	}
	assert.Empty(t, names(t, dir))
}
