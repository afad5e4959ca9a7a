package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const futuresVenue = "gateio-futures"

// futuresBooks are the settings of the order book channel, with the channel and the
// mark of depth that its messages have; no mark is any depth.
var futuresBooks = []struct{ channel, option, mark string }{
	{"futures.order_book_update", "order_book_update@100ms", ""},
	{"futures.order_book", "order_book@20", ""},
	{"futures.obu", "obu@400", `.400"`},
	{"futures.obu", "obu@50", `.50"`},
}

func futuresCapture() string {
	return sharedFile("captures", "gateio", "futures-20230524-10sym.jsonl.zst")
}

// The recording of the venue's perpetuals, the fixtures and the project's own frames
// come out of the Go and of the C reader as they went in.
func TestGateioFuturesRecordings(t *testing.T) {
	if p := futuresCapture(); exists(p) {
		t.Run("futures-20230524-10sym", func(t *testing.T) {
			t.Parallel()
			futuresConform(t, p, messages(t, p))
		})
	} else {
		fmt.Println("conformance: no recording of gateio-futures (TICKRING_SHARED), the project's own frames only")
	}
	for _, p := range []string{sharedFile("fixtures", futuresVenue, "frames.jsonl"), "../../exchanges/gateiofutures/testdata/frames.jsonl"} {
		if !exists(p) {
			continue
		}
		t.Run(filepath.Base(filepath.Dir(p)), func(t *testing.T) {
			t.Parallel()
			list := textMessages(t, p)
			futuresConform(t, capture(t, list), list)
		})
	}
}

// futuresConform drives a recording once for each setting that it has data of.
func futuresConform(t *testing.T, path string, list []message) {
	ran := 0
	for _, b := range futuresBooks {
		p := futuresPlan(list, b.channel, b.option, b.mark)
		if p.want.counts[b.channel] == 0 {
			continue
		}
		ran++
		t.Run(b.option, func(t *testing.T) { drive(t, path, p) })
	}
	require.NotZero(t, ran)
}

// futuresPlan is the run of a recording with one setting of the order book.
func futuresPlan(list []message, book, option, mark string) *plan {
	p := &plan{venue: futuresVenue, connections: 1, settings: []string{"gateio-futures.book=" + option}, want: newExpectation()}
	taken := map[string]bool{"futures.book_ticker": true, "futures.trades": true, "futures.tickers": true, book: true}
	known := map[string]bool{}
	for _, m := range list {
		seen := futuresModel(m.data)
		if len(seen.add) == 0 || !taken[seen.channel] || seen.channel == book && !strings.Contains(string(m.data), mark) {
			p.want.counts["ignored"]++
			continue
		}
		for _, s := range seen.symbols {
			known[s] = true
		}
		for _, add := range seen.add {
			add(p.want)
		}
		p.want.counts[seen.channel]++
	}
	p.symbols = sorted(known)
	return p
}

// A seeded synthetic session, recorded by a client of its own, comes out as it went in:
// sizes as integers, because that client does not ask for decimals.
func TestGateioFuturesSyntheticSession(t *testing.T) {
	for _, b := range futuresBooks[:3] {
		t.Run(b.option, func(t *testing.T) {
			list := recordSynthetic(t, futuresVenue, futuresRequests(b.channel), 3000)
			drive(t, capture(t, list), futuresPlan(list, b.channel, b.option, b.mark))
		})
	}
}

func futuresRequests(book string) []string {
	contracts := []string{"BTC_USDT", "ETH_USDT", "SOL_USDT"}
	var out []string
	add := func(channel string, payload ...string) {
		text, _ := json.Marshal(payload)
		out = append(out, fmt.Sprintf(`{"time":%d,"channel":%q,"event":"subscribe","payload":%s}`, time.Now().Unix(), channel, text))
	}
	for _, c := range []string{"futures.book_ticker", "futures.trades", "futures.tickers"} {
		add(c, contracts...)
	}
	for _, c := range contracts {
		switch book {
		case "futures.obu":
			add(book, "ob."+c+".400")
		case "futures.order_book":
			add(book, c, "20", "0")
		default:
			add(book, c, "100ms", "100")
		}
	}
	return out
}

// futuresBook is a book kept from the recording alone, by the recipe of the fact sheet.
type futuresBook struct {
	id         uint64
	bids, asks map[string]string
	ignored    int
	applied    int
}

func (b *futuresBook) apply(side map[string]string, levels [][2]string) {
	for _, l := range levels {
		if l[1] == "0" {
			delete(side, l[0])
		} else {
			side[l[0]] = l[1]
		}
	}
}

// futuresDiff is a message of futures.order_book_update.
type futuresDiff struct {
	Channel string `json:"channel"`
	Event   string `json:"event"`
	Result  struct {
		Contract string          `json:"s"`
		First    uint64          `json:"U"`
		Last     uint64          `json:"u"`
		Bids     json.RawMessage `json:"b"`
		Asks     json.RawMessage `json:"a"`
	} `json:"result"`
}

