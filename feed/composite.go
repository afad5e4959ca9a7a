package feed

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/tickring/tickring/ring"
)

// Composite runs one PublicSpot a venue, keeps every venue's books and best quotes,
// counts what it does, and tells subscribers of each change of a book. All times
// are of this host's clock, so that quotes of different venues can be compared.
//
// All methods may be called from any goroutine, Close not from a subscriber.
type Composite struct {
	log    *slog.Logger
	venues []*compositeVenue
	byName map[string]*compositeVenue

	mu          sync.Mutex // changes of the list
	subscribers atomic.Pointer[[]*subscriber]
}

// subscriber is one function to tell.
type subscriber struct{ f func(*CompositeUpdate) }

// CompositeUpdate is one change of a book. Book and Update hold until the
// subscriber returns.
type CompositeUpdate struct {
	Venue  string
	Symbol Symbol
	Type   UpdateType
	// Book is the whole book after the change; Book.Valid says whether it may be
	// acted on.
	Book   *OrderBook
	Update *BookUpdate
}

// OrderBook is a book of one symbol on one venue, best levels first.
type OrderBook struct {
	Venue  string
	Symbol Symbol
	// Valid: synchronised by the venue's own sequence, and its connection is up.
	Valid bool
	// FromBoard: copied from the segment's board, which has the best levels only.
	FromBoard                       bool
	VenueSequence                   uint64
	EventTimeNS, RecvTimeNS         int64
	PriceExponent, QuantityExponent int8
	Bids, Asks                      []Level
}

// BestBid is the best bid and its quantity, absent when there is none.
func (b *OrderBook) BestBid() (price, quantity Decimal) { return b.best(b.Bids) }

// BestAsk is the best ask and its quantity, absent when there is none.
func (b *OrderBook) BestAsk() (price, quantity Decimal) { return b.best(b.Asks) }

func (b *OrderBook) best(side []Level) (price, quantity Decimal) {
	if len(side) == 0 {
		return Decimal{Mantissa: ring.Absent}, Decimal{Mantissa: ring.Absent}
	}
	return Decimal{side[0].Price, b.PriceExponent}, Decimal{side[0].Quantity, b.QuantityExponent}
}

// Operations are the names that Composite counts under.
const (
	OperationBook       = "orderbook_update"
	OperationBookTicker = "book_ticker_update"
	OperationTicker     = "ticker_update"
	OperationTrade      = "trade"
)

// compositeVenue is one venue of a Composite.
type compositeVenue struct {
	c    *Composite
	name string
	spot *PublicSpot

	books, quotes, tickers, trades atomic.Uint64 // operations

	mu    sync.RWMutex
	kept  map[Symbol]*keptBook
	best  map[Symbol]BookTicker
	event OrderBook // of the book's goroutine
}

// NewComposite makes a composite of one market for each configuration; their names
// must differ. onState, which may be nil, is told the changes of each venue in
// order, on a goroutine a venue.
func NewComposite(configs []Config, logger *slog.Logger, onState func(venue string, s State)) (*Composite, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c := &Composite{log: logger, byName: map[string]*compositeVenue{}}
	c.subscribers.Store(&[]*subscriber{})
	for _, cfg := range configs {
		if cfg.Dialect == nil {
			return nil, fmt.Errorf("%w: no venue given", ErrConfig)
		}
		v := &compositeVenue{c: c, kept: map[Symbol]*keptBook{}, best: map[Symbol]BookTicker{}}
		var told func(State)
		if onState != nil {
			told = func(s State) { onState(v.name, s) }
		}
		routes := (&Handlers{OrderBook: v.book, Ticker: v.ticker, Trades: v.trade, BookTicker: v.quote}).routes()
		for _, r := range routes {
			if r.kind == ring.KindDepth {
				r.lapped = v.lapped
			}
		}
		v.spot = &PublicSpot{newBase(cfg, routes, logger, told)}
		v.name = v.spot.Name()
		if c.byName[v.name] != nil {
			return nil, fmt.Errorf("%w: two markets are named %q", ErrConfig, v.name)
		}
		c.byName[v.name] = v
		c.venues = append(c.venues, v)
	}
	return c, nil
}

