package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plan is one run of a recording through the product.
type plan struct {
	venue    string
	settings []string // of --set
	symbols  []string
	want     *expectation
	// connections is how many it takes; with several the order holds within a symbol
	// only.
	connections int
	// countsMessages: what is ignored and refused is known, and compared too.
	countsMessages bool
}

// drive serves a capture, publishes it, reads it with both readers and compares.
func drive(t *testing.T, path string, p *plan) {
	t.Helper()
	if len(p.symbols) == 0 {
		t.Log("no data in this recording")
		return
	}
	s := newSession(t, p.venue)
	s.startSim("--capture", path, "--speed", "max", "--once", "--tls", "--settle", "300ms")
	args := []string{"--slots", "1048576"}
	for _, setting := range p.settings {
		args = append(args, "--set", setting)
	}
	s.startRun(p.symbols, args...)
	s.waitSim()
	goLines, cLines := s.readBoth()
	compare(t, p, goLines)
	if tools.tailC != "" {
		require.True(t, bytes.Equal(goLines, cLines), "the C reader's lines differ from the Go reader's")
	}
	stat := s.stat()
	if p.countsMessages {
		assert.Equal(t, p.want.ignored, int(stat["IGNORED"]), "messages without a record")
		assert.Equal(t, p.want.malformed, int(stat["DECODE_ERRORS"]), "messages refused")
		assert.Zero(t, stat["UNKNOWN_MESSAGES"])
	}
	report(t, p, stat, len(goLines))
	s.stop(s.run)
}

// compare checks the reader's lines against the expectation, kind by kind.
func compare(t *testing.T, p *plan, lines []byte) {
	t.Helper()
	o := &outcome{expectation: *newExpectation(), statuses: map[string]int{}}
	last := uint64(0)
	for _, raw := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
		var l line
		require.NoError(t, json.Unmarshal(raw, &l), string(raw))
		require.Equal(t, last+1, l.Seq, "records are missing")
		last = l.Seq
		o.add(&l)
	}
	require.Empty(t, o.broken)
	require.False(t, o.open, "the last book event has no end")
	if p.countsMessages {
		assert.Equal(t, p.want.malformed, o.statuses["DECODE_ERROR"], "refused messages are said in the stream")
	}
	for _, kind := range []string{"book_ticker", "trade", "depth", "ticker", "perpetual"} {
		got, want := o.events[kind], p.want.events[kind]
		if p.connections > 1 {
			got, want = bySymbol(got), bySymbol(want)
		}
		for i := range min(len(got), len(want)) {
			if want[i] != got[i] {
				require.Equal(t, want[i], got[i], "%s %d", kind, i)
			}
		}
		require.Len(t, got, len(want), kind)
	}
}

// bySymbol sorts events by symbol and leaves the order within each.
func bySymbol(events []event) []event {
	out := append([]event(nil), events...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].symbol < out[j].symbol })
	return out
}

func report(t *testing.T, p *plan, stat map[string]uint64, size int) {
	var names []string
	for n := range p.want.counts {
		names = append(names, n)
	}
	sort.Strings(names)
	out := fmt.Sprintf("conformance: %s %s connections=%d", t.Name(), strings.Join(p.settings, " "), p.connections)
	for _, n := range names {
		out += fmt.Sprintf(" %s=%d", n, p.want.counts[n])
	}
	fmt.Printf("%s frames=%d decode_errors=%d ignored=%d repeats=%d acks=%d pongs=%d json_bytes=%d\n", out,
		stat["FRAMES"], stat["DECODE_ERRORS"], stat["IGNORED"], stat["REPEATS"], stat["ACKS"], stat["PONGS"], size)
}

// session is one simulator, one publisher and their directory.
type session struct {
	t        *testing.T
	venue    string
	dir      string
	sim, run *process
	urls     []string
	log      lockedBuffer
}

// process is a program that runs; ended is closed when it does not any more, and
// err then says how it ended.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// lockedBuffer takes what several processes say.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newSession(t *testing.T, venue string) *session {
	t.Helper()
	return &session{t: t, venue: venue, dir: t.TempDir()}
}

func (s *session) startSim(args ...string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "url")
	s.sim = s.start(append([]string{"sim", "--venue", s.venue, "--listen", "127.0.0.1:0", "--url-file", file}, args...)...)
	require.Eventually(s.t, func() bool {
		text, err := os.ReadFile(file)
		s.urls = nonEmpty(string(text))
		return err == nil && len(s.urls) >= 2
	}, 20*time.Second, 10*time.Millisecond, "the simulator does not start")
}

func (s *session) startRun(symbols []string, args ...string) {
	s.t.Helper()
	base := []string{"run", "--venue", s.venue, "--feed", "conformance", "--dir", s.dir, "--url", s.urls[0],
		"--symbols", strings.Join(symbols, ","), "--channels", "book_ticker,trades,orderbook,ticker"}
	if len(s.urls) > 2 {
		base = append(base, "--ca", s.urls[2])
	}
	s.run = s.start(append(base, args...)...)
}

func (s *session) start(args ...string) *process {
	s.t.Helper()
	p := &process{cmd: exec.Command(tools.tickring, args...), ended: make(chan struct{})}
	p.cmd.Stderr = &s.log
	require.NoError(s.t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if s.t.Failed() {
			s.t.Logf("%s", s.log.String())
		}
	})
	return p
}

// waitSim waits until the capture was served.
func (s *session) waitSim() {
	s.t.Helper()
	select {
	case <-s.sim.ended:
		require.NoError(s.t, s.sim.err, s.log.String())
	case <-s.run.ended:
		require.Fail(s.t, "the publisher ended", "%v", s.run.err)
	case <-time.After(5 * time.Minute):
		require.Fail(s.t, "the capture was not served in time")
	}
}

// stop ends a program as a user does.
func (s *session) stop(p *process) {
	s.t.Helper()
	require.NoError(s.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
		require.NoError(s.t, p.err, s.log.String())
	case <-time.After(30 * time.Second):
		require.Fail(s.t, "a program does not end when it is told to")
	}
}

// readBoth has the Go and, where there is one, the C reader read all that the ring
// holds, at the same time.
func (s *session) readBoth() (goLines, cLines []byte) {
	s.t.Helper()
	finish := s.read(tools.tickring, "tail", "conformance", "--json")
	if tools.tailC != "" {
		cLines = s.read(tools.tailC, "conformance")()
	}
	return finish(), cLines
}

// read starts a reader; what it returns waits for its end and gives its lines.
func (s *session) read(program string, args ...string) (finish func() []byte) {
	s.t.Helper()
	cmd := exec.Command(program, append(args, "--dir", s.dir, "--from", "oldest", "--idle", "500ms")...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(s.t, cmd.Start())
	return func() []byte {
		s.t.Helper()
		require.NoError(s.t, cmd.Wait(), errs.String())
		assert.Empty(s.t, errs.String())
		return out.Bytes()
	}
}

func (s *session) stat() map[string]uint64 {
	s.t.Helper()
	out, err := exec.Command(tools.tickring, "stat", "conformance", "--dir", s.dir, "--json").Output()
	require.NoError(s.t, err)
	var st struct {
		Counters map[string]uint64 `json:"counters"`
	}
	require.NoError(s.t, json.Unmarshal(out, &st), string(out))
	upper := map[string]uint64{}
	for k, v := range st.Counters {
		upper[strings.ToUpper(k)] = v
	}
	return upper
}
