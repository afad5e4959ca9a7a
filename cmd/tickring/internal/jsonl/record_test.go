package jsonl

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// keysByKind is the table of the README, in order.
var keysByKind = map[string]string{
	"book_ticker": "bid_price bid_quantity ask_price ask_quantity send_time_ns",
	"trade":       "price quantity trade_id aggressor index count send_time_ns",
	"depth":       "first_sequence bids asks",
	"ticker":      "last bid ask open high low base_volume quote_volume window_end_ns",
	"status":      "code scope reason text first_missing last_missing since_ns",
	"perpetual":   "mark_price index_price funding_rate funding_time_ns open_interest send_time_ns",
}

const commonKeys = "seq kind feed venue symbol flags recv_time_ns publish_time_ns event_time_ns " +
	"venue_sequence book_epoch connection "

// keysOf lists an object's keys in the order in which they stand.
func keysOf(t require.TestingT, line []byte) []string {
	d := json.NewDecoder(strings.NewReader(string(line)))
	var keys []string
	depth, atKey := 0, false
	for d.More() || depth > 0 {
		token, err := d.Token()
		require.NoError(t, err)
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			atKey = depth == 1
		case string:
			if depth == 1 && atKey {
				keys = append(keys, v)
				atKey = false
				continue
			}
			atKey = depth == 1
		default:
			atKey = depth == 1
		}
		if depth == 0 {
			break
		}
	}
	return keys
}

// Intent: every line is JSON with exactly the promised keys, in order, on one line
// without spaces between tokens.
func TestLineHasTheKeysOfItsKindInOrder(t *testing.T) {
	view, err := ring.OpenView(scriptedSegment(t))
	require.NoError(t, err)
	e, seen := NewEncoder(view), map[string]bool{}
	for _, r := range scriptedRecords() {
		line := e.AppendRecord(nil, &r)
		var object struct{ Kind string }
		require.NoError(t, json.Unmarshal(line, &object), "%s", line)
		seen[object.Kind] = true
		assert.Equal(t, commonKeys+keysByKind[object.Kind], strings.Join(keysOf(t, line), " "))
		assert.Equal(t, 1, strings.Count(string(line), "\n"))
	}
	assert.Len(t, seen, len(keysByKind), "a kind is missing from the script")
}

// Intent: a decimal in a line is the record's number exactly.
func TestDecimalIsTheExactNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mantissa, exponent := rapid.Int64Min(ring.Absent+1).Draw(t, "mantissa"), rapid.Int8().Draw(t, "exponent")
		text := string(appendDecimal(nil, mantissa, exponent))
		require.True(t, strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`), text)
		got, ok := new(big.Rat).SetString(strings.Trim(text, `"`))
		require.True(t, ok, text)
		want := new(big.Rat).SetInt64(mantissa)
		want.Mul(want, powerOfTen(int(exponent)))
		assert.Zero(t, want.Cmp(got), "%d x 10^%d printed as %s", mantissa, exponent, text)
	})
}

func powerOfTen(exponent int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
	if exponent < 0 {
		p.Inv(p)
	}
	return p
}

