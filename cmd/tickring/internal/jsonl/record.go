package jsonl

import (
	"strconv"

	"github.com/tickring/tickring/ring"
)

// Encoder writes the records of one segment. It is owned by one thread.
type Encoder struct {
	view    *ring.View
	origin  []byte   // ,"feed":…,"venue":…,"symbol":
	symbols [][]byte // each instrument's symbol with its quotes, by row
}

// NewEncoder makes an encoder for the segment that view looks at. The view must
// stay mapped while the encoder is used.
func NewEncoder(view *ring.View) *Encoder {
	origin := append([]byte(nil), `,"feed":`...)
	origin = AppendString(origin, view.Feed())
	origin = append(origin, `,"venue":`...)
	origin = AppendString(origin, view.Venue())
	return &Encoder{view: view, origin: append(origin, `,"symbol":`...)}
}

// symbol is the JSON of an instrument's symbol. Rows are never reused, so what was
// read once holds; only a row not seen before is looked up.
func (e *Encoder) symbol(instrument uint16) []byte {
	if int(instrument) >= len(e.symbols) && !e.learn(instrument) {
		return []byte("null")
	}
	return e.symbols[instrument]
}

func (e *Encoder) learn(instrument uint16) bool {
	if instrument == ring.NoInstrument || int(instrument) >= e.view.InstrumentCount() {
		return false
	}
	for id := len(e.symbols); id < e.view.InstrumentCount(); id++ {
		e.symbols = append(e.symbols, AppendString(nil, e.view.Symbol(id)))
	}
	return true
}

// AppendRecord appends one line for r, a record that a reader of the encoder's
// segment handed out.
func (e *Encoder) AppendRecord(dst []byte, r *ring.Record) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, r.Sequence(), 10)
	dst = append(dst, `,"kind":"`...)
	dst = append(dst, KindName(r.Kind)...)
	dst = append(dst, '"')
	dst = append(dst, e.origin...)
	dst = append(dst, e.symbol(r.Instrument)...)
	dst = append(dst, `,"flags":`...)
	dst = appendFlags(dst, r.Flags)
	dst = append(dst, `,"recv_time_ns":`...)
	dst = appendTime(dst, r.RecvTimeNS)
	dst = append(dst, `,"publish_time_ns":`...)
	dst = appendTime(dst, r.PublishTimeNS)
	dst = append(dst, `,"event_time_ns":`...)
	dst = appendTime(dst, r.EventTimeNS)
	dst = append(dst, `,"venue_sequence":`...)
	dst = appendID(dst, r.VenueSequence)
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
	return append(dst, '}', '\n')
}

// appendPlace appends the two keys of the common head that each body holds at a
// place of its own.
func appendPlace(dst []byte, epoch uint32, connection uint16) []byte {
	dst = append(dst, `,"book_epoch":`...)
	dst = strconv.AppendUint(dst, uint64(epoch), 10)
	dst = append(dst, `,"connection":`...)
	if connection == ring.NoConnection {
		return append(dst, "null"...)
	}
	return strconv.AppendUint(dst, uint64(connection), 10)
}

func appendBookTicker(dst []byte, r *ring.Record, b *ring.BookTicker) []byte {
	dst = appendPlace(dst, b.BookEpoch, b.Connection)
	dst = append(dst, `,"bid_price":`...)
	dst = appendDecimal(dst, b.BidPrice, r.PriceExponent)
	dst = append(dst, `,"bid_quantity":`...)
	dst = appendDecimal(dst, b.BidQuantity, r.QuantityExponent)
	dst = append(dst, `,"ask_price":`...)
	dst = appendDecimal(dst, b.AskPrice, r.PriceExponent)
	dst = append(dst, `,"ask_quantity":`...)
	dst = appendDecimal(dst, b.AskQuantity, r.QuantityExponent)
	dst = append(dst, `,"send_time_ns":`...)
	return appendTime(dst, b.SendTimeNS)
}

func appendTrade(dst []byte, r *ring.Record, t *ring.Trade) []byte {
	dst = appendPlace(dst, t.BookEpoch, t.Connection)
	dst = append(dst, `,"price":`...)
	dst = appendDecimal(dst, t.Price, r.PriceExponent)
	dst = append(dst, `,"quantity":`...)
	dst = appendDecimal(dst, t.Quantity, r.QuantityExponent)
	dst = append(dst, `,"trade_id":`...)
	id := tradeID{
		format: ring.IDFormat(t.IDFormat), first: t.TradeID, second: t.SecondID,
		suffix1: t.IDSuffix1, suffix2: t.IDSuffix2,
		text: t.Text[:min(int(t.TextLength), len(t.Text))],
	}
	dst = appendTradeID(dst, &id)
	dst = appendTaker(dst, ring.Aggressor(t.Aggressor), t.Index, t.Count)
	dst = append(dst, `,"send_time_ns":`...)
	return appendTime(dst, t.SendTimeNS)
}

