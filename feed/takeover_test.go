package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.uber.org/goleak"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// owned starts the feed "f" in dir, and gives the configuration of a publisher that
// would take it over.
func owned(t *testing.T, dir string) (*rig, feed.PublisherConfig) {
	t.Helper()
	var next feed.PublisherConfig
	r := newRig(t, sim.Config{Rate: 1000}, func(c *feed.PublisherConfig) {
		c.Anonymous, c.Dir, c.Feed = false, dir, "f"
		next = *c
	})
	next.Dialect, next.Takeover = gateio.New(), true
	return r, next
}

// attach reads a segment through a mapping of its own, as another process does.
func attach(t *testing.T, m *shm.Mapping) *ring.Reader {
	t.Helper()
	reader := ring.NewReader(m.View())
	reader.SeekOldest()
	return reader
}

// trades reads to the end of what is there and gives the trade ids by symbol, the
// last record, and the answer behind it.
func trades(t *testing.T, reader *ring.Reader, into map[string][]uint64) (last ring.Record, end ring.Answer) {
	t.Helper()
	for {
		var rec ring.Record
		end = reader.Next(&rec)
		if end != ring.AnswerRecord {
			require.NotEqual(t, ring.AnswerOverrun, end)
			return last, end
		}
		last = rec
		if rec.Kind == ring.KindTrade {
			symbol := reader.View().Symbol(int(rec.Instrument))
			into[symbol] = append(into[symbol], rec.Trade().TradeID)
		}
	}
}

// assertWhole says that every trade between the first and the last was seen.
func assertWhole(t *testing.T, ids []uint64) {
	t.Helper()
	require.NotEmpty(t, ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	assert.EqualValues(t, len(ids), ids[len(ids)-1]-ids[0]+1, "trades are missing")
}

// leftovers are the files that are being built.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, ".*.new"))
	require.NoError(t, err)
	return left
}

// Intent: a take-over ends the old publisher without CLOSED; its readers drain it,
// are told of the successor, find everything there that came since, and can steer
// the feed by the new control socket.
func TestTakeover(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	r, next := owned(t, dir)
	m, err := shm.Open(dir, "f")
	require.NoError(t, err)
	reader := attach(t, m)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	p, err := feed.StartPublisher(next)
	require.NoError(t, err)

	<-r.pub.Done()
	require.NoError(t, r.pub.Err())
	require.NoError(t, r.pub.Close())
	seen := map[string][]uint64{}
	last, end := trades(t, reader, seen)
	assert.Equal(t, ring.AnswerSuperseded, end)
	assert.EqualValues(t, 2, m.View().SuccessorGeneration())
	require.Equal(t, ring.KindStatus, last.Kind)
	assert.Equal(t, ring.StatusClosing, last.Status().Code)
	assert.EqualValues(t, ring.ReasonRequested, last.Status().Reason)
	assert.Equal(t, "taken over", last.Status().TextString())

	successor, err := m.Successor()
	require.NoError(t, err)
	require.NotNil(t, successor)
	assert.EqualValues(t, 2, successor.View().Generation())
	assert.EqualValues(t, 2, p.View().Generation())
	before := slices.Clone(seen["BTC/USDT"])
	reader = attach(t, successor)
	time.Sleep(100 * time.Millisecond)
	_, end = trades(t, reader, seen)
	assert.Equal(t, ring.AnswerEmpty, end)
	for symbol, ids := range seen {
		t.Logf("%s: %d trades", symbol, len(ids))
		assertWhole(t, ids)
	}
	assert.Greater(t, slices.Max(seen["BTC/USDT"]), slices.Max(before))

	c := dialControl(t, dir)
	status, err := c.Status(t.Context(), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 2, status.Generation)
	assert.Empty(t, leftovers(t, dir))
	require.NoError(t, c.Close())
	require.NoError(t, m.Close())
	require.NoError(t, p.Close())
	assert.Equal(t, ring.StateClosed, successor.View().State())
	require.NoError(t, successor.Close())
	require.NoError(t, r.sim.Close())
}

// Intent: where nobody owns the feed, a take-over is a start.
func TestTakeoverOfNobody(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, sim.Config{}, func(c *feed.PublisherConfig) {
		c.Anonymous, c.Dir, c.Feed, c.Takeover = false, dir, "f", true
	})
	assert.EqualValues(t, 1, r.pub.View().Generation())
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
}

// Intent: a new publisher that the venue does not answer, that is told to stop, or
// whose owner lets go for nobody, changes nothing: the owner goes on.
func TestTakeoverThatFails(t *testing.T) {
	dir := t.TempDir()
	r, next := owned(t, dir)
	m, err := shm.Open(dir, "f")
	require.NoError(t, err)
	defer m.Close()
	unreachable := next
	unreachable.URLs = []string{"ws://127.0.0.1:1/"}
	unreachable.TakeoverWait = 200 * time.Millisecond
	_, err = feed.StartPublisher(unreachable)
	require.ErrorIs(t, err, feed.ErrTakeover)
	assert.ErrorContains(t, err, "has not answered 8 subscriptions within 200ms")
	assert.ErrorContains(t, err, "goes on")

	unreachable.TakeoverWait = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = feed.StartPublisherContext(ctx, unreachable)
	require.ErrorIs(t, err, feed.ErrTakeover)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	changed, err := m.Changed()
	require.NoError(t, err)
	assert.False(t, changed)
	assert.Equal(t, ring.StateLive, m.View().State())
	assert.Empty(t, leftovers(t, dir))
	r.reader.SeekLatest()
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
	channelState(t, dialControl(t, dir), bitcoin, "trades")
}

