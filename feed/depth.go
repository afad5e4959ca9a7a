package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// depthEvent publishes a depth event by its stream's rule and keeps the board
// book. A gap is reported before the data that revealed it.
func (h *hot) depthEvent(c *conn, in *instrument, it *exchanges.Item) {
	if !h.scaleLevels(in, it) {
		h.doesNotFit(c, in)
		return
	}
	if in.lostNS != 0 {
		h.gapAfterLoss(c, in, it)
	}
	in.depthID, in.depthNS = it.Sequence, saidNS(it)
	switch it.Rule {
	case exchanges.RuleSnapshots:
		h.wholeBook(c, in, it)
	case exchanges.RuleStream:
		h.streamBook(c, in, it)
	default:
		h.restDelta(c, in, it)
	}
}

// gapAfterLoss says what a reconnect cost, once per instrument: from the last
// sequence seen to the first one again.
func (h *hot) gapAfterLoss(c *conn, in *instrument, it *exchanges.Item) {
	since := in.lostNS
	in.lostNS = 0
	first := it.FirstSequence
	if first == 0 {
		first = it.Sequence
	}
	before := in.lostID
	if before == 0 || first <= before+1 {
		return
	}
	h.gap(c, in, before+1, first-1, since)
}

func (h *hot) gap(c *conn, in *instrument, first, last uint64, since int64) {
	h.w.Counters[ring.CounterGaps]++
	h.status(statusArgs{
		code: ring.StatusGap, scope: ring.ScopeInstrument, reason: ring.ReasonSequence,
		inst: in, conn: c, first: first, last: last, since: since,
	})
}

// wholeBook: every event is the whole book of its levels.
func (h *hot) wholeBook(c *conn, in *instrument, it *exchanges.Item) {
	if !in.bookSynced {
		in.epoch++
		h.w.Counters[ring.CounterResyncs]++
	}
	n := h.publishDepth(c, in, it, 0)
	in.bookID = it.Sequence
	in.book.replace(h.bids, h.asks)
	if !in.book.crossed() {
		h.bookTrue(in)
		h.writeBook(in, it, n, ring.BookValid)
		return
	}
	h.w.Counters[ring.CounterCrossed]++
	h.bookUntrue(in)
	h.writeBook(in, it, n, ring.BookSuspect)
}

// streamBook: a snapshot first, then deltas without a hole.
func (h *hot) streamBook(c *conn, in *instrument, it *exchanges.Item) {
	switch {
	case it.Flags&ring.FlagSnapshot != 0:
		h.streamSnapshot(c, in, it)
		return
	case !in.bookSynced:
		// Deltas of the old stream, or before the snapshot: true, of no use to a book.
		h.publishDepth(c, in, it, ring.FlagSuspect)
		return
	case it.FirstSequence != in.bookID+1 && !h.overlaps(in, it):
		last, since := in.bookID, in.subs[channelIndex(ring.ChannelOrderBook)].activeNS
		h.bookLost(in, ring.ReasonSequence, last+1, it.FirstSequence-1)
		if it.FirstSequence > last+1 {
			h.gap(c, in, last+1, it.FirstSequence-1, since)
		} else {
			h.gap(c, in, it.FirstSequence, it.Sequence, since)
		}
		h.publishDepth(c, in, it, ring.FlagSuspect)
		h.resubscribe(in, ring.ChannelOrderBook)
		return
	}
	in.bookID = it.Sequence
	n := h.publishDepth(c, in, it, 0)
	if h.atScale(in) {
		in.book.apply(h.bids, h.asks)
	}
	if !h.atScale(in) || in.book.broken() {
		h.w.Counters[ring.CounterCrossed]++
		h.bookLost(in, ring.ReasonCrossed, 0, 0)
		h.resubscribe(in, ring.ChannelOrderBook)
		return
	}
	h.writeBook(in, it, n, ring.BookValid)
}

