package ring

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Environment of the child process: the segment to write, and how many records
// before it closes (0: until it is killed).
const (
	childSegment = "TICKRING_TEST_SEGMENT"
	childRecords = "TICKRING_TEST_RECORDS"
)

// childMain is the publisher's process: derived records, a heartbeat, a clean end.
func childMain(path string) int {
	buf, err := mapFile(path, syscall.PROT_READ|syscall.PROT_WRITE)
	if err != nil {
		return 2
	}
	limit, err := strconv.ParseUint(os.Getenv(childRecords), 10, 64)
	if err != nil {
		return 2
	}
	var n uint64
	w, err := NewWriter(buf, func() int64 { return derivedPublish(n) })
	if err != nil {
		return 2
	}
	for i := range 4 {
		if _, err := w.AddInstrument(InstrumentSpec{Native: strconv.Itoa(i), Base: "B"}); err != nil {
			return 2
		}
	}
	if os.Getenv(childStep) == "1" {
		return stepMain(w, &n)
	}
	w.HotBeat(1)
	w.Ready()
	for beat := time.Now(); limit == 0 || n < limit; {
		n++
		r := derivedRecord(n)
		w.BeginFrame(derivedRecv(n))
		w.Publish(&r)
		w.EndFrame()
		if n%1024 == 0 && time.Since(beat) > HeartbeatIntervalNS {
			beat = time.Now()
			w.HotBeat(beat.UnixNano())
		}
	}
	w.CloseSegment()
	return 0
}

// mapFile maps a whole file, shared.
func mapFile(path string, protection int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return syscall.Mmap(int(f.Fd()), 0, int(info.Size()), protection, syscall.MAP_SHARED)
}

// segmentDir is in shared memory where there is some.
func segmentDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "tickring-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// startWriter formats a segment in a file, lets another process write records
// into it, and opens it here over a read-only mapping.
func startWriter(t *testing.T, slots int, records uint64) (*exec.Cmd, *Reader) {
	t.Helper()
	path := filepath.Join(segmentDir(t), "segment")
	require.NoError(t, os.WriteFile(path, segmentBytes(t, testConfig(slots)), 0o600))
	buf, err := mapFile(path, syscall.PROT_READ)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Munmap(buf)) })

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childSegment+"="+path, childRecords+"="+strconv.FormatUint(records, 10))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var v *View
	require.Eventually(t, func() bool {
		v, err = OpenView(buf)
		return err == nil
	}, 10*time.Second, time.Millisecond, "the child's segment did not become ready")
	return cmd, NewReader(v)
}

// drain reads on, checking each record, until another answer than RECORD,
// OVERRUN and EMPTY, or until the limit.
func drain(t *testing.T, r *Reader, limit time.Duration) Answer {
	t.Helper()
	var out Record
	a := AnswerEmpty
	for end := time.Now().Add(limit); time.Now().Before(end); {
		switch a = r.Next(&out); a {
		case AnswerRecord:
			if !isDerived(&out) || out.Sequence() != r.NextSequence()-1 {
				t.Fatalf("a torn record at %d", r.NextSequence()-1)
			}
		case AnswerOverrun:
		case AnswerEmpty:
			r.Wait(time.Millisecond)
		default:
			return a
		}
	}
	return a
}

// Two real processes: what the other wrote is read here whole, and read and lost
// add up to what it wrote, whether the ring is roomy or far too small.
func TestTwoProcesses(t *testing.T) {
	for _, c := range []struct {
		name  string
		slots int
	}{{"a ring that laps its reader", 8}, {"a ring with room", 4096}} {
		t.Run(c.name, func(t *testing.T) {
			records := uint64(500_000)
			if full() {
				records *= 100
			}
			cmd, r := startWriter(t, c.slots, records)
			r.Seek(1)
			require.Equal(t, AnswerClosed, drain(t, r, time.Minute))
			require.NoError(t, cmd.Wait())
			assert.Equal(t, records, r.Stats.Records+r.Stats.Lost)
			assert.Equal(t, records, r.View().Watermark())
			assert.NotZero(t, r.Stats.Records)
			t.Logf("%+v", r.Stats)
		})
	}
}

// A writer that is killed anywhere leaves nothing that is torn, out of place or
// endless: readers drain and go stale, the board is whole or busy.
func TestWriterKilled(t *testing.T) {
	kills := 5
	if full() {
		kills = 200
	}
	for i := range kills {
		cmd, r := startWriter(t, 64, 0)
		drain(t, r, time.Duration(1+7*i%40)*time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		_, err := cmd.Process.Wait()
		require.NoError(t, err)
		want := AnswerEmpty
		limit := 20 * time.Millisecond
		if i == 0 {
			want, limit = AnswerStale, 5*time.Second
		}
		require.Equal(t, want, drain(t, r, limit))
		var out Record
		for id := range r.View().InstrumentCount() {
			switch a := r.View().ReadBoard(id, BoardBookTicker, &out); a {
			case AnswerRecord:
				require.True(t, isDerived(&out))
			case AnswerEmpty, AnswerBusy:
			default:
				t.Fatalf("board answers %s", a)
			}
		}
		late := NewReader(r.View())
		require.Equal(t, AnswerEmpty, drain(t, late, 5*time.Millisecond), "a reader that comes after its death")
		require.NotZero(t, late.Stats.Records)
	}
}

// A writer that is stopped reads as STALE after a second, and is back at once
// when it goes on.
func TestWriterStopped(t *testing.T) {
	cmd, r := startWriter(t, 64, 0)
	require.NotEqual(t, AnswerStale, drain(t, r, 100*time.Millisecond))
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	begin := time.Now()
	require.Equal(t, AnswerStale, drain(t, r, 10*time.Second))
	assert.Less(t, time.Since(begin), 2*time.Second)
	had := r.Stats.Records
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool {
		var out Record
		a := r.Next(&out)
		return a == AnswerRecord && isDerived(&out)
	}, 10*time.Second, time.Millisecond)
	assert.Greater(t, r.Stats.Records, had)
}
