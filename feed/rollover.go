package feed

import (
	"math"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// A venue that ends connections of a certain age is left before: a successor is
// dialled and subscribed first, both bring data for a while (each datum is
// published once), then the successor takes the streams over and the old socket is
// read out and closed.

const (
	// mergeAfterNS: so long after the take-over data may still overlap.
	mergeAfterNS = 5 * second
	// rollAgainNS is the wait after a successor was lost.
	rollAgainNS = 30 * second
	// replaceAgainNS is that wait where streams are missing until there is a successor.
	replaceAgainNS = 1 * second
	// drainNS bounds the wait for the old connection's answer to the ping that follows
	// what it had under way.
	drainNS = 2 * second
	// readOutChunks bounds what is read from the old socket at the take-over.
	readOutChunks = 64
)

// rowPool gives out rows of the connection table, freed ones last.
type rowPool struct {
	used uint16
	free []uint16
}

func (p *rowPool) left() int { return ring.MaxConnections - int(p.used) + len(p.free) }

func (p *rowPool) take() uint16 {
	if p.used < ring.MaxConnections {
		p.used++
		return p.used - 1
	}
	row := p.free[0]
	p.free = p.free[1:]
	return row
}

// newConn makes a connection of a group that dials at dialNS. A row must be left.
func (h *hot) newConn(dialNS int64, g connGroup) *conn {
	c := &conn{row: h.rows.take(), dialNS: dialNS, connGroup: g, url: int(g.leg) % max(len(h.cfg.URLs), 1)}
	h.conns = append(h.conns, c)
	h.hasten(dialNS)
	return c
}

// age moves on with a rollover that is due or under way.
func (h *hot) age(c *conn, now int64) {
	if c.successorOf != nil {
		if c.ready() && h.drained(c.successorOf, now) {
			h.takeOver(c.successorOf, c, now)
		}
		return
	}
	if h.lifeNS > 0 && c.ws != nil && c.successor == nil && now-c.stats.ConnectedSinceNS > h.lifeNS &&
		now >= c.rollNS && h.rows.left() > 0 {
		h.rollOver(c, now)
	}
}

// replace moves everything to a new connection, as at the end of a connection's
// life, because this one may ask for no more.
func (h *hot) replace(c *conn, now int64) {
	if c.ws != nil && c.successor == nil && c.successorOf == nil && h.rows.left() > 0 &&
		now >= c.rollNS-rollAgainNS+replaceAgainNS {
		h.rollOver(c, now)
	}
}

// rollOver dials a successor for everything that a connection carries.
func (h *hot) rollOver(c *conn, now int64) {
	n := h.newConn(now, c.connGroup)
	n.url, n.successorOf = c.url, c
	c.successor, c.leaving = n, true
	for _, s := range c.subs {
		if s.state == subIdle || s.state == subLeaving {
			continue
		}
		n.subs = append(n.subs, &subscription{inst: s.inst, stream: s.stream, state: subWanted, conn: n, leg: s.leg})
		s.inst.mergeNS = math.MaxInt64
	}
	h.w.Counters[ring.CounterRollovers]++
	open := h.openFrame(now)
	h.status(statusArgs{code: ring.StatusRollover, scope: ring.ScopeConnection, conn: c, since: c.stats.ConnectedSinceNS})
	h.closeFrame(open)
}

// ready says that a successor is up and every request of its was answered.
func (c *conn) ready() bool {
	if c.ws == nil || len(c.pending) > 0 {
		return false
	}
	for _, s := range c.subs {
		if s.state == subWanted || s.state == subRequested {
			return false
		}
	}
	return true
}

// drained says that an old connection has brought all that it had under way when its
// successor had every answer: a ping was answered that was sent then. What the venue
// queued for the old one before it knew of the new one is on neither otherwise.
func (h *hot) drained(old *conn, now int64) bool {
	switch {
	case old.ws == nil:
		return true
	case old.drainNS == 0:
		old.drainNS = now
		if h.ping(old, now) {
			old.drainPing = old.pings
		}
		return false
	}
	return old.pongs >= old.drainPing || now-old.drainNS > drainNS
}

// takeOver makes the successor the carrier of its predecessor's streams.
func (h *hot) takeOver(old, n *conn, now int64) {
	h.readOut(old)
	if old.ws == nil || n.ws == nil {
		return // one of them ended over it, and that has been dealt with
	}
	moved := map[*subscription]bool{}
	for _, s := range n.subs {
		k := channelIndex(s.stream.Channel)
		was := s.inst.on(k, old)
		h.mergeUntil(s.inst, now+mergeAfterNS)
		if was == nil {
			s.state = subLeaving
			continue
		}
		moved[was] = true
		if was.state == subIdle || was.state == subLeaving {
			s.state = subLeaving
		}
		s.lastDataNS, s.retryNS, s.retryWaitNS = was.lastDataNS, was.retryNS, was.retryWaitNS
		s.inst.put(k, was, s)
		if s.isSpare() {
			continue
		}
		h.w.SetInstrumentConnection(s.inst.id, n.row)
		h.settle(s.inst)
	}
	for _, s := range old.subs {
		if !moved[s] { // came while the successor was under way
			s.conn = n
			n.subs = append(n.subs, s)
			if s.state == subRequested || s.state == subActive {
				s.state = subWanted
			}
			if !s.isSpare() {
				h.w.SetInstrumentConnection(s.inst.id, n.row)
			}
		}
	}
	n.successorOf = nil
	_ = old.ws.SendClose(wire.CloseNormal, "") // best effort: the socket is closed next
	h.hangUp(old)
	h.retire(old)
	h.request(n, now)
	h.logConn(logRolled, n, 0, "")
}

// readOut publishes what the old socket still holds.
func (h *hot) readOut(c *conn) {
	for range readOutChunks {
		before := c.stats.Bytes
		if h.readable(c); c.ws == nil || c.stats.Bytes == before {
			return
		}
	}
}

// dropSuccessor gives up a successor; its predecessor carries on and tries again
// later.
func (h *hot) dropSuccessor(c *conn) {
	n := c.successor
	now := h.clock.Now()
	c.successor, c.leaving, c.rollNS = nil, false, now+rollAgainNS
	c.drainNS = 0
	for _, s := range n.subs {
		h.mergeUntil(s.inst, now+mergeAfterNS)
	}
	n.attempt++ // a dial under way is dropped when it ends
	if n.ws != nil {
		h.hangUp(n)
	}
	h.retire(n)
}

// retire takes a connection off the list and frees its row.
func (h *hot) retire(c *conn) {
	for i, have := range h.conns {
		if have == c {
			h.conns = append(h.conns[:i], h.conns[i+1:]...)
			break
		}
	}
	c.stats.State, c.stats.ConnectedSinceNS = ring.ConnectionClosed, 0
	h.w.SetConnection(c.row, &c.stats)
	h.rows.free = append(h.rows.free, c.row)
}

// duplicate says that a datum was brought by the other connection before, by the
// venue's sequence; where there is none only the carrier counts.
func (h *hot) duplicate(c *conn, in *instrument, it *exchanges.Item) bool {
	switch it.Kind {
	case ring.KindBookTicker:
		if it.Sequence != 0 {
			return it.Sequence < in.quoteSeq || it.Sequence == in.quoteSeq && in.quoteRow != c.row
		}
	case ring.KindTrade:
		if hasTradeID(it) {
			return false // told knows
		}
	case ring.KindDepth:
		if it.Flags&ring.FlagSnapshot != 0 && !in.bookSynced {
			return false // what a book is to be made of is news
		}
		if it.Sequence != 0 {
			return it.Sequence <= in.depthID
		}
	}
	sub := in.subs[kindIndex[it.Kind&7]]
	return sub == nil || sub.conn != c
}

// overlaps says that a delta of the other connection joins the book, though it
// begins before the book's end: quantities are totals.
func (h *hot) overlaps(in *instrument, it *exchanges.Item) bool {
	return h.recvNS < in.mergeNS && it.FirstSequence <= in.bookID+1 && it.Sequence > in.bookID
}
