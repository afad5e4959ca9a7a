package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// venueGateio is the name in Config.Venue.
const venueGateio = "gateio"

// Channels of Gate.io spot v4 that the server knows.
const (
	chBookTicker = "spot.book_ticker"
	chTrades     = "spot.trades"
	chTradesV2   = "spot.trades_v2"
	chDiffs      = "spot.order_book_update"
	chTop        = "spot.order_book"
	chOBU        = "spot.obu"
	chTickers    = "spot.tickers"
	chCandles    = "spot.candlesticks"
	chPing       = "spot.ping"
	chPong       = "spot.pong"
	chSystem     = "spot.system"
)

// Error codes of the venue.
const (
	codeBody     = 1 // request body not valid
	codeArgument = 2 // argument not valid
)

// clockSkew is how far `time` of a request may lie from the server's clock.
const clockSkew = 60 * time.Second

var (
	diffIntervals   = []string{"20ms", "100ms"}
	topLevels       = []string{"5", "10", "20", "50", "100"}
	topIntervals    = []string{"100ms", "1000ms"}
	candleIntervals = []string{"10s", "1m", "5m", "15m", "30m", "1h", "4h", "8h", "1d", "7d"}
)

// gateio is the dialect of one server.
type gateio struct {
	srv  *Server
	rest restSource
}

// newGateio makes the dialect and the source of data the configuration names.
func newGateio(s *Server) (*gateio, source, error) {
	g := &gateio{srv: s}
	if s.cfg.Capture == "" {
		src := newSynthetic(s, gateioFormat{})
		g.rest = syntheticREST{src}
		return g, src, nil
	}
	rec, err := loadCapture(s.cfg.Capture, routeGateio)
	if err != nil {
		return nil, nil, err
	}
	rest, err := newCaptureREST(rec)
	if err != nil {
		return nil, nil, err
	}
	g.rest = rest
	return g, newReplay(s, rec, rest.pairs()), nil
}

func (g *gateio) wsPath() string          { return "/ws/v4/" }
func (g *gateio) restPath() string        { return "/api/v4" }
func (g *gateio) isREST(path string) bool { return strings.HasPrefix(path, "/api/v4/") }
func (g *gateio) limits() limits          { return limits{life: g.srv.cfg.ConnectionLife} }
func (g *gateio) op() ws.OpCode           { return ws.OpText }
func (g *gateio) streamName(k key) string { return gateioFormat{}.name(k) }

// gateioRequest is a client's message.
type gateioRequest struct {
	Time    *int64   `json:"time"`
	ID      *int64   `json:"id"`
	Channel string   `json:"channel"`
	Event   string   `json:"event"`
	Payload []string `json:"payload"`
}

// refusal is the error member of an answer.
type refusal struct {
	code    int
	message string
}

func refusef(code int, format string, a ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, a...)}
}

// handle answers one client message. One goroutine a connection calls it.
func (g *gateio) handle(c *conn, message []byte) {
	now := g.srv.now()
	var r gateioRequest
	if err := json.Unmarshal(message, &r); err != nil || !bytes.HasPrefix(bytes.TrimSpace(message), []byte("{")) {
		g.refuse(c, now, r, refusef(codeBody, "invalid request body format"))
		return
	}
	if no := checkTime(r, now); no != nil {
		g.refuse(c, now, r, no)
		return
	}
	if r.Channel == chPing {
		g.srv.stats.update(func(s *Stats) { s.Pings++ })
		c.queueText(appendPong(nil, c, now))
		return
	}
	if c.fault().NoAcks {
		return
	}
	keys, no := g.check(c, r)
	switch {
	case no != nil:
		g.refuse(c, now, r, no)
	case r.Event == "subscribe":
		g.srv.stats.update(func(s *Stats) { s.Subscribes++ })
		c.subscribe(keys, appendAck(nil, c, now, r, nil))
	default:
		g.srv.stats.update(func(s *Stats) { s.Unsubscribes++ })
		c.unsubscribe(keys)
		c.queueAnswer(appendAck(nil, c, now, r, nil))
	}
	c.restartSettle()
}

func (g *gateio) refuse(c *conn, now time.Time, r gateioRequest, no *refusal) {
	g.srv.stats.update(func(s *Stats) { s.Refusals++ })
	c.queueAnswer(appendAck(nil, c, now, r, no))
}

// checkTime: a request without time is accepted, as probed.
func checkTime(r gateioRequest, now time.Time) *refusal {
	if r.Time == nil {
		return nil
	}
	if skew := now.Sub(time.Unix(*r.Time, 0)); skew > clockSkew || skew < -clockSkew-time.Second {
		return refusef(codeBody, "request time %d is more than 60 seconds from the server time", *r.Time)
	}
	return nil
}

// check gives the streams a request names, or why it is refused. One refused name
// refuses the whole list.
func (g *gateio) check(c *conn, r gateioRequest) ([]key, *refusal) {
	keys, no := parsePayload(r.Channel, r.Payload)
	if no != nil {
		return nil, no
	}
	if r.Event != "subscribe" && r.Event != "unsubscribe" {
		return nil, refusef(codeArgument, "Unknown event %s", r.Event)
	}
	for _, k := range keys {
		if f := c.fault(); f.refuses(k.pair) {
			return nil, refusef(codeArgument, "%s", orDefault(f.RefuseText, "unknown currency pair: "+k.pair))
		}
		if !g.srv.source.knows(k.pair) {
			return nil, refusef(codeArgument, "unknown currency pair: %s", k.pair)
		}
		if r.Event == "subscribe" && k.channel == chOBU && c.has(k) {
			return nil, refusef(codeArgument, "Alert sub ob.%s.%s", k.pair, k.level)
		}
	}
	return keys, nil
}

