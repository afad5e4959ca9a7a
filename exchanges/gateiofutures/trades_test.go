package gateiofutures

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// REST gives create_time_ms in seconds, and the size as a number or as a text, below zero
// for what a taker sold.
func TestParseTrades(t *testing.T) {
	d := New()
	assert.Equal(t, "/futures/usdt/trades?contract=BTC_USDT&limit=500", d.TradesPath("BTC_USDT", 500))
	var b exchanges.Batch
	require.NoError(t, d.ParseTrades([]byte(`[{"id":7,"create_time":1790359375,"create_time_ms":1790359375.258,"contract":"BTC_USDT","size":-12,"price":"60000.1"},
		{"id":6,"create_time_ms":1790359375.2,"contract":"BTC_USDT","size":"0.5","price":"60000"}]`), &b))
	require.Len(t, b.Items, 2)
	assert.Equal(t, uint64(7), b.Items[0].TradeID)
	assert.Equal(t, ring.IDUint64, b.Items[0].IDFormat)
	assert.Equal(t, int64(1790359375258000000), b.Items[0].EventTimeNS)
	assert.Equal(t, exchanges.Decimal{Mantissa: 12}, b.Items[0].Quantities[0])
	assert.Equal(t, ring.AggressorSell, b.Items[0].Aggressor)
	assert.Equal(t, exchanges.Decimal{Mantissa: 5, Exponent: -1}, b.Items[1].Quantities[0])
	assert.Equal(t, ring.AggressorBuy, b.Items[1].Aggressor)
	for name, body := range map[string]string{
		"no list": `{"label":"X"}`, "no id": `[{"create_time_ms":1.5,"size":1,"price":"1"}]`, "no time": `[{"id":1,"size":1,"price":"1"}]`,
		"no size": `[{"id":1,"create_time_ms":1.5,"price":"1"}]`, "a price that is none": `[{"id":1,"create_time_ms":1.5,"size":1,"price":""}]`,
	} {
		assert.Error(t, d.ParseTrades([]byte(body), &b), name)
	}
}
