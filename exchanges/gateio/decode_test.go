package gateio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// decodeOne decodes a frame with a fresh dialect that knows BTC_USDT and ETH_USDT.
func decodeOne(t testing.TB, frame string) (exchanges.Verdict, *exchanges.Batch) {
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
	goodQuote = `{"time":1,"time_ms":1002,"channel":"spot.book_ticker","event":"update","result":{"t":1001,"u":5,"s":"BTC_USDT","b":"1.5","B":"2","a":"1.6","A":"3"}}`
	goodTrade = `{"time":1,"time_ms":1002,"channel":"spot.trades","event":"update","result":{"id":7,"id_market":8,"create_time":1,"create_time_ms":"1001.5","side":"buy","currency_pair":"BTC_USDT","amount":"2","price":"1.5"}}`
	goodDiff  = `{"time":1,"time_ms":1002,"channel":"spot.order_book_update","event":"update","result":{"t":1001,"s":"BTC_USDT","U":4,"u":5,"b":[["1.5","2"]],"a":[["1.6","0"]]}}`
	goodTop   = `{"time":1,"time_ms":1002,"channel":"spot.order_book","event":"update","result":{"t":1001,"lastUpdateId":5,"s":"BTC_USDT","bids":[["1.5","2"]],"asks":[["1.6","3"]]}}`
	goodOBU   = `{"channel":"spot.obu","result":{"t":1001,"s":"ob.BTC_USDT.50","U":4,"u":5,"b":[["1.5","2"]]},"time_ms":1002,"event":"update"}`
	goodTick  = `{"time":1,"time_ms":1002,"channel":"spot.tickers","event":"update","result":{"currency_pair":"BTC_USDT","last":"1.5","lowest_ask":"1.6","highest_bid":"1.5","base_volume":"10","quote_volume":"15","high_24h":"2","low_24h":"1"}}`
)

var goodFrames = map[string]string{
	"book_ticker": goodQuote, "trades": goodTrade, "order_book_update": goodDiff,
	"order_book": goodTop, "obu": goodOBU, "tickers": goodTick,
}

