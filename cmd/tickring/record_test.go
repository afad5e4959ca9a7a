package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// hashOf is the hash of a feed's records from one sequence on, so many of them, made
// here from what the documentation says of it. generation 0 is any.
func hashOf(t *testing.T, dir, name string, from, count uint64) string {
	t.Helper()
	m, err := shm.Open(dir, name)
	require.NoError(t, err)
	defer m.Close()
	r := ring.NewReader(m.View())
	r.Seek(from)
	h := sha256.New()
	var rec ring.Record
	for range count {
		require.Equal(t, ring.AnswerRecord, r.Next(&rec), "record %d of %s", r.NextSequence(), name)
		var b []byte
		b = append(b, byte(rec.Kind), byte(rec.PriceExponent), byte(rec.QuantityExponent), 0)
		b = binary.LittleEndian.AppendUint16(b, uint16(rec.Flags))
		b = binary.LittleEndian.AppendUint16(b, rec.Instrument)
		b = binary.LittleEndian.AppendUint64(b, uint64(rec.RecvTimeNS))
		b = binary.LittleEndian.AppendUint64(b, rec.VenueSequence)
		for _, w := range rec.Body {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(rec.EventTimeNS))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// replayFile replays at full speed and gives the summary.
func replayFile(t *testing.T, dir string, args ...string) feed.ReplaySummary {
	t.Helper()
	code, stdout, stderr := run(t, append([]string{"replay", "--speed", "max", "--json", "--dir", dir}, args...)...)
	require.Zero(t, code, stderr)
	var sum feed.ReplaySummary
	require.NoError(t, json.Unmarshal([]byte(stdout), &sum), stdout)
	return sum
}

// awaitSize waits until a file has so many bytes.
func awaitSize(t *testing.T, path string, size int64) {
	t.Helper()
	eventually(t, path+" grows", func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() >= size
	})
}

func lastOf(t *testing.T, dir, name string) uint64 {
	t.Helper()
	m, err := shm.Open(dir, name)
	require.NoError(t, err)
	defer m.Close()
	return m.View().LastSequence()
}

// Intent: a recorder that is killed while messages come leaves a file that opens, and
// that is the live feed up to its last block: less than a second is missing. The live
// feed's own segment says what the records were.
func TestKilledRecorderLosesNoBlock(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "feed.rec")
	_, at := startSim(t, "--rate", "2000", "--symbols", "5")
	recorder := start(t, "record", "--venue", "gateio", "--symbols", "BTC/USDT,ETH/USDT", "--url", at[0], "--rest-url", at[1],
		"--dir", dir, "--feed", "f", "-o", file, "--quiet")
	awaitSize(t, file, 60_000)
	recorder.signal(syscall.SIGKILL)
	recorder.wait()
	last := lastOf(t, dir, "f")

	sum := replayFile(t, dir, file)
	assert.Equal(t, 1, sum.Rebuilt, "there is no index")
	assert.Positive(t, sum.Verified)
	require.Greater(t, sum.Records, uint64(1000))
	require.LessOrEqual(t, sum.Records, last)
	assert.Equal(t, hashOf(t, dir, "f", 1, sum.Records), sum.Hash, "the live feed's records")
	assert.Equal(t, hashOf(t, dir, "f-replay", 1, sum.Records), sum.Hash, "what readers of the replay got")
	m, err := shm.Open(dir, "f")
	require.NoError(t, err)
	defer m.Close()
	r := ring.NewReader(m.View())
	r.Seek(last)
	var rec ring.Record
	require.Equal(t, ring.AnswerRecord, r.Next(&rec))
	assert.Less(t, rec.RecvTimeNS-sum.LastNS, int64(time.Second))

	// A file that was cut anywhere opens too.
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, whole[:len(whole)-100], 0o600))
	cut := replayFile(t, dir, file)
	assert.Less(t, cut.Records, sum.Records)
	assert.Positive(t, cut.TornBytes)
	assert.Equal(t, hashOf(t, dir, "f", 1, cut.Records), cut.Hash)
}

