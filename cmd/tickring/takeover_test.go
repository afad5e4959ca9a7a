package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// takeoverRuns is how often a feed changes hands in the test under load.
const takeoverRuns = 10

// runArgs is the command line of a publisher of feed f in dir.
func runArgs(dir string, at []string, more ...string) []string {
	return append([]string{"run", "--venue", "gateio", "--symbols", "BTC/USDT,ETH/USDT,SOL/USDT", "--url", at[0],
		"--rest-url", at[1], "--dir", dir, "--feed", "f", "--source", "simulated"}, more...)
}

// generation of the feed f in dir, 0 while there is none.
func generation(dir string) uint64 {
	m, err := shm.Open(dir, "f")
	if err != nil {
		return 0
	}
	defer m.Close()
	return m.View().Generation()
}

// awaitGeneration waits until a publisher of that generation is connected.
func awaitGeneration(t *testing.T, dir string, want uint64) {
	t.Helper()
	eventually(t, fmt.Sprintf("generation %d has trades", want), func() bool {
		m, err := shm.Open(dir, "f")
		if err != nil {
			return false
		}
		defer m.Close()
		return m.View().Generation() == want && m.View().Counter(ring.CounterTrades) > 0
	})
}

// follower reads feed f from segment to segment, as a program with a library does,
// and measures how long it had nothing new while the feed changed hands.
type follower struct {
	t      *testing.T
	trades map[string][]uint64
	gaps   []time.Duration // from the last record of one to the first newer one of the next
	stop   chan struct{}
	done   sync.WaitGroup
}

func follow(t *testing.T, dir string) *follower {
	m, err := shm.Open(dir, "f")
	require.NoError(t, err)
	f := &follower{t: t, trades: map[string][]uint64{}, stop: make(chan struct{})}
	f.done.Go(func() { f.read(m) })
	return f
}

func (f *follower) read(m *shm.Mapping) {
	defer func() { assert.NoError(f.t, m.Close()) }()
	reader := ring.NewReader(m.View())
	reader.Seek(1)
	var rec ring.Record
	var last time.Time // when the newest record was read
	var newest int64   // its receive time
	moved := false
	for {
		switch answer := reader.Next(&rec); answer {
		case ring.AnswerRecord:
			if rec.RecvTimeNS > newest {
				now := time.Now()
				if moved {
					f.gaps, moved = append(f.gaps, now.Sub(last)), false
				}
				last, newest = now, rec.RecvTimeNS
			}
			if rec.Kind == ring.KindTrade {
				symbol := m.View().Symbol(int(rec.Instrument))
				f.trades[symbol] = append(f.trades[symbol], rec.Trade().TradeID)
			}
		case ring.AnswerSuperseded:
			next, err := m.Successor()
			if !assert.NoError(f.t, err) || !assert.NotNil(f.t, next) {
				return
			}
			assert.NoError(f.t, m.Close())
			m, moved = next, true
			reader = ring.NewReader(m.View())
			reader.Seek(1)
		case ring.AnswerEmpty:
			select {
			case <-f.stop:
				return
			default:
				reader.Wait(100 * time.Millisecond)
			}
		default:
			assert.Fail(f.t, "the reader was told "+answer.String())
			return
		}
	}
}

func (f *follower) end() {
	close(f.stop)
	f.done.Wait()
}