// A bad frame is refused with the reason and with words that name the key; the
// stream then goes on with the next frame.
func TestBadFramesAreRefusedWithTheirReason(t *testing.T) {
	for _, c := range []struct {
		name   string
		good   string
		old    string
		new    string
		reason ring.Reason
		text   string
	}{
		{"a price that is no number", goodQuote, `"b":"1.5"`, `"b":"abc"`, ring.ReasonNumber, "b is no number"},
		{"a forty-digit price", goodQuote, `"1.5"`, `"` + strings.Repeat("1234567890", 4) + `"`, ring.ReasonNumber, "b is no number"},
		{"a price below zero", goodQuote, `"1.5"`, `"-1.5"`, ring.ReasonNumber, "b is no number"},
		{"a price with an exponent", goodQuote, `"1.5"`, `"1e5"`, ring.ReasonNumber, "b is no number"},
		{"a price without amount", goodQuote, `,"B":"2"`, ``, ring.ReasonMissingKey, "B is missing"},
		{"an amount with an empty price", goodQuote, `"a":"1.6"`, `"a":""`, ring.ReasonMissingKey, "a is missing"},
		{"a price as JSON number", goodQuote, `"1.5"`, `1.5`, ring.ReasonMalformed, "expected string"},
		{"no time", goodQuote, `"t":1001,`, ``, ring.ReasonMissingKey, "t is missing"},
		{"no update id", goodQuote, `"u":5,`, ``, ring.ReasonMissingKey, "u is missing"},
		{"no pair", goodQuote, `"s":"BTC_USDT",`, ``, ring.ReasonMissingKey, "s is missing"},
		{"an update id below zero", goodQuote, `"u":5`, `"u":-5`, ring.ReasonNumber, "u is no number"},
		{"an update id with decimals", goodQuote, `"u":5`, `"u":5.0`, ring.ReasonNumber, "u is no number"},
		{"an update id beyond 64 bits", goodQuote, `"u":5`, `"u":18446744073709551616`, ring.ReasonNumber, "u is no number"},
		{"a time beyond its range", goodQuote, `"t":1001`, `"t":9223372036855`, ring.ReasonNumber, "t is beyond"},
		{"an envelope time beyond its range", goodQuote, `"time_ms":1002`, `"time_ms":9223372036855`, ring.ReasonNumber, "time is beyond"},
		{"a key given twice", goodQuote, `"u":5`, `"u":5,"u":5`, ring.ReasonMalformed, "twice"},
		{"an outer key given twice", goodQuote, `"time":1`, `"time":1,"time":1`, ring.ReasonMalformed, "twice"},
		{"a channel that is no string", goodQuote, `"spot.book_ticker"`, `7`, ring.ReasonMalformed, "expected string"},
		{"a symbol nobody asked for", goodQuote, `BTC_USDT`, `DOGE_USDT`, ring.ReasonUnknownSymbol, "nobody asked"},
		{"a pair in lower case", goodQuote, `BTC_USDT`, `btc_usdt`, ring.ReasonUnknownSymbol, "nobody asked"},
		{"truncated", goodQuote, `"3"}}`, `"3"`, ring.ReasonMalformed, "whole JSON"},
		{"bytes behind the end", goodQuote, `"3"}}`, `"3"}}}`, ring.ReasonMalformed, "whole JSON"},
		{"two frames in one", goodQuote, `"3"}}`, `"3"}}{}`, ring.ReasonMalformed, "whole JSON"},
		{"bad UTF-8", goodQuote, `BTC_USDT`, "BTC\xff", ring.ReasonMalformed, "whole JSON"},
		{"no result", goodQuote, `"result"`, `"resul"`, ring.ReasonMissingKey, "result is missing"},
		{"a null result", goodTick, `{"currency_pair"`, `null,"x":{"currency_pair"`, ring.ReasonMissingKey, "result is missing"},
		{"a result that is no object", goodTick, `{"currency_pair"`, `"text","x":{"currency_pair"`, ring.ReasonMalformed, "result"},
		{"a trade without id", goodTrade, `"id":7,`, ``, ring.ReasonMissingKey, "id is missing"},
		{"a trade without pair", goodTrade, `"currency_pair":"BTC_USDT",`, ``, ring.ReasonMissingKey, "currency_pair is missing"},
		{"a trade without price", goodTrade, `,"price":"1.5"`, ``, ring.ReasonMissingKey, "price is missing"},
		{"a trade with an empty price", goodTrade, `"price":"1.5"`, `"price":""`, ring.ReasonNumber, "price is empty"},
		{"a trade without side", goodTrade, `"side":"buy",`, ``, ring.ReasonMissingKey, "side is missing"},
		{"a trade with another side", goodTrade, `"buy"`, `"both"`, ring.ReasonMalformed, "neither buy nor sell"},
		{"a trade without any time", goodTrade, `"create_time":1,"create_time_ms":"1001.5",`, ``, ring.ReasonMissingKey, "create_time_ms is missing"},
		{"a trade time that is no number", goodTrade, `"1001.5"`, `"1001.5x"`, ring.ReasonNumber, "create_time_ms is no number"},
		{"a trade time in seconds beyond its range", goodTrade, `"create_time":1,"create_time_ms":"1001.5"`, `"create_time":9223372037`, ring.ReasonNumber, "create_time is beyond"},
		{"a level with a bad amount", goodDiff, `["1.5","2"]`, `["1.5","x"]`, ring.ReasonNumber, "b is no number"},
		{"a level with one element", goodDiff, `["1.5","2"]`, `["1.5"]`, ring.ReasonMalformed, "result"},
		{"a level with three elements", goodDiff, `["1.5","2"]`, `["1.5","2","3"]`, ring.ReasonMalformed, "result"},
		{"levels that are no array", goodDiff, `[["1.5","2"]]`, `{}`, ring.ReasonMalformed, "result"},
		{"a diff without first id", goodDiff, `"U":4,`, ``, ring.ReasonMissingKey, "U is missing"},
		{"a diff that ends before it begins", goodDiff, `"U":4`, `"U":6`, ring.ReasonMalformed, "greater than u"},
		{"a full that is no boolean", goodDiff, `"U":4`, `"U":4,"full":1`, ring.ReasonMalformed, "expected bool"},
		{"top levels without asks", goodTop, `,"asks":[["1.6","3"]]`, ``, ring.ReasonMissingKey, "asks is missing"},
		{"top levels without id", goodTop, `"lastUpdateId":5,`, ``, ring.ReasonMissingKey, "lastUpdateId is missing"},
		{"a stream name of another form", goodOBU, `ob.BTC_USDT.50`, `BTC_USDT`, ring.ReasonMalformed, "ob.PAIR.LEVEL"},
		{"a stream of an unknown pair", goodOBU, `BTC_USDT`, `DOGE_USDT`, ring.ReasonUnknownSymbol, "nobody asked"},
		{"a ticker without last price", goodTick, `"last":"1.5",`, ``, ring.ReasonMissingKey, "last is missing"},
		{"a ticker with a bad volume", goodTick, `"10"`, `"ten"`, ring.ReasonNumber, "base_volume is no number"},
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
			v = d.Decode([]byte(c.good), symbols, b)
			assert.Equal(t, exchanges.ClassData, v.Class)
			assert.Len(t, b.Items, 1)
		})
	}
}

