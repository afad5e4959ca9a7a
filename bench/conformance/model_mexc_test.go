package conformance

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// mexcQuotes are the quote assets in which known pairs end.
var mexcQuotes = []string{"USDT", "USDC", "USDE", "USD1", "EUR", "BTC", "ETH"}

// mexcSymbol parts a pair that runs base and quote together; a pair of no known
// quote is no symbol.
func mexcSymbol(pair string) (string, bool) {
	for _, quote := range mexcQuotes {
		if base, ok := strings.CutSuffix(pair, quote); ok && base != "" {
			return base + "/" + quote, true
		}
	}
	return "", false
}

// wire is one message: the values of each field number, in order.
type wire struct {
	texts   map[protowire.Number][][]byte
	numbers map[protowire.Number][]uint64
}

// readWire reads a message's own fields; false when it is cut off or damaged. What
// stands before the damage is there.
func readWire(b []byte) (wire, bool) {
	w := wire{texts: map[protowire.Number][][]byte{}, numbers: map[protowire.Number][]uint64{}}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return w, false
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return w, false
		}
		switch kind {
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(b[n:])
			w.texts[number] = append(w.texts[number], v)
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(b[n:])
			w.numbers[number] = append(w.numbers[number], v)
		}
		b = b[n+size:]
	}
	return w, true
}

// text is a field's last value, as proto3 has it; empty when absent.
func (w wire) text(number protowire.Number) string {
	if all := w.texts[number]; len(all) > 0 {
		return string(all[len(all)-1])
	}
	return ""
}

func (w wire) number(number protowire.Number) (uint64, bool) {
	if all := w.numbers[number]; len(all) > 0 {
		return all[len(all)-1], true
	}
	return 0, false
}

// messages reads the messages of a repeated field.
func (w wire) messages(number protowire.Number) ([]wire, bool) {
	var out []wire
	for _, b := range w.texts[number] {
		m, ok := readWire(b)
		if !ok {
			return nil, false
		}
		out = append(out, m)
	}
	return out, true
}

// mexcVerdict is what the model makes of a push.
type mexcVerdict int

const (
	mexcIgnored mexcVerdict = iota // nothing to publish
	mexcData
	mexcMalformed
)

// mexcSeen is what the model reads in one push.
type mexcSeen struct {
	channel, symbol string
	verdict         mexcVerdict
	add             []func(*expectation)
	sendNS          string
}

// mexcModel reads a push by protobuf's wire alone.
func mexcModel(frame []byte) *mexcSeen {
	w, whole := readWire(frame)
	seen := &mexcSeen{channel: w.text(1), sendNS: "null"}
	bodies := 0
	var body []byte
	var kind protowire.Number
	for number := protowire.Number(301); number <= 315; number++ {
		if all := w.texts[number]; len(all) > 0 {
			bodies += len(all)
			body, kind = all[0], number
		}
	}
	if !whole || bodies > 1 {
		seen.verdict = mexcMalformed
		return seen
	}
	if ms, ok := w.number(6); ok {
		seen.sendNS = nanos(ms)
	}
	m, whole := readWire(body)
	if !whole || !seen.readBody(w, kind, m) {
		seen.verdict, seen.add = mexcMalformed, nil
		return seen
	}
	if len(seen.add) > 0 {
		seen.verdict = mexcData
	}
	return seen
}

// nanos writes milliseconds as nanoseconds.
func nanos(ms uint64) string {
	if ms == 0 {
		return "0"
	}
	return strconv.FormatUint(ms, 10) + "000000"
}

// readBody reads the bodies that are published; all others it leaves.
func (s *mexcSeen) readBody(w wire, kind protowire.Number, m wire) bool {
	pair := w.text(3)
	switch {
	case pair != "":
	case kind == 309 && m.text(1) != "":
		pair = m.text(1)
	default:
		_, _, pair = mexcStream(s.channel)
	}
	symbol, known := mexcSymbol(pair)
	s.symbol = symbol
	known = known && utf8.ValidString(pair)
	switch kind {
	case 303:
		return known && s.depth(m, "", m.text(4), true)
	case 309:
		return known && s.ticker(m)
	case 311:
		items, ok := m.messages(1)
		for _, item := range items {
			ok = ok && s.quote(item, m.text(2))
		}
		return ok && known
	case 313:
		return known && m.text(4) != "" && s.depth(m, m.text(4), m.text(5), false)
	case 314:
		return known && s.deals(m)
	case 315:
		return known && s.quote(m, m.text(5))
	}
	return true
}

func (s *mexcSeen) will(add func(*expectation)) { s.add = append(s.add, add) }

