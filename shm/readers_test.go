package shm

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// writing is a feed with a writer, published in dir.
func writing(t *testing.T, dir, feed string) (*Segment, *ring.Writer) {
	t.Helper()
	s := create(t, dir, feed)
	return s, startWriter(t, s)
}

// startWriter publishes a segment with one instrument, BTC/USDT.
func startWriter(t *testing.T, s *Segment) *ring.Writer {
	t.Helper()
	w, err := ring.NewWriter(s.Bytes(), func() int64 { return time.Now().UnixNano() })
	require.NoError(t, err)
	_, err = w.AddInstrument(ring.InstrumentSpec{Native: "BTC_USDT", Base: "BTC", Quote: "USDT"})
	require.NoError(t, err)
	require.NoError(t, s.Publish())
	require.NoError(t, s.ReadersFault())
	return w
}

// publish makes n book tickers of instrument 0, each a frame of its own.
func publish(w *ring.Writer, n int) {
	for range n {
		r := ring.Record{Kind: ring.KindBookTicker, Flags: ring.FlagFirst | ring.FlagLast, EventTimeNS: ring.Absent}
		w.BeginFrame(time.Now().UnixNano())
		w.Publish(&r)
		w.EndFrame()
	}
}

// listed is the one reader that is registered.
func listed(t *testing.T, dir, feed string) ReaderInfo {
	t.Helper()
	infos, err := ListReaders(dir, feed)
	require.NoError(t, err)
	require.Len(t, infos, 1)
	return infos[0]
}

// register registers a reader and gives its slot back with the test.
func register(t *testing.T, m *Mapping, name string) *Registration {
	t.Helper()
	g, err := m.Register(name)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, g.Close()) })
	return g
}

// A reader that registers is listed with its process, name, place and losses, and is
// forgotten when it closes. A name from outside is made fit for a terminal.
func TestReaderIsListedByName(t *testing.T) {
	dir := t.TempDir()
	_, w := writing(t, dir, "f")
	m := open(t, dir, "f")
	g := register(t, m, "strategy \x1b[31mred\n"+strings.Repeat("x", 60))
	info := listed(t, dir, "f")
	assert.Equal(t, "strategy ?[31mred?"+strings.Repeat("x", 30), info.Name)
	assert.Equal(t, uint32(os.Getpid()), info.PID)
	assert.True(t, info.Here)

	publish(w, 10)
	reader := ring.NewReader(m.View())
	var out ring.Record
	for range 4 {
		require.Equal(t, ring.AnswerRecord, reader.Next(&out))
	}
	require.Eventually(t, func() bool {
		g.Report(reader)
		return listed(t, dir, "f").Cursor == 5
	}, 5*time.Second, time.Millisecond)
	info = listed(t, dir, "f")
	assert.Equal(t, uint64(4), info.Read)
	assert.Zero(t, info.Lost)
	lag, ok := info.Lag(m.View())
	assert.True(t, ok)
	assert.Equal(t, uint64(6), lag)
	assert.Equal(t, uint64(6), reader.Lag())
	assert.Less(t, info.UpdatedAge, time.Minute)

	require.NoError(t, g.Close())
	require.NoError(t, g.Close())
	infos, err := ListReaders(dir, "f")
	require.NoError(t, err)
	assert.Empty(t, infos)
}

// The reports of one reader between two of its 10 ms cost no store, and none allocates.
func TestReportIsCheap(t *testing.T) {
	dir := t.TempDir()
	_, w := writing(t, dir, "f")
	m := open(t, dir, "f")
	g := register(t, m, "r")
	publish(w, 3)
	reader := ring.NewReader(m.View())
	assert.Zero(t, testing.AllocsPerRun(100, func() { g.Report(reader) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { g.reported = -ring.ReaderReportNS; g.Report(reader) }))
	require.NoError(t, g.Fault())
}

// A reader that is killed frees its slot by dying: it is listed no more, and another
// takes the slot when no other is left.
func TestDeadReadersSlotIsFree(t *testing.T) {
	dir := t.TempDir()
	published(t, dir, childFeed)
	c := startChild(t, roleRegister, dir)
	require.Equal(t, "registered", c.line(t))
	assert.Equal(t, uint32(c.cmd.Process.Pid), listed(t, dir, childFeed).PID)
	c.kill()
	infos, err := ListReaders(dir, childFeed)
	require.NoError(t, err)
	assert.Empty(t, infos)
	m := open(t, dir, childFeed)
	for range ring.ReaderSlots {
		register(t, m, "next")
	}
}

// Readers of many threads claim at once: each gets a slot of its own, the one that
// is too many is told, and a slot that comes free is taken again.
func TestFullTableIsTold(t *testing.T) {
	dir := t.TempDir()
	published(t, dir, "f")
	m := open(t, dir, "f")
	all := make([]*Registration, ring.ReaderSlots)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := worker; i < len(all); i += 4 {
				g, err := m.Register("many")
				if assert.NoError(t, err) {
					all[i] = g
				}
			}
		})
	}
	group.Wait()
	slots := map[int]bool{}
	for _, g := range all {
		slots[g.slot] = true
	}
	require.Len(t, slots, ring.ReaderSlots)
	_, err := m.Register("one too many")
	require.ErrorIs(t, err, ErrReadersFull)
	assert.NotContains(t, err.Error(), "\n", "one line")
	require.NoError(t, all[77].Close())
	g := register(t, m, "after all")
	assert.Equal(t, all[77].slot, g.slot)
	for _, g := range all {
		require.NoError(t, g.Close())
	}
}

