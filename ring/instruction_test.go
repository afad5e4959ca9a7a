package ring

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childStep makes the child write eight frames, stop itself, write a ninth, and
// stop itself again.
const childStep = "TICKRING_TEST_STEP"

// stopMyself stops the calling thread for whoever traces it.
func stopMyself() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()), uintptr(syscall.SIGSTOP))
}

// stepMain is the publisher whose ninth frame is watched instruction by
// instruction: it must run on the thread that is traced, the process's first.
// Record and book are made before, so that only the writer's own work is stepped.
func stepMain(w *Writer, n *uint64) int {
	runtime.LockOSThread()
	if syscall.Gettid() != os.Getpid() {
		return 3
	}
	image := NewBook(w.view.bookDepth)
	var record Record
	prepare := func() {
		*n++
		record = derivedRecord(*n)
		imageOf(image, *n)
		w.BeginFrame(derivedRecv(*n))
	}
	commit := func() {
		w.Publish(&record)
		w.WriteBook(0, image)
		w.EndFrame()
	}
	for range 8 {
		prepare()
		commit()
	}
	w.Ready()
	prepare()
	stopMyself()
	commit()
	stopMyself()
	return 0
}

// tracee is the child under ptrace. Its methods belong to the one locked thread
// that started it.
type tracee struct {
	t      *testing.T
	pid    int
	exited bool
}

func (c *tracee) wait() syscall.WaitStatus {
	const everyThread = 0x40000000
	var status syscall.WaitStatus
	_, err := syscall.Wait4(c.pid, &status, everyThread, nil)
	require.NoError(c.t, err)
	return status
}

// runUntilStop lets the child run until it stops itself, and hands other signals on.
func (c *tracee) runUntilStop() {
	status := c.wait()
	require.True(c.t, status.Stopped() && status.StopSignal() == syscall.SIGTRAP, "the stop at exec")
	for deliver := 0; ; deliver = int(status.StopSignal()) {
		require.NoError(c.t, syscall.PtraceCont(c.pid, deliver))
		status = c.wait()
		require.True(c.t, status.Stopped(), "exit status %d", status.ExitStatus())
		if status.StopSignal() == syscall.SIGSTOP {
			return
		}
	}
}

// step runs one instruction; false when the child has stopped itself again.
func (c *tracee) step() bool {
	require.NoError(c.t, syscall.PtraceSingleStep(c.pid))
	status := c.wait()
	require.True(c.t, status.Stopped(), "exit status %d", status.ExitStatus())
	return status.StopSignal() != syscall.SIGSTOP
}

func (c *tracee) finish() {
	require.NoError(c.t, syscall.PtraceCont(c.pid, 0))
	for status := c.wait(); !status.Exited(); status = c.wait() {
		require.False(c.t, status.Signaled())
		require.NoError(c.t, syscall.PtraceCont(c.pid, 0))
	}
	c.exited = true
}

// kill ends a child that a failed test has left halted.
func (c *tracee) kill() {
	if c.exited {
		return
	}
	_ = syscall.Kill(c.pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(c.pid, nil, 0, nil)
}

// traceWriter starts the child under ptrace over the file.
func traceWriter(t *testing.T, path string) *tracee {
	env := append(os.Environ(), childSegment+"="+path, childStep+"=1", childRecords+"=0",
		"GODEBUG=asyncpreemptoff=1", "GOGC=off")
	pid, err := syscall.ForkExec(os.Args[0], os.Args[:1], &syscall.ProcAttr{
		Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err == syscall.EPERM && os.Getenv("TICKRING_REQUIRE_ALL") != "1" {
		t.Skip("skipped: this machine forbids ptrace")
	}
	require.NoError(t, err)
	return &tracee{t: t, pid: pid}
}

// stoppedReader looks at a segment whose writer stands still somewhere in its
// ninth frame.
type stoppedReader struct {
	t                   *testing.T
	v                   *View
	book, image         *Book
	ring, board, levels map[Answer]int
}

// look reads what can be read and checks that all of it is whole.
func (s *stoppedReader) look() {
	var out Record
	r := NewReader(s.v)
	for _, n := range []uint64{1, 9} {
		r.Seek(n)
		a := r.Next(&out)
		s.ring[a]++
		require.Contains(s.t, []Answer{AnswerRecord, AnswerEmpty, AnswerOverrun}, a)
		if a == AnswerRecord {
			require.True(s.t, isDerived(&out) && out.Sequence() == n, "a torn record")
		}
	}
	watermark := s.v.Watermark()
	a := s.v.ReadBoard(9%4, BoardBookTicker, &out)
	s.board[a]++
	require.Contains(s.t, []Answer{AnswerRecord, AnswerBusy}, a)
	if a == AnswerRecord {
		require.True(s.t, isDerived(&out), "a torn board entry")
	}
	b := s.v.ReadBook(0, s.book)
	s.levels[b]++
	require.Contains(s.t, []Answer{AnswerRecord, AnswerBusy}, b)
	if b == AnswerRecord {
		imageOf(s.image, s.book.Header.AsOf)
		s.image.Header.Version = s.book.Header.Version
		// Compared as bytes: a slow look lets the halted writer's scheduler want its turn.
		require.True(s.t, *s.image == *s.book, "a torn book")
	}
	if watermark == 9 {
		require.EqualValues(s.t, 9, out.Sequence(), "the watermark is ahead of the board")
		require.EqualValues(s.t, 9, s.book.Header.AsOf, "the watermark is ahead of the books")
	}
}

// The real writer, in a process of its own, is halted after every single machine
// instruction of a frame: whatever it leaves behind if it dies there, readers of
// ring, board and book are given whole things or told that there are none.
func TestWriterDeadAtEachInstruction(t *testing.T) {
	if raceEnabled {
		t.Skip("skipped: under the race detector a frame has too many instructions; .ci/test runs it without")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	path := filepath.Join(segmentDir(t), "segment")
	require.NoError(t, os.WriteFile(path, segmentBytes(t, testConfig(8)), 0o600))
	buf, err := mapFile(path, syscall.PROT_READ)
	require.NoError(t, err)
	defer func() { assert.NoError(t, syscall.Munmap(buf)) }()
	child := traceWriter(t, path)
	defer child.kill()
	child.runUntilStop()
	v, err := OpenView(buf)
	require.NoError(t, err)
	s := &stoppedReader{t, v, NewBook(5), NewBook(5), map[Answer]int{}, map[Answer]int{}, map[Answer]int{}}
	require.EqualValues(t, 8, v.Watermark())
	images := map[Record]bool{}
	steps := 0
	for s.look(); child.step(); s.look() {
		steps++
		images[*v.slotAt(1)] = true
		require.Less(t, steps, 100_000)
	}
	child.finish()
	assert.EqualValues(t, 9, v.Watermark())
	assert.Len(t, images, 1+RecordSize/8+1, "before, after each of 15 words and of two marks")
	assert.GreaterOrEqual(t, s.board[AnswerBusy], RecordSize/8)
	assert.GreaterOrEqual(t, s.levels[AnswerBusy], bookEntrySize(5)/8)
	t.Logf("%d instructions; ring %v, board %v, book %v", steps, s.ring, s.board, s.levels)
}
