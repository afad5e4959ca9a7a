package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// goldenFeed copies the golden segment into a directory, as if it had been made
// since this machine started.
func goldenFeed(t *testing.T) (dir string) {
	t.Helper()
	segment, err := os.ReadFile("testdata/records.segment")
	require.NoError(t, err)
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	id, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(boot)), "-", ""))
	require.NoError(t, err)
	copy(segment[unsafe.Offsetof(ring.Header{}.BootID):], id)
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "golden"), segment, 0o640))
	return dir
}

// Intent: tail prints every record of the golden segment, in the golden bytes, and
// so does the C program.
func TestTailPrintsTheGoldenLines(t *testing.T) {
	dir := goldenFeed(t)
	want, err := os.ReadFile("testdata/records.jsonl")
	require.NoError(t, err)
	code, stdout, stderr := run(t, "tail", "golden", "--dir", dir, "--from", "oldest", "--json")
	assert.Zero(t, code)
	assert.Equal(t, string(want), stdout)
	assert.Equal(t, "end of feed \"golden\": closed by its publisher\n", stderr)

	c := cProgram(t)
	if c == "" {
		return
	}
	p := startAs(t, nil, c, "golden", "--dir", dir, "--from", "oldest")
	assert.Zero(t, p.wait())
	assert.Equal(t, string(want), p.out.String())
}

// Intent: the form for people has an aligned line for every record, and nothing
// in it can drive a terminal.
func TestTailForPeople(t *testing.T) {
	code, stdout, _ := run(t, "tail", "golden", "--dir", goldenFeed(t), "--from", "oldest")
	assert.Zero(t, code)
	const golden = "testdata/records.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(stdout), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err, "run go test ./cmd/tickring -update")
	assert.Equal(t, string(want), stdout)
	for _, c := range stdout {
		assert.True(t, c == '\n' || c >= ' ' && c != 0x7f, "control character %#x", c)
	}
}

// Intent: each beginning prints what it promises: everything, nothing that was
// before, or the latest of each instrument first.
func TestTailBeginnings(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 64)
	p.beats()
	for range 5 {
		p.trade(0)
	}
	p.record(ring.Record{Kind: ring.KindBookTicker, Instrument: 1})
	p.trade(0)
	p.record(ring.Record{Kind: ring.KindDepth, Instrument: 0, Flags: ring.FlagFirst | ring.FlagLast})
	tails := map[string]*process{}
	for _, from := range []string{"oldest", "latest", "board"} {
		tails[from] = start(t, "tail", "f", "--dir", dir, "--json", "--from", from)
	}
	eventually(t, "the board is printed", func() bool { return len(tails["board"].lines()) == 2 })
	eventually(t, "the ring is printed", func() bool { return len(tails["oldest"].lines()) == 8 })
	time.Sleep(200 * time.Millisecond) // latest prints nothing by which to know that it is there
	p.trade(1)
	p.close()
	for from, want := range map[string][]uint64{
		"oldest": upTo(9),
		"latest": {9},
		"board":  {6, 7, 9},
	} {
		assert.Zero(t, tails[from].wait())
		assert.Equal(t, want, venueSequences(t, tails[from].lines()), from)
	}
}

// Intent: a late joiner beside a running writer has, for every place of the board,
// a record and then all newer ones, in order, each once.
func TestTailJoinsBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 4096)
	p.beats()
	stop := make(chan struct{})
	written := make(chan struct{})
	go func() {
		defer close(written)
		for {
			select {
			case <-stop:
				return
			default:
				p.trade(uint16(p.next % 2))
			}
			time.Sleep(20 * time.Microsecond)
		}
	}()
	tail := start(t, "tail", "f", "--dir", dir, "--json", "--from", "board", "--limit", "500")
	assert.Zero(t, tail.wait())
	close(stop)
	<-written
	sequences := venueSequences(t, tail.lines())
	require.Len(t, sequences, 500)
	assert.NotEqual(t, sequences[0]%2, sequences[1]%2, "two instruments on the board")
	for i := 3; i < len(sequences); i++ {
		assert.Equal(t, sequences[i-1]+1, sequences[i], "after the board the ring has no gap and no double")
	}
	p.close()
}

