package main

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/tickring/tickring/ring"
)

const (
	none16 = 0xFFFF
	// hashSeed and hashPrime are those of FNV-1a 64, taken over whole words.
	hashSeed  = 0xcbf29ce484222325
	hashPrime = 0x100000001b3
	// headWords are in the first cache line of a record's body.
	headWords = 4
)

// line is one line of the canonical log while it is written.
type line struct{ strings.Builder }

func newLine(word string) *line {
	l := &line{}
	l.WriteString(word)
	return l
}

func (l *line) key(key, value string) *line {
	l.WriteByte(' ')
	l.WriteString(key)
	l.WriteByte('=')
	l.WriteString(value)
	return l
}

func (l *line) uint(key string, v uint64) *line { return l.key(key, strconv.FormatUint(v, 10)) }

func (l *line) int(key string, v int64) *line { return l.key(key, signed(v)) }

func (l *line) small(key string, v int8) *line { return l.key(key, strconv.Itoa(int(v))) }

// row prints 0xFFFF as none.
func (l *line) row(key string, v uint64) *line {
	if v == none16 {
		return l.key(key, "none")
	}
	return l.uint(key, v)
}

func (l *line) text(key string, v []byte) *line { return l.key(key, quoted(v)) }

func (l *line) padded(key string, v []byte) *line {
	if n := strings.IndexByte(string(v), 0); n >= 0 {
		v = v[:n]
	}
	return l.text(key, v)
}

func signed(v int64) string {
	if v == ring.Absent {
		return "absent"
	}
	return strconv.FormatInt(v, 10)
}

func quoted(text []byte) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// named takes a name of the format; a value without one prints as its number, where
// String gives the type's name and the number.
func named[T interface {
	~uint8 | ~uint16 | ~uint32 | ~int32
	fmt.Stringer
}](v T, prefix string) string {
	if s := v.String(); !strings.HasPrefix(s, prefix) {
		return s
	}
	return strconv.FormatInt(int64(v), 10)
}

// set prints the bits of v by their names; names are by bit number.
func set(v uint64, names []string) string {
	var words []string
	for bit := range 64 {
		if v>>bit&1 == 0 {
			continue
		}
		if bit < len(names) && names[bit] != "" {
			words = append(words, names[bit])
		} else {
			words = append(words, "BIT_"+strconv.Itoa(bit))
		}
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, "|")
}

func levels(list []ring.Level) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = signed(v.Price) + ":" + signed(v.Quantity)
	}
	return "[" + strings.Join(words, ",") + "]"
}

// image is the record as it stands in the ring.
func image(r *ring.Record) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, r)
	if err != nil {
		panic(err)
	}
	return b
}

func hashRecord(h uint64, r *ring.Record) uint64 {
	b := image(r)
	for i := 0; i < len(b); i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(b[i:])) * hashPrime
	}
	return h
}

func (l *line) front(r *ring.Record) *line {
	return l.uint("sequence", r.Sequence()).key("kind", named(r.Kind, "KIND_")).
		key("flags", set(uint64(r.Flags), ring.FlagNames[:])).row("instrument", uint64(r.Instrument)).
		small("price_exponent", r.PriceExponent).small("quantity_exponent", r.QuantityExponent).
		int("recv_time_ns", r.RecvTimeNS).uint("venue_sequence", r.VenueSequence)
}

// record prints all of a record.
func (l *line) record(r *ring.Record) string {
	l.front(r).int("event_time_ns", r.EventTimeNS).int("publish_time_ns", r.PublishTimeNS)
	switch r.Kind {
	case ring.KindBookTicker:
		l.bookTicker(r.BookTicker())
	case ring.KindTrade:
		l.trade(r.Trade())
	case ring.KindDepth:
		l.depth(r.Depth())
	case ring.KindTicker:
		l.ticker(r.Ticker())
	case ring.KindStatus:
		l.status(r.Status())
	case ring.KindPerpetual:
		l.perpetual(r.Perpetual())
	}
	return l.key("hash", fmt.Sprintf("%016x", hashRecord(hashSeed, r))).String()
}

