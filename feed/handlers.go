package feed

import (
	"math"
	"strconv"

	"github.com/tickring/tickring/ring"
)

// Channel is a set of the things to ask of a symbol.
type Channel = ring.Channel

// Channels.
const (
	ChannelBookTicker = ring.ChannelBookTicker
	ChannelTrades     = ring.ChannelTrades
	ChannelOrderBook  = ring.ChannelOrderBook
	ChannelTicker     = ring.ChannelTicker
	AllChannels       = ring.AllChannels
)

// Decimal is the venue's number exactly: Mantissa x 10^Exponent. Within one
// message the exponents of prices are equal, so that mantissas compare as
// integers. A number the venue did not give has Mantissa ring.Absent.
type Decimal struct {
	Mantissa int64
	Exponent int8
}

// IsAbsent says that the venue did not give the number.
func (d Decimal) IsAbsent() bool { return d.Mantissa == ring.Absent }

// Text is the number without exponent and without trailing zeros; "" when absent.
func (d Decimal) Text() string { return string(d.AppendText(nil)) }

// AppendText appends what Text says; it allocates only when dst is full.
func (d Decimal) AppendText(dst []byte) []byte {
	if d.IsAbsent() {
		return dst
	}
	return ring.AppendDecimal(dst, d.Mantissa, d.Exponent)
}

// String is Text, for printing.
func (d Decimal) String() string { return d.Text() }

// Float is the nearest double, NaN when absent: for arithmetic that may round.
func (d Decimal) Float() float64 { return ring.Float(d.Mantissa, d.Exponent) }

// Minus is d - e exactly; absent when either is or when it does not fit.
func (d Decimal) Minus(e Decimal) Decimal {
	if d.IsAbsent() || e.IsAbsent() {
		return Decimal{Mantissa: ring.Absent}
	}
	exponent := min(d.Exponent, e.Exponent)
	a, ok1 := widened(d, exponent)
	b, ok2 := widened(e, exponent)
	diff := a - b
	if !ok1 || !ok2 || (a < 0) != (b < 0) && (diff < 0) != (a < 0) || diff == math.MinInt64 {
		return Decimal{Mantissa: ring.Absent}
	}
	return Decimal{Mantissa: diff, Exponent: exponent}
}

// widened is the mantissa of d at a smaller exponent.
func widened(d Decimal, exponent int8) (int64, bool) {
	by := int(d.Exponent) - int(exponent)
	if d.Mantissa == 0 {
		return 0, true
	}
	if by >= len(pow10) {
		return 0, false
	}
	m := d.Mantissa
	return m * pow10[by], m*pow10[by]/pow10[by] == m
}

// Level is one price level of an order book: mantissas at the exponents that its
// holder names. Quantity 0 deletes the level in a DIFF.
type Level = ring.Level

// Meta is what every message says of itself. Times are Unix ns of this host's
// clock but for EventTimeNS and SendTimeNS, which are the venue's and ring.Absent
// where it gives none.
type Meta struct {
	Venue         string
	Symbol        Symbol
	Instrument    uint16 // row of the instrument table, the same while the market lives
	Sequence      uint64 // the ring's number of the (last) record
	VenueSequence uint64 // the venue's update id, 0 none
	BookEpoch     uint32
	Connection    uint16
	Flags         ring.Flags
	EventTimeNS   int64
	SendTimeNS    int64
	RecvTimeNS    int64
	PublishTimeNS int64
}

// Suspect says that the symbol's book was not verified when this was published.
func (m *Meta) Suspect() bool { return m.Flags&ring.FlagSuspect != 0 }

// Repeat says that the message tells nothing that the one before did not.
func (m *Meta) Repeat() bool { return m.Flags&ring.FlagRepeat != 0 }

// BookTicker is the best bid and ask. A side that is empty is absent.
type BookTicker struct {
	Meta
	Bid, BidQuantity Decimal
	Ask, AskQuantity Decimal
}

