package sim

import (
	"cmp"
	"slices"
	"time"
)

// keptTruths bounds how many clients that are gone are remembered: some minutes of
// a test that cuts everything every second.
const keptTruths = 1024

// Truth is what the server did for each client: what a test compares with. Open
// clients and the last 1024 that are gone, in the order in which they came.
type Truth struct {
	Connections []ConnectionTruth
}

// ConnectionTruth is one client. Times are of the wall clock, in nanoseconds.
type ConnectionTruth struct {
	Number   uint64 // from 1, in the order of upgrades
	ID       string // conn_id of the answers, where the venue has one
	OpenedNS int64
	ClosedNS int64 // 0 while open
	Ending   bool  // it is open still, and will take no more data
	Messages uint64
	Streams  []StreamTruth // in the order of the first subscription
}

// StreamTruth is one stream of a client. A stream that was unsubscribed and
// subscribed again goes on counting.
type StreamTruth struct {
	Name           string // as the venue calls it
	Channel, Pair  string
	SubscribedNS   int64  // the last time
	UnsubscribedNS int64  // 0 while subscribed
	LastSequence   uint64 // greatest sent: book id, trade id; 0 where frames have none, and of captures
	Frames         uint64 // queued whole, duplicates included
	Items          uint64 // in them: trades, else one a frame (captures: one a frame)
	Duplicates     uint64 // of these, told twice
	Reordered      uint64 // of these, told after the one that follows
	Malformed      uint64 // sent as half a frame
	Withheld       uint64 // not sent whole because of a fault
	Gaps           uint64 // deltas sent right after withheld ones: gaps a client must find

	missing bool
}

// Active reports whether the stream is subscribed.
func (t StreamTruth) Active() bool { return t.UnsubscribedNS == 0 }

// Truth gives a snapshot. Frames a fault holds back to reorder are not in it yet.
func (s *Server) Truth() Truth {
	s.upgrading.Lock()
	defer s.upgrading.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Truth{Connections: slices.Clone(s.truths.gone)}
	for c := range s.conns {
		t.Connections = append(t.Connections, c.copyTruth())
	}
	slices.SortFunc(t.Connections, func(a, b ConnectionTruth) int { return cmp.Compare(a.Number, b.Number) })
	return t
}

// Active gives the names of the streams subscribed on open connections, sorted;
// one that is subscribed on two is named twice.
func (t Truth) Active() []string {
	var names []string
	for _, c := range t.Connections {
		for _, st := range c.Streams {
			if c.ClosedNS == 0 && st.Active() {
				names = append(names, st.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// truths are the clients that are gone; guarded by the server's lock.
type truths struct {
	last uint64
	gone []ConnectionTruth
}

func (t *truths) add(c ConnectionTruth) {
	if len(t.gone) == keptTruths {
		t.gone = slices.Delete(t.gone, 0, 1)
	}
	t.gone = append(t.gone, c)
}

// truthOf gives the account of a stream; one of no stream is forgotten. The lock is
// held.
func (c *conn) truthOf(k key) *StreamTruth {
	if i, ok := c.stream[k]; ok {
		return &c.truth.Streams[i]
	}
	return &StreamTruth{}
}

func (c *conn) noteSubscribed(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.stream[k]
	if !ok {
		i = len(c.truth.Streams)
		c.stream[k] = i
		c.truth.Streams = append(c.truth.Streams, StreamTruth{Name: c.srv.dialect.streamName(k), Channel: k.channel, Pair: k.pair})
	}
	t := &c.truth.Streams[i]
	// A stream starts anew: what was withheld before is no gap in it.
	t.SubscribedNS, t.UnsubscribedNS, t.missing = time.Now().UnixNano(), 0, false
}

// noteUnsubscribed follows the end of a stream; a frame of it that is held back
// will not be sent.
func (c *conn) noteUnsubscribed(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.truthOf(k)
	t.UnsubscribedNS = time.Now().UnixNano()
	if c.held != nil && c.held.key == k {
		c.held = nil
		t.Withheld++
	}
}

func (c *conn) copyTruth() ConnectionTruth {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.truth
	t.Ending = c.ending || c.dead || c.counts.resetNext
	t.Streams = slices.Clone(t.Streams)
	return t
}

// endTruth is the account of a client that is gone.
func (c *conn) endTruth() ConnectionTruth {
	t := c.copyTruth()
	t.ClosedNS = time.Now().UnixNano()
	return t
}
