package human

import (
	"strconv"
	"time"

	"github.com/tickring/tickring/cmd/tickring/internal/jsonl"
	"github.com/tickring/tickring/ring"
)

// Columns at which the fields of a line begin.
const (
	sequenceColumn = 17
	symbolColumn   = 29
	kindColumn     = 43
	bodyColumn     = 56
)

// Printer writes the records of one segment. It is owned by one thread.
type Printer struct {
	view    *ring.View
	symbols []string
}

// NewPrinter makes a printer for the segment that view looks at. The view must
// stay mapped while the printer is used.
func NewPrinter(view *ring.View) *Printer { return &Printer{view: view} }

func (p *Printer) symbol(instrument uint16) string {
	for id := len(p.symbols); id <= int(instrument) && id < p.view.InstrumentCount(); id++ {
		p.symbols = append(p.symbols, printable(p.view.Symbol(id)))
	}
	if int(instrument) >= len(p.symbols) {
		return "-"
	}
	return p.symbols[instrument]
}

// printable escapes what could drive a terminal.
func printable(text string) string {
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

// AppendRecord appends one line for r: receive time (UTC), sequence, symbol, kind
// and what happened.
func (p *Printer) AppendRecord(dst []byte, r *ring.Record) []byte {
	start := len(dst)
	dst = appendClock(dst, r.RecvTimeNS)
	dst = pad(dst, start+sequenceColumn)
	dst = append(dst, '#')
	dst = strconv.AppendUint(dst, r.Sequence(), 10)
	dst = pad(dst, start+symbolColumn)
	dst = append(dst, p.symbol(r.Instrument)...)
	dst = pad(dst, start+kindColumn)
	dst = append(dst, jsonl.KindName(r.Kind)...)
	dst = pad(dst, start+bodyColumn)
	switch r.Kind {
	case ring.KindBookTicker:
		dst = appendBookTicker(dst, r, r.BookTicker())
	case ring.KindTrade:
		dst = appendTrade(dst, r, r.Trade())
	case ring.KindDepth:
		dst = appendDepth(dst, r, r.Depth())
	case ring.KindTicker:
		dst = appendTicker(dst, r, r.Ticker())
	case ring.KindStatus:
		dst = appendStatus(dst, r.Status())
	case ring.KindPerpetual:
		dst = appendPerpetual(dst, r, r.Perpetual())
	}
	return append(dst, '\n')
}

// pad fills with spaces up to a column, one space at least.
func pad(dst []byte, column int) []byte {
	dst = append(dst, ' ')
	for len(dst) < column {
		dst = append(dst, ' ')
	}
	return dst
}

func appendClock(dst []byte, ns int64) []byte {
	if ns == ring.Absent {
		return append(dst, '-')
	}
	return time.Unix(0, ns).UTC().AppendFormat(dst, "15:04:05.000000")
}

func appendDecimal(dst []byte, label string, mantissa int64, exponent int8) []byte {
	dst = append(dst, label...)
	if mantissa == ring.Absent {
		return append(dst, '-')
	}
	return ring.AppendDecimal(dst, mantissa, exponent)
}

func appendLevel(dst []byte, r *ring.Record, price, quantity int64) []byte {
	dst = appendDecimal(dst, "", price, r.PriceExponent)
	return appendDecimal(dst, " x ", quantity, r.QuantityExponent)
}

func appendBookTicker(dst []byte, r *ring.Record, b *ring.BookTicker) []byte {
	dst = appendLevel(dst, r, b.BidPrice, b.BidQuantity)
	dst = append(dst, " | "...)
	return appendLevel(dst, r, b.AskPrice, b.AskQuantity)
}

func appendTrade(dst []byte, r *ring.Record, t *ring.Trade) []byte {
	switch ring.Aggressor(t.Aggressor) {
	case ring.AggressorBuy:
		dst = append(dst, "buy  "...)
	case ring.AggressorSell:
		dst = append(dst, "sell "...)
	default:
		dst = append(dst, "?    "...)
	}
	return appendLevel(dst, r, t.Price, t.Quantity)
}

func appendDepth(dst []byte, r *ring.Record, d *ring.Depth) []byte {
	switch {
	case r.Flags&ring.FlagFirst == 0:
		dst = append(dst, "  more"...)
	case r.Flags&ring.FlagSnapshot != 0:
		dst = append(dst, "snapshot"...)
	default:
		dst = append(dst, "delta"...)
	}
	bids := min(int(d.Bids), len(d.Levels))
	asks := min(int(d.Asks), len(d.Levels)-bids)
	dst = appendSide(dst, " bid ", r, d.Levels[:bids])
	return appendSide(dst, " ask ", r, d.Levels[bids:bids+asks])
}

func appendSide(dst []byte, label string, r *ring.Record, levels []ring.Level) []byte {
	for i := range levels {
		dst = append(dst, label...)
		dst = appendLevel(dst, r, levels[i].Price, levels[i].Quantity)
	}
	return dst
}

func appendTicker(dst []byte, r *ring.Record, t *ring.Ticker) []byte {
	dst = appendDecimal(dst, "last ", t.Last, r.PriceExponent)
	dst = appendDecimal(dst, " high ", t.High, r.PriceExponent)
	dst = appendDecimal(dst, " low ", t.Low, r.PriceExponent)
	return appendDecimal(dst, " volume ", t.BaseVolume, t.BaseVolumeExponent)
}

func appendStatus(dst []byte, s *ring.Status) []byte {
	dst = append(dst, s.Code.String()...)
	if s.Connection != ring.NoConnection && ring.Scope(s.Scope) == ring.ScopeConnection {
		dst = append(dst, " connection "...)
		dst = strconv.AppendUint(dst, uint64(s.Connection), 10)
	}
	if s.Reason != uint32(ring.ReasonNone) {
		dst = append(dst, ' ')
		dst = append(dst, ring.Reason(s.Reason).String()...)
	}
	if s.TextLength > 0 {
		dst = append(dst, ' ')
		dst = strconv.AppendQuote(dst, s.TextString())
	}
	return dst
}

func appendPerpetual(dst []byte, r *ring.Record, p *ring.Perpetual) []byte {
	dst = appendDecimal(dst, "mark ", p.MarkPrice, r.PriceExponent)
	dst = appendDecimal(dst, " index ", p.IndexPrice, r.PriceExponent)
	dst = appendDecimal(dst, " funding ", p.FundingRate, p.FundingExponent)
	return appendDecimal(dst, " interest ", p.OpenInterest, p.OpenInterestExponent)
}