// positive refuses what has a sign.
func positive(text string) bool { return !strings.HasPrefix(text, "-") }

// version is a decimal counter, null when the venue gives none.
func version(text string) (string, bool) {
	if text == "" || text == "0" {
		return "null", true
	}
	_, err := strconv.ParseUint(text, 10, 64)
	return text, err == nil
}

func (s *mexcSeen) quote(m wire, counter string) bool {
	bid, ok1 := side(m.text(1), m.text(2))
	ask, ok2 := side(m.text(3), m.text(4))
	v, ok3 := version(counter)
	for number := protowire.Number(1); number <= 4; number++ {
		ok1 = ok1 && positive(m.text(number))
	}
	s.will(func(x *expectation) { x.addQuote(s.symbol, v, s.sendNS, s.sendNS, bid, ask) })
	return ok1 && ok2 && ok3
}

func (s *mexcSeen) deals(m wire) bool {
	deals, ok := m.messages(1)
	for i, d := range deals {
		price, ok1 := exact(d.text(1))
		quantity, ok2 := exact(d.text(2))
		ok = ok && ok1 && ok2 && positive(price) && positive(quantity)
		taker := "unknown"
		switch n, _ := d.number(3); n {
		case 1:
			taker = "buy"
		case 2:
			taker = "sell"
		}
		at := "null"
		if ms, _ := d.number(4); ms != 0 {
			at = nanos(ms)
		}
		id := d.text(5)
		if id == "" {
			id = "null"
		}
		s.will(func(x *expectation) { x.addTrade(s.symbol, id, at, s.sendNS, price, quantity, taker, i, len(deals)) })
	}
	return ok
}

func (s *mexcSeen) depth(m wire, from, to string, snapshot bool) bool {
	first, ok1 := version(from)
	last, ok2 := version(to)
	asks, ok3 := mexcLevels(m, 1)
	bids, ok4 := mexcLevels(m, 2)
	if !snapshot {
		a, _ := strconv.ParseUint(from, 10, 64)
		b, err := strconv.ParseUint(to, 10, 64)
		ok1 = ok1 && err == nil && a <= b
	}
	s.will(func(x *expectation) { x.addDepth(s.symbol, first, last, s.sendNS, snapshot, bids, asks) })
	return ok1 && ok2 && ok3 && ok4
}

func mexcLevels(m wire, number protowire.Number) (string, bool) {
	items, ok := m.messages(number)
	var out [][2]string
	for _, item := range items {
		price, ok1 := exact(item.text(1))
		quantity, ok2 := exact(item.text(2))
		ok = ok && ok1 && ok2 && positive(price) && positive(quantity)
		out = append(out, [2]string{price, quantity})
	}
	return levelTexts(out), ok
}

// ticker: volume is the turnover in the quote asset, quantity the base volume.
func (s *mexcSeen) ticker(m wire) bool {
	prices := [5]string{1: "null", 2: "null"}
	whole := true
	for at, number := range map[int]protowire.Number{0: 2, 3: 5, 4: 6} {
		price, ok := optional(m.text(number))
		prices[at] = price
		whole = whole && ok && positive(price)
	}
	base, ok1 := volume(m.text(8))
	quote, ok2 := volume(m.text(7))
	s.will(func(x *expectation) { x.addTicker(s.symbol, s.sendNS, prices, [2]string{base, quote}) })
	return whole && ok1 && ok2 && positive(base) && positive(quote)
}

// mexcStream reads the name of a stream: the option behind which it stands, its
// value there, and the pair. Streams that nobody may ask for by an option have
// none; what is no name of a stream has no value.
func mexcStream(name string) (option, value, pair string) {
	p := strings.Split(name, "@")
	if len(p) < 3 || p[0] != "spot" {
		return "", "", ""
	}
	channel, ok := strings.CutPrefix(strings.TrimSuffix(p[1], ".v3.api.pb"), "public.")
	switch {
	case !ok:
	case len(p) == 3 && channel == "bookTicker.batch":
		return "mexc.ticker", "batch", p[2]
	case len(p) == 3 && channel == "miniTickers":
		return "", channel, ""
	case len(p) != 4:
	case channel == "aggre.bookTicker":
		return "mexc.ticker", "aggre@" + p[2], p[3]
	case channel == "aggre.deals":
		return "mexc.trades", channel + "@" + p[2], p[3]
	case channel == "aggre.depth":
		return "mexc.book", channel + "@" + p[2], p[3]
	case channel == "limit.depth":
		return "mexc.book", channel + "@" + p[3], p[2]
	case channel == "miniTicker":
		return "mexc.zone", p[3], p[2]
	case channel == "kline":
		return "", channel, p[2]
	}
	return "", "", ""
}
