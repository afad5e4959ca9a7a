package wire

import (
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func newTestPoller(t testing.TB) *Poller {
	t.Helper()
	p, err := NewPoller()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

func socketPair(t testing.TB) (int, int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
	return pair[0], pair[1]
}

// Readiness, interest in writing, tokens and removal, in the looking and in the
// blocking call.
func TestPollerEvents(t *testing.T) {
	for _, timeout := range []int{0, 10} {
		p := newTestPoller(t)
		a, b := socketPair(t)
		events := make([]Event, 4)
		wait := func() []Event {
			n, err := p.Wait(timeout, events)
			require.NoError(t, err)
			return events[:n]
		}
		require.NoError(t, p.Add(a, 0xFFFFFFFE))
		assert.Empty(t, wait())
		_, err := unix.Write(b, []byte("x"))
		require.NoError(t, err)
		assert.Equal(t, []Event{{Token: 0xFFFFFFFE, Readable: true}}, wait())
		assert.Equal(t, []Event{{Token: 0xFFFFFFFE, Readable: true}}, wait(), "level-triggered")
		require.NoError(t, p.Mod(a, 7, true))
		assert.Equal(t, []Event{{Token: 7, Readable: true, Writable: true}}, wait())
		_, err = unix.Read(a, make([]byte, 1))
		require.NoError(t, err)
		assert.Equal(t, []Event{{Token: 7, Writable: true}}, wait())
		require.NoError(t, p.Mod(a, 7, false))
		require.NoError(t, unix.Shutdown(b, unix.SHUT_WR))
		assert.Equal(t, []Event{{Token: 7, Readable: true}}, wait(), "a hang-up is read")
		require.NoError(t, p.Del(a))
		assert.Empty(t, wait())
	}
}

func TestPollerErrors(t *testing.T) {
	p := newTestPoller(t)
	require.ErrorIs(t, p.Add(-1, 0), unix.EBADF)
	a, _ := socketPair(t)
	require.ErrorIs(t, p.Mod(a, 0, true), unix.ENOENT)
	require.ErrorIs(t, p.Del(a), unix.ENOENT)
	broken := &Poller{fd: -1}
	for _, timeout := range []int{0, 1} {
		_, err := broken.Wait(timeout, make([]Event, 1))
		require.ErrorIs(t, err, unix.EBADF)
	}
	n, err := p.Wait(-1, nil)
	require.NoError(t, err)
	assert.Zero(t, n)
}

// More ready descriptors than events come over several calls.
func TestPollerManyDescriptors(t *testing.T) {
	p := newTestPoller(t)
	const count = 10
	for i := range count {
		a, b := socketPair(t)
		require.NoError(t, p.Add(a, uint32(i)))
		_, err := unix.Write(b, []byte("x"))
		require.NoError(t, err)
	}
	seen := map[uint32]bool{}
	events := make([]Event, 3)
	for range 20 {
		n, err := p.Wait(0, events)
		require.NoError(t, err)
		require.LessOrEqual(t, n, 3)
		for _, e := range events[:n] {
			seen[e.Token] = true
		}
	}
	assert.Len(t, seen, count)
}

// A signal in mid-wait neither ends the wait early nor is an error.
func TestPollerInterrupted(t *testing.T) {
	p := newTestPoller(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := unix.Gettid()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				// The runtime ignores a preemption signal it did not ask for.
				_ = unix.Tgkill(os.Getpid(), tid, unix.SIGURG)
			}
		}
	}()
	start := time.Now()
	n, err := p.Wait(100, make([]Event, 1))
	close(stop)
	<-done
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.GreaterOrEqual(t, time.Since(start), 95*time.Millisecond)
}

// While a locked thread spins in Wait(0), timers fire, the collector finishes,
// goroutines run and sockets of the runtime's own poller are served.
func TestSpinningLeavesTheRuntimeAlive(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	require.GreaterOrEqual(t, EnsureProcs(1), 3)

	p := newTestPoller(t)
	a, _ := socketPair(t)
	require.NoError(t, p.Add(a, 1))
	var stop atomic.Bool
	var looks atomic.Int64
	spun := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		events := make([]Event, 8)
		for !stop.Load() {
			if _, err := p.Wait(0, events); err != nil {
				spun <- err
				return
			}
			looks.Add(1)
		}
		spun <- nil
	}()
	require.Eventually(t, func() bool { return looks.Load() > 1000 }, 5*time.Second, time.Millisecond)

	start := time.Now()
	lived := make(chan struct{})
	go func() {
		defer close(lived)
		for range 50 {
			<-time.After(time.Millisecond)
		}
		for range 10 {
			runtime.GC()
		}
		echoOnce(t, 200)
	}()
	select {
	case <-lived:
	case <-time.After(20 * time.Second):
		assert.Fail(t, "timers, collector or network stood still under the spin")
	}
	took, turns := time.Since(start), looks.Load()
	stop.Store(true)
	require.NoError(t, <-spun)
	t.Logf("50 timers, 10 collections, 200 echoes in %v beside %d looks", took, turns)
}

// echoOnce sends n bytes one by one over loopback TCP and back.
func echoOnce(t *testing.T, n int) {
	addr := serve(t, func(c net.Conn) {
		buf := make([]byte, 1)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			_, _ = c.Write(buf)
		}
	})
	c, err := net.Dial("tcp", addr)
	if !assert.NoError(t, err) {
		return
	}
	defer c.Close()
	buf := make([]byte, 1)
	for range n {
		_, err := c.Write(buf)
		assert.NoError(t, err)
		_, err = c.Read(buf)
		assert.NoError(t, err)
	}
}

func TestPollerAllocatesNothing(t *testing.T) {
	p := newTestPoller(t)
	a, b := socketPair(t)
	require.NoError(t, p.Add(a, 1))
	_, err := unix.Write(b, []byte("x"))
	require.NoError(t, err)
	events := make([]Event, 8)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		if n, err := p.Wait(0, events); n != 1 || err != nil {
			panic("event missing")
		}
	}))
}
