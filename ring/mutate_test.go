package ring

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Segments mutated anywhere, by bits, bytes, words and whole runs, open with a known
// error or are read to the end of what a reader can call: 300 of them, 10,000 with
// TICKRING_FULL=1. The mutations of the seed are the same again.
func TestReaderSurvivesMutatedSegments(t *testing.T) {
	count := 300
	if full() {
		count = 10_000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	good := goldenSegment(t)
	buf := bytesOf(make([]uint64, len(good)/8))
	opened := 0
	for range count {
		copy(buf, good)
		// Half of them leave the constant header alone, which would refuse them.
		from := []int{0, 1024}[random.IntN(2)]
		for range 1 + random.IntN(16) {
			mutate(random, buf[from:])
		}
		v, err := OpenView(buf)
		if err == nil {
			opened++
			readAll(t, v)
			continue
		}
		known := func(e error) bool { return errors.Is(err, e) }
		require.True(t, slices.ContainsFunc(openErrors, known), "an error of no kind: %v", err)
	}
	require.Greater(t, opened, count/4, "most damage is not in the header")
}

func mutate(random *rand.Rand, buf []byte) {
	at := random.IntN(len(buf) - 64)
	switch random.IntN(4) {
	case 0:
		buf[at] ^= 1 << random.IntN(8)
	case 1:
		buf[at] = byte(random.Uint32())
	case 2:
		extreme := []uint64{0, 1, 1 << 31, 1 << 62, 1 << 63, 1<<63 - 1, 1<<64 - 1, random.Uint64()}
		for i, v := 0, extreme[random.IntN(len(extreme))]; i < 8; i++ {
			buf[at&^7+i] = byte(v >> (8 * i))
		}
	default:
		for i := range 64 {
			buf[at+i] = byte(random.Uint32())
		}
	}
}
