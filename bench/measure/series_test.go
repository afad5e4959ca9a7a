package main

import (
	"bufio"
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/bench/internal/kit"
)

func TestIntervalOfARate(t *testing.T) {
	b := &bench{nsPerTick: 0.5}
	assert.EqualValues(t, 20_000, b.interval(100_000))
}

func TestSamplesSurviveThePipe(t *testing.T) {
	j := readerJob{lost: 7, samples: []kit.Sample{{First: 1, Second: 2, Seen: 3}, {First: math.MinInt64, Seen: math.MaxInt64}}}
	var pipe bytes.Buffer
	require.NoError(t, j.write(&pipe))
	whole := pipe.Bytes()
	got, lost, err := kit.ReadSamples(bufio.NewReader(bytes.NewReader(whole)))
	require.NoError(t, err)
	assert.Equal(t, j.samples, got)
	assert.EqualValues(t, 7, lost)
	for _, broken := range [][]byte{nil, []byte("oops\n"), []byte("samples 9999999999 lost 0\n"), whole[:len(whole)-1]} {
		_, _, err := kit.ReadSamples(bufio.NewReader(bytes.NewReader(broken)))
		assert.Error(t, err)
	}
}
