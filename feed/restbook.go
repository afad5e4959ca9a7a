package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Books of streams whose snapshot comes by REST. Deltas are published as they come,
// each once, SUSPECT until the book stands. They are kept meanwhile, in order and
// within a bound; a snapshot that joins them seeds the book; one that is too old is
// fetched again while the deltas are kept. No failure is final.

// Bounds of synchronising, ns.
const (
	// snapshotAgainNS: a snapshot may trail the stream by a second (Gate's main site,
	// 2026); asked for sooner it would be as old.
	snapshotAgainNS = 500 * ms
	snapshotMaxNS   = 30 * second
	// snapshotsPerSecond over all instruments: what MEXC's edge bears, and a
	// twentieth of what Gate allows.
	snapshotsPerSecond = 10
	// maxHeldEvents and maxHeldLevels bound what is kept of one instrument while a
	// snapshot is awaited: 30 s of a busy pair at ten events a second, with room.
	maxHeldEvents = 4096
	maxHeldLevels = 65_536
)

// heldDelta is one delta that waits for its snapshot: ranges of restBook.levels.
type heldDelta struct {
	first, last       uint64
	from, middle, end int32 // bids from:middle, asks middle:end
}

// restBook is what an instrument keeps while its snapshot is awaited.
type restBook struct {
	held     []heldDelta
	levels   []ring.Level
	fetching bool
	attempt  uint64 // names the fetch in flight; a result of another is dropped
	nextNS   int64  // no fetch before
	waitNS   int64
}

// forget drops what is held; a fetch in flight is dropped when it ends.
func (b *restBook) forget() {
	b.drop()
	b.attempt++
	b.fetching = false
}

// keptLevels is the memory that stays with an instrument between synchronisations;
// what a long one took beyond it is given back.
const keptLevels = 1024

// drop drops what is held and keeps the fetch.
func (b *restBook) drop() {
	b.held, b.levels = b.held[:0], b.levels[:0]
	if cap(b.levels) > keptLevels {
		b.held, b.levels = nil, nil
	}
}

// restDelta is a delta of a stream whose snapshot comes by REST.
func (h *hot) restDelta(c *conn, in *instrument, it *exchanges.Item) {
	switch {
	case in.rest == nil:
		h.deltaOnly(c, in, it)
	case it.Flags&ring.FlagSnapshot != 0:
		in.rest.forget()
		h.streamSnapshot(c, in, it)
	case !in.bookSynced:
		h.deltaOnly(c, in, it)
		h.hold(in, it)
	case it.Sequence <= in.bookID:
		// Older than the snapshot: published once like every delta, of no use to the book.
		h.publishDepth(c, in, it, ring.FlagSuspect)
	case it.FirstSequence > in.bookID+1:
		since := in.subs[channelIndex(ring.ChannelOrderBook)].lastDataNS
		first, last := in.bookID+1, it.FirstSequence-1
		h.bookLost(in, ring.ReasonSequence, first, last)
		h.gap(c, in, first, last, since)
		h.publishDepth(c, in, it, ring.FlagSuspect)
		in.bookID = it.Sequence
		h.hold(in, it)
	default:
		h.restApply(c, in, it)
	}
}

// restApply takes a delta that joins the book.
func (h *hot) restApply(c *conn, in *instrument, it *exchanges.Item) {
	in.bookID = it.Sequence
	n := h.publishDepth(c, in, it, 0)
	if h.atScale(in) {
		in.book.apply(h.bids, h.asks)
	}
	if !h.atScale(in) || in.book.broken() {
		h.w.Counters[ring.CounterCrossed]++
		h.bookLost(in, ring.ReasonCrossed, 0, 0)
		return
	}
	h.writeBook(in, it, n, ring.BookValid)
}

// hold keeps a delta for the snapshot that is awaited. Deltas that do not follow
// one another are of no use together: only what follows the hole is kept. Beyond
// the bound all goes and the synchronisation starts anew.
func (h *hot) hold(in *instrument, it *exchanges.Item) {
	b := in.rest
	if !h.atScale(in) {
		b.drop()
		return
	}
	if k := len(b.held); k > 0 && it.FirstSequence > b.held[k-1].last+1 ||
		len(b.held) == maxHeldEvents || len(b.levels)+len(h.bids)+len(h.asks) > maxHeldLevels {
		b.drop()
	}
	from := int32(len(b.levels))
	b.levels = append(append(b.levels, h.bids...), h.asks...)
	b.held = append(b.held, heldDelta{
		first: it.FirstSequence, last: it.Sequence,
		from: from, middle: from + int32(len(h.bids)), end: int32(len(b.levels)),
	})
}