// streamSnapshot seeds or replaces the book of a stream.
func (h *hot) streamSnapshot(c *conn, in *instrument, it *exchanges.Item) {
	fresh := !in.bookSynced
	if fresh {
		in.epoch++
		h.w.Counters[ring.CounterResyncs]++
		h.storeState(in)
		h.instrumentStatus(in, ring.StatusResyncBegin, ring.ReasonSnapshot, nil)
	}
	n := h.publishDepth(c, in, it, 0)
	in.bookID = it.Sequence
	in.book.replace(h.bids, h.asks)
	if !h.atScale(in) || in.book.crossed() {
		h.w.Counters[ring.CounterCrossed]++
		h.bookLost(in, ring.ReasonCrossed, 0, 0)
		h.resubscribe(in, ring.ChannelOrderBook)
		return
	}
	h.bookTrue(in)
	h.writeBook(in, it, n, ring.BookValid)
	if fresh {
		h.instrumentStatus(in, ring.StatusResyncEnd, ring.ReasonNone, nil)
	}
}

// deltaOnly: deltas whose snapshot is to be fetched elsewhere. They are published,
// each once, as SUSPECT; the board book stays SUSPECT.
func (h *hot) deltaOnly(c *conn, in *instrument, it *exchanges.Item) {
	if in.bookID != 0 && it.FirstSequence > in.bookID+1 && it.Flags&ring.FlagSnapshot == 0 {
		h.gap(c, in, in.bookID+1, it.FirstSequence-1, in.subs[channelIndex(ring.ChannelOrderBook)].lastDataNS)
	}
	in.bookID = max(in.bookID, it.Sequence)
	h.publishDepth(c, in, it, ring.FlagSuspect)
}

// scaleLevels brings all levels of an event to one pair of exponents, in
// h.bids and h.asks; nothing is published unless every level fits.
func (h *hot) scaleLevels(in *instrument, it *exchanges.Item) bool {
	bids, asks := h.batch.Bids(it), h.batch.Asks(it)
	pe, qe := int8(0), int8(0)
	for _, side := range [2][]exchanges.Level{bids, asks} {
		for i := range side {
			pe = need(side[i].Price, pe)
			qe = need(side[i].Quantity, qe)
		}
	}
	h.priceExponent = h.chooseScale(in, &in.price, pe)
	h.quantityExponent = h.chooseScale(in, &in.quantity, qe)
	if h.fillLevels(in, bids, asks) {
		return true
	}
	h.w.Counters[ring.CounterOddScale]++
	h.priceExponent, h.quantityExponent = ownLevelExponents(bids, asks)
	return h.fillLevels(in, bids, asks)
}

func ownLevelExponents(bids, asks []exchanges.Level) (price, quantity int8) {
	price, quantity = 127, 127
	for _, side := range [2][]exchanges.Level{bids, asks} {
		for i := range side {
			price = need(side[i].Price, price)
			quantity = need(side[i].Quantity, quantity)
		}
	}
	if price == 127 {
		price = 0
	}
	if quantity == 127 {
		quantity = 0
	}
	return price, quantity
}

func (h *hot) fillLevels(in *instrument, bids, asks []exchanges.Level) bool {
	h.bids, h.asks = h.bids[:0], h.asks[:0]
	for i := range bids {
		l, ok := h.scaleLevel(in, &bids[i])
		if !ok {
			return false
		}
		h.bids = append(h.bids, l)
	}
	for i := range asks {
		l, ok := h.scaleLevel(in, &asks[i])
		if !ok {
			return false
		}
		h.asks = append(h.asks, l)
	}
	return true
}

func (h *hot) scaleLevel(in *instrument, l *exchanges.Level) (ring.Level, bool) {
	p, ok1 := scaleTo(l.Price, h.priceExponent)
	q, ok2 := scaleTo(l.Quantity, h.quantityExponent)
	if h.priceExponent == in.price.exponent {
		in.price.note(p)
	}
	if h.quantityExponent == in.quantity.exponent {
		in.quantity.note(q)
	}
	return ring.Level{Price: p, Quantity: q}, ok1 && ok2
}

// atScale says that the event's levels are at the instrument's own exponents, so
// that the book can take them.
func (h *hot) atScale(in *instrument) bool {
	return h.priceExponent == in.price.exponent && h.quantityExponent == in.quantity.exponent
}

