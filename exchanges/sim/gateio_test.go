package sim

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Most tests wait for the clock and not for a processor: more of them run at once
// than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// Requests are answered as the venue answers them: accepted or refused, in its
// words.
func TestRequests(t *testing.T) {
	now := func(skew time.Duration) int64 { return time.Now().Add(skew).Unix() }
	request := func(channel, payload string) string {
		return fmt.Sprintf(`{"time":%d,"channel":%q,"event":"subscribe","payload":%s}`, now(0), channel, payload)
	}
	const accepted = `"result":{"status":"success"}`
	refused := func(code int, message string) string {
		return fmt.Sprintf(`"error":{"code":%d,"message":"%s"},"result":{"status":"fail"}`, code, message)
	}
	for name, test := range map[string]struct{ send, want string }{
		"a list of listed pairs is accepted":         {request(chBookTicker, `["BTC_USDT","ETH_USDT"]`), accepted},
		"an unknown pair is refused":                 {request(chTrades, `["NOPE_USDT"]`), refused(2, "unknown currency pair: NOPE_USDT")},
		"a lower-case pair is refused":               {request(chTrades, `["btc_usdt"]`), refused(2, "unknown currency pair: btc_usdt")},
		"one unknown pair refuses the list":          {request(chTickers, `["BTC_USDT","NOPE_USDT"]`), refused(2, "unknown currency pair: NOPE_USDT")},
		"an empty list is refused":                   {request(chTickers, `[]`), refused(2, "payload is empty")},
		"an unknown channel is refused":              {request("spot.nothing", `["BTC_USDT"]`), refused(2, "Unknown channel spot.nothing")},
		"diffs of 20 ms are accepted":                {request(chDiffs, `["BTC_USDT","20ms"]`), accepted},
		"diffs of 100 ms are accepted":               {request(chDiffs, `["BTC_USDT","100ms"]`), accepted},
		"diffs of 1000 ms were withdrawn":            {request(chDiffs, `["BTC_USDT","1000ms"]`), refused(2, "incorrect update interval specified: 1000ms")},
		"diffs without an interval are refused":      {request(chDiffs, `["BTC_USDT"]`), refused(2, "payload wants a currency pair and an interval")},
		"20 levels are accepted":                     {request(chTop, `["BTC_USDT","20","100ms"]`), accepted},
		"30 levels are refused":                      {request(chTop, `["BTC_USDT","30","100ms"]`), refused(2, "provided level not supported: 30")},
		"levels every 20 ms are refused":             {request(chTop, `["BTC_USDT","20","20ms"]`), refused(2, "incorrect update interval specified: 20ms")},
		"book v2 is accepted":                        {request(chOBU, `["ob.BTC_USDT.50"]`), accepted},
		"book v2 of an unknown pair is refused":      {request(chOBU, `["ob.NOPE_USDT.50"]`), refused(2, "unknown currency pair: NOPE_USDT")},
		"book v2 of another level is accepted":       {request(chOBU, `["ob.BTC_USDT.30"]`), accepted},
		"book v2 with another name is refused":       {request(chOBU, `["BTC_USDT"]`), refused(2, "incorrect stream name: BTC_USDT")},
		"book v2 twice in a list is refused":         {request(chOBU, `["ob.BTC_USDT.50","ob.BTC_USDT.50"]`), refused(2, "Alert sub ob.BTC_USDT.50")},
		"candles are accepted":                       {request(chCandles, `["1m","BTC_USDT"]`), accepted},
		"candles of two minutes are refused":         {request(chCandles, `["2m","BTC_USDT"]`), refused(2, "incorrect update interval specified: 2m")},
		"no JSON is refused":                         {`subscribe me`, refused(1, "invalid request body format")},
		"a JSON list is refused":                     {`["spot.trades"]`, refused(1, "invalid request body format")},
		"null is refused":                            {`null`, refused(1, "invalid request body format")},
		"a payload of numbers is refused":            {request(chTrades, `[1]`), refused(1, "invalid request body format")},
		"a time as text is refused":                  {`{"time":"1","channel":"spot.ping"}`, refused(1, "invalid request body format")},
		"a request without time is accepted":         {`{"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT"]}`, accepted},
		"a time 50 s old is accepted":                {fmt.Sprintf(`{"time":%d,"channel":"spot.ping"}`, now(-50*time.Second)), `"channel":"spot.pong"`},
		"a time 50 s ahead is accepted":              {fmt.Sprintf(`{"time":%d,"channel":"spot.ping"}`, now(50*time.Second)), `"channel":"spot.pong"`},
		"a time 70 s old is refused":                 {fmt.Sprintf(`{"time":%d,"channel":"spot.ping"}`, now(-70*time.Second)), `"error":{"code":1,`},
		"a time 70 s ahead is refused":               {fmt.Sprintf(`{"time":%d,"channel":"spot.ping"}`, now(70*time.Second)), `"error":{"code":1,`},
		"an event that is neither is refused":        {fmt.Sprintf(`{"time":%d,"channel":"spot.trades","event":"list","payload":["BTC_USDT"]}`, now(0)), refused(2, "Unknown event list")},
		"unsubscribing what one has not is accepted": {fmt.Sprintf(`{"time":%d,"channel":"spot.trades","event":"unsubscribe","payload":["BTC_USDT"]}`, now(0)), accepted},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{Settle: time.Hour})
			c := dial(t, s)
			c.send(test.send)
			assert.Contains(t, string(c.next()), test.want)
		})
	}
}