// An unknown symbol is named, that of a stream without its wrapping.
func TestUnknownSymbolIsNamed(t *testing.T) {
	for _, frame := range []string{goodQuote, goodTrade, goodDiff, goodTop, goodOBU, goodTick} {
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
	v := d.Decode([]byte(`{"channel":"spot.book_ticker","event":"update","result":{"t":1,"u":2,"s":"ETH_USDT"}}`), symbols, b)
	require.Equal(t, exchanges.ClassData, v.Class)
	it := &b.Items[0]
	assert.True(t, it.Prices[exchanges.BidPrice].IsAbsent())
	assert.True(t, it.Prices[exchanges.AskPrice].IsAbsent())
	assert.Equal(t, int64(ring.Absent), it.SendTimeNS)
	v = d.Decode([]byte(`{"channel":"spot.trades","event":"update","result":{"id":1}}`), symbols, b)
	assert.Equal(t, ring.ReasonMissingKey, v.Reason)
}

// Keys that differ by case only are different keys.
func TestKeysThatDifferByCase(t *testing.T) {
	_, b := decodeOne(t, strings.Replace(goodQuote, `"b":"1.5","B":"2",`, ``, 1))
	require.Len(t, b.Items, 1)
	assert.True(t, b.Items[0].Prices[exchanges.BidPrice].IsAbsent(), "B alone must not land in b")
	v, _ := decodeOne(t, strings.Replace(goodQuote, `"u":5`, `"U":5`, 1))
	assert.Equal(t, ring.ReasonMissingKey, v.Reason)
	_, b = decodeOne(t, strings.Replace(goodDiff, `"t":1001`, `"t":1001,"e":"depthUpdate","E":7,"T":9,"S":"x","A":[],"B":[]`, 1))
	require.Len(t, b.Items, 1)
	assert.Equal(t, int64(1001e6), b.Items[0].EventTimeNS)
}

// The order of the keys does not matter, white space and added keys do neither.
func TestKeyOrderWhiteSpaceAndAddedKeys(t *testing.T) {
	want, wantBatch := decodeOne(t, goodDiff)
	for _, frame := range []string{
		`{"result":{"a":[["1.6","0"]],"b":[["1.5","2"]],"u":5,"U":4,"s":"BTC_USDT","t":1001},"event":"update","channel":"spot.order_book_update","time_ms":1002,"time":1}`,
		"\r\n{ \"channel\" :\t\"spot.order_book_update\", \"result\" : { \"t\" : 1001 , \"s\" : \"BTC_USDT\", \"U\":4 , \"u\":5, \"a\" : [ [ \"1.6\" , \"0\" ] ] , \"b\" : [ [\"1.5\",\"2\"] ] } , \"time_ms\" : 1002 } ",
		`{"new":{"a":[{}]},"channel":"spot.order_book_update","event":"update","result":{"l":"100","t":1001,"s":"BTC_USDT","more":[[["x"]],{"u":9}],"U":4,"u":5,"b":[["1.5","2"]],"a":[["1.6","0"]]},"time_ms":1002,"conn_id":"x"}`,
	} {
		v, b := decodeOne(t, frame)
		assert.Equal(t, want, v, frame)
		require.Len(t, b.Items, 1)
		got := b.Items[0]
		assert.Equal(t, wantBatch.Bids(&wantBatch.Items[0]), b.Bids(&got))
		assert.Equal(t, wantBatch.Asks(&wantBatch.Items[0]), b.Asks(&got))
		assert.Equal(t, [3]int64{1001e6, 1002e6, 4}, [3]int64{got.EventTimeNS, got.SendTimeNS, int64(got.FirstSequence)})
	}
}

// Strings with escapes are read, in names, symbols and numbers.
func TestEscapedStrings(t *testing.T) {
	frame := strings.NewReplacer(`"channel"`, `"ch\u0061nnel"`, `BTC_USDT`, `\u0042TC\u005fUSDT`, `"1.5"`, `"1\u002e5"`).Replace(goodQuote)
	v, b := decodeOne(t, frame)
	require.Equal(t, exchanges.ClassData, v.Class, "%s", v.Text)
	assert.Equal(t, exchanges.Decimal{Mantissa: 15, Exponent: -1}, b.Items[0].Prices[exchanges.BidPrice])
}

// Refusals say which request and which pair, in all shapes the venue has had.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, frame, symbol, text string
		code                      int64
		id                        uint64
	}{
		{"a book channel names its pair first", `{"time":1,"id":12,"channel":"spot.order_book_update","event":"subscribe","payload":["NOPE_USD","100ms"],"error":{"code":2,"message":"unknown currency pair: NOPE_USD"},"result":{"status":"fail"}}`, "NOPE_USD", "unknown currency pair: NOPE_USD", 2, 12},
		{"the older words without payload and colon", `{"time":1,"channel":"spot.trades","event":"subscribe","error":{"code":2,"message":"unknown currency pair GIBBERISH_USD"},"result":null}`, "GIBBERISH_USD", "unknown currency pair GIBBERISH_USD", 2, 0},
		{"a list whose words name one", `{"id":3,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT","NOPE_USDT"],"error":{"code":2,"message":"unknown currency pair: NOPE_USDT"}}`, "NOPE_USDT", "unknown currency pair: NOPE_USDT", 2, 3},
		{"a list whose words name none", `{"id":3,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT","NOPE_USDT"],"error":{"code":3,"message":"server error"}}`, "", "server error", 3, 3},
		{"a stream name", `{"id":1,"channel":"spot.obu","event":"subscribe","payload":["ob.BTC_USDT.400"],"error":{"code":2,"message":"Alert sub ob.BTC_USDT.400"},"result":{"status":"fail"}}`, "BTC_USDT", "Alert sub ob.BTC_USDT.400", 2, 1},
		{"an error that is a text", `{"channel":"spot.obu","event":"subscribe","error":"bad"}`, "", "bad", 0, 0},
		{"an error that is a number", `{"channel":"spot.obu","event":"subscribe","error":5}`, "", "5", 0, 0},
		{"an error that is a list", `{"channel":"spot.obu","event":"subscribe","error":[1]}`, "", "[1]", 0, 0},
		{"an error without code", `{"channel":"spot.obu","error":{"message":"m"}}`, "", "m", 0, 0},
		{"an id of another kind", `{"id":"seven","channel":"spot.tickers","event":"subscribe","payload":["BTC_USDT"],"error":{"code":1,"message":"m"}}`, "BTC_USDT", "m", 1, 0},
		{"an error in data", strings.Replace(goodQuote, `"time":1,`, `"error":{"code":3,"message":"m"},`, 1), "", "m", 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, b := decodeOne(t, c.frame)
			require.Equal(t, exchanges.ClassRefusal, v.Class)
			assert.Equal(t, []string{c.symbol, c.text}, []string{string(v.Symbol), string(v.Text)})
			assert.Equal(t, c.code, v.Code)
			assert.Equal(t, c.id, v.RequestID)
			assert.Empty(t, b.Items)
		})
	}
}

