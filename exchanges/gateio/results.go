package gateio

import (
	"github.com/mailru/easyjson/jlexer"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// decodeResult reads a result of the envelope's channel into the batch. What is
// wrong with its values is in d.failure, what with its shape in the lexer.
func (d *Dialect) decodeResult(l *jlexer.Lexer) {
	switch string(d.envelope.Channel.bytes) {
	case channelBookTicker:
		d.decodeBookTicker(l)
	case channelTrades, channelTradesV2:
		d.decodeTrades(l)
	case channelDiff:
		d.decodeDiff(l, exchanges.RuleREST)
	case channelOBU:
		d.decodeDiff(l, exchanges.RuleStream)
	case channelTop:
		d.decodeTop(l)
	case channelTicker:
		d.decodeTicker(l)
	}
}

func (d *Dialect) decodeBookTicker(l *jlexer.Lexer) {
	d.quote = bookTicker{}
	m := &d.quote
	m.UnmarshalEasyJSON(l)
	d.failure.symbol = m.Symbol.bytes
	timeNS, ok := d.eventTime(&m.TimeMS)
	if !l.Ok() || !ok || !d.needs(m.UpdateID.state, "u") || !d.needs(m.Symbol.state, "s") ||
		!d.side(&m.BidPrice, &m.BidQty, "b", "B") || !d.side(&m.AskPrice, &m.AskQty, "a", "A") {
		return
	}
	it := d.add(ring.KindBookTicker, m.Symbol.bytes)
	if it == nil {
		return
	}
	it.EventTimeNS = timeNS
	it.Sequence = m.UpdateID.n
	it.Prices[exchanges.BidPrice] = m.BidPrice.orAbsent()
	it.Prices[exchanges.AskPrice] = m.AskPrice.orAbsent()
	it.Quantities[exchanges.BidQty] = m.BidQty.orAbsent()
	it.Quantities[exchanges.AskQty] = m.AskQty.orAbsent()
}

// decodeTrades accepts one trade or an array of them.
func (d *Dialect) decodeTrades(l *jlexer.Lexer) {
	if !l.IsDelim('[') {
		d.decodeTrade(l)
		return
	}
	l.Delim('[')
	for !l.IsDelim(']') {
		d.decodeTrade(l)
		l.WantComma()
	}
	l.Delim(']')
	for i := range d.batch.Items {
		d.batch.Items[i].Index = uint16(i)
		d.batch.Items[i].Count = uint16(len(d.batch.Items))
	}
}

func (d *Dialect) decodeTrade(l *jlexer.Lexer) {
	d.trade = trade{}
	m := &d.trade
	m.UnmarshalEasyJSON(l)
	if !l.Ok() || d.failure.reason != ring.ReasonNone {
		return
	}
	d.failure.symbol = m.Symbol.bytes
	timeNS, ok := d.tradeTime(m)
	if !ok || !d.needs(m.ID.state, "id") || !d.allows(m.MarketID.state, "id_market") ||
		!d.needs(m.Symbol.state, "currency_pair") || !d.needs(m.Side.state, "side") ||
		!d.needs(m.Amount.state, "amount") || !d.needs(m.Price.state, "price") {
		return
	}
	aggressor := ring.AggressorBuy
	switch string(m.Side.bytes) {
	case "buy":
	case "sell":
		aggressor = ring.AggressorSell
	default:
		d.fail(ring.ReasonMalformed, "side", " is neither buy nor sell", m.Symbol.bytes)
		return
	}
	it := d.add(ring.KindTrade, m.Symbol.bytes)
	if it == nil {
		return
	}
	it.EventTimeNS = timeNS
	it.Prices[exchanges.TradePrice] = m.Price.number
	it.Quantities[exchanges.TradeQty] = m.Amount.number
	it.TradeID, it.IDFormat = m.ID.n, ring.IDUint64
	it.SecondID = m.MarketID.n
	it.Aggressor = aggressor
}

// tradeTime prefers create_time_ms, whose decimals reach below a microsecond.
func (d *Dialect) tradeTime(m *trade) (int64, bool) {
	if m.CreateTimeMS.state == notGiven && m.CreateTime.state != notGiven {
		ns, ok := exchanges.SecondsToNS(m.CreateTime.n)
		if !ok || m.CreateTime.state == badNumber {
			d.fail(ring.ReasonNumber, "create_time", " is beyond its range", m.Symbol.bytes)
			return 0, false
		}
		return ns, true
	}
	return m.CreateTimeMS.ns, d.needs(m.CreateTimeMS.state, "create_time_ms")
}

func (d *Dialect) decodeDiff(l *jlexer.Lexer, rule exchanges.BookRule) {
	d.diff = diff{}
	m := &d.diff
	m.Bids.batch, m.Asks.batch = d.batch, d.batch
	m.UnmarshalEasyJSON(l)
	d.failure.symbol = m.Symbol.bytes
	timeNS, ok := d.eventTime(&m.TimeMS)
	if !l.Ok() || !ok || !d.needs(m.Symbol.state, "s") || !d.needs(m.LastID.state, "u") ||
		!d.fits(&m.Bids, "b") || !d.fits(&m.Asks, "a") {
		return
	}
	first := d.needs
	if m.Full.on {
		first = d.allows
	}
	if !first(m.FirstID.state, "U") {
		return
	}
	if m.FirstID.n > m.LastID.n {
		d.fail(ring.ReasonMalformed, "U", " is greater than u", m.Symbol.bytes)
		return
	}
	pair := m.Symbol.bytes
	if rule == exchanges.RuleStream {
		if pair, ok = pairOfStream(m.Symbol.bytes); !ok {
			d.fail(ring.ReasonMalformed, "s", " is not ob.PAIR.LEVEL", m.Symbol.bytes)
			return
		}
	}
	it := d.add(ring.KindDepth, pair)
	if it == nil {
		return
	}
	it.Rule = rule
	it.EventTimeNS = timeNS
	it.FirstSequence, it.Sequence = m.FirstID.n, m.LastID.n
	if m.Full.on {
		it.Flags = ring.FlagSnapshot
	}
	it.BidsFrom, it.BidsTo, it.AsksFrom, it.AsksTo = m.Bids.from, m.Bids.to, m.Asks.from, m.Asks.to
}

func (d *Dialect) decodeTop(l *jlexer.Lexer) {
	d.top = topLevels{}
	m := &d.top
	m.Bids.batch, m.Asks.batch = d.batch, d.batch
	m.UnmarshalEasyJSON(l)
	d.failure.symbol = m.Symbol.bytes
	timeNS, ok := d.eventTime(&m.TimeMS)
	if !l.Ok() || !ok || !d.needs(m.Symbol.state, "s") || !d.needs(m.UpdateID.state, "lastUpdateId") ||
		!d.fits(&m.Bids, "bids") || !d.needs(m.Bids.state, "bids") ||
		!d.fits(&m.Asks, "asks") || !d.needs(m.Asks.state, "asks") {
		return
	}
	it := d.add(ring.KindDepth, m.Symbol.bytes)
	if it == nil {
		return
	}
	it.Rule = exchanges.RuleSnapshots
	it.Flags = ring.FlagSnapshot
	it.EventTimeNS = timeNS
	it.Sequence = m.UpdateID.n
	it.BidsFrom, it.BidsTo, it.AsksFrom, it.AsksTo = m.Bids.from, m.Bids.to, m.Asks.from, m.Asks.to
}

func (d *Dialect) decodeTicker(l *jlexer.Lexer) {
	d.ticker = ticker{}
	m := &d.ticker
	m.UnmarshalEasyJSON(l)
	d.failure.symbol = m.Symbol.bytes
	if !l.Ok() || !d.needs(m.Symbol.state, "currency_pair") || !d.has(m.Last.state, "last") ||
		!d.allows(m.Ask.state, "lowest_ask") || !d.allows(m.Bid.state, "highest_bid") ||
		!d.allows(m.High.state, "high_24h") || !d.allows(m.Low.state, "low_24h") ||
		!d.allows(m.BaseVolume.state, "base_volume") || !d.allows(m.QuoteVolume.state, "quote_volume") {
		return
	}
	it := d.add(ring.KindTicker, m.Symbol.bytes)
	if it == nil {
		return
	}
	it.Prices[exchanges.TickerLast] = m.Last.orAbsent()
	it.Prices[exchanges.TickerAsk] = m.Ask.orAbsent()
	it.Prices[exchanges.TickerBid] = m.Bid.orAbsent()
	it.Prices[exchanges.TickerHigh] = m.High.orAbsent()
	it.Prices[exchanges.TickerLow] = m.Low.orAbsent()
	it.Quantities[exchanges.BaseVolume] = m.BaseVolume.orAbsent()
	it.Quantities[exchanges.QuoteVolume] = m.QuoteVolume.orAbsent()
	if m.BaseVolume.rounded || m.QuoteVolume.rounded {
		it.Flags = ring.FlagRounded
	}
}

// add appends an item for the pair, nil when the pair is unknown or the batch full.
func (d *Dialect) add(kind ring.Kind, pair []byte) *exchanges.Item {
	id, known := d.symbols.Lookup(pair)
	if !known {
		d.fail(ring.ReasonUnknownSymbol, "nobody asked for this symbol", "", pair)
		return nil
	}
	it := d.batch.Add(kind)
	if it == nil {
		d.fail(ring.ReasonBoundsExceeded, "too many trades in one message", "", pair)
		return nil
	}
	it.Instrument = id
	return it
}

// eventTime is the key t of the book channels, in milliseconds.
func (d *Dialect) eventTime(t *integer) (int64, bool) {
	if !d.needs(t.state, "t") {
		return 0, false
	}
	ns, ok := exchanges.MillisToNS(t.n)
	if !ok {
		d.fail(ring.ReasonNumber, "t", " is beyond its range", d.failure.symbol)
	}
	return ns, ok
}

// needs fails unless the key has a usable value.
func (d *Dialect) needs(s state, key string) bool {
	if s == emptyText {
		d.fail(ring.ReasonNumber, key, " is empty", d.failure.symbol)
		return false
	}
	return d.has(s, key)
}

// has fails unless the key is there; its text may be empty.
func (d *Dialect) has(s state, key string) bool {
	if s == notGiven {
		d.fail(ring.ReasonMissingKey, key, " is missing", d.failure.symbol)
		return false
	}
	return d.allows(s, key)
}

// allows fails when the key has an unusable value; it may be absent.
func (d *Dialect) allows(s state, key string) bool {
	if s == badNumber {
		d.fail(ring.ReasonNumber, key, " is no number of its kind, or one that does not fit", d.failure.symbol)
		return false
	}
	return true
}

// side fails unless price and amount are both there or both absent.
func (d *Dialect) side(price, amount *decimal, priceKey, amountKey string) bool {
	if !d.allows(price.state, priceKey) || !d.allows(amount.state, amountKey) {
		return false
	}
	switch hasPrice, hasAmount := price.state == given, amount.state == given; {
	case hasPrice && !hasAmount:
		return d.has(notGiven, amountKey)
	case hasAmount && !hasPrice:
		return d.has(notGiven, priceKey)
	}
	return true
}

// fits fails when a side of a book has a bad number or too many levels.
func (d *Dialect) fits(s *levels, key string) bool {
	if s.state == tooMany {
		d.fail(ring.ReasonBoundsExceeded, key, " has more levels than a message may have", d.failure.symbol)
		return false
	}
	return d.allows(s.state, key)
}

func (n *decimal) orAbsent() exchanges.Decimal {
	if n.state != given {
		return exchanges.AbsentDecimal
	}
	return n.number
}

func (v *volume) orAbsent() exchanges.Decimal {
	if v.state != given {
		return exchanges.AbsentDecimal
	}
	return v.number
}
