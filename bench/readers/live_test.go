package readers

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

const (
	// envWriter makes this test binary a writer process: "MODE DIR SLOTS RECORDS".
	envWriter = "TICKRING_READERS_WRITER"
	// calmSlots hold every record of a calm run.
	calmSlots, calmRecords = 1 << 16, 60_000
	// A rushing writer laps its readers many times.
	rushSlots, rushRecords = 1 << 8, 2_000_000
	// frameRecords is how many records a rushing frame has.
	frameRecords = 4
)

// numbered is record n of a live run; every word of it follows from n, its times too.
func numbered(n uint64) ring.Record {
	r := quote(n)
	if n%3 == 0 {
		r = trade(n)
	}
	r.RecvTimeNS, r.PublishTimeNS = frameTime(n)-1, frameTime(n)
	r.Commit = 2 * n
	return r
}

// frameTime is the publish time of the frame that holds record n.
func frameTime(n uint64) int64 { return epoch + int64((n-1)/frameRecords) }

func writeAs(text string) error {
	var mode, dir string
	var slots, records int
	if _, err := fmt.Sscan(text, &mode, &dir, &slots, &records); err != nil {
		return fmt.Errorf("%s: %w", envWriter, err)
	}
	clock := int64(epoch)
	seg, err := shm.Create(shm.Options{Dir: dir}, layout(mode, slots))
	if err != nil {
		return err
	}
	w, err := ring.NewWriter(seg.Bytes(), func() int64 { return clock })
	if err != nil {
		return err
	}
	if _, err := w.AddInstrument(ring.InstrumentSpec{Native: "BTC_USDT", Base: "BTC", Quote: "USDT"}); err != nil {
		return err
	}
	w.HotBeat(time.Now().UnixNano())
	if err := seg.Publish(); err != nil {
		return err
	}
	if mode == "killed" {
		return dieWithin(seg, w)
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	for n := uint64(1); n <= uint64(records); n += frameRecords {
		clock = frameTime(n)
		w.BeginFrame(clock - 1)
		for i := n; i < n+frameRecords; i++ {
			r := numbered(i)
			w.Publish(&r)
		}
		w.EndFrame()
		if n%4096 == 1 {
			w.HotBeat(time.Now().UnixNano())
		}
	}
	w.CloseSegment()
	return seg.Close(false)
}

// dieWithin publishes five records and is killed in the middle of the sixth, of its place
// on the board and of the book.
func dieWithin(seg *shm.Segment, w *ring.Writer) error {
	for n := uint64(1); n <= 5; n++ {
		w.BeginFrame(epoch)
		r := numbered(n)
		w.Publish(&r)
		w.EndFrame()
	}
	b := seg.Bytes()
	half := make([]byte, ring.RecordSize/2)
	for i := range half {
		half[i] = 0xEE
	}
	for _, at := range []int{slotAt(b, 6), section(b, ring.SectionBoard)} {
		binary.LittleEndian.PutUint64(half, 2*6-1)
		copy(b[at:], half)
	}
	put64(b, section(b, ring.SectionBooks), 1)
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// startWriter runs this binary as a writer.
func startWriter(t *testing.T, mode, dir string, slots, records int) (*exec.Cmd, io.WriteCloser) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d", envWriter, mode, dir, slots, records))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	if mode != "killed" {
		text, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "ready\n", text)
	}
	return cmd, in
}

func killedWriter(t *testing.T, dir string) {
	t.Helper()
	cmd, _ := startWriter(t, "killed", dir, turns, 0)
	require.Error(t, cmd.Wait())
	require.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
}

// shared is a directory in memory, where there is one.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tickring-readers-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// live runs a writer process under all readers and gives their logs.
func live(t *testing.T, mode string, slots, records int) (r *rig, logs [][]string) {
	t.Helper()
	dir := shared(t)
	cmd, in := startWriter(t, mode, dir, slots, records)
	r = newRig(t)
	r.ask("attach "+dir+" "+mode, "OPENED generation=1 next=1")
	const bound = 60 * time.Second
	collect := r.start(fmt.Sprintf("drain %d", bound.Milliseconds()), bound+slack)
	_, err := io.WriteString(in, "go\n")
	require.NoError(t, err)
	logs = collect()
	require.NoError(t, cmd.Wait())
	for _, p := range r.drivers {
		require.NoError(t, p.err)
	}
	return r, logs
}

