package readers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/ring"
)

// Places in a file of readers, by docs/format.md: of the header, then of a slot. Magic,
// version and byte order lie as in a segment.
const (
	atReadersHash = 16
	atSlotCount   = 24
	atSlotSize    = 28
	atReadersBoot = 32
	atClaims      = 48
	readersHead   = 128
	readersSlot   = 128
	readersSize   = readersHead + 256*readersSlot

	atClaim     = 0
	atPID       = 8
	atStart     = 16
	atNamespace = 24
	atUpdated   = 64
	atName      = 72
	nameBytes   = 48
)

var _ = [1]struct{}{}[ring.ReadersSize-readersSize]

// noProcess is a pid beyond all that Linux gives.
const noProcess = 1 << 30

// readersCopy is a copy of a feed's file of readers, to be looked at and written back.
type readersCopy struct {
	t     *testing.T
	path  string
	bytes []byte
}

func readersFile(t *testing.T, s *script) *readersCopy {
	t.Helper()
	f := &readersCopy{t: t, path: s.path() + ".readers"}
	var err error
	f.bytes, err = os.ReadFile(f.path)
	require.NoError(t, err)
	return f
}

// store writes the bytes into the file that is there: a new one would be another file.
func (f *readersCopy) store() {
	f.t.Helper()
	file, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	require.NoError(f.t, err)
	_, err = file.WriteAt(f.bytes, 0)
	require.NoError(f.t, err)
	require.NoError(f.t, file.Close())
}

func (f *readersCopy) slots() int { return (len(f.bytes) - readersHead) / readersSlot }

func (f *readersCopy) slot(i int) []byte { return f.bytes[readersHead+i*readersSlot:][:readersSlot] }

func (f *readersCopy) word(i, at int) uint64 { return binary.LittleEndian.Uint64(f.slot(i)[at:]) }

// claimed makes slot i one of a process of a pid namespace.
func (f *readersCopy) claimed(i, pid int, start, namespace uint64, updated int64) {
	s := f.slot(i)
	clear(s)
	put64(s, atClaim, 1<<40+uint64(i)) // no reader of ours has come so far
	put32(s, atPID, uint32(pid))
	put64(s, atStart, start)
	put64(s, atNamespace, namespace)
	put64(s, atUpdated, uint64(updated))
	copy(s[atName:], "somebody")
}

// living is a slot of this very process.
func (f *readersCopy) living(i int) {
	f.claimed(i, os.Getpid(), startTime(f.t, os.Getpid()), pidNamespace(f.t), monotonic(f.t))
}

// dead is a slot of a process that is no more.
func (f *readersCopy) dead(i int) { f.claimed(i, noProcess, 1, pidNamespace(f.t), monotonic(f.t)) }

// again is a slot of a process whose pid this one has got.
func (f *readersCopy) again(i int) {
	f.claimed(i, os.Getpid(), startTime(f.t, os.Getpid())-1, pidNamespace(f.t), monotonic(f.t))
}

// elsewhere is a slot of another container's process, last heard of some time ago.
func elsewhere(ago time.Duration) func(*readersCopy, int) {
	return func(f *readersCopy, i int) {
		f.claimed(i, os.Getpid(), startTime(f.t, os.Getpid()), pidNamespace(f.t)+1, monotonic(f.t)-int64(ago))
	}
}

func free(f *readersCopy, i int) { clear(f.slot(i)) }

func startTime(t *testing.T, pid int) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	behind := text[bytes.LastIndexByte(text, ')')+1:]
	ticks, err := strconv.ParseUint(strings.Fields(string(behind))[22-3], 10, 64)
	require.NoError(t, err)
	return ticks
}

func pidNamespace(t *testing.T) uint64 {
	t.Helper()
	var st syscall.Stat_t
	require.NoError(t, syscall.Stat("/proc/self/ns/pid", &st))
	return st.Ino
}

func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	return now.Nano()
}

// Which slot a reader takes, in a file whose other slots are of living readers.
func TestSlotsAreTakenInTheDocumentsOrder(t *testing.T) {
	living, dead, again := (*readersCopy).living, (*readersCopy).dead, (*readersCopy).again
	forgotten := elsewhere(61 * time.Second)
	type fill = func(*readersCopy, int)
	cases := []struct {
		name   string
		slots  []fill
		claims uint64
		want   int
	}{
		{"the first that is free", []fill{living, free, free}, 7, 1},
		{"one that is free before one whose reader is gone", []fill{dead, again, living, free}, 7, 3},
		{"none is free: the first whose reader is gone", []fill{living, dead, dead}, 7, 1},
		{"a pid that came again is another process", []fill{living, living, again}, 7, 2},
		{"the last one", append(repeat(living, 255), free), 7, 255},
		{"in another namespace, silent for a minute", []fill{living, forgotten}, 7, 1},
		{"in another namespace, and heard of", []fill{elsewhere(time.Second), dead}, 7, 1},
		{"in another namespace, in the future", []fill{living, elsewhere(-time.Hour)}, 7, 1},
		{"the first claim of a file", []fill{living, free}, 0, 1},
		{"a count of claims that is at its end", []fill{living, free}, 1<<64 - 1, 1},
	}
	r := registering(t)
	s := write(t, t.TempDir(), layout("slots", turns))
	r.beat = s.beat
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			for _, p := range r.drivers {
				f := readersFile(t, s)
				for i := range f.slots() {
					if i < len(c.slots) {
						c.slots[i](f, i)
					} else {
						living(f, i)
					}
				}
				put64(f.bytes, atClaims, c.claims)
				f.store()
				r.takes(p, s, f, c.want)
			}
		})
	}
	r.t = t
}

