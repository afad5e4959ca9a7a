package gateiofutures

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

const nowNS = 1790134390_715000000

// Requests are the venue's, byte for byte, for every stream and option.
func TestRequests(t *testing.T) {
	for _, c := range []struct {
		name, option, want string
		request            exchanges.Request
	}{
		{"book tickers take a list", "order_book_update@100ms", `{"time":1790134390,"id":7,"channel":"futures.book_ticker","event":"subscribe","payload":["BTC_USDT","ETH_USDT"]}`, exchanges.Request{ID: 7, Stream: StreamBookTicker, Symbols: []string{"BTC_USDT", "ETH_USDT"}}},
		{"trades take a list", "order_book_update@100ms", `{"time":1790134390,"id":8,"channel":"futures.trades","event":"unsubscribe","payload":["BTC_USDT"]}`, exchanges.Request{ID: 8, Unsubscribe: true, Stream: StreamTrades, Symbols: []string{"BTC_USDT"}}},
		{"tickers take a list", "obu@50", `{"time":1790134390,"id":9,"channel":"futures.tickers","event":"subscribe","payload":["BTC_USDT"]}`, exchanges.Request{ID: 9, Stream: StreamTicker, Symbols: []string{"BTC_USDT"}}},
		{"diffs name their speed and levels", "order_book_update@20ms", `{"time":1790134390,"id":1,"channel":"futures.order_book_update","event":"subscribe","payload":["BTC_USDT","20ms","20"]}`, exchanges.Request{ID: 1, Stream: StreamBook, Symbols: []string{"BTC_USDT"}}},
		{"diffs with fewer levels", "order_book_update@100ms@50", `{"time":1790134390,"id":1,"channel":"futures.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms","50"]}`, exchanges.Request{ID: 1, Stream: StreamBook, Symbols: []string{"BTC_USDT"}}},
		{"diffs are ended without levels", "order_book_update@100ms", `{"time":1790134390,"id":1,"channel":"futures.order_book_update","event":"unsubscribe","payload":["BTC_USDT","100ms"]}`, exchanges.Request{ID: 1, Unsubscribe: true, Stream: StreamBook, Symbols: []string{"BTC_USDT"}}},
		{"top levels name depth and interval", "order_book@20", `{"time":1790134390,"id":1,"channel":"futures.order_book","event":"subscribe","payload":["BTC_USDT","20","0"]}`, exchanges.Request{ID: 1, Stream: StreamBook, Symbols: []string{"BTC_USDT"}}},
		{"obu wraps the contract", "obu@400", `{"time":1790134390,"id":1,"channel":"futures.obu","event":"unsubscribe","payload":["ob.BTC_USDT.400"]}`, exchanges.Request{ID: 1, Unsubscribe: true, Stream: StreamBook, Symbols: []string{"BTC_USDT"}}},
		{"no symbol asks for nothing", "obu@400", ``, exchanges.Request{ID: 1, Stream: StreamBook}},
		{"an unknown stream asks for nothing", "obu@400", ``, exchanges.Request{ID: 1, Stream: 9, Symbols: []string{"BTC_USDT"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New()
			require.NoError(t, d.Set(keyBook, c.option))
			assert.Equal(t, c.want, string(d.AppendRequest(nil, c.request, nowNS)))
		})
	}
}

// No name can break out of the request's string.
func TestRequestEscapesNames(t *testing.T) {
	name := "A\"]\\\n_B"
	request := New().AppendRequest(nil, exchanges.Request{Stream: StreamTrades, Symbols: []string{name}}, nowNS)
	var parsed struct{ Payload []string }
	require.NoError(t, json.Unmarshal(request, &parsed))
	assert.Equal(t, []string{name}, parsed.Payload)
}

// The ping is the venue's own and comes well within its time to close.
func TestPing(t *testing.T) {
	d := New()
	assert.Equal(t, `{"time":1790134390,"channel":"futures.ping"}`, string(d.AppendPing(nil, nowNS)))
	assert.Less(t, d.PingIntervalNS()+d.PongDeadlineNS(), int64(30*time.Second))
	assert.Positive(t, d.AckDeadlineNS())
	assert.Positive(t, d.StreamsPerConnection())
}

// The streams follow the channels asked for and the options set.
func TestStreams(t *testing.T) {
	d := New()
	assert.Empty(t, d.Streams(0))
	all := d.Streams(ring.AllChannels)
	require.Len(t, all, 4)
	for i, s := range all {
		assert.Equal(t, exchanges.StreamID(i), s.ID)
		assert.Positive(t, s.SymbolsPerRequest)
	}
	assert.Equal(t, exchanges.RuleREST, all[StreamBook].Rule)
	assert.Zero(t, all[StreamTrades].QuietBoundNS, "a contract may go untraded for days")
	require.NoError(t, d.Set(keyBook, "obu@50"))
	require.NoError(t, d.Set(keyQuiet, "0"))
	books := d.Streams(ring.ChannelOrderBook | ring.ChannelTrades)
	require.Len(t, books, 2)
	assert.Equal(t, []string{"futures.trades", "futures.obu"}, []string{books[0].Name, books[1].Name})
	assert.Equal(t, exchanges.RuleStream, books[1].Rule)
	assert.Equal(t, 1, books[1].SymbolsPerRequest)
	assert.Positive(t, books[1].FirstDataBoundNS, "an unknown contract is accepted and stays silent")
	assert.Zero(t, books[1].QuietBoundNS)
}

// A request and a ping in a grown buffer allocate nothing, but for the obu name.
func TestRequestsDoNotAllocate(t *testing.T) {
	d, buffer := New(), make([]byte, 0, 512)
	request := exchanges.Request{ID: 1, Stream: StreamBook, Symbols: []string{"BTC_USDT"}}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		buffer = d.AppendRequest(buffer[:0], request, nowNS)
		buffer = d.AppendPing(buffer, nowNS)
	}))
}