// Nobody is lapped: one run, the same for all, of the hash that the records have.
func TestCalmLiveRunsAreEqual(t *testing.T) {
	r, logs := live(t, "calm", calmSlots, calmRecords)
	want := []string{fmt.Sprintf("RUN first=1 last=%d records=%d hash=%016x", calmRecords, calmRecords, hashOf(1, calmRecords)), "CLOSED"}
	for i, log := range logs {
		assert.Equal(t, want, log, r.drivers[i].name)
	}
}

// hashOf is the hash of a run of numbered records.
func hashOf(first, last uint64) uint64 {
	h := uint64(0xcbf29ce484222325)
	for n := first; n <= last; n++ {
		r := numbered(n)
		for _, word := range words(&r) {
			h = (h ^ word) * 0x100000001b3
		}
	}
	return h
}

var (
	runLine     = regexp.MustCompile(`^RUN first=(\d+) last=(\d+) records=(\d+) hash=([0-9a-f]{16})$`)
	overrunLine = regexp.MustCompile(`^OVERRUN lost=(\d+) next=(\d+)$`)
)

// A writer at full speed laps its readers: every record is whole and every loss counted.
func TestRushedLiveRunsAccountForEveryRecord(t *testing.T) {
	records := uint64(rushRecords)
	if os.Getenv("TICKRING_FULL") == "1" {
		records *= 20
	}
	r, logs := live(t, "rush", rushSlots, int(records))
	overruns := 0
	for i, log := range logs {
		lapped, read := account(t, r.drivers[i].name, log, records)
		overruns += lapped
		t.Logf("%s: %d overruns, %d of %d records read", r.drivers[i].name, lapped, read, records)
		stats := r.drivers[i]
		stats.send("stats")
		reply := stats.receive("stats", replyWithin+slack)
		assert.Equal(t, []string{fmt.Sprintf("STATS records=%d lost=%d overruns=%d skipped_depth=0", read, records-read, lapped)}, reply, stats.name)
	}
	assert.Positive(t, overruns, "no reader was lapped: the run shows nothing")
}

// account checks one log.
func account(t *testing.T, name string, log []string, records uint64) (overruns int, read uint64) {
	t.Helper()
	overruns, read, faults := audit(log, records)
	for _, f := range faults {
		t.Errorf("%s: %s", name, f)
	}
	return overruns, read
}

func runText(first, last, hash uint64) string {
	return fmt.Sprintf("RUN first=%d last=%d records=%d hash=%016x", first, last, last-first+1, hash)
}

// audit says what is wrong with a log: runs and losses join without a hole, and runs have
// the hash of their records.
func audit(log []string, records uint64) (overruns int, read uint64, faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if len(log) == 0 || log[len(log)-1] != "CLOSED" {
		return 0, 0, []string{fmt.Sprintf("does not end with CLOSED: %q", log)}
	}
	next := uint64(1)
	for _, l := range log[:len(log)-1] {
		if m := runLine.FindStringSubmatch(l); m != nil {
			first, last := parse(m[1]), parse(m[2])
			if first != next || last < first || last > records || l != runText(first, last, hashOf(first, last)) {
				fault("%d was next, and %s", next, l)
				return overruns, read, faults
			}
			read, next = read+last-first+1, last+1
			continue
		}
		m := overrunLine.FindStringSubmatch(l)
		if m == nil || next+parse(m[1]) != parse(m[2]) {
			fault("%d was next, and %s", next, l)
			return overruns, read, faults
		}
		next = parse(m[2])
		overruns++
	}
	if next != records+1 {
		fault("ends at %d of %d", next-1, records)
	}
	return overruns, read, faults
}

// parse reads digits that a pattern has matched; too many read as 0, which is no sequence.
func parse(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