// publishDepth writes h.bids and h.asks as consecutive records of four levels,
// bids first, FIRST on the first and LAST on the last, and returns the sequence
// of the last.
func (h *hot) publishDepth(c *conn, in *instrument, it *exchanges.Item, flags ring.Flags) uint64 {
	r := h.head(in, it)
	base := it.Flags | flags | h.skewed(it.EventTimeNS)
	r.PriceExponent, r.QuantityExponent = h.priceExponent, h.quantityExponent
	d := r.Depth()
	d.FirstSequence, d.BookEpoch, d.Connection = it.FirstSequence, in.epoch, c.row
	bids, asks := h.bids, h.asks
	first := ring.FlagFirst
	for {
		nb := copy(d.Levels[:], bids)
		na := copy(d.Levels[nb:], asks)
		bids, asks = bids[nb:], asks[na:]
		for i := nb + na; i < len(d.Levels); i++ {
			d.Levels[i] = ring.Level{}
		}
		d.Bids, d.Asks = uint8(nb), uint8(na)
		r.Flags = base | first
		first = 0
		last := len(bids) == 0 && len(asks) == 0
		if last {
			r.Flags |= ring.FlagLast
		}
		n := h.w.Publish(r)
		h.w.Counters[ring.CounterDepths]++
		if last {
			return n
		}
	}
}

// writeBook stores the top of the instrument's book on the board.
func (h *hot) writeBook(in *instrument, it *exchanges.Item, asOf uint64, flags ring.BookFlag) {
	b := h.image
	hd := &b.Header
	hd.BidCount = uint16(in.book.bids.top(b.BidLevels()))
	hd.AskCount = uint16(in.book.asks.top(b.AskLevels()))
	hd.AsOf, hd.EventTimeNS, hd.RecvTimeNS = asOf, it.EventTimeNS, h.recvNS
	hd.VenueSequence, hd.BookEpoch, hd.Flags = in.bookID, in.epoch, uint16(flags)
	hd.PriceExponent, hd.QuantityExponent = h.priceExponent, h.quantityExponent
	hd.PublishTimeNS = h.record.PublishTimeNS
	h.w.WriteBook(in.id, b)
}

// flagBook marks the board book SUSPECT and empties it: what it held must not be
// acted on, and an empty book that is SUSPECT cannot be taken for a valid one.
func (h *hot) flagBook(in *instrument) {
	if in.id >= uint16(h.w.InstrumentCount()) {
		return
	}
	h.image.Header = ring.BookHeader{
		AsOf: h.w.LastSequence(), EventTimeNS: ring.Absent, RecvTimeNS: h.recvNS,
		VenueSequence: in.bookID, BookEpoch: in.epoch, Flags: uint16(ring.BookSuspect),
		PriceExponent: in.price.exponent, QuantityExponent: in.quantity.exponent,
		PublishTimeNS: ring.Absent,
	}
	h.w.WriteBook(in.id, h.image)
}

// bookLost: the book is no longer what the venue has. State word first, then the
// board, so that nothing suspect can be read as true.
func (h *hot) bookLost(in *instrument, reason ring.Reason, first, last uint64) {
	h.bookUntrue(in)
	in.bits |= ring.BitResyncing
	h.storeState(in)
	h.flagBook(in)
	h.logf(logBookLost, in, reason, first, last)
}

func (h *hot) bookUntrue(in *instrument) {
	in.bookSynced = false
	if in.bits&ring.BitSuspect == 0 {
		in.bits |= ring.BitSuspect
		h.storeState(in)
	}
}

func (h *hot) bookTrue(in *instrument) {
	if in.bookSynced && in.bits&(ring.BitSuspect|ring.BitResyncing) == 0 {
		return
	}
	in.bookSynced = true
	if s := in.subs[channelIndex(ring.ChannelOrderBook)]; s != nil {
		s.firstDataNS = 0
	}
	in.bits &^= ring.BitSuspect | ring.BitResyncing
	h.storeState(in)
}
