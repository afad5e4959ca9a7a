package gateiofutures

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// Every documented value is taken; everything else is refused in one line that
// says what is allowed.
func TestSet(t *testing.T) {
	d := New()
	for _, c := range [][2]string{
		{keyBook, "order_book_update@100ms"}, {keyBook, "order_book_update@20ms"}, {keyBook, "order_book_update@100ms@20"}, {keyBook, "order_book_update@100ms@50"},
		{keyBook, "order_book_update@20ms@20"}, {keyBook, "obu@50"}, {keyBook, "obu@400"}, {keyBook, "order_book@1"}, {keyBook, "order_book@100"},
		{keyQuiet, "0"}, {keyQuiet, "90s"}, {keySettle, "btc"}, {keySettle, "usdt"},
	} {
		assert.NoError(t, d.Set(c[0], c[1]), c)
	}
	for _, c := range [][3]string{
		{keyBook, "order_book@30", "order_book@1|5"}, {keyBook, "order_book_update@1000ms", "order_book_update@100ms"}, {keyBook, "order_book_update@20ms@100", "20 levels"},
		{keyBook, "order_book_update@100ms@10", "100 levels"}, {keyBook, "order_book_update@100ms@20@20", "100 levels"}, {keyBook, "obu@20", "obu@50"}, {keyBook, "", "obu@50"},
		{keyQuiet, "soon", "1s to 24h"}, {keyQuiet, "1ms", "1s to 24h"}, {keySettle, "USDT", "usdt, btc"}, {"gateio.book", "obu@50", keyBook},
	} {
		err := d.Set(c[0], c[1])
		require.Error(t, err, c)
		assert.Contains(t, err.Error(), c[2])
		assert.NotContains(t, err.Error(), "\n")
	}
}

// Options are what Set takes, defaults included.
func TestOptionsAreTrue(t *testing.T) {
	d := New()
	for _, o := range d.Options() {
		assert.NoError(t, d.Set(o.Key, o.Default), o.Key)
		assert.NotEmpty(t, o.Values)
		assert.NotEmpty(t, o.Doc)
	}
	assert.Equal(t, New(), d, "setting the defaults changes nothing")
}

// The WebSocket refuses names with other signs, and their list with them.
func TestNativeSymbols(t *testing.T) {
	d := New()
	native, err := d.NativeSymbol("1INCH", "USDT")
	require.NoError(t, err)
	assert.Equal(t, "1INCH_USDT", native)
	base, quote, ok := d.ParseNative(native)
	assert.Equal(t, [3]any{"1INCH", "USDT", true}, [3]any{base, quote, ok})
	for _, c := range [][2]string{{"btc", "USDT"}, {"BTC", ""}, {"BTC_", "USDT"}, {"币安人生", "USDT"}, {strings.Repeat("A", 28), "USDT"}} {
		_, err := d.NativeSymbol(c[0], c[1])
		require.Error(t, err, c)
		assert.Contains(t, err.Error(), "BTC/USDT")
	}
	for _, native := range []string{"", "_", "BTC", "BTC_", "_USDT", "BTC_USDT_20261225", "btc_usdt"} {
		_, _, ok := d.ParseNative(native)
		assert.False(t, ok, native)
	}
}

// Tick and multiplier are increments as written, absent or zero where there is none.
func TestParseMetadata(t *testing.T) {
	d := New()
	infos, err := d.ParseMetadata([]byte(`[{"name":"BTC_USDT","type":"direct","quanto_multiplier":"0.0001","order_price_round":"0.1","enable_decimal":false,"in_delisting":false,"status":"trading"},
		{"name":"ETH_USDT","type":"direct","quanto_multiplier":"0.01","order_price_round":"0.05","enable_decimal":true,"status":"trading"},
		{"name":"ACH_USDT","quanto_multiplier":"11","order_price_round":"0.000001","in_delisting":true},
		{"name":"OLD_USDT","quanto_multiplier":"1","order_price_round":"x","status":"delisted"},
		{"name":"GO_USDT","quanto_multiplier":"1","order_price_round":"1","in_delisting":true,"status":"delisting"},
		{"name":"BTC_USD","type":"inverse","quanto_multiplier":"0","order_price_round":"0.1"},
		{"name":"龙虾_USDT","quanto_multiplier":"1","order_price_round":"1"},{"name":""}]`))
	require.NoError(t, err)
	number := func(m int64, e int8) exchanges.Decimal { return exchanges.Decimal{Mantissa: m, Exponent: e} }
	lot := number(1, 0)
	assert.Equal(t, []exchanges.InstrumentInfo{
		{Native: "BTC_USDT", Base: "BTC", Quote: "USDT", Tick: number(1, -1), Lot: lot, Multiplier: number(1, -4)},
		{Native: "ETH_USDT", Base: "ETH", Quote: "USDT", Tick: number(5, -2), Lot: exchanges.AbsentDecimal, Multiplier: number(1, -2)},
		{Native: "ACH_USDT", Base: "ACH", Quote: "USDT", Tick: number(1, -6), Lot: lot, Multiplier: number(11, 0), Halted: true},
		{Native: "OLD_USDT", Base: "OLD", Quote: "USDT", Tick: exchanges.AbsentDecimal, Lot: lot, Multiplier: number(1, 0), Halted: true},
		{Native: "GO_USDT", Base: "GO", Quote: "USDT", Tick: number(1, 0), Lot: lot, Multiplier: number(1, 0)},
		{Native: "BTC_USD", Base: "BTC", Quote: "USD", Tick: number(1, -1), Lot: lot},
	}, infos)
	for _, body := range []string{``, `[]`, `null`, `{}`, `"x"`, `[1]`, `{"label":"CONTRACT_NOT_FOUND"}`, `<html>`} {
		_, err := d.ParseMetadata([]byte(body))
		assert.Error(t, err, body)
	}
}

