package gateiofutures

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

func decodeOne(t *testing.T, frame string) (exchanges.Verdict, *exchanges.Batch) {
	t.Helper()
	symbols, b := knownSymbols(t), new(exchanges.Batch)
	return New().Decode([]byte(frame), symbols, b), b
}

func knownSymbols(t testing.TB) *exchanges.SymbolTable {
	t.Helper()
	symbols := exchanges.NewSymbolTable()
	require.NoError(t, symbols.Add("BTC_USDT", 0))
	require.NoError(t, symbols.Add("ETH_USDT", 1))
	return symbols
}

const (
	goodQuote = `{"time":1,"time_ms":1002,"channel":"futures.book_ticker","event":"update","result":{"t":1001,"u":5,"s":"BTC_USDT","b":"1.5","B":2,"a":"1.6","A":"3.5"}}`
	goodTrade = `{"time":1,"time_ms":1002,"channel":"futures.trades","event":"update","result":[{"id":7,"size":-2,"create_time":1,"create_time_ms":1001,"price":"1.5","contract":"BTC_USDT"}]}`
	goodDiff  = `{"time":1,"time_ms":1002,"channel":"futures.order_book_update","event":"update","result":{"t":1001,"s":"BTC_USDT","U":4,"u":5,"b":[{"p":"1.5","s":2}],"a":[{"p":"1.6","s":"0"}]}}`
	goodTop   = `{"time":1,"time_ms":1002,"channel":"futures.order_book","event":"all","result":{"t":1001,"id":5,"contract":"BTC_USDT","bids":[{"p":"1.5","s":2}],"asks":[{"p":"1.6","s":3}]}}`
	goodOBU   = `{"time":1,"time_ms":1002,"channel":"futures.obu","event":"update","result":{"t":1001,"s":"ob.BTC_USDT.50","U":4,"u":5,"b":[["1.5","2"]]}}`
	goodTick  = `{"time":1,"time_ms":1002,"channel":"futures.tickers","event":"update","result":[{"contract":"BTC_USDT","last":"1.5","volume_24h_base":"10","volume_24h_quote":"15","high_24h":"2","low_24h":"1","mark_price":"1.55","index_price":"1.56","funding_rate":"-0.0001","funding_next_apply":1790380800,"total_size":"577","t":1001}]}`
)

var goodFrames = map[string]string{
	"book_ticker": goodQuote, "trades": goodTrade, "order_book_update": goodDiff,
	"order_book": goodTop, "obu": goodOBU, "tickers": goodTick,
}

