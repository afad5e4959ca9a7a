package shm

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
)

// A second publisher is refused with the pid of the first, and gets the feed as
// soon as that one is dead, however it died.
func TestSecondPublisherIsRefusedByPID(t *testing.T) {
	dir := t.TempDir()
	first := startChild(t, roleHold, dir)
	require.Equal(t, "holding", first.line(t))

	_, err := Create(Options{Dir: dir}, small(childFeed))
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, first.cmd.Process.Pid, locked.PID)
	assert.Equal(t, childFeed, locked.Feed)
	assert.NotContains(t, err.Error(), "\n", "one line")
	assert.Equal(t, ring.StateLive, open(t, dir, childFeed).View().State(), "a refused publisher changes nothing")

	first.kill()
	second := published(t, dir, childFeed)
	assert.Equal(t, uint64(2), second.Generation())
	_, err = Create(Options{Dir: dir}, small(childFeed))
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, os.Getpid(), locked.PID, "not the pid of the dead one")
	create(t, dir, "another")
}

// An owner that has not written its pid yet is waited for, but not for long.
func TestRefusalWaitsForThePID(t *testing.T) {
	dir := t.TempDir()
	l, err := takeLock(dir, "f")
	require.NoError(t, err)
	started := time.Now()
	_, err = Create(Options{Dir: dir}, small("f"))
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	assert.Zero(t, locked.PID)
	assert.Contains(t, err.Error(), "another process")
	assert.GreaterOrEqual(t, time.Since(started), lockNoteTries*lockNoteWait)
	require.NoError(t, l.release(0))
}

// Of publishers that start at once exactly one wins; no loser harms it.
func TestOneOfManyPublishersWins(t *testing.T) {
	dir := t.TempDir()
	var wins, refusals int
	var winner *Segment
	var mutex sync.Mutex
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			s, err := Create(Options{Dir: dir}, small("f"))
			mutex.Lock()
			defer mutex.Unlock()
			var locked *LockedError
			switch {
			case err == nil:
				wins, winner = wins+1, s
			case errors.As(err, &locked) && locked.PID == os.Getpid():
				refusals++
			default:
				t.Errorf("neither won nor was refused: %v", err)
			}
		})
	}
	group.Wait()
	assert.Equal(t, 1, wins)
	assert.Equal(t, 15, refusals)
	require.NoError(t, winner.Publish())
	open(t, dir, "f")
	require.NoError(t, winner.Close(true))
}

// A publisher that is killed between any two steps leaves nothing that makes a
// reader or the next publisher fail.
func TestKilledBetweenSteps(t *testing.T) {
	steps := []struct {
		name    string
		renamed bool
	}{
		{stepLocked, false}, {stepSwept, false}, {stepCreated, false}, {stepReserved, false}, {stepMapped, false},
		{stepFormatted, false}, {stepReady, false}, {stepNoted, false}, {stepReaders, false}, {stepRenamed, true}, {stepTold, true},
	}
	for _, step := range steps {
		t.Run("at "+step.name+" of the first segment", func(t *testing.T) {
			dir := t.TempDir()
			killAt(t, dir, step.name)
			m, err := Open(dir, childFeed)
			if !step.renamed {
				require.ErrorIs(t, err, ErrNoFeed)
				checkNext(t, dir, 0)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, uint64(1), m.View().Generation())
			require.NoError(t, m.Close())
			checkNext(t, dir, 1)
		})
		t.Run("at "+step.name+" of a successor", func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, published(t, dir, childFeed).Close(false))
			before := open(t, dir, childFeed)
			killAt(t, dir, step.name)
			want := uint64(1)
			if step.renamed {
				want = 2
			}
			assert.Equal(t, want, open(t, dir, childFeed).View().Generation())
			told := before.View().State() == ring.StateSuperseded
			assert.Equal(t, step.name == stepTold, told)
			checkNext(t, dir, want)
			changed, err := before.Changed()
			require.NoError(t, err)
			assert.True(t, changed, "a reader that was not told finds out by the name")
		})
	}
}

// killAt starts a publisher that stops at a step, and kills it there.
func killAt(t *testing.T, dir, step string) {
	t.Helper()
	c := startChild(t, roleStop, dir, envStep+"="+step)
	require.Equal(t, "at "+step, c.line(t))
	c.kill()
}

// checkNext publishes the next segment and looks for left-overs.
func checkNext(t *testing.T, dir string, after uint64) {
	t.Helper()
	next := published(t, dir, childFeed)
	require.NoError(t, next.Told())
	assert.Greater(t, next.Generation(), after)
	assert.Equal(t, next.Generation(), open(t, dir, childFeed).View().Generation())
	assert.ElementsMatch(t, []string{childFeed, childFeed + ".readers", "." + childFeed + ".lock"}, names(t, dir))
}

// Killed at random moments of a life of nothing but births and deaths: the name
// always leads to a whole segment, and generations only grow.
func TestKilledAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	var last uint64
	for range 20 {
		c := startChild(t, roleChurn, dir)
		require.Equal(t, "churning", c.line(t))
		time.Sleep(time.Duration(random.IntN(10_000)) * time.Microsecond)
		c.kill()
		if m, err := Open(dir, childFeed); err == nil {
			assert.GreaterOrEqual(t, m.View().Generation(), last)
			require.NoError(t, m.Close())
		} else {
			require.ErrorIs(t, err, ErrNoFeed)
			require.Zero(t, last, "a name that led to a segment leads to one for ever")
		}
		s := published(t, dir, childFeed)
		require.Greater(t, s.Generation(), last)
		last = s.Generation()
		require.NoError(t, s.Close(false))
		require.Len(t, names(t, dir), 3)
	}
}

// A process that touches a page that was cut off outside of Guard dies: this is
// the documented limit, and the reason for Guard.
func TestUnguardedTouchOfTruncatedFileEndsTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := published(t, dir, childFeed)
	c := startChild(t, roleTouch, dir)
	require.Equal(t, "mapped", c.line(t))
	require.NoError(t, os.Truncate(s.Path(), ring.HeaderSize))
	_, err := c.stdin.Write([]byte("\n"))
	require.NoError(t, err)
	err = c.cmd.Wait()
	require.Error(t, err)
	assert.False(t, c.cmd.ProcessState.Success())
	for line := range c.lines {
		assert.False(t, strings.HasPrefix(line, "read"), "the page was gone")
	}
}
