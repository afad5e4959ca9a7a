package feed

import (
	"slices"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Bounds of asking again, ns.
const (
	resubscribeFirstNS = 1 * second
	resubscribeMaxNS   = 60 * second
	// maxAckFailures unanswered requests in a row end a connection: it is up and
	// does not serve us.
	maxAckFailures = 3
)

// addInstrument writes a new row and reports it. A row is never taken back.
func (h *hot) addInstrument(s Symbol, native string, info *exchanges.InstrumentInfo) (*instrument, error) {
	in := &instrument{symbol: s, native: native, trades: newTradeMemory(), urgent: slices.Contains(h.cfg.Priority, s)}
	spec := ring.InstrumentSpec{
		Native: native, Base: s.Base, Quote: s.Quote, Tick: ring.Absent, Lot: ring.Absent,
		Multiplier: ring.Absent, AddedTimeNS: h.clock.Now(),
	}
	if info != nil {
		spec.Tick, spec.TickExponent = info.Tick.Mantissa, info.Tick.Exponent
		spec.Lot, spec.LotExponent = info.Lot.Mantissa, info.Lot.Exponent
		in.multiplier = info.Multiplier
		spec.Multiplier, spec.MultiplierExponent = multiplierOf(info.Multiplier)
		seed(&in.price, info.Tick)
		seed(&in.quantity, info.Lot)
		if info.Halted {
			in.bits |= ring.BitHalted
		}
	}
	if e, ok := h.cfg.Exponents[s]; ok {
		in.price, in.quantity = scale{exponent: e[0], known: true}, scale{exponent: e[1], known: true}
	}
	spec.PriceExponent, spec.QuantityExponent = in.price.exponent, in.quantity.exponent
	id, err := h.w.AddInstrument(spec)
	if err != nil {
		return nil, err
	}
	in.id = id
	h.rememberTrades(in)
	if err := h.symbols.Add(native, id); err != nil {
		return nil, err
	}
	h.instruments = append(h.instruments, in)
	h.bySymbol[s] = in
	h.storeState(in)
	h.w.SetInstrumentConnection(id, ring.NoConnection)
	open := h.openFrame(h.clock.Now())
	h.instrumentStatus(in, ring.StatusInstrumentAdded, ring.ReasonNone, []byte(native))
	h.closeFrame(open)
	return in, nil
}

// seed takes the scale from a step of the venue's metadata.
func seed(s *scale, step exchanges.Decimal) {
	if !step.IsAbsent() && step.Mantissa != 0 {
		s.exponent, s.known = min(step.Exponent, 0), true
	}
}

// want adds channels to what is asked for of an instrument; channels already
// asked for stay as they are.
func (h *hot) want(in *instrument, channels ring.Channel) {
	in.rouse(channels)
	for i := range h.streams {
		st := &h.streams[i]
		k := channelIndex(st.Channel)
		if channels&st.Channel == 0 {
			continue
		}
		s := in.subs[k]
		if s == nil {
			s = &subscription{inst: in, stream: st}
			in.subs[k] = s
		}
		if s.state != subIdle && s.state != subLeaving && s.state != subRefused {
			continue
		}
		in.wanted |= st.Channel
		in.stale |= st.Channel
		in.bits |= ring.BitStale
		s.state = subWanted
		if s.conn == nil {
			h.assign(s)
		}
		h.wantLegs(in, k)
		if st.Channel == ring.ChannelOrderBook {
			in.bits |= ring.BitSuspect
			h.wantBook(in, st)
			h.flagBook(in)
		}
	}
	h.storeState(in)
	h.w.SetStaleChannels(in.id, in.stale)
	h.w.SetChannels(in.id, in.wanted)
}

// wantBook gives an instrument what its book is kept in, where one can be made.
func (h *hot) wantBook(in *instrument, st *exchanges.StreamInfo) {
	if st.Rule == exchanges.RuleREST && h.fetchSnapshot == nil {
		return
	}
	if in.book == nil {
		in.book = newLocalBook()
	}
	if st.Rule == exchanges.RuleREST && in.rest == nil {
		in.rest = &restBook{}
	}
}

// unwant ends channels of an instrument. Its row stays.
func (h *hot) unwant(in *instrument, channels ring.Channel) {
	in.rouse(channels)
	for k, s := range in.subs {
		if s == nil || channels&s.stream.Channel == 0 || s.state == subIdle {
			continue
		}
		h.unwantLegs(in, k)
		if s.stream.Channel == ring.ChannelTrades {
			in.fill = nil
		}
		in.wanted &^= s.stream.Channel
		in.stale &^= s.stream.Channel
		if s.state == subActive || s.state == subRequested {
			s.state = subLeaving
		} else {
			s.state = subIdle
		}
		if s.stream.Channel == ring.ChannelBookTicker {
			in.quote, in.quoteSeq = quote{}, 0 // what comes after a new request is news
		}
		if s.stream.Channel == ring.ChannelOrderBook {
			in.bits = in.bits&^ring.BitResyncing | ring.BitSuspect
			in.bookSynced = false
			if in.rest != nil {
				in.rest.forget()
			}
			h.flagBook(in)
		}
	}
	h.settle(in)
	h.w.SetChannels(in.id, in.wanted)
	h.w.SetStaleChannels(in.id, in.stale)
}

// settle computes the bits that follow from the subscriptions.
func (h *hot) settle(in *instrument) {
	var active, refused, waiting ring.Channel
	for _, s := range in.subs {
		if s == nil {
			continue
		}
		switch s.state {
		case subActive:
			active |= s.stream.Channel
		case subRefused:
			refused |= s.stream.Channel
		case subWanted, subRequested:
			waiting |= s.stream.Channel
		}
	}
	in.bits &^= ring.BitSubscribed | ring.BitRefused | ring.BitStale
	if active != 0 && waiting == 0 {
		in.bits |= ring.BitSubscribed
	}
	if refused != 0 {
		in.bits |= ring.BitRefused
	}
	if in.stale != 0 {
		in.bits |= ring.BitStale
	}
	h.storeState(in)
	h.w.SetAnswers(in.id, active, refused)
}

// assign gives a subscription a connection with room, or a new one.
func (h *hot) assign(s *subscription) {
	limit := h.dialect.StreamsPerConnection()
	var c *conn
	for _, have := range h.conns {
		if have.connGroup == s.group() && max(len(have.subs), have.spent(h)) < limit && !have.leaving {
			c = have
			break
		}
	}
	if c == nil {
		if h.rows.left() == 0 {
			c = h.crowded(s)
		} else {
			c = h.newConn(h.clock.Now(), s.group())
		}
	}
	s.conn = c
	c.subs = append(c.subs, s)
	if !s.isSpare() {
		h.w.SetInstrumentConnection(s.inst.id, c.row)
	}
}

// crowded is the connection, of the group where it has any, else of the leg, that takes
// a stream for which there is no room.
func (h *hot) crowded(s *subscription) *conn {
	for _, same := range [2]func(c *conn) bool{
		func(c *conn) bool { return c.connGroup == s.group() }, func(c *conn) bool { return c.leg == s.leg },
	} {
		for i := range h.conns {
			if c := h.conns[(int(s.inst.id)+i)%len(h.conns)]; same(c) {
				return c
			}
		}
	}
	return h.conns[int(s.inst.id)%len(h.conns)]
}

// spent is how many streams a connection has ever asked for, where the venue
// counts them so.
func (c *conn) spent(h *hot) int {
	if h.countsForLife {
		return c.used
	}
	return 0
}

// request asks for what is wanted of a connection, in as few messages as the
// venue allows, and ends what is no longer wanted.
func (h *hot) request(c *conn, now int64) {
	if c.ws == nil {
		return
	}
	if h.perRequest > 0 {
		h.requestStream(c, nil, subLeaving, h.perRequest, now)
		if c.ws != nil {
			h.requestStream(c, nil, subWanted, h.perRequest, now)
		}
		return
	}
	for i := range h.streams {
		st := &h.streams[i]
		h.requestStream(c, st, subLeaving, st.SymbolsPerRequest, now)
		if c.ws != nil {
			h.requestStream(c, st, subWanted, st.SymbolsPerRequest, now)
		}
		if c.ws == nil {
			return
		}
	}
}

// requestStream asks for one stream, or, with st nil, for all of them together, up
// to most pairs a message.
func (h *hot) requestStream(c *conn, st *exchanges.StreamInfo, state subState, most int, now int64) {
	batch := h.requestBatch[:0]
	full := false
	for _, s := range c.subs {
		if st != nil && s.stream != st || s.state != state || s.retryNS > now {
			continue
		}
		if len(batch) == 0 && !h.maySend(c, now) {
			return // the rest is asked for with the next tick
		}
		if state == subWanted && !h.hasRoom(c, s) {
			full = true
			continue
		}
		batch = append(batch, s)
		if len(batch) == max(most, 1) {
			if !h.send(c, batch, state == subLeaving, now) {
				return
			}
			batch = batch[:0]
		}
	}
	if len(batch) > 0 {
		h.send(c, batch, state == subLeaving, now)
	}
	h.requestBatch = batch[:0]
	if full {
		h.replace(c, now)
	}
}

// hasRoom says whether a connection may ask for a stream, and counts it. Where the
// venue counts streams over a connection's life, one too many would be accepted and
// stay silent.
func (h *hot) hasRoom(c *conn, s *subscription) bool {
	if s.counted {
		return true
	}
	if h.countsForLife && c.used >= h.dialect.StreamsPerConnection() {
		return false
	}
	s.counted = true
	c.used++
	return true
}

// send writes one request, for pairs of one stream unless the dialect mixes them;
// false when the connection went down over it.
func (h *hot) send(c *conn, subs []*subscription, leaving bool, now int64) bool {
	h.requestID++
	p := &pendingRequest{
		id: h.requestID, stream: subs[0].stream.ID, leaving: leaving,
		subs: append([]*subscription(nil), subs...), deadlineNS: now + h.dialect.AckDeadlineNS(),
	}
	for _, s := range subs {
		s.state = subRequested
		if leaving {
			s.state, s.counted = subIdle, false
		}
	}
	c.pending = append(c.pending, p)
	h.scratch = h.dialect.AppendRequest(h.scratch[:0], h.requestOf(p), now)
	return h.write(c, h.scratch)
}

func (h *hot) requestOf(p *pendingRequest) exchanges.Request {
	r := exchanges.Request{ID: p.id, Unsubscribe: p.leaving, Stream: p.stream}
	for _, s := range p.subs {
		if h.perRequest > 0 {
			r.Mixed = append(r.Mixed, exchanges.StreamSymbol{Stream: s.stream.ID, Symbol: s.inst.native})
		} else {
			r.Symbols = append(r.Symbols, s.inst.native)
		}
	}
	return r
}

// write sends one text message; false when the connection went down over it.
func (h *hot) write(c *conn, text []byte) bool {
	if err := c.ws.WriteText(text); err != nil {
		h.lost(c, err)
		return false
	}
	h.watchWrites(c)
	return true
}

// watchWrites asks for writability while bytes wait for the socket.
func (h *hot) watchWrites(c *conn) {
	if want := c.ws.WantWrite(); want != c.wantWrite {
		c.wantWrite = want
		_ = h.poller.Mod(c.ws.FD(), uint32(c.row), want)
	}
}

// answered finds the request that an ack or a refusal answers.
func (h *hot) answered(c *conn, v *exchanges.Verdict) {
	refused := v.Class == exchanges.ClassRefusal
	if refused {
		h.w.Counters[ring.CounterRefusals]++
	} else {
		h.w.Counters[ring.CounterAcks]++
	}
	p := c.take(v)
	if p == nil {
		h.logText(logUnasked, c, v.Text)
		return
	}
	c.ackFailures = 0
	switch {
	case p.leaving:
	case len(v.Refused) > 0:
		h.inPart(c, p, v)
	case !refused:
		for _, s := range p.subs {
			h.acknowledged(c, s)
		}
	case len(p.subs) > 1:
		h.bisect(c, p, v)
	default:
		h.refused(c, p.subs[0], v.Text)
	}
}

// inPart deals with an answer that names what it refuses; the rest is accepted.
func (h *hot) inPart(c *conn, p *pendingRequest, v *exchanges.Verdict) {
	for _, s := range p.subs {
		if named(v.Refused, s) {
			h.refused(c, s, v.Text)
		} else if v.Class == exchanges.ClassAck {
			h.acknowledged(c, s)
		}
	}
}

func named(refused []exchanges.StreamRef, s *subscription) bool {
	for _, r := range refused {
		if r.Stream == s.stream.ID && string(r.Symbol) == s.inst.native {
			return true
		}
	}
	return false
}

// take removes the pending request that a verdict answers: by its id, or, where
// the venue gives none, the oldest one of the stream that names the symbol.
func (c *conn) take(v *exchanges.Verdict) *pendingRequest {
	for i, p := range c.pending {
		if v.RequestID != 0 {
			if p.id != v.RequestID {
				continue
			}
		} else if p.stream != v.Stream && v.Stream != exchanges.NoStream || p.leaving != v.Unsubscribe || !p.names(v.Symbol) {
			continue
		}
		c.pending = append(c.pending[:i], c.pending[i+1:]...)
		return p
	}
	return nil
}

// names says whether symbol is among the request's; any request will do where
// the answer names none.
func (p *pendingRequest) names(symbol []byte) bool {
	if len(symbol) == 0 {
		return true
	}
	for _, s := range p.subs {
		if s.inst.native == string(symbol) {
			return true
		}
	}
	return false
}

func (h *hot) acknowledged(c *conn, s *subscription) {
	if s.state != subRequested {
		return
	}
	s.state, s.activeNS, s.unheard = subActive, h.recvNS, false
	if h.spareAnswered(s, true) {
		return
	}
	if s.stream.FirstDataBoundNS > 0 && (s.lastDataNS < c.stats.ConnectedSinceNS || s.awaitsSnapshot()) {
		s.firstDataNS = h.recvNS + s.stream.FirstDataBoundNS
	}
	if s.stream.Rule == exchanges.RuleStream && !s.inst.bookSynced {
		s.inst.bits |= ring.BitResyncing
	}
	if s.stream.Channel == ring.ChannelTrades {
		s.inst.tradesBack(h.recvNS)
	}
	h.settle(s.inst)
	h.status(statusArgs{code: ring.StatusSubscribed, scope: ring.ScopeInstrument, inst: s.inst, conn: c, text: []byte(s.stream.Name)})
	if isEvent(s.stream) && s.inst.stale&s.stream.Channel != 0 {
		h.channelFresh(s.inst, s.stream.Channel)
	}
}

// awaitsSnapshot says that the stream's deltas are of no use before a snapshot: they
// are no sign that it is well.
func (s *subscription) awaitsSnapshot() bool {
	return s.stream.Rule == exchanges.RuleStream && !s.inst.bookSynced
}

// bisect deals with a refused list, so that one bad symbol costs the others
// nothing: a symbol that the venue names is refused alone and the rest asked for
// again; where it names none, each half is.
func (h *hot) bisect(c *conn, p *pendingRequest, v *exchanges.Verdict) {
	for i, s := range p.subs {
		if len(v.Symbol) > 0 && s.inst.native == string(v.Symbol) {
			h.refused(c, s, v.Text)
			rest := append(p.subs[:i:i], p.subs[i+1:]...)
			h.send(c, rest, false, h.recvNS)
			return
		}
	}
	mid := len(p.subs) / 2
	for _, half := range [2][]*subscription{p.subs[:mid], p.subs[mid:]} {
		if c.ws == nil || !h.send(c, half, false, h.recvNS) {
			return
		}
	}
}

func (h *hot) refused(c *conn, s *subscription, text []byte) {
	if h.spareAnswered(s, false) {
		h.spareRefused(c, s, text)
		return
	}
	if s.unheard {
		// The request before may have been granted and its answer lost: some venues
		// refuse what they send already. Ended first, it cannot be refused for that.
		s.unheard, s.state = false, subActive
		h.resubscribe(s.inst, s.stream.Channel)
		return
	}
	s.state = subRefused
	s.refusal = string(text[:min(len(text), maxLoggedText)])
	h.settle(s.inst)
	h.status(statusArgs{
		code: ring.StatusSubscribeRefused, scope: ring.ScopeInstrument, reason: ring.ReasonRefused,
		inst: s.inst, conn: c, text: text,
	})
	h.logRefused(c, s, text)
}

// resubscribe asks for one stream of one instrument again: one in flight, and
// ever slower while it does not help.
func (h *hot) resubscribe(in *instrument, ch ring.Channel) {
	s := in.subs[channelIndex(ch)]
	if s == nil || s.conn == nil || s.conn.ws == nil || s.state != subActive {
		return
	}
	now := h.recvNS
	if now-s.retryNS > resubscribeMaxNS {
		s.retryWaitNS = 0
	}
	if h.countsForLife && s.conn.used >= h.dialect.StreamsPerConnection() {
		if now >= s.retryNS {
			s.retryLater(now)
			h.replace(s.conn, now)
		}
		return
	}
	s.state, s.firstDataNS = subWanted, 0
	one := [1]*subscription{s}
	if !h.send(s.conn, one[:], true, now) {
		return
	}
	s.state = subWanted
	s.retryLater(now)
	if s.retryNS <= now && h.hasRoom(s.conn, s) {
		h.send(s.conn, one[:], false, now)
	}
}

// retryLater plans when a stream may be asked for again: at once the first time, then
// ever later.
func (s *subscription) retryLater(now int64) {
	s.retryNS = now + s.retryWaitNS
	s.retryWaitNS = min(max(2*s.retryWaitNS, resubscribeFirstNS), resubscribeMaxNS)
}