// Intent: a record that the board gave already, because it was newer than the
// watermark, is not printed again from the ring; one of another place is.
func TestTailSkipsWhatTheBoardCovered(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 64)
	p.beats()
	p.trade(0) // 1, behind the watermark
	trade := func(instrument uint16) {
		p.w.Publish(&ring.Record{Kind: ring.KindTrade, Instrument: instrument, VenueSequence: p.next})
		p.next++
	}
	p.w.BeginFrame(1)
	trade(0) // 2, covered by 4
	p.w.Publish(&ring.Record{Kind: ring.KindDepth, Flags: ring.FlagFirst | ring.FlagLast, VenueSequence: p.next})
	p.next++ // 3, of no place on the board
	trade(0) // 4, on the board
	trade(1) // 5, on the board
	tail := start(t, "tail", "f", "--dir", dir, "--json", "--from", "board")
	eventually(t, "the board is printed", func() bool { return len(tail.lines()) == 3 })
	trade(1) // 6, came later
	p.w.EndFrame()
	p.close()
	assert.Zero(t, tail.wait())
	assert.Equal(t, []uint64{4, 5, 3, 6}, venueSequences(t, tail.lines()))
}

// Intent: a follower of a publisher that was killed, whose file was deleted, goes
// on with the next one though nobody told it.
func TestTailFollowsAnOrphan(t *testing.T) {
	dir := t.TempDir()
	first := publish(t, dir, 64)
	first.trade(0)
	tail := start(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest", "--follow", "--limit", "2")
	eventually(t, "the first record is printed", func() bool { return len(tail.lines()) == 1 })
	require.NoError(t, os.Remove(first.segment.Path()))
	require.NoError(t, first.segment.Close(false))
	second := publish(t, dir, 64)
	second.trade(1)
	assert.Zero(t, tail.wait())
	assert.Contains(t, tail.errors.String(), "stale: ")
	assert.Contains(t, tail.errors.String(), "generation 2 after 1")
	second.close()
}

// Intent: kind and symbol choose records, limit counts those that were chosen.
func TestTailFilters(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 64)
	for i := range uint16(4) {
		p.trade(i % 2)
		p.record(ring.Record{Kind: ring.KindBookTicker, Instrument: i % 2})
		p.record(ring.Record{Kind: ring.KindStatus, Instrument: ring.NoInstrument})
	}
	p.close()
	cases := []struct {
		name string
		args []string
		want []uint64
	}{
		{"one kind", []string{"--kind", "trade"}, []uint64{1, 4, 7, 10}},
		{"two kinds", []string{"--kind", "trade,status"}, []uint64{1, 3, 4, 6, 7, 9, 10, 12}},
		{"a symbol", []string{"--symbol", "ETH/USDT"}, []uint64{4, 5, 10, 11}},
		{"a symbol in the venue's spelling", []string{"--symbol", "ETH_USDT"}, []uint64{4, 5, 10, 11}},
		{"two symbols, one of them unknown", []string{"--symbol", "NO/PE,BTC/USDT"}, []uint64{1, 2, 7, 8}},
		{"a symbol and a kind", []string{"--symbol", "ETH/USDT", "--kind", "trade"}, []uint64{4, 10}},
		{"no more than the limit", []string{"--kind", "trade", "--limit", "3"}, []uint64{1, 4, 7}},
		{"a limit beyond the end", []string{"--limit", "99"}, upTo(12)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"tail", "f", "--dir", dir, "--json", "--from", "oldest"}, c.args...)
			code, stdout, stderr := run(t, args...)
			assert.Zero(t, code, stderr)
			assert.Equal(t, c.want, venueSequences(t, linesOf(stdout)))
		})
	}
}

// Intent: idle and for end a quiet tail in time, cleanly; records keep idle off.
func TestTailEndsInTime(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 64)
	p.beats()
	began := time.Now()
	idle := start(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest", "--idle", "400ms")
	limited := start(t, "tail", "f", "--dir", dir, "--json", "--for", "300ms")
	for range 6 {
		time.Sleep(100 * time.Millisecond)
		p.trade(0)
	}
	assert.Zero(t, limited.wait())
	assert.Zero(t, idle.wait())
	assert.Greater(t, time.Since(began), time.Second, "each record should have kept it going")
	assert.Equal(t, upTo(6), venueSequences(t, idle.lines()))
	code, _, _ := run(t, "tail", "nothere", "--dir", dir, "--follow", "--idle", "200ms")
	assert.Zero(t, code)
	p.close()
}

// Intent: a reader that was stopped is told exactly how many records it lost, and
// prints all the others.
func TestTailCountsWhatItLost(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 64)
	p.beats()
	tail := start(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
	p.trade(0)
	eventually(t, "the first record is printed", func() bool { return len(tail.lines()) == 1 })
	tail.signal(syscall.SIGSTOP)
	for range 1000 {
		p.trade(0)
	}
	tail.signal(syscall.SIGCONT)
	p.close()
	assert.Zero(t, tail.wait())
	var lost uint64
	for _, line := range linesOf(tail.errors.String()) {
		var n uint64
		if _, err := fmt.Sscanf(line, "overrun: lost %d records", &n); err == nil {
			lost += n
		}
	}
	assert.Positive(t, lost, tail.errors.String())
	sequences := venueSequences(t, tail.lines())
	assert.EqualValues(t, 1001, lost+uint64(len(sequences)), tail.errors.String())
	assert.EqualValues(t, 1001, sequences[len(sequences)-1])
}

