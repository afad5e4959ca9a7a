package faults

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// outage is what a reader saw of a venue that went away and came back.
type outage struct {
	down   time.Duration // from the venue's end to DOWN
	up     time.Duration // from its accepting again to UP
	record time.Duration // from its accepting again to the first market data
}

// The venue is gone for three seconds: DOWN at once, and within a second of its
// accepting again UP and market data. Several feeds go through it at the same time,
// half of the venues end orderly, half are killed.
func TestVenueGone(t *testing.T) {
	const away = 3 * time.Second
	outages := make([]outage, counted(6, 10))
	cpu := startProbe()
	t.Run("feeds", func(t *testing.T) {
		for i := range outages {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				v := startVenue(t, 300, 5, "--listen", freeAddress(t))
				dir := feedDir(t)
				p := startPublisher(t, dir, v, 1<<16)
				w := newWatch(awaitFeed(t, dir, p, 50).View())
				outages[i] = w.through(t, v, i%2 == 0, away)
				failures := w.reader.View().Counter(ring.CounterConnectFailures)
				assert.NotZero(t, failures, "it tried while the venue was away")
				if o := outages[i]; max(o.down, o.up, o.record) >= time.Second {
					t.Logf("%+v, %d failures to connect\n%s", o, failures, p.said.text())
				}
			})
		}
	})
	late := cpu.end()
	for what, pick := range map[string]func(outage) time.Duration{
		"down": func(o outage) time.Duration { return o.down }, "up": func(o outage) time.Duration { return o.up },
		"record": func(o outage) time.Duration { return o.record },
	} {
		all := make([]time.Duration, len(outages))
		for i, o := range outages {
			all[i] = pick(o)
		}
		slices.Sort(all)
		assert.Less(t, all[len(all)/2], time.Second, "median time to %s", what)
		assert.Less(t, all[len(all)-1], widened(time.Second, late), "longest time to %s", what)
		fmt.Printf("faults: venue gone for %s: %s_ms n=%d p50=%d p90=%d max=%d cpu_late_ms=%d\n", away, what, len(all),
			all[len(all)/2].Milliseconds(), all[len(all)*9/10].Milliseconds(), all[len(all)-1].Milliseconds(), late.Milliseconds())
	}
}

// freeAddress is a loopback address that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// watch reads a feed in this process, for times that are exact.
type watch struct {
	reader *ring.Reader
}

func newWatch(v *ring.View) *watch {
	w := &watch{reader: ring.NewReader(v)}
	w.reader.SeekLatest()
	return w
}

// through ends the venue, starts it again after a while and times what comes.
func (w *watch) through(t *testing.T, v *venue, orderly bool, away time.Duration) (o outage) {
	gone := time.Now()
	if orderly {
		v.signal(t, syscall.SIGTERM)
	} else {
		v.signal(t, syscall.SIGKILL)
	}
	o.down = w.until(t, gone, "DOWN", isStatus(ring.StatusDown))
	<-v.done
	time.Sleep(away - time.Since(gone))
	start(t, nil, nil, binary, v.args...)
	accepting := awaitAccept(t, v)
	o.up = w.until(t, accepting, "UP", isStatus(ring.StatusUp))
	o.record = w.until(t, accepting, "market data", func(r *ring.Record) bool { return r.Kind != ring.KindStatus })
	assert.Zero(t, w.reader.Stats.Lost)
	return o
}

func isStatus(code ring.StatusCode) func(*ring.Record) bool {
	return func(r *ring.Record) bool { return r.Kind == ring.KindStatus && r.Status().Code == code }
}

// awaitAccept waits until the venue takes connections.
func awaitAccept(t *testing.T, v *venue) time.Time {
	t.Helper()
	address := v.args[len(v.args)-1]
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			at := time.Now()
			assert.NoError(t, c.Close())
			return at
		}
		require.True(t, time.Now().Before(end), "%s does not accept: %v", address, err)
	}
}

// until reads until a record satisfies want, and says how long after a moment.
func (w *watch) until(t *testing.T, since time.Time, what string, want func(*ring.Record) bool) time.Duration {
	t.Helper()
	var r ring.Record
	for end := time.Now().Add(patience); time.Now().Before(end); {
		switch answer := w.reader.Next(&r); answer {
		case ring.AnswerRecord:
			if want(&r) {
				return time.Since(since)
			}
		case ring.AnswerEmpty, ring.AnswerStale:
			w.reader.Wait(5 * time.Millisecond)
		default:
			require.Fail(t, "reading ended", "%s while waiting for %s", answer, what)
		}
	}
	require.Fail(t, "never came", what)
	return 0
}
