package feed

import "log/slog"

// PublicSpot is a venue's public spot market: it asks for symbols, keeps the
// connections up, and hands what comes to Handlers. It runs a Publisher, in this
// process's memory or, when Config names a feed or a directory, in a segment that
// other processes read too.
//
// Results of the calls, by state and argument:
//
//	call                before Initialize    after Close  nothing given       double           symbol that the venue cannot spell
//	Initialize          starts               ErrClosed    symbols: connects;  taken once       ErrConfig names it, nothing started
//	                    (again: ErrStarted)               channels: ErrConfig
//	Subscribe           ErrNotInitialized    ErrClosed    nil, no effect      nil, no effect   ErrConfig names it, nothing changed
//	Unsubscribe         ErrNotInitialized    ErrClosed    nil, no effect      taken once       ErrNotSubscribed names it, others end
//	UnsubscribeChannels ErrNotInitialized    ErrClosed    nil, no effect      taken once       ErrNotSubscribed names it, others end
//	ActiveSymbols       empty                empty
//	Connected           false                false
//	PerformanceMetrics  zeros                the last ones
//	Close               closes               nil
//
// A symbol that the venue itself refuses stays in the active set, for it is asked
// for again after each reconnect; Refused and the log say why it is silent.
//
// All methods may be called from any goroutine; Close not from a handler, for it
// waits for them.
type PublicSpot struct {
	*Base
}

// NewPublicSpot makes a market that Initialize starts. A nil logger discards.
// onState, which may be nil, is told every change of state in order, on a
// goroutine of its own; it must not call Close, which waits for it.
func NewPublicSpot(cfg Config, handlers Handlers, logger *slog.Logger, onState func(State)) *PublicSpot {
	return &PublicSpot{newBase(cfg, handlers.routes(), logger, onState)}
}
