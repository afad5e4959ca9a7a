package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// startSim starts a simulated venue and returns its addresses and, with TLS, the
// file of its certificate authority.
func startSim(t *testing.T, args ...string) (p *process, addresses []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "urls")
	p = start(t, append([]string{"sim", "--venue", "gateio", "--settle", "50ms", "--url-file", file}, args...)...)
	eventually(t, "the simulator says where it is", func() bool {
		content, err := os.ReadFile(file)
		addresses = linesOf(string(content))
		return err == nil
	})
	return p, addresses
}

// Intent: the simulator says where it is, whole or not at all, and ends cleanly.
func TestSimSaysWhereItIs(t *testing.T) {
	p, addresses := startSim(t, "--tls")
	require.Len(t, addresses, 3)
	assert.Regexp(t, `^wss://127\.0\.0\.1:\d+/ws/v4/$`, addresses[0])
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+/api/v4$`, addresses[1])
	pem, err := os.ReadFile(addresses[2])
	require.NoError(t, err)
	assert.Contains(t, string(pem), "BEGIN CERTIFICATE")
	eventually(t, "it is on stdout too", func() bool { return len(p.lines()) == 1 && p.lines()[0] == addresses[0] })
	p.signal(syscall.SIGTERM)
	assert.Zero(t, p.wait())
	plain, addresses := startSim(t)
	require.Len(t, addresses, 2)
	assert.True(t, strings.HasPrefix(addresses[0], "ws://"))
	plain.signal(syscall.SIGINT)
	assert.Zero(t, plain.wait())
}

// Intent: a simulated venue over TLS, a publisher and a reader, three processes:
// every record comes, stat and ls tell the truth, a signal closes the feed.
func TestRunPublishes(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--tls", "--rate", "500", "--symbols", "5")
	publisher := start(t, "run", "--venue", "gateio", "--symbols", "BTC/USDT,ETH/USDT", "--url", at[0], "--rest-url", at[1],
		"--ca", at[2], "--dir", dir, "--feed", "f", "--source", "simulated", "--set", "gateio.book=obu@50", "--performance", "1s")
	tail := start(t, "tail", "f", "--dir", dir, "--follow", "--json", "--from", "oldest")
	for _, kind := range []string{"book_ticker", "trade", "depth", "ticker", "status"} {
		eventually(t, kind+" is printed", func() bool { return strings.Contains(tail.out.String(), `"kind":"`+kind+`"`) })
	}
	code, stdout, stderr := run(t, "stat", "f", "--dir", dir, "--json")
	require.Zero(t, code, stderr)
	var s feedStat
	require.NoError(t, json.Unmarshal([]byte(stdout), &s))
	assert.Equal(t, "LIVE", s.State)
	assert.Equal(t, "SIMULATED", s.Source)
	assert.EqualValues(t, 1, s.Generation)
	assert.EqualValues(t, publisher.cmd.Process.Pid, s.OwnerPID)
	assert.True(t, s.HotMoving && s.ProcessMoving)
	assert.Positive(t, s.Counters["frames"])
	assert.Zero(t, s.Counters["decode_errors"])
	require.NotEmpty(t, s.Connections)
	assert.Equal(t, "UP", s.Connections[0].State)
	require.Len(t, s.Instruments, 2)
	assert.Equal(t, "BTC/USDT", s.Instruments[0].Symbol)
	assert.Equal(t, "BTC_USDT", s.Instruments[0].Native)
	assert.Contains(t, s.Instruments[0].State, "SUBSCRIBED")
	require.NotNil(t, s.Instruments[0].LastSeenAgeNS)
	eventually(t, "the performance line is logged", func() bool {
		return regexp.MustCompile(`msg=performance feed=f messages_processed=[1-9]\d* .*active_symbols=2 `).MatchString(publisher.errors.String())
	})
	code, forPeople, _ := run(t, "stat", "f", "--dir", dir)
	assert.Zero(t, code)
	assert.Regexp(t, `(?m)^hot heartbeat +moving$`, forPeople)
	assert.Regexp(t, `(?m)^0 +BTC/USDT +BTC_USDT +\S*SUBSCRIBED`, forPeople)

	publisher.signal(syscall.SIGTERM)
	assert.Zero(t, publisher.wait())
	eventually(t, "the reader hears of the end", func() bool { return strings.Contains(tail.errors.String(), "closed by its publisher") })
	tail.signal(syscall.SIGINT)
	assert.Zero(t, tail.wait())
	for i, line := range tail.lines() {
		require.True(t, strings.HasPrefix(line, `{"seq":`+strconv.Itoa(i+1)+`,`), "record %d: %s", i+1, line)
	}
	assert.NotContains(t, tail.errors.String(), "overrun")
	_, stdout, _ = run(t, "stat", "f", "--dir", dir, "--json")
	require.NoError(t, json.Unmarshal([]byte(stdout), &s))
	assert.Equal(t, "CLOSED", s.State)
	assert.EqualValues(t, len(tail.lines()), s.LastSequence)
	assert.Equal(t, s.LastSequence, s.Counters["records"])
}

// Intent: run ends by itself after --for, and its generation counts up.
func TestRunForATime(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "100")
	args := []string{"run", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", at[0], "--dir", dir, "--for", "300ms"}
	for range 2 {
		code, _, stderr := run(t, args...)
		assert.Zero(t, code, stderr)
	}
	_, listed, _ := run(t, "ls", "--dir", dir)
	assert.Regexp(t, `(?m)^gateio +gateio +CLOSED +LIVE +2 `, listed)
}

// Intent: a publisher pinned to a CPU works and ends like any other.
func TestRunPinned(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "100")
	code, _, stderr := run(t, "run", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", at[0], "--dir", dir,
		"--cpu", "0", "--for", "500ms")
	assert.Zero(t, code, stderr)
	_, stdout, _ := run(t, "tail", "gateio", "--dir", dir, "--from", "oldest", "--json", "--kind", "book_ticker")
	assert.NotEmpty(t, stdout)
}

// Intent: a capture goes through sim, run and tail, whole; --once ends the
// simulator when it was served.
func TestCaptureGoesThrough(t *testing.T) {
	dir := t.TempDir()
	capture := filepath.Join(dir, "c.jsonl")
	var content strings.Builder
	const frames = 200
	for i := 1; i <= frames; i++ {
		data := `{"time":1,"time_ms":1001,"channel":"spot.book_ticker","event":"update","result":{"t":1000,"u":` +
			strconv.Itoa(i) + `,"s":"BTC_USDT","b":"1.50","B":"2","a":"1.6","A":"3"}}`
		row, err := json.Marshal(map[string]any{"dir": "in", "op": "text", "t": nil, "conn": 1, "data": data})
		require.NoError(t, err)
		content.Write(row)
		content.WriteByte('\n')
	}
	require.NoError(t, os.WriteFile(capture, []byte(content.String()), 0o644))
	sim, at := startSim(t, "--capture", capture, "--speed", "max", "--once")
	publisher := start(t, "run", "--venue", "gateio", "--symbols", "BTC/USDT", "--channels", "book_ticker", "--url", at[0], "--dir", dir)
	code, stdout, stderr := run(t, "tail", "gateio", "--dir", dir, "--follow", "--from", "oldest", "--json",
		"--kind", "book_ticker", "--limit", strconv.Itoa(frames))
	assert.Zero(t, code, stderr)
	assert.Equal(t, upTo(frames), venueSequences(t, linesOf(stdout)))
	assert.Zero(t, sim.wait(), sim.errors.String())
	assert.Contains(t, sim.errors.String(), "served: connections=1 frames=200 spot.book_ticker=200\n")
	publisher.signal(syscall.SIGINT)
	assert.Zero(t, publisher.wait())
}

var lastDemoLine = regexp.MustCompile(
	`^demo: frames=([1-9]\d*) records=([1-9]\d*) decode_errors=0 lost=0 readers=(\d) p50_ns=([1-9]\d*) p99_ns=([1-9]\d*)$`)

// Intent: two demos at once both end well, with the promised last line, plain
// lines, and nothing left behind; without a C reader it says how to get one.
func TestDemo(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	before := demoDirs(t)
	c, readers := cProgram(t), "2"
	if c == "" {
		c, readers = "/nothere", "1"
	}
	var both sync.WaitGroup
	for range 2 {
		p := start(t, "demo", "--for", "1500ms", "--rate", "500", "--c-reader", c)
		both.Go(func() {
			assert.Zero(t, p.wait(), p.errors.String())
			lines := p.lines()
			match := lastDemoLine.FindStringSubmatch(lines[len(lines)-1])
			if assert.NotNil(t, match, p.out.String()) {
				assert.Equal(t, readers, match[3])
			}
			assert.NotContains(t, p.out.String(), "\x1b")
		})
	}
	both.Wait()
	p := start(t, "demo", "--for", "300ms", "--rate", "500", "--c-reader", filepath.Join(tmp, "nothere"))
	assert.Zero(t, p.wait(), p.errors.String())
	assert.Contains(t, p.out.String(), "install a C compiler")
	assert.Contains(t, p.out.String(), "readers=1")
	assert.Equal(t, before, demoDirs(t))
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// tinyMemory mounts a memory filesystem of one megabyte, "" where that is not
// allowed.
func tinyMemory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tickring-test", dir, "tmpfs", 0, "size=1m,mode=0755"); err != nil {
		fmt.Println("SKIP: cannot mount a small memory filesystem:", err)
		return ""
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

// Intent: a publisher whose memory filesystem is full fails at start, in one line
// that says how much is needed, and leaves nothing.
func TestRunOnAFullMemoryFilesystem(t *testing.T) {
	dir := tinyMemory(t)
	if dir == "" {
		return
	}
	code, _, stderr := run(t, "run", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", "ws://127.0.0.1:1/", "--dir", dir)
	assert.Equal(t, 1, code)
	require.Len(t, linesOf(stderr), 1, stderr)
	assert.Regexp(t, `no space left: \d+ bytes needed, \d+ free; .*--slots`, stderr)
	left, err := filepath.Glob(dir + "/[^.]*")
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Intent: without enough shared memory the demo runs in a temporary directory and
// says so.
func TestDemoWithoutSharedMemory(t *testing.T) {
	places := []string{"/nothere"}
	if tiny := tinyMemory(t); tiny != "" {
		places = append(places, tiny)
	}
	for _, memory := range places {
		tmp := t.TempDir()
		t.Setenv("TMPDIR", tmp)
		var said strings.Builder
		d := &demo{memory: memory, out: newOutput(&said)}
		require.NoError(t, d.makeDir())
		assert.Equal(t, tmp, filepath.Dir(d.dir))
		require.Len(t, linesOf(said.String()), 1)
		assert.Contains(t, said.String(), memory+" cannot be used")
		require.NoError(t, d.cleanUp())
		left, err := os.ReadDir(tmp)
		require.NoError(t, err)
		assert.Empty(t, left)
	}
}

func demoDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("/dev/shm/tickring-demo-*")
	require.NoError(t, err)
	return dirs
}

// Intent: a signal ends a demo early and cleanly, with its summary; a child that
// dies ends it with exit 1 and a line that names it. Neither leaves anything.
func TestDemoEndsEarly(t *testing.T) {
	before := demoDirs(t)
	p := start(t, "demo", "--for", "1m", "--rate", "500", "--c-reader", "/nothere")
	eventually(t, "it runs", func() bool { return strings.Contains(p.out.String(), "frames (") })
	p.signal(syscall.SIGINT)
	assert.Zero(t, p.wait(), p.errors.String())
	assert.Regexp(t, lastDemoLine, p.lines()[len(p.lines())-1])
	p = start(t, "demo", "--for", "1m", "--rate", "500", "--c-reader", "/nothere")
	eventually(t, "it runs", func() bool { return strings.Contains(p.out.String(), "frames (") })
	require.NoError(t, syscall.Kill(childOf(t, p.cmd.Process.Pid, "run"), syscall.SIGKILL))
	assert.Equal(t, 1, p.wait())
	assert.Contains(t, p.errors.String(), "the publisher died")
	assert.Len(t, linesOf(p.errors.String()), 1)
	assert.Equal(t, before, demoDirs(t))
}

// childOf is the pid of a child whose first argument is command.
func childOf(t *testing.T, parent int, command string) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if args := strings.Split(string(line), "\x00"); len(args) > 1 && args[1] == command {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			return pid
		}
	}
	require.Fail(t, "no child "+command)
	return 0
}
