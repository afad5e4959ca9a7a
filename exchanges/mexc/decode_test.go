package mexc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// decodePush decodes a push, given in JSON, with a fresh dialect that knows BTCUSDT
// and ETHUSDT.
func decodePush(t testing.TB, push string) (exchanges.Verdict, *exchanges.Batch) {
	t.Helper()
	return decodeFrame(t, encode(t, push))
}

func decodeFrame(t testing.TB, frame []byte) (exchanges.Verdict, *exchanges.Batch) {
	t.Helper()
	b := new(exchanges.Batch)
	return New().DecodeBinary(frame, knownSymbols(t), b), b
}

func knownSymbols(t testing.TB) *exchanges.SymbolTable {
	t.Helper()
	symbols := exchanges.NewSymbolTable()
	require.NoError(t, symbols.Add("BTCUSDT", 0))
	require.NoError(t, symbols.Add("ETHUSDT", 1))
	return symbols
}

const (
	goodQuote  = `{"channel":"spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT","symbol":"BTCUSDT","sendTime":"1002","publicAggreBookTicker":{"bidPrice":"1.5","bidQuantity":"2","askPrice":"1.6","askQuantity":"3","version":"5"}}`
	goodBatch  = `{"channel":"spot@public.bookTicker.batch.v3.api.pb@BTCUSDT","symbol":"BTCUSDT","sendTime":"1002","publicBookTickerBatch":{"items":[{"bidPrice":"1.5","bidQuantity":"2"}],"version":"5"}}`
	goodDeals  = `{"channel":"spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT","symbol":"BTCUSDT","sendTime":"1002","publicAggreDeals":{"deals":[{"price":"1.5","quantity":"2","tradeType":1,"time":"1001","tradeId":"1X0_2X0"}]}}`
	goodDepth  = `{"channel":"spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT","symbol":"BTCUSDT","sendTime":"1002","publicAggreDepths":{"asks":[{"price":"1.6","quantity":"0"}],"bids":[{"price":"1.5","quantity":"2"}],"fromVersion":"4","toVersion":"5"}}`
	goodTop    = `{"channel":"spot@public.limit.depth.v3.api.pb@BTCUSDT@5","symbol":"BTCUSDT","sendTime":"1002","publicLimitDepths":{"asks":[{"price":"1.6","quantity":"3"}],"bids":[{"price":"1.5","quantity":"2"}],"version":"5"}}`
	goodTicker = `{"channel":"spot@public.miniTicker.v3.api.pb@BTCUSDT@24H","symbol":"BTCUSDT","sendTime":"1002","publicMiniTicker":{"symbol":"BTCUSDT","price":"1.5","high":"2","low":"1","volume":"15","quantity":"10"}}`
	goodAll    = `{"channel":"spot@public.miniTickers.v3.api.pb@24H","sendTime":"1002","publicMiniTickers":{"items":[{"symbol":"BTCUSDT","price":"1.5","volume":"15","quantity":"10"},{"symbol":"NOPEUSDT","price":"7"},{"symbol":"ETHUSDT","price":"2.5"}]}}`
)

var goodPushes = map[string]string{
	"book ticker": goodQuote, "batch": goodBatch, "deals": goodDeals, "aggre depth": goodDepth,
	"limit depth": goodTop, "mini ticker": goodTicker, "mini tickers": goodAll,
}