// Trade is one execution. Index and Count are its place in the venue's message.
type Trade struct {
	Meta
	Price, Quantity Decimal
	Aggressor       ring.Aggressor
	Index, Count    int

	body ring.Trade
}

// ID is the venue's text of the trade's id, "" where it gives none. It allocates.
func (t *Trade) ID() string { return string(t.AppendID(nil)) }

// AppendID appends what ID says; it allocates only when dst is full.
func (t *Trade) AppendID(dst []byte) []byte {
	b := &t.body
	switch ring.IDFormat(b.IDFormat) {
	case ring.IDUint64:
		return strconv.AppendUint(dst, b.TradeID, 10)
	case ring.IDMEXCPair:
		dst = append(strconv.AppendUint(dst, b.TradeID, 10), 'X')
		dst = append(strconv.AppendUint(dst, uint64(b.IDSuffix1), 10), '_')
		dst = append(strconv.AppendUint(dst, b.SecondID, 10), 'X')
		return strconv.AppendUint(dst, uint64(b.IDSuffix2), 10)
	case ring.IDText:
		return append(dst, b.Text[:min(int(b.TextLength), len(b.Text))]...)
	}
	return dst
}

// Ticker is the venue's rolling statistics; what it does not give is absent.
type Ticker struct {
	Meta
	Last, Bid, Ask, Open, High, Low Decimal
	BaseVolume, QuoteVolume         Decimal
	WindowEndNS                     int64
}

// UpdateType says how a BookUpdate is to be taken.
type UpdateType uint8

// Types of update.
const (
	UpdateDiff     UpdateType = iota // new totals of single levels
	UpdateSnapshot                   // the levels replace the book
)

// String is DIFF or SNAPSHOT.
func (u UpdateType) String() string {
	if u == UpdateSnapshot {
		return "SNAPSHOT"
	}
	return "DIFF"
}

// BookUpdate is one event of an order book, whole: all its records from FIRST to
// LAST. Bids and Asks are in the venue's order and hold until the handler returns.
type BookUpdate struct {
	Meta
	Type                            UpdateType
	FirstSequence, LastSequence     uint64 // the venue's, 0 where it gives none
	PriceExponent, QuantityExponent int8
	Bids, Asks                      []Level
}

// Price is a level's price as a number.
func (u *BookUpdate) Price(l Level) Decimal { return Decimal{l.Price, u.PriceExponent} }

// Quantity is a level's quantity as a number.
func (u *BookUpdate) Quantity(l Level) Decimal { return Decimal{l.Quantity, u.QuantityExponent} }

// Handlers get the messages of a spot market; each may be nil. Every handler has
// a goroutine and a reader of its own: calls of one handler come one after the
// other, in the order of the ring, and a slow one delays nobody else. What it
// does not come to in time is lost to it, which is counted and logged. The
// pointers hold until the handler returns. A handler that panics is logged, its
// symbol is asked for again, and the next message follows.
type Handlers struct {
	OrderBook  func(*BookUpdate)
	Ticker     func(*Ticker)
	Trades     func(*Trade)
	BookTicker func(*BookTicker)
}

// routes make one route for each handler that is there.
func (hs *Handlers) routes() (out []*route) {
	if f := hs.BookTicker; f != nil {
		v := &BookTicker{}
		out = append(out, newRoute(ring.KindBookTicker, func(r *ring.Record, m *Meta) bool { return v.take(r, m) },
			func() { f(v) }))
	}
	if f := hs.Trades; f != nil {
		v := &Trade{}
		out = append(out, newRoute(ring.KindTrade, func(r *ring.Record, m *Meta) bool { return v.take(r, m) },
			func() { f(v) }))
	}
	if f := hs.OrderBook; f != nil {
		v := &BookUpdate{}
		rt := newRoute(ring.KindDepth, func(r *ring.Record, m *Meta) bool { return v.take(r, m) }, func() { f(v) })
		rt.forget = v.forget
		out = append(out, rt)
	}
	if f := hs.Ticker; f != nil {
		v := &Ticker{}
		out = append(out, newRoute(ring.KindTicker, func(r *ring.Record, m *Meta) bool { return v.take(r, m) },
			func() { f(v) }))
	}
	return out
}

