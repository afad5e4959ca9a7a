package readers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/shm"
)

const (
	// toldWithin is far more than the 10 ms after which a reader tells its place again.
	toldWithin = 10 * time.Second
	// allRecords is more than any ring here holds.
	allRecords = "next 100"
)

var errKilled = errors.New("killed")

// registering is a rig of the drivers whose registration is judged: all of the table, and
// another's where it knows the commands.
func registering(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.drivers = slices.DeleteFunc(r.drivers, func(p *process) bool {
		p.send("registered")
		reply := p.receive("registered", replyWithin+slack)
		why := p.nameless
		if p.name == yours && slices.Equal(reply, []string{"UNSUPPORTED"}) {
			why = "it does not know the commands"
		}
		if why == "" {
			return false
		}
		t.Logf("%s does not register: %s", p.name, why)
		require.NoError(t, p.end())
		return true
	})
	r.ask("registered", "NO_READER")
	return r
}

// one gives a single driver a command.
func (r *rig) one(p *process, command string, want ...string) {
	r.t.Helper()
	if r.beat != nil {
		r.beat()
	}
	p.send(command)
	reply := p.receive(command, replyWithin+slack)
	require.NoError(r.t, p.err)
	assert.Equal(r.t, want, reply, "%s: %s", p.name, command)
}

// listed are the readers of a feed by process.
func listed(t *testing.T, s *script) map[uint32]shm.ReaderInfo {
	t.Helper()
	infos, err := shm.ListReaders(filepath.Dir(s.path()), filepath.Base(s.path()))
	require.NoError(t, err)
	byPID := map[uint32]shm.ReaderInfo{}
	for _, i := range infos {
		byPID[i.PID] = i
	}
	require.Len(t, byPID, len(infos), "one slot a driver")
	return byPID
}

func (p *process) pid() uint32 { return uint32(p.cmd.Process.Pid) }

// stand is what a reader tells of itself.
type stand struct{ generation, cursor, read, lost uint64 }

// told asks for records that are not there until every driver has told where it stands.
func (r *rig) told(s *script, want stand) {
	r.t.Helper()
	for end := time.Now().Add(toldWithin); ; {
		r.ask("next 1", "EMPTY")
		readers := listed(r.t, s)
		waits := slices.ContainsFunc(r.drivers, func(p *process) bool {
			i := readers[p.pid()]
			return want != stand{i.Generation, i.Cursor, i.Read, i.Lost}
		})
		if !waits {
			return
		}
		if time.Now().After(end) {
			for _, p := range r.drivers {
				i := readers[p.pid()]
				assert.Equal(r.t, want, stand{i.Generation, i.Cursor, i.Read, i.Lost}, p.name)
			}
			r.t.FailNow()
		}
	}
}

// register names every driver after itself.
func (r *rig) register(s *script, opened string) {
	r.t.Helper()
	for _, p := range r.drivers {
		r.one(p, fmt.Sprintf("register %s %s reader-%s", filepath.Dir(s.path()), filepath.Base(s.path()), p.name), opened)
		r.one(p, "registered", "REGISTERED 1")
	}
}

