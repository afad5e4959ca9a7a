package feed

import (
	"net/url"

	"github.com/tickring/tickring/feed/internal/wire"
)

// Limits of dialling one host, over all connections of the feed. Venues publish few
// numbers; these keep a feed of a hundred connections from knocking more than
// twenty times a second, and let it come back at once after a short loss.
const (
	dialBurst     = 20
	dialPerSecond = 20
)

// bucket is a token bucket on the hot thread's clock.
type bucket struct {
	tokens float64
	atNS   int64
}

// take spends a token if there is one; size is the most that may gather.
func (b *bucket) take(now int64, size, perSecond float64) bool {
	if b.atNS == 0 {
		b.tokens = size
	}
	b.tokens = min(size, b.tokens+float64(now-b.atNS)/second*perSecond)
	b.atNS = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// hostLimit is what one host allows: a pace, and a time before which it wants no
// more (Retry-After of a 429, 418 or 503).
//
// While nobody listens there, one connection at a time is the scout: the others
// wait for its luck and dial when it is through. A host that is gone is knocked at
// once in 50 ms, however many connections it carried, and all are back at once.
type hostLimit struct {
	bucket  bucket
	untilNS int64
	gone    bool // the last dial found no WebSocket there
	scout   bool // a dial is under way while gone
}

// host is the limiter of an endpoint's host.
func (h *hot) host(endpoint string) *hostLimit {
	u, err := url.Parse(endpoint)
	name := endpoint
	if err == nil {
		name = u.Host
	}
	l := h.hosts[name]
	if l == nil {
		l = &hostLimit{}
		h.hosts[name] = l
	}
	return l
}

// mayDial says whether a connection may dial its host now, and plans a later look
// where it may not.
func (h *hot) mayDial(c *conn, now int64) bool {
	l := h.host(h.cfg.URLs[c.url])
	switch {
	case l.gone && l.scout:
		c.dialNS = now + retryFirstNS
		return false
	case now < l.untilNS || !l.bucket.take(now, dialBurst, dialPerSecond):
		c.dialNS = max(l.untilNS, now+second/dialPerSecond)
		return false
	}
	l.scout = l.gone
	return true
}

// scouted takes in how a dial of a host ended; when it is back every connection that
// waits for it may dial.
func (h *hot) scouted(endpoint string, failed bool, now int64) {
	l := h.host(endpoint)
	l.scout = false
	if failed {
		l.gone = true
		return
	}
	if !l.gone {
		return
	}
	l.gone = false
	for _, c := range h.conns {
		if c.ws == nil && !c.dialing && h.host(h.cfg.URLs[c.url]) == l {
			c.dialNS = now
		}
	}
	h.nextTick = now
}

// heed keeps every connection of the feed from a host that asked for rest.
func (h *hot) heed(endpoint string, e *wire.DialError, now int64) {
	if e.RetryAfter > 0 {
		l := h.host(endpoint)
		l.untilNS = max(l.untilNS, now+int64(e.RetryAfter))
	}
}

// maySend says whether a connection may send one more message now.
func (h *hot) maySend(c *conn, now int64) bool {
	if h.messagesPerSecond == 0 {
		return true
	}
	// A tenth is left for pings and close frames.
	pace := float64(h.messagesPerSecond) * 0.9
	return c.messages.take(now, pace, pace)
}
