package mexc

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// Every frame that the venue, or a re-encoding of it, sent in a shared recording
// decodes, none is refused, the records are what protobuf's own library reads, and the
// templates read the same without leaving any to the reference.
func TestCapturesAgreeWithTheModel(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(recordings.Path(t, "captures", "mexc"), "*.jsonl.zst"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			messages := messagesOf(t, path)
			compareCapture(t, messages)
			requireNoFallback(t, messages)
		})
	}
}

// comparedMessages is how many messages of a recording, spread over all of it, the
// model reads; with TICKRING_FULL=1 it reads all of them.
const comparedMessages = 1500

func compareCapture(t *testing.T, messages []message) {
	stride := max(1, len(messages)/comparedMessages)
	if os.Getenv("TICKRING_FULL") == "1" {
		stride = 1
	}
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	counts := make(map[exchanges.Class]int)
	for i, m := range messages {
		if m.binary && i%stride == 0 {
			counts[requireModel(t, d, symbols, b, m.data).Class]++
		} else {
			counts[m.decode(d, symbols, b).Class]++
		}
	}
	assert.NotZero(t, counts[exchanges.ClassData])
	assert.Zero(t, counts[exchanges.ClassMalformed], "nothing the venue sent is refused")
	assert.Zero(t, counts[exchanges.ClassUnknown], "and nothing is unknown")
	assert.Zero(t, counts[exchanges.ClassRefusal])
	t.Logf("%d messages: %d data, %d acks, %d ignored, %d pongs", len(messages), counts[exchanges.ClassData],
		counts[exchanges.ClassAck], counts[exchanges.ClassIgnored], counts[exchanges.ClassPong])
}

// The published book stream decodes as the model reads it, its versions follow
// one another, and applied to its snapshot it ends in the published book.
func TestReplayEndsInThePublishedBook(t *testing.T) {
	root := recordings.Path(t, "fixtures", "mexc", "replay_synth_basic")
	book := readSnapshot(t, filepath.Join(root, "snapshot_1.json"))
	stream, err := os.ReadFile(filepath.Join(root, "frames.lpf"))
	require.NoError(t, err)
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	applied := 0
	for len(stream) > 0 {
		size := binary.BigEndian.Uint32(stream)
		frame := stream[4 : 4+size]
		stream = stream[4+size:]
		if requireModel(t, d, symbols, b, frame).Class != exchanges.ClassData || b.Items[0].Kind != ring.KindDepth {
			continue
		}
		it := &b.Items[0]
		if it.Sequence <= book.last {
			continue
		}
		require.LessOrEqual(t, it.FirstSequence, book.last+1)
		book.last = it.Sequence
		book.apply(book.bids, b.Bids(it))
		book.apply(book.asks, b.Asks(it))
		applied++
	}
	require.NotZero(t, applied)
	var want struct {
		Final struct {
			LastUpdateID uint64      `json:"last_update_id"`
			Bids         [][2]string `json:"bids"`
			Asks         [][2]string `json:"asks"`
		} `json:"final"`
	}
	readJSON(t, filepath.Join(root, "expected.json"), &want)
	assert.Equal(t, want.Final.LastUpdateID, book.last)
	assert.Equal(t, sideOf(t, want.Final.Bids), book.bids)
	assert.Equal(t, sideOf(t, want.Final.Asks), book.asks)
}

// replayBook is a book by its prices' texts.
type replayBook struct {
	last       uint64
	bids, asks map[string]string
}

func (b *replayBook) apply(side map[string]string, levels []exchanges.Level) {
	for _, l := range levels {
		price := decimalText(l.Price)
		if l.Quantity.Mantissa == 0 {
			delete(side, price)
		} else {
			side[price] = decimalText(l.Quantity)
		}
	}
}

func readSnapshot(t *testing.T, path string) *replayBook {
	t.Helper()
	var snapshot struct {
		LastUpdateID uint64      `json:"lastUpdateId"`
		Bids         [][2]string `json:"bids"`
		Asks         [][2]string `json:"asks"`
	}
	readJSON(t, path, &snapshot)
	return &replayBook{last: snapshot.LastUpdateID, bids: sideOf(t, snapshot.Bids), asks: sideOf(t, snapshot.Asks)}
}

func sideOf(t *testing.T, levels [][2]string) map[string]string {
	t.Helper()
	side := make(map[string]string)
	for _, l := range levels {
		price, ok1 := exchanges.ParseDecimal([]byte(l[0]))
		quantity, ok2 := exchanges.ParseDecimal([]byte(l[1]))
		require.True(t, ok1 && ok2, l)
		side[decimalText(price)] = decimalText(quantity)
	}
	return side
}

func readJSON(t *testing.T, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}