// rest gives the bodies of the recording's REST answers, by a part of their address.
func rest(t *testing.T, part string) (bodies []string) {
	t.Helper()
	for _, line := range recordings.Lines(t, capturePath(t)) {
		var row struct{ Op, URL, Data string }
		require.NoError(t, json.Unmarshal(line, &row))
		if row.Op == "rest" && strings.Contains(row.URL, part) {
			bodies = append(bodies, row.Data)
		}
	}
	require.NotEmpty(t, bodies)
	return bodies
}

// The recorded list of 302 contracts is read whole.
func TestParseRecordedMetadata(t *testing.T) {
	infos, err := New().ParseMetadata([]byte(rest(t, "/contracts")[0]))
	require.NoError(t, err)
	assert.Len(t, infos, 302)
	byName := map[string]exchanges.InstrumentInfo{}
	for _, i := range infos {
		assert.Positive(t, i.Multiplier.Mantissa, i.Native)
		assert.Positive(t, i.Tick.Mantissa, i.Native)
		byName[i.Native] = i
	}
	assert.Equal(t, exchanges.Decimal{Mantissa: 96, Exponent: -1}, byName["PYR_USDT"].Multiplier)
	assert.Equal(t, exchanges.Decimal{Mantissa: 5, Exponent: -2}, byName["ETH_USDT"].Tick)
	assert.Equal(t, exchanges.Decimal{Mantissa: 1, Exponent: -4}, byName["BTC_USDT"].Multiplier)
}

// Addresses are the fact sheet's, by settle currency; the header asks for decimals.
func TestAddresses(t *testing.T) {
	d := New()
	assert.Equal(t, "gateio-futures", d.Venue())
	assert.Equal(t, "wss://fx-ws.gateio.ws/v4/ws/usdt", d.DefaultURL())
	assert.Equal(t, "https://api.gateio.ws/api/v4/futures/usdt/contracts", d.DefaultRESTURL()+d.MetadataPath())
	assert.Equal(t, "1", d.Header().Get("X-Gate-Size-Decimal"))
	require.NoError(t, d.Set(keySettle, "btc"))
	assert.Equal(t, "wss://fx-ws.gateio.ws/v4/ws/btc", d.DefaultURL())
	assert.Equal(t, "/futures/btc/contracts", d.MetadataPath())
}

// A snapshot is asked for exactly as deep as the stream.
func TestSnapshotPath(t *testing.T) {
	d := New()
	assert.Equal(t, "/futures/usdt/order_book?contract=BTC_USDT&limit=100&with_id=true", d.SnapshotPath("BTC_USDT"))
	require.NoError(t, d.Set(keyBook, "order_book_update@20ms"))
	assert.Contains(t, d.SnapshotPath("BTC_USDT"), "&limit=20&")
	require.NoError(t, d.Set(keyBook, "order_book_update@100ms@50"))
	assert.Contains(t, d.SnapshotPath("BTC_USDT"), "&limit=50&")
}

// A book by REST has sizes with and without quotes and times in seconds.
func TestParseSnapshot(t *testing.T) {
	d, b := New(), new(exchanges.Batch)
	require.NoError(t, d.ParseSnapshot([]byte(`{"id":203083287,"current":1684930166.384,"update":1684930166.35,"asks":[{"s":803,"p":"0.2974"}],"bids":[{"s":"1.5","p":"0.2973"},{"p":"0.29","s":"7"}]}`), b))
	it := &b.Items[0]
	assert.Equal(t, [2]int64{203083287, 1684930166_350000000}, [2]int64{int64(it.Sequence), it.EventTimeNS})
	assert.Equal(t, [2]uint8{uint8(exchanges.RuleREST), uint8(ring.KindDepth)}, [2]uint8{uint8(it.Rule), uint8(it.Kind)})
	assert.Equal(t, [][2]string{{"0.2973", "1.5"}, {"0.29", "7"}}, levelTexts(b.Bids(it)))
	assert.Equal(t, [][2]string{{"0.2974", "803"}}, levelTexts(b.Asks(it)))
	for text, want := range map[string]int64{`0`: ring.Absent, `1684930166`: 1684930166e9, `1684930166.0`: 1684930166e9, `1684930166.000000001`: 1684930166e9 + 1, `1e9`: ring.Absent, `9223372037`: ring.Absent, `1.0000000001`: ring.Absent} {
		require.NoError(t, d.ParseSnapshot([]byte(`{"id":1,"update":`+text+`,"asks":[],"bids":[]}`), b))
		assert.Equal(t, want, b.Items[0].EventTimeNS, text)
	}
	for _, body := range []string{`{}`, `{"id":0,"asks":[],"bids":[]}`, `{"id":1,"asks":[{"p":"1"}]}`, `{"id":1,"asks":[{"p":"1","s":"-1"}]}`, `{"id":1,"asks":[{"p":"1","s":null}]}`, `[]`, `x`} {
		assert.ErrorIs(t, d.ParseSnapshot([]byte(body), b), exchanges.ErrSnapshot, body)
	}
	for _, body := range rest(t, "/order_book") {
		require.NoError(t, d.ParseSnapshot([]byte(body), b))
		assert.NotZero(t, b.Items[0].Sequence)
		assert.NotEmpty(t, b.Bids(&b.Items[0]))
		assert.NotEqual(t, int64(ring.Absent), b.Items[0].EventTimeNS)
	}
}
