package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// 100 symbols, 10,000 frames a second over TLS: no reader loses a record, nothing
// fails to decode, and the frames really come.
func TestLoad(t *testing.T) {
	const symbols, framesPerSecond, connections = 100, 10_000, 2
	duration := time.Duration(counted(5, 30)) * time.Second
	dir := feedDir(t)
	readers := startReaders(t, dir, 0)
	v := startVenue(t, framesPerSecond/connections, symbols, "--tls")
	p := startPublisher(t, dir, v, ring.DefaultSlots)
	m := awaitFeed(t, dir, p, framesPerSecond)
	for _, r := range readers {
		r.await(t, "records", patience, func(s report) bool { return s.Got > 0 })
	}
	require.Equal(t, connections, connected(m.View()), "the rate asked for is one connection's")

	start, from := time.Now(), m.View().Counter(ring.CounterFrames)
	time.Sleep(duration)
	took := time.Since(start)
	frames := m.View().Counter(ring.CounterFrames) - from
	achieved := float64(frames) / took.Seconds()
	p.end(t)

	view := m.View()
	assert.GreaterOrEqual(t, achieved, 0.95*framesPerSecond, "frames a second")
	assert.Zero(t, view.Counter(ring.CounterDecodeErrors), "decode errors")
	assert.Zero(t, view.Counter(ring.CounterReconnects), "reconnects")
	assert.Equal(t, symbols, view.InstrumentCount())
	lost := uint64(0)
	for _, r := range readers {
		checkWhole(t, r, view)
		lost += r.finish(t).Lost
	}
	assert.Zero(t, lost, "records lost by readers")
	fmt.Printf("faults: load symbols=%d tls=true seconds=%.0f frames=%d frames_per_s=%.0f records=%d decode_errors=%d lost=%d readers=%d\n",
		symbols, took.Seconds(), frames, achieved, view.LastSequence(), view.Counter(ring.CounterDecodeErrors), lost, len(readers))
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
