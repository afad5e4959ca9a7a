package sim

import (
	"maps"
	"sync"
)

// Stats counts what the server did since New: the truth a test compares with.
// Frames are counted when they are queued for a client, just before the write.
type Stats struct {
	Connections    uint64            // WebSocket upgrades that succeeded
	Open           int               // of these, still open
	Refused        uint64            // upgrades answered with an HTTP status
	Requests       uint64            // client messages, pings included
	Subscribes     uint64            // accepted subscribe requests
	Unsubscribes   uint64            // accepted unsubscribe requests
	Refusals       uint64            // requests answered with an error
	Pings          uint64            // application pings answered
	ProtocolPings  uint64            // ping frames answered
	ProtocolErrors uint64            // clients closed for breaking RFC 6455
	IdleCloses     uint64            // clients cut for silence
	SlowCuts       uint64            // clients cut for not reading
	REST           map[string]uint64 // REST requests by path
	Frames         map[string]uint64 // data frames by channel; "" has no channel
	FramesTotal    uint64            // sum of Frames
	Repeats        uint64            // of these, quotes told again unchanged (mexc)
	Bare           uint64            // of these, frames of a window without a trade (mexc)
	Malformed      uint64            // data frames sent as half of themselves
	FloodCuts      uint64            // clients cut for too many messages a second
	LifeCuts       uint64            // clients cut because their connection was too old
}

// stats guards a Stats.
type stats struct {
	mu sync.Mutex
	s  Stats
}

func newStats() *stats {
	return &stats{s: Stats{REST: map[string]uint64{}, Frames: map[string]uint64{}}}
}

func (t *stats) update(f func(*Stats)) {
	t.mu.Lock()
	f(&t.s)
	t.mu.Unlock()
}

func (t *stats) frames(channel string, n int) {
	t.mu.Lock()
	t.s.Frames[channel] += uint64(n)
	t.s.FramesTotal += uint64(n)
	t.mu.Unlock()
}

func (t *stats) copy() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.s
	s.REST, s.Frames = maps.Clone(s.REST), maps.Clone(s.Frames)
	return s
}
