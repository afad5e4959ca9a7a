package ring

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew; say so in CHANGELOG under Layout")

// The golden segment is what this script leaves behind, byte for byte: a lapped
// ring, all kinds, all flags, absent values and extremes, a board, a book, a
// connection, counters, a clean end.
func goldenSegment(t testing.TB) []byte {
	c := Config{
		Feed: "golden", Venue: "sim", PublisherVersion: "golden", Source: SourceSimulated, Generation: 3,
		Slots: 16, MaxInstruments: 3, BookDepth: 5, BootID: [16]byte{0: 0xB0, 15: 0x07}, OwnerPID: 4242,
		OwnerStartTime: 17, OwnerPIDNamespace: 18, CreatedRealtimeNS: 1_700_000_000_000_000_000, CreatedMonotonicNS: 19,
	}
	buf := segmentBytes(t, c)
	clock := c.CreatedRealtimeNS + 500
	w, err := NewWriter(buf, func() int64 { clock += 10_000; return clock })
	require.NoError(t, err)
	goldenTables(t, w)
	w.Ready()
	goldenRecords(w, c.CreatedRealtimeNS)
	w.HotBeat(clock + 50_000_000)
	w.ProcessBeat(clock + 50_000_001)
	w.CloseSegment()
	return buf
}

func goldenTables(t testing.TB, w *Writer) {
	for i, s := range []InstrumentSpec{
		{Native: "BTC_USDT", Base: "BTC", Quote: "USDT", Channels: AllChannels, Tick: 1, TickExponent: -1, Lot: 1, LotExponent: -6,
			PriceExponent: -1, QuantityExponent: -6, Multiplier: Absent, AddedTimeNS: 1},
		{Native: "PEPE_USDT", Base: "PEPE", Quote: "USDT", Channels: ChannelTrades, Tick: Absent, Lot: Absent,
			PriceExponent: -11, QuantityExponent: 0, Multiplier: 10, MultiplierExponent: 2, AddedTimeNS: math.MaxInt64},
		{Native: strings.Repeat("N", 32), Base: strings.Repeat("B", 16), Quote: strings.Repeat("Q", 16),
			Tick: math.MinInt64 + 1, Lot: math.MaxInt64, TickExponent: -128, LotExponent: 127, Multiplier: Absent},
	} {
		id, err := w.AddInstrument(s)
		require.NoError(t, err)
		require.EqualValues(t, i, id)
	}
	w.SetState(0, BitSubscribed, 2)
	w.SetState(1, BitSubscribed|BitStale|BitSuspect|BitResyncing|BitRefused|BitHalted, math.MaxUint32)
	w.SetStaleChannels(1, ChannelTrades)
	w.SetInstrumentConnection(0, 0)
	w.SetInstrumentConnection(2, NoConnection)
	w.Seen(0, KindBookTicker, 1_700_000_000_000_000_500)
	w.SetEndpoint(0, "wss://127.0.0.1:8443/ws/v4/")
	w.SetConnection(0, &ConnectionRow{ConnectionUp, 1_700_000_000_000_000_500, 1_700_000_000_000_000_000, 1, 25, 4096, 2, Absent})
	w.SetEndpoint(255, strings.Repeat("e", 64))
	w.Counters[CounterFrames], w.Counters[CounterRecords], w.Counters[63] = 25, 26, math.MaxUint64
}

// goldenRecords publishes 26 records into 16 slots: a reader that starts at 1
// loses 11, drops the rest of a depth event and reads the others.
func goldenRecords(w *Writer, recv int64) {
	frame := func(rs ...Record) (last uint64) {
		recv += 10_000
		w.BeginFrame(recv)
		for i := range rs {
			last = w.Publish(&rs[i])
		}
		return last
	}
	for i := range 9 {
		frame(goldenTicker(i))
		w.EndFrame()
	}
	frame(goldenDepth(5)...) // 10..14, its beginning is lost
	w.EndFrame()
	last := frame(goldenDepth(1)...)
	w.WriteBook(0, goldenBook(last, recv))
	w.EndFrame()
	for _, r := range goldenOthers() {
		frame(r)
		w.EndFrame()
	}
}

