package gateio

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// REST writes the numbers of a trade as texts; they read as those of the stream.
func TestParseTrades(t *testing.T) {
	d := New()
	assert.Equal(t, "/spot/trades?currency_pair=BTC_USDT&limit=500", d.TradesPath("BTC_USDT", 500))
	var b exchanges.Batch
	require.NoError(t, d.ParseTrades([]byte(`[{"id":"7","create_time":"1788336082","create_time_ms":"1788336082402.208000","currency_pair":"BTC_USDT","side":"sell","role":"","amount":"0.150","price":"60000.10","sequence_id":"5"},
		{"id":6,"create_time_ms":1788336082401,"side":"buy","amount":"1","price":"60000"}]`), &b))
	require.Len(t, b.Items, 2)
	one := b.Items[0]
	assert.Equal(t, uint64(7), one.TradeID)
	assert.Equal(t, uint64(5), one.SecondID)
	assert.Equal(t, ring.IDUint64, one.IDFormat)
	assert.Equal(t, int64(1788336082402208000), one.EventTimeNS)
	assert.Equal(t, exchanges.Decimal{Mantissa: 600001, Exponent: -1}, one.Prices[0])
	assert.Equal(t, exchanges.Decimal{Mantissa: 15, Exponent: -2}, one.Quantities[0])
	assert.Equal(t, ring.AggressorSell, one.Aggressor)
	assert.Equal(t, ring.AggressorBuy, b.Items[1].Aggressor)
	for name, body := range map[string]string{
		"no list": `{"label":"X"}`, "no id": `[{"create_time_ms":"1","side":"buy","amount":"1","price":"1"}]`,
		"no side": `[{"id":"1","create_time_ms":"1","amount":"1","price":"1"}]`, "a price that is none": `[{"id":"1","create_time_ms":"1","side":"buy","amount":"1","price":"x"}]`,
		"a price below zero": `[{"id":"1","create_time_ms":"1","side":"buy","amount":"1","price":"-1"}]`, "a page": `<html>`,
	} {
		assert.Error(t, d.ParseTrades([]byte(body), &b), name)
	}
}
