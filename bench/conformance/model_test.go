package conformance

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// event is one datum in the form in which expectation and outcome are compared:
// a flat text, so that a difference prints well.
type event struct {
	symbol string
	text   string
}

// expectation is what a recording must yield.
type expectation struct {
	events    map[string][]event // by kind
	quotes    map[string]string  // each symbol's last quote
	ignored   int                // messages the publisher gets and has no record for
	malformed int                // and messages that it must refuse
	counts    map[string]int     // messages by channel, for the report
}

func newExpectation() *expectation {
	return &expectation{events: map[string][]event{}, quotes: map[string]string{}, counts: map[string]int{}}
}

func (x *expectation) add(kind, symbol, format string, args ...any) {
	x.events[kind] = append(x.events[kind], event{symbol, kind + " " + symbol + " " + fmt.Sprintf(format, args...)})
}

// addQuote adds a book ticker; it is a repeat exactly when it says what the
// symbol's last one said.
func (x *expectation) addQuote(symbol, sequence, timeNS, sendNS, bid, ask string) {
	q := "bid=" + bid + " ask=" + ask
	x.add("book_ticker", symbol, "seq=%s t=%s send=%s %s repeat=%t", sequence, timeNS, sendNS, q, x.quotes[symbol] == q)
	x.quotes[symbol] = q
}

func (x *expectation) addTrade(symbol, id, timeNS, sendNS, price, quantity, side string, index, count int) {
	x.add("trade", symbol, "id=%s t=%s send=%s price=%s quantity=%s side=%s %d of %d", id, timeNS, sendNS, price, quantity, side, index, count)
}

// addTicker takes last, bid, ask, high and low, then the base and the quote volume;
// the open price no venue gives.
func (x *expectation) addTicker(symbol, timeNS string, prices [5]string, volumes [2]string) {
	rounded := false
	for i, v := range volumes {
		var r bool
		volumes[i], r = roundVolume(v)
		rounded = rounded || r
	}
	x.add("ticker", symbol, "t=%s prices=%v open=null volumes=%v rounded=%t", timeNS, prices, volumes, rounded)
}

func (x *expectation) addPerpetual(symbol, timeNS, sendNS, mark, index, rate, fundingNS, interest string, rounded bool) {
	x.add("perpetual", symbol, "t=%s send=%s mark=%s index=%s funding=%s at %s interest=%s rounded=%t", timeNS, sendNS, mark, index, rate, fundingNS, interest, rounded)
}

func (x *expectation) addDepth(symbol, first, last, timeNS string, snapshot bool, bids, asks string) {
	x.add("depth", symbol, "first=%s seq=%s t=%s snapshot=%t bids=%s asks=%s", first, last, timeNS, snapshot, bids, asks)
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

// side is price and quantity of one side of a quote: null where it is empty.
func side(price, quantity string) (string, bool) {
	if price == "" && quantity == "" {
		return "null null", true
	}
	p, ok1 := exact(price)
	q, ok2 := exact(quantity)
	return p + " " + q, ok1 && ok2
}

// optional is exact for what may be absent.
func optional(s string) (string, bool) {
	if s == "" {
		return "null", true
	}
	return exact(s)
}

// volume is canonical for what may be absent and have more digits than fit.
func volume(s string) (string, bool) {
	if s == "" {
		return "null", true
	}
	return canonical(s)
}

// volumeDigits is how many digits of a volume stay where not all fit.
const volumeDigits = 18

// roundVolume rounds a canonical volume half to even where its digits do not fit.
func roundVolume(s string) (out string, rounded bool) {
	if s == "null" || fits(s) {
		return s, false
	}
	digits := strings.TrimLeft(strings.Replace(s, ".", "", 1), "0")
	_, fraction, _ := strings.Cut(s, ".")
	cut := len(digits) - volumeDigits // digits to lose
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(cut)), nil)
	all, _ := new(big.Int).SetString(digits, 10)
	kept, rest := new(big.Int).QuoRem(all, unit, new(big.Int))
	switch c := new(big.Int).Lsh(rest, 1).Cmp(unit); {
	case c > 0, c == 0 && kept.Bit(0) == 1:
		kept.Add(kept, big.NewInt(1))
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)
	c, _ := canonical(new(big.Rat).SetFrac(kept.Mul(kept, unit), scale).FloatString(len(fraction)))
	return c, true
}

