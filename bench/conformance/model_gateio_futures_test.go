package conformance

import (
	"encoding/json"
	"strings"
)

// futuresSeen is what the model reads in one message of Gate.io's perpetuals.
type futuresSeen struct {
	channel string
	count   int // elements of the message
	symbols []string
	add     []func(*expectation) // the events in order; none for what is no data and for data that must be refused
}

// futuresModel reads a message of a channel that makes records, from the fact sheet.
func futuresModel(frame []byte) futuresSeen {
	var e envelope
	if json.Unmarshal(frame, &e) != nil || e.Result == nil {
		return futuresSeen{}
	}
	want := "update"
	if e.Channel == "futures.order_book" {
		want = "all"
	}
	if e.Event != nil && *e.Event != want {
		return futuresSeen{}
	}
	elements := flat(e.Result)
	seen := futuresSeen{channel: e.Channel, count: len(elements)}
	ok := true
	for _, raw := range elements {
		m, isObject := object(raw)
		ok = ok && isObject && seen.read(&e, m)
	}
	if !ok {
		return futuresSeen{}
	}
	return seen
}

// flat are the elements of a list, lists in it opened; what is no list is one element.
func flat(raw json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return []json.RawMessage{raw}
	}
	var out []json.RawMessage
	for _, r := range list {
		out = append(out, flat(r)...)
	}
	return out
}

func (f *futuresSeen) read(e *envelope, m members) bool {
	switch e.Channel {
	case "futures.book_ticker":
		return f.bookTicker(e, m)
	case "futures.trades":
		return f.trade(e, m)
	case "futures.tickers":
		return f.ticker(e, m)
	case "futures.order_book_update", "futures.obu":
		return f.depth(e, m, "s", "u", "b", "a", false)
	case "futures.order_book":
		return f.depth(e, m, "contract", "id", "bids", "asks", true)
	}
	return false
}

func (f *futuresSeen) event(symbol string, add func(*expectation)) {
	f.symbols = append(f.symbols, symbol)
	f.add = append(f.add, add)
}

// said is a number that 0 says nothing of, in another unit; null then.
func said(text, zeros string) string {
	if text == "" || text == "0" {
		return "null"
	}
	return text + zeros
}

// futuresSendNS: a time_ms of 0 says nothing.
func futuresSendNS(e *envelope) string {
	if ms := said(e.TimeMS.String(), "000000"); ms != "null" {
		return ms
	}
	return said(e.Time.String(), "000000000")
}

// futuresSide is one side of a quote: without a price the size says nothing.
func futuresSide(m members, price, size string) (string, bool) {
	p, _ := m.text(price)
	s, _ := m.text(size)
	if p == "" && (s == "" || s == "0") {
		return "null null", true
	}
	return side(p, s)
}

func (f *futuresSeen) bookTicker(e *envelope, m members) bool {
	native, ok := m.text("s")
	bid, ok1 := futuresSide(m, "b", "B")
	ask, ok2 := futuresSide(m, "a", "A")
	t, ok3 := m.text("t")
	u, ok4 := m.text("u")
	symbol, send := gateioSymbol(native), futuresSendNS(e)
	f.event(symbol, func(x *expectation) { x.addQuote(symbol, said(u, ""), said(t, "000000"), send, bid, ask) })
	return ok && ok1 && ok2 && ok3 && ok4
}

func (f *futuresSeen) trade(e *envelope, m members) bool {
	native, ok := m.text("contract")
	id, ok1 := m.text("id")
	price, _ := m.text("price")
	size, _ := m.text("size")
	t, ok2 := m.text("create_time_ms")
	if !ok2 {
		t, ok2 = m.text("create_time")
		t += "000"
	}
	taker := "buy"
	if strings.HasPrefix(size, "-") {
		taker = "sell"
	}
	p, ok3 := exact(price)
	q, ok4 := exact(strings.TrimPrefix(size, "-"))
	if q == "0" {
		taker = "unknown"
	}
	symbol, send, index, count := gateioSymbol(native), futuresSendNS(e), len(f.add), f.count
	f.event(symbol, func(x *expectation) { x.addTrade(symbol, id, t+"000000", send, p, q, taker, index, count) })
	return ok && ok1 && ok2 && ok3 && ok4
}

func (f *futuresSeen) ticker(e *envelope, m members) bool {
	native, ok := m.text("contract")
	last, ok1 := m.text("last")
	get := func(key string, read func(string) (string, bool)) string {
		text, _ := m.text(key)
		out, good := read(text)
		ok = ok && good
		return out
	}
	var prices [5]string
	prices[0], _ = optional(last)
	prices[1], prices[2] = "null", "null"
	prices[3], prices[4] = get("high_24h", optional), get("low_24h", optional)
	volumes := [2]string{get("volume_24h_base", volume), get("volume_24h_quote", volume)}
	mark, index, rate := get("mark_price", optional), get("index_price", optional), get("funding_rate", optional)
	interest, rounded := roundVolume(get("total_size", volume))
	funding, _ := m.text("funding_next_apply")
	fundingNS := said(funding, "000000000")
	t, _ := m.text("t")
	symbol, send := gateioSymbol(native), futuresSendNS(e)
	event := said(t, "000000")
	if event == "null" {
		event = send
	}
	f.event(symbol, func(x *expectation) {
		x.addTicker(symbol, event, prices, volumes)
		if mark != "null" || index != "null" || rate != "null" || interest != "null" || fundingNS != "null" {
			x.addPerpetual(symbol, event, send, mark, index, rate, fundingNS, interest, rounded)
		}
	})
	return ok && ok1
}

func (f *futuresSeen) depth(e *envelope, m members, name, id, bidKey, askKey string, snapshot bool) bool {
	native, ok := m.text(name)
	if e.Channel == "futures.obu" {
		native = strings.TrimPrefix(native, "ob.")
		if i := strings.LastIndexByte(native, '.'); i > 0 {
			native = native[:i]
		}
	}
	u, ok1 := m.text(id)
	t, ok2 := m.text("t")
	first, _ := m.text("U")
	if full, has := m.text("full"); has && full == "true" {
		snapshot = true
	}
	bids, ok3 := futuresLevels(m[bidKey])
	asks, ok4 := futuresLevels(m[askKey])
	symbol := gateioSymbol(native)
	f.event(symbol, func(x *expectation) {
		x.addDepth(symbol, said(first, ""), said(u, ""), said(t, "000000"), snapshot, levelTexts(bids), levelTexts(asks))
	})
	return ok && ok1 && ok2 && ok3 && ok4
}

// futuresLevels are levels as objects or as pairs.
func futuresLevels(raw json.RawMessage) ([][2]string, bool) {
	if raw == nil {
		return nil, true
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	var out [][2]string
	for _, one := range list {
		m, isObject := object(one)
		if !isObject {
			var pair []json.RawMessage
			if json.Unmarshal(one, &pair) != nil || len(pair) != 2 {
				return nil, false
			}
			m = members{"p": pair[0], "s": pair[1]}
		}
		price, _ := m.text("p")
		size, _ := m.text("s")
		p, ok1 := exact(price)
		s, ok2 := exact(size)
		if !ok1 || !ok2 {
			return nil, false
		}
		out = append(out, [2]string{p, s})
	}
	return out, true
}
