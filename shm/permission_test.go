package shm

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// needRoot skips, with a printed line, what only root can set up.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user or to mount a filesystem")
	}
}

// commonDir is a directory that other users can reach; t.TempDir is private.
func commonDir(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tickring-shm-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, mode))
	return dir
}

// asNobody runs a role as a user without rights and returns what it came to.
func asNobody(t *testing.T, role, dir string, env ...string) string {
	t.Helper()
	return startChild(t, role, dir, append(env, envUID+"="+strconv.Itoa(nobody))...).result(t)
}

// A reader of no right is told so; one of the group reads.
func TestReadersNeedTheGroup(t *testing.T) {
	needRoot(t)
	cases := []struct {
		name    string
		group   string
		dirMode os.FileMode
		want    string // part of the answer
	}{
		{"a stranger to the directory", "", 0, "permission denied; run as the publisher's user or as a member"},
		{"a stranger to the file", "", 0o755, "permission denied; run as the publisher's user or as a member"},
		{"a member of the group", strconv.Itoa(nobody), 0, "<nil>"},
		{"a member of a named group", groupName(t), 0, "<nil>"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(commonDir(t, 0o755), "tickring")
			s, err := Create(Options{Dir: dir, Group: c.group, DirMode: c.dirMode}, small(childFeed))
			require.NoError(t, err)
			defer s.Close(true)
			require.NoError(t, s.Publish())
			assert.Contains(t, asNobody(t, roleOpen, dir), c.want)
		})
	}
}

// groupName is a name of nobody's group on this system.
func groupName(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nogroup", "nobody"} {
		if id, err := groupID(name); err == nil && id == nobody {
			return name
		}
	}
	return strconv.Itoa(nobody)
}

// A publisher that may not is told so, in one line with what to do.
func TestPublisherWithoutRights(t *testing.T) {
	needRoot(t)
	t.Run("in a directory of another user", func(t *testing.T) {
		assert.Contains(t, asNobody(t, roleCreate, commonDir(t, 0o755)), "directory not usable: permission denied; ")
	})
	t.Run("where no directory can be made", func(t *testing.T) {
		dir := filepath.Join(commonDir(t, 0o755), "tickring")
		assert.Contains(t, asNobody(t, roleCreate, dir), "directory not usable: permission denied; run as a user who may write there")
	})
	t.Run("on a feed that another user published", func(t *testing.T) {
		dir := commonDir(t, 0o777|os.ModeSticky)
		published(t, dir, childFeed)
		assert.Contains(t, asNobody(t, roleCreate, dir), "permission denied; ")
	})
	t.Run("for a group that it is not in", func(t *testing.T) {
		dir := commonDir(t, 0o777|os.ModeSticky)
		answer := asNobody(t, roleCreate, dir, envGroup+"=0")
		assert.Contains(t, answer, "group not usable: 0: ")
		assert.Contains(t, answer, "name a group that this user belongs to")
		assert.Equal(t, []string{"." + childFeed + ".lock"}, names(t, dir))
	})
}

// In a directory where everybody may write, a stranger's file is not taken for
// the publisher's; where only its owner's friends write, it is.
func TestOwnerOfTheFile(t *testing.T) {
	needRoot(t)
	for mode, want := range map[os.FileMode]error{0o777 | os.ModeSticky: ErrOwner, 0o770: nil} {
		dir := commonDir(t, mode)
		path := filepath.Join(dir, "f")
		require.NoError(t, os.WriteFile(path, whole(t, "f"), 0o644))
		require.NoError(t, os.Chown(path, nobody, nobody))
		m, err := Open(dir, "f")
		require.ErrorIs(t, err, want)
		if err == nil {
			require.NoError(t, m.Close())
		}
	}
}

// A directory in which anybody can swap files, or that is none, is refused.
func TestDirectoryThatIsNotSafe(t *testing.T) {
	dir := commonDir(t, 0o777)
	_, err := Create(Options{Dir: dir}, small("f"))
	require.ErrorIs(t, err, ErrDirectory)
	assert.Empty(t, names(t, dir))

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, filepath.Join(file, "below")} {
		_, err = Create(Options{Dir: path}, small("f"))
		require.ErrorIs(t, err, ErrDirectory)
		assert.NotContains(t, err.Error(), "\n", "one line")
	}
}

// Options that would let others write, or that name no group, are refused before
// anything is made.
func TestOptionsThatAreRefused(t *testing.T) {
	cases := []struct {
		name string
		opts Options
		want error
	}{
		{"a file that the group may write", Options{Mode: 0o660}, ErrMode},
		{"a file that others may write", Options{Mode: 0o642}, ErrMode},
		{"a file that its owner cannot write", Options{Mode: 0o440}, ErrMode},
		{"a mode with more than permissions", Options{Mode: 0o640 | os.ModeSetuid}, ErrMode},
		{"a directory that others may write", Options{DirMode: 0o777}, ErrMode},
		{"a directory that its owner cannot enter", Options{DirMode: 0o650}, ErrMode},
		{"a group that does not exist", Options{Group: "no-such-group-here"}, ErrGroup},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.opts.Dir = filepath.Join(t.TempDir(), "tickring")
			_, err := Create(c.opts, small("f"))
			require.ErrorIs(t, err, c.want)
			assert.NoDirExists(t, c.opts.Dir)
		})
	}
}

// A full memory filesystem is an error at start that says how much is missing; it
// leaves nothing behind and does not touch the segment that is there.
func TestFullFilesystem(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tickring-test", dir, "tmpfs", 0, "size=1m,mode=0750"); err != nil {
		t.Skipf("cannot mount a filesystem of 1 MB: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, 0)) })
	s := published(t, dir, "f")
	m, err := Open(dir, "f")
	require.NoError(t, err)
	defer m.Close()

	large := small("g")
	large.Slots = 1 << 15
	refuse := Options{Dir: dir, onStep: func(step string) {
		assert.NotEqual(t, stepCreated, step, "what cannot fit is not begun")
	}}
	_, err = Create(refuse, large)
	require.ErrorIs(t, err, ErrNoSpace)
	var space *SpaceError
	require.ErrorAs(t, err, &space)
	assert.Greater(t, space.NeedBytes, int64(4<<20))
	assert.Less(t, space.FreeBytes, int64(1<<20))
	assert.Contains(t, err.Error(), strconv.FormatInt(space.NeedBytes, 10))
	assert.Contains(t, err.Error(), "enlarge the filesystem")
	assert.NotContains(t, err.Error(), "\n", "one line")
	assert.ElementsMatch(t, []string{"f", "f.readers", ".f.lock", ".g.lock"}, names(t, dir))

	file, err := os.Create(filepath.Join(dir, "late"))
	require.NoError(t, err)
	require.ErrorIs(t, reserve(file, space.NeedBytes), unix.ENOSPC, "room that went after it was looked at")
	require.ErrorIs(t, writeZeros(file, space.NeedBytes), unix.ENOSPC)
	require.NoError(t, file.Close())
	require.NoError(t, os.Remove(file.Name()))
	require.NoError(t, m.Guard(func() { _ = touch(m.Bytes()) }))
	assert.Equal(t, s.Generation(), m.View().Generation())
	require.NoError(t, create(t, dir, "g").Close(false), "what fits is made")
}
