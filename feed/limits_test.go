package feed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/feed/internal/wire"
)

// A host is dialled at a pace, over all connections, and left alone while it asked
// for rest.
func TestHostIsDialledAtAPace(t *testing.T) {
	h := &hot{cfg: &PublisherConfig{URLs: []string{"wss://a.example/ws/v4/", "wss://b.example/"}}, hosts: map[string]*hostLimit{}}
	now := int64(1_000 * second)
	conns := make([]*conn, 50)
	for i := range conns {
		conns[i] = &conn{}
	}
	dials := func(period time.Duration) int {
		n := 0
		for end := now + int64(period); now < end; now += ms {
			for _, c := range conns {
				if now >= c.dialNS && h.mayDial(c, now) {
					n++
				}
			}
		}
		return n
	}
	assert.InDelta(t, dialBurst+dialPerSecond, dials(time.Second), 2)
	assert.InDelta(t, 5*dialPerSecond, dials(5*time.Second), 2)

	h.heed("wss://a.example/other", &wire.DialError{RetryAfter: 3 * time.Second}, now)
	assert.Zero(t, dials(2999*time.Millisecond), "the whole host rests")
	assert.True(t, h.mayDial(&conn{url: 1}, now), "another host does not")
	assert.NotZero(t, dials(100*time.Millisecond))
}

// A venue's message limit is kept with a margin.
func TestMessagesKeepTheVenuesLimit(t *testing.T) {
	h := &hot{messagesPerSecond: 100}
	c := &conn{}
	now, n := int64(second), 0
	for end := now + second; now < end; now += ms {
		if h.maySend(c, now) {
			n++
		}
	}
	assert.LessOrEqual(t, n, 180)
	n = 0
	for end := now + 10*second; now < end; now += ms {
		if h.maySend(c, now) {
			n++
		}
	}
	assert.InDelta(t, 900, n, 2)
}

// While a host is gone one connection at a time knocks; when it is back all dial.
func TestOneScoutFindsALostHost(t *testing.T) {
	h := &hot{cfg: &PublisherConfig{URLs: []string{"wss://a.example/"}}, hosts: map[string]*hostLimit{}}
	now := int64(1_000 * second)
	for range 14 {
		h.conns = append(h.conns, &conn{})
	}
	url := h.cfg.URLs[0]
	h.scouted(url, true, now)
	knocks := 0
	for end := now + second; now < end; now += 10 * ms {
		for _, c := range h.conns {
			if now >= c.dialNS && h.mayDial(c, now) {
				knocks++
				c.dialNS = now + retryFirstNS
				h.scouted(url, true, now) // refused at once
			}
		}
	}
	assert.LessOrEqual(t, knocks, dialBurst+dialPerSecond)
	now += 2 * second
	assert.True(t, h.mayDial(h.conns[0], now))
	for _, c := range h.conns[1:] {
		assert.False(t, h.mayDial(c, now), "while the scout is under way the others wait")
	}
	h.scouted(url, false, now)
	for _, c := range h.conns[1:] {
		assert.LessOrEqual(t, c.dialNS, now)
		assert.True(t, h.mayDial(c, now), "all are back at once")
	}
}