// A bad push is refused with the reason and with words that name the field; the
// stream then goes on with the next one.
func TestBadPushesAreRefusedWithTheirReason(t *testing.T) {
	for _, c := range []struct {
		name   string
		good   string
		old    string
		new    string
		reason ring.Reason
		text   string
	}{
		{"a price that is no number", goodQuote, `"1.5"`, `"abc"`, ring.ReasonNumber, "bid is no number"},
		{"a price below zero", goodQuote, `"1.5"`, `"-1.5"`, ring.ReasonNumber, "bid is no number"},
		{"a price with an exponent", goodQuote, `"1.6"`, `"1e5"`, ring.ReasonNumber, "ask is no number"},
		{"a forty-digit price", goodQuote, `"1.5"`, `"` + strings.Repeat("1234567890", 4) + `"`, ring.ReasonNumber, "bid is no number"},
		{"a price without quantity", goodQuote, `"2"`, `""`, ring.ReasonMissingKey, "bid is missing"},
		{"a quantity without price", goodQuote, `"1.6"`, `""`, ring.ReasonMissingKey, "ask is missing"},
		{"a version that is no number", goodQuote, `"5"`, `"v5"`, ring.ReasonNumber, "version is no number"},
		{"a version with a leading zero", goodQuote, `"5"`, `"05"`, ring.ReasonNumber, "version is no number"},
		{"a version beyond 64 bits", goodBatch, `"5"`, `"18446744073709551616"`, ring.ReasonNumber, "version is no number"},
		{"a time of the push below zero", goodQuote, `"1002"`, `"-1"`, ring.ReasonNumber, "sendTime is beyond"},
		{"a time of the push beyond its range", goodDepth, `"1002"`, `"9223372036855"`, ring.ReasonNumber, "sendTime is beyond"},
		{"a symbol nobody asked for", goodQuote, `"BTCUSDT"`, `"DOGEUSDT"`, ring.ReasonUnknownSymbol, "nobody asked"},
		{"a pair in lower case", goodDeals, `"BTCUSDT"`, `"btcusdt"`, ring.ReasonUnknownSymbol, "nobody asked"},
		{"no symbol and no channel", goodQuote, `"channel":"spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT","symbol":"BTCUSDT",`, ``, ring.ReasonMissingKey, "symbol is missing"},
		{"a bad quote in a batch", goodBatch, `"1.5"`, `"x"`, ring.ReasonNumber, "bid is no number"},
		{"a trade without price", goodDeals, `"price":"1.5",`, ``, ring.ReasonMissingKey, "price is missing"},
		{"a trade without quantity", goodDeals, `"quantity":"2",`, ``, ring.ReasonMissingKey, "quantity is missing"},
		{"a trade time beyond its range", goodDeals, `"1001"`, `"9223372036855"`, ring.ReasonNumber, "time is beyond"},
		{"a level without price", goodDepth, `"price":"1.5",`, ``, ring.ReasonMissingKey, "price is missing"},
		{"a level with a bad quantity", goodTop, `"3"`, `"3,0"`, ring.ReasonNumber, "quantity is no number"},
		{"a diff without first version", goodDepth, `"fromVersion":"4",`, ``, ring.ReasonMissingKey, "fromVersion is missing"},
		{"a diff without last version", goodDepth, `,"toVersion":"5"`, ``, ring.ReasonMissingKey, "toVersion is missing"},
		{"a diff that ends before it begins", goodDepth, `"4"`, `"6"`, ring.ReasonMalformed, "greater than toVersion"},
		{"a ticker with a bad last price", goodTicker, `"1.5"`, `"."`, ring.ReasonNumber, "price is no number"},
		{"a ticker with a bad volume", goodTicker, `"15"`, `"ten"`, ring.ReasonNumber, "volume is no number"},
		{"a ticker with a volume below zero", goodTicker, `"10"`, `"-10"`, ring.ReasonNumber, "quantity is no number"},
		{"one bad ticker of those asked for", goodAll, `"2.5"`, `"x"`, ring.ReasonNumber, "price is no number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, c.good, c.old)
			symbols, b, d := knownSymbols(t), new(exchanges.Batch), New()
			v := d.DecodeBinary(encode(t, strings.Replace(c.good, c.old, c.new, 1)), symbols, b)
			assert.Equal(t, exchanges.ClassMalformed, v.Class)
			assert.Equal(t, c.reason, v.Reason)
			assert.Contains(t, string(v.Text), c.text)
			assert.Empty(t, b.Items)
			assert.Empty(t, b.Levels)
			v = d.DecodeBinary(encode(t, c.good), symbols, b)
			assert.Equal(t, exchanges.ClassData, v.Class)
			assert.NotEmpty(t, b.Items)
		})
	}
}