// wantSnapshots asks for the snapshots that are due, within the host's pace.
func (h *hot) wantSnapshots(c *conn, now int64) {
	if h.fetchSnapshot == nil {
		return
	}
	for _, s := range c.subs {
		in := s.inst
		if s.state != subActive || s.stream.Rule != exchanges.RuleREST || in.rest == nil || in.bookSynced ||
			in.rest.fetching || now < in.rest.nextNS || in.subs[channelIndex(s.stream.Channel)] != s {
			continue
		}
		if now < h.restUntilNS || !h.restPace.take(now, snapshotsPerSecond, snapshotsPerSecond) {
			return
		}
		in.rest.fetching = true
		in.rest.attempt++
		if in.bits&ring.BitResyncing == 0 {
			in.bits |= ring.BitResyncing
			h.storeState(in)
		}
		h.fetchSnapshot(in, in.rest.attempt)
	}
}

// snapshotResult is what a control goroutine made of a fetch.
type snapshotResult struct {
	in           *instrument
	attempt      uint64
	batch        exchanges.Batch // one depth item, when err is nil
	body         []byte          // what it was read from
	err          error
	retryAfterNS int64
}

// snapshotCame takes a fetched snapshot in.
func (h *hot) snapshotCame(r *snapshotResult) {
	in, now := r.in, h.clock.Now()
	b := in.rest
	if b == nil || r.attempt != b.attempt || !b.fetching {
		return
	}
	b.fetching = false
	if r.retryAfterNS > 0 {
		h.restUntilNS = max(h.restUntilNS, now+r.retryAfterNS)
	}
	if in.bookSynced {
		return
	}
	s := in.subs[channelIndex(ring.ChannelOrderBook)]
	if r.err != nil || s == nil || s.state != subActive {
		b.again(now, true)
		if r.err != nil {
			h.log(logSnapshot, slogSymbol(in), slogError(r.err))
		}
		return
	}
	h.recvNS = now
	h.batch.Reset()
	h.batch.Items = append(h.batch.Items, r.batch.Items[0])
	h.batch.Levels = append(h.batch.Levels, r.batch.Levels...)
	open := h.openFrame(now)
	h.seed(s.conn, in, &h.batch.Items[0])
	h.closeFrame(open)
}

// again plans the next fetch: soon when the snapshot was only old, ever later when
// none could be had.
func (b *restBook) again(now int64, failed bool) {
	if !failed {
		b.waitNS = snapshotAgainNS
	} else {
		b.waitNS = min(max(2*b.waitNS, snapshotAgainNS), snapshotMaxNS)
	}
	b.nextNS = now + b.waitNS
}

// seed makes the book of a snapshot and the deltas that follow it, and publishes it
// whole: RESYNC_BEGIN, the book as SNAPSHOT records, RESYNC_END. The deltas it
// contains were published before; SYNTHETIC says that it is not the venue's own
// message.
func (h *hot) seed(c *conn, in *instrument, it *exchanges.Item) {
	b, now := in.rest, h.recvNS
	if !h.scaleLevels(in, it) || !h.atScale(in) {
		b.again(now, true)
		return
	}
	id := it.Sequence
	if len(b.held) > 0 && b.held[0].first > id+1 {
		b.again(now, false) // too old: what is held begins after its end
		return
	}
	in.book.replace(h.bids, h.asks)
	for _, d := range b.held {
		if d.last > id {
			in.book.apply(b.levels[d.from:d.middle], b.levels[d.middle:d.end])
			id = d.last
		}
	}
	if in.book.broken() {
		h.w.Counters[ring.CounterCrossed]++
		b.again(now, true)
		return
	}
	b.drop()
	b.waitNS, b.nextNS = 0, 0
	if in.lostNS != 0 {
		since := in.lostNS
		in.lostNS = 0
		if in.lostID != 0 && id > in.lostID {
			h.gap(c, in, in.lostID+1, id, since)
		}
	}
	in.epoch++
	in.bookID = id
	h.w.Counters[ring.CounterResyncs]++
	h.storeState(in)
	h.instrumentStatus(in, ring.StatusResyncBegin, ring.ReasonSnapshot, nil)
	it.Sequence, it.Flags = id, ring.FlagSnapshot|ring.FlagSynthetic
	h.bids = in.book.bids.appendTo(h.bids[:0])
	h.asks = in.book.asks.appendTo(h.asks[:0])
	n := h.publishDepth(c, in, it, 0)
	h.bookTrue(in)
	h.writeBook(in, it, n, ring.BookValid)
	h.instrumentStatus(in, ring.StatusResyncEnd, ring.ReasonNone, nil)
}
