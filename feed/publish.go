package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// publishBatch publishes every item of a frame, in order. The frame is open.
func (h *hot) publishBatch(c *conn) {
	for i := range h.batch.Items {
		it := &h.batch.Items[i]
		if int(it.Instrument) >= len(h.instruments) {
			continue
		}
		in := h.instruments[it.Instrument]
		if !in.wants(it.Kind) {
			h.w.Counters[ring.CounterIgnored]++ // on its way when it was unsubscribed
			continue
		}
		h.arrived(in, it.Kind)
		if h.recvNS < in.mergeNS && h.duplicate(c, in, it) || in.told(it) {
			h.w.Counters[ring.CounterDuplicates]++
			if h.legs > 1 {
				h.legRepeat(c, in, it)
			}
			continue
		}
		if h.legs > 1 && !h.legFirst(c, in, it) {
			continue
		}
		if h.idleAfterNS > 0 && it.Kind != ring.KindBookTicker {
			h.moved(in, it)
		}
		switch it.Kind {
		case ring.KindBookTicker:
			h.publishBookTicker(c, in, it)
		case ring.KindTrade:
			h.publishTrade(c, in, it)
		case ring.KindDepth:
			h.depthEvent(c, in, it)
		case ring.KindTicker:
			h.publishTicker(c, in, it)
		case ring.KindPerpetual:
			h.publishPerpetual(c, in, it)
		}
	}
}

// head fills what all kinds share.
func (h *hot) head(in *instrument, it *exchanges.Item) *ring.Record {
	r := &h.record
	*r = ring.Record{}
	r.Kind = it.Kind
	r.Flags = it.Flags | ring.FlagFirst | ring.FlagLast | h.skewed(it.EventTimeNS)
	r.Instrument = in.id
	r.VenueSequence = it.Sequence
	r.EventTimeNS = it.EventTimeNS
	return r
}

func (h *hot) publishBookTicker(c *conn, in *instrument, it *exchanges.Item) {
	r := h.head(in, it)
	b := r.BookTicker()
	if !h.scaleTwo(in, &in.price, it.Prices[:2], &r.PriceExponent, &b.BidPrice, &b.AskPrice) ||
		!h.scaleTwo(in, &in.quantity, it.Quantities[:2], &r.QuantityExponent, &b.BidQuantity, &b.AskQuantity) {
		h.doesNotFit(c, in)
		return
	}
	b.SendTimeNS, b.BookEpoch, b.Connection = it.SendTimeNS, in.epoch, c.row
	in.quoteSeq, in.quoteNS, in.quoteRow = it.Sequence, saidNS(it), c.row
	q := quote{b.BidPrice, b.BidQuantity, b.AskPrice, b.AskQuantity, r.PriceExponent, r.QuantityExponent, true}
	if q == in.quote {
		h.w.Counters[ring.CounterRepeats]++
		if h.dropRepeats {
			return
		}
		r.Flags |= ring.FlagRepeat
	} else {
		in.pulse.movedNS = h.recvNS
	}
	in.quote = q
	h.w.Publish(r)
	h.w.Counters[ring.CounterBookTickers]++
}

func (h *hot) publishTrade(c *conn, in *instrument, it *exchanges.Item) {
	if in.fill != nil {
		in.fill.cameLive(it.TradeID, h.recvNS)
	}
	if r := h.tradeRecord(c, in, it); r != nil {
		h.w.Publish(r)
		h.w.Counters[ring.CounterTrades]++
	}
}

// tradeRecord makes the record of a trade; nil when its numbers do not fit.
func (h *hot) tradeRecord(c *conn, in *instrument, it *exchanges.Item) *ring.Record {
	r := h.head(in, it)
	t := r.Trade()
	if !h.scaleTwo(in, &in.price, it.Prices[:1], &r.PriceExponent, &t.Price, nil) ||
		!h.scaleTwo(in, &in.quantity, it.Quantities[:1], &r.QuantityExponent, &t.Quantity, nil) {
		h.doesNotFit(c, in)
		return nil
	}
	in.tradeID = max(in.tradeID, it.TradeID)
	t.TradeID, t.SecondID, t.IDFormat = it.TradeID, it.SecondID, uint8(it.IDFormat)
	t.IDSuffix1, t.IDSuffix2, t.TextLength, t.Text = it.IDSuffix1, it.IDSuffix2, it.TextLength, it.Text
	t.Aggressor, t.Index, t.Count = uint8(it.Aggressor), it.Index, it.Count
	t.SendTimeNS, t.BookEpoch, t.Connection = it.SendTimeNS, in.epoch, c.row
	return r
}