// statOf is what the command `tickring stat` prints of a feed.
func statOf(t *testing.T, s *script) string {
	t.Helper()
	program := filepath.Join(built, "tickring")
	if _, err := os.Stat(program); err != nil {
		cmd := exec.Command("go", "build", "-o", program, "./cmd/tickring")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	out, err := exec.Command(program, "stat", filepath.Base(s.path()), "--dir", filepath.Dir(s.path())).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// row is a reader's line of that print.
func row(p *process, lag, lost, read int) string {
	return fmt.Sprintf(`(?m)^reader-%s +%d +%d +%d +%d +\S+ ago$`, regexp.QuoteMeta(p.name), p.pid(), lag, lost, read)
}

// Readers of all languages, each in a process of its own, stand in `tickring stat` with
// name, process, lag and losses, until they close.
func TestStatNamesEveryReader(t *testing.T) {
	r := registering(t)
	s := write(t, t.TempDir(), layout("named", turns))
	r.beat = s.beat
	r.register(s, "OPENED generation=1 next=1")
	s.quotes(10)
	r.ask(allRecords)
	r.told(s, stand{generation: 1, cursor: 11, read: 10})
	s.quotes(3) // nobody reads them: stat knows it without a word of the readers
	text := statOf(t, s)
	assert.Regexp(t, `(?m)^READER +PID +LAG +LOST +READ +UPDATED$`, text)
	for _, p := range r.drivers {
		assert.Regexp(t, row(p, 3, 0, 10), text)
		assert.True(t, listed(t, s)[p.pid()].Here, p.name)
	}
	s.quotes(2 * turns) // up to 45: all behind 45 - 16 + 2 = 31 is lost
	assert.Equal(t, "OVERRUN lost=20 next=31", r.ask(allRecords)[0])
	r.told(s, stand{generation: 1, cursor: 46, read: 25, lost: 20})
	text = statOf(t, s)
	for _, p := range r.drivers {
		assert.Regexp(t, row(p, 0, 20, 25), text)
	}
	for i, p := range r.drivers {
		r.one(p, "close", "DETACHED")
		assert.Len(t, listed(t, s), len(r.drivers)-i-1, "%s has given its slot back", p.name)
	}
	r.ask("open "+s.path(), "OPENED generation=1 next=31")
	r.ask("registered", "REGISTERED 0")
	assert.Empty(t, listed(t, s), "who does not register is not named")
}

// A reader that is killed is named no more, though nobody has freed its slot, and who
// comes next may have it.
func TestKilledReadersAreNamedNoMore(t *testing.T) {
	r := registering(t)
	s := write(t, t.TempDir(), layout("killed", turns))
	r.register(s, "OPENED generation=1 next=1")
	for len(r.drivers) > 0 {
		p := r.drivers[0]
		slot := listed(t, s)[p.pid()].Slot
		require.NoError(t, p.cmd.Process.Kill())
		p.err = errKilled
		require.ErrorIs(t, p.end(), errKilled)
		r.drivers = r.drivers[1:]
		assert.NotContains(t, listed(t, s), p.pid(), p.name)
		assert.NotZero(t, readersFile(t, s).word(slot, atClaim), p.name)
	}
}

// Registered readers that move with their feed stay registered: in the same file, and in
// another one that has taken its name.
func TestRegistrationMovesWithTheReader(t *testing.T) {
	for _, remade := range []bool{false, true} {
		t.Run(fmt.Sprintf("file made anew %t", remade), func(t *testing.T) {
			dir := t.TempDir()
			r := registering(t)
			old := write(t, dir, layout("moving", turns))
			r.beat = old.beat
			r.register(old, "OPENED generation=1 next=1")
			old.quotes(2)
			r.ask("next 2")
			r.told(old, stand{generation: 1, cursor: 3, read: 2})
			old.end()
			if remade {
				require.NoError(t, os.Remove(old.path()+".readers"))
			}
			next := write(t, dir, layout("moving", turns))
			r.beat = next.beat
			next.quotes(5)
			r.ask("next 1", "SUPERSEDED")
			r.ask("reattach", "REATTACHED generation=2 next=1")
			r.ask("registered", "REGISTERED 1")
			r.ask("next 5")
			r.told(next, stand{generation: 2, cursor: 6, read: 5})
			text := statOf(t, next)
			for _, p := range r.drivers {
				assert.Regexp(t, row(p, 0, 0, 5), text)
			}
			assert.Len(t, listed(t, next), len(r.drivers))
		})
	}
}

// A reader that gets no slot reads as before, and writes nothing into a file that is not
// what a publisher makes.
func TestReadersWithoutASlotReadOn(t *testing.T) {
	r := registering(t)
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			s := write(t, t.TempDir(), layout("refused", turns))
			r.beat = s.beat
			path := s.path() + ".readers"
			c.spoil(t, s, path)
			before, errBefore := os.ReadFile(path)
			r.ask("register "+filepath.Dir(s.path())+" refused anybody", "OPENED generation=1 next=1")
			r.ask("registered", "REGISTERED 0")
			s.quotes(1)
			assert.Len(t, r.ask("next 2"), 2)
			r.ask("close", "DETACHED")
			after, errAfter := os.ReadFile(path)
			assert.True(t, slices.Equal(before, after) && (errBefore == nil) == (errAfter == nil), "the file was changed")
		})
	}
	r.t = t
}

