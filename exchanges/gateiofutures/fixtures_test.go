package gateiofutures

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// expected is one line of expected.jsonl. Empty means that the frame does not say.
type expected struct {
	Line         int         `json:"line"`
	I            int         `json:"i"`
	Kind         string      `json:"kind"`
	Control      string      `json:"control"`
	Native       string      `json:"native"`
	Code         string      `json:"code"`
	Message      string      `json:"message"`
	EventNS      string      `json:"ts_ns"`
	SendNS       string      `json:"send_ts_ns"`
	Price        string      `json:"price"`
	Quantity     string      `json:"qty"`
	Side         string      `json:"side"`
	TradeID      string      `json:"trade_id"`
	BidPrice     string      `json:"bid_px"`
	BidQty       string      `json:"bid_qty"`
	AskPrice     string      `json:"ask_px"`
	AskQty       string      `json:"ask_qty"`
	FirstID      string      `json:"first_update_id"`
	UpdateID     string      `json:"update_id"`
	Last         string      `json:"last"`
	High         string      `json:"high"`
	Low          string      `json:"low"`
	BaseVol      string      `json:"base_vol"`
	QuoteVol     string      `json:"quote_vol"`
	MarkPrice    string      `json:"mark_px"`
	IndexPrice   string      `json:"index_px"`
	FundingRate  string      `json:"funding_rate"`
	OpenInterest string      `json:"open_interest"`
	FundingNS    string      `json:"funding_next_ts_ns"`
	Bids         [][2]string `json:"bids"`
	Asks         [][2]string `json:"asks"`
}

// Every fixture frame gives exactly the records that its expectation lists.
func TestSharedFixturesGiveTheExpectedRecords(t *testing.T) {
	checkFixture(t, recordings.Path(t, "fixtures", "gateio-futures", "frames.jsonl"), recordings.Path(t, "fixtures", "gateio-futures", "expected.jsonl"))
}

// The project's own frames, written from the fact sheet, give their records
// without any shared material.
func TestOwnFixturesGiveTheExpectedRecords(t *testing.T) {
	checkFixture(t, "testdata/frames.jsonl", "testdata/expected.jsonl")
}

func checkFixture(t *testing.T, framesPath, expectedPath string) {
	frames := recordings.Lines(t, framesPath)
	byLine := make(map[int][]expected)
	for _, line := range recordings.Lines(t, expectedPath) {
		var e expected
		require.NoError(t, json.Unmarshal(line, &e))
		byLine[e.Line] = append(byLine[e.Line], e)
	}
	require.NotEmpty(t, frames)
	require.Len(t, byLine, len(frames), "every frame has an expectation")
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	for i, frame := range frames {
		t.Run("line "+strconv.Itoa(i+1), func(t *testing.T) {
			v := d.Decode(frame, symbols, b)
			want := byLine[i+1]
			if want[0].Kind == "control" || want[0].Kind == "malformed" {
				assert.Empty(t, b.Items)
				checkControl(t, want[0], v)
				return
			}
			require.Equal(t, exchanges.ClassData, v.Class, "%s", v.Text)
			items := b.Items
			for j := range want {
				require.NotEmpty(t, items)
				checkItem(t, want[j], symbols, b, &items[0])
				items = items[1:]
				if want[j].Kind == "ticker" {
					require.NotEmpty(t, items, "and the perpetual")
					checkPerpetual(t, want[j], symbols, &items[0])
					items = items[1:]
				}
			}
			assert.Empty(t, items)
		})
	}
}

var controlNames = map[exchanges.Class]string{
	exchanges.ClassAck: "ack", exchanges.ClassRefusal: "error", exchanges.ClassPong: "pong",
	exchanges.ClassSystem: "system", exchanges.ClassIgnored: "ignored", exchanges.ClassUnknown: "unknown",
}

