package shm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// small is a segment of some 100 KiB.
func small(feed string) ring.Config {
	return ring.Config{Feed: feed, Venue: "gateio", PublisherVersion: "test", Source: ring.SourceSimulated,
		Slots: 64, MaxInstruments: 8, BookDepth: 5}
}

// create makes a segment in dir and closes it with the test.
func create(t *testing.T, dir, feed string) *Segment {
	t.Helper()
	s, err := Create(Options{Dir: dir}, small(feed))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close(true)) })
	return s
}

// published makes a segment and publishes it.
func published(t *testing.T, dir, feed string) *Segment {
	t.Helper()
	s := create(t, dir, feed)
	require.NoError(t, s.Publish())
	return s
}

// open maps a feed and closes it with the test.
func open(t *testing.T, dir, feed string) *Mapping {
	t.Helper()
	m, err := Open(dir, feed)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

// names lists the files of a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// A segment has no name until it is published, and then it is whole.
func TestSegmentAppearsWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tickring")
	s := create(t, dir, "gateio")
	_, err := Open(dir, "gateio")
	require.ErrorIs(t, err, ErrNoFeed)
	require.NoError(t, s.Publish())
	assert.ElementsMatch(t, []string{"gateio", "gateio.readers", ".gateio.lock"}, names(t, dir))

	m := open(t, dir, "gateio")
	v := m.View()
	boot, err := BootID()
	require.NoError(t, err)
	assert.Equal(t, ring.StateLive, v.State())
	assert.Equal(t, uint64(1), v.Generation())
	assert.Equal(t, "gateio", v.Feed())
	assert.Equal(t, boot, v.BootID())
	assert.NotEqual(t, [16]byte{}, boot)
	assert.Equal(t, uint32(os.Getpid()), v.OwnerPID())
	assert.Equal(t, s.Path(), m.Path())
	assert.Len(t, m.Bytes(), len(s.Bytes()))

	s.Bytes()[len(s.Bytes())-1] = 42
	assert.Equal(t, byte(42), m.Bytes()[len(m.Bytes())-1], "both map the same memory")
	assert.ErrorIs(t, s.Publish(), ErrPublished)
}

// The successor takes the name, counts the generation up and tells the readers
// of the old segment, who keep what they have mapped.
func TestSuccessorSupersedes(t *testing.T) {
	dir := t.TempDir()
	first := published(t, dir, "gateio")
	old := open(t, dir, "gateio")
	require.NoError(t, first.Close(false))
	changed, err := old.Changed()
	require.NoError(t, err)
	require.False(t, changed)

	second := create(t, dir, "gateio")
	assert.Equal(t, uint64(2), second.Generation())
	assert.Equal(t, ring.StateLive, old.View().State(), "nothing is said before the name has changed hands")
	require.NoError(t, second.Publish())
	require.NoError(t, second.Told())
	assert.Equal(t, ring.StateSuperseded, old.View().State())
	assert.Equal(t, uint64(2), old.View().SuccessorGeneration())
	changed, err = old.Changed()
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, uint64(2), open(t, dir, "gateio").View().Generation())
}

// Generations grow although files are deleted: by us, from outside, or with
// nothing but the lock left.
func TestGenerationOutlivesTheFile(t *testing.T) {
	dir := t.TempDir()
	for want := uint64(1); want <= 4; want++ {
		s := published(t, dir, "f")
		assert.Equal(t, want, s.Generation())
		if want%2 == 0 {
			require.NoError(t, os.Remove(s.Path()))
			require.NoError(t, os.Remove(readersPath(s.Path())))
		}
		require.NoError(t, s.Close(want%2 == 1))
		assert.Equal(t, []string{".f.lock"}, names(t, dir))
	}
	unpublished := create(t, dir, "f")
	require.NoError(t, unpublished.Close(false))
	assert.Equal(t, []string{".f.lock"}, names(t, dir), "an unpublished segment leaves nothing")
	assert.Equal(t, uint64(5), create(t, dir, "f").Generation(), "a generation that nobody saw is not used up")
}

