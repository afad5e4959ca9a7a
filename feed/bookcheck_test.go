package feed_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/feed"
)

// shared finds the published recordings; without them the test is skipped, said.
func shared(t *testing.T, elements ...string) string {
	t.Helper()
	root := os.Getenv("TICKRING_SHARED")
	if root == "" {
		root = "../../shared"
	}
	path := filepath.Join(append([]string{root}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		fmt.Printf("feed: skipped %s, no recordings (TICKRING_SHARED)\n", t.Name())
		t.Skip("no recordings: set TICKRING_SHARED")
	}
	return path
}

func lines(t *testing.T, path string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var out [][]byte
	for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		out = append(out, []byte(l))
	}
	return out
}

// Real streams of 2021 with their REST answers end in the published books.
func TestRecordedBooksOfGate(t *testing.T) {
	dir := shared(t, "fixtures", "gateio", "replay_2021")
	for _, l := range lines(t, filepath.Join(dir, "expected.jsonl")) {
		var want struct {
			Pair      string
			FinalID   uint64      `json:"final_id"`
			BidLevels int         `json:"bid_levels"`
			AskLevels int         `json:"ask_levels"`
			Bids      [][2]string `json:"bids_top5"`
			Asks      [][2]string `json:"asks_top5"`
		}
		require.NoError(t, json.Unmarshal(l, &want))
		t.Run(want.Pair, func(t *testing.T) {
			rest, err := os.ReadFile(filepath.Join(dir, want.Pair+".rest.json"))
			require.NoError(t, err)
			frames := lines(t, filepath.Join(dir, want.Pair+".updates.jsonl"))
			got, err := feed.CheckBook(gateio.New(), frames, [][]byte{rest}, false)
			require.NoError(t, err)
			assert.Equal(t, -1, got.GapAt)
			assert.Equal(t, want.FinalID, got.Sequence)
			assert.Len(t, got.Bids, want.BidLevels)
			assert.Len(t, got.Asks, want.AskLevels)
			assert.Equal(t, want.Bids, got.Bids[:len(want.Bids)])
			assert.Equal(t, want.Asks, got.Asks[:len(want.Asks)])

			if len(frames) > 3 && got.Sequence != 0 {
				middle := len(frames) / 2
				holed := append(append([][]byte{}, frames[:middle]...), frames[middle+1:]...)
				got, err := feed.CheckBook(gateio.New(), holed, [][]byte{rest}, false)
				require.NoError(t, err)
				assert.Equal(t, middle, got.GapAt, "the frame behind the hole")
			}
		})
	}
}

// final is the outcome of the made-up streams.
type final struct {
	Final struct {
		LastUpdateID uint64 `json:"last_update_id"`
		Version      uint64 `json:"version"`
		Bids, Asks   [][2]string
	}
}

func TestRecordedStreamBookOfGate(t *testing.T) {
	dir := shared(t, "fixtures", "gateio", "replay_obu_synth_basic")
	d := gateio.New()
	require.NoError(t, d.Set("gateio.book", "obu@50"))
	got, err := feed.CheckBook(d, lines(t, filepath.Join(dir, "frames.jsonl")), nil, false)
	require.NoError(t, err)
	var want final
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &want))
	assert.Equal(t, -1, got.GapAt)
	assert.Equal(t, want.Final.LastUpdateID, got.Sequence)
	assert.Equal(t, want.Final.Bids, got.Bids)
	assert.Equal(t, want.Final.Asks, got.Asks)
}

func TestRecordedBookOfMEXC(t *testing.T) {
	dir := shared(t, "fixtures", "mexc", "replay_synth_basic")
	raw, err := os.ReadFile(filepath.Join(dir, "frames.lpf"))
	require.NoError(t, err)
	var frames [][]byte
	for len(raw) > 0 {
		n := binary.BigEndian.Uint32(raw)
		frames = append(frames, raw[4:4+n])
		raw = raw[4+n:]
	}
	rest, err := os.ReadFile(filepath.Join(dir, "snapshot_1.json"))
	require.NoError(t, err)
	got, err := feed.CheckBook(mexc.New(), frames, [][]byte{rest}, true)
	require.NoError(t, err)
	var want map[string]json.RawMessage
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &want))
	var f struct {
		Bids, Asks   [][2]string
		LastUpdateID uint64 `json:"last_update_id"`
	}
	require.NoError(t, json.Unmarshal(want["final"], &f), string(want["final"]))
	assert.Equal(t, -1, got.GapAt)
	assert.Equal(t, f.LastUpdateID, got.Sequence)
	assert.Equal(t, f.Bids, got.Bids)
	assert.Equal(t, f.Asks, got.Asks)

	// Without a snapshot nothing can be applied; an old one is passed over for the next.
	none, err := feed.CheckBook(mexc.New(), frames, nil, true)
	require.NoError(t, err)
	assert.Equal(t, 0, none.GapAt)
	old := []byte(`{"lastUpdateId":5,"bids":[],"asks":[]}`)
	again, err := feed.CheckBook(mexc.New(), frames, [][]byte{old, rest}, true)
	require.NoError(t, err)
	assert.Equal(t, got, again)
}