// A bad frame is refused with the reason and with words that name the key; the
// stream then goes on with the next frame.
func TestBadFramesAreRefusedWithTheirReason(t *testing.T) {
	for _, c := range []struct {
		name, good, old, new string
		reason               ring.Reason
		text                 string
	}{
		{"a price that is no number", goodQuote, `"b":"1.5"`, `"b":"abc"`, ring.ReasonNumber, "b is no number"},
		{"a forty-digit price", goodQuote, `"1.5"`, `"` + strings.Repeat("1234567890", 4) + `"`, ring.ReasonNumber, "b is no number"},
		{"a price below zero", goodQuote, `"1.5"`, `"-1.5"`, ring.ReasonNumber, "b is no number"},
		{"a size below zero", goodQuote, `"B":2`, `"B":-2`, ring.ReasonNumber, "B is no number"},
		{"a size with an exponent", goodQuote, `"B":2`, `"B":2e3`, ring.ReasonNumber, "B is no number"},
		{"a size that is a word", goodQuote, `"B":2`, `"B":true`, ring.ReasonMalformed, "wrong type"},
		{"a price without size", goodQuote, `,"B":2`, ``, ring.ReasonMissingKey, "B is missing"},
		{"a size with an empty price", goodQuote, `"a":"1.6"`, `"a":""`, ring.ReasonMissingKey, "a is missing"},
		{"no time", goodQuote, `"t":1001,`, ``, ring.ReasonMissingKey, "t is missing"},
		{"no update id", goodQuote, `"u":5,`, ``, ring.ReasonMissingKey, "u is missing"},
		{"no contract", goodQuote, `"s":"BTC_USDT",`, ``, ring.ReasonMissingKey, "s is missing"},
		{"an update id beyond 64 bits", goodQuote, `"u":5`, `"u":18446744073709551616`, ring.ReasonNumber, "u is no number"},
		{"a time beyond its range", goodQuote, `"t":1001`, `"t":9223372036855`, ring.ReasonNumber, "t is beyond"},
		{"an envelope time beyond its range", goodQuote, `"time_ms":1002`, `"time_ms":9223372036855`, ring.ReasonNumber, "time is beyond"},
		{"a key given twice", goodQuote, `"u":5`, `"u":5,"u":5`, ring.ReasonMalformed, "twice"},
		{"a symbol nobody asked for", goodQuote, `BTC_USDT`, `DOGE_USDT`, ring.ReasonUnknownSymbol, "nobody asked"},
		{"truncated", goodQuote, `"3.5"}}`, `"3.5"`, ring.ReasonMalformed, "whole JSON"},
		{"no result", goodQuote, `"result"`, `"resul"`, ring.ReasonMissingKey, "result is missing"},
		{"a trade without id", goodTrade, `"id":7,`, ``, ring.ReasonMissingKey, "id is missing"},
		{"a trade without contract", goodTrade, `,"contract":"BTC_USDT"`, ``, ring.ReasonMissingKey, "contract is missing"},
		{"a trade without price", goodTrade, `,"price":"1.5"`, ``, ring.ReasonMissingKey, "price is missing"},
		{"a trade without size", goodTrade, `"size":-2,`, ``, ring.ReasonMissingKey, "size is missing"},
		{"a trade with a size that is none", goodTrade, `-2`, `"-1.2.3"`, ring.ReasonNumber, "size is no number"},
		{"a trade with an empty size", goodTrade, `-2`, `""`, ring.ReasonNumber, "size is empty"},
		{"a trade without any time", goodTrade, `"create_time":1,"create_time_ms":1001,`, ``, ring.ReasonMissingKey, "create_time_ms is missing"},
		{"a trade time in seconds beyond its range", goodTrade, `"create_time":1,"create_time_ms":1001`, `"create_time":9223372037`, ring.ReasonNumber, "create_time is beyond"},
		{"a level with a bad size", goodDiff, `"s":2`, `"s":"x"`, ring.ReasonNumber, "b is no number"},
		{"a level without size", goodDiff, `,"s":2`, ``, ring.ReasonNumber, "b is no number"},
		{"a level below zero", goodDiff, `"s":2`, `"s":-2`, ring.ReasonNumber, "b is no number"},
		{"a level with two sizes", goodDiff, `"s":2`, `"s":2,"s":2`, ring.ReasonMalformed, "twice"},
		{"levels that are no array", goodDiff, `[{"p":"1.5","s":2}]`, `{}`, ring.ReasonMalformed, "result"},
		{"a diff without first id", goodDiff, `"U":4,`, ``, ring.ReasonMissingKey, "U is missing"},
		{"a diff that ends before it begins", goodDiff, `"U":4`, `"U":6`, ring.ReasonMalformed, "greater than u"},
		{"top levels without asks", goodTop, `,"asks":[{"p":"1.6","s":3}]`, ``, ring.ReasonMissingKey, "asks is missing"},
		{"top levels without id", goodTop, `"id":5,`, ``, ring.ReasonMissingKey, "id is missing"},
		{"a stream name of another form", goodOBU, `ob.BTC_USDT.50`, `BTC_USDT`, ring.ReasonMalformed, "ob.CONTRACT.LEVEL"},
		{"a ticker without last price", goodTick, `"last":"1.5",`, ``, ring.ReasonMissingKey, "last is missing"},
		{"a ticker without contract", goodTick, `"contract":"BTC_USDT",`, ``, ring.ReasonMissingKey, "contract is missing"},
		{"a ticker with a bad volume", goodTick, `"10"`, `"ten"`, ring.ReasonNumber, "volume_24h_base is no number"},
		{"a ticker with a bad mark price", goodTick, `"1.55"`, `"-1"`, ring.ReasonNumber, "mark_price is no number"},
		{"a ticker with a bad funding rate", goodTick, `"-0.0001"`, `"1%"`, ring.ReasonNumber, "funding_rate is no number"},
		{"a ticker with a funding time beyond its range", goodTick, `1790380800`, `9223372037`, ring.ReasonNumber, "funding_next_apply is beyond"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, c.good, c.old)
			symbols, b, d := knownSymbols(t), new(exchanges.Batch), New()
			v := d.Decode([]byte(strings.Replace(c.good, c.old, c.new, 1)), symbols, b)
			assert.Equal(t, exchanges.ClassMalformed, v.Class)
			assert.Equal(t, c.reason, v.Reason)
			assert.Contains(t, string(v.Text), c.text)
			assert.Empty(t, b.Items)
			assert.Empty(t, b.Levels)
			assert.Equal(t, exchanges.ClassData, d.Decode([]byte(c.good), symbols, b).Class)
		})
	}
}

