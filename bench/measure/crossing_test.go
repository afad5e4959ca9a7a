package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/shm"
)

// The raw ping gives as many samples as asked for, all of them possible.
func TestPingCountsAndStamps(t *testing.T) {
	b := newBench(t)
	b.ping = buildC(t, "../ping.c")
	for lines := 1; lines <= 2; lines++ {
		trips, err := b.pingSamples("rtt", lines, 300, 20)
		require.NoError(t, err)
		oneway, err := b.pingSamples("oneway", lines, 30, 5, "100000")
		require.NoError(t, err)
		require.Len(t, trips, 300)
		require.Len(t, oneway, 30)
		for _, ticks := range append(trips, oneway...) {
			assert.Positive(t, ticks, "a message is seen after it was sent")
		}
	}
}

func crossingReaders(t *testing.T, b *bench) []side {
	sources, err := filepath.Glob("../../cgo_reader/src/*.c")
	require.NoError(t, err)
	list := []side{sides[2]}
	t.Run("build the C reader", func(t *testing.T) {
		path := buildC(t, "../reader.c", append(sources, "-I../../cgo_reader/include", "-I../../cgo_reader/src", "-lm")...)
		b.cReader = filepath.Join(b.dir, "reader")
		require.NoError(t, copyFile(path, b.cReader))
		list = append(list, sides[:2]...)
	})
	return list
}

// Each reader sees every record that counts, after it was sent, and none was sent
// before it was due.
func TestPacedRecordsAreStampedInOrder(t *testing.T) {
	b := newBench(t)
	for _, s := range crossingReaders(t, b) {
		samples, lost, _, err := b.transfer(&s, "paced", 200, 10, b.interval(20_000))
		require.NoError(t, err, s.name)
		assert.Zero(t, lost)
		require.Len(t, samples, 200, s.name)
		for i, x := range samples {
			assert.LessOrEqual(t, x.Second, x.First, "due before sent")
			assert.Less(t, x.First, x.Seen, "sent before seen")
			if i > 0 {
				assert.InDelta(t, b.interval(20_000), x.Second-samples[i-1].Second, 1, "due times keep the rate whatever happens")
			}
		}
	}
}

// A writer without a reader, and one that outruns its reader, end and account for
// every record.
func TestSaturatedRecordsAreSeenOrLost(t *testing.T) {
	b := newBench(t)
	for _, mode := range []string{"ring", "board"} {
		_, _, ns, err := b.transfer(nil, mode, 20_000, 100, 0)
		require.NoError(t, err)
		assert.Positive(t, ns)
	}
	samples, lost, _, err := b.transfer(&sides[2], "saturated", 20_000, 0, 0)
	require.NoError(t, err)
	assert.EqualValues(t, 20_000, uint64(len(samples))+lost)
	list, err := shm.List(b.dir)
	require.NoError(t, err)
	assert.Empty(t, list, "segments are left behind")
}

// A side that fails says what it was and why.
func TestFailuresNameTheSide(t *testing.T) {
	b := newBench(t)
	_, _, _, err := b.transfer(nil, "sideways", 20, 0, 0)
	require.ErrorContains(t, err, "writer")
	assert.ErrorContains(t, err, `no mode "sideways"`)
	_, err = b.startReader(sides[2], "nobody", 0, false, false)
	assert.ErrorContains(t, err, "Go reader")
	assert.Error(t, runWriter([]string{"-mode", "ring", "-count", "21"}))
}