func (v *BookTicker) take(r *ring.Record, m *Meta) bool {
	b := r.BookTicker()
	v.Meta = *m
	v.SendTimeNS, v.BookEpoch, v.Connection = b.SendTimeNS, b.BookEpoch, b.Connection
	v.Bid, v.BidQuantity = Decimal{b.BidPrice, r.PriceExponent}, Decimal{b.BidQuantity, r.QuantityExponent}
	v.Ask, v.AskQuantity = Decimal{b.AskPrice, r.PriceExponent}, Decimal{b.AskQuantity, r.QuantityExponent}
	return true
}

func (v *Trade) take(r *ring.Record, m *Meta) bool {
	b := r.Trade()
	v.Meta, v.body = *m, *b
	v.SendTimeNS, v.BookEpoch, v.Connection = b.SendTimeNS, b.BookEpoch, b.Connection
	v.Price, v.Quantity = Decimal{b.Price, r.PriceExponent}, Decimal{b.Quantity, r.QuantityExponent}
	v.Aggressor, v.Index, v.Count = ring.Aggressor(b.Aggressor), int(b.Index), int(b.Count)
	return true
}

func (v *Ticker) take(r *ring.Record, m *Meta) bool {
	b := r.Ticker()
	v.Meta = *m
	v.SendTimeNS, v.BookEpoch, v.Connection = ring.Absent, b.BookEpoch, b.Connection
	price := func(mantissa int64) Decimal { return Decimal{mantissa, r.PriceExponent} }
	v.Last, v.Bid, v.Ask = price(b.Last), price(b.Bid), price(b.Ask)
	v.Open, v.High, v.Low = price(b.Open), price(b.High), price(b.Low)
	v.BaseVolume = Decimal{b.BaseVolume, b.BaseVolumeExponent}
	v.QuoteVolume = Decimal{b.QuoteVolume, b.QuoteVolumeExponent}
	v.WindowEndNS = b.WindowEndNS
	return true
}

// take adds one record of an event; true when it was the last one.
func (v *BookUpdate) take(r *ring.Record, m *Meta) bool {
	d := r.Depth()
	if r.Flags&ring.FlagFirst != 0 {
		v.forget()
	}
	v.Bids = append(v.Bids, d.Levels[:d.Bids]...)
	v.Asks = append(v.Asks, d.Levels[d.Bids:d.Bids+d.Asks]...)
	if r.Flags&ring.FlagLast == 0 {
		return false
	}
	v.Meta = *m
	v.SendTimeNS, v.BookEpoch, v.Connection = ring.Absent, d.BookEpoch, d.Connection
	v.Type = UpdateDiff
	if r.Flags&ring.FlagSnapshot != 0 {
		v.Type = UpdateSnapshot
	}
	v.FirstSequence, v.LastSequence = d.FirstSequence, r.VenueSequence
	v.PriceExponent, v.QuantityExponent = r.PriceExponent, r.QuantityExponent
	return true
}

// forget drops what was gathered of an event.
func (v *BookUpdate) forget() { v.Bids, v.Asks = v.Bids[:0], v.Asks[:0] }

// route leads records of one kind to one handler, on a goroutine of its own.
type route struct {
	kind    ring.Kind
	channel Channel
	name    string
	// take fills the handler's message from a record; true when it is whole.
	take func(r *ring.Record, m *Meta) bool
	// call hands the message to the handler.
	call func()
	// forget drops a message that is half gathered; nil where there is none.
	forget func()
	// lapped tells the handler's owner that records were lost; nil tells nobody.
	lapped func()
	calls  *calls
	meta   Meta
}

func newRoute(kind ring.Kind, take func(*ring.Record, *Meta) bool, call func()) *route {
	c := channelNames[kindIndex[kind&7]]
	return &route{kind: kind, channel: c.bit, name: c.name, take: take, call: call, calls: newCalls()}
}
