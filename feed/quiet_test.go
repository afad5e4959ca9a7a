package feed

import (
	"crypto/x509"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/ring"
)

// turnClock is the hot thread's clock, which notes the time from one reading to the
// next: a turn of the loop reads it once, a chunk once more. Recording takes no memory.
type turnClock struct {
	hotClock
	last int64
	tid  atomic.Int64
	gaps *hdrhistogram.Histogram
	on   bool // hot thread only
}

func (c *turnClock) Now() int64 {
	now := c.hotClock.Now()
	if c.on {
		_ = c.gaps.RecordValue(min(max(now-c.last, 0), longestTimingNS)) // within the range: no error
	}
	c.last = now
	return now
}

// quietMark is what was counted up to a moment.
type quietMark struct {
	voluntary, involuntary int64
	pauses, cycles, bytes  uint64
	messages               uint64
}

// Intent: make bench-quiet reads how often the collector stopped this process while its
// hot thread spun, how often that thread gave its CPU up, and how long its turns took. A
// spinning thread always runs Go code, so that each stop touches it.
func TestQuietPublisher(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("TICKRING_QUIET_FOR"))
	if err != nil {
		t.Skip("skipped: make bench-quiet runs it")
	}
	p := quietPublisher(t)
	clock := &turnClock{gaps: hdrhistogram.New(1, longestTimingNS, timingDigits)}
	swap := func(f func(h *hot)) { require.NoError(t, p.command(f)) }
	swap(func(h *hot) {
		clock.hotClock, h.clock = h.clock, clock
		clock.tid.Store(int64(unix.Gettid()))
	})
	require.Eventually(t, func() bool { return p.View().LastSequence() > 10_000 && clock.tid.Load() != 0 },
		30*time.Second, 10*time.Millisecond, "the simulator sends nothing")
	debug.FreeOSMemory() // what starting up left is collected before, not within
	began := time.Now()
	before := markQuiet(t, p, clock)
	swap(func(*hot) { clock.on = true })
	time.Sleep(length) // the run itself
	swap(func(*hot) { clock.on = false })
	after := markQuiet(t, p, clock)
	took := time.Since(began).Seconds()
	g := clock.gaps
	fmt.Printf("quiet: side=go turns=%d messages_per_second=%.0f voluntary=%d involuntary=%d gap_ns p50=%d p99=%d p99.9=%d p99.99=%d max=%d over_100us=%d over_1ms=%d\n",
		g.TotalCount(), float64(after.messages-before.messages)/took, after.voluntary-before.voluntary, after.involuntary-before.involuntary,
		g.ValueAtQuantile(50), g.ValueAtQuantile(99), g.ValueAtQuantile(99.9), g.ValueAtQuantile(99.99), g.Max(), beyond(g, 100_000), beyond(g, 1_000_000))
	fmt.Printf("quiet: stw_touching_hot=%d collections=%d allocated_mb=%.1f bytes_per_message=%.1f seconds=%.0f gogc=%s gomemlimit=%s\n",
		after.pauses-before.pauses, after.cycles-before.cycles, float64(after.bytes-before.bytes)/1e6,
		float64(after.bytes-before.bytes)/float64(max(after.messages-before.messages, 1)), took, orDefault(os.Getenv("GOGC")), orDefault(os.Getenv("GOMEMLIMIT")))
}

func orDefault(text string) string {
	if text == "" {
		return "default"
	}
	return text
}

// quietPublisher runs as a program would, in busy mode, against the simulator of the
// environment.
func quietPublisher(t *testing.T) *Publisher {
	t.Helper()
	cpu, err := strconv.Atoi(os.Getenv("TICKRING_QUIET_CPU"))
	require.NoError(t, err)
	pem, err := os.ReadFile(os.Getenv("TICKRING_QUIET_CA"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	var symbols []Symbol
	for _, base := range []string{"BTC", "ETH", "SOL", "XRP", "DOGE"} {
		symbols = append(symbols, Symbol{Base: base, Quote: "USDT"})
	}
	p, err := StartPublisher(PublisherConfig{
		Anonymous: true, Dialect: gateio.New(), CPU: cpu, Wait: WaitBusy, Slots: ring.DefaultSlots, MaxInstruments: 64,
		Symbols: symbols, Channels: ring.ChannelBookTicker, URLs: []string{os.Getenv("TICKRING_QUIET_URL")}, CA: pool,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func markQuiet(t *testing.T, p *Publisher, clock *turnClock) (m quietMark) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", clock.tid.Load()))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64) // other lines hold no numbers
		switch key {
		case "voluntary_ctxt_switches":
			m.voluntary = n
		case "nonvoluntary_ctxt_switches":
			m.involuntary = n
		}
	}
	samples := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}, {Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	for _, n := range samples[0].Value.Float64Histogram().Counts {
		m.pauses += n
	}
	m.cycles, m.bytes = samples[1].Value.Uint64(), samples[2].Value.Uint64()
	m.messages = p.View().LastSequence()
	return m
}

// beyond counts the gaps that were longer.
func beyond(g *hdrhistogram.Histogram, ns int64) (n int64) {
	for _, bar := range g.Distribution() {
		if bar.From > ns {
			n += bar.Count
		}
	}
	return n
}
