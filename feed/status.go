package feed

import (
	"unicode/utf8"

	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// statusArgs is what a STATUS record says; zero values say nothing.
type statusArgs struct {
	code        ring.StatusCode
	scope       ring.Scope
	reason      ring.Reason
	inst        *instrument
	conn        *conn
	first, last uint64
	since       int64
	text        []byte
}

// status publishes a STATUS record. The frame is open. It uses a record of its
// own, so that it may stand between the making and the publishing of another.
func (h *hot) status(a statusArgs) {
	r := &h.statusRecord
	*r = ring.Record{
		Kind: ring.KindStatus, Flags: ring.FlagFirst | ring.FlagLast | ring.FlagSynthetic,
		Instrument: ring.NoInstrument, EventTimeNS: ring.Absent,
	}
	s := r.Status()
	s.Code, s.Scope, s.Reason = a.code, uint8(a.scope), uint32(a.reason)
	s.Connection, s.SinceNS = ring.NoConnection, ring.Absent
	s.FirstMissing, s.LastMissing = a.first, a.last
	if a.since != 0 {
		s.SinceNS = a.since
	}
	if a.inst != nil {
		r.Instrument = a.inst.id
		s.BookEpoch = a.inst.epoch
		if c := a.inst.carrier(); c != nil {
			s.Connection = c.row
		}
	}
	if a.conn != nil {
		s.Connection = a.conn.row
	}
	s.TextLength = uint16(copy(s.Text[:], cutText(a.text, len(s.Text))))
	h.w.Publish(r)
	h.w.Counters[ring.CounterStatuses]++
}

func (h *hot) instrumentStatus(in *instrument, code ring.StatusCode, reason ring.Reason, text []byte) {
	h.status(statusArgs{code: code, scope: ring.ScopeInstrument, reason: reason, inst: in, text: text})
}

// cutText cuts at a character, never within one.
func cutText(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > 0 && limit-cut < utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

// carrier is the connection of any of the instrument's streams.
func (in *instrument) carrier() *conn {
	for _, s := range in.subs {
		if s != nil && s.conn != nil {
			return s.conn
		}
	}
	return nil
}

// storeState stores the state word; it precedes every record that explains it.
func (h *hot) storeState(in *instrument) { h.w.SetState(in.id, in.bits, in.epoch) }

// dialReason maps a failed dial to the reason in its STATUS record.
func dialReason(e *wire.DialError) ring.Reason {
	if e.Status != 0 && e.Code != wire.DialNotWebSocket && e.Code != wire.DialBadAccept {
		return ring.ReasonHTTPBase + ring.Reason(e.Status)
	}
	switch e.Code {
	case wire.DialNameNotFound:
		return ring.ReasonDNS
	case wire.DialPeerClosed:
		return ring.ReasonClosedByPeer
	case wire.DialRefused:
		return ring.ReasonConnectRefused
	case wire.DialTimeout:
		return ring.ReasonTimeout
	case wire.DialTLSWrongHost:
		return ring.ReasonTLSWrongHost
	case wire.DialTLSExpired, wire.DialTLSNotYetValid:
		return ring.ReasonTLSExpired
	case wire.DialTLSSelfSigned, wire.DialTLSUnknownCA:
		return ring.ReasonTLSUnknownCA
	case wire.DialTLSNotTLS, wire.DialTLSOther:
		return ring.ReasonTLS
	case wire.DialNotWebSocket, wire.DialBadAccept:
		return ring.ReasonNotWebSocket
	case wire.DialCancelled:
		return ring.ReasonRequested
	}
	return ring.ReasonNetwork
}
