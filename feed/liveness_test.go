package feed_test

import (
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// impatient is Gate.io with bounds that a test can wait for.
type impatient struct {
	*gateio.Dialect
	ping, pong, ack, quiet time.Duration
}

func (d impatient) PingIntervalNS() int64 { return int64(d.ping) }
func (d impatient) PongDeadlineNS() int64 { return int64(d.pong) }
func (d impatient) AckDeadlineNS() int64  { return int64(d.ack) }

func (d impatient) Streams(ch ring.Channel) []exchanges.StreamInfo {
	streams := d.Dialect.Streams(ch)
	for i := range streams {
		if d.quiet != 0 && streams[i].QuietBoundNS != 0 {
			streams[i].QuietBoundNS = int64(d.quiet)
		}
	}
	return streams
}

func withDialect(d impatient) func(*feed.PublisherConfig) {
	return func(c *feed.PublisherConfig) { c.Dialect = d }
}

// Application pings are sent and their answers measured.
func TestPingsAreAnswered(t *testing.T) {
	r := newRig(t, sim.Config{}, withDialect(impatient{gateio.New(), 50 * time.Millisecond, time.Second, time.Second, 0}))
	r.counter(ring.CounterPongs, 3)
	var c ring.Connection
	require.Eventually(t, func() bool {
		return r.pub.View().Connection(0, &c) && c.RoundTripNS > 0
	}, 3*time.Second, 20*time.Millisecond)
	assert.Less(t, c.RoundTripNS, int64(time.Second))
	assert.Contains(t, c.EndpointText(), "ws://127.0.0.1:")
	assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects))
}

// A request that is never answered is asked for again; a connection that never
// answers is replaced.
func TestUnansweredRequestsReplaceTheConnection(t *testing.T) {
	r := newRig(t, sim.Config{Faults: sim.Faults{NoAcks: true}},
		withDialect(impatient{gateio.New(), time.Second, time.Second, 80 * time.Millisecond, 0}))
	rec := r.untilStatus(ring.StatusDown, 5*time.Second)
	assert.Equal(t, uint32(ring.ReasonTimeout), rec.Status().Reason)
	r.counter(ring.CounterAckTimeouts, 3)
	assert.Zero(t, r.state("BTC/USDT")&ring.BitSubscribed, "connected is not subscribed")
	require.NoError(t, r.sim.SetFaults(sim.Faults{}))
	r.untilKind(ring.KindTrade, "BTC/USDT")
}

// An instrument that falls silent beyond its bound is STALE while the link lives,
// and FRESH with its next data; nothing is reconnected for it.
func TestQuietInstrumentIsStale(t *testing.T) {
	r := newRig(t, sim.Config{Rate: 1, Symbols: 3, Settle: 50 * time.Millisecond},
		withDialect(impatient{gateio.New(), 50 * time.Millisecond, 2 * time.Second, time.Second, 400 * time.Millisecond}))
	quote := func(u string) []byte {
		return []byte(`{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165710,"u":` + u + `,"s":"BTC_USDT","b":"1","B":"2","a":"3","A":"4"}}`)
	}
	r.untilStatus(ring.StatusSubscribed, 2*time.Second)
	stale := r.until("STALE of BTC/USDT", 5*time.Second, func(rec *ring.Record) bool {
		return rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusStale
	})
	assert.Equal(t, uint8(ring.ScopeInstrument), stale.Status().Scope)
	assert.Equal(t, uint32(ring.ReasonQuiet), stale.Status().Reason)
	assert.NotZero(t, r.state(r.pub.View().Symbol(int(stale.Instrument)))&ring.BitStale)
	r.sim.SendAll(quote("5"))
	assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects))
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
}

// A link that says nothing at all, not even pongs, is cut and dialled again.
func TestSilentLinkIsReplaced(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	upgrades := make(chan net.Conn, 16)
	go func() {
		defer close(upgrades)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := (ws.Upgrader{}).Upgrade(c); err == nil {
				upgrades <- c
			}
		}
	}()
	defer func() {
		_ = l.Close()
		for c := range upgrades {
			_ = c.Close()
		}
	}()
	r := newRig(t, sim.Config{}, func(c *feed.PublisherConfig) {
		c.Dialect = impatient{gateio.New(), 100 * time.Millisecond, 200 * time.Millisecond, time.Hour, 0}
		c.URLs = []string{"ws://" + l.Addr().String() + "/"}
	})
	rec := r.untilStatus(ring.StatusDown, 5*time.Second)
	assert.Equal(t, uint32(ring.ReasonTimeout), rec.Status().Reason)
	assert.Equal(t, "no answer to a ping", rec.Status().TextString())
	r.untilStatus(ring.StatusUp, 2*time.Second)
	require.NoError(t, r.pub.Close())
}

// Each wait mode delivers; in busy mode timers, the collector and other
// goroutines go on while the hot thread spins.
func TestWaitModesDeliver(t *testing.T) {
	for _, mode := range []feed.WaitMode{feed.WaitBlock, feed.WaitAdaptive, feed.WaitBusy} {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, sim.Config{}, func(c *feed.PublisherConfig) { c.Wait = mode })
			r.untilKind(ring.KindTrade, "BTC/USDT")
			start := time.Now()
			for range 5 {
				runtime.GC()
				time.Sleep(10 * time.Millisecond)
			}
			assert.Less(t, time.Since(start), 3*time.Second, "the runtime stands still beside the hot thread")
			before, _ := r.pub.View().HotHeartbeat()
			require.Eventually(t, func() bool {
				beat, _ := r.pub.View().HotHeartbeat()
				return beat > before+3
			}, 3*time.Second, 10*time.Millisecond)
		})
	}
}

// cpuTime is what this process has used, in clock ticks.
func cpuTime(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return user + system
}

// The default wait mode does not burn a core for a quiet feed.
func TestAdaptiveWaitRests(t *testing.T) {
	r := newRig(t, sim.Config{Rate: 10}, nil)
	r.untilStatus(ring.StatusSubscribed, 2*time.Second)
	time.Sleep(200 * time.Millisecond)
	before, start := cpuTime(t), time.Now()
	time.Sleep(time.Second)
	used := float64(cpuTime(t)-before) / 100 / time.Since(start).Seconds()
	t.Logf("a quiet feed with its simulator used %.1f %% of a core", 100*used)
	assert.Less(t, used, 0.5)
}