// Answers say which stream and pair, and whether it began or ended.
func TestAcks(t *testing.T) {
	d, symbols, b := New(), knownSymbols(t), new(exchanges.Batch)
	v := d.Decode([]byte(`{"id":4,"channel":"spot.order_book_update","event":"unsubscribe","payload":["BTC_USDT","100ms"],"error":null,"result":{"status":"success"}}`), symbols, b)
	assert.Equal(t, exchanges.Verdict{Class: exchanges.ClassAck, Stream: StreamBook, Unsubscribe: true, RequestID: 4, Symbol: []byte("BTC_USDT")}, v)
	v = d.Decode([]byte(`{"id":5,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT","ETH_USDT"],"result":{"status":"success"}}`), symbols, b)
	assert.Equal(t, exchanges.Verdict{Class: exchanges.ClassAck, Stream: StreamTrades, RequestID: 5}, v)
	v = d.Decode([]byte(`{"id":6,"channel":"spot.obu","event":"subscribe","payload":["ob.ETH_USDT.50"],"result":{"status":"success"}}`), symbols, b)
	assert.Equal(t, exchanges.NoStream, v.Stream, "obu was not asked for by these options")
	assert.Equal(t, "ETH_USDT", string(v.Symbol))
	require.NoError(t, d.Set("gateio.book", "obu@50"))
	v = d.Decode([]byte(goodOBU), symbols, b)
	assert.Equal(t, StreamBook, v.Stream)
}

