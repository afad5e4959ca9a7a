package jsonl

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	goldenSegment = "../../testdata/records.segment"
	goldenLines   = "../../testdata/records.jsonl"
)

// script publishes every kind, every optional value present and absent, and the
// ends of every range. The readers of other languages print the same segment.
func script(w *ring.Writer) {
	symbols := []ring.InstrumentSpec{
		{Native: "BTC_USDT", Base: "BTC", Quote: "USDT"},
		{Native: "INDEX", Base: "INDEX"},
		{Native: `Q"\_É`, Base: "Q\"\\\n", Quote: "É\xff"},
	}
	for _, s := range symbols {
		s.Tick, s.Lot, s.Multiplier = ring.Absent, ring.Absent, ring.Absent
		if _, err := w.AddInstrument(s); err != nil {
			panic(err)
		}
	}
	w.BeginFrame(1788336082402208001)
	for _, r := range scriptedRecords() {
		w.Publish(&r)
	}
	w.EndFrame()
	w.BeginFrame(ring.Absent)
	w.Publish(&ring.Record{Kind: ring.KindStatus, Instrument: 3, EventTimeNS: ring.Absent})
	w.EndFrame()
	w.CloseSegment()
}

func scriptedRecords() []ring.Record {
	records := scriptedTickers()
	records = append(records, scriptedTrades()...)
	records = append(records, scriptedDepths()...)
	records = append(records, scriptedStatuses()...)
	return append(records, scriptedPerpetuals()...)
}

const both = ring.FlagFirst | ring.FlagLast

func scriptedTickers() []ring.Record {
	full := ring.Record{Kind: ring.KindBookTicker, PriceExponent: -2, QuantityExponent: -5, Flags: both,
		VenueSequence: 517377894, EventTimeNS: 1682689046131000000}
	*full.BookTicker() = ring.BookTicker{BidPrice: 7747410, BidQuantity: 2100, AskPrice: 7747411,
		AskQuantity: 0, SendTimeNS: 1682689046142000000, BookEpoch: 3, Connection: 1}
	oneSided := ring.Record{Kind: ring.KindBookTicker, PriceExponent: 3, Instrument: 1,
		Flags: 1<<11 | 1<<15 | ring.FlagConflated, VenueSequence: math.MaxUint64, EventTimeNS: ring.Absent}
	*oneSided.BookTicker() = ring.BookTicker{BidPrice: ring.Absent, BidQuantity: ring.Absent,
		AskPrice: math.MaxInt64, AskQuantity: -1, SendTimeNS: ring.Absent,
		BookEpoch: math.MaxUint32, Connection: ring.NoConnection}
	ticker := ring.Record{Kind: ring.KindTicker, PriceExponent: -1, Flags: both | ring.FlagRounded,
		EventTimeNS: 1717595233666000000}
	*ticker.Ticker() = ring.Ticker{Last: 707752, Bid: 707730, Ask: 707731, Open: ring.Absent, High: 713660,
		Low: -693362, BaseVolume: 4643108806389, QuoteVolume: 328461488, WindowEndNS: 1717595233000000000,
		BaseVolumeExponent: -9, QuoteVolumeExponent: 6, Connection: 255}
	return []ring.Record{full, oneSided, ticker, blankTicker()}
}

func blankTicker() ring.Record {
	r := ring.Record{Kind: ring.KindTicker, Instrument: ring.NoInstrument, EventTimeNS: ring.Absent}
	*r.Ticker() = ring.Ticker{Last: ring.Absent, Bid: ring.Absent, Ask: ring.Absent, Open: ring.Absent,
		High: ring.Absent, Low: ring.Absent, BaseVolume: ring.Absent, QuoteVolume: ring.Absent,
		WindowEndNS: ring.Absent, Connection: ring.NoConnection}
	return r
}

func scriptedTrades() []ring.Record {
	body := ring.Trade{Price: 644, Quantity: 89238, TradeID: 217831625, Count: 1, SendTimeNS: 0, Connection: 1}
	trade := func(change func(*ring.Trade)) ring.Record {
		r := ring.Record{Kind: ring.KindTrade, PriceExponent: -8, QuantityExponent: -3, Flags: both,
			EventTimeNS: 1788336082402208000}
		*r.Trade() = body
		change(r.Trade())
		return r
	}
	return []ring.Record{
		trade(func(t *ring.Trade) { t.IDFormat, t.Aggressor = uint8(ring.IDUint64), uint8(ring.AggressorBuy) }),
		trade(func(t *ring.Trade) {
			t.IDFormat, t.Aggressor, t.TradeID = uint8(ring.IDUint64), uint8(ring.AggressorSell), math.MaxUint64
			t.Index, t.Count = math.MaxUint16, math.MaxUint16
		}),
		trade(func(t *ring.Trade) { t.IDFormat = uint8(ring.IDNone) }),
		trade(func(t *ring.Trade) {
			t.IDFormat, t.TradeID, t.SecondID = uint8(ring.IDMEXCPair), 731901896985399296, 731901896985399297
		}),
		trade(func(t *ring.Trade) {
			t.IDFormat, t.SecondID, t.IDSuffix1, t.IDSuffix2 = uint8(ring.IDMEXCPair), 1, 12, 255
		}),
		trade(func(t *ring.Trade) {
			t.IDFormat, t.TextLength = uint8(ring.IDText), uint8(copy(t.Text[:], "a-\"b\"\\\x01\x7fé\xc3 €"))
		}),
		trade(func(t *ring.Trade) { t.IDFormat = uint8(ring.IDText) }),
		trade(func(t *ring.Trade) { t.IDFormat, t.Aggressor, t.Price = 9, 9, ring.Absent }),
	}
}

