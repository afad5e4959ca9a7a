package sim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// venueGateioFutures is the name in Config.Venue.
const venueGateioFutures = "gateio-futures"

// Channels of Gate.io perpetual futures that the server knows.
const (
	chFutBookTicker = "futures.book_ticker"
	chFutTrades     = "futures.trades"
	chFutDiffs      = "futures.order_book_update"
	chFutTop        = "futures.order_book"
	chFutOBU        = "futures.obu"
	chFutTickers    = "futures.tickers"
	chFutCandles    = "futures.candlesticks"
	chFutPing       = "futures.ping"
	chFutPong       = "futures.pong"
	chFutSystem     = "futures.system"
)

// Arguments of the book channels.
var (
	futDiffLevels = []string{"20", "50", "100"}
	futTopLevels  = []string{"1", "5", "10", "20", "50", "100"}
	futOBULevels  = []string{"50", "400"}
)

// sizeHeader asks for sizes with their decimals.
const sizeHeader = "X-Gate-Size-Decimal"

// gateioFutures is the dialect of one server.
type gateioFutures struct {
	srv  *Server
	rest restSource
}

func newGateioFutures(s *Server) (*gateioFutures, source, error) {
	g := &gateioFutures{srv: s}
	if s.cfg.Capture == "" {
		src := newSynthetic(s, futuresFormat{})
		for _, p := range src.market.pairs {
			p.amountDecimals = contractDecimals(p.base)
		}
		g.rest = futuresREST{src}
		return g, src, nil
	}
	rec, err := loadCapture(s.cfg.Capture, routeGateioFutures)
	if err != nil {
		return nil, nil, err
	}
	rest, err := newFuturesCaptureREST(rec)
	if err != nil {
		return nil, nil, err
	}
	g.rest = rest
	return g, newReplay(s, rec, rest.named), nil
}

// contractDecimals: most contracts trade whole, those of some bases with one decimal,
// as on the venue in 2026.
func contractDecimals(base string) int {
	switch base {
	case "ETH", "SOL", "XRP", "TRX":
		return 1
	}
	return 0
}

func (g *gateioFutures) wsPath() string          { return "/v4/ws/usdt" }
func (g *gateioFutures) restPath() string        { return "/api/v4" }
func (g *gateioFutures) isREST(path string) bool { return strings.HasPrefix(path, "/api/v4/") }
func (g *gateioFutures) limits() limits          { return limits{life: g.srv.cfg.ConnectionLife} }
func (g *gateioFutures) op() ws.OpCode           { return ws.OpText }
func (g *gateioFutures) streamName(k key) string { return futuresFormat{}.name(k) }

// handle answers one client message. One goroutine a connection calls it.
func (g *gateioFutures) handle(c *conn, message []byte) {
	now := g.srv.now()
	var r gateioRequest
	if err := json.Unmarshal(message, &r); err != nil || !bytes.HasPrefix(bytes.TrimSpace(message), []byte("{")) {
		g.refuse(c, now, r, refusef(codeBody, "request message need json scheme"))
		return
	}
	if no := checkTime(r, now); no != nil {
		g.refuse(c, now, r, no)
		return
	}
	if r.Channel == chFutPing {
		g.srv.stats.update(func(s *Stats) { s.Pings++ })
		c.queueText(appendFutPong(nil, c, now))
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
		c.subscribe(keys, appendFutAck(nil, c, now, r, nil))
	default:
		g.srv.stats.update(func(s *Stats) { s.Unsubscribes++ })
		c.unsubscribe(keys)
		c.queueAnswer(appendFutAck(nil, c, now, r, nil))
	}
	c.restartSettle()
}

func (g *gateioFutures) refuse(c *conn, now time.Time, r gateioRequest, no *refusal) {
	g.srv.stats.update(func(s *Stats) { s.Refusals++ })
	c.queueAnswer(appendFutAck(nil, c, now, r, no))
}

// check gives the streams a request names, or why it is refused. One refused name
// refuses the whole list; on futures.obu every name is accepted, and an unknown one
// stays silent.
func (g *gateioFutures) check(c *conn, r gateioRequest) ([]key, *refusal) {
	if r.Event != "subscribe" && r.Event != "unsubscribe" {
		return nil, refusef(codeArgument, "Unknown event %s", r.Event)
	}
	keys, no := parseFutPayload(r.Channel, r.Payload)
	if no != nil {
		return nil, no
	}
	for i := range keys {
		k := &keys[i]
		k.whole = c.header.Get(sizeHeader) != "1"
		if f := c.fault(); f.refuses(k.pair) {
			return nil, refusef(codeArgument, "%s", orDefault(f.RefuseText, "unknown currency pair "+k.pair))
		}
		switch known := g.knows(k.pair); {
		case !known && k.channel == chFutOBU:
			k.level = "unknown"
		case !known:
			return nil, refusef(codeArgument, "unknown currency pair%s %s", colonOf(k.channel), k.pair)
		}
		if r.Event == "subscribe" && k.channel == chFutOBU && c.has(*k) {
			return nil, refusef(codeArgument, "Alert sub %s", r.Payload[i])
		}
		if r.Event == "unsubscribe" && k.channel == chFutDiffs {
			k.level = levelOf(c, *k)
		}
	}
	return keys, nil
}

// knows: a socket serves the contracts of one settle currency; those of a capture are
// whatever was recorded.
func (g *gateioFutures) knows(contract string) bool {
	_, market := g.rest.(futuresREST)
	return g.srv.source.knows(contract) && (!market || strings.HasSuffix(contract, "_USDT"))
}