func goldenBook(asOf uint64, recv int64) *Book {
	b := NewBook(5)
	b.Header = BookHeader{AsOf: asOf, EventTimeNS: Absent, RecvTimeNS: recv, VenueSequence: 77, BookEpoch: 2,
		BidCount: 2, AskCount: 1, PriceExponent: -1, QuantityExponent: -6, Flags: uint16(BookValid), PublishTimeNS: recv + 1}
	copy(b.BidLevels(), []Level{{Price: 1000, Quantity: 5}, {Price: 999, Quantity: math.MaxInt64}})
	copy(b.AskLevels(), []Level{{Price: 1001, Quantity: 1}})
	return b
}

func goldenTicker(i int) Record {
	r := Record{Kind: KindTicker, Flags: FlagFirst | FlagLast, PriceExponent: -1, QuantityExponent: -6, VenueSequence: uint64(i), EventTimeNS: Absent}
	*r.Ticker() = Ticker{Last: int64(i), Bid: Absent, Ask: Absent, Open: Absent, High: math.MaxInt64, Low: math.MinInt64 + 1,
		BaseVolume: 123456, QuoteVolume: 999999999999999999, WindowEndNS: Absent, BaseVolumeExponent: -6, QuoteVolumeExponent: -12, BookEpoch: 2}
	return r
}

// goldenDepth is one event of n records.
func goldenDepth(n int) []Record {
	rs := make([]Record, n)
	for i := range rs {
		rs[i] = Record{Kind: KindDepth, Flags: FlagSnapshot, PriceExponent: -1, QuantityExponent: -6, VenueSequence: 77, EventTimeNS: 1_699_999_999_999_000_000}
		d := rs[i].Depth()
		*d = Depth{FirstSequence: 70, BookEpoch: 2, Connection: 0, Bids: uint8(i % 4), Asks: uint8(4 - i%4)}
		for l := range d.Levels {
			d.Levels[l] = Level{Price: int64(1000 + 10*i + l), Quantity: int64(l)}
		}
	}
	rs[0].Flags |= FlagFirst
	rs[n-1].Flags |= FlagLast
	return rs
}

// goldenOthers are eleven records of all kinds, flags and extremes.
func goldenOthers() []Record {
	at := func(kind Kind, instrument uint16, flags Flags) Record {
		return Record{Kind: kind, Instrument: instrument, Flags: FlagFirst | FlagLast | flags, EventTimeNS: Absent}
	}
	ticker := at(KindBookTicker, 0, FlagKernelTime|FlagClockSkew)
	*ticker.BookTicker() = BookTicker{BidPrice: 100000, BidQuantity: 1, AskPrice: 100001, AskQuantity: 2, SendTimeNS: 1_700_000_000_000_000_001, BookEpoch: 2}
	ticker.PriceExponent, ticker.QuantityExponent = -1, -6
	empty := at(KindBookTicker, 1, FlagSuspect|FlagRepeat|FlagConflated)
	*empty.BookTicker() = BookTicker{BidPrice: Absent, BidQuantity: Absent, AskPrice: Absent, AskQuantity: Absent, SendTimeNS: Absent, Connection: NoConnection}
	extreme := at(KindBookTicker, 2, FlagSynthetic)
	*extreme.BookTicker() = BookTicker{BidPrice: math.MinInt64 + 1, BidQuantity: math.MaxInt64, AskPrice: math.MaxInt64, AskQuantity: 0, SendTimeNS: math.MaxInt64, BookEpoch: math.MaxUint32}
	extreme.PriceExponent, extreme.QuantityExponent, extreme.VenueSequence = -128, 127, math.MaxUint64
	return append([]Record{ticker, empty, extreme}, goldenTradesAndStatus(at)...)
}

