package faults

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/shm"
)

const (
	feedName = "faults"
	patience = 20 * time.Second // for what takes a moment on an idle machine
)

// spawns are run by spawner one after the other.
var spawns = make(chan func())

// spawner starts processes from one thread that lives as long as this process:
// children that are to die with their parent die with the thread that made them.
func spawner() {
	runtime.LockOSThread()
	for spawn := range spawns {
		spawn()
	}
}

// process is a child.
type process struct {
	cmd  *exec.Cmd
	said *words
	done chan struct{} // closed when it has ended
	err  error         // how; read after done
}

// start runs a program; it is killed at the end of the test, whatever became of it.
// stdout nil discards what it prints.
func start(t *testing.T, env []string, stdout io.Writer, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), said: &words{}, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = stdout, p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	spawns <- func() { started <- p.cmd.Start() }
	require.NoError(t, <-started)
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process at once and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// signal sends a signal.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
}

// end stops the process as a user would: SIGTERM, exit 0.
func (p *process) end(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	p.wait(t)
	require.NoError(t, p.err, p.said.text())
}

// wait waits for its end.
func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		require.Fail(t, "a process did not end", "%s\n%s", p.cmd.Path, p.said.text())
	}
}

// words keeps what a process wrote to stderr.
type words struct {
	mu  sync.Mutex
	all strings.Builder
}

// Write implements io.Writer.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(p)
}

func (w *words) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// feedDir is a directory for segments, in shared memory where there is some.
func feedDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "tickring-test-"+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// venue is a simulated Gate.io.
type venue struct {
	*process
	args    []string // to start it again
	url     string
	rest    string
	ca      string // file; "" without TLS
	symbols []string
}

// startVenue starts one at a rate of frames a second and connection. Further
// arguments are its own.
func startVenue(t *testing.T, rate, symbols int, args ...string) *venue {
	t.Helper()
	urls := filepath.Join(t.TempDir(), "urls")
	v := &venue{args: append([]string{"sim", "--venue", "gateio", "--settle", "50ms", "--rate", strconv.Itoa(rate),
		"--symbols", strconv.Itoa(symbols), "--url-file", urls}, args...)}
	v.process = start(t, nil, nil, binary, v.args...)
	var lines []string
	require.Eventually(t, func() bool {
		content, err := os.ReadFile(urls)
		lines = strings.Fields(string(content))
		return err == nil
	}, patience, 5*time.Millisecond, v.said.text)
	v.url, v.rest = lines[0], lines[1]
	if len(lines) > 2 {
		v.ca = lines[2]
	}
	v.symbols = v.listed(t)
	require.Len(t, v.symbols, symbols)
	return v
}

// listed asks for the pairs. A venue with TLS is asked by the publisher alone; its
// list is that of any other.
func (v *venue) listed(t *testing.T) []string {
	t.Helper()
	client := &http.Client{Transport: transport(t, v.ca), Timeout: patience}
	defer client.CloseIdleConnections()
	res, err := client.Get(v.rest + "/spot/currency_pairs")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var pairs []struct{ Base, Quote string }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&pairs))
	symbols := make([]string, len(pairs))
	for i, p := range pairs {
		symbols[i] = p.Base + "/" + p.Quote
	}
	return symbols
}

// startPublisher publishes all that a venue lists into dir.
func startPublisher(t *testing.T, dir string, v *venue, slots int, args ...string) *process {
	t.Helper()
	all := append([]string{"run", "--venue", "gateio", "--symbols", strings.Join(v.symbols, ","), "--url", v.url,
		"--rest-url", v.rest, "--dir", dir, "--feed", feedName, "--source", "simulated", "--set", "gateio.book=obu@50",
		"--slots", strconv.Itoa(slots), "--for", "10m"}, args...)
	if v.ca != "" {
		all = append(all, "--ca", v.ca)
	}
	return start(t, nil, nil, binary, all...)
}

// awaitFeed opens the segment of a publisher that was just started once it has so
// many records.
func awaitFeed(t *testing.T, dir string, p *process, records uint64) *shm.Mapping {
	t.Helper()
	var m *shm.Mapping
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if m == nil {
			if found, err := shm.Open(dir, feedName); err == nil {
				if int(found.View().OwnerPID()) == p.cmd.Process.Pid {
					m = found
					t.Cleanup(func() { assert.NoError(t, m.Close()) })
				} else {
					require.NoError(t, found.Close())
				}
			}
		}
		if m != nil && m.View().LastSequence() >= records {
			return m
		}
		select {
		case <-p.done:
			require.Fail(t, "the publisher ended", p.said.text())
		default:
		}
		require.True(t, time.Now().Before(end), "no feed of %d records: %s", records, p.said.text())
	}
}