// A clean stop leaves no pid that the next refusal could name by mistake.
func TestCleanStopTakesThePIDBack(t *testing.T) {
	dir := t.TempDir()
	s := published(t, dir, "f")
	pid, generation := s.lock.read()
	assert.Equal(t, os.Getpid(), pid)
	assert.Equal(t, uint64(1), generation)
	require.NoError(t, s.Close(false))
	note, err := os.ReadFile(lockPath(dir, "f"))
	require.NoError(t, err)
	assert.Equal(t, "pid 0 generation 1", strings.TrimSpace(string(note)))
	assert.Len(t, note, lockNoteSize)
}

// Without the lock file the generation goes on from the segment.
func TestGenerationOutlivesTheLockFile(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		require.NoError(t, published(t, dir, "f").Close(false))
	}
	require.NoError(t, os.Remove(lockPath(dir, "f")))
	assert.Equal(t, uint64(4), create(t, dir, "f").Generation())
}

// Close removes its own file, never the one that took its name.
func TestCloseRemovesItsOwnFileOnly(t *testing.T) {
	dir := t.TempDir()
	s := published(t, dir, "f")
	require.NoError(t, os.Rename(s.Path(), filepath.Join(dir, "elsewhere")))
	require.NoError(t, os.WriteFile(s.Path(), []byte("not ours"), 0o600))
	require.NoError(t, s.Close(true))
	require.NoError(t, s.Close(true))
	assert.FileExists(t, filepath.Join(dir, "f"))
	assert.Nil(t, s.Bytes())
	assert.ErrorIs(t, s.Publish(), ErrPublished)
}

// A clean stop leaves the segment for late readers.
func TestClosedSegmentCanStillBeOpened(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, published(t, dir, "f").Close(false))
	assert.Equal(t, uint64(1), open(t, dir, "f").View().Generation())
}

// Modes are those asked for, whatever the umask says.
func TestModesIgnoreTheUmask(t *testing.T) {
	before := unix.Umask(0o077)
	defer unix.Umask(before)
	dir := filepath.Join(t.TempDir(), "tickring")
	s := published(t, dir, "f")
	for path, want := range map[string]os.FileMode{
		dir: 0o750 | os.ModeDir, s.Path(): 0o640, lockPath(dir, "f"): 0o600,
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode(), path)
	}
}

// The memory is reserved, not promised, before any of it is touched.
func TestMemoryIsReserved(t *testing.T) {
	dir := t.TempDir()
	var st unix.Stat_t
	opts := Options{Dir: dir, onStep: func(step string) {
		if step == stepReserved {
			built, err := filepath.Glob(filepath.Join(dir, ".f.*.new"))
			require.NoError(t, err)
			require.Len(t, built, 1)
			require.NoError(t, unix.Stat(built[0], &st))
		}
	}}
	s, err := Create(opts, small("f"))
	require.NoError(t, err)
	assert.Equal(t, int64(len(s.Bytes())), st.Size)
	assert.GreaterOrEqual(t, st.Blocks*512, st.Size)
	require.NoError(t, s.Close(false))
}

// A publisher can find out what was done to its segment from outside.
func TestCheckSaysWhatWasDone(t *testing.T) {
	cases := []struct {
		name string
		do   func(path string) error
		want error
	}{
		{"nothing", func(string) error { return nil }, nil},
		{"it was deleted", os.Remove, ErrNoFeed},
		{"it was moved away", func(path string) error { return os.Rename(path, path+"x") }, ErrReplaced},
		{"another file took the name", func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600))
		}, ErrNoFeed},
		{"it was truncated", func(path string) error { return os.Truncate(path, ring.HeaderSize) }, ErrShrunk},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := create(t, t.TempDir(), "f")
			require.NoError(t, s.Check(), "not published yet")
			require.NoError(t, s.Publish())
			require.NoError(t, c.do(s.Path()))
			err := s.Check()
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			assert.NotContains(t, err.Error(), "\n", "one line")
		})
	}
}

