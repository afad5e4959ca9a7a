package gateiofutures

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

func capturePath(t testing.TB) string {
	return recordings.Path(t, "captures", "gateio", "futures-20230524-10sym.jsonl.zst")
}

// Every frame that the venue sent in the recording decodes, none is refused, and the
// records are what the independent model reads; diffs of a contract follow one another.
func TestCapturesAgreeWithTheModel(t *testing.T) {
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	counts, last := make(map[exchanges.Class]int), make(map[uint16]uint64)
	for _, frame := range recordings.Texts(t, capturePath(t)) {
		v := requireModel(t, d, symbols, b, frame)
		counts[v.Class]++
		if v.Class != exchanges.ClassData || v.Stream != StreamBook {
			continue
		}
		it := &b.Items[0]
		if before := last[it.Instrument]; before != 0 {
			assert.Equal(t, before+1, it.FirstSequence, "%s", frame)
		}
		last[it.Instrument] = it.Sequence
	}
	require.Len(t, last, 10)
	assert.Equal(t, 352+75, counts[exchanges.ClassData])
	assert.Zero(t, counts[exchanges.ClassMalformed], "nothing the venue sent is refused")
	assert.Zero(t, counts[exchanges.ClassUnknown], "and nothing is unknown")
}