// tradesOf are the trade ids by symbol, of lines of JSON.
func tradesOf(t *testing.T, lines []string) map[string][]uint64 {
	t.Helper()
	out := map[string][]uint64{}
	for _, line := range lines {
		var r struct {
			Kind, Symbol string
			TradeID      string `json:"trade_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		if r.Kind != "trade" {
			continue
		}
		id, err := strconv.ParseUint(r.TradeID, 10, 64)
		require.NoError(t, err, line)
		out[r.Symbol] = append(out[r.Symbol], id)
	}
	return out
}

// assertNoHole says that of every symbol each trade between the first and the last
// was seen at least once; the simulator numbers them without holes.
func assertNoHole(t *testing.T, who string, trades map[string][]uint64) {
	t.Helper()
	total, twice := 0, 0
	for _, symbol := range []string{"BTC/USDT", "ETH/USDT", "SOL/USDT"} {
		ids := slices.Clone(trades[symbol])
		require.Greater(t, len(ids), 100, who)
		total += len(ids)
		slices.Sort(ids)
		once := slices.Compact(ids)
		twice += len(ids) - len(once)
		assert.EqualValues(t, len(once), once[len(once)-1]-once[0]+1, "%s misses trades of %s", who, symbol)
	}
	assert.Positive(t, twice, "generations overlap")
	fmt.Printf("takeover: %s read %d trades, %d of them in two generations, none missing\n", who, total, twice)
}

// Intent: a feed changes hands ten times under load; readers that re-attach, the Go
// and the C program and the library, miss no trade, hear of SUPERSEDED and never of
// CLOSED, STALE or OVERRUN; every publisher that was replaced exits with 0.
func TestTakeoversUnderLoadLoseNothing(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "3000", "--symbols", "5")
	owner := start(t, runArgs(dir, at)...)
	awaitGeneration(t, dir, 1)
	f := follow(t, dir)
	tail := start(t, "tail", "f", "--dir", dir, "--follow", "--json", "--from", "oldest", "--kind", "trade,status")
	var tailC *process
	if c := cProgram(t); c != "" {
		tailC = startAs(t, nil, c, "f", "--dir", dir, "--follow", "--from", "oldest", "--kind", "trade,status")
	}
	for n := range uint64(takeoverRuns) {
		next := start(t, runArgs(dir, at, "--takeover")...)
		assert.Zero(t, owner.wait(), owner.errors.String())
		assert.Contains(t, owner.errors.String(), fmt.Sprintf("successor_pid=%d", next.cmd.Process.Pid))
		awaitGeneration(t, dir, n+2)
		owner = next
	}
	time.Sleep(200 * time.Millisecond)
	f.end()
	owner.signal(syscall.SIGTERM)
	assert.Zero(t, owner.wait(), owner.errors.String())
	eventually(t, "tail hears of the end", func() bool { return strings.Contains(tail.errors.String(), "closed by its publisher") })
	tail.signal(syscall.SIGINT)
	assert.Zero(t, tail.wait())

	assertNoHole(t, "the Go library", f.trades)
	assertNoHole(t, "tickring tail", tradesOf(t, tail.lines()))
	notes := tail.errors.String()
	assert.Equal(t, takeoverRuns, strings.Count(notes, "superseded by"), notes)
	assert.Equal(t, 1, strings.Count(notes, "closed by"), notes)
	assert.NotContains(t, notes, "overrun")
	assert.NotContains(t, notes, "stale")
	if tailC != nil {
		tailC.signal(syscall.SIGINT)
		assert.Zero(t, tailC.wait(), tailC.errors.String())
		assertNoHole(t, "tickring-tail-c", tradesOf(t, tailC.lines()))
		assert.NotContains(t, tailC.errors.String(), "overrun")
	}
	require.Len(t, f.gaps, takeoverRuns)
	slices.Sort(f.gaps)
	fmt.Printf("takeover: time without a newer record, %d takeovers: median %s, longest %s\n",
		takeoverRuns, f.gaps[takeoverRuns/2], f.gaps[takeoverRuns-1])
	assert.Less(t, f.gaps[takeoverRuns-1], time.Second)
	left, err := filepath.Glob(filepath.Join(dir, ".*.new"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// slowVenue is a simulator whose answers to requests come late, so that a take-over
// waits for them.
func slowVenue(t *testing.T) []string {
	t.Helper()
	_, at := startSim(t, "--rate", "1000", "--symbols", "5", "--fault", "ack_late,delay=1m")
	return at
}

// assertGoesOn says that feed f brings new records of a generation, by a publisher
// that can be asked.
func assertGoesOn(t *testing.T, dir string, want uint64) {
	t.Helper()
	m, err := shm.Open(dir, "f")
	require.NoError(t, err)
	defer m.Close()
	require.Equal(t, want, m.View().Generation())
	require.Equal(t, ring.StateLive, m.View().State())
	at := m.View().Counter(ring.CounterTrades)
	eventually(t, "more trades", func() bool { return m.View().Counter(ring.CounterTrades) > at })
	c, err := feed.DialControl(t.Context(), dir, "f")
	require.NoError(t, err)
	defer c.Close()
	status, err := c.Status(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, want, status.Generation)
}

// Intent: a new publisher that is killed before it asked leaves the owner as it was,
// and what it built is swept by whoever starts next.
func TestNewPublisherIsKilledBeforeTheRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "1000", "--symbols", "5")
	owner := start(t, runArgs(dir, at)...)
	awaitGeneration(t, dir, 1)
	next := start(t, runArgs(dir, slowVenue(t), "--takeover", "--takeover-wait", "1m")...)
	built := func() []string {
		left, err := filepath.Glob(filepath.Join(dir, ".*.new"))
		require.NoError(t, err)
		return left
	}
	eventually(t, "it has built its segment", func() bool { return len(built()) == 1 })
	eventually(t, "it is connected", func() bool { return strings.Contains(next.errors.String(), "connection up") })
	next.signal(syscall.SIGKILL)
	next.wait()
	assertGoesOn(t, dir, 1)
	assert.Len(t, built(), 1)
	next = start(t, runArgs(dir, at, "--takeover")...)
	assert.Zero(t, owner.wait(), owner.errors.String())
	awaitGeneration(t, dir, 2)
	assertGoesOn(t, dir, 2)
	assert.Empty(t, built(), "the dead one's file was swept")
	next.signal(syscall.SIGTERM)
	assert.Zero(t, next.wait())
}

// Intent: a publisher that was told to let go by one that then dies leaves its
// readers with STALE and all its records; a start goes on with the next generation.
func TestNewPublisherDiesAfterTheRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "1000", "--symbols", "5")
	owner := start(t, runArgs(dir, at)...)
	awaitGeneration(t, dir, 1)
	tail := start(t, "tail", "f", "--dir", dir, "--follow", "--json", "--kind", "trade")
	c, err := net.Dial("unix", feed.ControlPath(dir, "f"))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte(`{"op":"release","generation":1}` + "\n"))
	require.NoError(t, err)
	assert.Zero(t, owner.wait(), owner.errors.String())
	assert.Contains(t, owner.errors.String(), "feed let go")
	eventually(t, "its readers find it stale", func() bool { return strings.Contains(tail.errors.String(), "stale") })
	assert.NotContains(t, tail.errors.String(), "closed by")
	_, err = os.Stat(feed.ControlPath(dir, "f"))
	require.ErrorIs(t, err, os.ErrNotExist)

	next := start(t, runArgs(dir, at, "--takeover")...)
	awaitGeneration(t, dir, 2)
	assertGoesOn(t, dir, 2)
	eventually(t, "its readers go on", func() bool { return strings.Contains(tail.errors.String(), "generation 2 after 1") })
	next.signal(syscall.SIGTERM)
	assert.Zero(t, next.wait())
}

// Intent: an owner that is killed while it is being taken over leaves the feed to the
// new publisher at once.
func TestOwnerIsKilledDuringATakeover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "1000", "--symbols", "5")
	owner := start(t, runArgs(dir, at)...)
	awaitGeneration(t, dir, 1)
	next := start(t, runArgs(dir, slowVenue(t), "--takeover", "--takeover-wait", "1m")...)
	eventually(t, "it is connected", func() bool { return strings.Contains(next.errors.String(), "connection up") })
	assert.EqualValues(t, 1, generation(dir))
	owner.signal(syscall.SIGKILL)
	owner.wait()
	eventually(t, "the new one publishes", func() bool { return generation(dir) == 2 })
	assert.Contains(t, next.errors.String(), "publishing at once")
	next.signal(syscall.SIGTERM)
	assert.Zero(t, next.wait())
}

// Intent: an owner that stands still is not replaced, and says nothing later: when it
// goes on, the request that waited for it finds nobody behind it.
func TestOwnerThatStandsStillIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "1000", "--symbols", "5")
	owner := start(t, runArgs(dir, at)...)
	awaitGeneration(t, dir, 1)
	next := start(t, runArgs(dir, at, "--takeover")...)
	eventually(t, "it is connected", func() bool { return strings.Contains(next.errors.String(), "connection up") })
	owner.signal(syscall.SIGSTOP)
	assert.Equal(t, 1, next.wait())
	lines := linesOf(next.errors.String())
	assert.Contains(t, lines[len(lines)-1], "feed not taken over")
	assert.Contains(t, lines[len(lines)-1], "goes on")
	owner.signal(syscall.SIGCONT)
	time.Sleep(300 * time.Millisecond)
	assertGoesOn(t, dir, 1)
	owner.signal(syscall.SIGTERM)
	assert.Zero(t, owner.wait())
}

// Intent: an owner that is killed while it is asked to let go leaves the feed to the
// new publisher, which has everything since before.
func TestOwnerIsKilledWhileItIsAsked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "1000", "--symbols", "5")
	owner := start(t, runArgs(dir, at)...)
	awaitGeneration(t, dir, 1)
	next := start(t, runArgs(dir, at, "--takeover")...)
	eventually(t, "it is connected", func() bool { return strings.Contains(next.errors.String(), "connection up") })
	owner.signal(syscall.SIGSTOP)
	time.Sleep(2 * time.Second) // it has synced and asked, and waits for an answer
	require.EqualValues(t, 1, generation(dir))
	owner.signal(syscall.SIGKILL)
	eventually(t, "the new one publishes", func() bool { return generation(dir) == 2 })
	assertGoesOn(t, dir, 2)
	next.signal(syscall.SIGTERM)
	assert.Zero(t, next.wait(), next.errors.String())
}

// Intent: a take-over that cannot be meant is refused before anything is touched.
func TestTakeoverUsage(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "untouched")
	for _, wait := range []string{"0s", "-1s", "10"} {
		code, _, stderr := run(t, runArgs(dir, []string{"ws://127.0.0.1:1/", "http://127.0.0.1:1"}, "--takeover", "--takeover-wait", wait)...)
		assert.Equal(t, 2, code)
		require.Len(t, linesOf(stderr), 1, stderr)
		assert.Contains(t, stderr, "takeover-wait")
	}
	_, err := os.Stat(dir)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// Intent: a signal ends a take-over that waits, cleanly, and changes nothing.
func TestSignalEndsATakeover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "1000", "--symbols", "5")
	start(t, runArgs(dir, at)...)
	awaitGeneration(t, dir, 1)
	next := start(t, runArgs(dir, slowVenue(t), "--takeover", "--takeover-wait", "1m")...)
	eventually(t, "it is connected", func() bool { return strings.Contains(next.errors.String(), "connection up") })
	next.signal(syscall.SIGTERM)
	assert.Zero(t, next.wait(), next.errors.String())
	assertGoesOn(t, dir, 1)
	left, err := filepath.Glob(filepath.Join(dir, ".*.new"))
	require.NoError(t, err)
	assert.Empty(t, left)
}