// The answers have the venue's keys in the venue's order.
func TestAnswersKeepTheKeyOrder(t *testing.T) {
	s := start(t, Config{Settle: time.Hour})
	c := dial(t, s)

	c.send(`{"id":7,"channel":"spot.order_book","event":"subscribe","payload":["BTC_USDT","20","100ms"]}`)
	ack := c.next()
	assert.Regexp(t, regexp.MustCompile(`^\{"time":\d{10},"time_ms":\d{13},"id":7,"conn_id":"[0-9a-f]{16}","trace_id":"([0-9a-f]{32})",`+
		`"channel":"spot.order_book","event":"subscribe","payload":\["BTC_USDT","20","100ms"\],`+
		`"result":\{"status":"success"\},"requestId":"[0-9a-f]{32}"\}$`), string(ack))

	c.request("subscribe", chDiffs, "NOPE_USD", "100ms")
	assert.Equal(t, "time time_ms conn_id trace_id channel event payload error{code message} result{status} requestId", keysOf(t, c.next()))

	c.send(`{"channel":"spot.ping"}`)
	pong := c.next()
	assert.Equal(t, "time time_ms conn_id channel event result requestId", keysOf(t, pong))
	assert.Contains(t, string(pong), `"channel":"spot.pong","event":"","result":null,`)
	assert.Equal(t, uint64(1), s.Stats().Pings)
}

// A second subscription is refused on book v2 and accepted elsewhere; after
// unsubscribing book v2 is accepted again.
func TestSecondSubscription(t *testing.T) {
	c := dial(t, start(t, Config{Settle: time.Hour}))
	c.subscribe(chTrades, "BTC_USDT")
	c.subscribe(chTrades, "BTC_USDT")
	c.subscribe(chOBU, "ob.BTC_USDT.400")
	c.request("subscribe", chOBU, "ob.BTC_USDT.400")
	assert.Contains(t, string(c.next()), `"error":{"code":2,"message":"Alert sub ob.BTC_USDT.400"}`)
	c.request("unsubscribe", chOBU, "ob.BTC_USDT.400")
	assert.Contains(t, string(c.next()), `"event":"unsubscribe","payload":["ob.BTC_USDT.400"],"result":{"status":"success"}`)
	c.subscribe(chOBU, "ob.BTC_USDT.400")
}