// An upgrade notice asks to connect anew, in both shapes; other notices do not.
func TestSystemNotices(t *testing.T) {
	for frame, reconnect := range map[string]bool{
		`{"time":1,"channel":"spot.system","event":"update","result":{"type":"upgrade","msg":"soon"}}`: true,
		`{"type":"upgrade","msg":"soon"}`: true,
		`{"time":1,"channel":"spot.system","event":"update","result":{"type":"invalid_sbe_schema_id","msg":"soon"}}`: false,
	} {
		v, _ := decodeOne(t, frame)
		assert.Equal(t, exchanges.ClassSystem, v.Class)
		assert.Equal(t, reconnect, v.Reconnect)
		assert.Equal(t, "soon", string(v.Text))
	}
}

// Data without an event, and with an empty one, is data; another event is not.
func TestEventOfData(t *testing.T) {
	for event, class := range map[string]exchanges.Class{
		``: exchanges.ClassData, `"event":"",`: exchanges.ClassData, `"event":null,`: exchanges.ClassData, `"event":"all",`: exchanges.ClassUnknown,
	} {
		v, _ := decodeOne(t, strings.Replace(goodQuote, `"event":"update",`, event, 1))
		assert.Equal(t, class, v.Class, event)
	}
}

// A message of trades as an array numbers them, and is refused as a whole.
func TestTradesInAnArray(t *testing.T) {
	body := goodTrade[strings.Index(goodTrade, `"result":`)+len(`"result":`) : len(goodTrade)-1]
	array := func(n int) string {
		return strings.Replace(goodTrade, body, "["+strings.Repeat(body+",", n-1)+body+"]", 1)
	}
	_, b := decodeOne(t, array(3))
	require.Len(t, b.Items, 3)
	for i, it := range b.Items {
		assert.Equal(t, [2]uint16{uint16(i), 3}, [2]uint16{it.Index, it.Count})
	}
	v, b := decodeOne(t, strings.Replace(array(3), `"price":"1.5"}]`, `"price":"x"}]`, 1))
	assert.Equal(t, ring.ReasonNumber, v.Reason)
	assert.Empty(t, b.Items, "not even the good ones before it")
	_, b = decodeOne(t, array(exchanges.MaxItems))
	assert.Len(t, b.Items, exchanges.MaxItems)
	v, b = decodeOne(t, array(exchanges.MaxItems+1))
	assert.Equal(t, ring.ReasonBoundsExceeded, v.Reason)
	assert.Empty(t, b.Items)
	v, _ = decodeOne(t, strings.Replace(goodTrade, body, "[]", 1))
	assert.Equal(t, exchanges.ClassIgnored, v.Class)
}

// A book of more levels than a message may have is refused.
func TestLevelsAreBounded(t *testing.T) {
	levels := func(n int) string {
		return strings.Replace(goodTop, `"bids":[["1.5","2"]]`, `"bids":[["1.5","2"]`+strings.Repeat(`,["1","1"]`, n-1)+`]`, 1)
	}
	_, b := decodeOne(t, levels(exchanges.MaxLevels-1))
	require.Len(t, b.Items, 1)
	assert.Len(t, b.Bids(&b.Items[0]), exchanges.MaxLevels-1)
	v, b := decodeOne(t, levels(exchanges.MaxLevels))
	assert.Equal(t, ring.ReasonBoundsExceeded, v.Reason)
	assert.Empty(t, b.Levels)
}

// A volume of more digits than fit is rounded and says so; a price is refused.
func TestVolumesAreRoundedAndFlagged(t *testing.T) {
	_, b := decodeOne(t, strings.Replace(goodTick, `"quote_volume":"15"`, `"quote_volume":"1234567890.12345678951"`, 1))
	require.Len(t, b.Items, 1)
	assert.Equal(t, ring.FlagRounded, b.Items[0].Flags)
	assert.Equal(t, "1234567890.12345679", decimalText(b.Items[0].Quantities[exchanges.QuoteVolume]))
	v, _ := decodeOne(t, strings.Replace(goodTick, `"last":"1.5"`, `"last":"1234567890.12345678951"`, 1))
	assert.Equal(t, ring.ReasonNumber, v.Reason)
}

// Every channel decodes without allocating, a result before the channel too.
func TestDecodeDoesNotAllocate(t *testing.T) {
	late := `{"result":{"t":1001,"u":5,"s":"BTC_USDT","b":"1.5","B":"2","a":"1.6","A":"3"},"event":"update","channel":"spot.book_ticker"}`
	pong := `{"time":1,"time_ms":2,"conn_id":"c","channel":"spot.pong","event":"","result":null,"requestId":"r"}`
	frames := map[string]string{"result first": late, "pong": pong}
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
