package exchanges

import (
	"slices"

	"github.com/tickring/tickring/ring"
)

// Decimal is the venue's number exactly: Mantissa x 10^Exponent. Trailing zeros
// are stripped, so that 1.50 is 15 x 10^-1 and 100 is 1 x 10^2; zero is 0 x 10^0.
// A number the venue did not give has Mantissa ring.Absent.
type Decimal struct {
	Mantissa int64
	Exponent int8
}

// AbsentDecimal is a number the venue did not give.
var AbsentDecimal = Decimal{Mantissa: ring.Absent}

// IsAbsent says that the venue did not give the number.
func (d Decimal) IsAbsent() bool { return d.Mantissa == ring.Absent }

// Level is one price level as decoded; quantity 0 deletes.
type Level struct {
	Price    Decimal
	Quantity Decimal
}

// Places in Item.Prices and Item.Quantities by kind.
const (
	// BOOK_TICKER
	BidPrice = 0
	AskPrice = 1
	BidQty   = 0
	AskQty   = 1
	// TRADE
	TradePrice = 0
	TradeQty   = 0
	// TICKER
	TickerLast  = 0
	TickerBid   = 1
	TickerAsk   = 2
	TickerOpen  = 3
	TickerHigh  = 4
	TickerLow   = 5
	BaseVolume  = 0
	QuoteVolume = 1
	// PERPETUAL; the next funding is WindowEndNS.
	MarkPrice    = 0
	IndexPrice   = 1
	FundingRate  = 0
	OpenInterest = 1
)

// BookRule is how the depth events of a stream make a book.
type BookRule uint8

// Book rules.
const (
	// RuleNone: the item is no depth event.
	RuleNone BookRule = iota
	// RuleSnapshots: every event is the whole book of its levels.
	RuleSnapshots
	// RuleStream: the stream sends a snapshot first; a delta follows when its
	// first update id is the last one + 1.
	RuleStream
	// RuleREST: deltas only; the snapshot is fetched by REST.
	RuleREST
)

// Item is one datum of a frame: a book ticker, a trade, a ticker, the state of a
// perpetual, or one depth event with all its levels. The zero Item has absent nothing: use Batch.Add.
type Item struct {
	Kind       ring.Kind
	Rule       BookRule
	Instrument uint16
	// Flags may hold SNAPSHOT and ROUNDED only.
	Flags ring.Flags

	// Sequence is the venue's update id (the last one of an event), 0 none.
	Sequence uint64
	// FirstSequence is the first update id of a depth event, 0 none.
	FirstSequence uint64
	// EventTimeNS, SendTimeNS, WindowEndNS: Unix ns, ring.Absent when not given. The
	// last is the end of a TICKER's window, or a PERPETUAL's next funding.
	EventTimeNS, SendTimeNS, WindowEndNS int64

	Prices     [6]Decimal
	Quantities [2]Decimal

	// BidsFrom:BidsTo and AsksFrom:AsksTo are ranges of Batch.Levels.
	BidsFrom, BidsTo, AsksFrom, AsksTo int32

	TradeID, SecondID    uint64
	Aggressor            ring.Aggressor
	IDFormat             ring.IDFormat
	IDSuffix1, IDSuffix2 uint8
	TextLength           uint8
	Text                 [24]byte
	// Index from 0 and Count of trades in the venue's message.
	Index, Count uint16
}

// Limits of one frame; a frame beyond them is refused as a whole.
const (
	// MaxLevels: the largest book any venue's sheet names is 2 x 5000 levels.
	MaxLevels = 10_000
	// MaxItems bounds trades in one message.
	MaxItems = 4096
)

// Batch is what one frame holds. It is reused: Reset, decode, read.
type Batch struct {
	Items  []Item
	Levels []Level
	walk   walk
}

// Reset forgets the previous frame and keeps the memory.
func (b *Batch) Reset() {
	b.Items = b.Items[:0]
	b.Levels = b.Levels[:0]
}

// blankItem has every optional number and time absent.
var blankItem = Item{
	Instrument:  ring.NoInstrument,
	EventTimeNS: ring.Absent, SendTimeNS: ring.Absent, WindowEndNS: ring.Absent,
	Prices:     [6]Decimal{AbsentDecimal, AbsentDecimal, AbsentDecimal, AbsentDecimal, AbsentDecimal, AbsentDecimal},
	Quantities: [2]Decimal{AbsentDecimal, AbsentDecimal},
	Count:      1,
}

// Add appends a blank item (all optional values absent) and returns it; nil when
// the frame has more than MaxItems. The pointer holds until the next Add.
func (b *Batch) Add(kind ring.Kind) *Item {
	if len(b.Items) >= MaxItems {
		return nil
	}
	b.Items = append(b.Items, blankItem)
	it := &b.Items[len(b.Items)-1]
	it.Kind = kind
	return it
}

// grow makes room for one item behind n; false when there are MaxItems.
//
//go:noinline
func (b *Batch) grow(n int) bool {
	if n >= MaxItems {
		return false
	}
	b.Items = slices.Grow(b.Items, n+1-len(b.Items))
	return true
}

// Bids and Asks are the levels of a depth item; valid until the next Reset.
func (b *Batch) Bids(it *Item) []Level { return b.Levels[it.BidsFrom:it.BidsTo] }

// Asks: see Bids.
func (b *Batch) Asks(it *Item) []Level { return b.Levels[it.AsksFrom:it.AsksTo] }
