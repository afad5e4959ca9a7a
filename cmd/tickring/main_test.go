package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

var update = flag.Bool("update", false, "write the golden files anew")

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "tickring-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		// Tests run it as another user, too.
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		program = filepath.Join(dir, "tickring")
		build := exec.Command("go", "build", "-o", program, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// cProgram is the path of the C reader, "" where it was not built.
func cProgram(t *testing.T) string {
	t.Helper()
	path := "../../cgo_reader/build/" + cReaderName
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			require.NoError(t, err, "run make creader")
		}
		fmt.Println("SKIP: the C program is not built: make creader")
		return ""
	}
	return path
}

// buffer is what a process wrote, readable while it still writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// process is a running program of a test.
type process struct {
	t           *testing.T
	cmd         *exec.Cmd
	out, errors buffer
	done        chan struct{}
}

// start runs the program; it is killed at the end of the test if it still runs.
func start(t *testing.T, args ...string) *process { return startAs(t, nil, program, args...) }

func startAs(t *testing.T, attr *syscall.SysProcAttr, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = &p.out, &p.errors, attr
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the exit code says it
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // most have ended
		<-p.done
	})
	return p
}

// wait returns the exit code, which must come within ten seconds.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		require.Fail(p.t, "process does not end", "%v\nstdout: %s\nstderr: %s", p.cmd.Args, p.out.String(), p.errors.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s syscall.Signal) { require.NoError(p.t, p.cmd.Process.Signal(s)) }

// lines are the whole lines written to stdout so far.
func (p *process) lines() []string { return linesOf(p.out.String()) }

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// run runs the program to its end.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, args...)
	code = p.wait()
	return code, p.out.String(), p.errors.String()
}

// eventually fails the test when something does not become true within five
// seconds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			require.Fail(t, "never came true: "+what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// publisher is a real segment that the test writes.
type publisher struct {
	t       *testing.T
	segment *shm.Segment
	w       *ring.Writer
	next    uint64 // venue sequence of the next record
	still   func() // ends beating
}

func publish(t *testing.T, dir string, slots int) *publisher {
	t.Helper()
	segment, err := shm.Create(shm.Options{Dir: dir}, ring.Config{Feed: "f", Venue: "gateio", Slots: slots,
		MaxInstruments: 8, BookDepth: 1, Source: ring.SourceSimulated})
	require.NoError(t, err)
	w, err := ring.NewWriter(segment.Bytes(), func() int64 { return time.Now().UnixNano() })
	require.NoError(t, err)
	for _, base := range []string{"BTC", "ETH"} {
		_, err := w.AddInstrument(ring.InstrumentSpec{Native: base + "_USDT", Base: base, Quote: "USDT"})
		require.NoError(t, err)
	}
	w.HotBeat(time.Now().UnixNano())
	require.NoError(t, segment.Publish())
	p := &publisher{t: t, segment: segment, w: w, next: 1, still: func() {}}
	t.Cleanup(func() {
		p.still()
		_ = segment.Close(false) // most tests have closed it
	})
	return p
}

// trade publishes one frame of one record of an instrument.
func (p *publisher) trade(instrument uint16) {
	p.record(ring.Record{Kind: ring.KindTrade, Instrument: instrument})
}

func (p *publisher) record(r ring.Record) {
	r.VenueSequence, r.EventTimeNS = p.next, ring.Absent
	p.next++
	p.w.BeginFrame(time.Now().UnixNano())
	p.w.Publish(&r)
	p.w.EndFrame()
	ring.Ring(p.w.Doorbell())
}

// beats moves the hot heartbeat until still is called or the feed is closed.
func (p *publisher) beats() {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-time.After(ring.HeartbeatIntervalNS):
				p.w.HotBeat(time.Now().UnixNano())
			}
		}
	}()
	p.still = sync.OnceFunc(func() { close(quit); <-done })
}

func (p *publisher) close() {
	p.still()
	p.w.CloseSegment()
	ring.Ring(p.w.Doorbell())
	require.NoError(p.t, p.segment.Close(false))
}

