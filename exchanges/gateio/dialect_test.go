package gateio

import (
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
	for _, c := range [][2]string{
		{"gateio.book", "order_book_update@100ms"}, {"gateio.book", "order_book_update@20ms"}, {"gateio.book", "obu@50"}, {"gateio.book", "obu@400"},
		{"gateio.book", "order_book@5"}, {"gateio.book", "order_book@10"}, {"gateio.book", "order_book@20@100ms"}, {"gateio.book", "order_book@50@1000ms"},
		{"gateio.book", "order_book@100"}, {"gateio.trades", "trades"}, {"gateio.trades", "trades_v2"}, {"gateio.quiet", "0"}, {"gateio.quiet", "90s"},
	} {
		assert.NoError(t, d.Set(c[0], c[1]), c)
	}
	for _, c := range [][3]string{
		{"gateio.book", "order_book@30", "order_book@5|10|20|50|100"}, {"gateio.book", "order_book_update@1000ms", "order_book_update@100ms"},
		{"gateio.book", "obu@20", "obu@50"}, {"gateio.book", "obu@50@20ms", "obu@50"}, {"gateio.book", "order_book", "order_book@"}, {"gateio.book", "order_book@5@20ms", "1000ms"},
		{"gateio.book", "", "obu@50"}, {"gateio.trades", "f_trades", "trades, trades_v2"}, {"gateio.quiet", "soon", "1s to 24h"}, {"gateio.quiet", "1ms", "1s to 24h"},
		{"gateio.quiet", "-1s", "1s to 24h"}, {"gateio.boook", "obu@50", "gateio.book"}, {"mexc.book", "x", "gateio.trades"},
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

// BASE/QUOTE and the venue's spelling are the same but for the sign between.
func TestNativeSymbols(t *testing.T) {
	d := New()
	for _, c := range [][3]string{{"BTC", "USDT", "BTC_USDT"}, {"QTUM3S", "USDT", "QTUM3S_USDT"}, {"1INCH", "ETH", "1INCH_ETH"}, {"币安人生", "USDT", "币安人生_USDT"}} {
		native, err := d.NativeSymbol(c[0], c[1])
		require.NoError(t, err)
		assert.Equal(t, c[2], native)
		base, quote, ok := d.ParseNative(native)
		assert.True(t, ok)
		assert.Equal(t, [2]string{c[0], c[1]}, [2]string{base, quote})
	}
	for _, c := range [][2]string{{"btc", "USDT"}, {"BTC", "usdt"}, {"", "USDT"}, {"BTC", ""}, {"BTC_", "USDT"}, {"B-C", "USDT"}, {"B C", "USDT"}, {"B\"C", "USDT"}, {"B\xff", "USDT"}, {strings.Repeat("A", 28), "USDT"}} {
		_, err := d.NativeSymbol(c[0], c[1])
		require.Error(t, err, c)
		assert.Contains(t, err.Error(), "BTC/USDT")
		assert.NotContains(t, err.Error(), "\n")
	}
	for _, native := range []string{"", "_", "BTC", "BTC_", "_USDT", "BTC_USDT_X", "btc_usdt", "BTC/USDT"} {
		_, _, ok := d.ParseNative(native)
		assert.False(t, ok, native)
	}
}

// Tick and lot are exact powers of ten, and what is not said is absent.
func TestParseMetadata(t *testing.T) {
	d := New()
	infos, err := d.ParseMetadata([]byte(`[{"id":"ETH_USDT","base":"ETH","quote":"USDT","precision":2,"amount_precision":6,"trade_status":"tradable","max_base_amount":null},
		{"id":"OLD_USDT","base":"OLD","quote":"USDT","precision":0,"trade_status":"untradable"},
		{"id":"ODD_USDT","base":"ODD","quote":"USDT","precision":99,"amount_precision":-1,"trade_status":"buyable"},
		{"id":"","base":"X","quote":"Y"},{"id":"A_NAME_THAT_IS_LONGER_THAN_THE_TABLE_HAS_ROOM_FOR","base":"X","quote":"Y"}]`))
	require.NoError(t, err)
	assert.Equal(t, []exchanges.InstrumentInfo{
		{Native: "ETH_USDT", Base: "ETH", Quote: "USDT", Tick: exchanges.Decimal{Mantissa: 1, Exponent: -2}, Lot: exchanges.Decimal{Mantissa: 1, Exponent: -6}},
		{Native: "OLD_USDT", Base: "OLD", Quote: "USDT", Tick: exchanges.Decimal{Mantissa: 1}, Lot: exchanges.AbsentDecimal, Halted: true},
		{Native: "ODD_USDT", Base: "ODD", Quote: "USDT", Tick: exchanges.AbsentDecimal, Lot: exchanges.AbsentDecimal},
	}, infos)
	for _, body := range []string{``, `[]`, `null`, `{}`, `"x"`, `[1]`, `{"label":"INVALID_CURRENCY_PAIR","message":"m"}`, `<html>`} {
		_, err := d.ParseMetadata([]byte(body))
		assert.Error(t, err, body)
	}
}

// The published answer for one pair is read as it is.
func TestParseSharedMetadata(t *testing.T) {
	body, err := os.ReadFile(recordings.Path(t, "fixtures", "gateio", "rest", "currency_pair_doc.json"))
	require.NoError(t, err)
	infos, err := New().ParseMetadata(body)
	require.NoError(t, err)
	assert.Equal(t, []exchanges.InstrumentInfo{{
		Native: "ETH_USDT", Base: "ETH", Quote: "USDT",
		Tick: exchanges.Decimal{Mantissa: 1, Exponent: -6}, Lot: exchanges.Decimal{Mantissa: 1, Exponent: -3},
	}}, infos)
}

// Addresses are the fact sheet's; a missing last slash was answered with 404.
func TestAddresses(t *testing.T) {
	d := New()
	assert.Equal(t, "gateio", d.Venue())
	assert.Equal(t, "wss://api.gateio.ws/ws/v4/", d.DefaultURL())
	assert.Equal(t, "https://api.gateio.ws/api/v4/spot/currency_pairs", d.DefaultRESTURL()+d.MetadataPath())
}
