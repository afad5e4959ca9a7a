package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dialDecimal is dial with the header that asks for sizes with their decimals.
func dialDecimal(t testing.TB, s *Server) *client {
	t.Helper()
	d := dialer(s)
	d.Header = ws.HandshakeHeaderHTTP(http.Header{sizeHeader: {"1"}})
	conn, br, _, err := d.Dial(context.Background(), s.URL())
	require.NoError(t, err)
	if br == nil {
		br = bufio.NewReaderSize(conn, 1<<16)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t, conn, br}
}

// Requests are answered as the venue answers them: accepted or refused, in its words.
func TestFuturesRequests(t *testing.T) {
	request := func(channel, payload string) string {
		return fmt.Sprintf(`{"time":%d,"channel":%q,"event":"subscribe","payload":%s}`, time.Now().Unix(), channel, payload)
	}
	const accepted = `"result":{"status":"success"}`
	refused := func(code int, message string) string {
		return fmt.Sprintf(`"error":{"code":%d,"message":"%s"},"result":{"status":"fail"}`, code, message)
	}
	schema := refused(1, "request payload does not follow json schema")
	for name, test := range map[string]struct{ send, want string }{
		"a list is accepted":                      {request(chFutBookTicker, `["BTC_USDT","ETH_USDT"]`), accepted},
		"one unknown contract refuses the list":   {request(chFutTrades, `["BTC_USDT","NOPE_USDT"]`), refused(2, "unknown currency pair NOPE_USDT")},
		"with a colon on tickers":                 {request(chFutTickers, `["NOPE_USDT"]`), refused(2, "unknown currency pair: NOPE_USDT")},
		"a contract of another settle currency":   {request(chFutTrades, `["ETH_BTC"]`), refused(2, "unknown currency pair ETH_BTC")},
		"an empty list is refused":                {request(chFutTickers, `[]`), schema},
		"an unknown channel is refused":           {request("futures.nope", `["BTC_USDT"]`), refused(2, "Unknown channel futures.nope")},
		"diffs with a level":                      {request(chFutDiffs, `["BTC_USDT","100ms","50"]`), accepted},
		"diffs without a level":                   {request(chFutDiffs, `["BTC_USDT","100ms"]`), accepted},
		"diffs of 20 ms have 20 levels":           {request(chFutDiffs, `["BTC_USDT","20ms","20"]`), accepted},
		"diffs of 20 ms have no 100 levels":       {request(chFutDiffs, `["BTC_USDT","20ms","100"]`), refused(2, "provided level not supported: 100")},
		"diffs of 10 levels were withdrawn":       {request(chFutDiffs, `["BTC_USDT","100ms","10"]`), refused(2, "provided level not supported: 10")},
		"diffs of 1000 ms were withdrawn":         {request(chFutDiffs, `["BTC_USDT","1000ms","20"]`), refused(2, "incorrect update interval specified: 1000ms")},
		"top levels":                              {request(chFutTop, `["BTC_USDT","20","0"]`), accepted},
		"30 top levels are refused":               {request(chFutTop, `["BTC_USDT","30","0"]`), refused(2, "provided level not supported: 30")},
		"top levels as on spot are refused":       {request(chFutTop, `["BTC_USDT","20","100ms"]`), schema},
		"book v2 is accepted":                     {request(chFutOBU, `["ob.BTC_USDT.50"]`), accepted},
		"book v2 of an unknown contract too":      {request(chFutOBU, `["ob.NOPE_USDT.50"]`), accepted},
		"candles in one argument are refused":     {request(chFutCandles, `["1m_BTC_USDT"]`), schema},
		"no JSON is refused":                      {`subscribe me`, refused(1, "request message need json scheme")},
		"book v2 twice in a list is refused":      {request(chFutOBU, `["ob.BTC_USDT.50","ob.BTC_USDT.50"]`), refused(2, "Alert sub ob.BTC_USDT.50")},
		"a ping is answered":                      {`{"channel":"futures.ping"}`, `"channel":"futures.pong","event":"","result":null}`},
		"an event that is neither is refused":     {`{"channel":"futures.trades","event":"list","payload":["BTC_USDT"]}`, refused(2, "Unknown event list")},
		"unsubscribing what one has not is taken": {`{"channel":"futures.trades","event":"unsubscribe","payload":["BTC_USDT"]}`, accepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, start(t, Config{Venue: venueGateioFutures, Settle: time.Hour}))
			c.send(test.send)
			assert.Contains(t, string(c.next()), test.want)
		})
	}
}