// replayFutures keeps one contract's book: the snapshot, then the diffs that follow it.
func replayFutures(t *testing.T, frames [][]byte, snapshot []byte) *futuresBook {
	t.Helper()
	var rest struct {
		ID   uint64          `json:"id"`
		Bids json.RawMessage `json:"bids"`
		Asks json.RawMessage `json:"asks"`
	}
	require.NoError(t, json.Unmarshal(snapshot, &rest))
	b := &futuresBook{id: rest.ID, bids: map[string]string{}, asks: map[string]string{}}
	take := func(bids, asks json.RawMessage) {
		x, ok1 := futuresLevels(bids)
		y, ok2 := futuresLevels(asks)
		require.True(t, ok1 && ok2)
		b.apply(b.bids, x)
		b.apply(b.asks, y)
	}
	take(rest.Bids, rest.Asks)
	for _, frame := range frames {
		var d futuresDiff
		require.NoError(t, json.Unmarshal(frame, &d))
		if d.Result.Last < b.id+1 {
			b.ignored++
			continue
		}
		require.LessOrEqual(t, d.Result.First, b.id+1, "a gap")
		take(d.Result.Bids, d.Result.Asks)
		b.applied++
		b.id = d.Result.Last
	}
	return b
}

// sidePairs are the levels of a side by price, for comparing.
func sidePairs(side map[string]string) [][2]string {
	var out [][2]string
	for p, s := range side {
		out = append(out, [2]string{p, s})
	}
	sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
	return out
}

// futuresReplays is the table that was worked out for the recording: message counts,
// ids and levels of each contract.
var futuresReplays = map[string]struct {
	messages, ignored int
	last              uint64
	bids, asks        int
}{
	"DIA_USDT": {2, 2, 58251407, 28, 31}, "FRONT_USDT": {6, 1, 244770089, 26, 22}, "LIT_USDT": {5, 3, 943784239, 51, 50},
	"OMG_USDT": {109, 8, 3132789386, 68, 100}, "PHB_USDT": {73, 4, 6160440, 38, 59}, "QUICK_USDT": {16, 3, 124930286, 36, 62},
	"RDNT_USDT": {70, 9, 203083479, 66, 81}, "SFP_USDT": {9, 2, 489455956, 42, 46}, "WOO_USDT": {60, 3, 536376123, 70, 83},
	"ZRX_USDT": {2, 1, 571312382, 49, 53},
}

// Each of the ten recorded books, made by tickring book-check of diffs and a recorded
// REST answer, is the book that the recipe gives, level by level.
func TestGateioFuturesBooksOfTheRecording(t *testing.T) {
	path := futuresCapture()
	if !exists(path) {
		fmt.Println("skipped TestGateioFuturesBooksOfTheRecording: no recording of gateio-futures (TICKRING_SHARED)")
		t.Skip("no recording")
	}
	frames := map[string][][]byte{}
	for _, m := range messages(t, path) {
		var d futuresDiff
		if json.Unmarshal(m.data, &d) == nil && d.Channel == "futures.order_book_update" && d.Event == "update" {
			frames[d.Result.Contract] = append(frames[d.Result.Contract], m.data)
		}
	}
	snapshots := restBodies(t, path, "contract")
	require.Len(t, snapshots, len(futuresReplays))
	for contract, known := range futuresReplays {
		t.Run(contract, func(t *testing.T) {
			t.Parallel()
			want := replayFutures(t, frames[contract], snapshots[contract])
			assert.Equal(t, []int{known.messages, known.ignored, known.messages - known.ignored, known.bids, known.asks},
				[]int{len(frames[contract]), want.ignored, want.applied, len(want.bids), len(want.asks)})
			assert.Equal(t, known.last, want.id)
			got := bookCheck(t, frames[contract], snapshots[contract])
			assert.Nil(t, got.GapAt)
			if want.applied == 0 {
				return // every message was older than the snapshot
			}
			assert.Equal(t, want.id, got.Sequence)
			assert.ElementsMatch(t, sidePairs(want.bids), got.Bids)
			assert.ElementsMatch(t, sidePairs(want.asks), got.Asks)
		})
	}
}

// checkedBook is what book-check prints.
type checkedBook struct {
	Sequence uint64      `json:"sequence"`
	Bids     [][2]string `json:"bids"`
	Asks     [][2]string `json:"asks"`
	GapAt    *int        `json:"gap_at"`
}

// bookCheck runs tickring book-check on one contract's messages.
func bookCheck(t *testing.T, frames [][]byte, snapshot []byte) (out checkedBook) {
	t.Helper()
	dir := t.TempDir()
	updates, rest := filepath.Join(dir, "updates.jsonl"), filepath.Join(dir, "rest.json")
	var text strings.Builder
	for _, f := range frames {
		text.Write(f)
		text.WriteByte('\n')
	}
	require.NoError(t, os.WriteFile(updates, []byte(text.String()), 0o600))
	require.NoError(t, os.WriteFile(rest, snapshot, 0o600))
	printed, err := exec.Command(tools.tickring, "book-check", "--venue", futuresVenue, "--updates", updates, "--rest", rest).Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(printed, &out), string(printed))
	return out
}