// Intent: a running feed is recorded from outside, in parts, and goes on unharmed; a
// replay is marked REPLAY, and a part of it can be chosen by time.
func TestRecordARunningFeed(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "feed.rec")
	_, at := startSim(t, "--rate", "500", "--symbols", "5")
	start(t, "run", "--venue", "gateio", "--symbols", "BTC/USDT,ETH/USDT", "--url", at[0], "--rest-url", at[1],
		"--dir", dir, "--feed", "f", "--quiet")
	eventually(t, "the feed is there", func() bool {
		_, err := os.Stat(filepath.Join(dir, "f"))
		return err == nil && lastOf(t, dir, "f") > 500
	})
	before := lastOf(t, dir, "f")
	code, stdout, stderr := run(t, "record", "f", "--dir", dir, "-o", file, "--for", "3s", "--rotate-every", "1s", "--json")
	require.Zero(t, code, stderr)
	var recorded feed.RecordSummary
	require.NoError(t, json.Unmarshal([]byte(stdout), &recorded))
	require.Greater(t, len(recorded.Files), 1)
	require.NotEmpty(t, recorded.Hash)
	after := lastOf(t, dir, "f")
	assert.Less(t, recorded.Records, after-before+1)

	sum := replayFile(t, dir, recorded.Files...)
	assert.Equal(t, recorded.Hash, sum.Hash)
	assert.Equal(t, recorded.Records, sum.Records)
	code, stdout, stderr = run(t, "stat", "f-replay", "--dir", dir, "--json")
	require.Zero(t, code, stderr)
	var s feedStat
	require.NoError(t, json.Unmarshal([]byte(stdout), &s))
	assert.Equal(t, "REPLAY", s.Source)
	assert.Equal(t, "CLOSED", s.State)

	middle := recorded.FirstNS + (recorded.LastNS-recorded.FirstNS)/2
	late := replayFile(t, dir, append(recorded.Files, "--from", strconv.FormatInt(middle, 10))...)
	early := replayFile(t, dir, append(recorded.Files, "--to", time.Unix(0, middle-1).UTC().Format(time.RFC3339Nano))...)
	assert.GreaterOrEqual(t, late.FirstNS, middle)
	assert.Less(t, early.LastNS, middle)
	assert.Equal(t, recorded.Records, early.Records+late.Records)
	assert.Equal(t, recorded.LastNS, late.LastNS)
}

// Intent: at a speed the replay takes its time, and a signal ends it cleanly.
func TestReplayAtASpeed(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "feed.rec")
	_, at := startSim(t, "--rate", "500", "--symbols", "5")
	code, stdout, stderr := run(t, "record", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", at[0], "--rest-url", at[1],
		"-o", file, "--for", "2s", "--quiet", "--json")
	require.Zero(t, code, stderr)
	var recorded feed.RecordSummary
	require.NoError(t, json.Unmarshal([]byte(stdout), &recorded))
	code, stdout, stderr = run(t, "replay", file, "--dir", dir, "--speed", "2", "--json")
	require.Zero(t, code, stderr)
	var sum feed.ReplaySummary
	require.NoError(t, json.Unmarshal([]byte(stdout), &sum))
	assert.Equal(t, recorded.Hash, sum.Hash)
	assert.GreaterOrEqual(t, sum.Seconds, float64(recorded.LastNS-recorded.FirstNS)/2e9)

	p := start(t, "replay", file, "--dir", dir, "--speed", "0.1", "--feed", "slow")
	eventually(t, "the replay publishes", func() bool {
		_, err := os.Stat(filepath.Join(dir, "slow"))
		return err == nil && lastOf(t, dir, "slow") > 2
	})
	code, _, stderr = run(t, "replay", file, "--dir", dir, "--feed", "slow")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "process "+strconv.Itoa(p.cmd.Process.Pid), "one publisher has the feed")
	p.signal(syscall.SIGINT)
	assert.Zero(t, p.wait(), p.errors.String())
	assert.Contains(t, p.out.String(), "hash ")
}