// Initialize starts every venue. After an error all are closed.
func (c *Composite) Initialize(symbols []Symbol, channels Channel) error {
	for _, v := range c.venues {
		if err := v.spot.Initialize(symbols, channels); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return nil
}

// Subscribe adds symbols on every venue. Errors are joined.
func (c *Composite) Subscribe(symbols []Symbol) error {
	return c.each(func(v *compositeVenue) error { return v.spot.Subscribe(symbols) })
}

// Unsubscribe ends symbols on every venue; what was kept of them is dropped.
func (c *Composite) Unsubscribe(symbols []Symbol) error {
	return c.each(func(v *compositeVenue) error {
		err := v.spot.Unsubscribe(symbols)
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, s := range symbols {
			delete(v.kept, s)
			delete(v.best, s)
		}
		return err
	})
}

// Close closes every venue.
func (c *Composite) Close() error {
	return c.each(func(v *compositeVenue) error { return v.spot.Close() })
}

func (c *Composite) each(f func(*compositeVenue) error) error {
	var failed error
	for _, v := range c.venues {
		if err := f(v); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", v.name, err))
		}
	}
	return failed
}

// Connected says that every venue is.
func (c *Composite) Connected() bool {
	for _, v := range c.venues {
		if !v.spot.Connected() {
			return false
		}
	}
	return len(c.venues) > 0
}

// Venues are the names, in the order given.
func (c *Composite) Venues() (out []string) {
	for _, v := range c.venues {
		out = append(out, v.name)
	}
	return out
}

// Market is the market of a venue, nil when there is none of that name.
func (c *Composite) Market(venue string) *PublicSpot {
	if v := c.byName[venue]; v != nil {
		return v.spot
	}
	return nil
}

// PerformanceMetrics are every venue's, by name.
func (c *Composite) PerformanceMetrics() map[string]Metrics {
	out := make(map[string]Metrics, len(c.venues))
	for _, v := range c.venues {
		out[v.name] = v.spot.PerformanceMetrics()
	}
	return out
}

// Operations counts what was done, by venue and by name of the operation.
func (c *Composite) Operations() map[string]map[string]uint64 {
	out := make(map[string]map[string]uint64, len(c.venues))
	for _, v := range c.venues {
		out[v.name] = map[string]uint64{
			OperationBook: v.books.Load(), OperationBookTicker: v.quotes.Load(),
			OperationTicker: v.tickers.Load(), OperationTrade: v.trades.Load(),
		}
	}
	return out
}

// Notify tells f of every change of a book, until cancel is called; one more call
// may be under way then. Calls for one venue come one after the other, on the
// goroutine of its books; those of different venues come at the same time. A
// panic of f is logged and costs that call only.
func (c *Composite) Notify(f func(*CompositeUpdate)) (cancel func()) {
	s := &subscriber{f}
	c.change(func(list []*subscriber) []*subscriber { return append(list, s) })
	return func() {
		c.change(func(list []*subscriber) (out []*subscriber) {
			for _, have := range list {
				if have != s {
					out = append(out, have)
				}
			}
			return out
		})
	}
}

// change replaces the list, which its readers hold without a lock.
func (c *Composite) change(f func([]*subscriber) []*subscriber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := *c.subscribers.Load()
	list := f(append(make([]*subscriber, 0, len(old)+1), old...))
	c.subscribers.Store(&list)
}

// Book copies a venue's book of a symbol; false when nothing is known of it. A book
// that is not kept whole, for its events were lost to us, is the board's.
func (c *Composite) Book(venue string, s Symbol) (OrderBook, bool) {
	v := c.byName[venue]
	if v == nil {
		return OrderBook{}, false
	}
	v.mu.RLock()
	k := v.kept[s]
	if k != nil && k.synced {
		out := k.show(v.name, s, nil, nil)
		instrument := k.instrument
		v.mu.RUnlock()
		out.Valid = v.trusted(s, instrument, ChannelOrderBook, ring.BitSuspect|ring.BitResyncing)
		return out, true
	}
	v.mu.RUnlock()
	return v.boardBook(s)
}