// An unknown symbol is named, that of a stream without its wrapping.
func TestUnknownSymbolIsNamed(t *testing.T) {
	for _, frame := range goodFrames {
		v, _ := decodeOne(t, strings.ReplaceAll(frame, "BTC_USDT", "DOGE_USDT"))
		assert.Equal(t, "DOGE_USDT", string(v.Symbol), frame)
	}
}

// A key that the previous frame had is not left over in the next one.
func TestNothingIsLeftOfThePreviousFrame(t *testing.T) {
	symbols, b, d := knownSymbols(t), new(exchanges.Batch), New()
	for _, frame := range goodFrames {
		require.Equal(t, exchanges.ClassData, d.Decode([]byte(frame), symbols, b).Class)
	}
	require.Equal(t, exchanges.ClassData, d.Decode([]byte(`{"channel":"futures.tickers","event":"update","result":{"contract":"ETH_USDT","last":"1"}}`), symbols, b).Class)
	require.Len(t, b.Items, 1, "nothing is told of the perpetual")
	assert.True(t, b.Items[0].Prices[exchanges.TickerHigh].IsAbsent())
	assert.Equal(t, int64(ring.Absent), b.Items[0].EventTimeNS)
}

// A number is read from a text and from a JSON number alike.
func TestNumbersWithAndWithoutQuotes(t *testing.T) {
	for _, frame := range goodFrames {
		want, wantBatch := decodeOne(t, frame)
		for _, c := range [][2]string{{`"1.5"`, `1.5`}, {`:2}`, `:"2"}`}, {`:-2,`, `:"-2",`}, {`"577"`, `577`}, {`"-0.0001"`, `-0.0001`}, {`"10"`, `10`}} {
			v, b := decodeOne(t, strings.ReplaceAll(frame, c[0], c[1]))
			assert.Equal(t, want, v)
			assert.Equal(t, wantBatch, b, "%s for %s in %s", c[1], c[0], frame)
		}
	}
}

// The order of a level's keys is not fixed, and pairs are levels too.
func TestLevelsAsObjectsAndPairs(t *testing.T) {
	_, want := decodeOne(t, goodDiff)
	for _, level := range []string{`{"s":2,"p":"1.5"}`, `{"x":[{}],"p":"1.5","s":"2.0"}`, `["1.5","2"]`, `["1.5",2]`} {
		_, b := decodeOne(t, strings.Replace(goodDiff, `{"p":"1.5","s":2}`, level, 1))
		assert.Equal(t, want, b, level)
	}
}

// What is empty is absent: sides, times and ids of a book without orders.
func TestEmptyBooks(t *testing.T) {
	_, b := decodeOne(t, `{"id":null,"time":1,"channel":"futures.book_ticker","event":"update","error":null,"result":{"t":0,"u":0,"s":"BTC_USDT","b":"","B":0,"a":"","A":0}}`)
	require.Len(t, b.Items, 1)
	it := &b.Items[0]
	for i := range 2 {
		assert.True(t, it.Prices[i].IsAbsent() && it.Quantities[i].IsAbsent())
	}
	assert.Equal(t, int64(ring.Absent), it.EventTimeNS)
	assert.Zero(t, it.Sequence)
	_, b = decodeOne(t, `{"time":1,"time_ms":0,"channel":"futures.order_book","event":"all","result":{"t":0,"id":0,"contract":"BTC_USDT","asks":[],"bids":[]}}`)
	require.Len(t, b.Items, 1)
	assert.Equal(t, [2]int64{ring.Absent, 1e9}, [2]int64{b.Items[0].EventTimeNS, b.Items[0].SendTimeNS}, "time_ms 0 says nothing")
}