// colonOf is what stands behind the venue's words on an unknown contract.
func colonOf(channel string) string {
	if channel == chFutTickers {
		return ":"
	}
	return ""
}

// levelOf is the level of the diffs that the client has: the request that ends them
// does not say it.
func levelOf(c *conn, k key) string {
	for _, have := range c.wanted() {
		if have.channel == k.channel && have.pair == k.pair && have.interval == k.interval {
			return have.level
		}
	}
	return k.level
}

// parseFutPayload reads the payload of a channel; the contracts are not looked at.
func parseFutPayload(channel string, p []string) ([]key, *refusal) {
	switch channel {
	case chFutBookTicker, chFutTrades, chFutTickers:
		if len(p) == 0 {
			return nil, errPayload()
		}
		keys := make([]key, len(p))
		for i, contract := range p {
			keys[i] = key{channel: channel, pair: contract}
		}
		return keys, nil
	case chFutDiffs:
		return parseFutDiffs(p)
	case chFutTop:
		if len(p) != 3 || p[2] != "0" {
			return nil, errPayload()
		}
		if !slices.Contains(futTopLevels, p[1]) {
			return nil, refusef(codeArgument, "provided level not supported: %s", p[1])
		}
		return []key{{channel: chFutTop, pair: p[0], level: p[1]}}, nil
	case chFutOBU:
		return parseFutOBU(p)
	case chFutCandles:
		if len(p) != 2 || !slices.Contains(candleIntervals, p[0]) {
			return nil, errPayload()
		}
		return []key{{channel: chFutCandles, pair: p[1], level: p[0]}}, nil
	}
	return nil, refusef(codeArgument, "Unknown channel %s", channel)
}

func errPayload() *refusal {
	return refusef(codeBody, "request payload does not follow json schema")
}

// parseFutDiffs: the level may be left out; 20 ms take 20 levels only.
func parseFutDiffs(p []string) ([]key, *refusal) {
	if len(p) != 2 && len(p) != 3 {
		return nil, errPayload()
	}
	if !slices.Contains(diffIntervals, p[1]) {
		return nil, refusef(codeArgument, "incorrect update interval specified: %s", p[1])
	}
	level := "100"
	if p[1] == "20ms" {
		level = "20"
	}
	if len(p) == 3 {
		if !slices.Contains(futDiffLevels, p[2]) || p[1] == "20ms" && p[2] != "20" {
			return nil, refusef(codeArgument, "provided level not supported: %s", p[2])
		}
		level = p[2]
	}
	return []key{{channel: chFutDiffs, pair: p[0], interval: p[1], level: level}}, nil
}

func parseFutOBU(p []string) ([]key, *refusal) {
	if len(p) == 0 {
		return nil, errPayload()
	}
	keys := make([]key, len(p))
	for i, name := range p {
		contract, level, ok := cutOBU(name)
		if !ok {
			return nil, errPayload()
		}
		keys[i] = key{channel: chFutOBU, pair: contract, level: level}
		if slices.Contains(keys[:i], keys[i]) {
			return nil, refusef(codeArgument, "Alert sub %s", name)
		}
	}
	return keys, nil
}

// appendFutAck is appendAck without the id that spot puts at the end.
func appendFutAck(b []byte, c *conn, now time.Time, r gateioRequest, no *refusal) []byte {
	b = appendAck(b, c, now, r, no)
	return append(b[:bytes.LastIndex(b, []byte(`,"requestId"`))], '}')
}

func appendFutPong(b []byte, c *conn, now time.Time) []byte {
	b = appendEnvelopeTime(b, now)
	return append(b, `"conn_id":"`+c.id+`","channel":"`+chFutPong+`","event":"","result":null}`...)
}

// routeGateioFutures reads the route of a captured message; see routeGateio.
func routeGateioFutures(_ ws.OpCode, frame []byte) (route, bool) {
	f, ok := readGateioFrame(frame)
	switch {
	case !ok:
		return route{}, true
	case f.event == "subscribe", f.event == "unsubscribe", f.refused:
		return route{}, false
	case f.channel == chFutPong, f.channel == chFutPing, f.channel == chFutSystem:
		return route{}, false
	case f.channel == "" && f.kind == "upgrade":
		return route{}, false
	}
	r := readFutResult(f.result)
	switch f.channel {
	case chFutOBU:
		contract, level, _ := cutOBU(r.stream)
		return route{f.channel, contract, level, true}, true
	case chFutCandles:
		level, contract, _ := strings.Cut(r.name, "_")
		return route{f.channel, contract, level, false}, true
	}
	if f.channel == chFutDiffs {
		return route{f.channel, r.stream, "", true}, true // of whatever level was recorded
	}
	return route{f.channel, orDefault(r.pair, r.stream), r.level, false}, true
}

// readFutResult reads the first object of a result, however many lists are around it.
func readFutResult(b []byte) (r gateioResult) {
	for len(b) > 0 && b[0] == '[' {
		b = b[skipBlank(b, 1):]
	}
	members(b[:min(skipValue(b, 0), len(b))], func(name, value []byte) {
		switch string(name) {
		case "s":
			r.stream, _ = text(value)
		case "contract":
			r.pair, _ = text(value)
		case "l":
			r.level, _ = text(value)
		case "n":
			r.name, _ = text(value)
		}
	})
	return r
}