func goldenTradesAndStatus(at func(Kind, uint16, Flags) Record) []Record {
	number := at(KindTrade, 0, 0)
	*number.Trade() = Trade{Price: 100000, Quantity: 15, TradeID: math.MaxUint64, Aggressor: uint8(AggressorBuy), IDFormat: uint8(IDUint64), Index: 1, Count: 2, SendTimeNS: Absent, SecondID: 8, BookEpoch: 2}
	word := at(KindTrade, 1, FlagBackfill)
	*word.Trade() = Trade{Price: 1, Quantity: 1, Aggressor: uint8(AggressorSell), IDFormat: uint8(IDText), Count: 1, SendTimeNS: 5, Text: [24]byte([]byte("abcdefghijklmnopqrstuvwx")), TextLength: 24}
	pair := at(KindTrade, 2, 0)
	*pair.Trade() = Trade{Price: 1, Quantity: 1, TradeID: 1, SecondID: 2, IDFormat: uint8(IDMEXCPair), IDSuffix1: 'X', IDSuffix2: 'Y', Count: 1, SendTimeNS: Absent, Connection: NoConnection}
	none := at(KindTrade, 0, 0)
	*none.Trade() = Trade{Price: 1, Quantity: 1, Count: 1, SendTimeNS: Absent}
	rounded := goldenTicker(99)
	rounded.Flags |= FlagRounded
	gap := at(KindStatus, 0, FlagSynthetic)
	*gap.Status() = Status{Code: StatusGap, Scope: uint8(ScopeInstrument), Reason: uint32(ReasonSequence), BookEpoch: 2, FirstMissing: 5, LastMissing: math.MaxUint64, SinceNS: 6}
	refused := at(KindStatus, NoInstrument, FlagSynthetic)
	*refused.Status() = Status{Code: StatusSubscribeRefused, Scope: uint8(ScopeFeed), Reason: uint32(ReasonHTTPBase) + 451, Connection: NoConnection, TextLength: 40, SinceNS: Absent, Text: [40]byte([]byte("żółć quote\" back\\slash \ttab 0123456789")[:40])}
	perpetual := at(KindPerpetual, 2, 0)
	*perpetual.Perpetual() = Perpetual{MarkPrice: 1, IndexPrice: Absent, FundingRate: -100, FundingTimeNS: 7, OpenInterest: math.MaxInt64, SendTimeNS: Absent, Connection: 1, FundingExponent: -6, OpenInterestExponent: -3}
	return []Record{number, word, pair, none, rounded, gap, refused, perpetual}
}

// The bytes do not drift: what today's code writes is what is in the file, and
// what today's reader reads from the file is what is in the text beside it.
func TestGoldenSegment(t *testing.T) {
	segment, lines := filepath.Join("testdata", "golden.segment"), filepath.Join("testdata", "golden.txt")
	now := goldenSegment(t)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(segment, now, 0o644))
		require.NoError(t, os.WriteFile(lines, describe(t, now), 0o644))
	}
	want, err := os.ReadFile(segment)
	require.NoError(t, err)
	if !bytes.Equal(want, now) {
		t.Errorf("segment differs from %s at byte %d: the layout changed. Run with -update and say so in CHANGELOG under Layout",
			segment, firstDifference(want, now))
	}
	text, err := os.ReadFile(lines)
	require.NoError(t, err)
	aligned := bytesOf(make([]uint64, len(want)/8))
	copy(aligned, want)
	assert.Equal(t, string(text), string(describe(t, aligned)))
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// describe prints what a reader sees, one thing a line, integers in decimal, the
// body as 160 hex digits in the order of the bytes. Readers in other languages
// print the same from the same file.
func describe(t testing.TB, buf []byte) []byte {
	v, err := OpenView(buf)
	require.NoError(t, err)
	var b bytes.Buffer
	fmt.Fprintf(&b, "header feed=%s venue=%s version=%s source=%d generation=%d slots=%d instruments=%d book_depth=%d state=%d watermark=%d last=%d\n",
		v.Feed(), v.Venue(), v.PublisherVersion(), v.Source(), v.Generation(), v.Slots(), v.InstrumentCount(), v.BookDepth(), v.State(), v.Watermark(), v.LastSequence())
	for id := range v.InstrumentCount() {
		describeInstrument(&b, v, id)
	}
	describeRing(&b, v)
	return b.Bytes()
}