// The event of whole top levels is all; the old form of single levels is passed over.
func TestEventOfData(t *testing.T) {
	for _, c := range []struct {
		frame, event string
		class        exchanges.Class
	}{
		{goodQuote, ``, exchanges.ClassData}, {goodQuote, `"event":"",`, exchanges.ClassData}, {goodQuote, `"event":"all",`, exchanges.ClassUnknown},
		{goodTop, ``, exchanges.ClassData}, {goodTop, `"event":"update",`, exchanges.ClassIgnored}, {goodTop, `"event":"new",`, exchanges.ClassUnknown},
	} {
		frame := strings.NewReplacer(`"event":"update",`, c.event, `"event":"all",`, c.event).Replace(c.frame)
		v, _ := decodeOne(t, frame)
		assert.Equal(t, c.class, v.Class, frame)
	}
}

// A message of trades numbers them, and is refused as a whole.
func TestTradesInAnArray(t *testing.T) {
	body := goodTrade[strings.Index(goodTrade, `[`)+1 : len(goodTrade)-2]
	array := func(n int) string {
		return strings.Replace(goodTrade, body, strings.Repeat(body+",", n-1)+body, 1)
	}
	_, b := decodeOne(t, array(3))
	require.Len(t, b.Items, 3)
	for i, it := range b.Items {
		assert.Equal(t, [2]uint16{uint16(i), 3}, [2]uint16{it.Index, it.Count})
		assert.Equal(t, ring.AggressorSell, it.Aggressor)
	}
	v, b := decodeOne(t, strings.Replace(array(3), `"contract":"BTC_USDT"}]`, `"contract":"BTC_USDT","id":1}]`, 1))
	assert.Equal(t, ring.ReasonMalformed, v.Reason)
	assert.Empty(t, b.Items, "not even the good ones before it")
	_, b = decodeOne(t, array(exchanges.MaxItems))
	assert.Len(t, b.Items, exchanges.MaxItems)
	v, b = decodeOne(t, array(exchanges.MaxItems+1))
	assert.Equal(t, ring.ReasonBoundsExceeded, v.Reason)
	assert.Empty(t, b.Items)
	v, _ = decodeOne(t, strings.Replace(goodTrade, body, "", 1))
	assert.Equal(t, exchanges.ClassIgnored, v.Class)
	_, b = decodeOne(t, strings.Replace(goodTrade, "["+body+"]", body, 1))
	assert.Len(t, b.Items, 1, "one alone")
	_, b = decodeOne(t, strings.Replace(goodTrade, "-2", "0", 1))
	assert.Equal(t, ring.AggressorUnknown, b.Items[0].Aggressor)
}

// A ticker comes in a list, alone, and in a list in a list; nothing deeper is one.
func TestTickersInArrays(t *testing.T) {
	body := goodTick[strings.Index(goodTick, `[`)+1 : len(goodTick)-2]
	_, want := decodeOne(t, goodTick)
	for _, form := range []string{body, "[" + body + "]", "[[" + body + "]]"} {
		_, b := decodeOne(t, strings.Replace(goodTick, "["+body+"]", form, 1))
		assert.Equal(t, want.Items, b.Items, form)
	}
	v, _ := decodeOne(t, strings.Replace(goodTick, body, "[["+body+"]]", 1))
	assert.Equal(t, exchanges.ClassMalformed, v.Class)
	_, b := decodeOne(t, strings.Replace(goodTick, body, body+","+strings.Replace(body, "BTC", "ETH", 1), 1))
	require.Len(t, b.Items, 4)
	assert.Equal(t, [2]uint16{0, 1}, [2]uint16{b.Items[1].Instrument, b.Items[2].Instrument})
}

// One ticker says two things; of the second only what is there.
func TestTickersTellOfThePerpetual(t *testing.T) {
	_, b := decodeOne(t, goodTick)
	require.Len(t, b.Items, 2)
	p := &b.Items[1]
	assert.Equal(t, ring.KindPerpetual, p.Kind)
	assert.Equal(t, [4]exchanges.Decimal{{Mantissa: 155, Exponent: -2}, {Mantissa: 156, Exponent: -2}, {Mantissa: -1, Exponent: -4}, {Mantissa: 577}},
		[4]exchanges.Decimal{p.Prices[exchanges.MarkPrice], p.Prices[exchanges.IndexPrice], p.Quantities[exchanges.FundingRate], p.Quantities[exchanges.OpenInterest]})
	assert.Equal(t, [3]int64{1001e6, 1002e6, 1790380800e9}, [3]int64{p.EventTimeNS, p.SendTimeNS, p.WindowEndNS})
	_, b = decodeOne(t, strings.NewReplacer(`"-0.0001"`, `""`, `,"t":1001`, ``, `1790380800`, `0`).Replace(goodTick))
	p = &b.Items[1]
	assert.True(t, p.Quantities[exchanges.FundingRate].IsAbsent(), "an empty text is no zero")
	assert.Equal(t, [2]int64{1002e6, ring.Absent}, [2]int64{p.EventTimeNS, p.WindowEndNS})
	_, b = decodeOne(t, strings.Replace(goodTick, `"577"`, `"1234567890.12345678951"`, 1))
	assert.Equal(t, [2]ring.Flags{0, ring.FlagRounded}, [2]ring.Flags{b.Items[0].Flags, b.Items[1].Flags})
}