func scriptedDepths() []ring.Record {
	depth := func(flags ring.Flags, bids, asks uint8) ring.Record {
		r := ring.Record{Kind: ring.KindDepth, PriceExponent: -1, QuantityExponent: -6, Flags: flags,
			VenueSequence: 25847129996, EventTimeNS: 1754006460600000000}
		*r.Depth() = ring.Depth{FirstSequence: 25847129970, BookEpoch: 1, Connection: 2, Bids: bids, Asks: asks,
			Levels: [4]ring.Level{{Price: 1155767, Quantity: 50772}, {Price: 1155757, Quantity: 0},
				{Price: 1157313, Quantity: 1000000}, {Price: 10, Quantity: math.MinInt64 + 1}}}
		return r
	}
	empty := depth(both, 0, 0)
	empty.Depth().FirstSequence = 0
	empty.PriceExponent, empty.VenueSequence = math.MinInt8, 0
	tiny := depth(ring.FlagFirst|ring.FlagSnapshot, 1, 0)
	tiny.PriceExponent, tiny.QuantityExponent = math.MinInt8, math.MaxInt8
	return []ring.Record{
		tiny, depth(0, 4, 0), depth(ring.FlagSuspect, 0, 4), depth(ring.FlagLast, 2, 2), empty,
	}
}

func scriptedStatuses() []ring.Record {
	status := func(instrument uint16, s ring.Status, text string) ring.Record {
		r := ring.Record{Kind: ring.KindStatus, Flags: both | ring.FlagSynthetic, Instrument: instrument,
			EventTimeNS: ring.Absent}
		*r.Status() = s
		r.Status().TextLength = uint16(copy(r.Status().Text[:], text))
		return r
	}
	return []ring.Record{
		status(ring.NoInstrument, ring.Status{Code: ring.StatusDown, Scope: uint8(ring.ScopeConnection),
			Reason: 1404, Connection: 0, SinceNS: 1788336082402208001}, "HTTP 404: path must end with a slash"),
		status(2, ring.Status{Code: ring.StatusGap, Scope: uint8(ring.ScopeInstrument), Connection: ring.NoConnection,
			Reason: uint32(ring.ReasonSequence), FirstMissing: 11, LastMissing: math.MaxUint64, SinceNS: ring.Absent}, ""),
		status(0, ring.Status{Code: ring.StatusSubscribeRefused, Scope: 9, Reason: 11006, BookEpoch: 2},
			"unknown currency pair: \"X\"\nsecond\x1fline"),
		status(ring.NoInstrument, ring.Status{Code: 99, Reason: 77}, "0123456789012345678901234567890123456789"),
	}
}

func scriptedPerpetuals() []ring.Record {
	full := ring.Record{Kind: ring.KindPerpetual, PriceExponent: -2, Flags: both, EventTimeNS: 5}
	*full.Perpetual() = ring.Perpetual{MarkPrice: 7747450, IndexPrice: 7747401, FundingRate: -125, FundingTimeNS: 9,
		OpenInterest: 123, SendTimeNS: 7, FundingExponent: -6, OpenInterestExponent: 2, Connection: 4}
	bare := ring.Record{Kind: ring.KindPerpetual, EventTimeNS: ring.Absent}
	*bare.Perpetual() = ring.Perpetual{MarkPrice: ring.Absent, IndexPrice: ring.Absent, FundingRate: ring.Absent,
		FundingTimeNS: ring.Absent, OpenInterest: ring.Absent, SendTimeNS: ring.Absent}
	return []ring.Record{full, bare}
}

// scriptedSegment is the whole segment, CLOSED; its boot id is zero, so a reader
// opens a copy into which the present one was written.
func scriptedSegment(t testing.TB) []byte {
	t.Helper()
	cfg := ring.Config{Feed: "golden", Venue: "gateio", PublisherVersion: "golden", Source: ring.SourceSimulated,
		Generation: 1, Slots: 32, MaxInstruments: 4, BookDepth: 1}
	size, err := cfg.Size()
	require.NoError(t, err)
	buf := make([]byte, size)
	require.NoError(t, ring.Format(buf, cfg))
	w, err := ring.NewWriter(buf, func() int64 { return 1788336082402300000 })
	require.NoError(t, err)
	w.Ready()
	script(w)
	return buf
}

// Intent: the bytes of every kind of line are pinned, in a file that the C and
// Rust programs are held to as well.
func TestGoldenLines(t *testing.T) {
	segment := scriptedSegment(t)
	view, err := ring.OpenView(segment)
	require.NoError(t, err)
	r, e := ring.NewReader(view), NewEncoder(view)
	var lines []byte
	var record ring.Record
	for r.Next(&record) == ring.AnswerRecord {
		lines = e.AppendRecord(lines, &record)
	}
	require.EqualValues(t, len(scriptedRecords())+1, r.Stats.Records)
	for _, golden := range []struct {
		path string
		got  []byte
	}{{goldenSegment, segment}, {goldenLines, lines}} {
		if *update {
			require.NoError(t, os.WriteFile(golden.path, golden.got, 0o644))
		}
		want, err := os.ReadFile(filepath.Clean(golden.path))
		require.NoError(t, err, "run go test ./cmd/tickring/internal/jsonl -update")
		assert.True(t, bytes.Equal(want, golden.got),
			"%s differs; after a change of layout run go test ./cmd/tickring/internal/jsonl -update", golden.path)
	}
}
