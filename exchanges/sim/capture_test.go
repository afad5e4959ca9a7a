package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeCapture writes rows to a file, compressed when its name says so. A row is
// a received frame; one that begins with ">" was sent, one with "GET " is a REST
// answer: the URL, a blank and the body.
func writeCapture(t *testing.T, name string, gap time.Duration, rows ...string) string {
	t.Helper()
	var b bytes.Buffer
	for i, row := range rows {
		r := map[string]any{"t": int64(1_700_000_000_000_000_000) + int64(i)*int64(gap), "conn": 1, "dir": "in", "op": "text", "data": row}
		if out, ok := strings.CutPrefix(row, ">"); ok {
			r["dir"], r["data"] = "out", out
		}
		if get, ok := strings.CutPrefix(row, "GET "); ok {
			r["op"] = "rest"
			r["url"], r["data"], _ = strings.Cut(get, " ")
		}
		line, err := json.Marshal(r)
		require.NoError(t, err)
		b.Write(append(line, '\n'))
	}
	path := filepath.Join(t.TempDir(), name)
	data := b.Bytes()
	if strings.HasSuffix(name, ".zst") {
		z, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		data = z.EncodeAll(data, nil)
		require.NoError(t, z.Close())
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

const (
	quoteBTC  = `{"time":1,"time_ms":1,"channel":"spot.book_ticker","event":"update","result":{"t":1,"u":5,"s":"BTC_USDT","b":"84377.70","B":"0.001","a":"84377.8","A":"1"}}`
	quoteETH  = `{"time":1,"time_ms":1,"channel":"spot.book_ticker","event":"update","result":{"t":1,"u":6,"s":"ETH_USDT","b":"2700.1","B":"2.25","a":"","A":""}}`
	tradeBTC  = `{"time":1, "channel":"spot.trades","event":"update","result":{"id":1,"create_time_ms":"1.5","side":"sell","currency_pair":"BTC_USDT","amount":"0.00002100","price":"77474"}}`
	tradesBTC = `{"time":1,"channel":"spot.trades","event":"update","result":[{"id":2,"side":"sell","currency_pair":"BTC_USDT","amount":"1","price":"77474"}]}`
	top5      = `{"time":1,"channel":"spot.order_book","event":"update","result":{"t":1,"lastUpdateId":9,"s":"BTC_USDT","l":"5","bids":[["1","1"]],"asks":[]}}`
	top20     = `{"time":1,"channel":"spot.order_book","event":"update","result":{"t":1,"lastUpdateId":9,"s":"BTC_USDT","l":"20","bids":[],"asks":[["1.125","1"]]}}`
	diffs     = `{"time":1,"channel":"spot.order_book_update","event":"update","result":{"t":1,"s":"BTC_USDT","U":1,"u":2,"b":[["84377.123","0.12345"]],"a":[]}}`
	obu50     = `{"channel":"spot.obu","result":{"t":1,"full":true,"s":"ob.BTC_USDT.50","u":2},"time_ms":2}`
	obu400    = `{"channel":"spot.obu","result":{"t":1,"full":true,"s":"ob.BTC_USDT.400","u":2},"time_ms":2,"event":"update"}`
	tickerSOL = `{"time":1,"channel":"spot.tickers","event":"update","result":{"currency_pair":"SOL_USDT","last":"100.25"}}`
	candleBTC = `{"time":1,"channel":"spot.candlesticks","event":"update","result":{"t":"1","c":"1","n":"1m_BTC_USDT"}}`
	noPair    = `{"channel":"spot.trades","event":"update","result":{"side":"buy","amount":"0.0039","price":"84377.7"}}`
	truncated = `{"time":1,"channel":"spot.book_ticker","event":"update","result":{"t":1,"u":4`
	oldFrame  = `{"method": "trades.update", "params": ["RING_USDT", []]}`
	wrongType = `{"time":"x","channel":"spot.book_ticker","event":"update","result":{"t":1,"u":7,"s":"BTC_USDT","b":1}}`
	ackFrame  = `{"time":1,"channel":"spot.trades","event":"subscribe","result":{"status":"success"}}`
	errFrame  = `{"time":1,"channel":"spot.trades","error":{"code":2,"message":"no"},"result":null}`
	pongFrame = `{"time":1,"channel":"spot.pong","event":"","result":null}`
	upgrade   = `{"time":1,"channel":"spot.system","event":"update","result":{"type":"upgrade","msg":"bye"}}`
	upgrade0  = `{"type":"upgrade","msg":"bye"}`
)

var everyRow = []string{
	`>{"time":1,"channel":"spot.trades","event":"subscribe","payload":["XRP_USDT"]}`,
	ackFrame, errFrame, pongFrame, upgrade, upgrade0,
	quoteBTC, quoteETH, tradeBTC, tradesBTC, top5, top20, diffs, obu50, obu400, tickerSOL, candleBTC, noPair, truncated, oldFrame, wrongType,
}

var forEverybody = []string{noPair, truncated, oldFrame}

// A client gets the data frames of what it subscribed to, byte for byte and in
// order, and those that name no stream; answers, pongs and notices of the recorded
// connection it does not get.
func TestCaptureSendsWhatWasSubscribed(t *testing.T) {
	for name, test := range map[string]struct {
		channel string
		payload []string
		want    []string
	}{
		"quotes of one pair":            {chBookTicker, []string{"BTC_USDT"}, []string{quoteBTC, wrongType}},
		"quotes of two pairs":           {chBookTicker, []string{"BTC_USDT", "ETH_USDT"}, []string{quoteBTC, quoteETH, wrongType}},
		"trades as objects and lists":   {chTrades, []string{"BTC_USDT"}, []string{tradeBTC, tradesBTC}},
		"top levels of one level":       {chTop, []string{"BTC_USDT", "20", "100ms"}, []string{top20}},
		"diffs whatever the interval":   {chDiffs, []string{"BTC_USDT", "20ms"}, []string{diffs}},
		"book v2 of one level":          {chOBU, []string{"ob.BTC_USDT.50"}, []string{obu50}},
		"tickers":                       {chTickers, []string{"SOL_USDT"}, []string{tickerSOL}},
		"candles":                       {chCandles, []string{"1m", "BTC_USDT"}, []string{candleBTC}},
		"a pair that is only asked for": {chTrades, []string{"XRP_USDT"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{Capture: writeCapture(t, "c.jsonl.zst", 0, everyRow...), Settle: 20 * time.Millisecond, Once: true})
			c := dial(t, s)
			c.subscribe(test.channel, test.payload...)
			want := map[string]bool{}
			for _, f := range append(test.want, forEverybody...) {
				want[f] = true
			}
			var got, inOrder []string
			for _, row := range everyRow {
				if want[row] {
					inOrder = append(inOrder, row)
					got = append(got, string(c.next()))
				}
			}
			assert.Equal(t, inOrder, got)
			assert.Equal(t, ws.StatusNormalClosure, c.closeCode(5*time.Second))
			require.NoError(t, c.conn.Close())
			require.NoError(t, s.Wait(t.Context()))
			assert.Equal(t, uint64(len(inOrder)), s.Stats().FramesTotal)
		})
	}
}

// The pairs of a capture are those it names anywhere; others are refused.
func TestCaptureKnowsItsPairs(t *testing.T) {
	rows := append([]string{`GET http://x/api/v4/spot/order_book?currency_pair=LTC_USDT {"id":1}`}, everyRow...)
	s := start(t, Config{Capture: writeCapture(t, "c.jsonl", 0, rows...), Settle: time.Hour})
	c := dial(t, s)
	c.subscribe(chTrades, "BTC_USDT", "ETH_USDT", "SOL_USDT", "XRP_USDT", "LTC_USDT")
	c.request("subscribe", chTrades, "ADA_USDT")
	assert.Contains(t, string(c.next()), "unknown currency pair: ADA_USDT")
}

// Data start when requests have been quiet for the settle time, not before; then
// they keep the recorded pace, times the speed.
func TestCaptureSettlesAndKeepsPace(t *testing.T) {
	t.Parallel()
	path := writeCapture(t, "c.jsonl", 400*time.Millisecond, quoteBTC, quoteBTC, quoteBTC)
	s := start(t, Config{Capture: path, Settle: 500 * time.Millisecond, Speed: 2})
	c := dial(t, s)
	var quietSince time.Time
	for _, pair := range []string{"BTC_USDT", "BTC_USDT", "BTC_USDT"} {
		c.subscribe(chBookTicker, pair)
		quietSince = time.Now()
		time.Sleep(80 * time.Millisecond)
	}
	c.next()
	first := time.Now()
	assert.GreaterOrEqual(t, first.Sub(quietSince), 480*time.Millisecond)
	assert.Less(t, first.Sub(quietSince), 2*time.Second)
	c.next()
	c.next()
	assert.GreaterOrEqual(t, time.Since(first), 350*time.Millisecond)
	assert.Less(t, time.Since(first), 780*time.Millisecond, "the pace is twice the recorded one")
	c.quiet(100 * time.Millisecond)
}

// Each connection gets its own part; a Once run waits for all of them, and a
// client that breaks off half-way leaves the run to the next one.
func TestCaptureOnceWithSeveralConnections(t *testing.T) {
	t.Parallel()
	var rows []string
	for range 200 {
		rows = append(rows, quoteBTC, tradeBTC)
	}
	s := start(t, Config{Capture: writeCapture(t, "c.jsonl", time.Millisecond, rows...), Settle: 50 * time.Millisecond, Speed: 1, Once: true})
	broken := dial(t, s)
	broken.subscribe(chTrades, "BTC_USDT")
	broken.next()
	require.NoError(t, broken.conn.Close())

	quotes, trades := dial(t, s), dial(t, s)
	quotes.subscribe(chBookTicker, "BTC_USDT")
	trades.subscribe(chTrades, "BTC_USDT")
	for range 200 {
		require.Equal(t, quoteBTC, string(quotes.next()))
		require.Equal(t, tradeBTC, string(trades.next()))
	}
	assert.Equal(t, ws.StatusNormalClosure, quotes.closeCode(5*time.Second))
	assert.Equal(t, ws.StatusNormalClosure, trades.closeCode(5*time.Second))
	_ = quotes.conn.Close()
	_ = trades.conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, s.Wait(ctx))
	_, _, _, err := dialer(s).Dial(t.Context(), s.URL())
	assert.Error(t, err, "a served run takes no more clients")
}