func describeInstrument(b *bytes.Buffer, v *View, id int) {
	var in Instrument
	var s InstrumentState
	v.Instrument(id, &in)
	v.InstrumentState(id, &s)
	fmt.Fprintf(b, "instrument id=%d symbol=%s native=%s channels=%d tick=%d lot=%d multiplier=%d exponents=%d,%d,%d,%d,%d state=%d epoch=%d stale=%d connection=%d last_seen=%d\n",
		id, in.Symbol(), in.Native(), in.Channels, in.Tick, in.Lot, in.Multiplier, in.TickExponent, in.LotExponent, in.PriceExponent, in.QuantityExponent, in.MultiplierExponent,
		s.Bits(), s.BookEpoch(), s.Stale, s.Connection, s.LastSeenNS)
	var r Record
	for place := BoardBookTicker; place <= BoardStatus; place++ {
		if a := v.ReadBoard(id, place, &r); a == AnswerRecord {
			describeRecord(b, fmt.Sprintf("board id=%d place=%d", id, place), &r)
		} else {
			fmt.Fprintf(b, "board id=%d place=%d answer=%s\n", id, place, a)
		}
	}
	book := NewBook(v.BookDepth())
	if a := v.ReadBook(id, book); a != AnswerRecord {
		fmt.Fprintf(b, "book id=%d answer=%s\n", id, a)
		return
	}
	h := &book.Header
	fmt.Fprintf(b, "book id=%d as_of=%d event=%d recv=%d publish=%d venue_sequence=%d epoch=%d exponents=%d,%d flags=%d bids=%s asks=%s\n",
		id, h.AsOf, h.EventTimeNS, h.RecvTimeNS, h.PublishTimeNS, h.VenueSequence, h.BookEpoch, h.PriceExponent, h.QuantityExponent, h.Flags, describeLevels(book.Bids()), describeLevels(book.Asks()))
}

// describeLevels prints price:quantity, best first, with commas between.
func describeLevels(levels []Level) string {
	parts := make([]string, len(levels))
	for i, l := range levels {
		parts[i] = fmt.Sprintf("%d:%d", l.Price, l.Quantity)
	}
	return strings.Join(parts, ",")
}

// describeRing reads from record 1 to the end: the loss, the records, the end.
func describeRing(b *bytes.Buffer, v *View) {
	r := NewReader(v)
	r.Seek(1)
	for {
		var out Record
		switch a := r.Next(&out); a {
		case AnswerRecord:
			describeRecord(b, "record", &out)
		case AnswerOverrun:
			fmt.Fprintf(b, "overrun lost=%d\n", r.Lost())
		default:
			fmt.Fprintf(b, "end answer=%s skipped=%d\n", a, r.Stats.Skipped)
			return
		}
	}
}

func describeRecord(b *bytes.Buffer, head string, r *Record) {
	fmt.Fprintf(b, "%s sequence=%d kind=%d exponents=%d,%d flags=%d instrument=%d recv=%d venue_sequence=%d event=%d publish=%d body=%s\n",
		head, r.Sequence(), r.Kind, r.PriceExponent, r.QuantityExponent, r.Flags, r.Instrument, r.RecvTimeNS, r.VenueSequence, r.EventTimeNS, r.PublishTimeNS,
		hex.EncodeToString(bytesOf(r.Body[:])))
}
