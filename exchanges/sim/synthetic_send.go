package sim

import "slices"

// follow tells a stream of the step: its executions go out, changes of the book
// wait for the end of the window. Streams that begin with a snapshot of their own
// need the net difference only.
func (s *synthetic) follow(st *stream) {
	if st.spec.kind == kindDiffs {
		st.bids.follow(&st.pair.bids, st.spec.depth)
		st.asks.follow(&st.pair.asks, st.spec.depth)
	}
	switch st.spec.kind {
	case kindTrades:
		for i := range s.market.trades {
			s.sendTrades(st, s.market.trades[i:i+1])
		}
	case kindTradeStep:
		if len(s.market.trades) > 0 {
			s.sendTrades(st, s.market.trades)
		}
	case kindTradeWindow:
		st.trades = append(st.trades, s.market.trades...)
	case kindCandle:
		for _, t := range s.market.trades {
			st.candle.take(t)
		}
	}
}

func (s *synthetic) sendTrades(st *stream, ts []trade) {
	s.buf = s.format.trades(s.buf[:0], st, ts, s.moment(st.pair))
	s.sendItems(st, len(ts), s.format.tradeNumber(ts[len(ts)-1]), st.subs...)
}

func (s *synthetic) sendQuote(p *pair) {
	for _, st := range s.byPair[p.index] {
		if st.spec.kind == kindQuotes {
			s.buf = s.format.quote(s.buf[:0], st, s.moment(p))
			s.send(st, p.id, st.subs...)
		}
	}
}

// moment is the wall time of a frame of p that is sent now.
func (s *synthetic) moment(p *pair) moment {
	return s.momentAt(p.changedNS)
}

// momentAt is moment by the clock that the server says it has.
func (s *synthetic) momentAt(changedNS int64) moment {
	off := s.srv.fault().ClockOffset
	return moment{s.baseNS + int64(off), s.wallMS(changedNS) + off.Milliseconds(), s.nowMS + off.Milliseconds()}
}

// window ends a window of a stream.
func (s *synthetic) window(st *stream) {
	switch st.spec.kind {
	case kindQuoteWindow:
		s.sendQuoteWindow(st)
	case kindTradeWindow:
		s.sendTradeWindow(st)
	case kindDiffs, kindSnapshotDiffs:
		s.sendDiffs(st)
	case kindTop:
		s.sendTop(st)
	case kindTicker:
		if to := st.receivers(st.lastID != st.pair.id); len(to) > 0 {
			s.buf = s.format.ticker(s.buf[:0], st, []*pair{st.pair}, s.moment(st.pair))
			s.send(st, 0, to...)
		}
		st.lastID = st.pair.id
	case kindTickers:
		s.buf = s.format.ticker(s.buf[:0], st, s.market.pairs, s.moment(st.pair))
		s.send(st, 0, st.subs...)
	case kindCandle:
		s.sendCandle(st)
	}
}

// receivers are all clients of a stream when there is news, else those that have
// got nothing yet.
func (st *stream) receivers(news bool) []*conn {
	to := st.fresh
	st.fresh = nil
	if news {
		return st.subs
	}
	return to
}

// spare reports whether the rate leaves room for n frames that tell nothing new.
func (s *synthetic) spare(n int) bool {
	rate := float64(s.srv.cfg.Rate * len(s.live))
	return float64(s.control.sent+int64(n)) <= rate*float64(s.clockNS-s.control.sinceNS)/1e9
}

// sendQuoteWindow repeats a quote that has not changed where the rate has room.
func (s *synthetic) sendQuoteWindow(st *stream) {
	p := st.pair
	quote := [2]level{p.bids.best(), p.asks.best()}
	repeat := quote == st.quote && len(st.fresh) == 0
	if repeat && !s.spare(len(st.subs)) {
		return
	}
	st.quote, st.fresh = quote, nil
	s.buf = s.format.quote(s.buf[:0], st, s.moment(p))
	if n := s.send(st, p.id, st.subs...); repeat {
		s.srv.stats.update(func(t *Stats) { t.Repeats += uint64(n) })
	}
}

