//go:build cgo && linux

package cgoreader

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// childDir tells this test binary to be a publisher in a directory of its own.
const childDir = "TICKRING_TEST_PUBLISH_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := publishForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(runTests(m))
}

// buildDir holds what the tests compile.
var buildDir string

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tickring-cgo-reader-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	buildDir = dir
	return m.Run()
}

const feed = "child"

// numbered is a record all of whose body tells its sequence.
func numbered(n uint64) ring.Record {
	r := ring.Record{Kind: ring.KindBookTicker, Flags: ring.FlagFirst | ring.FlagLast, VenueSequence: n, EventTimeNS: int64(n)}
	for i := range r.Body {
		r.Body[i] = n*1000 + uint64(i)
	}
	return r
}

// wholeAs says that a record that was read is numbered's, every word of it.
func wholeAs(r *ring.Record, n uint64) bool {
	want := numbered(n)
	want.Commit, want.RecvTimeNS, want.PublishTimeNS = 2*n, r.RecvTimeNS, r.PublishTimeNS
	return *r == want
}

// publishForEver is the child: a real publisher at full speed until it is killed.
func publishForEver(dir string) error {
	seg, w, err := newPublisher(dir, feed, 1024)
	if err != nil {
		return err
	}
	if err := seg.Publish(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		w.BeginFrame(int64(i))
		for range 4 {
			r := numbered(w.LastSequence() + 1)
			w.Publish(&r)
		}
		w.EndFrame()
		if i%64 == 0 {
			w.HotBeat(time.Now().UnixNano())
			ring.Ring(w.Doorbell())
			time.Sleep(time.Millisecond)
		}
	}
}

func newPublisher(dir, name string, slots int) (*shm.Segment, *ring.Writer, error) {
	cfg := ring.Config{Feed: name, Venue: "sim", Source: ring.SourceSimulated, Slots: slots, MaxInstruments: 4, BookDepth: 5}
	seg, err := shm.Create(shm.Options{Dir: dir}, cfg)
	if err != nil {
		return nil, nil, err
	}
	w, err := ring.NewWriter(seg.Bytes(), func() int64 { return time.Now().UnixNano() })
	if err != nil {
		return nil, nil, err
	}
	_, err = w.AddInstrument(ring.InstrumentSpec{Native: "BTC_USDT", Base: "BTC", Quote: "USDT",
		Tick: ring.Absent, Lot: ring.Absent, Multiplier: ring.Absent})
	return seg, w, err
}

func startChild(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone already
		_ = cmd.Wait()         // its end is a kill, not an error of ours
	})
	return cmd
}

// thisBoot copies a golden segment into a fresh directory as a feed of this boot and
// returns directory and feed.
func thisBoot(t *testing.T, path string) (dir, name string) {
	t.Helper()
	buf, err := os.ReadFile(path)
	require.NoError(t, err)
	id, err := shm.BootID()
	require.NoError(t, err)
	copy(buf[bootIDOffset:], id[:])
	view, err := ring.OpenView(aligned(buf))
	require.NoError(t, err)
	dir, name = t.TempDir(), view.Feed()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), buf, 0o600))
	return dir, name
}

// aligned copies bytes to where 64-bit words may be read.
func aligned(buf []byte) []byte {
	words := make([]uint64, (len(buf)+7)/8)
	out := make([]byte, 0, 8*len(words))
	for i := 0; i < len(buf); i += 8 {
		out = binary.LittleEndian.AppendUint64(out, binary.LittleEndian.Uint64(buf[i:]))
	}
	return out
}