// Client frames that break RFC 6455 end the connection with the code it names.
func TestClientFrames(t *testing.T) {
	text := func(s string) ws.Frame { return ws.MaskFrameInPlace(ws.NewTextFrame([]byte(s))) }
	for name, test := range map[string]struct {
		frame ws.Frame
		code  ws.StatusCode
	}{
		"an unmasked frame":           {ws.NewTextFrame([]byte(`{"channel":"spot.ping"}`)), ws.StatusProtocolError},
		"a reserved bit":              {func() ws.Frame { f := text("{}"); f.Header.Rsv = ws.Rsv(true, false, false); return f }(), ws.StatusProtocolError},
		"a reserved opcode":           {func() ws.Frame { f := text("{}"); f.Header.OpCode = 5; return f }(), ws.StatusProtocolError},
		"a continuation of nothing":   {func() ws.Frame { f := text("{}"); f.Header.OpCode = ws.OpContinuation; return f }(), ws.StatusProtocolError},
		"a message that is not UTF-8": {text("\xff\xfe"), ws.StatusInvalidFramePayloadData},
		"a message over the limit":    {text(string(make([]byte, maxMessageBytes+1))), ws.StatusMessageTooBig},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			s := start(t, Config{})
			c := dial(t, s)
			_ = ws.WriteFrame(c.conn, test.frame)
			assert.Equal(t, test.code, c.closeCode(5*time.Second))
			assert.Equal(t, uint64(1), s.Stats().ProtocolErrors)
		})
	}
}

// A message in fragments with a ping between them is one request; the ping is
// answered with its payload; a close is answered with its code.
func TestFragmentsPingAndClose(t *testing.T) {
	c := dial(t, start(t, Config{}))
	write := func(op ws.OpCode, fin bool, p string) {
		require.NoError(t, ws.WriteFrame(c.conn, ws.MaskFrameInPlace(ws.NewFrame(op, fin, []byte(p)))))
	}
	write(ws.OpText, false, `{"channel":`)
	write(ws.OpPing, true, "hello")
	write(ws.OpContinuation, true, `"spot.ping"}`)
	h, payload, err := c.frame(5 * time.Second)
	require.NoError(t, err)
	assert.Equal(t, ws.OpPong, h.OpCode)
	assert.Equal(t, "hello", string(payload))
	assert.Contains(t, string(c.next()), `"channel":"spot.pong"`)
	write(ws.OpClose, true, string(ws.NewCloseFrameBody(4001, "bye")))
	assert.Equal(t, ws.StatusCode(4001), c.closeCode(5*time.Second))
}

// The path is exact: the last slash matters.
func TestPath(t *testing.T) {
	s := start(t, Config{})
	for _, path := range []string{"ws/v4", "ws/v4/x", "ws/v3/", ""} {
		url := s.URL()[:len(s.URL())-len("ws/v4/")] + path
		_, _, _, err := dialer(s).Dial(context.Background(), url)
		var status ws.StatusError
		require.ErrorAs(t, err, &status, path)
		assert.Equal(t, 404, int(status), path)
	}
	dial(t, s)
}

// A silent client is cut without a close frame: soon when it subscribed to
// nothing, later when it did; a client message puts it off.
func TestIdleClients(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Settle: time.Hour, IdleTimeout: 800 * time.Millisecond, SilentTimeout: 2400 * time.Millisecond})
	began := time.Now()
	idle, pinging, subscribed := dial(t, s), dial(t, s), dial(t, s)
	subscribed.subscribe(chTrades, "BTC_USDT")
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		pinging.send(`{"channel":"spot.ping"}`)
		pinging.next()
	}
	assert.Zero(t, idle.closeCode(5*time.Second))
	assert.Zero(t, pinging.closeCode(5*time.Second))
	assert.GreaterOrEqual(t, time.Since(began), 1680*time.Millisecond)
	assert.Zero(t, subscribed.closeCode(5*time.Second))
	assert.GreaterOrEqual(t, time.Since(began), 2390*time.Millisecond)
	assert.Equal(t, uint64(3), s.Stats().IdleCloses)
}