var bitcoin = feed.Symbol{Base: "BTC", Quote: "USDT"}

// Intent: an owner that goes while it is being taken over leaves the feed to the new
// publisher at once, whatever that has by then.
func TestTakeoverOfOneThatGoes(t *testing.T) {
	dir := t.TempDir()
	r, next := owned(t, dir)
	next.URLs = []string{"ws://127.0.0.1:1/"}
	next.TakeoverWait = time.Minute
	var both sync.WaitGroup
	both.Go(func() {
		time.Sleep(100 * time.Millisecond)
		assert.NoError(t, r.pub.Close())
	})
	p, err := feed.StartPublisher(next)
	both.Wait()
	require.NoError(t, err)
	assert.EqualValues(t, 2, p.View().Generation())
	require.NoError(t, p.Close())
}

// say sends one line to the control socket of "f" and gives the answer.
func say(t *testing.T, dir, line string) (ok bool, text string) {
	t.Helper()
	c, err := net.Dial("unix", feed.ControlPath(dir, "f"))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte(line + "\n"))
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
	answer, err := bufio.NewReader(c).ReadBytes('\n')
	require.NoError(t, err)
	var a struct {
		OK    bool
		Error string
	}
	require.NoError(t, json.Unmarshal(answer, &a))
	return a.OK, a.Error
}

// Intent: release names what it lets go; anything else changes nothing. One that is
// meant frees the feed by the time it is answered, and whoever starts next has it.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	r, next := owned(t, dir)
	for _, c := range []struct{ name, line, says string }{
		{"no generation", `{"op":"release"}`, "missing or no number"},
		{"a generation that is no number", `{"op":"release","generation":"1"}`, "no number"},
		{"another generation", `{"op":"release","generation":2}`, "generation 2 is not published here, but 1"},
		{"a key too many", `{"op":"release","generation":1,"now":true}`, `unknown key "now"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, text := say(t, dir, c.line)
			assert.False(t, ok)
			assert.Contains(t, text, c.says)
		})
	}
	r.reader.SeekLatest()
	r.untilKind(ring.KindBookTicker, "BTC/USDT")

	ok, text := say(t, dir, `{"op":"release","generation":1}`)
	require.True(t, ok, text)
	_, err := feed.DialControl(t.Context(), dir, "f")
	require.ErrorIs(t, err, feed.ErrNoPublisher)
	m, err := shm.Open(dir, "f")
	require.NoError(t, err)
	defer m.Close()
	assert.Equal(t, ring.StateLive, m.View().State(), "not CLOSED")
	reader := ring.NewReader(m.View())
	reader.SeekLatest()
	require.Eventually(t, func() bool {
		reader.Wait(100 * time.Millisecond)
		var rec ring.Record
		return reader.Next(&rec) == ring.AnswerStale
	}, 5*time.Second, time.Millisecond, "nobody published: its readers find it stale")

	next.Takeover = false
	p, err := feed.StartPublisher(next) // though the old one was not closed yet
	require.NoError(t, err)
	assert.EqualValues(t, 2, p.View().Generation())
	var rec ring.Record
	assert.Equal(t, ring.AnswerSuperseded, reader.Next(&rec))
	require.NoError(t, r.pub.Close())
	require.NoError(t, p.Close())
}

// sayAs is say by another user: a thread that is thrown away takes its identity.
func sayAs(t *testing.T, uid int, dir, line string) (ok bool, text string) {
	t.Helper()
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		keep := ^uintptr(0)
		_, _, failed := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(uid), keep)
		if assert.Zero(t, failed) {
			ok, text = say(t, dir, line)
		}
	})
	done.Wait()
	return ok, text
}

// Intent: who may steer a feed by its group may not end it: only its own user could
// go on with it.
func TestReleaseIsTheOwnersAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: needs root, to ask as nobody")
	}
	dir, err := os.MkdirTemp("", "tickring-test-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	r, _ := owned(t, dir)
	require.NoError(t, os.Chmod(feed.ControlPath(dir, "f"), 0o666))
	const nobody = 65534
	ok, text := sayAs(t, nobody, dir, `{"op":"status"}`)
	require.True(t, ok, text)
	ok, text = sayAs(t, nobody, dir, `{"op":"release","generation":1}`)
	assert.False(t, ok)
	assert.Contains(t, text, "user alone")
	r.reader.SeekLatest()
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
}

// Intent: of two that take a feed over at once one gets it, and the other is told.
func TestTwoTakeovers(t *testing.T) {
	dir := t.TempDir()
	r, next := owned(t, dir)
	var both sync.WaitGroup
	var got [2]*feed.Publisher
	var failed [2]error
	for i := range got {
		cfg := next
		cfg.Dialect = gateio.New()
		both.Go(func() { got[i], failed[i] = feed.StartPublisher(cfg) })
	}
	both.Wait()
	won := slices.IndexFunc(failed[:], func(err error) bool { return err == nil })
	require.GreaterOrEqual(t, won, 0, "%v", failed)
	require.ErrorIs(t, failed[1-won], feed.ErrTakeover)
	assert.EqualValues(t, 2, got[won].View().Generation())
	<-r.pub.Done()
	channelState(t, dialControl(t, dir), bitcoin, "trades")
	assert.Empty(t, leftovers(t, dir))
	require.NoError(t, got[won].Close())
}