// Intent: with --follow, tail waits for a feed, goes on with each next generation,
// misses nothing of it, and says what happened; without, it ends.
func TestTailFollows(t *testing.T) {
	dir := t.TempDir()
	follower := start(t, "tail", "f", "--dir", dir, "--json", "--follow", "--limit", "9")
	eventually(t, "it says that it waits", func() bool { return strings.Contains(follower.errors.String(), "waiting: ") })
	first := publish(t, dir, 64)
	plain := start(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
	for range 3 {
		first.trade(0)
	}
	eventually(t, "the first records are printed", func() bool { return len(follower.lines()) == 3 && len(plain.lines()) == 3 })
	// The lock goes with the segment's file descriptor, the state stays LIVE: this
	// is what a publisher leaves that was killed.
	require.NoError(t, first.segment.Close(false))
	second := publish(t, dir, 64)
	for range 3 {
		second.trade(0)
	}
	assert.Zero(t, plain.wait())
	assert.Contains(t, plain.errors.String(), "superseded by generation 2")
	eventually(t, "the second generation is printed", func() bool { return len(follower.lines()) == 6 })
	second.close()
	eventually(t, "it says that the feed was closed", func() bool {
		return strings.Contains(follower.errors.String(), "closed by its publisher; waiting")
	})
	third := publish(t, dir, 64)
	for range 3 {
		third.trade(0)
	}
	assert.Zero(t, follower.wait())
	assert.Equal(t, []uint64{1, 2, 3, 1, 2, 3, 1, 2, 3}, venueSequences(t, follower.lines()))
	for _, said := range []string{"generation 2 after 1", "generation 3 after 2"} {
		assert.Contains(t, follower.errors.String(), said)
	}
	third.close()
}

// Intent: a publisher that stands still is said within about a second, and so is
// its going on; no record is missed.
func TestTailSaysStaleAndFresh(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 64)
	p.beats()
	tail := start(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
	p.trade(0)
	eventually(t, "a record is printed", func() bool { return len(tail.lines()) == 1 })
	p.still()
	began := time.Now()
	eventually(t, "stale is said", func() bool { return strings.Contains(tail.errors.String(), "stale: ") })
	assert.Less(t, time.Since(began), 2*time.Second)
	p.beats()
	eventually(t, "fresh is said", func() bool { return strings.Contains(tail.errors.String(), "fresh: ") })
	p.trade(0)
	p.close()
	assert.Zero(t, tail.wait())
	assert.Equal(t, upTo(2), venueSequences(t, tail.lines()))
}

// Intent: a segment that is deleted is said, and goes on; one that is truncated
// ends the reader with one line, not with a signal.
func TestTailOfAFileTouchedFromOutside(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 64)
	p.beats()
	tail := start(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
	p.trade(0)
	eventually(t, "a record is printed", func() bool { return len(tail.lines()) == 1 })
	file, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, os.Remove(file.Name()))
	eventually(t, "it says that the file is gone", func() bool { return strings.Contains(tail.errors.String(), "deleted: ") })
	p.trade(0)
	eventually(t, "records still come", func() bool { return len(tail.lines()) == 2 })

	p2dir := t.TempDir()
	copyOf := filepath.Join(p2dir, "f")
	content := make([]byte, len(p.segment.Bytes()))
	copy(content, p.segment.Bytes())
	require.NoError(t, os.WriteFile(copyOf, content, 0o640))
	victim := start(t, "tail", "f", "--dir", p2dir, "--json", "--from", "oldest")
	eventually(t, "the copy is printed", func() bool { return len(victim.lines()) == 2 })
	require.NoError(t, os.Truncate(copyOf, 0))
	assert.Equal(t, 1, victim.wait(), victim.errors.String())
	said := linesOf(victim.errors.String())
	assert.Contains(t, said[len(said)-1], "truncated")
	p.close()
}

// Intent: bytes that no writer leaves end tail with exit 1 and one line.
func TestTailOfADamagedRing(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 8)
	p.record(ring.Record{Kind: 77, Instrument: 0})
	code, stdout, stderr := run(t, "tail", "f", "--dir", dir, "--from", "oldest")
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	require.Len(t, linesOf(stderr), 1)
	assert.Contains(t, stderr, "damaged")
	p.close()
}