// boardBook is the segment's own book.
func (v *compositeVenue) boardBook(s Symbol) (out OrderBook, ok bool) {
	v.spot.look(func(view *ring.View) {
		id, found := view.Find(s.String())
		if !found {
			return
		}
		b := ring.NewBook(view.BookDepth())
		if view.ReadBook(id, b) != ring.AnswerRecord {
			return
		}
		ok = true
		h := &b.Header
		out = OrderBook{
			Venue: v.name, Symbol: s, FromBoard: true, Valid: b.Valid() && trusts(view, id, ChannelOrderBook, ring.BitSuspect|ring.BitResyncing),
			VenueSequence: h.VenueSequence, EventTimeNS: h.EventTimeNS, RecvTimeNS: h.RecvTimeNS,
			PriceExponent: h.PriceExponent, QuantityExponent: h.QuantityExponent, Bids: b.Bids(), Asks: b.Asks(),
		}
	})
	return out, ok
}

// trusted says that a symbol's channel is asked for and fresh, and none of the bits
// is set.
func (v *compositeVenue) trusted(s Symbol, id uint16, channel Channel, bits ring.StateBit) bool {
	ok := false
	v.spot.look(func(view *ring.View) {
		ok = v.spot.active[s]&channel != 0 && trusts(view, int(id), channel, bits)
	})
	return ok
}

func trusts(view *ring.View, id int, channel Channel, bits ring.StateBit) bool {
	var st ring.InstrumentState
	return view.InstrumentState(id, &st) && Channel(st.Stale)&channel == 0 && st.Bits()&bits == 0
}

// BestQuote is a venue's newest best bid and ask of a symbol; fresh says that the
// channel is not stale, so that the quote still stands.
func (c *Composite) BestQuote(venue string, s Symbol) (quote BookTicker, fresh bool) {
	v := c.byName[venue]
	if v == nil {
		return BookTicker{}, false
	}
	v.mu.RLock()
	quote, known := v.best[s]
	v.mu.RUnlock()
	return quote, known && v.trusted(s, quote.Instrument, ChannelBookTicker, 0)
}

// Spread is what one unit bought at one venue and sold at another brings, before
// fees.
type Spread struct {
	Symbol        Symbol
	BuyAt, SellAt string
	Ask, Bid      Decimal // the price paid, the price got
	Difference    Decimal // Bid - Ask
	// ApartNS is how much later the second quote was received than the first, on
	// this host's clock.
	ApartNS int64
}

// Spread compares the best quotes of two venues; false unless both are fresh and
// have the side.
func (c *Composite) Spread(s Symbol, buyAt, sellAt string) (Spread, bool) {
	buy, ok1 := c.BestQuote(buyAt, s)
	sell, ok2 := c.BestQuote(sellAt, s)
	out := Spread{
		Symbol: s, BuyAt: buyAt, SellAt: sellAt, Ask: buy.Ask, Bid: sell.Bid,
		Difference: sell.Bid.Minus(buy.Ask), ApartNS: sell.RecvTimeNS - buy.RecvTimeNS,
	}
	return out, ok1 && ok2 && !out.Difference.IsAbsent()
}

func (v *compositeVenue) trade(*Trade) { v.trades.Add(1) }

func (v *compositeVenue) ticker(*Ticker) { v.tickers.Add(1) }

func (v *compositeVenue) quote(q *BookTicker) {
	v.quotes.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.best[q.Symbol] = *q
}

