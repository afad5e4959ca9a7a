package conformance

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// event is one datum in the form in which expectation and outcome are compared:
// a flat text, so that a difference prints well.
type event string

// envelope is a Gate.io message as the model reads it: numbers stay text.
type envelope struct {
	Time    json.Number     `json:"time"`
	TimeMS  json.Number     `json:"time_ms"`
	Channel string          `json:"channel"`
	Event   *string         `json:"event"`
	Result  json.RawMessage `json:"result"`
}

// object reads a JSON object with case-exact keys.
func object(raw []byte) (map[string]json.RawMessage, bool) {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return nil, false
	}
	return m, true
}

func textOf(raw json.RawMessage) (string, bool) {
	if raw == nil {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	return string(raw), true
}

// canonical writes a decimal without exponent and without trailing zeros; false
// when it is none.
func canonical(s string) (string, bool) {
	rest := strings.TrimPrefix(s, "-")
	whole, fraction, dotted := strings.Cut(rest, ".")
	if whole == "" || dotted && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	whole = strings.TrimLeft(whole, "0")
	fraction = strings.TrimRight(fraction, "0")
	if len(whole)+len(fraction) > 40 {
		return "", false
	}
	if whole == "" {
		whole = "0"
	}
	out := whole
	if fraction != "" {
		out += "." + fraction
	}
	if rest != s && out != "0" {
		out = "-" + out
	}
	return out, true
}

// fits says whether a canonical decimal's digits fit an int64.
func fits(s string) bool {
	m, ok := new(big.Int).SetString(strings.Replace(s, ".", "", 1), 10)
	return ok && m.IsInt64()
}

// exact is canonical for prices and quantities, which must fit an int64.
func exact(s string) (string, bool) {
	c, ok := canonical(s)
	return c, ok && fits(c)
}

// side is price and quantity of a book ticker: null where it is empty.
func sideOf(m map[string]json.RawMessage, price, quantity string) (string, bool) {
	p, _ := textOf(m[price])
	q, _ := textOf(m[quantity])
	if p == "" && q == "" {
		return "null null", true
	}
	cp, ok1 := exact(p)
	cq, ok2 := exact(q)
	return cp + " " + cq, ok1 && ok2
}

func (e *envelope) sendNS() string {
	if e.TimeMS != "" {
		return e.TimeMS.String() + "000000"
	}
	return e.Time.String() + "000000000"
}

func symbolOf(native string) string { return strings.Replace(native, "_", "/", 1) }

// model gives the events that a frame must yield; ok is false for frames that are
// no data, and for data that must be refused.
func model(frame []byte) (channel, symbol string, events []event, ok bool) {
	var e envelope
	if json.Unmarshal(frame, &e) != nil || e.Result == nil || e.Event != nil && *e.Event != "update" {
		return "", "", nil, false
	}
	m, isObject := object(e.Result)
	if !isObject {
		return "", "", nil, false
	}
	switch e.Channel {
	case "spot.book_ticker":
		return bookTicker(&e, m)
	case "spot.trades":
		return trade(&e, m)
	case "spot.tickers":
		return ticker(&e, m)
	case "spot.order_book_update":
		return depth(&e, m, "u", "b", "a", false)
	case "spot.order_book":
		return depth(&e, m, "lastUpdateId", "bids", "asks", true)
	case "spot.obu":
		return depth(&e, m, "u", "b", "a", false)
	}
	return e.Channel, "", nil, false
}

func bookTicker(e *envelope, m map[string]json.RawMessage) (string, string, []event, bool) {
	native, ok := textOf(m["s"])
	bid, ok1 := sideOf(m, "b", "B")
	ask, ok2 := sideOf(m, "a", "A")
	t, ok3 := textOf(m["t"])
	u, ok4 := textOf(m["u"])
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return e.Channel, "", nil, false
	}
	s := symbolOf(native)
	return e.Channel, s, []event{event(fmt.Sprintf("book_ticker %s seq=%s t=%s000000 send=%s bid=%s ask=%s", s, u, t, e.sendNS(), bid, ask))}, true
}

// millisToNS turns decimal milliseconds into nanoseconds, exactly.
func millisToNS(s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	return whole + (fraction + "000000")[:6]
}

func trade(e *envelope, m map[string]json.RawMessage) (string, string, []event, bool) {
	native, ok := textOf(m["currency_pair"])
	id, ok1 := textOf(m["id"])
	price, _ := textOf(m["price"])
	amount, _ := textOf(m["amount"])
	side, _ := textOf(m["side"])
	t, ok2 := textOf(m["create_time_ms"])
	if !ok2 { // old messages have whole seconds only
		t, ok2 = textOf(m["create_time"])
		t += "000"
	}
	p, ok3 := exact(price)
	q, ok4 := exact(amount)
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return e.Channel, "", nil, false
	}
	s := symbolOf(native)
	return e.Channel, s, []event{event(fmt.Sprintf("trade %s id=%s t=%s send=%s price=%s quantity=%s side=%s", s, id, millisToNS(t), e.sendNS(), p, q, side))}, true
}

func ticker(e *envelope, m map[string]json.RawMessage) (string, string, []event, bool) {
	native, ok := textOf(m["currency_pair"])
	if !ok {
		return e.Channel, "", nil, false
	}
	out := fmt.Sprintf("ticker %s t=%s", symbolOf(native), e.sendNS())
	for _, key := range []string{"last", "highest_bid", "lowest_ask", "high_24h", "low_24h", "base_volume", "quote_volume"} {
		text, _ := textOf(m[key])
		c, ok := canonical(text)
		if text == "" {
			c, ok = "null", true
		}
		if !ok {
			return e.Channel, "", nil, false
		}
		if !fits(c) && c != "null" {
			if !strings.HasSuffix(key, "volume") {
				return e.Channel, "", nil, false
			}
			c = "rounded"
		}
		out += " " + c
	}
	return e.Channel, symbolOf(native), []event{event(out)}, true
}