func appendTaker(dst []byte, aggressor ring.Aggressor, index, count uint16) []byte {
	dst = append(dst, `,"aggressor":"`...)
	dst = append(dst, aggressorName(aggressor)...)
	dst = append(dst, `","index":`...)
	dst = strconv.AppendUint(dst, uint64(index), 10)
	dst = append(dst, `,"count":`...)
	return strconv.AppendUint(dst, uint64(count), 10)
}

func appendDepth(dst []byte, r *ring.Record, d *ring.Depth) []byte {
	dst = appendPlace(dst, d.BookEpoch, d.Connection)
	dst = append(dst, `,"first_sequence":`...)
	dst = appendID(dst, d.FirstSequence)
	bids := min(int(d.Bids), len(d.Levels))
	asks := min(int(d.Asks), len(d.Levels)-bids)
	dst = append(dst, `,"bids":`...)
	dst = appendLevels(dst, r, d.Levels[:bids])
	dst = append(dst, `,"asks":`...)
	return appendLevels(dst, r, d.Levels[bids:bids+asks])
}

func appendLevels(dst []byte, r *ring.Record, levels []ring.Level) []byte {
	dst = append(dst, '[')
	for i := range levels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = appendDecimal(dst, levels[i].Price, r.PriceExponent)
		dst = append(dst, ',')
		dst = appendDecimal(dst, levels[i].Quantity, r.QuantityExponent)
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

// tickerKeys are the prices of a ticker in the order of ring.Ticker.
var tickerKeys = [6]string{
	`,"last":`, `,"bid":`, `,"ask":`, `,"open":`, `,"high":`, `,"low":`,
}

func appendTicker(dst []byte, r *ring.Record, t *ring.Ticker) []byte {
	dst = appendPlace(dst, t.BookEpoch, t.Connection)
	for i, price := range [...]int64{t.Last, t.Bid, t.Ask, t.Open, t.High, t.Low} {
		dst = append(dst, tickerKeys[i]...)
		dst = appendDecimal(dst, price, r.PriceExponent)
	}
	dst = append(dst, `,"base_volume":`...)
	dst = appendDecimal(dst, t.BaseVolume, t.BaseVolumeExponent)
	dst = append(dst, `,"quote_volume":`...)
	dst = appendDecimal(dst, t.QuoteVolume, t.QuoteVolumeExponent)
	dst = append(dst, `,"window_end_ns":`...)
	return appendTime(dst, t.WindowEndNS)
}

func appendStatus(dst []byte, s *ring.Status) []byte {
	dst = appendPlace(dst, s.BookEpoch, s.Connection)
	dst = append(dst, `,"code":"`...)
	dst = append(dst, s.Code.String()...)
	dst = append(dst, `","scope":"`...)
	if name := scopeName(ring.Scope(s.Scope)); name != "" {
		dst = append(dst, name...)
	} else {
		dst = append(dst, "scope_"...)
		dst = strconv.AppendUint(dst, uint64(s.Scope), 10)
	}
	dst = append(dst, `","reason":`...)
	dst = appendReason(dst, ring.Reason(s.Reason))
	dst = append(dst, `,"text":`...)
	if text := s.Text[:min(int(s.TextLength), len(s.Text))]; len(text) > 0 {
		dst = AppendString(dst, text)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"first_missing":`...)
	dst = appendID(dst, s.FirstMissing)
	dst = append(dst, `,"last_missing":`...)
	dst = appendID(dst, s.LastMissing)
	dst = append(dst, `,"since_ns":`...)
	return appendTime(dst, s.SinceNS)
}

func appendReason(dst []byte, reason ring.Reason) []byte {
	if reason == ring.ReasonNone {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = append(dst, reason.String()...)
	return append(dst, '"')
}

func appendPerpetual(dst []byte, r *ring.Record, p *ring.Perpetual) []byte {
	dst = appendPlace(dst, p.BookEpoch, p.Connection)
	dst = append(dst, `,"mark_price":`...)
	dst = appendDecimal(dst, p.MarkPrice, r.PriceExponent)
	dst = append(dst, `,"index_price":`...)
	dst = appendDecimal(dst, p.IndexPrice, r.PriceExponent)
	dst = append(dst, `,"funding_rate":`...)
	dst = appendDecimal(dst, p.FundingRate, p.FundingExponent)
	dst = append(dst, `,"funding_time_ns":`...)
	dst = appendTime(dst, p.FundingTimeNS)
	dst = append(dst, `,"open_interest":`...)
	dst = appendDecimal(dst, p.OpenInterest, p.OpenInterestExponent)
	dst = append(dst, `,"send_time_ns":`...)
	return appendTime(dst, p.SendTimeNS)
}
