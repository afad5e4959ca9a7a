package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// What the load test asks for.
const (
	loadSymbols     = 100
	loadFrames      = 10_000 // a second, over all connections
	loadConnections = 2      // the publisher's, for so many symbols on four channels
	loadAttempts    = 3
)

// 100 symbols, 10,000 frames a second over TLS: no reader loses a record, nothing
// fails to decode, and the frames really come. Where the machine had no CPU for the
// venue, which then sends less, it is tried again.
func TestLoad(t *testing.T) {
	duration := time.Duration(counted(5, 30)) * time.Second
	for attempt := 1; ; attempt++ {
		achieved, late := load(t, duration)
		if achieved < 0.95*loadFrames && late > probeFree && attempt < loadAttempts && !t.Failed() {
			continue
		}
		assert.GreaterOrEqual(t, achieved, 0.95*loadFrames, "frames a second; a CPU was missed for %s", late)
		return
	}
}

// load runs the load once; it returns the frames a second and the longest wait for
// a CPU.
func load(t *testing.T, duration time.Duration) (achieved float64, late time.Duration) {
	dir := feedDir(t)
	readers := startReaders(t, dir, 0)
	v := startVenue(t, loadFrames/loadConnections, loadSymbols, "--tls")
	p := startPublisher(t, dir, v, ring.DefaultSlots)
	view := awaitFeed(t, dir, p, loadFrames).View()
	for _, r := range readers {
		r.await(t, "records", patience, func(s report) bool { return s.Got > 0 })
	}
	require.Equal(t, loadConnections, connected(view), "the rate asked for is one connection's")

	cpu := startProbe()
	start, from := time.Now(), view.Counter(ring.CounterFrames)
	time.Sleep(duration)
	frames, took := view.Counter(ring.CounterFrames)-from, time.Since(start)
	late = cpu.end()
	p.end(t)
	v.end(t)

	assert.Zero(t, view.Counter(ring.CounterDecodeErrors), "decode errors")
	assert.Zero(t, view.Counter(ring.CounterReconnects), "reconnects")
	assert.Equal(t, loadSymbols, view.InstrumentCount())
	lost := uint64(0)
	for _, r := range readers {
		checkWhole(t, r, view)
		lost += r.finish(t).Lost
	}
	assert.Zero(t, lost, "records lost by readers")
	achieved = float64(frames) / took.Seconds()
	fmt.Printf("faults: load symbols=%d tls=true seconds=%.0f frames=%d frames_per_s=%.0f records=%d decode_errors=%d lost=%d readers=%d cpu_late_ms=%d\n",
		loadSymbols, took.Seconds(), frames, achieved, view.LastSequence(), view.Counter(ring.CounterDecodeErrors), lost,
		len(readers), late.Milliseconds())
	return achieved, late
}

// connected counts the connections that are up.
func connected(v *ring.View) (n int) {
	var c ring.Connection
	for row := 0; v.Connection(row, &c); row++ {
		if ring.ConnectionState(c.State) == ring.ConnectionUp {
			n++
		}
	}
	return n
}
