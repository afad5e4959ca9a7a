package feed

import (
	"github.com/tickring/tickring/ring"
)

// What came of asking for a book.
const (
	ResendPublished = "published" // it stands between RESYNC_BEGIN and RESYNC_END
	ResendResyncing = "resyncing" // it is not true at the moment; its snapshot follows by itself
	ResendRecent    = "recent"    // it was published less than a second ago
	ResendNoBook    = "no_book"   // its order book is not asked for, or none can be made of it
	ResendUnknown   = "unknown"   // the feed does not have the symbol
)

// ResendResult is what came of asking for one book.
type ResendResult struct {
	Symbol string `json:"symbol"`
	State  string `json:"state"`
	// FirstSequence is the ring's number of RESYNC_BEGIN, 0 where nothing was published.
	FirstSequence uint64 `json:"first_sequence"`
}

// resendEveryNS is the least time between two asked snapshots of one book.
const resendEveryNS = 1 * second

// Resend publishes books whole, as SNAPSHOT records between RESYNC_BEGIN and
// RESYNC_END, for readers that joined late or were lapped; each at most once a second.
// The venue is not asked. Any goroutine; ErrClosed after the end.
func (p *Publisher) Resend(symbols []Symbol) ([]ResendResult, error) {
	out := make([]ResendResult, 0, len(symbols))
	for _, s := range symbols {
		r := ResendResult{Symbol: s.String()}
		if err := p.command(func(h *hot) { r.State, r.FirstSequence = h.resendAsked(s) }); err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// resendAsked publishes a book that a reader asked for.
func (h *hot) resendAsked(s Symbol) (state string, first uint64) {
	in := h.bySymbol[s]
	switch {
	case in == nil:
		return ResendUnknown, 0
	case in.book == nil || in.wanted&ring.ChannelOrderBook == 0:
		return ResendNoBook, 0
	case !in.bookSynced:
		return ResendResyncing, 0
	case h.clock.Now()-in.resentNS < resendEveryNS:
		return ResendRecent, in.resentFirst
	}
	first = h.w.LastSequence() + 1
	h.tee.of(teeResend, s, ring.ChannelOrderBook)
	h.resend(s)
	in.resentNS, in.resentFirst = h.clock.Now(), first
	return ResendPublished, first
}
