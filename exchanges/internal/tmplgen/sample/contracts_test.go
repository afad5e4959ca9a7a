package sample

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// What repeats makes an item each time, numbered within its message.
func TestWhatRepeatsMakesItems(t *testing.T) {
	one := `{"id":5,"n":-3,"p":"20","s":"BTC_USDT"}`
	own := `{"id":6,"n":"1.50","p":"21","s":"BTC_USDT","own":true}`
	frame := func(list string) string {
		return `{"channel":"fills","ms":1790134391757,"r":[` + list + `],"end":7}`
	}
	channel, b := decode(t, frame(one+","+own), new([fastOrders]uint8))
	require.Equal(t, "fills", channel)
	sold, bought := blank(ring.KindTrade), blank(ring.KindTrade)
	sold.TradeID, sold.Aggressor, sold.Quantities[exchanges.TradeQty], sold.Prices[exchanges.TradePrice] = 5, ring.AggressorSell, number(3, 0), number(2, 1)
	bought.TradeID, bought.Aggressor, bought.Quantities[exchanges.TradeQty], bought.Prices[exchanges.TradePrice] = 6, ring.AggressorBuy, number(15, -1), number(21, 0)
	want := []exchanges.Item{sold, bought}
	for i := range want {
		want[i].Index, want[i].Count, want[i].EventTimeNS, want[i].IDFormat = uint16(i), 2, 1790134391757e6, ring.IDUint64
	}
	assert.Equal(t, want, b.Items)
	for _, list := range []string{"", one + ",", one + own, one + `,{}`, one + "," + `{"id":5,"n":1,"p":"20","s":"BTC_USDC"}`} {
		channel, b = decode(t, frame(list), new([fastOrders]uint8))
		assert.Empty(t, channel, list)
		assert.Empty(t, b.Items, "no item of a refused frame is left")
	}
}

// A second item takes what is said of the perpetual, and nothing else.
func TestTheSecondItemIsThePerpetual(t *testing.T) {
	channel, b := decode(t, `{"channel":"state","w":1790134391757,"s":"BTC_USDT","l":"4","b":"5","skip":"1","m":"6.5","i":"7","f":"-0.0001","at":1790134400,"oi":"1.2345678901234567811"}`, new([fastOrders]uint8))
	require.Equal(t, "state", channel)
	ticker, state := blank(ring.KindTicker), blank(ring.KindPerpetual)
	ticker.EventTimeNS, state.EventTimeNS, state.WindowEndNS = 1790134391757e6, 1790134391757e6, 1790134400e9
	ticker.Prices[exchanges.TickerLast], ticker.Quantities[exchanges.BaseVolume] = number(4, 0), number(5, 0)
	state.Prices[exchanges.MarkPrice], state.Prices[exchanges.IndexPrice] = number(65, -1), number(7, 0)
	state.Quantities[exchanges.FundingRate], state.Quantities[exchanges.OpenInterest] = number(-1, -4), number(123456789012345678, -17)
	state.Flags = ring.FlagRounded
	assert.Equal(t, []exchanges.Item{ticker, state}, b.Items)
}

// Quantities with and without quotes, and levels as objects.
func TestQuantitiesInContracts(t *testing.T) {
	for _, size := range []string{`"1500"`, `1500`} {
		_, b := decode(t, `{"channel":"contracts","u":1,"s":"BTC_USDT","b":"2","B":`+size+`}`, new([fastOrders]uint8))
		require.Len(t, b.Items, 1, size)
		assert.Equal(t, number(15, 2), b.Items[0].Quantities[exchanges.BidQty])
	}
	channel, b := decode(t, `{"channel":"objects","u":1,"s":"BTC_USDT","a":[{"p":"2","s":3}],"b":[{"p":"1","s":"0.5"},{"p":"0.5","s":0}]}`, new([fastOrders]uint8))
	require.Equal(t, "objects", channel)
	assert.Equal(t, []exchanges.Level{{Price: number(1, 0), Quantity: number(5, -1)}, {Price: number(5, -1)}}, b.Bids(&b.Items[0]))
	assert.Equal(t, []exchanges.Level{{Price: number(2, 0), Quantity: number(3, 0)}}, b.Asks(&b.Items[0]))
}