// sendTradeWindow sends the trades of a window in one frame; of windows without a
// trade some are told too, as the venue does.
func (s *synthetic) sendTradeWindow(st *stream) {
	if len(st.trades) > 0 {
		s.sendTrades(st, st.trades)
		st.trades, st.empty = st.trades[:0], 0
		return
	}
	st.empty++
	if st.empty%bareEvery != 0 || !s.spare(len(st.subs)) {
		return
	}
	s.buf = s.format.trades(s.buf[:0], st, nil, s.moment(st.pair))
	n := s.sendItems(st, 0, 0, st.subs...)
	s.srv.stats.update(func(t *Stats) { t.Bare += uint64(n) })
}

func (s *synthetic) sendDiffs(st *stream) {
	p := st.pair
	if st.lastID == p.id {
		return
	}
	s.diffs[0] = st.bids.diff(s.diffs[0][:0], &p.bids, st.spec.depth)
	s.diffs[1] = st.asks.diff(s.diffs[1][:0], &p.asks, st.spec.depth)
	s.buf = s.format.diffs(s.buf[:0], st, st.lastID+1, s.diffs[0], s.diffs[1], s.moment(p))
	s.send(st, p.id, st.subs...)
	st.remember()
}

func (s *synthetic) sendTop(st *stream) {
	p := st.pair
	bids, asks := p.bids.top(st.spec.depth), p.asks.top(st.spec.depth)
	news := !slices.Equal(bids, st.bids.sent) || !slices.Equal(asks, st.asks.sent)
	if to := st.receivers(news); len(to) > 0 {
		s.buf = s.format.top(s.buf[:0], st, bids, asks, s.moment(p))
		s.send(st, p.id, to...)
	}
	if news {
		st.remember()
	}
}

// remember keeps the present best levels as sent.
func (st *stream) remember() {
	p := st.pair
	st.lastID = p.id
	st.bids.restart(&p.bids, st.spec.depth)
	st.asks.restart(&p.asks, st.spec.depth)
}

func (s *synthetic) sendCandle(st *stream) {
	p, length := st.pair, st.spec.bar
	nowS := s.wallMS(s.clockNS) / 1000
	if nowS >= st.candle.startS+length {
		s.buf = s.format.candle(s.buf[:0], st, true, s.moment(p))
		s.send(st, 0, st.subs...)
		st.candle = newCandle(st.candle.close, nowS, length)
	}
	if to := st.receivers(st.lastID != p.tradeID); len(to) > 0 {
		s.buf = s.format.candle(s.buf[:0], st, false, s.moment(p))
		s.send(st, 0, to...)
	}
	st.lastID = p.tradeID
}

func newCandle(ticks, nowS, length int64) candle {
	return candle{startS: nowS - nowS%length, open: ticks, high: ticks, low: ticks, close: ticks}
}

func (c *candle) take(t trade) {
	c.close = t.ticks
	c.high, c.low = max(c.high, t.ticks), min(c.low, t.ticks)
	c.baseLots += t.lots
	c.quoteUnits += t.lots * t.ticks
}

// send queues the frame in buf for clients and gives how many got it; they are
// woken by flush. The sequence is 0 where the frame has none.
func (s *synthetic) send(st *stream, sequence uint64, to ...*conn) int {
	return s.sendItems(st, 1, sequence, to...)
}

// sendItems sends a frame of several items; the sequence is that of the last.
func (s *synthetic) sendItems(st *stream, items int, sequence uint64, to ...*conn) int {
	f := frame{
		key: st.key, channel: st.channel, op: s.format.op(), payload: s.buf,
		items: items, sequence: sequence, delta: st.spec.kind.delta(),
	}
	n := 0
	for _, c := range to {
		fate := c.queueData(&f)
		if fate == fateSent {
			n++
		}
		if fate != fateGone && !c.touched {
			c.touched = true
			s.touched = append(s.touched, c)
		}
	}
	s.control.sent += int64(len(to))
	return n
}

func (s *synthetic) flush() {
	for _, c := range s.touched {
		c.touched = false
		c.kick()
	}
	clear(s.touched)
	s.touched = s.touched[:0]
}

// wallMS is the wall time of a market time.
func (s *synthetic) wallMS(marketNS int64) int64 { return (s.baseNS + marketNS) / 1e6 }
