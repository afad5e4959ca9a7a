package sample

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// decode runs the generated decoder on a frame with its own text behind it.
func decode(t *testing.T, text string, orders *[fastOrders]uint8) (string, *exchanges.Batch) {
	t.Helper()
	buffer := make([]byte, 0, len(text)+exchanges.FastPadding)
	for len(buffer)+len(text) <= cap(buffer) {
		buffer = append(buffer, text...)
	}
	p, ok := exchanges.Pad(buffer[:len(text)])
	require.True(t, ok)
	symbols, b := exchanges.NewSymbolTable(), new(exchanges.Batch)
	require.NoError(t, symbols.Add("BTC_USDT", 7))
	channel, ok := fastDecode(p, symbols, b, orders)
	if !ok {
		assert.Empty(t, b.Items)
		return "", b
	}
	return fastChannels[channel], b
}

func number(mantissa int64, exponent int8) exchanges.Decimal {
	return exchanges.Decimal{Mantissa: mantissa, Exponent: exponent}
}

// blank is an item as Add makes it, with what every sample has.
func blank(kind ring.Kind) exchanges.Item {
	it := *new(exchanges.Batch).Add(kind)
	it.Instrument = 7
	return it
}

// Each field goes to its place, and no other field is touched.
func TestHolesFillTheirFields(t *testing.T) {
	quote := blank(ring.KindBookTicker)
	quote.EventTimeNS, quote.Sequence, quote.Prices[exchanges.BidPrice] = 1790134391e9, 12, number(15, -1)
	trade := blank(ring.KindTrade)
	trade.TradeID, trade.IDFormat, trade.SecondID, trade.EventTimeNS = 5, ring.IDUint64, 6, 1788336082402_208000
	trade.Aggressor, trade.Prices[exchanges.TradePrice], trade.Quantities[exchanges.TradeQty] = ring.AggressorSell, number(2, 1), number(3, 0)
	alone := trade
	alone.SecondID = 0
	ticker := blank(ring.KindTicker)
	ticker.Flags, ticker.EventTimeNS, ticker.SendTimeNS = ring.FlagRounded, 1790134391757e6, 1790134391757e6
	ticker.Prices[exchanges.TickerOpen], ticker.Quantities[exchanges.BaseVolume] = number(4, 0), number(123456789012345678, -17)
	asks := blank(ring.KindDepth)
	asks.Rule, asks.EventTimeNS, asks.FirstSequence, asks.Sequence, asks.AsksTo = exchanges.RuleStream, 1790134391757e6, 3, 4, 1
	both := asks
	both.BidsTo, both.AsksFrom, both.AsksTo = 2, 2, 3
	whole := both
	whole.Rule, whole.Flags, whole.FirstSequence = exchanges.RuleSnapshots, ring.FlagSnapshot, 0

	for _, c := range []struct {
		name, channel, text string
		item                exchanges.Item
	}{
		{"seconds, and the symbol again", "quotes", `{"stream":"quote.BTC_USDT","channel":"quotes","s":"BTC_USDT","t":1790134391,"u":12,"b":"1.50","note":""}`, quote},
		{"ids, side and milliseconds", "prints", `{"channel":"prints","s":"BTC_USDT","id":5,"market":6,"ms":"1788336082402.208","side":"sell","p":"20","q":"3.0","c":"-1"}`, trade},
		{"an optional part missing", "prints", `{"channel":"prints","s":"BTC_USDT","id":5,"ms":"1788336082402.208","side":"sell","p":"20","q":"3.0","c":"1"}`, alone},
		{"a rounded volume", "rolling", `{"channel":"rolling","s":"BTC_USDT","o":"4","v":"1.2345678901234567811","w":1790134391757,"n":1790134391}`, ticker},
		{"one side", "levels", `{"channel":"levels","t":1790134391757,"U":3,"u":4,"s":"BTC_USDT","a":[["1","2"]]}`, asks},
		{"both sides", "levels", `{"channel":"levels","t":1790134391757,"U":3,"u":4,"s":"BTC_USDT","b":[["1","2"],["3","4"]],"a":[["1","2"]]}`, both},
		{"another shape of the channel", "levels", `{"channel":"levels","t":1790134391757,"u":4,"s":"BTC_USDT","b":[["1","2"],["3","4"]],"a":[["1","2"]]}`, whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			channel, b := decode(t, c.text, new([fastOrders]uint8))
			require.Equal(t, c.channel, channel)
			assert.Equal(t, []exchanges.Item{c.item}, b.Items)
			assert.Len(t, b.Levels, int(c.item.AsksTo))
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"no known channel", `{"channel":"others","s":"BTC_USDT","id":5}`},
		{"another symbol the second time", `{"stream":"quote.BTC_USDT","channel":"quotes","s":"BTC_USDC","t":1790134391,"u":12,"b":"1.50","note":""}`},
		{"a longer symbol the second time", `{"stream":"quote.BTC_USDT","channel":"quotes","s":"BTC_USDTX","t":1790134391,"u":12,"b":"1.50","note":""}`},
		{"an unknown symbol", `{"stream":"quote.BTC_USDC","channel":"quotes","s":"BTC_USDC","t":1790134391,"u":12,"b":"1.50","note":""}`},
		{"an escape in text", `{"stream":"quote.BTC_USDT","channel":"quotes","s":"BTC_USDT","t":1790134391,"u":12,"b":"1.50","note":"\n"}`},
		{"a first id above the last", `{"channel":"levels","t":1790134391757,"U":5,"u":4,"s":"BTC_USDT","a":[["1","2"]]}`},
		{"levels in another order", `{"channel":"levels","t":1790134391757,"U":3,"u":4,"s":"BTC_USDT","a":[["1","2"]],"b":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			channel, _ := decode(t, c.text, new([fastOrders]uint8))
			assert.Empty(t, channel)
		})
	}
}

// The shape that fitted last is tried first, and levels that a refused shape has read
// are gone.
func TestTheLastShapeIsTriedFirst(t *testing.T) {
	const (
		delta = `{"channel":"levels","t":1790134391757,"U":3,"u":4,"s":"BTC_USDT","b":[["1","2"]],"a":[]}`
		whole = `{"channel":"levels","t":1790134391757,"u":4,"s":"BTC_USDT","b":[["1","2"]],"a":[["3","4"]]}`
	)
	var orders [fastOrders]uint8
	for _, c := range []struct {
		text   string
		order  uint8
		levels int
	}{{whole, 1, 2}, {whole, 1, 2}, {delta, 0, 1}, {whole, 1, 2}} {
		channel, b := decode(t, c.text, &orders)
		require.Equal(t, "levels", channel)
		assert.Equal(t, c.order, orders[0])
		assert.Len(t, b.Levels, c.levels)
	}
	_, _ = decode(t, whole+" ", &orders)
	assert.EqualValues(t, 1, orders[0], "a refused frame changes no order")
}
