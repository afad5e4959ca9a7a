package sim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// venueMEXC is the name in Config.Venue.
const venueMEXC = "mexc"

// Limits of MEXC spot: documented, the streams also probed 2026-09.
const (
	mexcStreams  = 30
	mexcMessages = 100
	mexcLife     = 24 * time.Hour
)

// mexc is the dialect of one server.
type mexc struct {
	srv  *Server
	rest mexcRESTSource
}

// newMEXC makes the dialect and the source of data the configuration names.
func newMEXC(s *Server) (dialect, source, error) {
	if s.cfg.Capture == "" {
		src := newSynthetic(s, mexcFormat{})
		return &mexc{s, mexcMarketREST{src}}, src, nil
	}
	rec, err := loadCapture(s.cfg.Capture, routeMEXC)
	if err != nil {
		return nil, nil, err
	}
	rest, err := newMEXCCaptureREST(rec)
	if err != nil {
		return nil, nil, err
	}
	return &mexc{s, rest}, newReplay(s, rec, rest.named), nil
}

func (m *mexc) wsPath() string          { return "/ws" }
func (m *mexc) restPath() string        { return "" }
func (m *mexc) isREST(path string) bool { return strings.HasPrefix(path, "/api/v3/") }
func (m *mexc) op() ws.OpCode           { return ws.OpBinary }
func (m *mexc) streamName(k key) string { return mexcName(k) }

func (m *mexc) limits() limits {
	return limits{
		messages: mexcMessages,
		streams:  mexcStreams,
		life:     orDefault(m.srv.cfg.ConnectionLife, mexcLife),
		noPong:   true, // one report of 2026 saw pings unanswered

		mustSubscribe: true, // documented: no valid subscription, cut after 30 s
	}
}

// mexcRequest is a client's message.
type mexcRequest struct {
	ID     uint64   `json:"id"`
	Method string   `json:"method"`
	Params []string `json:"params"`
}

// handle answers one client message. One goroutine a connection calls it.
func (m *mexc) handle(c *conn, message []byte) {
	var r mexcRequest
	if json.Unmarshal(message, &r) != nil || !bytes.HasPrefix(bytes.TrimSpace(message), []byte("{")) {
		m.refuse(c, r.ID, "request is not valid")
		return
	}
	switch r.Method {
	case "PING":
		m.srv.stats.update(func(s *Stats) { s.Pings++ })
		c.queueText(appendMEXCAnswer(nil, r.ID, 0, "PONG"))
	case "SUBSCRIPTION", "UNSUBSCRIPTION":
		if !c.fault().NoAcks {
			m.change(c, r)
			c.restartSettle()
		}
	default:
		m.refuse(c, r.ID, "unknown method "+r.Method)
	}
}

// refuse answers what is no request. No answer of the venue to that is known.
func (m *mexc) refuse(c *conn, id uint64, why string) {
	m.srv.stats.update(func(s *Stats) { s.Refusals++ })
	c.queueAnswer(appendMEXCAnswer(nil, id, 1, why))
}

// change subscribes or unsubscribes what it can of a request; the answer names what
// it could not.
func (m *mexc) change(c *conn, r mexcRequest) {
	var keys []key
	var accepted, refused []string
	for _, name := range r.Params {
		k, ok := parseMEXCName(name)
		ok = ok && !c.fault().refuses(k.pair) && (k.pair == everyPair || m.srv.source.knows(k.pair))
		silent := false
		if ok && r.Method == "SUBSCRIPTION" && !c.has(k) && !slices.Contains(keys, k) {
			c.asked++
			silent = c.asked > m.srv.limits.streams
			ok = !silent || !m.srv.cfg.RefuseOverLimit
		}
		switch {
		case !ok:
			refused = append(refused, name)
			continue
		case !silent:
			keys = append(keys, k)
		}
		accepted = append(accepted, name)
	}
	answer := appendMEXCAnswer(nil, r.ID, 0, mexcAnswerText(accepted, refused, c.fault().RefuseText))
	if len(refused) > 0 {
		m.srv.stats.update(func(s *Stats) { s.Refusals++ })
	}
	if r.Method == "SUBSCRIPTION" {
		if len(accepted) > 0 {
			m.srv.stats.update(func(s *Stats) { s.Subscribes++ })
		}
		c.subscribe(keys, answer)
		return
	}
	if len(accepted) > 0 {
		m.srv.stats.update(func(s *Stats) { s.Unsubscribes++ })
	}
	c.unsubscribe(keys)
	c.queueAnswer(answer)
}

// mexcAnswerText is the msg of an answer: full-width colon, blank at the end, and
// accepted names in another order than they were asked for, as captured.
func mexcAnswerText(accepted, refused []string, reason string) string {
	slices.Reverse(accepted)
	yes, no := strings.Join(accepted, ","), strings.Join(refused, ",")
	reason = "].  Reason\uff1a " + orDefault(reason, "Blocked!") + " "
	switch {
	case len(accepted)+len(refused) == 0:
		return "Not Subscribed successfully! []."
	case len(refused) == 0:
		return yes
	case len(accepted) == 0:
		return "Not Subscribed successfully! [" + no + reason
	}
	return "Subscribed successful! [" + yes + "]. Not Subscribed successfully! [" + no + reason
}

func appendMEXCAnswer(b []byte, id uint64, code int, msg string) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `,"code":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, `,"msg":`...)
	b = appendJSON(b, msg)
	return append(b, '}')
}

// restError: a 403 comes from the edge before the venue, as a page (probed 2026-10).
func (m *mexc) restError(w http.ResponseWriter, status int) {
	if status == http.StatusForbidden {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body>Access denied</body></html>"))
		return
	}
	mexcRESTError(w, status, status, http.StatusText(status))
}