// book takes one event of a book in and tells the subscribers.
func (v *compositeVenue) book(u *BookUpdate) {
	v.books.Add(1)
	v.mu.Lock()
	k := v.kept[u.Symbol]
	if k == nil {
		k = &keptBook{book: newLocalBook()}
		v.kept[u.Symbol] = k
	}
	k.take(u)
	v.mu.Unlock()
	subscribers := *v.c.subscribers.Load()
	if len(subscribers) == 0 {
		return
	}
	// This goroutine alone changes the book: it may be looked at without the lock.
	v.event = k.show(v.name, u.Symbol, v.event.Bids[:0], v.event.Asks[:0])
	v.event.Valid = k.synced && v.trusted(u.Symbol, u.Instrument, ChannelOrderBook, 0)
	update := CompositeUpdate{Venue: v.name, Symbol: u.Symbol, Type: u.Type, Book: &v.event, Update: u}
	for _, s := range subscribers {
		v.tell(s, &update)
	}
}

func (v *compositeVenue) tell(s *subscriber, u *CompositeUpdate) {
	defer func() {
		if caught := recover(); caught != nil {
			v.spot.note(note{
				level: slog.LevelError, text: "subscriber failed", symbol: u.Symbol.String(),
				detail: fmt.Sprint(caught), stack: stackText(),
			})
		}
	}()
	s.f(u)
}

// lapped: events were lost to us, so that no book is whole; the publisher is asked
// to say them again.
func (v *compositeVenue) lapped() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s, k := range v.kept {
		if k.synced {
			k.synced = false
			v.spot.Resend(s)
		}
	}
}

// keptBook is a book that follows the updates of one symbol.
type keptBook struct {
	book                            *localBook
	synced                          bool
	instrument                      uint16
	last                            uint64
	priceExponent, quantityExponent int8
	eventTimeNS, recvTimeNS         int64
	bids, asks                      []Level // an update brought to the book's exponents
}

// take applies an update. SUSPECT differences are not the book's; what does not
// join the book ends its synchronisation until the next snapshot.
func (k *keptBook) take(u *BookUpdate) {
	k.instrument = u.Instrument
	whole := u.Type == UpdateSnapshot
	switch {
	case whole && u.Suspect():
		k.synced = false
		return
	case whole:
		k.book.clear()
		k.priceExponent, k.quantityExponent = u.PriceExponent, u.QuantityExponent
		k.synced = true
	case !k.synced || u.LastSequence != 0 && u.LastSequence <= k.last:
		return
	case u.Suspect() || u.FirstSequence > k.last+1:
		k.synced = false
		return
	}
	if !k.align(u) {
		k.synced = false
		return
	}
	if whole {
		k.book.replace(k.bids, k.asks)
	} else {
		k.book.apply(k.bids, k.asks)
	}
	k.last, k.eventTimeNS, k.recvTimeNS = u.LastSequence, u.EventTimeNS, u.RecvTimeNS
	if k.book.crossed() || !whole && k.book.broken() {
		k.synced = false
	}
}

// align brings book and update to the smaller exponents of both; false when a
// number does not fit.
func (k *keptBook) align(u *BookUpdate) bool {
	price, quantity := min(k.priceExponent, u.PriceExponent), min(k.quantityExponent, u.QuantityExponent)
	p, q := int(k.priceExponent)-int(price), int(k.quantityExponent)-int(quantity)
	if p >= len(pow10) || q >= len(pow10) || !k.book.rescale(p, q) {
		return false
	}
	k.priceExponent, k.quantityExponent = price, quantity
	k.bids, k.asks = append(k.bids[:0], u.Bids...), append(k.asks[:0], u.Asks...)
	p, q = int(u.PriceExponent)-int(price), int(u.QuantityExponent)-int(quantity)
	return p < len(pow10) && q < len(pow10) && rescaleBoth(k.bids, k.asks, p, q)
}

// show is the book as others see it, its levels appended to bids and asks.
func (k *keptBook) show(venue string, s Symbol, bids, asks []Level) OrderBook {
	return OrderBook{
		Venue: venue, Symbol: s, VenueSequence: k.last, EventTimeNS: k.eventTimeNS, RecvTimeNS: k.recvTimeNS,
		PriceExponent: k.priceExponent, QuantityExponent: k.quantityExponent,
		Bids: k.book.bids.appendTo(bids), Asks: k.book.asks.appendTo(asks),
	}
}
