package gateio

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
)

// Every frame that the venue, or a re-encoding of it, sent in a shared recording
// decodes to what the independent model reads in it.
func TestCapturesAgreeWithTheModel(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(sharedPath(t, "captures", "gateio"), "*.jsonl.zst"))
	require.NoError(t, err)
	checked := 0
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "futures-") || strings.HasPrefix(name, "spot-v3-") {
			continue
		}
		checked++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareCapture(t, capturedFrames(t, path))
		})
	}
	assert.NotZero(t, checked)
}

func compareCapture(t *testing.T, frames [][]byte) {
	// The longest recording repeats a few shapes: every fifth frame behind the
	// first thousand keeps the test short under the race detector.
	stride := 1
	if testing.Short() || len(frames) > 50_000 {
		stride = 5
	}
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	counts := make(map[exchanges.Class]int)
	for i, frame := range frames {
		if i < 1000 || i%stride == 0 {
			counts[requireModel(t, d, symbols, b, frame).Class]++
		} else {
			counts[d.Decode(frame, symbols, b).Class]++
		}
	}
	assert.NotZero(t, counts[exchanges.ClassData])
	assert.Zero(t, counts[exchanges.ClassMalformed], "nothing the venue sent is refused")
	assert.Zero(t, counts[exchanges.ClassUnknown], "and nothing is unknown")
	t.Logf("%d frames: %d data, %d acks, %d refusals, %d ignored, %d pongs", len(frames), counts[exchanges.ClassData],
		counts[exchanges.ClassAck], counts[exchanges.ClassRefusal], counts[exchanges.ClassIgnored], counts[exchanges.ClassPong])
}
