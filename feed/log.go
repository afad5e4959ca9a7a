package feed

import (
	"fmt"
	"log/slog"

	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// logEvent is a control event on its way from the hot thread to the log. Events
// are rare; a full queue drops them, and the records in the ring tell the same.
type logEvent struct {
	level slog.Level
	text  string
	attrs []slog.Attr
}

// logCode names a control event.
type logCode uint8

const (
	logUp logCode = iota
	logDown
	logNotice
	logUnasked
	logUnknown
	logPoll
	logBookLost
	logRolled
	logSnapshot
	logClockOff
	logClockBack
	logNoTime
	logTrades
)

var logTexts = [...]struct {
	level slog.Level
	text  string
}{
	logUp:       {slog.LevelInfo, "connection up"},
	logDown:     {slog.LevelWarn, "connection down"},
	logNotice:   {slog.LevelInfo, "notice of the venue"},
	logUnasked:  {slog.LevelError, "venue answered a request that is not open"},
	logUnknown:  {slog.LevelWarn, "message of no known shape"},
	logPoll:     {slog.LevelError, "waiting for sockets failed"},
	logBookLost: {slog.LevelWarn, "book lost its sequence"},
	logRolled:   {slog.LevelInfo, "moved to a new connection"},
	logSnapshot: {slog.LevelWarn, "no book snapshot, trying again"},

	logClockOff:  {slog.LevelWarn, "venue's clock or this host's is off: records with an event time are flagged CLOCK_SKEW"},
	logClockBack: {slog.LevelInfo, "venue's clock and this host's agree again"},
	logNoTime:    {slog.LevelWarn, "venue's time not known, trying again"},
	logTrades:    {slog.LevelWarn, "trades of an outage not fetched, trying again"},
}

// maxLoggedText bounds what of a venue's text is logged.
const maxLoggedText = 512

func (h *hot) log(code logCode, attrs ...slog.Attr) {
	t := logTexts[code]
	h.logs.Push(&logEvent{level: t.level, text: t.text, attrs: attrs})
}

func (h *hot) logConn(code logCode, c *conn, reason ring.Reason, text string) {
	attrs := []slog.Attr{slog.Int("connection", int(c.row)), slog.String("endpoint", h.cfg.URLs[c.url])}
	if reason != ring.ReasonNone {
		attrs = append(attrs, slog.String("reason", reason.String()))
	}
	if text != "" {
		attrs = append(attrs, slog.String("text", text))
	}
	h.log(code, attrs...)
}

func (h *hot) logDial(c *conn, e *wire.DialError) {
	h.logs.Push(&logEvent{level: slog.LevelError, text: "connect failed, trying again", attrs: []slog.Attr{
		slog.Int("connection", int(c.row)), slog.Int("attempt", c.failures), slog.String("error", e.Error()),
	}})
}

func (h *hot) logText(code logCode, c *conn, text []byte) {
	attrs := []slog.Attr{slog.String("text", string(text[:min(len(text), maxLoggedText)]))}
	if c != nil {
		attrs = append(attrs, slog.Int("connection", int(c.row)))
	}
	h.log(code, attrs...)
}

func (h *hot) logFrame(code logCode, c *conn, frame []byte) { h.logText(code, c, frame) }

func (h *hot) logf(code logCode, in *instrument, reason ring.Reason, first, last uint64) {
	h.log(code, slog.String("symbol", in.symbol.String()), slog.String("reason", reason.String()),
		slog.String("missing", fmt.Sprintf("%d..%d", first, last)))
}

func (h *hot) logRefused(c *conn, s *subscription, text []byte) {
	h.logs.Push(&logEvent{level: slog.LevelError, text: "venue refused a subscription", attrs: []slog.Attr{
		slog.String("symbol", s.inst.symbol.String()), slog.String("stream", s.stream.Name),
		slog.String("text", string(text[:min(len(text), maxLoggedText)])), slog.Int("connection", int(c.row)),
	}})
}

func slogSymbol(in *instrument) slog.Attr { return slog.String("symbol", in.symbol.String()) }

func slogError(err error) slog.Attr { return slog.String("error", err.Error()) }