func checkControl(t *testing.T, want expected, v exchanges.Verdict) {
	if want.Kind == "malformed" {
		assert.Equal(t, exchanges.ClassMalformed, v.Class)
		assert.NotEqual(t, ring.ReasonNone, v.Reason)
		assert.NotEmpty(t, v.Text)
		return
	}
	assert.Equal(t, want.Control, controlNames[v.Class])
	if want.Code != "" {
		assert.Equal(t, want.Code, strconv.FormatInt(v.Code, 10))
		assert.Equal(t, want.Message, string(v.Text))
	}
	assert.Equal(t, v.Class == exchanges.ClassSystem, v.Reconnect)
}

func checkItem(t *testing.T, want expected, symbols *exchanges.SymbolTable, b *exchanges.Batch, it *exchanges.Item) {
	assert.Equal(t, want.Native, symbols.Name(it.Instrument))
	assert.Equal(t, want.EventNS, nsText(it.EventTimeNS))
	if it.Kind != ring.KindTicker {
		assert.Equal(t, want.SendNS, nsText(it.SendTimeNS))
	}
	assert.Equal(t, orZero(want.UpdateID), strconv.FormatUint(it.Sequence, 10))
	assert.Equal(t, orZero(want.FirstID), strconv.FormatUint(it.FirstSequence, 10))
	prices := func(i int) string { return decimalText(it.Prices[i]) }
	quantities := func(i int) string { return decimalText(it.Quantities[i]) }
	switch want.Kind {
	case "trade":
		require.Equal(t, ring.KindTrade, it.Kind)
		assert.Equal(t, []string{want.Price, want.Quantity}, []string{prices(exchanges.TradePrice), quantities(exchanges.TradeQty)})
		assert.Equal(t, want.TradeID, strconv.FormatUint(it.TradeID, 10))
		assert.Equal(t, ring.IDUint64, it.IDFormat)
		assert.Equal(t, map[string]ring.Aggressor{"buy": ring.AggressorBuy, "sell": ring.AggressorSell}[want.Side], it.Aggressor)
	case "book_ticker":
		require.Equal(t, ring.KindBookTicker, it.Kind)
		assert.Equal(t, []string{want.BidPrice, want.BidQty, want.AskPrice, want.AskQty},
			[]string{prices(exchanges.BidPrice), quantities(exchanges.BidQty), prices(exchanges.AskPrice), quantities(exchanges.AskQty)})
	case "ticker":
		require.Equal(t, ring.KindTicker, it.Kind)
		assert.Equal(t, []string{want.Last, "", "", want.High, want.Low, "", want.BaseVol, want.QuoteVol},
			[]string{
				prices(exchanges.TickerLast), prices(exchanges.TickerBid), prices(exchanges.TickerAsk), prices(exchanges.TickerHigh),
				prices(exchanges.TickerLow), prices(exchanges.TickerOpen), quantities(exchanges.BaseVolume), quantities(exchanges.QuoteVolume),
			})
	default:
		require.Equal(t, ring.KindDepth, it.Kind)
		assert.Equal(t, want.Kind == "book_snapshot", it.Flags&ring.FlagSnapshot != 0)
		assert.Equal(t, want.Bids, levelTexts(b.Bids(it)))
		assert.Equal(t, want.Asks, levelTexts(b.Asks(it)))
	}
}

func checkPerpetual(t *testing.T, want expected, symbols *exchanges.SymbolTable, it *exchanges.Item) {
	require.Equal(t, ring.KindPerpetual, it.Kind)
	assert.Equal(t, []string{want.Native, want.EventNS, want.FundingNS}, []string{symbols.Name(it.Instrument), nsText(it.EventTimeNS), nsText(it.WindowEndNS)})
	assert.Equal(t, []string{want.MarkPrice, want.IndexPrice, want.FundingRate, want.OpenInterest}, []string{
		decimalText(it.Prices[exchanges.MarkPrice]), decimalText(it.Prices[exchanges.IndexPrice]),
		decimalText(it.Quantities[exchanges.FundingRate]), decimalText(it.Quantities[exchanges.OpenInterest]),
	})
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