// outcome rebuilds an expectation's events from the lines of a reader, grouping the
// records of one depth event from FIRST to LAST.
type outcome struct {
	expectation
	bids, asks string
	open       bool // between FIRST and LAST
	statuses   map[string]int
	broken     string // the first line that is no whole event and should be
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
	TradeID       *string         `json:"trade_id"`
	Aggressor     string          `json:"aggressor"`
	Index         int             `json:"index"`
	Count         int             `json:"count"`
	Bids          [][2]string     `json:"bids"`
	Asks          [][2]string     `json:"asks"`
	Last          *string         `json:"last"`
	Bid           *string         `json:"bid"`
	Ask           *string         `json:"ask"`
	Open          *string         `json:"open"`
	High          *string         `json:"high"`
	Low           *string         `json:"low"`
	BaseVolume    *string         `json:"base_volume"`
	QuoteVolume   *string         `json:"quote_volume"`
	MarkPrice     *string         `json:"mark_price"`
	IndexPrice    *string         `json:"index_price"`
	FundingRate   *string         `json:"funding_rate"`
	FundingTimeNS json.Number     `json:"funding_time_ns"`
	OpenInterest  *string         `json:"open_interest"`
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
	symbol, t, send := or(l.Symbol), number(l.EventTimeNS), number(l.SendTimeNS)
	if l.Kind != "depth" && l.Kind != "status" && !(l.has("FIRST") && l.has("LAST")) {
		o.flaw("record %d: an event of one record without FIRST and LAST", l.Seq)
	}
	if l.has("SNAPSHOT") && l.Kind != "depth" {
		o.flaw("record %d: a snapshot that is no book", l.Seq)
	}
	switch l.Kind {
	case "status":
		o.statuses[l.Code]++
	case "book_ticker":
		o.expectation.add(l.Kind, symbol, "seq=%s t=%s send=%s bid=%s %s ask=%s %s repeat=%t", number(l.VenueSequence), t, send,
			or(l.BidPrice), or(l.BidQuantity), or(l.AskPrice), or(l.AskQuantity), l.has("REPEAT"))
	case "trade":
		o.addTrade(symbol, or(l.TradeID), t, send, l.Price, l.Quantity, l.Aggressor, l.Index, l.Count)
	case "ticker":
		prices := []string{or(l.Last), or(l.Bid), or(l.Ask), or(l.High), or(l.Low)}
		o.expectation.add(l.Kind, symbol, "t=%s prices=%v open=%s volumes=%v rounded=%t", t, prices, or(l.Open),
			[]string{or(l.BaseVolume), or(l.QuoteVolume)}, l.has("ROUNDED"))
	case "perpetual":
		o.addPerpetual(symbol, t, send, or(l.MarkPrice), or(l.IndexPrice), or(l.FundingRate), number(l.FundingTimeNS), or(l.OpenInterest), l.has("ROUNDED"))
	case "depth":
		o.depth(l)
	}
}

func (o *outcome) flaw(format string, args ...any) {
	if o.broken == "" {
		o.broken = fmt.Sprintf(format, args...)
	}
}

func (o *outcome) depth(l *line) {
	if l.has("FIRST") == o.open {
		o.flaw("record %d: FIRST within an event, or an event without it", l.Seq)
	}
	if l.has("FIRST") {
		o.bids, o.asks = "", ""
	}
	o.bids += levelTexts(l.Bids)
	o.asks += levelTexts(l.Asks)
	o.open = !l.has("LAST")
	if !o.open {
		o.addDepth(or(l.Symbol), number(l.FirstSequence), number(l.VenueSequence), number(l.EventTimeNS), l.has("SNAPSHOT"), o.bids, o.asks)
	}
}

func levelTexts(levels [][2]string) string {
	var b strings.Builder
	for _, l := range levels {
		b.WriteString(l[0] + "x" + l[1] + ",")
	}
	return b.String()
}
