package mexc

import (
	"bytes"
	"unicode/utf8"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// quote is a book ticker's texts; an empty one is absent, as in proto3.
type quote struct {
	bidPrice, bidQuantity, askPrice, askQuantity, version []byte
}

func (q *quote) read(body []byte) bool {
	w := walker{rest: body}
	for w.next() {
		switch w.key {
		case textKey(fieldBidPrice):
			q.bidPrice = w.text
		case textKey(fieldBidQuantity):
			q.bidQuantity = w.text
		case textKey(fieldAskPrice):
			q.askPrice = w.text
		case textKey(fieldAskQuantity):
			q.askQuantity = w.text
		case textKey(fieldQuoteVersion):
			q.version = w.text
		}
	}
	return !w.damaged
}

func (d *Dialect) readBookTicker(p *push) bool {
	id, known := d.instrument(p, nil)
	if !known {
		return false
	}
	var q quote
	if !q.read(p.body) {
		return d.damaged(p, "book ticker")
	}
	version, ok := d.version(p, q.version)
	return ok && d.addQuote(p, id, &q, version)
}

// readBookTickerBatch publishes every quote of the batch, in order.
func (d *Dialect) readBookTickerBatch(p *push) bool {
	id, known := d.instrument(p, nil)
	if !known {
		return false
	}
	var text []byte
	w := walker{rest: p.body}
	for w.next() {
		switch w.key {
		case textKey(fieldBatchItems):
			var q quote
			if !q.read(w.text) {
				return d.damaged(p, "item")
			}
			if !d.addQuote(p, id, &q, 0) {
				return false
			}
		case textKey(fieldBatchVersion):
			text = w.text
		}
	}
	if w.damaged {
		return d.damaged(p, "batch")
	}
	version, ok := d.version(p, text)
	for i := range d.batch.Items {
		d.batch.Items[i].Sequence = version
	}
	return ok
}

func (d *Dialect) addQuote(p *push, id uint16, q *quote, version uint64) bool {
	it := d.add(p, ring.KindBookTicker, id)
	if it == nil {
		return false
	}
	it.EventTimeNS = p.sendTimeNS
	it.Sequence = version
	return d.side(p, q.bidPrice, q.bidQuantity, "bid", &it.Prices[exchanges.BidPrice], &it.Quantities[exchanges.BidQty]) &&
		d.side(p, q.askPrice, q.askQuantity, "ask", &it.Prices[exchanges.AskPrice], &it.Quantities[exchanges.AskQty])
}

// side reads a side of a quote: price and quantity, or neither.
func (d *Dialect) side(p *push, price, quantity []byte, name string, toPrice, toQuantity *exchanges.Decimal) bool {
	if len(price) == 0 && len(quantity) == 0 {
		return true
	}
	return d.number(p, price, name, toPrice) && d.number(p, quantity, name, toQuantity)
}

// readDeals publishes every trade of a push, in order. One bad trade refuses the
// push: half a message would be a wrong message.
func (d *Dialect) readDeals(p *push) bool {
	id, known := d.instrument(p, nil)
	if !known {
		return false
	}
	w := walker{rest: p.body}
	for w.next() {
		if w.key == textKey(fieldDeals) && !d.readDeal(p, id, w.text) {
			return false
		}
	}
	if w.damaged {
		return d.damaged(p, "deals")
	}
	for i := range d.batch.Items {
		d.batch.Items[i].Index = uint16(i)
		d.batch.Items[i].Count = uint16(len(d.batch.Items))
	}
	return true
}

func (d *Dialect) readDeal(p *push, id uint16, body []byte) bool {
	var price, quantity, tradeID []byte
	var side, timeMS uint64
	w := walker{rest: body}
	for w.next() {
		switch w.key {
		case textKey(fieldDealPrice):
			price = w.text
		case textKey(fieldDealQuantity):
			quantity = w.text
		case varintKey(fieldDealType):
			side = w.value
		case varintKey(fieldDealTime):
			timeMS = w.value
		case textKey(fieldDealID):
			tradeID = w.text
		}
	}
	if w.damaged {
		return d.damaged(p, "deal")
	}
	it := d.add(p, ring.KindTrade, id)
	if it == nil || !d.number(p, price, "price", &it.Prices[exchanges.TradePrice]) ||
		!d.number(p, quantity, "quantity", &it.Quantities[exchanges.TradeQty]) {
		return false
	}
	// An int32 is the lower half of what stands on the wire.
	switch uint32(side) {
	case dealBuy:
		it.Aggressor = ring.AggressorBuy
	case dealSell:
		it.Aggressor = ring.AggressorSell
	}
	setTradeID(it, tradeID)
	return d.dealTime(p, it, timeMS)
}

// dealTime sets the trade's own time; 0 is what proto3 leaves out.
func (d *Dialect) dealTime(p *push, it *exchanges.Item, millis uint64) bool {
	if millis == 0 {
		return true
	}
	ns, ok := exchanges.MillisToNS(millis)
	if !ok {
		d.fail(ring.ReasonNumber, "time", " is beyond its range", p.symbol)
		return false
	}
	it.EventTimeNS = ns
	return true
}

// setTradeID keeps the venue's id exactly: as a pair of numbers with suffixes, as
// one number, or as text. One that is none of these and longer than the record's
// room is left out: a part of an id would be a wrong id.
func setTradeID(it *exchanges.Item, text []byte) {
	switch n, isNumber := exchanges.ParseUint(text); {
	case len(text) == 0:
	case isNumber:
		it.TradeID, it.IDFormat = n, ring.IDUint64
	case setPairID(it, text):
	case len(text) <= len(it.Text):
		it.TextLength = uint8(copy(it.Text[:], text))
		it.IDFormat = ring.IDText
	}
}

// setPairID reads a range of ids such as 731901896985399296X0_731901896985399297X0.
func setPairID(it *exchanges.Item, text []byte) bool {
	first, second, two := bytes.Cut(text, []byte{'_'})
	if !two {
		return false
	}
	n1, suffix1, ok1 := halfOfID(first)
	n2, suffix2, ok2 := halfOfID(second)
	if !ok1 || !ok2 {
		return false
	}
	it.TradeID, it.IDSuffix1, it.SecondID, it.IDSuffix2 = n1, suffix1, n2, suffix2
	it.IDFormat = ring.IDMEXCPair
	return true
}

func halfOfID(half []byte) (number uint64, suffix uint8, ok bool) {
	at := bytes.IndexByte(half, 'X')
	if at < 0 {
		return 0, 0, false
	}
	number, ok1 := exchanges.ParseUint(half[:at])
	wide, ok2 := exchanges.ParseUint(half[at+1:])
	return number, uint8(wide), ok1 && ok2 && wide <= 0xff
}

// readDepth reads both kinds of books: they differ in their versions only.
func (d *Dialect) readDepth(p *push) bool {
	id, known := d.instrument(p, nil)
	if !known {
		return false
	}
	var from, to []byte
	d.bids = d.bids[:0]
	w := walker{rest: p.body}
	for w.next() {
		var ok = true
		switch w.key {
		case textKey(fieldAsks):
			d.batch.Levels, ok = d.appendLevel(p, d.batch.Levels, w.text)
		case textKey(fieldBids):
			d.bids, ok = d.appendLevel(p, d.bids, w.text)
		case textKey(fieldFromVersion):
			from = w.text
		case textKey(fieldToVersion):
			to = w.text
		}
		if !ok {
			return false
		}
	}
	if w.damaged {
		return d.damaged(p, "depth")
	}
	it := d.add(p, ring.KindDepth, id)
	if it == nil {
		return false
	}
	it.EventTimeNS = p.sendTimeNS
	it.AsksTo = int32(len(d.batch.Levels))
	d.batch.Levels = append(d.batch.Levels, d.bids...)
	it.BidsFrom, it.BidsTo = it.AsksTo, int32(len(d.batch.Levels))
	if p.field == bodyLimitDepth {
		return d.setSnapshot(p, it, from)
	}
	return d.setDelta(p, it, from, to)
}

// appendLevel reads one level. Levels of both sides count against the bound.
func (d *Dialect) appendLevel(p *push, to []exchanges.Level, body []byte) ([]exchanges.Level, bool) {
	if len(d.batch.Levels)+len(d.bids) >= exchanges.MaxLevels {
		d.fail(ring.ReasonBoundsExceeded, "depth", " has more levels than a message may have", p.symbol)
		return to, false
	}
	var price, quantity []byte
	w := walker{rest: body}
	for w.next() {
		switch w.key {
		case textKey(fieldLevelPrice):
			price = w.text
		case textKey(fieldLevelQuantity):
			quantity = w.text
		}
	}
	if w.damaged {
		return to, d.damaged(p, "level")
	}
	to = append(to, exchanges.Level{})
	l := &to[len(to)-1]
	return to, d.number(p, price, "price", &l.Price) && d.number(p, quantity, "quantity", &l.Quantity)
}

func (d *Dialect) setSnapshot(p *push, it *exchanges.Item, version []byte) (ok bool) {
	it.Rule = exchanges.RuleSnapshots
	it.Flags = ring.FlagSnapshot
	it.Sequence, ok = d.version(p, version)
	return ok
}

// setDelta wants both versions: without them nothing can be said of continuity.
func (d *Dialect) setDelta(p *push, it *exchanges.Item, from, to []byte) bool {
	it.Rule = exchanges.RuleREST
	var ok1, ok2 bool
	it.FirstSequence, ok1 = d.version(p, from)
	it.Sequence, ok2 = d.version(p, to)
	switch {
	case !ok1 || !ok2:
		return false
	case len(from) == 0:
		d.fail(ring.ReasonMissingKey, "fromVersion", " is missing", p.symbol)
		return false
	case len(to) == 0:
		d.fail(ring.ReasonMissingKey, "toVersion", " is missing", p.symbol)
		return false
	case it.FirstSequence > it.Sequence:
		d.fail(ring.ReasonMalformed, "fromVersion", " is greater than toVersion", p.symbol)
		return false
	}
	return true
}

// miniTicker is a ticker's texts.
type miniTicker struct {
	symbol, last, high, low, volume, quantity []byte
}

func (m *miniTicker) read(body []byte) bool {
	w := walker{rest: body}
	for w.next() {
		switch w.key {
		case textKey(fieldTickerSymbol):
			m.symbol = w.text
		case textKey(fieldTickerPrice):
			m.last = w.text
		case textKey(fieldTickerHigh):
			m.high = w.text
		case textKey(fieldTickerLow):
			m.low = w.text
		case textKey(fieldTickerVolume):
			m.volume = w.text
		case textKey(fieldTickerQuantity):
			m.quantity = w.text
		}
	}
	return !w.damaged
}

func (d *Dialect) readMiniTicker(p *push) bool {
	var m miniTicker
	if !m.read(p.body) {
		return d.damaged(p, "ticker")
	}
	id, known := d.instrument(p, m.symbol)
	return known && d.addTicker(p, id, &m)
}

// readMiniTickers takes of all the venue's pairs those that are known.
func (d *Dialect) readMiniTickers(p *push) bool {
	w := walker{rest: p.body}
	for w.next() {
		if w.key != textKey(fieldTickers) {
			continue
		}
		var m miniTicker
		if !m.read(w.text) {
			return d.damaged(p, "ticker")
		}
		p.symbol = m.symbol
		if !utf8.Valid(m.symbol) {
			d.fail(ring.ReasonMalformed, "symbol", " is not UTF-8", m.symbol)
			return false
		}
		id, known := d.symbols.Lookup(m.symbol)
		if known && !d.addTicker(p, id, &m) {
			return false
		}
	}
	if w.damaged {
		return d.damaged(p, "tickers")
	}
	return true
}

func (d *Dialect) addTicker(p *push, id uint16, m *miniTicker) bool {
	it := d.add(p, ring.KindTicker, id)
	if it == nil {
		return false
	}
	it.EventTimeNS = p.sendTimeNS
	prices := &it.Prices
	return d.optional(p, m.last, "price", &prices[exchanges.TickerLast]) &&
		d.optional(p, m.high, "high", &prices[exchanges.TickerHigh]) &&
		d.optional(p, m.low, "low", &prices[exchanges.TickerLow]) &&
		d.volume(p, it, m.quantity, "quantity", exchanges.BaseVolume) &&
		d.volume(p, it, m.volume, "volume", exchanges.QuoteVolume)
}

// volume reads a volume, which may have more digits than an int64 holds.
func (d *Dialect) volume(p *push, it *exchanges.Item, text []byte, name string, at int) bool {
	if len(text) == 0 {
		return true
	}
	n, rounded, ok := exchanges.ParseVolume(text)
	if !ok || n.Mantissa < 0 {
		d.fail(ring.ReasonNumber, name, noNumber, p.symbol)
		return false
	}
	if rounded {
		it.Flags |= ring.FlagRounded
	}
	it.Quantities[at] = n
	return true
}

// add appends an item, nil when the batch is full.
func (d *Dialect) add(p *push, kind ring.Kind, id uint16) *exchanges.Item {
	it := d.batch.Add(kind)
	if it == nil {
		d.fail(ring.ReasonBoundsExceeded, "push", " has more items than a message may have", p.symbol)
		return nil
	}
	it.Instrument = id
	it.SendTimeNS = p.sendTimeNS
	return it
}

const noNumber = " is no number of its kind, or one that does not fit"

// number reads a price or quantity that must be there.
func (d *Dialect) number(p *push, text []byte, name string, to *exchanges.Decimal) bool {
	if len(text) == 0 {
		d.fail(ring.ReasonMissingKey, name, " is missing", p.symbol)
		return false
	}
	n, ok := shortDecimal(text)
	if !ok {
		n, ok = exchanges.ParseDecimal(text)
	}
	if !ok || n.Mantissa < 0 {
		d.fail(ring.ReasonNumber, name, noNumber, p.symbol)
		return false
	}
	*to = n
	return true
}

// optional reads a price that may be absent.
func (d *Dialect) optional(p *push, text []byte, name string, to *exchanges.Decimal) bool {
	return len(text) == 0 || d.number(p, text, name, to)
}

// version reads a version, a text of digits; 0 when there is none.
func (d *Dialect) version(p *push, text []byte) (uint64, bool) {
	if len(text) == 0 {
		return 0, true
	}
	n, ok := exchanges.ParseUint(text)
	if !ok {
		d.fail(ring.ReasonNumber, "version", noNumber, p.symbol)
	}
	return n, ok
}

func (d *Dialect) damaged(p *push, what string) bool {
	d.fail(ring.ReasonMalformed, what, " is cut off or damaged", p.symbol)
	return false
}