// head prints the first 64 bytes.
func (l *line) head(r *ring.Record) string {
	words := make([]string, headWords)
	for i := range words {
		words[i] = signed(int64(r.Body[i]))
	}
	return l.front(r).key("words", "["+strings.Join(words, ",")+"]").String()
}

func (l *line) bookTicker(b *ring.BookTicker) {
	l.int("bid_price", b.BidPrice).int("bid_quantity", b.BidQuantity).int("ask_price", b.AskPrice).
		int("ask_quantity", b.AskQuantity).int("send_time_ns", b.SendTimeNS).
		uint("book_epoch", uint64(b.BookEpoch)).row("connection", uint64(b.Connection))
}

func (l *line) trade(t *ring.Trade) {
	l.int("price", t.Price).int("quantity", t.Quantity).uint("trade_id", t.TradeID).
		key("aggressor", named(ring.Aggressor(t.Aggressor), "AGGRESSOR_")).
		key("id_format", named(ring.IDFormat(t.IDFormat), "ID_FORMAT_")).
		uint("index", uint64(t.Index)).uint("count", uint64(t.Count)).row("connection", uint64(t.Connection)).
		int("send_time_ns", t.SendTimeNS).uint("second_id", t.SecondID).text("text", t.Text[:t.TextLength]).
		uint("book_epoch", uint64(t.BookEpoch)).uint("id_suffix1", uint64(t.IDSuffix1)).
		uint("id_suffix2", uint64(t.IDSuffix2))
}

func (l *line) depth(d *ring.Depth) {
	l.key("levels", levels(d.Levels[:int(d.Bids)+int(d.Asks)])).uint("first_sequence", d.FirstSequence).
		uint("book_epoch", uint64(d.BookEpoch)).row("connection", uint64(d.Connection)).
		uint("bids", uint64(d.Bids)).uint("asks", uint64(d.Asks))
}

func (l *line) ticker(t *ring.Ticker) {
	l.int("last", t.Last).int("bid", t.Bid).int("ask", t.Ask).int("open", t.Open).int("high", t.High).
		int("low", t.Low).int("base_volume", t.BaseVolume).int("quote_volume", t.QuoteVolume).
		int("window_end_ns", t.WindowEndNS).small("base_volume_exponent", t.BaseVolumeExponent).
		small("quote_volume_exponent", t.QuoteVolumeExponent).row("connection", uint64(t.Connection)).
		uint("book_epoch", uint64(t.BookEpoch))
}

func (l *line) status(s *ring.Status) {
	l.key("code", named(s.Code, "STATUS_CODE_")).key("scope", named(ring.Scope(s.Scope), "SCOPE_")).
		key("reason", reason(s.Reason)).uint("book_epoch", uint64(s.BookEpoch)).
		row("connection", uint64(s.Connection)).uint("first_missing", s.FirstMissing).
		uint("last_missing", s.LastMissing).int("since_ns", s.SinceNS).text("text", s.Text[:s.TextLength])
}

// reason: HTTP statuses and close codes stay numbers, they have no name of their own.
func reason(v uint32) string {
	if v >= 1000 {
		return strconv.FormatUint(uint64(v), 10)
	}
	return named(ring.Reason(v), "REASON_")
}

func (l *line) perpetual(p *ring.Perpetual) {
	l.int("mark_price", p.MarkPrice).int("index_price", p.IndexPrice).int("funding_rate", p.FundingRate).
		int("funding_time_ns", p.FundingTimeNS).int("open_interest", p.OpenInterest).
		int("send_time_ns", p.SendTimeNS).uint("book_epoch", uint64(p.BookEpoch)).
		row("connection", uint64(p.Connection)).small("funding_exponent", p.FundingExponent).
		small("open_interest_exponent", p.OpenInterestExponent)
}