func depth(e *envelope, m map[string]json.RawMessage, id, bidKey, askKey string, snapshot bool) (string, string, []event, bool) {
	native, ok := textOf(m["s"])
	if e.Channel == "spot.obu" {
		native = strings.TrimPrefix(native, "ob.")
		if i := strings.LastIndexByte(native, '.'); i > 0 {
			native = native[:i]
		}
	}
	u, ok1 := textOf(m[id])
	t, ok2 := textOf(m["t"])
	first := "null"
	if f, has := textOf(m["U"]); has && f != "0" {
		first = f
	}
	if full, has := textOf(m["full"]); has && full == "true" {
		snapshot = true
	}
	bids, ok3 := levelsOf(m[bidKey])
	asks, ok4 := levelsOf(m[askKey])
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return e.Channel, "", nil, false
	}
	s := symbolOf(native)
	return e.Channel, s, []event{event(fmt.Sprintf("depth %s first=%s seq=%s t=%s000000 snapshot=%t bids=%s asks=%s", s, first, u, t, snapshot, bids, asks))}, true
}

func levelsOf(raw json.RawMessage) (string, bool) {
	if raw == nil || string(raw) == "null" {
		return "", true
	}
	var levels [][]string
	if json.Unmarshal(raw, &levels) != nil {
		return "", false
	}
	var b strings.Builder
	for _, l := range levels {
		if len(l) != 2 {
			return "", false
		}
		p, ok1 := exact(l[0])
		q, ok2 := exact(l[1])
		if !ok1 || !ok2 {
			return "", false
		}
		b.WriteString(p + "x" + q + ",")
	}
	return b.String(), true
}

// outcome rebuilds events from the lines of a reader, grouping the records of one
// depth event from FIRST to LAST.
type outcome struct {
	events   map[string][]event // by kind
	bids     string
	asks     string
	statuses map[string]int
	lines    int
}

type line struct {
	Seq           uint64          `json:"seq"`
	Kind          string          `json:"kind"`
	Symbol        *string         `json:"symbol"`
	Flags         []string        `json:"flags"`
	EventTimeNS   json.Number     `json:"event_time_ns"`
	VenueSequence json.Number     `json:"venue_sequence"`
	SendTimeNS    json.Number     `json:"send_time_ns"`
	FirstSequence json.Number     `json:"first_sequence"`
	BidPrice      *string         `json:"bid_price"`
	BidQuantity   *string         `json:"bid_quantity"`
	AskPrice      *string         `json:"ask_price"`
	AskQuantity   *string         `json:"ask_quantity"`
	Price         string          `json:"price"`
	Quantity      string          `json:"quantity"`
	TradeID       string          `json:"trade_id"`
	Aggressor     string          `json:"aggressor"`
	Bids          [][2]string     `json:"bids"`
	Asks          [][2]string     `json:"asks"`
	Last          *string         `json:"last"`
	Bid           *string         `json:"bid"`
	Ask           *string         `json:"ask"`
	High          *string         `json:"high"`
	Low           *string         `json:"low"`
	BaseVolume    *string         `json:"base_volume"`
	QuoteVolume   *string         `json:"quote_volume"`
	Code          string          `json:"code"`
	Text          json.RawMessage `json:"text"`
}

func or(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func number(n json.Number) string {
	if n == "" {
		return "null"
	}
	return n.String()
}

func (l *line) has(flag string) bool {
	for _, f := range l.Flags {
		if f == flag {
			return true
		}
	}
	return false
}

// add takes one line.
func (o *outcome) add(l *line) {
	o.lines++
	put := func(format string, args ...any) {
		o.events[l.Kind] = append(o.events[l.Kind], event(fmt.Sprintf(format, args...)))
	}
	switch l.Kind {
	case "status":
		o.statuses[l.Code]++
	case "book_ticker":
		put("book_ticker %s seq=%s t=%s send=%s bid=%s %s ask=%s %s", or(l.Symbol), number(l.VenueSequence), number(l.EventTimeNS),
			number(l.SendTimeNS), or(l.BidPrice), or(l.BidQuantity), or(l.AskPrice), or(l.AskQuantity))
	case "trade":
		put("trade %s id=%s t=%s send=%s price=%s quantity=%s side=%s", or(l.Symbol), l.TradeID, number(l.EventTimeNS),
			number(l.SendTimeNS), l.Price, l.Quantity, l.Aggressor)
	case "ticker":
		quote := or(l.QuoteVolume)
		base := or(l.BaseVolume)
		if l.has("ROUNDED") {
			quote = "rounded"
		}
		put("ticker %s t=%s %s %s %s %s %s %s %s", or(l.Symbol), number(l.EventTimeNS), or(l.Last), or(l.Bid), or(l.Ask), or(l.High), or(l.Low), base, quote)
	case "depth":
		o.depth(l, put)
	}
}

func (o *outcome) depth(l *line, put func(string, ...any)) {
	if l.has("FIRST") {
		o.bids, o.asks = "", ""
	}
	for _, b := range l.Bids {
		o.bids += b[0] + "x" + b[1] + ","
	}
	for _, a := range l.Asks {
		o.asks += a[0] + "x" + a[1] + ","
	}
	if l.has("LAST") {
		put("depth %s first=%s seq=%s t=%s snapshot=%t bids=%s asks=%s", or(l.Symbol), number(l.FirstSequence),
			number(l.VenueSequence), number(l.EventTimeNS), l.has("SNAPSHOT"), o.bids, o.asks)
	}
}