func repeat[T any](v T, n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = v
	}
	return list
}

// takes registers a driver, looks at every byte that it has written, and at the slot that it
// gives back.
func (r *rig) takes(p *process, s *script, before *readersCopy, want int) {
	r.t.Helper()
	name := strings.Repeat("n", nameBytes-1) + "é" // cut within a letter
	r.one(p, "register "+filepath.Dir(s.path())+" slots "+name, "OPENED generation=1 next=1")
	r.one(p, "registered", "REGISTERED 1")
	after := readersFile(r.t, s)
	slot, claim := after.slot(want), max(binary.LittleEndian.Uint64(before.bytes[atClaims:])+1, 1)
	if !assert.EqualValues(r.t, p.pid(), after.word(want, atPID), "%s: not in slot %d", p.name, want) {
		return
	}
	assert.Equal(r.t, claim, after.word(want, atClaim), "%s: its claim", p.name)
	assert.Equal(r.t, startTime(r.t, p.cmd.Process.Pid), after.word(want, atStart), "%s: start", p.name)
	assert.Equal(r.t, pidNamespace(r.t), after.word(want, atNamespace), "%s: namespace", p.name)
	assert.Equal(r.t, name[:nameBytes], string(slot[atName:][:nameBytes]), p.name)
	assert.Zero(r.t, after.word(want, atName+nameBytes), "%s: what is reserved", p.name)
	told := monotonic(r.t) - int64(after.word(want, atUpdated))
	assert.True(r.t, told >= 0 && told < int64(toldWithin), "%s: told %d ns ago", p.name, told)
	r.one(p, "close", "DETACHED")
	given := readersFile(r.t, s)
	assert.Zero(r.t, given.word(want, atClaim), "%s: given back", p.name)
	for _, f := range []*readersCopy{before, given} {
		clear(f.slot(want))
		put64(f.bytes, atClaims, 0)
	}
	assert.True(r.t, bytes.Equal(before.bytes, given.bytes), "%s: nothing else was written", p.name)
}

// Files of readers with anything in them: every reader opens the segment all the same, and
// takes the slot that the reference takes, or none as it.
func TestMutatedFilesOfReadersAreSurvived(t *testing.T) {
	count := fuzzShort / 3
	if os.Getenv("TICKRING_FULL") == "1" {
		count *= 10
	}
	seed := seedOf(t)
	r := registering(t)
	s := write(t, shared(t), layout("slots", turns))
	r.beat = s.beat
	refused := 0
	for n := range count {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		f := readersFile(t, s)
		good := bytes.Clone(f.bytes)
		mutateReaders(random, f)
		want := 0
		for i, p := range r.drivers {
			f.store()
			r.one(p, "register "+filepath.Dir(s.path())+" slots fuzz", "OPENED generation=1 next=1")
			took := r.slotOf(p, s)
			r.one(p, "close", "DETACHED")
			if i == 0 {
				want = took
			}
			require.Equal(t, want, took, "%s=%d, file %d: %s takes another slot than %s", envSeed, seed, n, p.name, r.drivers[0].name)
		}
		if want < 0 {
			refused++
		}
		f.bytes = good
		f.store()
	}
	t.Logf("%d of %d mutated files had no slot", refused, count)
	assert.Positive(t, refused)
	assert.Less(t, refused, count)
}

// slotOf is the slot that a driver's process stands in; -1 for none.
func (r *rig) slotOf(p *process, s *script) int {
	r.t.Helper()
	f := readersFile(r.t, s)
	for i := range f.slots() {
		if f.word(i, atClaim) != 0 && f.word(i, atPID) == uint64(p.pid()) && string(f.slot(i)[atName:][:5]) == "fuzz\x00" {
			r.one(p, "registered", "REGISTERED 1")
			return i
		}
	}
	r.one(p, "registered", "REGISTERED 0")
	return -1
}

// mutateReaders fills the first slots with readers of all sorts and damages a few words.
func mutateReaders(random *rand.Rand, f *readersCopy) {
	sorts := []func(*readersCopy, int){(*readersCopy).living, (*readersCopy).dead, (*readersCopy).again,
		elsewhere(time.Second), elsewhere(61 * time.Second), elsewhere(-time.Hour)}
	for i := range f.slots() {
		f.living(i)
	}
	for range 1 + random.IntN(3) {
		sorts[random.IntN(len(sorts))](f, random.IntN(8))
	}
	if random.IntN(2) == 0 {
		free(f, random.IntN(16))
	}
	for range random.IntN(3) {
		word := values[random.IntN(len(values))]
		if random.IntN(3) == 0 {
			put64(f.bytes, random.IntN(readersHead/8)*8, word)
		} else {
			put64(f.slot(random.IntN(8)), random.IntN(readersSlot/8)*8, word)
		}
	}
}