// Intent: any bytes become a valid JSON string that decodes to the same text, with
// what is no UTF-8 replaced byte by byte.
func TestStringIsEscapedAndNothingElse(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"plain text stands as it is", "BTC/USDT <&> \u2028", "\"BTC/USDT <&> \u2028\""},
		{"quote and backslash take a backslash", `a"\`, `"a\"\\"`},
		{"every control byte is a u escape", "\x00\b\t\n\r\x1f", `"\u0000\u0008\u0009\u000a\u000d\u001f"`},
		{"delete is no control byte here", "\x7f", "\"\x7f\""},
		{"a bad byte is replaced", "a\xffb", `"a\ufffdb"`},
		{"each byte of a cut character is replaced", "\xe2\x82", `"\ufffd\ufffd"`},
		{"a surrogate is three bad bytes", "\xed\xa0\x80", `"\ufffd\ufffd\ufffd"`},
		{"an overlong form is bad bytes", "\xc0\x80", `"\ufffd\ufffd"`},
		{"a real replacement character stands", "\ufffd", "\"\ufffd\""},
		{"four bytes stand", "\U0001f600", "\"\U0001f600\""},
		{"nothing is an empty string", "", `""`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, string(AppendString(nil, c.text))) })
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		var back string
		require.NoError(t, json.Unmarshal(AppendString(nil, text), &back))
		want := strings.Map(func(r rune) rune { return r }, string(text))
		assert.Equal(t, want, back)
		assert.True(t, utf8.ValidString(back))
	})
}

// Intent: an instrument that is added while the encoder is in use prints its name
// from its first record on, and a row that is none prints null.
func TestSymbolOfAnInstrumentAddedLater(t *testing.T) {
	cfg := ring.Config{Feed: "f", Venue: "v", Generation: 1, Slots: 8, MaxInstruments: 4, BookDepth: 1}
	size, err := cfg.Size()
	require.NoError(t, err)
	buf := make([]byte, size)
	require.NoError(t, ring.Format(buf, cfg))
	w, err := ring.NewWriter(buf, func() int64 { return 1 })
	require.NoError(t, err)
	w.Ready()
	view, err := ring.OpenView(buf)
	require.NoError(t, err)
	e := NewEncoder(view)
	assert.Equal(t, "null", string(e.symbol(0)))
	_, err = w.AddInstrument(ring.InstrumentSpec{Native: "A_B", Base: "A", Quote: "B"})
	require.NoError(t, err)
	assert.Equal(t, `"A/B"`, string(e.symbol(0)))
	assert.Equal(t, "null", string(e.symbol(1)))
	assert.Equal(t, "null", string(e.symbol(ring.NoInstrument)))
}

// Intent: printing allocates nothing once the destination has grown.
func TestAppendRecordAllocatesNothing(t *testing.T) {
	view, err := ring.OpenView(scriptedSegment(t))
	require.NoError(t, err)
	e, records, dst := NewEncoder(view), liveRecords(), make([]byte, 0, 1<<16)
	allocs := testing.AllocsPerRun(100, func() {
		dst = dst[:0]
		for i := range records {
			dst = e.AppendRecord(dst, &records[i])
		}
	})
	assert.Zero(t, allocs)
}

// liveRecords are the scripted ones but for those that no running feed has:
// values without a name, whose text is made as it is printed.
func liveRecords() (live []ring.Record) {
	for _, r := range scriptedRecords() {
		if r.Kind != ring.KindStatus || r.Status().TextLength == 0 {
			live = append(live, r)
		}
	}
	return live
}

// Intent: the lines of decode have the keys of tail without seq, feed and our
// clocks, and a depth event is one line.
func TestFrameLines(t *testing.T) {
	f := NewFrames(`a"b.jsonl`, "gateio")
	b := &exchanges.Batch{}
	d := func(m int64, e int8) exchanges.Decimal { return exchanges.Decimal{Mantissa: m, Exponent: e} }
	depth := b.Add(ring.KindDepth)
	depth.Flags, depth.Sequence, depth.FirstSequence, depth.EventTimeNS = ring.FlagSnapshot, 9, 7, 5
	b.Levels = append(b.Levels, exchanges.Level{Price: d(15, -1), Quantity: d(2, 3)},
		exchanges.Level{Price: d(14, -1), Quantity: d(0, 0)}, exchanges.Level{Price: d(2, 0), Quantity: d(1, 0)})
	depth.BidsTo, depth.AsksFrom, depth.AsksTo = 2, 2, 3
	trade := b.Add(ring.KindTrade)
	trade.Prices[exchanges.TradePrice], trade.Quantities[exchanges.TradeQty] = d(644, -8), d(1, 0)
	trade.IDFormat, trade.TradeID, trade.Aggressor, trade.Index, trade.Count = ring.IDUint64, 5, ring.AggressorSell, 1, 2
	b.Add(ring.KindBookTicker)
	ticker := b.Add(ring.KindTicker)
	ticker.Prices[exchanges.TickerLast], ticker.Quantities[exchanges.QuoteVolume] = d(3, 0), d(4, 1)
	head := func(i, kind string) string {
		return `{"file":"a\"b.jsonl","line":3,"i":` + i + `,"kind":"` + kind + `","venue":"gateio","symbol":"BTC/USDT",`
	}
	want := []string{
		head("0", "depth") + `"flags":["FIRST","LAST","SNAPSHOT"],"event_time_ns":5,"venue_sequence":9,` +
			`"first_sequence":7,"bids":[["1.5","2000"],["1.4","0"]],"asks":[["2","1"]]}`,
		head("1", "trade") + `"flags":["FIRST","LAST"],"event_time_ns":null,"venue_sequence":null,"price":"0.00000644",` +
			`"quantity":"1","trade_id":"5","aggressor":"sell","index":1,"count":2,"send_time_ns":null}`,
		head("2", "book_ticker") + `"flags":["FIRST","LAST"],"event_time_ns":null,"venue_sequence":null,` +
			`"bid_price":null,"bid_quantity":null,"ask_price":null,"ask_quantity":null,"send_time_ns":null}`,
		head("3", "ticker") + `"flags":["FIRST","LAST"],"event_time_ns":null,"venue_sequence":null,"last":"3","bid":null,` +
			`"ask":null,"open":null,"high":null,"low":null,"base_volume":null,"quote_volume":"40","window_end_ns":null}`,
	}
	for i := range b.Items {
		assert.Equal(t, want[i]+"\n", string(f.AppendItem(nil, 3, i, "BTC/USDT", b)))
	}
	assert.Equal(t, `{"file":"a\"b.jsonl","line":4,"i":0,"control":"ack"}`+"\n", string(f.AppendControl(nil, 4, "ack")))
	assert.Equal(t, `{"file":"a\"b.jsonl","line":5,"i":0,"malformed":"no \"s\""}`+"\n",
		string(f.AppendMalformed(nil, 5, `no "s"`)))
}