// Intent: a capture goes through the decoders as live messages do.
func TestReplayOfACapture(t *testing.T) {
	base := shared(t)
	if base == "" {
		return
	}
	dir := t.TempDir()
	for _, c := range []struct {
		file, venue string
		inputs      uint64
		records     uint64
	}{
		{"gateio/reencoded-gate-20250903-btc-eth-sol.jsonl.zst", "gateio", 6291, 6286},
		{"mexc/reencoded-gate-20250903-btc-eth-sol.jsonl.zst", "mexc", 5510, 5509},
	} {
		path := filepath.Join(base, "captures", c.file)
		sum := replayFile(t, dir, path, "--venue", c.venue)
		assert.Equal(t, c.inputs, sum.Inputs, c.file)
		assert.GreaterOrEqual(t, sum.Records, c.records, c.file)
		again := replayFile(t, dir, path, "--venue", c.venue)
		assert.Equal(t, sum.Hash, again.Hash, c.file)
		assert.Equal(t, hashOf(t, dir, c.venue+"-replay", 1, sum.Records), sum.Hash, c.file)
	}
}

// Intent: what cannot be meant is refused in one line, with what is allowed.
func TestRecordAndReplayRefuse(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	require.NoError(t, os.WriteFile(taken, []byte("something else"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"record", "f"}, 2, "-o is missing"},
		{[]string{"record", "-o", "x"}, 2, "name a feed that runs, or a venue"},
		{[]string{"record", "f", "g", "-o", "x"}, 2, "want one feed"},
		{[]string{"record", "f", "--symbols", "A/B", "-o", "x"}, 2, "--symbols is for record --venue alone"},
		{[]string{"record", "f", "-o", "x", "--rotate-size", "1 elephant"}, 2, "such as 500MB or 1GiB"},
		{[]string{"record", "nosuch", "--dir", dir, "-o", filepath.Join(dir, "x")}, 1, "nosuch"},
		{[]string{"record", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", "ws://127.0.0.1:1/", "-o", taken}, 1, "give --force"},
		{[]string{"replay"}, 2, "name the recording"},
		{[]string{"replay", taken, "--dir", dir}, 1, "not a recording"},
		{[]string{"replay", filepath.Join(dir, "nosuch"), "--dir", dir}, 1, "no such file"},
		{[]string{"replay", taken, "--speed", "fast"}, 2, "or max"},
		{[]string{"replay", taken, "--from", "noon"}, 2, "want a time such as"},
		{[]string{"replay", taken, "--from", "20", "--to", "10"}, 2, "is before --from"},
		{[]string{"replay", "some.jsonl"}, 2, "--venue is missing"},
	} {
		code, stdout, stderr := run(t, c.args...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		assert.Contains(t, stderr, c.want, "%v", c.args)
		assert.Empty(t, stdout)
		assert.Len(t, linesOf(stderr), 1, "%v", c.args)
	}
	text, err := os.ReadFile(taken)
	require.NoError(t, err)
	assert.Equal(t, "something else", string(text))
}

// Intent: the form of sizes and of a progress bar.
func TestSizesAndProgress(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "7": 7, "500MB": 500e6, "1GiB": 1 << 30, "64KiB": 64 << 10} {
		n, err := parseSize(text)
		require.NoError(t, err)
		assert.Equal(t, want, n, text)
	}
	for _, text := range []string{"0", "-1", "1TB", "KB", "1 GB", "99999999999GiB"} {
		_, err := parseSize(text)
		assert.Error(t, err, text)
	}
	bar := progressBar(&feed.ReplayProgress{NowNS: 15e9, FirstNS: 0, LastNS: 30e9, Records: 9, Done: 0.5}, 5*time.Second)
	assert.Equal(t, fmt.Sprintf("\r[%s]  50 %%  1970-01-01 00:00:15  9 records  3x \x1b[K", "###############---------------"), bar)
}

// Intent: a disk that is full ends the recording with one line, and what was written
// before can be replayed.
func TestRecordOnAFullDisk(t *testing.T) {
	disk := tinyMemory(t)
	if disk == "" {
		return
	}
	require.NoError(t, os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 960<<10), 0o600))
	file := filepath.Join(disk, "feed.rec")
	_, at := startSim(t, "--rate", "2000", "--symbols", "5")
	code, _, stderr := run(t, "record", "--venue", "gateio", "--symbols", "BTC/USDT,ETH/USDT", "--url", at[0], "--rest-url", at[1],
		"-o", file, "--quiet", "--for", "30s")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "no space left on device")
	sum := replayFile(t, t.TempDir(), file)
	assert.Positive(t, sum.Verified)
	assert.Positive(t, sum.Records)
}
