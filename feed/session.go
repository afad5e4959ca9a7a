package feed

import (
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
	in := &instrument{symbol: s, native: native}
	spec := ring.InstrumentSpec{
		Native: native, Base: s.Base, Quote: s.Quote, Tick: ring.Absent, Lot: ring.Absent,
		Multiplier: ring.Absent, AddedTimeNS: h.clock.Now(),
	}
	if info != nil {
		spec.Tick, spec.TickExponent = info.Tick.Mantissa, info.Tick.Exponent
		spec.Lot, spec.LotExponent = info.Lot.Mantissa, info.Lot.Exponent
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
		if s.state != subIdle && s.state != subLeaving {
			continue
		}
		in.wanted |= st.Channel
		in.stale |= st.Channel
		in.bits |= ring.BitStale
		s.state = subWanted
		if s.conn == nil {
			h.assign(s)
		}
		if st.Channel == ring.ChannelOrderBook {
			in.bits |= ring.BitSuspect
			if in.book == nil && st.Rule != exchanges.RuleREST {
				in.book = newLocalBook()
			}
			h.flagBook(in)
		}
	}
	h.storeState(in)
	h.w.SetStaleChannels(in.id, in.stale)
	h.w.SetChannels(in.id, in.wanted)
}

// unwant ends channels of an instrument. Its row stays.
func (h *hot) unwant(in *instrument, channels ring.Channel) {
	for _, s := range in.subs {
		if s == nil || channels&s.stream.Channel == 0 || s.state == subIdle {
			continue
		}
		in.wanted &^= s.stream.Channel
		in.stale &^= s.stream.Channel
		if s.state == subActive || s.state == subRequested {
			s.state = subLeaving
		} else {
			s.state = subIdle
		}
		if s.stream.Channel == ring.ChannelOrderBook {
			in.bits = in.bits&^ring.BitResyncing | ring.BitSuspect
			in.bookSynced = false
			h.flagBook(in)
		}
	}
	h.settle(in)
	h.w.SetChannels(in.id, in.wanted)
	h.w.SetStaleChannels(in.id, in.stale)
}

// settle computes the bits that follow from the subscriptions.
func (h *hot) settle(in *instrument) {
	active, refused, waiting := 0, 0, 0
	for _, s := range in.subs {
		if s == nil {
			continue
		}
		switch s.state {
		case subActive:
			active++
		case subRefused:
			refused++
		case subWanted, subRequested:
			waiting++
		}
	}
	in.bits &^= ring.BitSubscribed | ring.BitRefused | ring.BitStale
	if active > 0 && waiting == 0 {
		in.bits |= ring.BitSubscribed
	}
	if refused > 0 {
		in.bits |= ring.BitRefused
	}
	if in.stale != 0 {
		in.bits |= ring.BitStale
	}
	h.storeState(in)
}

// assign gives a subscription a connection with room, or a new one.
func (h *hot) assign(s *subscription) {
	limit := h.dialect.StreamsPerConnection()
	var c *conn
	for _, have := range h.conns {
		if len(have.subs) < limit {
			c = have
			break
		}
	}
	if c == nil {
		if len(h.conns) >= ring.MaxConnections {
			c = h.conns[int(s.inst.id)%len(h.conns)]
		} else {
			c = &conn{row: uint16(len(h.conns)), dialNS: h.clock.Now()}
			h.conns = append(h.conns, c)
		}
	}
	s.conn = c
	c.subs = append(c.subs, s)
	h.w.SetInstrumentConnection(s.inst.id, c.row)
}

// request asks for what is wanted of a connection, in as few messages as the
// venue allows, and ends what is no longer wanted.
func (h *hot) request(c *conn, now int64) {
	if c.ws == nil {
		return
	}
	for i := range h.streams {
		st := &h.streams[i]
		h.requestStream(c, st, subLeaving, now)
		if c.ws != nil {
			h.requestStream(c, st, subWanted, now)
		}
		if c.ws == nil {
			return
		}
	}
}

func (h *hot) requestStream(c *conn, st *exchanges.StreamInfo, state subState, now int64) {
	batch := h.requestBatch[:0]
	for _, s := range c.subs {
		if s.stream != st || s.state != state || s.retryNS > now {
			continue
		}
		batch = append(batch, s)
		if len(batch) == max(st.SymbolsPerRequest, 1) {
			if !h.send(c, st, batch, state == subLeaving, now) {
				return
			}
			batch = batch[:0]
		}
	}
	if len(batch) > 0 {
		h.send(c, st, batch, state == subLeaving, now)
	}
	h.requestBatch = batch[:0]
}

// send writes one request; false when the connection went down over it.
func (h *hot) send(c *conn, st *exchanges.StreamInfo, subs []*subscription, leaving bool, now int64) bool {
	h.requestID++
	p := &pendingRequest{
		id: h.requestID, stream: st.ID, leaving: leaving,
		subs: append([]*subscription(nil), subs...), deadlineNS: now + h.dialect.AckDeadlineNS(),
	}
	symbols := make([]string, len(subs))
	for i, s := range subs {
		symbols[i] = s.inst.native
		s.state = subRequested
		if leaving {
			s.state = subIdle
		}
	}
	c.pending = append(c.pending, p)
	h.scratch = h.dialect.AppendRequest(h.scratch[:0],
		exchanges.Request{ID: p.id, Unsubscribe: leaving, Stream: st.ID, Symbols: symbols}, now)
	return h.write(c, h.scratch)
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
	s.state, s.activeNS = subActive, h.recvNS
	if s.stream.FirstDataBoundNS > 0 && s.lastDataNS < c.stats.ConnectedSinceNS {
		s.firstDataNS = h.recvNS + s.stream.FirstDataBoundNS
	}
	if s.stream.Rule == exchanges.RuleStream && !s.inst.bookSynced {
		s.inst.bits |= ring.BitResyncing
	}
	h.settle(s.inst)
	h.status(statusArgs{code: ring.StatusSubscribed, scope: ring.ScopeInstrument, inst: s.inst, conn: c, text: []byte(s.stream.Name)})
	if isEvent(s.stream) && s.inst.stale&s.stream.Channel != 0 {
		h.channelFresh(s.inst, s.stream.Channel)
	}
}

// bisect deals with a refused list, so that one bad symbol costs the others
// nothing: a symbol that the venue names is refused alone and the rest asked for
// again; where it names none, each half is.
func (h *hot) bisect(c *conn, p *pendingRequest, v *exchanges.Verdict) {
	for i, s := range p.subs {
		if len(v.Symbol) > 0 && s.inst.native == string(v.Symbol) {
			h.refused(c, s, v.Text)
			rest := append(p.subs[:i:i], p.subs[i+1:]...)
			h.send(c, s.stream, rest, false, h.recvNS)
			return
		}
	}
	mid := len(p.subs) / 2
	for _, half := range [2][]*subscription{p.subs[:mid], p.subs[mid:]} {
		if c.ws == nil || !h.send(c, half[0].stream, half, false, h.recvNS) {
			return
		}
	}
}

func (h *hot) refused(c *conn, s *subscription, text []byte) {
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
	s.state, s.firstDataNS = subWanted, 0
	one := [1]*subscription{s}
	if !h.send(s.conn, s.stream, one[:], true, now) {
		return
	}
	s.state = subWanted
	s.retryNS = now + s.retryWaitNS
	s.retryWaitNS = min(max(2*s.retryWaitNS, resubscribeFirstNS), resubscribeMaxNS)
	if s.retryNS <= now {
		h.send(s.conn, s.stream, one[:], false, now)
	}
}
