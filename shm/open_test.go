package shm

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// whole returns the bytes of a segment of this boot that opens.
func whole(t testing.TB, feed string) []byte {
	t.Helper()
	s, err := Anonymous(small(feed))
	require.NoError(t, err)
	require.NoError(t, s.Publish())
	b := append([]byte(nil), s.Bytes()...)
	require.NoError(t, s.Close(true))
	return b
}

// Each fault of a file has its own answer, in one line with the path.
func TestOpenNamesTheFault(t *testing.T) {
	put32 := func(at uintptr, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.NativeEndian.PutUint32(b[at:], v); return b }
	}
	put64 := func(at uintptr, v uint64) func([]byte) []byte {
		return func(b []byte) []byte { binary.NativeEndian.PutUint64(b[at:], v); return b }
	}
	var h ring.Header
	cases := []struct {
		name   string
		mutate func([]byte) []byte
		want   error
	}{
		{"an empty file", func(b []byte) []byte { return nil }, ring.ErrTooShort},
		{"a file one byte short of a header", func(b []byte) []byte { return b[:ring.HeaderSize-1] }, ring.ErrTooShort},
		{"a file cut to its header", func(b []byte) []byte { return b[:ring.HeaderSize] }, ring.ErrTruncated},
		{"a file cut by a page", func(b []byte) []byte { return b[:len(b)-4096] }, ring.ErrTruncated},
		{"a file cut by a byte", func(b []byte) []byte { return b[:len(b)-1] }, ring.ErrTruncated},
		{"a file that grew", func(b []byte) []byte { return append(b, 0) }, ring.ErrSize},
		{"zeros", func(b []byte) []byte { return make([]byte, len(b)) }, ring.ErrNotReady},
		{"a state that is not ready", put32(unsafe.Offsetof(h.State), 0), ring.ErrNotReady},
		{"another magic", put64(0, ring.Magic+1), ring.ErrMagic},
		{"the other byte order", put32(unsafe.Offsetof(h.ByteOrder), 0x04030201), ring.ErrByteOrder},
		{"a later layout version", put32(unsafe.Offsetof(h.LayoutVersion), 99), ring.ErrVersion},
		{"another format hash", put64(unsafe.Offsetof(h.FormatHash), 1), ring.ErrFormatHash},
		{"another header size", put32(unsafe.Offsetof(h.HeaderSize), 512), ring.ErrHeaderField},
		{"an enormous total size", put64(unsafe.Offsetof(h.TotalSize), 1<<62), ring.ErrTruncated},
		{"a directory out of bounds", put64(unsafe.Offsetof(h.Directory)+unsafe.Offsetof(ring.Section{}.Offset), 1<<63), ring.ErrDirectory},
		{"another boot", put64(unsafe.Offsetof(h.BootID), 7), ErrOtherBoot},
		{"the name of another feed", put64(unsafe.Offsetof(h.Feed), 0x6161), ErrOtherFeed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			require.NoError(t, os.WriteFile(path, c.mutate(whole(t, "f")), 0o600))
			_, err := Open(dir, "f")
			require.ErrorIs(t, err, c.want)
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, path, e.Path)
			assert.NotEmpty(t, e.Remedy)
			assert.Contains(t, err.Error(), path)
			assert.NotContains(t, err.Error(), "\n", "one line")

			// What a reader refuses, the next publisher replaces, and does not count on.
			s := published(t, dir, "f")
			assert.LessOrEqual(t, s.Generation(), uint64(2))
			open(t, dir, "f")
		})
	}
}