// venueSequences are the venue_sequence of each line of JSON.
func venueSequences(t *testing.T, lines []string) (out []uint64) {
	t.Helper()
	for _, line := range lines {
		var r struct {
			N uint64 `json:"venue_sequence"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		out = append(out, r.N)
	}
	return out
}

func upTo(n uint64) (out []uint64) {
	for i := uint64(1); i <= n; i++ {
		out = append(out, i)
	}
	return out
}

// Intent: a command line that cannot be meant exits with 2, in one line that says
// what is allowed, before anything is touched.
func TestBadUsage(t *testing.T) {
	dir := t.TempDir()
	ok := []string{"run", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", "ws://127.0.0.1:1/", "--dir", dir, "--for", "1ms"}
	with := func(args ...string) []string { return append(append([]string{}, ok...), args...) }
	cases := []struct {
		name string
		args []string
		says string
	}{
		{"a CPU that is not there", with("--cpu", "999"), "999"},
		{"slots that are no power of two", with("--slots", "1000"), "power of two"},
		{"no slots", with("--slots", "0"), "power of two"},
		{"an unknown venue", with("--venue", "foo"), "gateio"},
		{"a symbol without a quote", with("--symbols", "BTC"), "BTC/USDT"},
		{"a symbol in lower case", with("--symbols", "btc/usdt"), "upper"},
		{"an unknown channel", with("--channels", "candles"), "orderbook"},
		{"an unknown key of set", with("--set", "gateio.foo=1"), "gateio.book"},
		{"an unknown value of set", with("--set", "gateio.book=obu@7"), "obu@50"},
		{"a set without a value", with("--set", "gateio.book"), "KEY=VALUE"},
		{"a compression there is not", with("--set", "ws.compression=yes"), "off, on, fresh"},
		{"exponents of no pair", with("--set", "exponents.BTC=-2:-6"), "BASE/QUOTE"},
		{"one exponent", with("--set", "exponents.BTC/USDT=-2"), "PRICE:QUANTITY"},
		{"an exponent above zero", with("--set", "exponents.BTC/USDT=2:-6"), "0 to -18"},
		{"an exponent too small", with("--set", "exponents.BTC/USDT=-2:-19"), "0 to -18"},
		{"a feed name with a slash", with("--feed", "a/b"), "allowed"},
		{"a URL that is none", with("--url", "http//x"), "wss://"},
		{"a URL of another scheme", with("--url", "http://x/"), "wss://"},
		{"a REST URL of another scheme", with("--rest-url", "ftp://x/"), "https://"},
		{"an unknown way to wait", with("--wait", "sleep"), "adaptive"},
		{"an unknown source", with("--source", "dream"), "simulated"},
		{"a negative time", with("--for", "-1s"), "positive"},
		{"a time without a unit", with("--for", "10"), "10"},
		{"an unknown flag", with("--bogus"), "bogus"},
		{"an argument too many", with("x"), "unexpected"},
		{"run without symbols", []string{"run", "--venue", "gateio"}, "--symbols"},
		{"run without a venue", []string{"run"}, "gateio"},
		{"an unknown command", []string{"publish"}, "decode"},
		{"tail without a feed", []string{"tail"}, "exactly one feed"},
		{"tail of a name with a slash", []string{"tail", "a/b"}, "allowed"},
		{"tail from nowhere", []string{"tail", "f", "--from", "middle"}, "oldest"},
		{"tail of an unknown kind", []string{"tail", "f", "--kind", "candle"}, "book_ticker"},
		{"tail of less than nothing", []string{"tail", "f", "--limit", "-1"}, "0"},
		{"stat of a name with a slash", []string{"stat", "a/b"}, "allowed"},
		{"sub without a feed", []string{"sub", "--symbols", "BTC/USDT"}, "exactly one feed"},
		{"sub without symbols", []string{"sub", "f"}, "--symbols"},
		{"sub of a symbol without a quote", []string{"sub", "f", "--symbols", "BTC"}, "BTC/USDT"},
		{"sub of an unknown channel", []string{"sub", "f", "--symbols", "BTC/USDT", "--channels", "candles"}, "orderbook"},
		{"sub that waits for less than nothing", []string{"sub", "f", "--symbols", "BTC/USDT", "--wait", "-1s"}, "0 or more"},
		{"unsub of a name with a slash", []string{"unsub", "a/b", "--symbols", "BTC/USDT"}, "allowed"},
		{"sim without a venue", []string{"sim"}, "gateio"},
		{"sim of an unknown venue", []string{"sim", "--venue", "foo"}, "gateio"},
		{"sim at no speed", []string{"sim", "--venue", "gateio", "--speed", "0"}, "max"},
		{"sim at an unknown speed", []string{"sim", "--venue", "gateio", "--speed", "fast"}, "max"},
		{"sim once without a capture", []string{"sim", "--venue", "gateio", "--once"}, "--capture"},
		{"sim that listens nowhere", []string{"sim", "--venue", "gateio", "--listen", "here"}, "HOST:PORT"},
		{"a fault without a value", []string{"sim", "--venue", "gateio", "--fault", "duplicate,every"}, "KEY=VALUE"},
		{"a fault with an unknown key", []string{"sim", "--venue", "gateio", "--fault", "duplicate,often=2"}, "every"},
		{"a fault with a bad number", []string{"sim", "--venue", "gateio", "--fault", "duplicate,every=x"}, "every"},
		{"an unknown fault", []string{"sim", "--venue", "gateio", "--fault", "sulk"}, "half_open"},
		{"a fault without what it wants", []string{"sim", "--venue", "gateio", "--fault", "duplicate"}, "every"},
		{"a life below zero", []string{"sim", "--venue", "gateio", "--connection-life", "-1s"}, "positive"},
		{"decode without a venue", []string{"decode", "x.jsonl"}, "gateio"},
		{"decode of an unknown kind of file", []string{"decode", "--venue", "gateio", "x.txt"}, ".jsonl"},
		{"demo for no time", []string{"demo", "--for", "0s"}, "positive"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, c.args...)
			assert.Equal(t, 2, code, stderr)
			assert.Empty(t, stdout)
			require.Len(t, linesOf(stderr), 1, stderr)
			assert.Contains(t, stderr, c.says)
		})
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left, "a bad command line left files")
	})
}

// Intent: what fails while it runs exits with 1, in one line that says what and
// what to do.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	busy := publish(t, dir, 16)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken"), make([]byte, 8192), 0o644))
	pem := filepath.Join(dir, "not.pem")
	lpf := filepath.Join(dir, "cut.lpf")
	require.NoError(t, os.WriteFile(lpf, []byte{0, 0, 0, 9, '{'}, 0o644))
	runHere := []string{"run", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", "ws://127.0.0.1:1/", "--dir", dir}
	cases := []struct {
		name string
		args []string
		says []string
	}{
		{"tail of no such feed", []string{"tail", "nothere", "--dir", dir}, []string{"no such feed", "publisher"}},
		{"stat of no such feed", []string{"stat", "nothere", "--dir", dir}, []string{"no such feed", "publisher"}},
		{"sub of no such feed", []string{"sub", "nothere", "--symbols", "BTC/USDT", "--dir", dir}, []string{"no publisher answers", "tickring run"}},
		{"tail of a file that is not ready", []string{"tail", "broken", "--dir", dir}, []string{"not ready"}},
		{"a second publisher", append(runHere, "--feed", "f"), []string{strconv.Itoa(os.Getpid()), "another feed name"}},
		{"a CA file that is not there", append(runHere, "--ca", pem), []string{"not.pem", "no such file"}},
		{"sim of no such scenario", []string{"sim", "--venue", "gateio", "--scenario", pem}, []string{"not.pem", "no such file"}},
		{"stat of the bad frames of no publisher", []string{"stat", "f", "--dir", dir, "--bad-frames"}, []string{"no publisher answers"}},
		{"decode of no such file", []string{"decode", "--venue", "gateio", dir + "/x.jsonl"}, []string{"x.jsonl", "no such file"}},
		{"decode of a file that ends in a frame", []string{"decode", "--venue", "gateio", lpf}, []string{"cut.lpf", "ends within"}},
		{"sim on a port that is taken", []string{"sim", "--venue", "gateio", "--listen", "192.0.2.1:9"}, []string{"192.0.2.1:9"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := run(t, c.args...)
			assert.Equal(t, 1, code, stderr)
			require.Len(t, linesOf(stderr), 1, stderr)
			for _, s := range c.says {
				assert.Contains(t, stderr, s)
			}
		})
	}
	busy.close()
}

// Intent: a user who may not read a segment, or not write to a directory, is told
// so in one line, with exit 1.
func TestNoPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: needs root, to run the program as nobody")
	}
	base, err := os.MkdirTemp("", "tickring-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(base)) })
	require.NoError(t, os.Chmod(base, 0o755))
	dir := filepath.Join(base, "closed")
	p := publish(t, dir, 16)
	defer p.close()
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for _, args := range [][]string{
		{"tail", "f", "--dir", dir},
		{"tail", "f", "--dir", dir, "--follow"},
		{"sub", "f", "--dir", dir, "--symbols", "BTC/USDT"},
		{"run", "--venue", "gateio", "--symbols", "BTC/USDT", "--url", "ws://127.0.0.1:1/", "--dir", filepath.Join(base, "new")},
	} {
		c := startAs(t, nobody, program, args...)
		assert.Equal(t, 1, c.wait(), args)
		require.Len(t, linesOf(c.errors.String()), 1, c.errors.String())
		assert.Contains(t, c.errors.String(), "permission denied")
	}
}

// Intent: version names what a bug report needs.
func TestVersion(t *testing.T) {
	code, stdout, _ := run(t, "version")
	assert.Zero(t, code)
	assert.Regexp(t, regexp.MustCompile(`^tickring \S+\ngo go\S+ linux/\S+\nlayout 0\nformat 0x[0-9a-f]{16}\n$`), stdout)
}
