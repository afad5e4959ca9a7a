package gateio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// Every frame that the venue, or a re-encoding of it, sent in a shared recording
// decodes, none is refused, and the records are what the independent model reads.
func TestCapturesAgreeWithTheModel(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(recordings.Path(t, "captures", "gateio"), "*.jsonl.zst"))
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
			compareCapture(t, recordings.Texts(t, path))
		})
	}
	assert.NotZero(t, checked)
}

// comparedFrames is how many frames of a recording, spread over all of it, the
// model reads; with TICKRING_FULL=1 it reads all of them.
const comparedFrames = 1500

func compareCapture(t *testing.T, frames [][]byte) {
	stride := max(1, len(frames)/comparedFrames)
	if os.Getenv("TICKRING_FULL") == "1" {
		stride = 1
	}
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	counts := make(map[exchanges.Class]int)
	for i, frame := range frames {
		if i%stride == 0 {
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

// The published book streams, with their messages of ids alone, decode as the
// model reads them.
func TestReplaysAgreeWithTheModel(t *testing.T) {
	root := recordings.Path(t, "fixtures", "gateio")
	paths, err := filepath.Glob(filepath.Join(root, "replay_2021", "*.updates.jsonl"))
	require.NoError(t, err)
	paths = append(paths, filepath.Join(root, "replay_obu_synth_basic", "frames.jsonl"))
	require.Greater(t, len(paths), 1)
	for _, path := range paths {
		d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
		last := uint64(0)
		for i, frame := range recordings.Lines(t, path) {
			v := requireModel(t, d, symbols, b, frame)
			if v.Class != exchanges.ClassData {
				require.Equal(t, exchanges.ClassAck, v.Class, "%s line %d", path, i+1)
				continue
			}
			it := &b.Items[0]
			if last != 0 && it.FirstSequence != 0 {
				assert.Equal(t, last+1, it.FirstSequence, "%s line %d: ids follow one another", path, i+1)
			}
			last = it.Sequence
		}
		assert.NotZero(t, last, path)
	}
}
