package feed

import (
	"errors"
	"io"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// Times of reconnecting, ns. A refused or broken link costs the venue nothing, so
// it is tried often at first; an answer that says no is obeyed.
const (
	retryFirstNS   = 50 * ms // after the first attempt, which is made at once
	retryShare     = 32      // then this part of the outage so far: growth without end
	retryMaxNS     = 30 * second
	refusedFirstNS = 1 * second // after an HTTP answer other than the upgrade
	refusedMaxNS   = 60 * second
	// sayAgainNS: a dial that goes on failing for the same reason is said once,
	// then this often.
	sayAgainNS = 60 * second

	ms     = 1_000_000
	second = 1_000_000_000
)

// conn is one connection of the feed, over all its reconnects. Hot thread only.
type conn struct {
	row   uint16
	ws    socket // nil while down
	state ring.ConnectionState
	stats ring.ConnectionRow
	subs  []*subscription
	connGroup

	url      int   // index of the endpoint in use or to be tried
	failures int   // attempts since it was last up
	downNS   int64 // since when it is down, 0 never was up
	dialNS   int64 // when to dial next
	dialing  bool
	attempt  uint64 // names the dial in flight; a result of another is dropped
	waitNS   int64

	pending     []*pendingRequest
	pingNS      int64 // when the oldest ping without an answer was sent, 0 none
	askedNS     int64 // when the first ping since the last bytes was sent
	nextPingNS  int64
	saidNS      int64 // when a failed dial was last said in a record
	saidReason  ring.Reason
	ackFailures int
	wantWrite   bool
	used        int  // streams ever asked for on this socket
	leaving     bool // a successor takes its streams over
	successor   *conn
	successorOf *conn
	rollNS      int64  // no successor is dialled before
	pings       uint64 // sent on this socket
	pongs       uint64 // answers to them; the venues answer in order
	drainNS     int64  // when it was sent the ping that ends it, 0 not
	drainPing   uint64 // that ping's number
	messages    bucket
}

// pendingRequest awaits its answer.
type pendingRequest struct {
	id         uint64
	stream     exchanges.StreamID
	leaving    bool
	subs       []*subscription
	deadlineNS int64
}

// readable takes one chunk and every message in it. One clock read stamps the
// chunk.
func (h *hot) readable(c *conn) {
	h.keepCPU(h.recvNS)
	n, err := c.ws.ReadChunk()
	h.grip.Release()
	h.recvNS = h.clock.Now()
	if n > 0 {
		c.stats.Bytes += uint64(n)
		c.stats.LastReceiveNS = h.recvNS
		h.w.Counters[ring.CounterBytes] += uint64(n)
		h.w.ConnectionSeen(c.row, h.recvNS)
		h.worked = true
	}
	if drained := h.messages(c); drained != nil {
		err = drained
	}
	if err != nil && c.ws != nil {
		h.lost(c, err)
	}
}

// messages handles what was read until nothing whole is left, or the connection
// is gone.
func (h *hot) messages(c *conn) error {
	for c.ws != nil {
		m, err := c.ws.Next()
		if err != nil || m.Op == wire.OpNone {
			return err
		}
		open := h.openFrame(h.recvNS)
		h.message(c, m)
		h.closeFrame(open)
	}
	return nil
}

func (h *hot) message(c *conn, m wire.Message) {
	c.stats.Frames++
	h.w.Counters[ring.CounterFrames]++
	switch m.Op {
	case wire.OpText:
		h.text(c, m.Payload)
	case wire.OpPing:
		if err := c.ws.WriteControl(wire.OpPong, m.Payload); err != nil {
			h.lost(c, err)
			return
		}
		h.watchWrites(c)
	case wire.OpPong:
		h.ponged(c)
	case wire.OpClose:
		h.closedByPeer(c, m)
	case wire.OpBinary:
		if h.binary != nil {
			v := h.binary.DecodeBinary(m.Payload, h.symbols, &h.batch)
			h.judged(c, m.Payload, &v)
			return
		}
		h.w.Counters[ring.CounterBinaryFrames]++
		h.refuseFrame(c, m.Payload, &exchanges.Verdict{Reason: ring.ReasonUnknownMessage, Text: textBinary})
	}
}

var textBinary = []byte("binary message on a text protocol")

// text decodes one text message and publishes what it holds.
func (h *hot) text(c *conn, frame []byte) {
	v := h.dialect.Decode(frame, h.symbols, &h.batch)
	h.judged(c, frame, &v)
}

// judged does what a decoded message asks for.
func (h *hot) judged(c *conn, frame []byte, v *exchanges.Verdict) {
	if v.Class == exchanges.ClassData {
		h.publishBatch(c)
		h.warmer.keep(v.Stream, frame, h.recvNS)
		return
	}
	switch v.Class {
	case exchanges.ClassAck, exchanges.ClassRefusal:
		h.answered(c, v)
	case exchanges.ClassPong:
		h.w.Counters[ring.CounterPongs]++
		if c.pongs++; c.drainNS != 0 {
			h.hasten(h.recvNS) // a take-over waits for it
		}
		h.timedPong(c, v.TimeNS)
		h.ponged(c)
	case exchanges.ClassSystem:
		h.notice(c, v)
	case exchanges.ClassIgnored:
		h.w.Counters[ring.CounterIgnored]++
	case exchanges.ClassUnknown:
		h.w.Counters[ring.CounterUnknownMessages]++
		h.logFrame(logUnknown, c, frame)
	case exchanges.ClassMalformed:
		if v.Reason == ring.ReasonUnknownSymbol {
			h.w.Counters[ring.CounterUnknownSymbols]++
		}
		h.refuseFrame(c, frame, v)
	}
}

// refuseFrame counts a frame that publishes nothing, says so in the stream, and
// keeps the frame for diagnosis.
func (h *hot) refuseFrame(c *conn, frame []byte, v *exchanges.Verdict) {
	h.w.Counters[ring.CounterDecodeErrors]++
	c.stats.DecodeErrors++
	h.bad.keep(h.recvNS, c.row, v.Reason, frame)
	a := statusArgs{code: ring.StatusDecodeError, scope: ring.ScopeConnection, reason: v.Reason, conn: c, text: v.Text}
	if id, ok := h.symbols.Lookup(v.Symbol); ok && len(v.Symbol) > 0 {
		a.scope, a.inst = ring.ScopeInstrument, h.instruments[id]
		h.doubt(a.inst, v.Stream)
	} else if len(v.Symbol) > 0 {
		a.text = v.Symbol
	}
	h.status(a)
}

// doubtNS: a second message of a stream that cannot be decoded within this time has
// the stream asked for again. One alone may be the venue's slip, and asking again
// costs what is sent meanwhile.
const doubtNS = 60 * second

// doubt marks a stream for resubscription after its second bad message; how often
// is resubscribe's limit.
func (h *hot) doubt(in *instrument, stream exchanges.StreamID) {
	for _, s := range in.subs {
		if s == nil || s.stream.ID != stream {
			continue
		}
		if h.recvNS-s.badNS < doubtNS {
			h.resubscribe(in, s.stream.Channel)
		}
		s.badNS = h.recvNS
	}
}

// timedPong measures the venue's clock by an answer that has its time, 0 none.
func (h *hot) timedPong(c *conn, venueNS int64) {
	if c.pingNS != 0 && venueNS > 0 {
		h.clockMeasured(sampleOf(venueNS, c.pingNS, h.recvNS))
	}
}

func (h *hot) ponged(c *conn) {
	if c.pingNS != 0 {
		c.stats.RoundTripNS = h.recvNS - c.pingNS
		c.pingNS = 0
	}
}

// notice handles a notice of the venue.
func (h *hot) notice(c *conn, v *exchanges.Verdict) {
	h.logText(logNotice, c, v.Text)
	if v.Reconnect {
		h.down(c, ring.ReasonUpgrade, v.Text)
	}
}

func (h *hot) closedByPeer(c *conn, m wire.Message) {
	// RFC 6455 section 5.5.1: answer with a close frame; the code is echoed.
	code, reason := m.Close()
	echo := code
	if code == wire.CloseNoStatus {
		echo = 0
	}
	_ = c.ws.SendClose(echo, "") // best effort: the socket is closed next
	h.down(c, ring.ReasonCloseCodeBase+ring.Reason(code), reason)
}

// lost ends a connection over an error of the socket or of the protocol.
func (h *hot) lost(c *conn, err error) {
	var p *wire.ProtocolError
	switch {
	case errors.As(err, &p):
		h.w.Counters[ring.CounterProtocolErrors]++
		_ = c.ws.SendClose(p.CloseCode, p.Reason) // best effort: the socket is closed next
		reason := ring.ReasonProtocol
		if p.CloseCode == wire.CloseTooBig {
			reason = ring.ReasonOversize
		}
		h.down(c, reason, []byte(p.Reason))
	case errors.Is(err, io.EOF):
		h.down(c, ring.ReasonClosedByPeer, nil)
	case errors.Is(err, wire.ErrBackpressure):
		h.down(c, ring.ReasonBackpressure, nil)
	default:
		h.down(c, ring.ReasonNetwork, []byte(err.Error()))
	}
}

// down takes a connection out of service: marks first, then the records, then the
// first attempt to come back, which is made at once.
func (h *hot) down(c *conn, reason ring.Reason, text []byte) {
	if c.ws == nil {
		return
	}
	if c.successorOf != nil {
		h.dropSuccessor(c.successorOf)
		return
	}
	if c.successor != nil {
		h.dropSuccessor(c)
	}
	said := string(text) // it may point into the buffer that goes with the socket
	h.hangUp(c)
	now := h.clock.Now()
	c.state, c.downNS, c.failures, c.dialNS = ring.ConnectionDown, now, 0, now
	c.stats.State, c.stats.ConnectedSinceNS = c.state, 0
	c.pending, c.pingNS = nil, 0
	h.w.SetConnection(c.row, &c.stats)
	for _, s := range c.subs {
		if !h.standIn(s, now) {
			h.unmark(s, now)
		}
	}
	open := h.openFrame(now)
	h.status(statusArgs{code: ring.StatusDown, scope: ring.ScopeConnection, reason: reason, conn: c, since: now, text: []byte(said)})
	for _, s := range c.subs {
		h.announceStale(s.inst, reason, now)
	}
	h.closeFrame(open)
	h.logConn(logDown, c, reason, said)
	h.hasten(now)
}

// hangUp frees the socket of a connection.
func (h *hot) hangUp(c *conn) {
	_ = h.poller.Del(c.ws.FD())
	_ = c.ws.Close() // the descriptor is freed whatever it says
	h.byRow[c.row] = nil
	c.ws, c.wantWrite = nil, false
}

// unmark takes back what a subscription promised.
func (h *hot) unmark(s *subscription, now int64) {
	s.retryNS, s.retryWaitNS, s.firstDataNS, s.counted, s.unheard = 0, 0, 0, false, false
	if s.state == subIdle || s.state == subLeaving {
		s.state = subIdle // nothing was promised
		return
	}
	s.state = subWanted
	in := s.inst
	in.stale |= s.stream.Channel
	if s.stream.Channel == ring.ChannelTrades {
		h.tradesLost(in, now)
	}
	if s.stream.Channel == ring.ChannelBookTicker {
		in.quote = quote{} // the next one is news, whatever it says
		in.quoteSeq = 0
	}
	if s.stream.Channel == ring.ChannelOrderBook {
		in.bits |= ring.BitSuspect
		in.bookSynced = false
		if in.rest != nil {
			in.rest.forget()
			in.rest.waitNS, in.rest.nextNS = 0, 0
		}
		in.epoch++ // what is held from before must not be joined with what comes
		if in.lostNS == 0 {
			in.lostNS, in.lostID = now, in.bookID
		}
		in.bookID, in.depthID, in.holeNS = 0, 0, 0 // the chain begins anew
	}
	h.settle(in)
	h.w.SetStaleChannels(in.id, in.stale)
	if s.stream.Channel == ring.ChannelOrderBook {
		h.flagBook(in)
	}
}

// announceStale says once per instrument that it is not to be trusted.
func (h *hot) announceStale(in *instrument, reason ring.Reason, since int64) {
	if in.staleAnnounced || in.stale == 0 {
		return
	}
	in.staleAnnounced = true
	h.w.Counters[ring.CounterStale]++
	h.status(statusArgs{code: ring.StatusStale, scope: ring.ScopeInstrument, reason: reason, inst: in, since: since})
}

// channelFresh clears a channel's staleness; the instrument is FRESH when none is
// left.
func (h *hot) channelFresh(in *instrument, ch ring.Channel) {
	in.stale &^= ch
	h.w.SetStaleChannels(in.id, in.stale)
	if in.stale != 0 {
		return
	}
	in.bits &^= ring.BitStale
	h.storeState(in)
	if in.staleAnnounced {
		in.staleAnnounced = false
		h.instrumentStatus(in, ring.StatusFresh, ring.ReasonNone, nil)
	}
}

// dialFailed plans the next attempt.
func (h *hot) dialFailed(c *conn, e *wire.DialError, now int64) {
	c.failures++
	h.w.Counters[ring.CounterConnectFailures]++
	h.heed(h.cfg.URLs[c.url], e, now)
	if c.failures%3 == 0 {
		h.failover(c)
	}
	if c.downNS == 0 {
		c.downNS = now
	}
	wait := h.nextWait(c, e, now)
	c.dialNS = now + wait
	h.hasten(c.dialNS)
	reason := dialReason(e)
	if reason == c.saidReason && now-c.saidNS < sayAgainNS || c.successorOf != nil {
		return
	}
	c.saidNS, c.saidReason = now, reason
	open := h.openFrame(now)
	h.status(statusArgs{code: ring.StatusDown, scope: ring.ScopeConnection, reason: reason, conn: c, since: c.downNS, text: []byte(e.Reason)})
	h.closeFrame(open)
	h.logDial(c, e)
}

// nextWait is the jittered wait before the next attempt.
func (h *hot) nextWait(c *conn, e *wire.DialError, now int64) int64 {
	answered := e.Status != 0
	switch {
	case answered:
		c.waitNS = min(max(2*c.waitNS, refusedFirstNS), refusedMaxNS)
	default:
		c.waitNS = min(max((now-c.downNS)/retryShare, retryFirstNS), retryMaxNS)
	}
	wait := c.waitNS/2 + h.random(c.waitNS/2+1)
	return max(wait, int64(e.RetryAfter))
}

// failover moves to the next endpoint of the list.
func (h *hot) failover(c *conn) {
	if len(h.cfg.URLs) < 2 {
		return
	}
	c.url = (c.url + 1) % len(h.cfg.URLs)
	open := h.openFrame(h.clock.Now())
	h.status(statusArgs{code: ring.StatusFailover, scope: ring.ScopeConnection, conn: c, text: []byte(h.cfg.URLs[c.url])})
	h.closeFrame(open)
}

// up puts a dialled connection into service: everything wanted of it is asked for
// again, changes made meanwhile included.
func (h *hot) up(c *conn, ws socket, now int64) {
	if err := h.poller.Add(ws.FD(), uint32(c.row)); err != nil {
		_ = ws.Close()
		h.dialFailed(c, &wire.DialError{Code: wire.DialOther, Reason: err.Error(), Err: err}, now)
		return
	}
	again := c.stats.ConnectedSinceNS == 0 && c.stats.Frames > 0
	since := c.downNS
	h.byRow[c.row] = c
	c.ws, c.state, c.failures, c.waitNS, c.ackFailures, c.saidReason = ws, ring.ConnectionUp, 0, 0, 0, 0
	c.pings, c.pongs, c.drainNS = 0, 0, 0
	c.used, c.downNS, c.pingNS, c.askedNS, c.nextPingNS = 0, 0, 0, 0, now+h.dialect.PingIntervalNS()
	c.stats.State, c.stats.ConnectedSinceNS, c.stats.LastReceiveNS = c.state, now, now
	if again {
		c.stats.Reconnects++
		h.w.Counters[ring.CounterReconnects]++
	}
	h.w.SetEndpoint(c.row, ws.Endpoint())
	h.w.SetConnection(c.row, &c.stats)
	h.recvNS = now
	open := h.openFrame(now)
	h.status(statusArgs{code: ring.StatusUp, scope: ring.ScopeConnection, conn: c, since: since, text: []byte(ws.Endpoint())})
	h.closeFrame(open)
	h.logConn(logUp, c, 0, ws.Describe())
	h.request(c, now)
	// The answer to the handshake may have brought messages with it.
	if err := h.messages(c); err != nil && c.ws != nil {
		h.lost(c, err)
	}
}

// openFrame opens a frame for records of the publisher's own, unless one is open.
func (h *hot) openFrame(now int64) bool {
	if h.frameOpen {
		return false
	}
	h.frameOpen = true
	h.w.BeginFrame(now)
	return true
}

func (h *hot) closeFrame(opened bool) {
	if opened {
		h.frameOpen = false
		h.w.EndFrame()
		h.worked = true
	}
}
