package sim

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// begin makes a client live.
func (s *synthetic) begin(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || c.isGone() {
		return
	}
	s.live = append(s.live, c)
	s.resume(time.Now())
	for _, k := range c.wanted() {
		s.attach(c, k)
	}
	s.changed()
}

func (s *synthetic) end(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.live, c)
	if i < 0 {
		return
	}
	s.live = slices.Delete(s.live, i, i+1)
	for k := range s.streams {
		s.detach(c, k)
	}
	s.changed()
}

func (s *synthetic) subscribe(c *conn, k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.live, c) {
		s.resume(time.Now())
		s.attach(c, k)
		s.changed()
	}
}

func (s *synthetic) unsubscribe(c *conn, k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detach(c, k)
	s.changed()
}

// attach gives a live client a stream; the lock is held.
func (s *synthetic) attach(c *conn, k key) {
	st := s.streams[k]
	if st == nil {
		st = s.open(k)
	}
	if slices.Contains(st.subs, c) {
		return
	}
	st.subs = append(st.subs, c)
	st.fresh = append(st.fresh, c)
	if st.spec.kind == kindSnapshotDiffs {
		s.buf = s.format.diffs(s.buf[:0], st, 0, st.bids.sent, st.asks.sent, s.momentAt(s.clockNS))
		s.send(st, st.lastID, c)
		st.fresh = nil
	}
	s.flush()
}

// open starts a stream at the present state of the market.
func (s *synthetic) open(k key) *stream {
	p := s.market.byName[k.pair]
	if p == nil {
		p = s.market.pairs[0] // a stream of all pairs goes with the first
	}
	st := &stream{key: k, name: s.format.name(k), spec: s.format.spec(k), pair: p}
	switch st.spec.kind {
	case kindSilent:
		s.streams[k] = st
		return st
	case kindDiffs, kindSnapshotDiffs:
		st.remember()
	case kindCandle:
		st.candle = newCandle(p.last, s.wallMS(s.clockNS)/1000, st.spec.bar)
	}
	s.streams[k] = st
	s.byPair[p.index] = append(s.byPair[p.index], st)
	if w := int64(st.spec.window); w > 0 {
		// Windows of different pairs end at different times.
		phase := int64(mix64(uint64(p.index)) % uint64(w))
		st.dueNS = s.clockNS + w - (s.clockNS+w-phase)%w
		heap.Push(&s.due, st)
	}
	return st
}

func (s *synthetic) detach(c *conn, k key) {
	st := s.streams[k]
	if st == nil {
		return
	}
	gone := func(o *conn) bool { return o == c }
	st.subs = slices.DeleteFunc(st.subs, gone)
	st.fresh = slices.DeleteFunc(st.fresh, gone)
	if len(st.subs) > 0 {
		return
	}
	delete(s.streams, k)
	same := func(o *stream) bool { return o == st }
	s.byPair[st.pair.index] = slices.DeleteFunc(s.byPair[st.pair.index], same)
	s.due = slices.DeleteFunc(s.due, same)
	heap.Init(&s.due)
}

// dueHeap orders streams by the end of their window, then by name, so that the
// order is the same in every run.
type dueHeap []*stream

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *dueHeap) Push(x any) { *h = append(*h, x.(*stream)) }

func (h dueHeap) Less(i, j int) bool {
	if a, b := h[i].dueNS, h[j].dueNS; a != b {
		return a < b
	}
	return h[i].order(h[j].key) < 0
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	st := (*h)[last]
	*h = (*h)[:last]
	return st
}

// order compares two keys by their members.
func (k key) order(o key) int {
	return cmp.Or(cmp.Compare(k.pair, o.pair), cmp.Compare(k.channel, o.channel),
		cmp.Compare(k.level, o.level), cmp.Compare(k.interval, o.interval))
}