// What is wrong with the wire is refused as such, wherever it stands.
func TestDamagedWireIsRefused(t *testing.T) {
	frame := encode(t, goodDepth)
	group := []byte{9<<3 | 3, 9<<3 | 4}
	level := appendText(appendText(nil, 1, "1.5"), 2, "2")
	in := func(inner, outer []byte) []byte {
		return append(appendText(nil, 3, "BTCUSDT"), appendText(nil, 313, string(append(appendText(nil, 2, string(inner)), outer...)))...)
	}
	for name, c := range map[string]struct {
		frame []byte
		text  string
	}{
		"an empty message":                 {nil, "push is empty"},
		"a message cut off":                {frame[:len(frame)-1], "push is cut off"},
		"a length without its bytes":       {append(bytes.Clone(frame), 0x0a), "push is cut off"},
		"a varint of more than ten bytes":  {append(bytes.Clone(frame), append([]byte{0x30}, bytes.Repeat([]byte{0x80}, 10)...)...), "push is cut off"},
		"a varint of more than 64 bits":    {append(bytes.Clone(frame), append([]byte{0x30}, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"...)...), "push is cut off"},
		"a length beyond any message":      {append(bytes.Clone(frame), "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"...), "push is cut off"},
		"a group in the wrapper":           {append(bytes.Clone(frame), group...), "push is cut off"},
		"a group in a body":                {in(level, group), "depth is cut off"},
		"a group in a level":               {in(append(bytes.Clone(level), group...), nil), "level is cut off"},
		"field number 0":                   {append(bytes.Clone(frame), 0x02, 0x00), "push is cut off"},
		"a field number beyond 29 bits":    {append(bytes.Clone(frame), 0x80, 0x80, 0x80, 0x80, 0x10, 0x00), "push is cut off"},
		"a wire type that does not exist":  {append(bytes.Clone(frame), 7<<3|7, 0x00), "push is cut off"},
		"two bodies of the same kind":      {append(bytes.Clone(frame), appendText(nil, 313, "")...), "two bodies"},
		"two bodies of different kinds":    {append(bytes.Clone(frame), appendText(nil, 308, "")...), "two bodies"},
		"a symbol that is no UTF-8":        {append(appendText(nil, 3, "\xff"), appendText(nil, 315, "")...), "not UTF-8"},
		"a ticker's symbol that is no UTF": {appendText(nil, 310, string(appendText(nil, 1, "\x0a\x01\xff"))), "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			v, b := decodeFrame(t, c.frame)
			assert.Equal(t, exchanges.ClassMalformed, v.Class)
			assert.Equal(t, ring.ReasonMalformed, v.Reason)
			assert.Contains(t, string(v.Text), c.text)
			assert.Empty(t, b.Items)
		})
	}
}

// A field's length ends a number: a digit as the next tag is not part of it. The
// tag of field 6 with a varint is the character 0, that of field 7 with four bytes
// the character =, and the price here ends the receive buffer's digits.
func TestLengthsEndNumbers(t *testing.T) {
	quote := appendText(appendText(nil, 1, "1.5"), 2, "2")
	quote = append(quote, '0', 0x05) // lastOrderCreateTime 5
	frame := append(appendText(nil, 3, "BTCUSDT"), appendText(nil, 315, string(quote))...)
	buffer := append(bytes.Clone(frame), "999"...)
	v, b := decodeFrame(t, buffer[:len(frame)])
	require.Equal(t, exchanges.ClassData, v.Class)
	assert.Equal(t, "1.5", decimalText(b.Items[0].Prices[exchanges.BidPrice]))
	assert.Equal(t, "2", decimalText(b.Items[0].Quantities[exchanges.BidQty]))
}

// Fields in any order, added fields of each wire type, a field given twice and a
// known field of another type change nothing of what is read.
func TestFieldOrderAddedFieldsAndDuplicates(t *testing.T) {
	want, wantBatch := decodePush(t, goodQuote)
	quote := appendText(appendText(appendText(nil, 5, "5"), 4, "3"), 3, "1.6")
	quote = protowire.AppendVarint(protowire.AppendTag(quote, 20, protowire.VarintType), 7)
	quote = protowire.AppendFixed32(protowire.AppendTag(quote, 21, protowire.Fixed32Type), 1)
	quote = protowire.AppendFixed64(protowire.AppendTag(quote, 22, protowire.Fixed64Type), 2)
	quote = appendText(appendText(appendText(quote, 2, "999"), 2, "2"), 1, "1.5")
	quote = protowire.AppendVarint(protowire.AppendTag(quote, 1, protowire.VarintType), 8)
	frame := appendText(nil, 315, string(quote))
	frame = appendText(appendText(frame, 99, "news"), 3, "ETHUSDT")
	frame = appendText(frame, 3, "BTCUSDT")
	frame = protowire.AppendVarint(protowire.AppendTag(frame, 6, protowire.VarintType), 1002)
	got, b := decodeFrame(t, frame)
	assert.Equal(t, want, got)
	assert.Equal(t, wantBatch.Items, b.Items)
}

// A push without body, with candles, or of a closed channel is known and holds
// nothing to publish; a body that the schema does not know is counted as unknown.
func TestPushesWithoutData(t *testing.T) {
	head := appendText(nil, 3, "BTCUSDT")
	for name, c := range map[string]struct {
		body  []byte
		class exchanges.Class
	}{
		"no body":                  {nil, exchanges.ClassIgnored},
		"candles":                  {appendText(nil, 308, "\x0a\x04Min1"), exchanges.ClassIgnored},
		"a closed channel":         {appendText(nil, 301, ""), exchanges.ClassIgnored},
		"deals without deals":      {appendText(nil, 314, ""), exchanges.ClassIgnored},
		"a batch without items":    {appendText(nil, 311, ""), exchanges.ClassIgnored},
		"tickers without items":    {appendText(nil, 310, ""), exchanges.ClassIgnored},
		"a body of another number": {appendText(nil, 316, "x"), exchanges.ClassUnknown},
		"a body of another type":   {protowire.AppendVarint(protowire.AppendTag(nil, 315, protowire.VarintType), 1), exchanges.ClassUnknown},
	} {
		v, b := decodeFrame(t, append(bytes.Clone(head), c.body...))
		assert.Equal(t, c.class, v.Class, name)
		assert.Empty(t, b.Items, name)
	}
}

// A body that is not decoded is not looked up: its pair need not be known.
func TestUnknownSymbolIsNamed(t *testing.T) {
	for name, push := range goodPushes {
		v, b := decodePush(t, strings.ReplaceAll(strings.ReplaceAll(push, "BTCUSDT", "DOGEUSDT"), "ETHUSDT", "PEPEUSDT"))
		if name == "mini tickers" {
			assert.Equal(t, exchanges.ClassIgnored, v.Class, "of all pairs none was asked for")
			continue
		}
		assert.Equal(t, ring.ReasonUnknownSymbol, v.Reason, name)
		assert.Equal(t, "DOGEUSDT", string(v.Symbol), name)
		assert.Empty(t, b.Items)
	}
}

// Of all the venue's tickers those of known pairs are taken.
func TestMiniTickersTakeKnownPairs(t *testing.T) {
	v, b := decodePush(t, goodAll)
	require.Equal(t, exchanges.ClassData, v.Class)
	require.Len(t, b.Items, 2)
	assert.Equal(t, []uint16{0, 1}, []uint16{b.Items[0].Instrument, b.Items[1].Instrument})
	assert.Equal(t, "15", decimalText(b.Items[0].Quantities[exchanges.QuoteVolume]), "volume is the quote asset's")
	assert.Equal(t, "10", decimalText(b.Items[0].Quantities[exchanges.BaseVolume]))
	v, b = decodePush(t, strings.Replace(goodAll, `"7"`, `"x"`, 1))
	assert.Equal(t, exchanges.ClassData, v.Class, "a pair nobody asked for is not looked into")
	assert.Len(t, b.Items, 2)
}

// Without symbol the pair is cut out of the channel, where its place differs.
func TestPairOfTheChannel(t *testing.T) {
	for name, push := range goodPushes {
		v, b := decodePush(t, strings.ReplaceAll(push, `"symbol":"BTCUSDT",`, ``))
		if name == "mini tickers" {
			assert.Len(t, b.Items, 1, "a ticker without symbol is nobody's")
			continue
		}
		require.Equal(t, exchanges.ClassData, v.Class, "%s: %s", name, v.Text)
		assert.Equal(t, uint16(0), b.Items[0].Instrument, name)
	}
	v, _ := decodePush(t, strings.ReplaceAll(strings.ReplaceAll(goodTop, `"symbol":"BTCUSDT",`, ``), "BTCUSDT@5", "5"))
	assert.Equal(t, ring.ReasonUnknownSymbol, v.Reason)
}

// A field that the previous push had is not left over in the next one.
func TestNothingIsLeftOfThePreviousFrame(t *testing.T) {
	symbols, b, d := knownSymbols(t), new(exchanges.Batch), New()
	for _, push := range goodPushes {
		require.Equal(t, exchanges.ClassData, d.DecodeBinary(encode(t, push), symbols, b).Class)
	}
	v := d.DecodeBinary(encode(t, `{"symbol":"ETHUSDT","publicAggreBookTicker":{}}`), symbols, b)
	require.Equal(t, exchanges.ClassData, v.Class)
	it := &b.Items[0]
	assert.True(t, it.Prices[exchanges.BidPrice].IsAbsent() && it.Prices[exchanges.AskPrice].IsAbsent())
	assert.Equal(t, []int64{ring.Absent, ring.Absent}, []int64{it.EventTimeNS, it.SendTimeNS})
	assert.Zero(t, it.Sequence)
	v = d.DecodeBinary(encode(t, strings.Replace(goodDepth, `"bids":[{"price":"1.5","quantity":"2"}],`, ``, 1)), symbols, b)
	require.Equal(t, exchanges.ClassData, v.Class)
	assert.Empty(t, b.Bids(&b.Items[0]))
}

// Levels of both sides may come in any order and keep their own.
func TestSidesInAnyOrder(t *testing.T) {
	lv := func(number protowire.Number, price string) []byte {
		return appendText(nil, number, string(appendText(appendText(nil, 1, price), 2, "1")))
	}
	body := bytes.Join([][]byte{lv(2, "9"), lv(1, "10"), lv(2, "8"), appendText(nil, 5, "7"), lv(1, "11"), appendText(nil, 4, "6")}, nil)
	v, b := decodeFrame(t, append(appendText(nil, 3, "BTCUSDT"), appendText(nil, 313, string(body))...))
	require.Equal(t, exchanges.ClassData, v.Class)
	it := &b.Items[0]
	assert.Equal(t, [][2]string{{"9", "1"}, {"8", "1"}}, levelTexts(b.Bids(it)))
	assert.Equal(t, [][2]string{{"10", "1"}, {"11", "1"}}, levelTexts(b.Asks(it)))
	assert.Equal(t, []uint64{6, 7}, []uint64{it.FirstSequence, it.Sequence})
}

// A trade's id is kept exactly or not at all.
func TestTradeIDs(t *testing.T) {
	for _, c := range []struct {
		id     string
		format ring.IDFormat
		kept   bool
	}{
		{"731901896985399296X0_731901896985399297X0", ring.IDMEXCPair, true},
		{"18446744073709551615X255_0X7", ring.IDMEXCPair, true},
		{"731901896985399296", ring.IDUint64, true},
		{"18446744073709551616", ring.IDText, true},
		{"1X256_2X0", ring.IDText, true},
		{"01X0_2X0", ring.IDText, true},
		{"1X0_2X0_3X0", ring.IDText, true},
		{"007", ring.IDText, true},
		{"abcdefghijklmnopqrstuvwx", ring.IDText, true},
		{"abcdefghijklmnopqrstuvwxy", ring.IDNone, false},
		{"731901896985399296X0_731901896985399297X256", ring.IDNone, false},
		{"", ring.IDNone, false},
	} {
		_, b := decodePush(t, strings.Replace(goodDeals, "1X0_2X0", c.id, 1))
		require.Len(t, b.Items, 1, c.id)
		it := &b.Items[0]
		assert.Equal(t, c.format, it.IDFormat, c.id)
		if c.kept {
			assert.Equal(t, c.id, tradeIDText(it))
		} else {
			assert.Equal(t, [3]uint64{}, [3]uint64{it.TradeID, it.SecondID, uint64(it.TextLength)}, "nothing of it: %s", c.id)
		}
	}
}

// The side is tradeType's, whatever the price says; others are unknown.
func TestSides(t *testing.T) {
	for text, want := range map[string]ring.Aggressor{
		`"tradeType":1,`: ring.AggressorBuy, `"tradeType":2,`: ring.AggressorSell, `"tradeType":3,`: ring.AggressorUnknown,
		`"tradeType":-1,`: ring.AggressorUnknown, ``: ring.AggressorUnknown,
	} {
		_, b := decodePush(t, strings.Replace(goodDeals, `"tradeType":1,`, text, 1))
		require.Len(t, b.Items, 1)
		assert.Equal(t, want, b.Items[0].Aggressor, text)
	}
}

// Times that the venue does not give are absent, never a guess.
func TestAbsentTimes(t *testing.T) {
	for name, push := range goodPushes {
		_, b := decodePush(t, strings.NewReplacer(`"sendTime":"1002",`, ``, `"time":"1001",`, ``).Replace(push))
		require.NotEmpty(t, b.Items, name)
		assert.Equal(t, []int64{ring.Absent, ring.Absent}, []int64{b.Items[0].EventTimeNS, b.Items[0].SendTimeNS}, name)
		_, b = decodePush(t, push)
		event := int64(1002e6)
		if name == "deals" {
			event = 1001e6
		}
		assert.Equal(t, []int64{event, 1002e6}, []int64{b.Items[0].EventTimeNS, b.Items[0].SendTimeNS}, name)
	}
}

// A message of trades numbers them, is refused as a whole, and is bounded.
func TestTradesOfOneMessage(t *testing.T) {
	const deal = `{"price":"1.5","quantity":"2","tradeType":1,"time":"1001","tradeId":"1X0_2X0"}`
	deals := func(n int) string {
		return strings.Replace(goodDeals, deal, strings.Repeat(deal+",", n-1)+deal, 1)
	}
	_, b := decodePush(t, deals(3))
	require.Len(t, b.Items, 3)
	for i, it := range b.Items {
		assert.Equal(t, [2]uint16{uint16(i), 3}, [2]uint16{it.Index, it.Count})
	}
	v, b := decodePush(t, strings.Replace(deals(3), deal+"]", `{"price":"x","quantity":"1"}]`, 1))
	assert.Equal(t, ring.ReasonNumber, v.Reason)
	assert.Empty(t, b.Items, "not even the good ones before it")
	_, b = decodePush(t, deals(exchanges.MaxItems))
	assert.Len(t, b.Items, exchanges.MaxItems)
	v, b = decodePush(t, deals(exchanges.MaxItems+1))
	assert.Equal(t, ring.ReasonBoundsExceeded, v.Reason)
	assert.Empty(t, b.Items)
}

// A book of more levels than a message may have is refused.
func TestLevelsAreBounded(t *testing.T) {
	levels := func(n int) string {
		return strings.Replace(goodTop, `"bids":[`, `"bids":[`+strings.Repeat(`{"price":"1","quantity":"1"},`, n-1), 1)
	}
	_, b := decodePush(t, levels(exchanges.MaxLevels-1))
	require.Len(t, b.Items, 1)
	assert.Len(t, b.Bids(&b.Items[0]), exchanges.MaxLevels-1)
	v, b := decodePush(t, levels(exchanges.MaxLevels))
	assert.Equal(t, ring.ReasonBoundsExceeded, v.Reason)
	assert.Empty(t, b.Levels)
}

// A volume of more digits than fit is rounded and says so; a price is refused.
func TestVolumesAreRoundedAndFlagged(t *testing.T) {
	_, b := decodePush(t, strings.Replace(goodTicker, `"15"`, `"1234567890.12345678951"`, 1))
	require.Len(t, b.Items, 1)
	assert.Equal(t, ring.FlagRounded, b.Items[0].Flags)
	assert.Equal(t, "1234567890.12345679", decimalText(b.Items[0].Quantities[exchanges.QuoteVolume]))
	v, _ := decodePush(t, strings.Replace(goodTicker, `"1.5"`, `"1234567890.12345678951"`, 1))
	assert.Equal(t, ring.ReasonNumber, v.Reason)
}

// Each body belongs to the stream that the session asked for.
func TestStreamsOfPushes(t *testing.T) {
	for name, want := range map[string]exchanges.StreamID{
		"book ticker": StreamBookTicker, "batch": StreamBookTicker, "deals": StreamTrades, "aggre depth": StreamBook,
		"limit depth": StreamBook, "mini ticker": StreamTicker, "mini tickers": StreamTicker,
	} {
		v, _ := decodePush(t, goodPushes[name])
		assert.Equal(t, want, v.Stream, name)
	}
}

// Every body, and every answer without escapes, decodes without allocating.
func TestDecodeDoesNotAllocate(t *testing.T) {
	var messages []message
	for _, push := range goodPushes {
		messages = append(messages, message{binary: true, data: encode(t, push)})
	}
	messages = append(messages, message{binary: true, data: encode(t, `{"symbol":"BTCUSDT","publicSpotKline":"CgA="}`)})
	for _, line := range recordings.Lines(t, "testdata/control.txt")[:8] {
		messages = append(messages, message{data: line})
	}
	symbols, b, d := knownSymbols(t), new(exchanges.Batch), New()
	for _, m := range messages {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if v := m.decode(d, symbols, b); v.Class == exchanges.ClassMalformed {
				panic(fmt.Sprintf("%q: %s", m.data, v.Text))
			}
		}), "%q", m.data)
	}
}
