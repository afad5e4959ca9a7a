package mexc

import (
	"encoding/json"
	"fmt"
	"strings"
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
	one := func(s exchanges.StreamID) exchanges.Request {
		return exchanges.Request{ID: 7, Stream: s, Symbols: []string{"BTCUSDT"}}
	}
	for _, c := range []struct {
		name, key, value, want string
		request                exchanges.Request
	}{
		{"book tickers of 10 ms", "mexc.ticker", "aggre@10ms", `"spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT"`, one(StreamBookTicker)},
		{"book tickers of 100 ms", "mexc.ticker", "aggre@100ms", `"spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT"`, one(StreamBookTicker)},
		{"book tickers on change", "mexc.ticker", "batch", `"spot@public.bookTicker.batch.v3.api.pb@BTCUSDT"`, one(StreamBookTicker)},
		{"trades of 10 ms", "mexc.trades", "aggre.deals@10ms", `"spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT"`, one(StreamTrades)},
		{"trades of 100 ms", "mexc.trades", "aggre.deals@100ms", `"spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT"`, one(StreamTrades)},
		{"diffs of 100 ms", "mexc.book", "aggre.depth@100ms", `"spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"`, one(StreamBook)},
		{"diffs of 10 ms", "mexc.book", "aggre.depth@10ms", `"spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT"`, one(StreamBook)},
		{"top levels name their depth last", "mexc.book", "limit.depth@20", `"spot@public.limit.depth.v3.api.pb@BTCUSDT@20"`, one(StreamBook)},
		{"tickers name their zone last", "mexc.zone", "UTC+12:45", `"spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+12:45"`, one(StreamTicker)},
		{
			"pairs over several streams", "mexc.book", "limit.depth@5", `"spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT","spot@public.limit.depth.v3.api.pb@ETHUSDT@5","spot@public.miniTicker.v3.api.pb@龙虾USDT@24H"`,
			exchanges.Request{ID: 7, Mixed: []exchanges.StreamSymbol{{Stream: StreamTrades, Symbol: "BTCUSDT"}, {Stream: StreamBook, Symbol: "ETHUSDT"}, {Stream: StreamTicker, Symbol: "龙虾USDT"}}},
		},
		{
			"an unknown stream is left out", "mexc.zone", "24H", `"spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT"`,
			exchanges.Request{ID: 7, Mixed: []exchanges.StreamSymbol{{Stream: 9, Symbol: "BTCUSDT"}, {Stream: StreamTrades, Symbol: "BTCUSDT"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New()
			require.NoError(t, d.Set(c.key, c.value))
			assert.Equal(t, `{"method":"SUBSCRIPTION","params":[`+c.want+`],"id":7}`, string(d.AppendRequest(nil, c.request, nowNS)))
			c.request.Unsubscribe = true
			assert.Equal(t, `>{"method":"UNSUBSCRIPTION","params":[`+c.want+`],"id":7}`, string(d.AppendRequest([]byte(">"), c.request, nowNS)))
		})
	}
	for _, nothing := range []exchanges.Request{{ID: 1, Stream: StreamBook}, one(9), {ID: 1, Mixed: []exchanges.StreamSymbol{{Stream: exchanges.NoStream, Symbol: "BTCUSDT"}}}} {
		assert.Equal(t, "kept", string(New().AppendRequest([]byte("kept"), nothing, nowNS)))
	}
}

// What is asked for is what an answer names: a refused name leads back to its
// stream and pair, for every stream and option.
func TestRefusedNamesLeadBackToTheirStreams(t *testing.T) {
	for _, c := range [][2]string{
		{"mexc.ticker", "aggre@10ms"}, {"mexc.ticker", "aggre@100ms"}, {"mexc.ticker", "batch"}, {"mexc.trades", "aggre.deals@100ms"},
		{"mexc.book", "aggre.depth@10ms"}, {"mexc.book", "limit.depth@5"}, {"mexc.book", "limit.depth@10"}, {"mexc.zone", "UTC-3"},
	} {
		d := New()
		require.NoError(t, d.Set(c[0], c[1]))
		for _, s := range d.Streams(ring.AllChannels) {
			var request struct{ Params []string }
			require.NoError(t, json.Unmarshal(d.AppendRequest(nil, exchanges.Request{ID: 1, Stream: s.ID, Symbols: []string{"龙虾USDT"}}, nowNS), &request))
			v := d.Decode(fmt.Appendf(nil, `{"id":1,"code":0,"msg":"Not Subscribed successfully! [%s].  Reason： Blocked! "}`, request.Params[0]), knownSymbols(t), new(exchanges.Batch))
			assert.Equal(t, []exchanges.StreamRef{{Stream: s.ID, Symbol: []byte("龙虾USDT")}}, v.Refused, "%s %s", c[1], s.Name)
		}
	}
}

// No name can break out of the request's string.
func TestRequestEscapesNames(t *testing.T) {
	name := "A\"]\\\nB"
	request := New().AppendRequest(nil, exchanges.Request{Stream: StreamTrades, Symbols: []string{name}}, nowNS)
	var parsed struct{ Params []string }
	require.NoError(t, json.Unmarshal(request, &parsed))
	assert.Equal(t, []string{"spot@public.aggre.deals.v3.api.pb@10ms@" + name}, parsed.Params)
}

// The ping is the venue's own and comes well within its 30 s to a cut.
func TestPing(t *testing.T) {
	d := New()
	assert.Equal(t, `{"method":"PING"}`, string(d.AppendPing(nil, nowNS)))
	assert.LessOrEqual(t, d.PingIntervalNS()+d.PongDeadlineNS(), int64(30*time.Second))
	assert.Positive(t, d.AckDeadlineNS())
}

// A connection takes 30 streams in its whole life, and lives less than a day.
func TestLimitsOfAConnection(t *testing.T) {
	d := New()
	assert.Equal(t, []int{30, 30}, []int{d.StreamsPerConnection(), d.StreamsPerRequest()})
	assert.True(t, d.StreamsCountForLife())
	assert.Equal(t, int64(23*time.Hour+50*time.Minute), d.ConnectionLifeNS())
	require.NoError(t, d.Set("mexc.life", "3s"))
	assert.Equal(t, int64(3*time.Second), d.ConnectionLifeNS())
}

// The streams follow the channels asked for and the options set.
func TestStreams(t *testing.T) {
	d := New()
	assert.Empty(t, d.Streams(0))
	all := d.Streams(ring.AllChannels)
	require.Len(t, all, 4)
	for i, s := range all {
		assert.Equal(t, exchanges.StreamID(i), s.ID)
		assert.Equal(t, 30, s.SymbolsPerRequest)
		assert.Zero(t, s.FirstDataBoundNS, "a quiet pair sends nothing, or pushes without a body")
	}
	assert.Equal(t, exchanges.RuleREST, all[StreamBook].Rule)
	assert.Zero(t, all[StreamTrades].QuietBoundNS, "a pair may go untraded for days")
	assert.Equal(t, int64(5*time.Minute), all[StreamBook].QuietBoundNS)
	require.NoError(t, d.Set("mexc.book", "limit.depth@20"))
	require.NoError(t, d.Set("mexc.quiet", "0"))
	books := d.Streams(ring.ChannelOrderBook | ring.ChannelTicker)
	require.Len(t, books, 2)
	assert.Equal(t, []string{"limit.depth@20", "miniTicker@24H"}, []string{books[0].Name, books[1].Name})
	assert.Equal(t, exchanges.RuleSnapshots, books[0].Rule)
	assert.Zero(t, books[0].QuietBoundNS)
}

// A request of as many pairs as one may have, and a ping, in a grown buffer
// allocate nothing, and stay within what the venue was seen to take at once.
func TestRequestsDoNotAllocate(t *testing.T) {
	d, buffer := New(), make([]byte, 0, 4096)
	var request exchanges.Request
	for i := range d.StreamsPerRequest() {
		request.Mixed = append(request.Mixed, exchanges.StreamSymbol{Stream: exchanges.StreamID(i % 4), Symbol: strings.Repeat("A", 4) + "USDT"})
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		buffer = d.AppendRequest(buffer[:0], request, nowNS)
		buffer = d.AppendPing(buffer, nowNS)
	}))
	assert.Less(t, len(buffer), 2300)
}