// At full speed nothing but the client's reading holds the capture back, and
// nothing is lost on a client that rests.
func TestCaptureFullSpeedWaitsForTheClient(t *testing.T) {
	rows := make([]string, 2500)
	padding := strings.Repeat("0", 4000)
	for i := range rows {
		rows[i] = strings.Replace(quoteBTC, `"u":5,`, fmt.Sprintf(`"u":%d,"x":"%s",`, i, padding), 1)
	}
	s := start(t, Config{Capture: writeCapture(t, "c.jsonl.zst", 0, rows...), Settle: 10 * time.Millisecond, TLS: true, Once: true})
	c := dial(t, s)
	c.subscribe(chBookTicker, "BTC_USDT")
	c.next()
	time.Sleep(200 * time.Millisecond)
	sent := s.Stats().FramesTotal
	assert.Less(t, sent, uint64(len(rows)), "the client does not read, the server must wait")
	for i := 1; i < len(rows); i++ {
		if got := string(c.next()); got != rows[i] {
			require.Equal(t, rows[i], got)
		}
	}
	assert.Equal(t, ws.StatusNormalClosure, c.closeCode(5*time.Second))
}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: dialer(s).TLSConfig, DisableKeepAlives: true}}
	r, err := client.Get(s.RESTURL() + path)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

