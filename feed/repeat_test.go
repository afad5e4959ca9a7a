package feed

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/ring"
)

// A quote that says what the one before said is a repeat though the scale moved in
// between, and one side that is empty stays so.
func TestRepeatAfterTheScaleMoved(t *testing.T) {
	const (
		quote  = `{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165710,"u":51,"s":"BTC_USDT","b":"83790.9","B":"1.5","a":"","A":""}}`
		finer  = `{"time":1790359171,"time_ms":1790359171121,"channel":"spot.trades","event":"update","result":{"id":102,"id_market":102,"create_time":1790359171,"create_time_ms":"1790359171120.653000","side":"sell","currency_pair":"BTC_USDT","amount":"0.00025","price":"83790.125","range":"102-102","trade_mode":0}}`
		differ = `{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165710,"u":51,"s":"BTC_USDT","b":"83790.9","B":"1.50025","a":"","A":""}}`
	)
	b := newBench(t)
	b.drain()
	for _, f := range []string{quote, finer, quote, differ} {
		b.frame(f)
	}
	var repeats []bool
	for _, r := range b.drain() {
		if r.Kind == ring.KindBookTicker {
			assert.Equal(t, int64(ring.Absent), r.BookTicker().AskPrice)
			repeats = append(repeats, r.Flags&ring.FlagRepeat != 0)
		}
	}
	assert.Equal(t, []bool{false, true, false}, repeats)
}
