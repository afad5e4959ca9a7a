package mexc

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// expected is one line of expected.jsonl. Empty means that the frame does not say.
type expected struct {
	File     string      `json:"file"`
	Line     int         `json:"line"`
	Kind     string      `json:"kind"`
	Control  string      `json:"control"`
	Native   string      `json:"native"`
	Symbol   string      `json:"symbol"`
	EventNS  string      `json:"ts_ns"`
	SendNS   string      `json:"send_ts_ns"`
	Price    string      `json:"price"`
	Quantity string      `json:"qty"`
	Side     string      `json:"side"`
	TradeID  string      `json:"trade_id"`
	BidPrice string      `json:"bid_px"`
	BidQty   string      `json:"bid_qty"`
	AskPrice string      `json:"ask_px"`
	AskQty   string      `json:"ask_qty"`
	FirstID  string      `json:"first_update_id"`
	UpdateID string      `json:"update_id"`
	Last     string      `json:"last"`
	High     string      `json:"high"`
	Low      string      `json:"low"`
	BaseVol  string      `json:"base_vol"`
	QuoteVol string      `json:"quote_vol"`
	Bids     [][2]string `json:"bids"`
	Asks     [][2]string `json:"asks"`
	Refused  []string    `json:"refused"`
}

// Every fixture frame gives exactly the records that its expectation lists.
func TestSharedFixturesGiveTheExpectedRecords(t *testing.T) {
	dir := recordings.Path(t, "fixtures", "mexc")
	frames, err := filepath.Glob(filepath.Join(dir, "frames", "*.bin"))
	require.NoError(t, err)
	require.NotEmpty(t, frames)
	count := len(frames) + len(recordings.Lines(t, filepath.Join(dir, "control.txt")))
	checkFixtures(t, dir, count, func(e expected) message {
		path := filepath.Join(dir, e.File)
		if e.Line > 0 {
			return message{data: recordings.Lines(t, path)[e.Line-1]}
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return message{binary: true, data: data}
	})
}

// The project's own frames, written from the fact sheet and encoded by protobuf's
// own library, give their records without any shared material.
func TestOwnFixturesGiveTheExpectedRecords(t *testing.T) {
	frames, control := ownFrames(t), recordings.Lines(t, "testdata/control.txt")
	checkFixtures(t, "testdata", len(frames)+len(control), func(e expected) message {
		if e.File == "control.txt" {
			return message{data: control[e.Line-1]}
		}
		return message{binary: true, data: frames[e.Line-1]}
	})
}

// ownFrames are the wire forms of testdata/pushes.jsonl.
func ownFrames(t testing.TB) [][]byte {
	t.Helper()
	var frames [][]byte
	for _, push := range recordings.Lines(t, "testdata/pushes.jsonl") {
		frames = append(frames, encode(t, string(push)))
	}
	return frames
}

func checkFixtures(t *testing.T, dir string, count int, read func(expected) message) {
	byFrame := make(map[string][]expected)
	var order []string
	for _, line := range recordings.Lines(t, filepath.Join(dir, "expected.jsonl")) {
		var e expected
		require.NoError(t, json.Unmarshal(line, &e))
		key := fmt.Sprintf("%s:%d", e.File, e.Line)
		if byFrame[key] == nil {
			order = append(order, key)
		}
		byFrame[key] = append(byFrame[key], e)
	}
	require.Len(t, order, count, "every frame has an expectation")
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	for _, key := range order {
		t.Run(key, func(t *testing.T) {
			want := byFrame[key]
			v := read(want[0]).decode(d, symbols, b)
			if want[0].Kind == "control" || want[0].Kind == "malformed" {
				assert.Empty(t, b.Items)
				checkControl(t, want[0], v)
				return
			}
			require.Equal(t, exchanges.ClassData, v.Class, "%s", v.Text)
			require.Len(t, b.Items, len(want))
			for i := range want {
				checkItem(t, want[i], symbols, b, &b.Items[i])
				if want[i].Kind == "trade" {
					assert.Equal(t, []int{i, len(want)}, []int{int(b.Items[i].Index), int(b.Items[i].Count)})
				}
			}
		})
	}
}

// checkControl compares the verdict on a frame without data. An answer that
// refuses in part is listed as an error; here it is an ack with Refused.
func checkControl(t *testing.T, want expected, v exchanges.Verdict) {
	if want.Kind == "malformed" {
		assert.Equal(t, exchanges.ClassMalformed, v.Class)
		assert.NotEqual(t, ring.ReasonNone, v.Reason)
		assert.NotEmpty(t, v.Text)
		return
	}
	names := map[exchanges.Class]string{
		exchanges.ClassAck: "ack", exchanges.ClassRefusal: "error", exchanges.ClassPong: "pong",
		exchanges.ClassSystem: "system", exchanges.ClassIgnored: "ignored", exchanges.ClassUnknown: "unknown",
	}
	got := names[v.Class]
	if len(v.Refused) > 0 {
		got = "error"
	}
	assert.Equal(t, want.Control, got)
	require.Len(t, v.Refused, len(want.Refused))
	for i, name := range want.Refused {
		assert.Contains(t, strings.Split(name, "@"), string(v.Refused[i].Symbol))
		assert.Regexp(t, `^[0-9A-Z]+(USDT|USDC)$`, string(v.Refused[i].Symbol))
	}
}

func checkItem(t *testing.T, want expected, symbols *exchanges.SymbolTable, b *exchanges.Batch, it *exchanges.Item) {
	native := symbols.Name(it.Instrument)
	assert.Equal(t, want.Native, native)
	base, quote, split := New().ParseNative(native)
	assert.True(t, split)
	assert.Equal(t, want.Symbol, base+"/"+quote)
	assert.Equal(t, want.EventNS, nsText(it.EventTimeNS))
	send := want.SendNS
	if want.Kind != "trade" {
		send = want.EventNS
	}
	assert.Equal(t, send, nsText(it.SendTimeNS))
	assert.Equal(t, orZero(want.UpdateID), strconv.FormatUint(it.Sequence, 10))
	assert.Equal(t, orZero(want.FirstID), strconv.FormatUint(it.FirstSequence, 10))
	prices := func(i int) string { return decimalText(it.Prices[i]) }
	quantities := func(i int) string { return decimalText(it.Quantities[i]) }
	switch want.Kind {
	case "trade":
		require.Equal(t, ring.KindTrade, it.Kind)
		assert.Equal(t, []string{want.Price, want.Quantity}, []string{prices(exchanges.TradePrice), quantities(exchanges.TradeQty)})
		assert.Equal(t, want.TradeID, tradeIDText(it))
		assert.Equal(t, map[string]ring.Aggressor{"buy": ring.AggressorBuy, "sell": ring.AggressorSell}[want.Side], it.Aggressor)
	case "book_ticker":
		require.Equal(t, ring.KindBookTicker, it.Kind)
		assert.Equal(t, []string{want.BidPrice, want.BidQty, want.AskPrice, want.AskQty},
			[]string{prices(exchanges.BidPrice), quantities(exchanges.BidQty), prices(exchanges.AskPrice), quantities(exchanges.AskQty)})
	case "ticker":
		require.Equal(t, ring.KindTicker, it.Kind)
		assert.Equal(t, []string{want.Last, "", "", "", want.High, want.Low, want.BaseVol, want.QuoteVol},
			[]string{
				prices(exchanges.TickerLast), prices(exchanges.TickerBid), prices(exchanges.TickerAsk), prices(exchanges.TickerOpen),
				prices(exchanges.TickerHigh), prices(exchanges.TickerLow), quantities(exchanges.BaseVolume), quantities(exchanges.QuoteVolume),
			})
	default:
		require.Equal(t, ring.KindDepth, it.Kind)
		snapshot := want.Kind == "book_snapshot"
		assert.Equal(t, snapshot, it.Flags&ring.FlagSnapshot != 0)
		assert.Equal(t, map[bool]exchanges.BookRule{true: exchanges.RuleSnapshots, false: exchanges.RuleREST}[snapshot], it.Rule)
		assert.Equal(t, want.Bids, levelTexts(b.Bids(it)))
		assert.Equal(t, want.Asks, levelTexts(b.Asks(it)))
	}
}

// tradeIDText is the venue's text of a trade id, empty when there is none.
func tradeIDText(it *exchanges.Item) string {
	switch it.IDFormat {
	case ring.IDUint64:
		return strconv.FormatUint(it.TradeID, 10)
	case ring.IDMEXCPair:
		return fmt.Sprintf("%dX%d_%dX%d", it.TradeID, it.IDSuffix1, it.SecondID, it.IDSuffix2)
	case ring.IDText:
		return string(it.Text[:it.TextLength])
	}
	return ""
}

func levelTexts(levels []exchanges.Level) [][2]string {
	texts := make([][2]string, 0, len(levels))
	for _, l := range levels {
		texts = append(texts, [2]string{decimalText(l.Price), decimalText(l.Quantity)})
	}
	return texts
}

func decimalText(d exchanges.Decimal) string {
	if d.IsAbsent() {
		return ""
	}
	return string(ring.AppendDecimal(nil, d.Mantissa, d.Exponent))
}

func nsText(ns int64) string {
	if ns == ring.Absent {
		return ""
	}
	return strconv.FormatInt(ns, 10)
}

func orZero(number string) string {
	if number == "" {
		return "0"
	}
	return number
}