func (h *hot) publishTicker(c *conn, in *instrument, it *exchanges.Item) {
	r := h.head(in, it)
	t := r.Ticker()
	out := [6]*int64{&t.Last, &t.Bid, &t.Ask, &t.Open, &t.High, &t.Low}
	if !h.scaleAll(in, &in.price, it.Prices[:], &r.PriceExponent, out[:]) {
		h.doesNotFit(c, in)
		return
	}
	base, quote := it.Quantities[exchanges.BaseVolume], it.Quantities[exchanges.QuoteVolume]
	t.BaseVolume, t.BaseVolumeExponent = base.Mantissa, base.Exponent
	t.QuoteVolume, t.QuoteVolumeExponent = quote.Mantissa, quote.Exponent
	r.QuantityExponent = base.Exponent
	t.WindowEndNS, t.BookEpoch, t.Connection = it.WindowEndNS, in.epoch, c.row
	if it.Flags&ring.FlagRounded != 0 {
		h.w.Counters[ring.CounterRounded]++
	}
	h.w.Publish(r)
	h.w.Counters[ring.CounterTickers]++
}

// scaleTwo is scaleAll for one or two numbers, without a table of pointers.
func (h *hot) scaleTwo(in *instrument, s *scale, ds []exchanges.Decimal, exponent *int8, a, b *int64) bool {
	e := h.chooseScale(in, s, widest(ds))
	for try := range 2 {
		if try == 1 {
			e = h.oddScale(ds)
		}
		var ok1, ok2 = false, true
		*a, ok1 = scaleTo(ds[0], e)
		if b != nil {
			*b, ok2 = scaleTo(ds[1], e)
		}
		if ok1 && ok2 {
			*exponent = e
			if e == s.exponent {
				s.note(*a)
				if b != nil {
					s.note(*b)
				}
			}
			return true
		}
	}
	return false
}

// scaleAll brings numbers to one exponent: the instrument's, or, where they do
// not fit it, one of their own. The record's own exponent is authoritative. False
// when no exponent holds them all.
func (h *hot) scaleAll(in *instrument, s *scale, ds []exchanges.Decimal, exponent *int8, out []*int64) bool {
	e := h.chooseScale(in, s, widest(ds))
	for try := range 2 {
		if try == 1 {
			e = h.oddScale(ds)
		}
		ok := true
		for i := range out {
			var fits bool
			*out[i], fits = scaleTo(ds[i], e)
			ok = ok && fits
		}
		if ok {
			*exponent = e
			if e == s.exponent {
				for _, m := range out {
					s.note(*m)
				}
			}
			return true
		}
	}
	return false
}

// oddScale is the numbers' own exponent, counted.
func (h *hot) oddScale(ds []exchanges.Decimal) int8 {
	h.w.Counters[ring.CounterOddScale]++
	return ownExponent(ds)
}

// chooseScale gives the exponent for numbers that ask for exponent e (at most 0):
// the instrument's, which the first message sets and more digits widen. Where
// widening would leave no room for what was seen, the record stands alone at e.
func (h *hot) chooseScale(in *instrument, s *scale, e int8) int8 {
	switch {
	case !s.known:
		s.exponent, s.known = e, true
		h.w.SetExponents(in.id, in.price.exponent, in.quantity.exponent)
	case e >= s.exponent:
	case !s.canWiden(e):
		h.w.Counters[ring.CounterOddScale]++
		return e
	default:
		h.widen(in, s, e)
	}
	return s.exponent
}

// widen moves an instrument to a smaller exponent: a new book epoch, its book
// rebuilt, and INSTRUMENT_CHANGED in the stream.
func (h *hot) widen(in *instrument, s *scale, e int8) {
	by := int(s.exponent) - int(e)
	in.quote.widen(s == &in.price, s.exponent, e)
	s.exponent = e
	s.largest *= pow10[by]
	h.w.Counters[ring.CounterWidened]++
	in.epoch++
	pBy, qBy := by, 0
	if s == &in.quantity {
		pBy, qBy = 0, by
	}
	if in.rest != nil && !rescale(in.rest.levels, pBy, qBy) {
		in.rest.drop()
	}
	if in.book != nil && !in.book.rescale(pBy, qBy) {
		h.bookLost(in, ring.ReasonExponent, 0, 0)
	}
	h.w.SetExponents(in.id, in.price.exponent, in.quantity.exponent)
	h.storeState(in)
	h.instrumentStatus(in, ring.StatusInstrumentChanged, ring.ReasonExponent, nil)
}

// doesNotFit refuses a datum whose numbers no exponent holds.
func (h *hot) doesNotFit(c *conn, in *instrument) {
	h.w.Counters[ring.CounterDecodeErrors]++
	c.stats.DecodeErrors++
	h.status(statusArgs{
		code: ring.StatusDecodeError, scope: ring.ScopeInstrument, reason: ring.ReasonNumber,
		inst: in, conn: c, text: textDoesNotFit,
	})
}

var textDoesNotFit = []byte("numbers do not fit one exponent")

// arrived notes that an instrument had data: last-seen times, and freshness where
// it had gone.
func (h *hot) arrived(in *instrument, kind ring.Kind) {
	h.w.Seen(in.id, kind, h.recvNS)
	i := kindIndex[kind&7]
	if i >= channelCount {
		return
	}
	sub := in.subs[i]
	if sub == nil {
		return
	}
	sub.lastDataNS = h.recvNS
	if !sub.awaitsSnapshot() {
		sub.firstDataNS = 0
	}
	if in.stale&sub.stream.Channel != 0 {
		h.channelFresh(in, sub.stream.Channel)
	}
}