// Refusals and acks say which request and which contract.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, frame, symbol, text string
		class                     exchanges.Class
		code                      int64
	}{
		{"an unknown contract in a list", `{"id":12,"channel":"futures.book_ticker","event":"subscribe","payload":["BTC_USDT","NOPE_USDT"],"error":{"code":2,"message":"unknown currency pair NOPE_USDT"},"result":{"status":"fail"}}`, "NOPE_USDT", "unknown currency pair NOPE_USDT", exchanges.ClassRefusal, 2},
		{"with a colon", `{"id":12,"channel":"futures.tickers","event":"subscribe","payload":["BTC_USDT","NOPE_USDT"],"error":{"code":2,"message":"unknown currency pair: NOPE_USDT"}}`, "NOPE_USDT", "unknown currency pair: NOPE_USDT", exchanges.ClassRefusal, 2},
		{"a second obu stream", `{"id":12,"channel":"futures.obu","event":"subscribe","payload":["ob.BTC_USDT.50"],"error":{"code":2,"message":"Alert sub ob.BTC_USDT.50"}}`, "BTC_USDT", "Alert sub ob.BTC_USDT.50", exchanges.ClassRefusal, 2},
		{"an ack of diffs", `{"id":12,"time":1,"time_ms":0,"channel":"futures.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms","100"],"result":{"status":"success"}}`, "BTC_USDT", "", exchanges.ClassAck, 0},
		{"an ack of top levels", `{"id":12,"channel":"futures.order_book","event":"unsubscribe","payload":["ETH_USDT","20","0"],"result":{"status":"success"}}`, "ETH_USDT", "", exchanges.ClassAck, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, b := decodeOne(t, c.frame)
			require.Equal(t, c.class, v.Class)
			assert.Equal(t, []string{c.symbol, c.text}, []string{string(v.Symbol), string(v.Text)})
			assert.Equal(t, [2]int64{c.code, 12}, [2]int64{v.Code, int64(v.RequestID)})
			assert.Empty(t, b.Items)
		})
	}
}

// An upgrade notice asks to connect anew, in both shapes.
func TestSystemNotices(t *testing.T) {
	for frame, reconnect := range map[string]bool{
		`{"time":1,"channel":"futures.system","event":"update","result":{"type":"upgrade","msg":"soon"}}`: true,
		`{"type":"upgrade","msg":"soon"}`: true,
		`{"time":1,"channel":"futures.system","event":"update","result":{"type":"other","msg":"soon"}}`: false,
	} {
		v, _ := decodeOne(t, frame)
		assert.Equal(t, exchanges.ClassSystem, v.Class)
		assert.Equal(t, reconnect, v.Reconnect)
		assert.Equal(t, "soon", string(v.Text))
	}
}

// Every channel decodes without allocating, a result before the channel too.
func TestDecodeDoesNotAllocate(t *testing.T) {
	frames := map[string]string{
		"result first": `{"result":{"t":1001,"u":5,"s":"BTC_USDT","b":"1.5","B":2,"a":"1.6","A":3},"event":"update","channel":"futures.book_ticker"}`,
		"pong":         `{"time":1,"time_ms":2,"conn_id":"c","channel":"futures.pong","event":"","result":null}`,
	}
	for name, frame := range goodFrames {
		frames[name] = frame
	}
	symbols, b, d := knownSymbols(t), new(exchanges.Batch), New()
	for name, text := range frames {
		frame := []byte(text)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if v := d.Decode(frame, symbols, b); v.Class == exchanges.ClassMalformed {
				panic(fmt.Sprintf("%s: %s", name, v.Text))
			}
		}), name)
	}
}
