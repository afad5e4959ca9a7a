package gateiofutures

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
	case channelTrades:
		d.decodeTrades(l)
	case channelDiff:
		d.decodeDiff(l, exchanges.RuleREST)
	case channelOBU:
		d.decodeDiff(l, exchanges.RuleStream)
	case channelTop:
		d.decodeTop(l)
	case channelTicker:
		d.decodeTickers(l)
	}
}

func (d *Dialect) decodeBookTicker(l *jlexer.Lexer) {
	d.quote = bookTicker{}
	m := &d.quote
	m.UnmarshalEasyJSON(l)
	d.failure.symbol = m.Contract.bytes
	timeNS, ok := d.eventTime(&m.TimeMS)
	if !l.Ok() || !ok || !d.needs(m.UpdateID.state, "u") || !d.needs(m.Contract.state, "s") ||
		!d.side(&m.BidPrice, &m.BidSize, "b", "B") || !d.side(&m.AskPrice, &m.AskSize, "a", "A") {
		return
	}
	it := d.add(ring.KindBookTicker, m.Contract.bytes)
	if it == nil {
		return
	}
	it.EventTimeNS = timeNS
	it.Sequence = m.UpdateID.n
	it.Prices[exchanges.BidPrice] = m.BidPrice.orAbsent()
	it.Prices[exchanges.AskPrice] = m.AskPrice.orAbsent()
	it.Quantities[exchanges.BidQty] = m.BidSize.orAbsent()
	it.Quantities[exchanges.AskQty] = m.AskSize.orAbsent()
}

// decodeTrades accepts an array of trades, or one alone.
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
	d.failure.symbol = m.Contract.bytes
	timeNS, ok := d.tradeTime(m)
	if !ok || !d.needs(m.ID.state, "id") || !d.needs(m.Contract.state, "contract") ||
		!d.needs(m.Size.state, "size") || !d.needs(m.Price.state, "price") {
		return
	}
	it := d.add(ring.KindTrade, m.Contract.bytes)
	if it == nil {
		return
	}
	it.EventTimeNS = timeNS
	it.Prices[exchanges.TradePrice] = m.Price.number
	it.Quantities[exchanges.TradeQty], it.Aggressor = taken(m.Size.number)
	it.TradeID, it.IDFormat = m.ID.n, ring.IDUint64
}

// taken splits the size of a trade: its sign is the taker's side.
func taken(size exchanges.Decimal) (exchanges.Decimal, ring.Aggressor) {
	switch {
	case size.Mantissa > 0:
		return size, ring.AggressorBuy
	case size.Mantissa < 0:
		size.Mantissa = -size.Mantissa
		return size, ring.AggressorSell
	}
	return size, ring.AggressorUnknown
}

// tradeTime prefers create_time_ms, which messages before 2021-03 do not have.
func (d *Dialect) tradeTime(m *trade) (int64, bool) {
	t, key, toNS := &m.CreateTimeMS, "create_time_ms", exchanges.MillisToNS
	if m.CreateTimeMS.state == notGiven && m.CreateTime.state != notGiven {
		t, key, toNS = &m.CreateTime, "create_time", exchanges.SecondsToNS
	}
	if !d.needs(t.state, key) {
		return 0, false
	}
	ns, ok := toNS(t.n)
	if !ok {
		d.fail(ring.ReasonNumber, key, " is beyond its range", m.Contract.bytes)
	}
	return ns, ok
}

func (d *Dialect) decodeDiff(l *jlexer.Lexer, rule exchanges.BookRule) {
	d.diff = diff{}
	m := &d.diff
	m.Bids.batch, m.Asks.batch = d.batch, d.batch
	m.UnmarshalEasyJSON(l)
	d.failure.symbol = m.Contract.bytes
	timeNS, ok := d.eventTime(&m.TimeMS)
	if !l.Ok() || !ok || !d.needs(m.Contract.state, "s") || !d.needs(m.LastID.state, "u") ||
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
		d.fail(ring.ReasonMalformed, "U", " is greater than u", m.Contract.bytes)
		return
	}
	contract := m.Contract.bytes
	if rule == exchanges.RuleStream {
		if contract, ok = contractOfStream(m.Contract.bytes); !ok {
			d.fail(ring.ReasonMalformed, "s", " is not ob.CONTRACT.LEVEL", m.Contract.bytes)
			return
		}
	}
	it := d.add(ring.KindDepth, contract)
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
	d.failure.symbol = m.Contract.bytes
	timeNS, ok := d.eventTime(&m.TimeMS)
	if !l.Ok() || !ok || !d.needs(m.Contract.state, "contract") || !d.needs(m.UpdateID.state, "id") ||
		!d.fits(&m.Bids, "bids") || !d.needs(m.Bids.state, "bids") ||
		!d.fits(&m.Asks, "asks") || !d.needs(m.Asks.state, "asks") {
		return
	}
	it := d.add(ring.KindDepth, m.Contract.bytes)
	if it == nil {
		return
	}
	it.Rule = exchanges.RuleSnapshots
	it.Flags = ring.FlagSnapshot
	it.EventTimeNS = timeNS
	it.Sequence = m.UpdateID.n
	it.BidsFrom, it.BidsTo, it.AsksFrom, it.AsksTo = m.Bids.from, m.Bids.to, m.Asks.from, m.Asks.to
}

// decodeTickers accepts an array of tickers, one alone, and an array in an array.
func (d *Dialect) decodeTickers(l *jlexer.Lexer) { d.decodeTickerList(l, tickerNesting) }