// An unknown contract of book v2 is acknowledged and silent; a known one begins with a
// snapshot, and is refused a second time.
func TestFuturesBookV2(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, Config{Venue: venueGateioFutures, Settle: time.Millisecond, Rate: 300, Symbols: 2}))
	c.subscribe(chFutOBU, "ob.NOPE_USDT.50")
	c.quiet(200 * time.Millisecond)
	c.subscribe(chFutOBU, "ob.BTC_USDT.50")
	first := c.next()
	assert.Equal(t, "time time_ms channel event result{t full s u b a}", keysOf(t, first))
	c.request("subscribe", chFutOBU, "ob.BTC_USDT.50")
	for {
		if m := string(c.next()); strings.Contains(m, `"error"`) {
			assert.Contains(t, m, "Alert sub ob.BTC_USDT.50")
			return
		}
	}
}

// futPush is a push of any channel.
type futPush struct {
	Channel string `json:"channel"`
	Event   string `json:"event"`
	Result  json.RawMessage
}

var (
	quotedSize = regexp.MustCompile(`"(B|A|size)":"|"p":"[^"]+","s":"`)
	bareSize   = regexp.MustCompile(`"(B|A|size)":[-0-9]|"p":"[^"]+","s":[0-9]`)
)

// The pushes have the venue's keys in the venue's order, and sizes as asked for.
func TestFuturesPushes(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Venue: venueGateioFutures, Settle: time.Millisecond, Rate: 500, Symbols: 2, Seed: 3})
	want := map[string]string{
		chFutBookTicker: "time time_ms channel event result{t u s b B a A}",
		chFutDiffs:      "time time_ms channel event result{t U u s a b l}",
		chFutTop:        "time time_ms channel event result{t id contract asks bids l}",
		chFutTrades:     "time time_ms channel event result",
		chFutTickers:    "time time_ms channel event result",
	}
	for _, decimal := range []bool{true, false} {
		c := dial(t, s)
		if decimal {
			c = dialDecimal(t, s)
		}
		for channel := range want {
			payload := []string{"ETH_USDT"}
			switch channel {
			case chFutDiffs:
				payload = append(payload, "100ms", "20")
			case chFutTop:
				payload = append(payload, "5", "0")
			}
			c.request("subscribe", channel, payload...)
		}
		seen := map[string]bool{}
		for begin := time.Now(); len(seen) < len(want); {
			require.Less(t, time.Since(begin), 10*time.Second, "%v", seen)
			m := c.next()
			var p futPush
			require.NoError(t, json.Unmarshal(m, &p))
			if p.Event == "subscribe" {
				continue
			}
			seen[p.Channel] = true
			assert.Equal(t, want[p.Channel], keysOf(t, m))
			assert.Equal(t, p.Channel == chFutTop, p.Event == "all")
			if decimal {
				assert.NotRegexp(t, bareSize, string(m))
			} else {
				assert.NotRegexp(t, quotedSize, string(m))
			}
		}
	}
}

// An order that meets several levels makes one message of trades.
func TestFuturesTradesOfOneTakerComeTogether(t *testing.T) {
	t.Parallel()
	c := dialDecimal(t, start(t, Config{Venue: venueGateioFutures, Settle: time.Millisecond, Rate: 2000, Symbols: 1, Seed: 5}))
	c.subscribe(chFutTrades, "BTC_USDT")
	most, last := 0, uint64(0)
	for range 400 {
		var p struct {
			Result []struct {
				ID   uint64 `json:"id"`
				Size string `json:"size"`
			} `json:"result"`
		}
		require.NoError(t, json.Unmarshal(c.next(), &p))
		most = max(most, len(p.Result))
		for i, trade := range p.Result {
			assert.True(t, last == 0 || trade.ID == last+1)
			assert.Equal(t, strings.HasPrefix(p.Result[0].Size, "-"), strings.HasPrefix(trade.Size, "-"), "trade %d", i)
			last = trade.ID
		}
	}
	assert.Greater(t, most, 1)
}

// Diffs are ended without their level.
func TestFuturesDiffsAreEndedWithoutLevel(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Venue: venueGateioFutures, Settle: time.Millisecond, Rate: 300, Symbols: 1})
	c := dial(t, s)
	c.subscribe(chFutDiffs, "BTC_USDT", "100ms", "50")
	c.request("unsubscribe", chFutDiffs, "BTC_USDT", "100ms")
	require.Eventually(t, func() bool { return len(s.Truth().Active()) == 0 }, 5*time.Second, 5*time.Millisecond)
}