// Things that are no files are named as such, and none of them makes Open hang.
func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	cases := []struct {
		name string
		make func(path string) error
		want error
	}{
		{"nothing", func(string) error { return nil }, ErrNoFeed},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }, ErrNotRegular},
		{"a symbolic link to a segment", func(path string) error { return os.Symlink(path+"x", path) }, ErrNotRegular},
		{"a pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, ErrNotRegular},
		{"a socket", bindSocket, ErrNotRegular},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			require.NoError(t, os.WriteFile(path+"x", whole(t, "f"), 0o600))
			require.NoError(t, c.make(path))
			_, err := Open(dir, "f")
			require.ErrorIs(t, err, c.want)
			s, err := Create(Options{Dir: dir}, small("f"))
			if c.name == "a directory" {
				require.ErrorIs(t, err, ErrNotRegular, "a name that cannot be taken is refused at start")
				return
			}
			require.NoError(t, err)
			require.NoError(t, s.Publish(), "anything else is replaced")
			open(t, dir, "f")
			assert.Equal(t, ring.StateLive, openPathState(t, path+"x"), "what a link led to is not touched")
			require.NoError(t, s.Close(true))
		})
	}
	_, err := Open(filepath.Join(t.TempDir(), "none"), "f")
	require.ErrorIs(t, err, ErrNoFeed)
}

func bindSocket(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrUnix{Name: path})
}

func openPathState(t *testing.T, path string) ring.State {
	t.Helper()
	m, err := OpenPath(path)
	require.NoError(t, err)
	defer m.Close()
	return m.View().State()
}

// The mapping cannot be written: a store is a fault, and changes nothing.
func TestMappingIsReadOnly(t *testing.T) {
	dir := t.TempDir()
	published(t, dir, "f")
	m := open(t, dir, "f")
	err := m.Guard(func() { m.Bytes()[0] = 0 })
	assert.ErrorIs(t, err, ErrTruncatedUnderUs)
	assert.Equal(t, ring.StateLive, m.View().State())
}

// memoryDir is a directory on the memory filesystem, where a page that is read is
// a page that is taken.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tickring-shm-test-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// A sparse file is looked at, not filled with memory.
func TestSparseFileIsNotPopulated(t *testing.T) {
	dir := memoryDir(t)
	path := filepath.Join(dir, "f")
	cfg := small("f")
	cfg.Slots = 1 << 17
	s, err := Anonymous(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Publish())
	size := int64(len(s.Bytes()))
	require.NoError(t, os.WriteFile(path, s.Bytes()[:ring.HeaderSize], 0o600))
	require.NoError(t, os.Truncate(path, size))
	require.NoError(t, s.Close(true))
	m := open(t, dir, "f")
	assert.Less(t, residentBytes(t, m.Bytes()), size/2)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	assert.Less(t, st.Blocks*512, size/2)
}

// Every page of a reader's mapping is in its page table when Open returns; by
// hand it comes out the same.
func TestOpenPopulates(t *testing.T) {
	dir := memoryDir(t)
	cfg := small("f")
	cfg.Slots = 1 << 13
	s, err := Create(Options{Dir: dir}, cfg)
	require.NoError(t, err)
	require.NoError(t, s.Publish())
	assert.Equal(t, int64(len(s.Bytes())), residentBytes(t, s.Bytes()))
	m := open(t, dir, "f")
	assert.Equal(t, int64(len(m.Bytes())), residentBytes(t, m.Bytes()))
	bare, err := mapPath(s.Path())
	require.NoError(t, err)
	assert.Less(t, residentBytes(t, bare.Bytes()), int64(len(m.Bytes())))
	assert.Zero(t, touch(bare.Bytes()[ring.HeaderSize:]), "an empty ring is zeros")
	assert.Equal(t, int64(len(m.Bytes())), residentBytes(t, bare.Bytes()))
	require.NoError(t, bare.Close())
	require.NoError(t, s.Close(true))
}

// residentBytes is what the kernel says is in this process's page table of a
// mapping: "Rss" in proc(5) smaps.
func residentBytes(t *testing.T, mapping []byte) int64 {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(smaps), fmt.Sprintf("\n%08x-", address(mapping)))
	require.True(t, found)
	_, rest, found = strings.Cut(rest, "\nRss:")
	require.True(t, found)
	var kib int64
	_, err = fmt.Sscanf(rest, "%d kB", &kib)
	require.NoError(t, err)
	return kib << 10
}