// tickerNesting is how many arrays were ever seen around a ticker.
const tickerNesting = 2

func (d *Dialect) decodeTickerList(l *jlexer.Lexer, nesting int) {
	if nesting == 0 || !l.IsDelim('[') {
		d.decodeTicker(l)
		return
	}
	l.Delim('[')
	for !l.IsDelim(']') {
		d.decodeTickerList(l, nesting-1)
		l.WantComma()
	}
	l.Delim(']')
}

// decodeTicker makes two items of one ticker: the statistics, and what is said of the
// perpetual if anything is.
func (d *Dialect) decodeTicker(l *jlexer.Lexer) {
	d.ticker = ticker{}
	m := &d.ticker
	m.UnmarshalEasyJSON(l)
	if !l.Ok() || d.failure.reason != ring.ReasonNone {
		return
	}
	d.failure.symbol = m.Contract.bytes
	timeNS, ok := d.optionalTime(&m.TimeMS, "t", exchanges.MillisToNS)
	if !ok || !d.needs(m.Contract.state, "contract") || !d.has(m.Last.state, "last") ||
		!d.allows(m.High.state, "high_24h") || !d.allows(m.Low.state, "low_24h") ||
		!d.allows(m.BaseVolume.state, "volume_24h_base") || !d.allows(m.QuoteVolume.state, "volume_24h_quote") {
		return
	}
	it := d.add(ring.KindTicker, m.Contract.bytes)
	if it == nil {
		return
	}
	it.EventTimeNS = timeNS
	it.Prices[exchanges.TickerLast] = m.Last.orAbsent()
	it.Prices[exchanges.TickerHigh] = m.High.orAbsent()
	it.Prices[exchanges.TickerLow] = m.Low.orAbsent()
	it.Quantities[exchanges.BaseVolume] = m.BaseVolume.orAbsent()
	it.Quantities[exchanges.QuoteVolume] = m.QuoteVolume.orAbsent()
	it.Flags = rounded(&m.BaseVolume) | rounded(&m.QuoteVolume)
	d.decodePerpetual(m, timeNS)
}

func (d *Dialect) decodePerpetual(m *ticker, timeNS int64) {
	fundingNS, ok := d.optionalTime(&m.FundingTime, "funding_next_apply", exchanges.SecondsToNS)
	if !ok || !d.allows(m.MarkPrice.state, "mark_price") || !d.allows(m.IndexPrice.state, "index_price") ||
		!d.allows(m.FundingRate.state, "funding_rate") || !d.allows(m.OpenInterest.state, "total_size") {
		return
	}
	if m.MarkPrice.state != given && m.IndexPrice.state != given && m.FundingRate.state != given &&
		m.OpenInterest.state != given && fundingNS == ring.Absent {
		return
	}
	it := d.add(ring.KindPerpetual, m.Contract.bytes)
	if it == nil {
		return
	}
	it.EventTimeNS, it.WindowEndNS = timeNS, fundingNS
	it.Prices[exchanges.MarkPrice] = m.MarkPrice.orAbsent()
	it.Prices[exchanges.IndexPrice] = m.IndexPrice.orAbsent()
	it.Quantities[exchanges.FundingRate] = m.FundingRate.orAbsent()
	it.Quantities[exchanges.OpenInterest] = m.OpenInterest.orAbsent()
	it.Flags = rounded(&m.OpenInterest)
}

func rounded(v *volume) ring.Flags {
	if v.rounded {
		return ring.FlagRounded
	}
	return 0
}

// add appends an item for the contract, nil when it is unknown or the batch full.
func (d *Dialect) add(kind ring.Kind, contract []byte) *exchanges.Item {
	id, known := d.symbols.Lookup(contract)
	if !known {
		d.fail(ring.ReasonUnknownSymbol, "nobody asked for this symbol", "", contract)
		return nil
	}
	it := d.batch.Add(kind)
	if it == nil {
		d.fail(ring.ReasonBoundsExceeded, "too many items in one message", "", contract)
		return nil
	}
	it.Instrument = id
	return it
}

// eventTime is the key t of the book channels, in milliseconds; that of an empty book
// is 0, which says nothing.
func (d *Dialect) eventTime(t *integer) (int64, bool) {
	if !d.needs(t.state, "t") {
		return 0, false
	}
	return d.optionalTime(t, "t", exchanges.MillisToNS)
}

// optionalTime is absent where the key is not there or 0.
func (d *Dialect) optionalTime(t *integer, key string, toNS func(uint64) (int64, bool)) (int64, bool) {
	if !d.allows(t.state, key) {
		return 0, false
	}
	if t.n == 0 {
		return ring.Absent, true
	}
	ns, ok := toNS(t.n)
	if !ok {
		d.fail(ring.ReasonNumber, key, " is beyond its range", d.failure.symbol)
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

// side fails unless price and size are both there or the side is empty: then there is
// no price, and the size is 0 or not there either.
func (d *Dialect) side(price, size *decimal, priceKey, sizeKey string) bool {
	if !d.allows(price.state, priceKey) || !d.allows(size.state, sizeKey) {
		return false
	}
	switch hasPrice, hasSize := price.state == given, size.state == given; {
	case hasPrice && !hasSize:
		return d.has(notGiven, sizeKey)
	case hasSize && !hasPrice && size.number.Mantissa != 0:
		return d.has(notGiven, priceKey)
	case !hasPrice:
		size.state = emptyText
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

func (n *signed) orAbsent() exchanges.Decimal {
	if n.state != given {
		return exchanges.AbsentDecimal
	}
	return n.number
}