// REST serves recorded bodies in order, the last again and again, and makes the
// pairs from the data when none were recorded.
func TestCaptureREST(t *testing.T) {
	book := "GET https://x/api/v4/spot/order_book?currency_pair=BTC_USDT&limit=100&with_id=true "
	rows := append([]string{book + `{"id":1}`, book + `{"id":2}`}, everyRow...)
	s := start(t, Config{Capture: writeCapture(t, "c.jsonl", 0, rows...)})
	for _, want := range []string{`{"id":1}`, `{"id":2}`, `{"id":2}`} {
		_, body := get(t, s, "/spot/order_book?currency_pair=BTC_USDT&limit=100&with_id=true")
		assert.Equal(t, want, body)
	}
	status, _ := get(t, s, "/spot/order_book?currency_pair=ETH_USDT")
	assert.Equal(t, 503, status)
	status, _ = get(t, s, "/spot/order_book?currency_pair=NOPE_USDT")
	assert.Equal(t, 400, status)

	for pair, want := range map[string][2]int{"BTC_USDT": {3, 6}, "ETH_USDT": {1, 2}, "SOL_USDT": {2, 0}, "XRP_USDT": {0, 0}} {
		status, body := get(t, s, "/spot/currency_pairs/"+pair)
		require.Equal(t, 200, status)
		var p struct {
			ID, Base, Quote string
			Precision       int
			AmountPrecision int `json:"amount_precision"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &p))
		assert.Equal(t, want, [2]int{p.Precision, p.AmountPrecision}, pair)
		assert.Equal(t, pair, p.Base+"_"+p.Quote)
	}
	_, body := get(t, s, "/spot/currency_pairs")
	assert.Equal(t, 4, strings.Count(body, `"id":`))
}

// A recorded list of pairs is served as it is.
func TestCaptureRecordedPairs(t *testing.T) {
	const list = `[{"id":"BTC_USDT","precision":1},{"id":"ADA_USDT","precision":4}]`
	s := start(t, Config{Capture: writeCapture(t, "c.jsonl", 0, "GET https://x/api/v4/spot/currency_pairs "+list, quoteBTC), Settle: time.Hour})
	_, body := get(t, s, "/spot/currency_pairs")
	assert.Equal(t, list, body)
	_, body = get(t, s, "/spot/currency_pairs/ADA_USDT")
	assert.Equal(t, `{"id":"ADA_USDT","precision":4}`, body)
	dial(t, s).subscribe(chTrades, "ADA_USDT")
}

// A capture that cannot be used is refused by name and row.
func TestCaptureErrors(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for name, test := range map[string]struct{ path, want string }{
		"no such file":            {filepath.Join(t.TempDir(), "none.jsonl"), "no such file"},
		"another kind of file":    {write("c.csv", "x"), "want a .jsonl or .jsonl.zst file"},
		"a row that is no JSON":   {write("c.jsonl", "{\"op\":\"open\"}\nx\n"), "row 2: "},
		"a text row without data": {write("c.jsonl", `{"op":"text","dir":"in"}`), "row 1: no data member"},
		"nothing to send":         {write("c.jsonl", ""), "no data frame in it"},
		"a zst file that is none": {write("c.jsonl.zst", "abc"), "read capture"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Config{Venue: "gateio", Capture: test.path})
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// Streams may be changed while a capture plays.
func TestCaptureFollowsSubscriptions(t *testing.T) {
	t.Parallel()
	var rows []string
	for range 60 {
		rows = append(rows, quoteBTC, quoteETH)
	}
	s := start(t, Config{Capture: writeCapture(t, "c.jsonl", 10*time.Millisecond, rows...), Settle: 10 * time.Millisecond, Speed: 1})
	c := dial(t, s)
	c.subscribe(chBookTicker, "BTC_USDT")
	for range 5 {
		require.Equal(t, quoteBTC, string(c.next()))
	}
	c.request("subscribe", chBookTicker, "ETH_USDT")
	require.Eventually(t, func() bool { return string(c.next()) == quoteETH }, 5*time.Second, time.Nanosecond)
	c.request("unsubscribe", chBookTicker, "BTC_USDT")
	require.Eventually(t, func() bool { return strings.Contains(string(c.next()), `"event":"unsubscribe"`) }, 5*time.Second, time.Nanosecond)
	time.Sleep(30 * time.Millisecond)
	c.next()
	c.next()
	for range 5 {
		require.Equal(t, quoteETH, string(c.next()))
	}
	id, bids, asks := s.Book("BTC_USDT")
	assert.Zero(t, id, "a capture keeps no book")
	assert.Empty(t, bids)
	assert.Empty(t, asks)
}