// The file is kept over publishers, so that readers stay listed while they move; a
// file of another build, boot or owner is replaced.
func TestFileOfReadersOutlivesAPublisher(t *testing.T) {
	dir := t.TempDir()
	first, _ := writing(t, dir, "f")
	m := open(t, dir, "f")
	g := register(t, m, "r")
	require.NoError(t, first.Close(false))
	writing(t, dir, "f")
	assert.Equal(t, "r", listed(t, dir, "f").Name)
	next, err := m.Successor()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, next.Close()) })
	same, err := g.Follow(next, "r")
	require.NoError(t, err)
	assert.Same(t, g, same)
	_, known := listed(t, dir, "f").Lag(next.View())
	assert.False(t, known, "its numbers are of the generation before")
	reader := ring.NewReader(next.View())
	g.reported = -ring.ReaderReportNS
	g.Report(reader)
	_, known = listed(t, dir, "f").Lag(next.View())
	assert.True(t, known)
}

// What anybody may do to the file changes nothing for publisher and readers of the
// segment: they are told what is wrong, and the next publisher puts it right.
func TestHostileFileOfReaders(t *testing.T) {
	spoil := func(off uintptr, value byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = file.WriteAt(bytes.Repeat([]byte{value}, 4), int64(off))
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}
	}
	h := ring.ReadersHeader{}
	cases := []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  error
	}{
		{"cut short", func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 100)) }, ring.ErrReaders},
		{"empty", func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) }, ring.ErrReaders},
		{"enormous", func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 1<<40)) }, ring.ErrReaders},
		{"of no magic", spoil(0, 0), ring.ErrReaders},
		{"of another byte order", spoil(unsafe.Offsetof(h.ByteOrder), 9), ring.ErrReaders},
		{"of another version", spoil(unsafe.Offsetof(h.LayoutVersion), 9), ring.ErrVersion},
		{"of another build", spoil(unsafe.Offsetof(h.FormatHash), 9), ring.ErrFormatHash},
		{"of more slots than there are", spoil(unsafe.Offsetof(h.SlotCount), 255), ring.ErrReaders},
		{"of another boot", spoil(unsafe.Offsetof(h.BootID), 0x5A), ring.ErrReaders},
		{"deleted", func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, ErrNoReaders},
		{"a link to another file", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink("/dev/zero", path))
		}, ErrNotRegular},
		{"a second name of another file", func(t *testing.T, path string) {
			require.NoError(t, os.Link(path, path+".other"))
		}, ErrNotRegular},
		{"a pipe", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, unix.Mkfifo(path, 0o600))
		}, ErrNotRegular},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, _ := writing(t, dir, "f")
			c.spoil(t, readersPath(s.Path()))
			m := open(t, dir, "f")
			_, err := m.Register("r")
			require.ErrorIs(t, err, c.want)
			_, err = ListReaders(dir, "f")
			require.ErrorIs(t, err, c.want)
			assert.NotContains(t, err.Error(), "\n", "one line")
			require.NoError(t, s.Close(false))
			writing(t, dir, "f") // checks that the file could be made
			register(t, m, "r")
			assert.Equal(t, "r", listed(t, dir, "f").Name)
		})
	}
}

// A directory of the name cannot be replaced: the publisher says so and publishes.
func TestDirectoryInPlaceOfTheFileOfReaders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "f.readers"), 0o700))
	s := create(t, dir, "f")
	require.NoError(t, s.Publish())
	require.Error(t, s.ReadersFault())
	assert.Contains(t, s.ReadersFault().Error(), "f.readers")
	_, err := open(t, dir, "f").Register("r")
	require.ErrorIs(t, err, ErrNotRegular)
	assert.ElementsMatch(t, []string{"f", "f.readers", ".f.lock"}, names(t, dir), "nothing half built is left")
	require.NoError(t, os.Remove(filepath.Join(dir, "f.readers")))
}