// A reader moves to the segment that took the name, and to no other.
func TestSuccessor(t *testing.T) {
	dir := t.TempDir()
	s := published(t, dir, "f")
	m := open(t, dir, "f")
	none := func() {
		t.Helper()
		next, err := m.Successor()
		require.NoError(t, err)
		require.Nil(t, next)
	}
	none()
	require.NoError(t, os.Rename(s.Path(), s.Path()+"x"))
	none()
	copied, err := os.ReadFile(s.Path() + "x")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.Path(), copied, 0o600))
	none()
	require.NoError(t, os.WriteFile(s.Path(), whole(t, "g"), 0o600))
	_, err = m.Successor()
	require.ErrorIs(t, err, ErrOtherFeed)
	require.NoError(t, os.WriteFile(s.Path(), []byte("damaged"), 0o600))
	_, err = m.Successor()
	require.ErrorIs(t, err, ring.ErrTooShort)

	require.NoError(t, s.Close(false))
	published(t, dir, "f")
	next, err := m.Successor()
	require.NoError(t, err)
	require.NotNil(t, next)
	assert.Equal(t, uint64(2), next.View().Generation())
	require.NoError(t, next.Close())
	require.NoError(t, m.Close())
	_, err = m.Successor()
	require.ErrorIs(t, err, ErrUnmapped)
}

// A filesystem without fallocate gets its zeros written.
func TestWriteZerosReserves(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "z"))
	require.NoError(t, err)
	defer file.Close()
	const size = 3<<16 + 5
	require.NoError(t, writeZeros(file, size))
	got, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	assert.True(t, bytes.Equal(make([]byte, size), got))
}

// Anonymous memory is a segment without a file.
func TestAnonymous(t *testing.T) {
	s, err := Anonymous(small("inside"))
	require.NoError(t, err)
	_, err = ring.OpenView(s.Bytes())
	require.ErrorIs(t, err, ring.ErrNotReady)
	require.NoError(t, s.Publish())
	assert.ErrorIs(t, s.Publish(), ErrPublished)
	v, err := ring.OpenView(s.Bytes())
	require.NoError(t, err)
	assert.Equal(t, "inside", v.Feed())
	assert.Equal(t, uint64(1), v.Generation())
	assert.Empty(t, s.Path())
	require.NoError(t, s.Close(true))
	require.NoError(t, s.Close(true))

	_, err = Anonymous(ring.Config{Feed: "f", Slots: 1000})
	assert.ErrorIs(t, err, ring.ErrConfig)
}

// Feed names are words that name one file and no other.
func TestFeedNames(t *testing.T) {
	for name, allowed := range map[string]bool{
		"gateio": true, "gateio-spot_1.A": true, strings.Repeat("x", 63): true, "a.lock": true, "-": true,
		"": false, strings.Repeat("x", 64): false, ".hidden": false, "..": false, "a/b": false, "a b": false,
		"a\x00b": false, "a\nb": false, "ä": false, "gateio.readers": false,
	} {
		err := CheckFeedName(name)
		if allowed {
			assert.NoError(t, err, "%q", name)
			continue
		}
		assert.ErrorIs(t, err, ErrFeedName, "%q", name)
		assert.NotContains(t, err.Error(), "\n", "one line")
		_, err = Create(Options{Dir: t.TempDir()}, ring.Config{Feed: name})
		assert.ErrorIs(t, err, ErrFeedName, "%q", name)
		_, err = Open(t.TempDir(), name)
		assert.ErrorIs(t, err, ErrFeedName, "%q", name)
	}
}

// The directory is what the caller says, else the environment, else the default.
func TestDir(t *testing.T) {
	t.Setenv(EnvDir, "")
	assert.Equal(t, DefaultDir, Dir(""))
	t.Setenv(EnvDir, "/from/env")
	assert.Equal(t, "/from/env", Dir(""))
	assert.Equal(t, "/said", Dir("/said"))
}

// A sweep takes the half-built segments of its own feed, and nothing else.
func TestSweepTakesItsOwnOnly(t *testing.T) {
	dir := t.TempDir()
	mine := []string{".a.12.0123456789abcdef.new", ".a.1.ffffffffffffffff.new"}
	others := []string{".a.b.12.0123456789abcdef.new", ".a.12.34.0123456789abcdef.new", ".a.new", ".a..new",
		".a.x.0123456789abcdef.new", ".a.12.0123456789ABCDEF.new", ".a.12.0123.new", "a.12.0123456789abcdef.new",
		".b.12.0123456789abcdef.new"}
	for _, name := range append(mine, others...) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	create(t, dir, "a")
	left := names(t, dir)
	assert.Subset(t, left, others)
	for _, name := range mine {
		assert.NotContains(t, left, name)
	}
}
