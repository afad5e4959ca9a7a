package feed

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/ring"
)

const (
	tradeOne   = `{"time":1790359171,"time_ms":1790359171120,"channel":"spot.trades","event":"update","result":{"id":101,"id_market":101,"create_time":1790359171,"create_time_ms":"1790359171119.653000","side":"sell","currency_pair":"BTC_USDT","amount":"0.5","price":"83790.9","range":"101-101","trade_mode":0}}`
	tradeTwo   = `{"time":1790359171,"time_ms":1790359171121,"channel":"spot.trades","event":"update","result":{"id":102,"id_market":102,"create_time":1790359171,"create_time_ms":"1790359171120.653000","side":"sell","currency_pair":"BTC_USDT","amount":"0.5","price":"83790.9","range":"102-102","trade_mode":0}}`
	quoteOne   = `{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165710,"u":51,"s":"BTC_USDT","b":"83790.9","B":"1","a":"83791","A":"1"}}`
	quoteTwo   = `{"time":1790359165,"time_ms":1790359165715,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165711,"u":52,"s":"BTC_USDT","b":"83790.8","B":"1","a":"83791","A":"1"}}`
	quoteAnew  = `{"time":1790359166,"time_ms":1790359166715,"channel":"spot.book_ticker","event":"update","result":{"t":1790359166711,"u":7,"s":"BTC_USDT","b":"83790.7","B":"1","a":"83791","A":"1"}}`
	quoteAgo   = `{"time":1790359100,"time_ms":1790359100715,"channel":"spot.book_ticker","event":"update","result":{"t":1790359100711,"u":9,"s":"BTC_USDT","b":"83790.6","B":"1","a":"83791","A":"1"}}`
	deltaOne   = `{"time":1790134390,"time_ms":1790134390859,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390805,"e":"depthUpdate","E":1790134390,"s":"BTC_USDT","U":10,"u":12,"b":[["2765.2","1"]],"a":[]}}`
	deltaTwo   = `{"time":1790134390,"time_ms":1790134390959,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390905,"e":"depthUpdate","E":1790134390,"s":"BTC_USDT","U":13,"u":15,"b":[["2765.2","2"]],"a":[]}}`
	deltaAgo   = `{"time":1790134300,"time_ms":1790134300859,"channel":"spot.order_book_update","event":"update","result":{"t":1790134300805,"e":"depthUpdate","E":1790134300,"s":"BTC_USDT","U":2,"u":4,"b":[["2765.2","4"]],"a":[]}}`
	deltaHigh  = `{"time":1790134390,"time_ms":1790134390959,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390905,"e":"depthUpdate","E":1790134390,"s":"BTC_USDT","U":74483042021,"u":74483042022,"b":[["2765.2","5"]],"a":[]}}`
	deltaThree = `{"time":1790134391,"time_ms":1790134391059,"channel":"spot.order_book_update","event":"update","result":{"t":1790134391005,"e":"depthUpdate","E":1790134391,"s":"BTC_USDT","U":16,"u":18,"b":[["2765.2","3"]],"a":[]}}`
	wholeOne   = `{"time":1790360084,"time_ms":1790360084771,"channel":"spot.order_book","event":"update","result":{"t":1790360084770,"lastUpdateId":70,"s":"BTC_USDT","l":"20","bids":[["84005.6","1"]],"asks":[["84005.7","1"]]}}`
	wholeTwo   = `{"time":1790360084,"time_ms":1790360084871,"channel":"spot.order_book","event":"update","result":{"t":1790360084870,"lastUpdateId":75,"s":"BTC_USDT","l":"20","bids":[["84005.5","1"]],"asks":[["84005.7","1"]]}}`
)

// What a venue sends twice is told once, and what comes after something newer does
// not become the present; a venue that begins to count anew is believed.
func TestNothingIsToldTwiceOrBackwards(t *testing.T) {
	const deltas = "order_book_update@100ms"
	for _, c := range []struct {
		name, book string
		frames     []string
		sequences  []uint64 // published, GAPs as their first missing id
	}{
		{"a trade twice", deltas, []string{tradeOne, tradeOne, tradeTwo, tradeOne}, []uint64{101, 102}},
		{"trades out of order", deltas, []string{tradeTwo, tradeOne}, []uint64{102, 101}},
		{"a quote twice is a repeat", deltas, []string{quoteOne, quoteOne}, []uint64{51, 51}},
		{"a quote overtaken", deltas, []string{quoteTwo, quoteOne}, []uint64{52}},
		{"a quote of a counter that began anew", deltas, []string{quoteTwo, quoteAnew}, []uint64{52, 7}},
		{"a quote of a counter and a clock that began anew", deltas, []string{quoteTwo, quoteAgo}, []uint64{52, 9}},
		{"a delta of a counter and a clock that began anew", deltas, []string{deltaTwo, deltaAgo}, []uint64{15, 4}},
		{"a delta of a counter that fell to its beginning", deltas, []string{deltaHigh, deltaOne, deltaOne}, []uint64{74483042022, 12}},
		{"a delta twice", deltas, []string{deltaOne, deltaOne, deltaTwo}, []uint64{12, 15}},
		{"deltas out of order are a gap", deltas, []string{deltaOne, deltaThree, deltaTwo}, []uint64{12, 13, 18}},
		{"a whole book overtaken", "order_book@20", []string{wholeOne, wholeTwo, wholeOne, wholeTwo}, []uint64{70, 75}},
		{"a stream's delta twice is no gap", "obu@50", []string{frameSnapshot, frameDelta, frameDelta}, []uint64{100, 103}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, [2]string{"gateio.book", c.book})
			b.drain()
			for _, f := range c.frames {
				b.frame(f)
			}
			var sequences []uint64
			for _, r := range b.drain() {
				switch {
				case r.Kind == ring.KindTrade:
					sequences = append(sequences, r.Trade().TradeID)
				case r.Kind == ring.KindStatus && r.Status().Code == ring.StatusGap:
					sequences = append(sequences, r.Status().FirstMissing)
				case r.Kind != ring.KindStatus && r.Flags&ring.FlagFirst != 0:
					sequences = append(sequences, r.VenueSequence)
				}
			}
			assert.Equal(t, c.sequences, sequences)
		})
	}
}

// The memory of trades holds as many as it says, newest and oldest alike.
func TestTradeMemoryHoldsTheLast(t *testing.T) {
	m := newTradeMemory()
	for id := range uint64(toldTrades + 10) {
		m.add(id+1, 0)
	}
	assert.False(t, m.has(10, 0))
	assert.True(t, m.has(11, 0))
	assert.True(t, m.has(toldTrades+10, 0))
	assert.False(t, m.has(11, 1), "the second id counts too")
}