// getFutures fetches a path, with the size header or without.
func getFutures(t *testing.T, s *Server, path string, decimal bool) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.RESTURL()+path, nil)
	require.NoError(t, err)
	if decimal {
		req.Header.Set(sizeHeader, "1")
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { http.DefaultClient.CloseIdleConnections() }()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

// REST has contracts with their multipliers and books in the venue's form.
func TestFuturesREST(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Venue: venueGateioFutures, Symbols: 16, Faults: Faults{HaltPairs: []string{"SOL_USDT"}}})
	_, body := getFutures(t, s, "/futures/usdt/contracts", false)
	var list []struct {
		Name       string `json:"name"`
		Multiplier string `json:"quanto_multiplier"`
		Decimal    bool   `json:"enable_decimal"`
		Status     string `json:"status"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list, 14, "pairs against BTC are no contracts")
	assert.Equal(t, []any{"BTC_USDT", "0.0001", false}, []any{list[0].Name, list[0].Multiplier, list[0].Decimal})
	assert.Equal(t, []any{"ETH_USDT", "0.01", true}, []any{list[1].Name, list[1].Multiplier, list[1].Decimal})
	assert.Equal(t, "circuit_breaker", list[2].Status)
	status, _ := getFutures(t, s, "/futures/usdt/contracts/ETH_USDT", false)
	assert.Equal(t, http.StatusOK, status)
	for _, path := range []string{"/futures/usdt/contracts/ETH_BTC", "/futures/usdt/order_book?contract=NOPE_USDT", "/futures/usdt/order_book?contract=BTC_USDT&limit=301"} {
		status, _ = getFutures(t, s, path, false)
		assert.Equal(t, http.StatusBadRequest, status, path)
	}
	_, body = getFutures(t, s, "/futures/usdt/order_book?contract=ETH_USDT&limit=5&with_id=true", true)
	assert.Regexp(t, `^\{"id":\d+,"current":\d{10}\.\d+,"update":-?\d+[.\d]*,"asks":\[\{"p":"[\d.]+","s":"[\d.]+"\}`, body)
	_, body = getFutures(t, s, "/futures/usdt/order_book?contract=ETH_USDT&limit=5", false)
	assert.NotContains(t, body, `"id"`)
	assert.Regexp(t, `"asks":\[\{"p":"[\d.]+","s":\d+\}`, body)
}

// A recording is served byte for byte to those that asked, with its REST answers.
func TestFuturesCapture(t *testing.T) {
	t.Parallel()
	const quote = `{"time":1,"channel":"futures.book_ticker","event":"update","result":{"t":1,"u":2,"s":"A_USDT","b":"1","B":2,"a":"3","A":4}}`
	const trades = `{"time":1,"channel":"futures.trades","event":"update","result":[{"id":1,"size":-3,"contract":"A_USDT","price":"1"}]}`
	const nested = `{"time":1,"channel":"futures.tickers","event":"update","result":[[{"contract":"B_USDT","last":"1"}]]}`
	const top = `{"time":1,"channel":"futures.order_book","event":"all","result":{"t":1,"id":2,"contract":"A_USDT","asks":[],"bids":[],"l":"20"}}`
	var rows []string
	for _, frame := range []string{quote, trades, nested, top, `{"channel":"futures.pong","event":"","result":null}`} {
		text, err := json.Marshal(frame)
		require.NoError(t, err)
		rows = append(rows, `{"t":null,"conn":1,"dir":"in","op":"text","data":`+string(text)+`}`)
	}
	rows = append(rows,
		`{"t":1,"conn":0,"dir":"in","op":"rest","url":"https://example.org/api/v4/futures/usdt/contracts","data":"[{\"name\":\"A_USDT\",\"quanto_multiplier\":\"7\"}]"}`,
		`{"t":1,"conn":0,"dir":"in","op":"rest","url":"https://example.org/api/v4/futures/usdt/order_book?contract=A_USDT&limit=100","data":"{\"id\":9}"}`)
	path := filepath.Join(t.TempDir(), "futures.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(rows, "\n")), 0o600))
	s := start(t, Config{Venue: venueGateioFutures, Capture: path, Settle: 500 * time.Millisecond})
	c := dial(t, s)
	c.subscribe(chFutBookTicker, "A_USDT")
	c.subscribe(chFutTrades, "A_USDT")
	c.subscribe(chFutTickers, "B_USDT")
	c.subscribe(chFutTop, "A_USDT", "20", "0")
	for _, want := range []string{quote, trades, nested, top} {
		assert.Equal(t, want, string(c.next()))
	}
	_, body := getFutures(t, s, "/futures/usdt/contracts", true)
	assert.Contains(t, body, `"quanto_multiplier":"7"`)
	_, body = getFutures(t, s, "/futures/usdt/contracts/B_USDT", true)
	assert.Contains(t, body, `"name":"B_USDT"`, "named by the recording, though not in its list")
	_, body = getFutures(t, s, "/futures/usdt/order_book?contract=A_USDT", true)
	assert.Equal(t, `{"id":9}`, body)
}