// refusals are the ways in which a file of readers has no slot to give.
var refusals = []struct {
	name  string
	spoil func(t *testing.T, s *script, path string)
}{
	{"no file", func(t *testing.T, _ *script, path string) { require.NoError(t, os.Remove(path)) }},
	{"cut short", sized(7)},
	{"of no bytes", sized(0)},
	{"a byte too long", sized(readersSize + 1)},
	{"another magic", patched(0, 1)},
	{"another version", patched(atVersion, 0xff)},
	{"another byte order", patched(atByteOrder, 1)},
	{"another format", patched(atReadersHash, 1)},
	{"fewer slots", patched(atSlotCount, 255)},
	{"larger slots", patched(atSlotSize, 64)},
	{"another boot", patched(atReadersBoot, 0x55)},
	{"a link", func(t *testing.T, _ *script, path string) {
		require.NoError(t, os.Rename(path, path+".real"))
		require.NoError(t, os.Symlink(path+".real", path))
	}},
	{"a second name", func(t *testing.T, _ *script, path string) { require.NoError(t, os.Link(path, path+".second")) }},
	{"a directory", func(t *testing.T, _ *script, path string) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Mkdir(path, 0o700))
	}},
	{"locked for ever", func(t *testing.T, _ *script, path string) {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, file.Close()) })
		first := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Len: 1}
		require.NoError(t, unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &first))
	}},
	{"full of living readers", func(t *testing.T, s *script, _ string) {
		f := readersFile(t, s)
		for i := range f.slots() {
			f.living(i)
		}
		f.store()
	}},
}

func sized(size int64) func(*testing.T, *script, string) {
	return func(t *testing.T, _ *script, path string) { require.NoError(t, os.Truncate(path, size)) }
}

// patched stores a byte of another value.
func patched(at int, value byte) func(*testing.T, *script, string) {
	return func(t *testing.T, s *script, _ string) {
		f := readersFile(t, s)
		require.NotEqual(t, value, f.bytes[at])
		f.bytes[at] = value
		f.store()
	}
}

// A slot that was given to another, or cut off, is written no more; its reader reads on.
func TestLostSlotsAreLeftAlone(t *testing.T) {
	cases := []struct {
		name string
		take func(t *testing.T, s *script)
	}{
		{"given to others", func(t *testing.T, s *script) {
			f := readersFile(t, s)
			for i := range f.slots() {
				if f.word(i, atClaim) != 0 {
					f.living(i)
				}
			}
			f.store()
		}},
		{"cut off", func(t *testing.T, s *script) { require.NoError(t, os.Truncate(s.path()+".readers", readersHead)) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := registering(t)
			s := write(t, t.TempDir(), layout("lost", turns))
			r.beat = s.beat
			r.register(s, "OPENED generation=1 next=1")
			c.take(t, s)
			left := readersFile(t, s).bytes
			for _, p := range r.drivers {
				r.untilUnregistered(p)
			}
			s.quotes(3)
			assert.Len(t, r.ask("next 4"), 4)
			r.ask("close", "DETACHED")
			assert.Equal(t, left, readersFile(t, s).bytes)
		})
	}
}

func (r *rig) untilUnregistered(p *process) {
	r.t.Helper()
	for end := time.Now().Add(toldWithin); ; {
		r.one(p, "next 1", "EMPTY")
		p.send("registered")
		reply := strings.Join(p.receive("registered", replyWithin+slack), "\n")
		require.NoError(r.t, p.err)
		if reply == "REGISTERED 0" {
			return
		}
		require.Equal(r.t, "REGISTERED 1", reply, p.name)
		require.True(r.t, time.Now().Before(end), "%s keeps a slot that is not its own", p.name)
	}
}
