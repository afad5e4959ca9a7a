package gateio

import (
	"bytes"

	"github.com/mailru/easyjson/jlexer"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Channels of the venue that this dialect knows.
const (
	channelBookTicker = "spot.book_ticker"
	channelTrades     = "spot.trades"
	channelTradesV2   = "spot.trades_v2"
	channelDiff       = "spot.order_book_update"
	channelTop        = "spot.order_book"
	channelOBU        = "spot.obu"
	channelTicker     = "spot.tickers"
	channelCandles    = "spot.candlesticks"
	channelPong       = "spot.pong"
	channelSystem     = "spot.system"
)

// failure is the first thing found wrong in a result.
type failure struct {
	reason ring.Reason
	symbol []byte
}

// Decode reads one frame into the batch, which it resets first. It never panics,
// keeps nothing of the frame but for the verdict's slices, which hold until the
// next Decode or until the frame's memory is reused, and does not allocate once
// the batch has grown, except for strings with escapes and for refused frames.
// Only the thread that owns the Dialect may call it.
//
// Precedence when several things are wrong: text that is no JSON object; a key
// given twice or a value of the wrong type; then the first missing key, number
// that does not fit or unknown symbol. A frame that names an error is a refusal
// whatever else it says. Nothing of a refused frame is left in the batch.
func (d *Dialect) Decode(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict {
	b.Reset()
	d.batch, d.symbols = b, symbols
	if !exchanges.ValidJSON(frame) || !isObject(frame) {
		return d.malformed(ring.ReasonMalformed, "not one whole JSON object", "")
	}
	err := d.readEnvelope(frame, true)
	if err != nil {
		err = d.readEnvelope(frame, false)
	}
	var v exchanges.Verdict
	if err != nil {
		v = d.malformed(ring.ReasonMalformed, "envelope: ", lexerReason(err))
	} else {
		v = d.judge()
	}
	if v.Class != exchanges.ClassData {
		b.Reset()
	}
	return v
}

// isObject is asked of valid JSON only.
func isObject(frame []byte) bool {
	return bytes.TrimLeft(frame, " \t\r\n")[0] == '{'
}

// readEnvelope reads the frame's outer keys. In place means that a result may be
// decoded before all keys are known; when that fails the caller comes again
// without, so that the outcome does not hang on the order of the keys.
func (d *Dialect) readEnvelope(frame []byte, inPlace bool) error {
	d.batch.Reset()
	d.failure = failure{}
	items := d.envelope.Payload.items[:0]
	d.envelope = envelope{}
	d.envelope.Payload.items = items
	d.envelope.Result.decoder = d
	d.envelope.Result.inPlace = inPlace
	d.lexer = jlexer.Lexer{Data: frame}
	d.envelope.UnmarshalEasyJSON(&d.lexer)
	return d.lexer.Error()
}

// knowsEnough says that the keys read so far make the frame data of a channel
// that is decoded.
func (d *Dialect) knowsEnough() bool {
	e := &d.envelope
	return e.Error.state == notGiven && string(e.Event.bytes) == "update" && isData(e.Channel.bytes)
}

func isData(channel []byte) bool {
	switch string(channel) {
	case channelBookTicker, channelTrades, channelTradesV2, channelDiff, channelTop, channelOBU, channelTicker:
		return true
	}
	return false
}

// judge says what the frame is, by its envelope.
func (d *Dialect) judge() exchanges.Verdict {
	e := &d.envelope
	v := exchanges.Verdict{Stream: d.streamOf(e.Channel.bytes), RequestID: idOf(&e.ID)}
	v.Unsubscribe = string(e.Event.bytes) == "unsubscribe"
	if e.Error.state != notGiven {
		return d.judgeRefusal(v)
	}
	switch string(e.Event.bytes) {
	case "subscribe", "unsubscribe":
		v.Class = exchanges.ClassAck
		v.Symbol = d.symbolOfRequest(nil)
		return v
	case "", "update":
	default:
		v.Class = exchanges.ClassUnknown
		return v
	}
	switch string(e.Channel.bytes) {
	case channelPong:
		v.Class = exchanges.ClassPong
	case channelSystem:
		return d.judgeNotice(v)
	case channelCandles:
		v.Class = exchanges.ClassIgnored
	case "":
		return d.judgeBare(v)
	default:
		v.Class = exchanges.ClassUnknown
		if isData(e.Channel.bytes) {
			return d.judgeData(v)
		}
	}
	return v
}

// idOf is the request's id; ours are whole numbers, so anything else is not ours.
func idOf(id *value) uint64 {
	if id.kind != jlexer.TokenNumber {
		return 0
	}
	n, _ := exchanges.ParseUint(id.bytes)
	return n
}

// judgeRefusal reads the error, in whatever shape it comes.
func (d *Dialect) judgeRefusal(v exchanges.Verdict) exchanges.Verdict {
	e := &d.envelope
	v.Class = exchanges.ClassRefusal
	v.Text = e.Error.bytes
	if e.Error.kind == jlexer.TokenDelim {
		var r refusal
		d.inner = jlexer.Lexer{Data: e.Error.bytes}
		if e.Error.bytes[0] == '{' {
			r.UnmarshalEasyJSON(&d.inner)
		}
		if code, ok := exchanges.ParseUint(r.Code.bytes); ok && code < 1<<31 {
			v.Code = int64(code)
		}
		if r.Message.kind == jlexer.TokenString {
			v.Text = r.Message.bytes
		}
	}
	v.Symbol = d.symbolOfRequest(v.Text)
	return v
}

// unknownPair begins the venue's words on a symbol that it does not know.
const unknownPair = "unknown currency pair"

// symbolOfRequest is the pair that an answer speaks of: the one that its words
// name, or the only one of the payload.
func (d *Dialect) symbolOfRequest(words []byte) []byte {
	if len(words) > len(unknownPair) && string(words[:len(unknownPair)]) == unknownPair {
		if pair := bytes.Trim(words[len(unknownPair):], ": "); len(pair) > 0 && bytes.IndexByte(pair, ' ') < 0 {
			return pair
		}
	}
	items := d.envelope.Payload.items
	if len(items) == 0 {
		return nil
	}
	switch string(d.envelope.Channel.bytes) {
	case channelDiff, channelTop:
		return items[0]
	case channelCandles:
		return items[len(items)-1]
	}
	if len(items) > 1 {
		return nil
	}
	switch string(d.envelope.Channel.bytes) {
	case channelOBU:
		pair, _ := pairOfStream(items[0])
		return pair
	case channelBookTicker, channelTrades, channelTradesV2, channelTicker:
		return items[0]
	}
	return nil
}

// pairOfStream cuts PAIR out of ob.PAIR.LEVEL.
func pairOfStream(stream []byte) ([]byte, bool) {
	const prefix = "ob."
	dot := bytes.LastIndexByte(stream, '.')
	if dot <= len(prefix) || string(stream[:len(prefix)]) != prefix {
		return nil, false
	}
	if _, ok := exchanges.ParseUint(stream[dot+1:]); !ok {
		return nil, false
	}
	return stream[len(prefix):dot], true
}

// judgeNotice reads spot.system.
func (d *Dialect) judgeNotice(v exchanges.Verdict) exchanges.Verdict {
	r := &d.envelope.Result
	v.Class = exchanges.ClassSystem
	v.Text = r.raw
	if len(r.raw) == 0 || r.raw[0] != '{' {
		return v
	}
	var n notice
	d.inner = jlexer.Lexer{Data: r.raw}
	n.UnmarshalEasyJSON(&d.inner)
	v.Reconnect = isUpgrade(&n.Type)
	if n.Message.kind == jlexer.TokenString {
		v.Text = n.Message.bytes
	}
	return v
}

// judgeBare reads a frame without channel: the notice as it was before 2026-07-25,
// or nothing that is known.
func (d *Dialect) judgeBare(v exchanges.Verdict) exchanges.Verdict {
	e := &d.envelope
	v.Class = exchanges.ClassUnknown
	if e.Type.kind == jlexer.TokenString {
		v.Class = exchanges.ClassSystem
		v.Reconnect = isUpgrade(&e.Type)
		v.Text = e.Message.bytes
	}
	return v
}

func isUpgrade(kind *value) bool {
	return kind.kind == jlexer.TokenString && string(kind.bytes) == "upgrade"
}

// judgeData decodes the result, if that was not done in place, and adds what the
// envelope says.
func (d *Dialect) judgeData(v exchanges.Verdict) exchanges.Verdict {
	r := &d.envelope.Result
	if r.state == notGiven {
		return d.malformed(ring.ReasonMissingKey, "result", " is missing")
	}
	if !r.decoded {
		d.inner = jlexer.Lexer{Data: r.raw}
		d.decodeResult(&d.inner)
		if err := d.inner.Error(); err != nil {
			return d.malformed(ring.ReasonMalformed, "result: ", lexerReason(err))
		}
	}
	sendTimeNS, ok := d.sendTimeNS()
	if !ok {
		d.fail(ring.ReasonNumber, "time", " is beyond its range", d.failure.symbol)
	}
	if d.failure.reason != ring.ReasonNone {
		return exchanges.Verdict{
			Class: exchanges.ClassMalformed, Reason: d.failure.reason,
			Stream: v.Stream, Symbol: d.failure.symbol, Text: d.why,
		}
	}
	v.Class = exchanges.ClassData
	if len(d.batch.Items) == 0 {
		v.Class = exchanges.ClassIgnored
	}
	for i := range d.batch.Items {
		it := &d.batch.Items[i]
		it.SendTimeNS = sendTimeNS
		if it.Kind == ring.KindTicker {
			it.EventTimeNS = sendTimeNS
		}
	}
	return v
}

// sendTimeNS is when the venue sent the frame: time_ms, or time where that is not
// there; false when it does not fit.
func (d *Dialect) sendTimeNS() (int64, bool) {
	e := &d.envelope
	switch {
	case e.TimeMS.state == given:
		return exchanges.MillisToNS(e.TimeMS.n)
	case e.TimeMS.state == badNumber || e.Time.state == badNumber:
		return ring.Absent, false
	case e.Time.state == given:
		return exchanges.SecondsToNS(e.Time.n)
	}
	return ring.Absent, true
}

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

// fail notes the first thing that is wrong.
func (d *Dialect) fail(reason ring.Reason, key, what string, symbol []byte) {
	if d.failure.reason != ring.ReasonNone {
		return
	}
	d.failure = failure{reason: reason, symbol: symbol}
	d.why = append(append(d.why[:0], key...), what...)
}

// malformed refuses a frame whose result was not looked at.
func (d *Dialect) malformed(reason ring.Reason, key, what string) exchanges.Verdict {
	d.why = append(append(d.why[:0], key...), what...)
	return exchanges.Verdict{
		Class: exchanges.ClassMalformed, Reason: reason, Stream: exchanges.NoStream, Text: d.why,
	}
}

// lexerReason is what a lexer says, without the frame's bytes.
func lexerReason(err error) string {
	if e, ok := err.(*jlexer.LexerError); ok {
		return e.Reason
	}
	return err.Error()
}