// A file that is deleted or truncated from outside is said to be so; what is gone
// is an error inside Guard, and any other panic is nobody's but its owner's.
func TestDeletedAndTruncatedFromOutside(t *testing.T) {
	dir := t.TempDir()
	s := published(t, dir, "f")
	m := open(t, dir, "f")
	last := len(m.Bytes()) - 1

	require.NoError(t, os.Rename(s.Path(), s.Path()+"x"))
	changed, err := m.Changed()
	require.ErrorIs(t, err, ErrNoFeed)
	assert.False(t, changed)
	require.NoError(t, m.Guard(func() { _ = touch(m.Bytes()) }), "a deleted file is as readable as before")

	require.NoError(t, os.Rename(s.Path()+"x", s.Path()))
	require.NoError(t, os.Truncate(s.Path(), ring.HeaderSize))
	_, err = m.Changed()
	require.ErrorIs(t, err, ErrShrunk)
	var got byte
	err = m.Guard(func() { got = m.Bytes()[last] })
	require.ErrorIs(t, err, ErrTruncatedUnderUs)
	assert.Zero(t, got)
	require.NoError(t, m.Guard(func() { got = m.Bytes()[0] }), "the page that is left can be read")
	assert.Equal(t, byte('T'), got)

	other := whole(t, "g")
	assert.Panics(t, func() { _ = Guard(other, func() { got = m.Bytes()[last] }) }, "a fault elsewhere")
	assert.PanicsWithValue(t, "own", func() { _ = m.Guard(func() { panic("own") }) })
	assert.Panics(t, func() { _ = m.Guard(func() { var p *int; *p = 1 }) })

	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	_, err = m.Changed()
	require.ErrorIs(t, err, ErrUnmapped)
}

// A successor of a segment that was truncated while it was live is published all
// the same, and says why the old one could not be told.
func TestPublishOverTruncatedSegment(t *testing.T) {
	dir := t.TempDir()
	first := published(t, dir, "f")
	m := open(t, dir, "f")
	require.NoError(t, os.Truncate(first.Path(), ring.HeaderSize))
	require.NoError(t, first.Close(false))
	second := published(t, dir, "f")
	require.ErrorIs(t, second.Told(), ring.ErrTruncated)
	assert.Equal(t, uint64(2), second.Generation())
	assert.NotEqual(t, ring.StateSuperseded, m.View().State())
	changed, err := m.Changed()
	require.ErrorIs(t, err, ErrShrunk)
	assert.False(t, changed)
}

// The lock file is written to, so it must be a file of its own.
func TestLockFileOfAStranger(t *testing.T) {
	for name, link := range map[string]func(string, string) error{
		"a symbolic link": os.Symlink,
		"a hard link":     os.Link,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			precious := filepath.Join(dir, "precious")
			require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))
			require.NoError(t, link(precious, lockPath(dir, "f")))
			_, err := Create(Options{Dir: dir}, small("f"))
			require.ErrorIs(t, err, ErrNotRegular)
			got, err := os.ReadFile(precious)
			require.NoError(t, err)
			assert.Equal(t, "precious", string(got))
		})
	}
}

// A note that is not ours counts for nothing.
func TestLockNoteThatIsDamaged(t *testing.T) {
	for _, text := range []string{"", "garbage", "pid", "pid -3 generation 7", "pid 1 generation -1",
		"pid 1 generation 18446744073709551615", "pid 99999999999999999999 generation 1", "\x00\x00\x00"} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(lockPath(dir, "f"), []byte(text), 0o600))
		assert.Equal(t, uint64(1), create(t, dir, "f").Generation(), "%q", text)
	}
}

// A generation beyond all counting in a damaged header is not continued.
func TestAbsurdGenerationIsNotContinued(t *testing.T) {
	dir := t.TempDir()
	b := whole(t, "f")
	binary.NativeEndian.PutUint64(b[unsafe.Offsetof(ring.Header{}.Generation):], 1<<64-1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), b, 0o600))
	assert.Equal(t, uint64(1), published(t, dir, "f").Generation())
}

// BenchmarkGuard is the cost of one guarded call of nothing.
func BenchmarkGuard(b *testing.B) {
	buf := make([]byte, 8)
	f := func() {}
	for b.Loop() {
		_ = Guard(buf, f)
	}
}
