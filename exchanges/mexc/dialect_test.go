package mexc

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// Every documented value is taken; everything else is refused in one line that
// says what is allowed.
func TestSet(t *testing.T) {
	d := New()
	for _, o := range d.Options() {
		for _, value := range o.Values {
			if !strings.Contains(value, " ") {
				assert.NoError(t, d.Set(o.Key, value), "%s=%s", o.Key, value)
			}
		}
	}
	for _, c := range [][2]string{{"mexc.quiet", "0"}, {"mexc.quiet", "90s"}, {"mexc.life", "1s"}, {"mexc.life", "24h"}} {
		assert.NoError(t, d.Set(c[0], c[1]), c)
	}
	for _, c := range [][3]string{
		{"mexc.book", "limit.depth@50", "limit.depth@20"}, {"mexc.book", "increase.depth", "aggre.depth@10ms"}, {"mexc.book", "", "aggre.depth@100ms"},
		{"mexc.ticker", "aggre", "aggre@10ms, aggre@100ms, batch"}, {"mexc.trades", "deals", "aggre.deals@10ms"}, {"mexc.zone", "24h", "24H"}, {"mexc.zone", "UTC+14", "UTC+13"},
		{"mexc.repeats", "keep", "mark, drop"}, {"mexc.quiet", "soon", "1s to 24h"}, {"mexc.quiet", "1ms", "1s to 24h"}, {"mexc.quiet", "25h", "1s to 24h"},
		{"mexc.life", "0", "1s to 24h"}, {"mexc.life", "25h", "1s to 24h"}, {"mexc.life", "-1s", "1s to 24h"}, {"mexc.boook", "batch", "mexc.book"}, {"gateio.book", "x", "mexc.life"},
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

// Repeated quotes are marked by default, and dropped on demand.
func TestRepeats(t *testing.T) {
	d := New()
	assert.False(t, d.DropRepeats())
	require.NoError(t, d.Set("mexc.repeats", "drop"))
	assert.True(t, d.DropRepeats())
	require.NoError(t, d.Set("mexc.repeats", "mark"))
	assert.False(t, d.DropRepeats())
}

// The venue's spelling runs base and quote together; only a known quote splits it.
func TestNativeSymbols(t *testing.T) {
	d := New()
	for _, c := range [][3]string{
		{"BTC", "USDT", "BTCUSDT"}, {"USDC", "USDT", "USDCUSDT"}, {"CRV", "ETH", "CRVETH"}, {"ETH", "BTC", "ETHBTC"},
		{"TOMO3L", "USDT", "TOMO3LUSDT"}, {"MX", "USDT", "MXUSDT"}, {"BTC", "USD1", "BTCUSD1"}, {"龙虾", "USDT", "龙虾USDT"},
	} {
		native, err := d.NativeSymbol(c[0], c[1])
		require.NoError(t, err)
		assert.Equal(t, c[2], native)
		base, quote, ok := d.ParseNative(native)
		assert.True(t, ok)
		assert.Equal(t, [2]string{c[0], c[1]}, [2]string{base, quote})
	}
	for _, c := range [][2]string{{"btc", "USDT"}, {"BTC", "usdt"}, {"", "USDT"}, {"BTC", ""}, {"BTC_", "USDT"}, {"B-C", "USDT"}, {"B@C", "USDT"}, {"B\"C", "USDT"}, {"B,C", "USDT"}, {"B]", "USDT"}, {"B\xff", "USDT"}, {strings.Repeat("A", 29), "USDT"}} {
		_, err := d.NativeSymbol(c[0], c[1])
		require.Error(t, err, c)
		assert.Contains(t, err.Error(), "BTC/USDT")
		assert.NotContains(t, err.Error(), "\n")
	}
	for _, native := range []string{"", "USDT", "BTC", "BTCXYZ", "btcusdt", "BTC_USDT", "BTC/USDT"} {
		_, _, ok := d.ParseNative(native)
		assert.False(t, ok, native)
	}
}

// Tick and lot are exact powers of ten, the status has had three spellings, and
// what is not said is absent.
func TestParseMetadata(t *testing.T) {
	pair := func(symbol, status, rest string) string {
		return fmt.Sprintf(`{"symbol":%q,"status":%s,"baseAsset":"A","quoteAsset":"B"%s}`, symbol, status, rest)
	}
	infos, err := New().ParseMetadata([]byte(`{"timezone":"CST","serverTime":1,"rateLimits":[],"symbols":[` + strings.Join([]string{
		pair("ONLINE", `"1"`, `,"quotePrecision":2,"baseAssetPrecision":6,"isSpotTradingAllowed":false,"filters":[]`), pair("PAUSED", `"2"`, `,"quotePrecision":0`),
		pair("OFFLINE", `"3"`, `,"quotePrecision":99,"baseAssetPrecision":-1`), pair("OLD", `"ENABLED"`, ``), pair("NUMBER", `1`, ``), pair("NULL", `null`, ``),
		pair("", `"1"`, ``), pair("A_NAME_THAT_IS_LONGER_THAN_THE_TABLE_HAS_ROOM_FOR", `"1"`, ``),
	}, ",") + `]}`))
	require.NoError(t, err)
	info := func(symbol string, tick, lot exchanges.Decimal, halted bool) exchanges.InstrumentInfo {
		return exchanges.InstrumentInfo{Native: symbol, Base: "A", Quote: "B", Tick: tick, Lot: lot, Halted: halted}
	}
	absent, ten := exchanges.AbsentDecimal, func(e int8) exchanges.Decimal { return exchanges.Decimal{Mantissa: 1, Exponent: e} }
	assert.Equal(t, []exchanges.InstrumentInfo{
		info("ONLINE", ten(-2), ten(-6), false), info("PAUSED", ten(0), absent, true), info("OFFLINE", absent, absent, true),
		info("OLD", absent, absent, false), info("NUMBER", absent, absent, false), info("NULL", absent, absent, false),
	}, infos)
	for _, body := range []string{``, `[]`, `null`, `{}`, `"x"`, `{"symbols":[]}`, `{"symbols":[1]}`, `{"symbol":5}`, `{"code":-1121,"msg":"Invalid symbol."}`, `<html>`} {
		_, err := New().ParseMetadata([]byte(body))
		assert.Error(t, err, body)
	}
}

// The published entries of a pair are read as they are, alone and in a list.
func TestParseSharedMetadata(t *testing.T) {
	want := exchanges.InstrumentInfo{
		Native: "BTCUSDT", Base: "BTC", Quote: "USDT",
		Tick: exchanges.Decimal{Mantissa: 1, Exponent: -2}, Lot: exchanges.Decimal{Mantissa: 1, Exponent: -6},
	}
	body, err := os.ReadFile(recordings.Path(t, "fixtures", "mexc", "rest", "exchangeinfo_symbol_btcusdt_20230405.json"))
	require.NoError(t, err)
	list, err := json.Marshal(map[string]any{"symbols": []json.RawMessage{body, body}})
	require.NoError(t, err)
	infos, err := New().ParseMetadata(body)
	require.NoError(t, err)
	assert.Equal(t, []exchanges.InstrumentInfo{want}, infos)
	infos, err = New().ParseMetadata(list)
	require.NoError(t, err)
	assert.Equal(t, []exchanges.InstrumentInfo{want, want}, infos)
}

// Addresses are the fact sheet's; the older ones answer Blocked! or nothing.
func TestAddresses(t *testing.T) {
	d := New()
	assert.Equal(t, "mexc", d.Venue())
	assert.Equal(t, "wss://wbs-api.mexc.com/ws", d.DefaultURL())
	assert.Equal(t, "https://api.mexc.com/api/v3/exchangeInfo", d.DefaultRESTURL()+d.MetadataPath())
}