// reader is a reader's process and what it said.
type reader struct {
	*process
	name string

	mu     sync.Mutex
	last   report
	heard  time.Time
	events map[string]int       // how often each was said
	times  map[string]time.Time // when each was said last
	eof    chan struct{}
}

// startReaders starts the Go and the C reader on a feed; each naps so long twice a
// second.
func startReaders(t *testing.T, dir string, nap time.Duration) []*reader {
	t.Helper()
	ms := strconv.Itoa(int(nap.Milliseconds()))
	readers := []*reader{startReader(t, "Go", []string{envReaderDir + "=" + dir, envReaderFeed + "=" + feedName,
		envReaderNap + "=" + ms}, os.Args[0])}
	if cChecker != "" {
		readers = append(readers, startReader(t, "C", nil, cChecker, dir, feedName, ms))
	}
	return readers
}

func startReader(t *testing.T, name string, env []string, path string, args ...string) *reader {
	t.Helper()
	r := &reader{name: name, events: map[string]int{}, times: map[string]time.Time{}, eof: make(chan struct{})}
	out, in, err := os.Pipe()
	require.NoError(t, err)
	r.process = start(t, env, in, path, args...)
	require.NoError(t, in.Close())
	go r.listen(out)
	return r
}

func (r *reader) listen(out *os.File) {
	defer close(r.eof)
	defer func() { _ = out.Close() }()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var line report
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // the half line of a reader that was killed
		}
		r.mu.Lock()
		r.last, r.heard = line, time.Now()
		r.events[line.Event]++
		r.times[line.Event] = r.heard
		r.mu.Unlock()
	}
}

func (r *reader) now() report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// said is how often an event was said, and when last.
func (r *reader) saidEvent(event string) (int, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[event], r.times[event]
}

// await waits until a condition on the newest report holds.
func (r *reader) await(t *testing.T, what string, limit time.Duration, holds func(report) bool) {
	t.Helper()
	for end := time.Now().Add(limit); !holds(r.now()); time.Sleep(time.Millisecond) {
		r.alive(t)
		require.True(t, time.Now().Before(end), "%s reader: no %s within %s; last %+v", r.name, what, limit, r.now())
	}
}

// awaitSilence waits until a reader has said nothing for so long: it naps.
func (r *reader) awaitSilence(t *testing.T, d time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return time.Since(r.heard) > d
	}, patience, time.Millisecond, "%s reader: never silent", r.name)
}

// awaitEvent waits until an event was said more than n times.
func (r *reader) awaitEvent(t *testing.T, event string, n int, limit time.Duration) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if said, _ := r.saidEvent(event); said > n {
			return
		}
		r.alive(t)
		require.True(t, time.Now().Before(end), "%s reader: not %s within %s; last %+v", r.name, event, limit, r.now())
	}
}

// alive fails the test of a reader that has ended by itself.
func (r *reader) alive(t *testing.T) {
	t.Helper()
	select {
	case <-r.done:
		require.Fail(t, "a reader ended", "%s reader: %v %s", r.name, r.err, r.said.text())
	default:
	}
}

// fate is how a reader's process ended.
type fate int

const (
	endedWell fate = iota
	crashed        // by itself, or not with exit 0
	hung           // not within the time for it
)

// close asks a reader to end and says how it did.
func (r *reader) close() fate {
	alone := false
	select {
	case <-r.done:
		alone = true
	default:
		_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may end in this moment
	}
	select {
	case <-r.done:
	case <-time.After(patience):
		r.kill()
		return hung
	}
	<-r.eof
	if alone || r.err != nil || r.now().Event != eventEnd {
		return crashed
	}
	return endedWell
}

// finish ends a reader and returns its last report, which must be clean: nothing
// torn, nothing out of place, no crash, no hang.
func (r *reader) finish(t *testing.T) report {
	t.Helper()
	require.Equal(t, endedWell, r.close(), "%s reader: 1 crashed, 2 hung: %v %s", r.name, r.err, r.said.text())
	last := r.now()
	assert.Zero(t, last.Torn, "%s reader: %s", r.name, last.Why)
	assert.Zero(t, last.Misplaced, "%s reader: %s", r.name, last.Why)
	return last
}
