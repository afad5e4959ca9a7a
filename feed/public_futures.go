package feed

import (
	"log/slog"

	"github.com/tickring/tickring/ring"
)

// PublicFutures is a venue's public market of perpetual futures. It is to contracts
// what PublicSpot is to pairs: the calls and their results are the same, and so are
// the channels. Quantities of trades, quotes and books are numbers of contracts; see
// Multiplier. What is told of a perpetual itself comes with ChannelTicker and goes to
// a handler of its own.
type PublicFutures struct {
	*Base
}

// NewPublicFutures makes a market that Initialize starts. A nil logger discards.
// onState, which may be nil, is told every change of state in order, on a goroutine of
// its own; it must not call Close, which waits for it.
func NewPublicFutures(cfg Config, handlers FuturesHandlers, logger *slog.Logger, onState func(State)) *PublicFutures {
	return &PublicFutures{newBase(cfg, handlers.routes(), logger, onState)}
}

// FuturesHandlers get the messages of a futures market; each may be nil. What is said
// of Handlers holds here.
type FuturesHandlers struct {
	OrderBook  func(*BookUpdate)
	Ticker     func(*Ticker)
	Trades     func(*Trade)
	BookTicker func(*BookTicker)
	Perpetual  func(*Perpetual)
}

// Perpetual is what a venue tells of a perpetual contract; what it does not give is
// absent.
type Perpetual struct {
	Meta
	Mark, Index   Decimal
	FundingRate   Decimal // of the running period, a fraction; may be below zero
	FundingTimeNS int64   // the next funding, Unix ns
	OpenInterest  Decimal // contracts
}

// routes make one route for each handler that is there.
func (hs *FuturesHandlers) routes() []*route {
	shared := Handlers{OrderBook: hs.OrderBook, Ticker: hs.Ticker, Trades: hs.Trades, BookTicker: hs.BookTicker}
	out := shared.routes()
	if f := hs.Perpetual; f != nil {
		v := &Perpetual{}
		r := newRoute(ring.KindPerpetual, func(r *ring.Record, m *Meta) bool { return v.take(r, m) }, func() { f(v) })
		r.name = "perpetual"
		out = append(out, r)
	}
	return out
}

func (v *Perpetual) take(r *ring.Record, m *Meta) bool {
	b := r.Perpetual()
	v.Meta = *m
	v.SendTimeNS, v.BookEpoch, v.Connection = b.SendTimeNS, b.BookEpoch, b.Connection
	v.Mark, v.Index = Decimal{b.MarkPrice, r.PriceExponent}, Decimal{b.IndexPrice, r.PriceExponent}
	v.FundingRate = Decimal{b.FundingRate, b.FundingExponent}
	v.OpenInterest = Decimal{b.OpenInterest, b.OpenInterestExponent}
	v.FundingTimeNS = b.FundingTimeNS
	return true
}

// Multiplier is how many units of the base one contract of the symbol is: base
// quantity = contracts x multiplier. Absent where the venue gives none (an inverse
// contract, whose base quantity is contracts / price), before the venue's metadata
// are known, and for a symbol that was never asked for. Any goroutine.
func (m *PublicFutures) Multiplier(s Symbol) Decimal {
	out := Decimal{Mantissa: ring.Absent}
	m.look(func(v *ring.View) {
		var row ring.Instrument
		for i := 0; v.Instrument(i, &row); i++ {
			if cString(row.Base[:]) == s.Base && cString(row.Quote[:]) == s.Quote {
				out = Decimal{Mantissa: row.Multiplier, Exponent: row.MultiplierExponent}
				return
			}
		}
	})
	return out
}