// Intent: a pipe that its reader closes ends tail quietly with 0, while it writes
// and while it waits for records.
func TestTailEndsWithItsReader(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		t.Run(fmt.Sprintf("quiet feed %v", quiet), func(t *testing.T) {
			dir := t.TempDir()
			p := publish(t, dir, 64)
			p.beats()
			cmd := exec.Command(program, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
			var said buffer
			cmd.Stderr = &said
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			p.trade(0)
			_, err = io.ReadFull(out, make([]byte, 10))
			require.NoError(t, err)
			require.NoError(t, out.Close())
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			deadline := time.After(5 * time.Second)
			for ended := false; !ended; {
				select {
				case <-done:
					ended = true
				case <-deadline:
					_ = cmd.Process.Kill()
					require.Fail(t, "tail did not end")
				case <-time.After(10 * time.Millisecond):
					if !quiet {
						p.trade(0)
					}
				}
			}
			assert.Zero(t, cmd.ProcessState.ExitCode())
			assert.Empty(t, said.String())
			p.close()
		})
	}
}

// Intent: a signal ends tail cleanly; a second one ends even a tail that cannot
// write, at once.
func TestSignals(t *testing.T) {
	dir := t.TempDir()
	p := publish(t, dir, 1<<14)
	p.beats()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		tail := start(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
		p.trade(0)
		eventually(t, "a record is printed", func() bool { return len(tail.lines()) > 0 })
		tail.signal(s)
		assert.Zero(t, tail.wait())
		assert.Empty(t, tail.errors.String())
	}
	for range 1 << 13 {
		p.trade(0)
	}
	// A pipe that nobody reads: tail blocks in its write.
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	cmd := exec.Command(program, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
	cmd.Stdout = write
	require.NoError(t, cmd.Start())
	require.NoError(t, write.Close())
	time.Sleep(300 * time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
		assert.Equal(t, 130, cmd.ProcessState.ExitCode())
	case <-time.After(5 * time.Second):
		_ = cmd.Process.Kill()
		assert.Fail(t, "the second signal did not end it")
	}
	p.close()
}

// Intent: tail keeps up: it prints a ring full of records at a rate that no venue
// reaches. The figure is printed; the bound leaves room for a busy machine.
func TestTailKeepsUp(t *testing.T) {
	const records = 1 << 18
	dir := t.TempDir()
	p := publish(t, dir, 1<<19)
	full := ring.Record{Kind: ring.KindBookTicker, PriceExponent: -2, QuantityExponent: -6}
	*full.BookTicker() = ring.BookTicker{BidPrice: 7747410, BidQuantity: 21000, AskPrice: 7747411, AskQuantity: 5, SendTimeNS: 1}
	for range records {
		p.w.BeginFrame(1)
		p.w.Publish(&full)
		p.w.EndFrame()
	}
	p.close()
	sink, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer sink.Close()
	cmd := exec.Command(program, "tail", "f", "--dir", dir, "--json", "--from", "oldest")
	cmd.Stdout = sink
	began := time.Now()
	require.NoError(t, cmd.Run())
	took := time.Since(began)
	t.Logf("%d records in %s: %.0f a second", records, took, records/took.Seconds())
	assert.Less(t, took, 3*time.Second)
}

// Intent: ls names every feed with its state, and a damaged file with what is
// wrong with it.
func TestLs(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := run(t, "ls", "--dir", filepath.Join(dir, "nothere"))
	assert.Zero(t, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "no feeds")
	p := publish(t, dir, 16)
	p.trade(0)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "junk"), []byte("short"), 0o644))
	p.w.HotBeat(time.Now().UnixNano())
	_, live, _ := run(t, "ls", "--dir", dir)
	assert.Regexp(t, `(?m)^f +gateio +LIVE +SIMULATED +1 +\d+ +1 +2 +\d+ +\S+ ago$`, live)
	assert.Regexp(t, `(?m)^junk +- +DAMAGED .*shorter than its header`, live)
	p.w.HotBeat(time.Now().Add(-5 * time.Second).UnixNano())
	_, stale, _ := run(t, "ls", "--dir", dir)
	assert.Regexp(t, `(?m)^f +gateio +STALE `, stale)
	p.close()
	_, closed, _ := run(t, "ls", "--dir", dir)
	assert.Regexp(t, `(?m)^f +gateio +CLOSED `, closed)
}

// Intent: TICKRING_DIR is the default of --dir.
func TestDirFromTheEnvironment(t *testing.T) {
	t.Setenv(shm.EnvDir, goldenFeed(t))
	code, stdout, _ := run(t, "tail", "golden", "--from", "oldest", "--limit", "2", "--json")
	assert.Zero(t, code)
	assert.Len(t, linesOf(stdout), 2)
}
