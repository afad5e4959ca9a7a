package conformance

import (
	"encoding/json"
	"strings"
)

// envelope is a Gate.io message as the model reads it: numbers stay text.
type envelope struct {
	Time    json.Number     `json:"time"`
	TimeMS  json.Number     `json:"time_ms"`
	Channel string          `json:"channel"`
	Event   *string         `json:"event"`
	Result  json.RawMessage `json:"result"`
}

func (e *envelope) sendNS() string {
	if e.TimeMS != "" {
		return e.TimeMS.String() + "000000"
	}
	return e.Time.String() + "000000000"
}

// members are those of a JSON object, with case-exact keys.
type members map[string]json.RawMessage

func object(raw []byte) (members, bool) {
	var m members
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return nil, false
	}
	return m, true
}

// text is a string's content or the text of any other value.
func (m members) text(key string) (string, bool) {
	raw := m[key]
	if raw == nil {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	return string(raw), true
}

// side is one side of a quote.
func (m members) side(price, quantity string) (string, bool) {
	p, _ := m.text(price)
	q, _ := m.text(quantity)
	return side(p, q)
}

func gateioSymbol(native string) string { return strings.Replace(native, "_", "/", 1) }

// gateioSeen is what the model reads in one message.
type gateioSeen struct {
	channel, symbol string
	add             func(*expectation) // adds the events; nil for what is no data, and for data that must be refused
}

func gateioModel(frame []byte) gateioSeen {
	var e envelope
	if json.Unmarshal(frame, &e) != nil || e.Result == nil || e.Event != nil && *e.Event != "update" {
		return gateioSeen{}
	}
	m, isObject := object(e.Result)
	if !isObject {
		return gateioSeen{}
	}
	seen := gateioSeen{channel: e.Channel}
	switch e.Channel {
	case "spot.book_ticker":
		seen.bookTicker(&e, m)
	case "spot.trades":
		seen.trade(&e, m)
	case "spot.tickers":
		seen.ticker(&e, m)
	case "spot.order_book_update", "spot.obu":
		seen.depth(&e, m, "u", "b", "a", false)
	case "spot.order_book":
		seen.depth(&e, m, "lastUpdateId", "bids", "asks", true)
	}
	return seen
}

func (g *gateioSeen) bookTicker(e *envelope, m members) {
	native, ok := m.text("s")
	bid, ok1 := m.side("b", "B")
	ask, ok2 := m.side("a", "A")
	t, ok3 := m.text("t")
	u, ok4 := m.text("u")
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return
	}
	g.symbol = gateioSymbol(native)
	send := e.sendNS()
	g.add = func(x *expectation) { x.addQuote(g.symbol, u, t+"000000", send, bid, ask) }
}

// millisToNS turns decimal milliseconds into nanoseconds, exactly.
func millisToNS(s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	return whole + (fraction + "000000")[:6]
}

func (g *gateioSeen) trade(e *envelope, m members) {
	native, ok := m.text("currency_pair")
	id, ok1 := m.text("id")
	price, _ := m.text("price")
	amount, _ := m.text("amount")
	taker, _ := m.text("side")
	t, ok2 := m.text("create_time_ms")
	if !ok2 { // old messages have whole seconds only
		t, ok2 = m.text("create_time")
		t += "000"
	}
	p, ok3 := exact(price)
	q, ok4 := exact(amount)
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return
	}
	g.symbol = gateioSymbol(native)
	send := e.sendNS()
	g.add = func(x *expectation) { x.addTrade(g.symbol, id, millisToNS(t), send, p, q, taker, 0, 1) }
}

func (g *gateioSeen) ticker(e *envelope, m members) {
	native, ok := m.text("currency_pair")
	var prices [5]string
	for i, key := range []string{"last", "highest_bid", "lowest_ask", "high_24h", "low_24h"} {
		text, _ := m.text(key)
		var good bool
		prices[i], good = optional(text)
		ok = ok && good
	}
	var volumes [2]string
	for i, key := range []string{"base_volume", "quote_volume"} {
		text, _ := m.text(key)
		var good bool
		volumes[i], good = volume(text)
		ok = ok && good
	}
	if !ok {
		return
	}
	g.symbol = gateioSymbol(native)
	send := e.sendNS()
	g.add = func(x *expectation) { x.addTicker(g.symbol, send, prices, volumes) }
}

func (g *gateioSeen) depth(e *envelope, m members, id, bidKey, askKey string, snapshot bool) {
	native, ok := m.text("s")
	if e.Channel == "spot.obu" {
		native = strings.TrimPrefix(native, "ob.")
		if i := strings.LastIndexByte(native, '.'); i > 0 {
			native = native[:i]
		}
	}
	u, ok1 := m.text(id)
	t, ok2 := m.text("t")
	first := "null"
	if f, has := m.text("U"); has && f != "0" {
		first = f
	}
	if full, has := m.text("full"); has && full == "true" {
		snapshot = true
	}
	bids, ok3 := m.levels(bidKey)
	asks, ok4 := m.levels(askKey)
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return
	}
	g.symbol = gateioSymbol(native)
	g.add = func(x *expectation) { x.addDepth(g.symbol, first, u, t+"000000", snapshot, bids, asks) }
}

func (m members) levels(key string) (string, bool) {
	raw := m[key]
	if raw == nil || string(raw) == "null" {
		return "", true
	}
	var levels [][]string
	if json.Unmarshal(raw, &levels) != nil {
		return "", false
	}
	var out [][2]string
	for _, l := range levels {
		if len(l) != 2 {
			return "", false
		}
		p, ok1 := exact(l[0])
		q, ok2 := exact(l[1])
		if !ok1 || !ok2 {
			return "", false
		}
		out = append(out, [2]string{p, q})
	}
	return levelTexts(out), true
}