// parsePayload reads the payload of a channel; the pairs are not looked at.
func parsePayload(channel string, p []string) ([]key, *refusal) {
	switch channel {
	case chBookTicker, chTrades, chTradesV2, chTickers:
		return parsePairs(channel, p)
	case chDiffs:
		return parseDiffs(p)
	case chTop:
		return parseTop(p)
	case chOBU:
		return parseOBU(p)
	case chCandles:
		return parseCandles(p)
	}
	return nil, refusef(codeArgument, "Unknown channel %s", channel)
}

func parsePairs(channel string, p []string) ([]key, *refusal) {
	if len(p) == 0 {
		return nil, refusef(codeArgument, "payload is empty")
	}
	keys := make([]key, len(p))
	for i, pair := range p {
		keys[i] = key{channel: channel, pair: pair}
	}
	return keys, nil
}

func parseDiffs(p []string) ([]key, *refusal) {
	if len(p) != 2 {
		return nil, refusef(codeArgument, "payload wants a currency pair and an interval")
	}
	if !slices.Contains(diffIntervals, p[1]) {
		return nil, refusef(codeArgument, "incorrect update interval specified: %s", p[1])
	}
	return []key{{channel: chDiffs, pair: p[0], interval: p[1]}}, nil
}

func parseTop(p []string) ([]key, *refusal) {
	if len(p) != 3 {
		return nil, refusef(codeArgument, "payload wants a currency pair, a level and an interval")
	}
	if !slices.Contains(topLevels, p[1]) {
		return nil, refusef(codeArgument, "provided level not supported: %s", p[1])
	}
	if !slices.Contains(topIntervals, p[2]) {
		return nil, refusef(codeArgument, "incorrect update interval specified: %s", p[2])
	}
	return []key{{channel: chTop, pair: p[0], level: p[1], interval: p[2]}}, nil
}

// parseOBU takes any level, as the venue does: a level other than 50 and 400 is
// acknowledged and stays silent.
func parseOBU(p []string) ([]key, *refusal) {
	if len(p) == 0 {
		return nil, refusef(codeArgument, "payload is empty")
	}
	keys := make([]key, len(p))
	for i, name := range p {
		pair, level, ok := cutOBU(name)
		if !ok {
			return nil, refusef(codeArgument, "incorrect stream name: %s", name)
		}
		keys[i] = key{channel: chOBU, pair: pair, level: level}
		if slices.Contains(keys[:i], keys[i]) {
			return nil, refusef(codeArgument, "Alert sub %s", name)
		}
	}
	return keys, nil
}

// cutOBU splits ob.<PAIR>.<LEVEL>.
func cutOBU(name string) (pair, level string, ok bool) {
	rest, ok := strings.CutPrefix(name, "ob.")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 1 || dot == len(rest)-1 {
		return "", "", false
	}
	return rest[:dot], rest[dot+1:], true
}

func parseCandles(p []string) ([]key, *refusal) {
	if len(p) != 2 {
		return nil, refusef(codeArgument, "payload wants an interval and a currency pair")
	}
	if !slices.Contains(candleIntervals, p[0]) {
		return nil, refusef(codeArgument, "incorrect update interval specified: %s", p[0])
	}
	return []key{{channel: chCandles, pair: p[1], level: p[0]}}, nil
}

// appendAck writes the answer to a request, accepted (no == nil) or refused.
func appendAck(b []byte, c *conn, now time.Time, r gateioRequest, no *refusal) []byte {
	trace := randomHex(16)
	b = appendEnvelopeTime(b, now)
	if r.ID != nil {
		b = append(b, `"id":`...)
		b = strconv.AppendInt(b, *r.ID, 10)
		b = append(b, ',')
	}
	b = append(b, `"conn_id":"`+c.id+`","trace_id":"`+trace+`","channel":`...)
	b = appendJSON(b, r.Channel)
	b = append(b, `,"event":`...)
	b = appendJSON(b, r.Event)
	if r.Payload != nil {
		b = append(b, `,"payload":`...)
		b = appendJSON(b, r.Payload)
	}
	if no != nil {
		b = append(b, `,"error":{"code":`...)
		b = strconv.AppendInt(b, int64(no.code), 10)
		b = append(b, `,"message":`...)
		b = appendJSON(b, no.message)
		b = append(b, `},"result":{"status":"fail"}`...)
	} else {
		b = append(b, `,"result":{"status":"success"}`...)
	}
	return append(b, `,"requestId":"`+trace+`"}`...)
}

func appendPong(b []byte, c *conn, now time.Time) []byte {
	b = appendEnvelopeTime(b, now)
	return append(b, `"conn_id":"`+c.id+`","channel":"`+chPong+`","event":"","result":null,"requestId":"`+randomHex(16)+`"}`...)
}

// appendEnvelopeTime opens a message: time in seconds, time_ms in milliseconds.
func appendEnvelopeTime(b []byte, now time.Time) []byte {
	b = append(b, `{"time":`...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, `,"time_ms":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	return append(b, ',')
}

// appendJSON writes a string or a list of strings without escaping HTML.
func appendJSON(b []byte, v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings do not fail
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