// A file that is cut short under a registered reader ends its reports, not the
// reader; a slot that somebody took is not written to.
func TestReportsEndWhereTheFileIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	s, _ := writing(t, dir, "f")
	m := open(t, dir, "f")
	reader := ring.NewReader(m.View())
	g := register(t, m, "cut")
	require.NoError(t, os.Truncate(readersPath(s.Path()), 0))
	g.reported = -ring.ReaderReportNS
	g.Report(reader)
	require.ErrorIs(t, g.Fault(), ErrTruncatedUnderUs)
	g.Report(reader)
	assert.Equal(t, ring.AnswerEmpty, reader.Next(&ring.Record{}))

	require.NoError(t, s.Close(false))
	writing(t, dir, "f")
	robbed := register(t, m, "robbed")
	robbed.readers.Claim(robbed.slot, &ring.ReaderSlot{PID: 1, Cursor: 42})
	robbed.reported = -ring.ReaderReportNS
	robbed.Report(reader)
	require.ErrorIs(t, robbed.Fault(), ErrReadersFull)
	var slot ring.ReaderSlot
	require.True(t, robbed.readers.Slot(robbed.slot, &slot))
	assert.Equal(t, uint64(42), slot.Cursor)
}

// A lock that somebody keeps delays a reader for a moment and no longer.
func TestLockedFileOfReaders(t *testing.T) {
	dir := t.TempDir()
	s, _ := writing(t, dir, "f")
	file, err := os.OpenFile(readersPath(s.Path()), os.O_RDWR, 0)
	require.NoError(t, err)
	held, err := lockWhole(file)
	require.NoError(t, err)
	require.True(t, held)
	m := open(t, dir, "f")
	_, err = m.Register("r")
	require.ErrorIs(t, err, ErrReadersBusy)
	infos, err := ListReaders(dir, "f")
	require.NoError(t, err, "who only looks needs no lock")
	assert.Empty(t, infos)
	require.NoError(t, file.Close())
	register(t, m, "r")
}

// Random bytes in every slot: the list is made of bounded numbers and printable
// names, whatever stands there.
func TestNonsenseInTheFileOfReaders(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	s, w := writing(t, dir, "f")
	publish(w, 20)
	here, err := pidNamespace()
	require.NoError(t, err)
	path := readersPath(s.Path())
	image, err := os.ReadFile(path)
	require.NoError(t, err)
	view := open(t, dir, "f").View()
	seen := 0
	for range 50 {
		for i := ring.ReadersHeaderSize; i < len(image); i++ {
			image[i] = byte(random.Uint32())
		}
		own := ring.ReaderSlot{}
		for slot := 0; slot < ring.ReaderSlots; slot += 2 { // half of them seem alive
			at := image[ring.ReadersHeaderSize+slot*ring.ReaderSlotSize:]
			copy(at[unsafe.Offsetof(own.UpdatedMonotonicNS):], little(uint64(monotonicNS())))
			copy(at[unsafe.Offsetof(own.PIDNamespace):], little(here+1))
		}
		require.NoError(t, os.WriteFile(path, image, 0o600))
		infos, err := ListReaders(dir, "f")
		require.NoError(t, err)
		seen += len(infos)
		for _, info := range infos {
			assert.Regexp(t, `^[ -~]{0,48}$`, info.Name)
			assert.GreaterOrEqual(t, info.UpdatedAge, time.Duration(0))
			if lag, ok := info.Lag(view); ok {
				assert.LessOrEqual(t, lag, uint64(20))
			}
		}
	}
	assert.Greater(t, seen, 50*100)
}

func little(v uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	return b
}

// Who may read the segment may register, others may not; without the right to write
// a reader is told and goes on.
func TestRightsOfTheFileOfReaders(t *testing.T) {
	for mode, want := range map[os.FileMode]os.FileMode{0o640: 0o660, 0o600: 0o600, 0o644: 0o660} {
		dir := t.TempDir()
		s, err := Create(Options{Dir: dir, Mode: mode}, small("f"))
		require.NoError(t, err)
		require.NoError(t, s.Publish())
		info, err := os.Stat(readersPath(s.Path()))
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm())
		require.NoError(t, s.Close(true))
		assert.Equal(t, []string{".f.lock"}, names(t, dir))
	}
	needRoot(t)
	dir := commonDir(t, 0o755)
	s, err := Create(Options{Dir: dir, Mode: 0o644}, small(childFeed))
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close(true)) }()
	require.NoError(t, s.Publish())
	answer := asNobody(t, roleRegister, dir)
	assert.Contains(t, answer, "permission denied")
	assert.Contains(t, answer, "readers")
}
