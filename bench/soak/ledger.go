package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tickring/tickring/ring"
)

// channels in the order of the ledger's streams.
var channels = [4]ring.Channel{ring.ChannelBookTicker, ring.ChannelTrades, ring.ChannelOrderBook, ring.ChannelTicker}

// placeOf is the place of a kind among channels.
func placeOf(k ring.Kind) int {
	switch k {
	case ring.KindBookTicker:
		return 0
	case ring.KindTrade:
		return 1
	case ring.KindDepth:
		return 2
	}
	return 3
}

// stream is what was published of one channel of one instrument.
type stream struct {
	ever    uint64 // items since the start
	carrier uint16 // connection that acknowledged it last
	formers rowSet // those before: each may carry it still
	row     uint16 // connection of the last item
	life    uint64 // of that connection
	items   uint64 // in this life
	heard   uint64 // since it was lost, or subscribed after it had been ended
	ended   bool   // by the user, and not acknowledged again
	// sequence is the greatest venue sequence, or trade id, of this life.
	sequence uint64
	// Trades: ids of this life, and their range since the last acknowledgement.
	ids        map[uint64]struct{}
	first, n   uint64
	holes      uint64 // of ranges that ended
	loose      bool   // unsubscribed or merged in this life: items may be fewer than sent
	incomplete bool   // unsubscribed in this life: the newest item may be missing too
}

// ledger reads a ring from its first record and judges every record. Its methods
// may be called from any goroutine.
type ledger struct {
	set    setting
	reader *ring.Reader
	report func(text string)

	mu      sync.Mutex
	names   map[string]int // a stream's name in SUBSCRIBED: its place
	streams [][4]stream
	chains  []chain
	lives   [ring.MaxConnections]uint64
	upNS    [ring.MaxConnections]int64
	isUp    [ring.MaxConnections]bool // it came up, and was not said to be down since
	changes uint64                    // UP, DOWN and ROLLOVER records
	lost    uint64
	bad     uint64 // DECODE_ERROR records
	next    uint64 // sequence that is read next

	ticker pendingTicker

	askedNS    int64 // since when a first record is awaited, 0 not
	recoveries []time.Duration
}

// pendingTicker is the record before where it is a ticker that a PERPETUAL must follow.
type pendingTicker struct {
	awaits     bool
	instrument uint16
	recvNS     int64
}

func newLedger(set setting, view *ring.View, instruments int, names map[string]int, report func(string)) *ledger {
	l := &ledger{
		set: set, reader: ring.NewReader(view), report: report, names: names,
		streams: make([][4]stream, instruments), chains: make([]chain, instruments),
	}
	l.reader.Seek(1)
	for i := range l.streams {
		for k := range l.streams[i] {
			l.streams[i][k].carrier = ring.NoConnection
		}
	}
	return l
}

// follow reads until the segment is closed and drained, or the context ends.
func (l *ledger) follow(ctx context.Context) {
	for ctx.Err() == nil {
		switch l.take() {
		case ring.AnswerEmpty, ring.AnswerStale:
			l.reader.Wait(20 * time.Millisecond)
		case ring.AnswerClosed:
			return
		case ring.AnswerSuperseded, ring.AnswerDamaged:
			l.report("the ring is damaged or superseded")
			return
		}
	}
}

// mostAtOnce bounds the records judged before the lock is let go.
const mostAtOnce = 1024

// take judges what is there.
func (l *ledger) take() ring.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	var r ring.Record
	for range mostAtOnce {
		a := l.reader.Next(&r)
		switch a {
		case ring.AnswerRecord:
			l.judge(&r)
		case ring.AnswerOverrun:
			l.lost += l.reader.Lost()
		default:
			l.next = l.reader.NextSequence()
			return a
		}
	}
	l.next = l.reader.NextSequence()
	return ring.AnswerRecord
}

func (l *ledger) mismatch(r *ring.Record, format string, a ...any) {
	where := "record"
	if int(r.Instrument) < len(l.streams) {
		where = l.reader.View().Symbol(int(r.Instrument))
	}
	l.report(fmt.Sprintf("%s, sequence %d: %s", where, r.Sequence(), fmt.Sprintf(format, a...)))
}

func (l *ledger) judge(r *ring.Record) {
	if r.Kind == ring.KindStatus {
		l.status(r)
		return
	}
	if int(r.Instrument) >= len(l.streams) {
		l.mismatch(r, "a %s of no instrument", r.Kind)
		return
	}
	l.paired(r)
	if r.Kind == ring.KindDepth && r.Flags&ring.FlagFirst == 0 || r.Kind == ring.KindPerpetual {
		return
	}
	if r.Kind == ring.KindDepth && r.Flags&ring.FlagSynthetic != 0 {
		l.seeded(r)
		return
	}
	row := connectionOf(r)
	if int(row) >= len(l.lives) {
		l.mismatch(r, "a %s of no connection", r.Kind)
		return
	}
	if l.askedNS != 0 && l.upNS[row] >= l.askedNS {
		l.recoveries = append(l.recoveries, time.Duration(r.PublishTimeNS-l.askedNS))
		l.askedNS = 0
	}
	s := &l.streams[r.Instrument][placeOf(r.Kind)]
	l.enter(s, row)
	s.ever++
	s.items++
	s.heard++
	switch r.Kind {
	case ring.KindBookTicker:
		l.quote(r, s)
	case ring.KindTrade:
		l.trade(r, s)
	case ring.KindDepth:
		l.depth(r, s)
	}
}

// paired wants a PERPETUAL right behind each ticker of a perpetual, and no other: the two
// are of one message, which is counted once, as a ticker.
func (l *ledger) paired(r *ring.Record) {
	perpetual := r.Kind == ring.KindPerpetual
	switch due := l.ticker; {
	case perpetual && (!due.awaits || due.instrument != r.Instrument || due.recvNS != r.RecvTimeNS):
		l.mismatch(r, "a PERPETUAL without its ticker")
	case due.awaits && !perpetual:
		l.mismatch(r, "a %s where the PERPETUAL of a ticker was due", r.Kind)
	}
	l.ticker = pendingTicker{l.set.perpetual && r.Kind == ring.KindTicker, r.Instrument, r.RecvTimeNS}
}

func connectionOf(r *ring.Record) uint16 {
	switch r.Kind {
	case ring.KindBookTicker:
		return r.BookTicker().Connection
	case ring.KindTrade:
		return r.Trade().Connection
	case ring.KindDepth:
		return r.Depth().Connection
	}
	return r.Ticker().Connection
}

// enter begins a new count where the item came over another connection, or another
// life of it.
func (l *ledger) enter(s *stream, row uint16) {
	if s.row == row && s.life == l.lives[row] {
		return
	}
	s.row, s.life, s.items, s.first, s.n, s.holes = row, l.lives[row], 0, 0, 0, 0
	if !s.loose {
		s.sequence, s.ids = 0, nil
	}
}

// status follows connections, acknowledgements and gaps.
func (l *ledger) status(r *ring.Record) {
	st := r.Status()
	row := st.Connection
	switch st.Code {
	case ring.StatusUp:
		l.changes++
		l.lives[row]++
		l.upNS[row] = r.RecvTimeNS
		l.reused(row, l.isUp[row])
		l.isUp[row] = true
	case ring.StatusDown:
		l.changes++
		l.isUp[row] = false
		l.down(row)
	case ring.StatusRollover:
		l.changes++
		l.ofCarrier(row, func(_ int, s *stream) { s.loose = true })
	case ring.StatusSubscribed:
		if place, ok := l.names[st.TextString()]; ok && int(r.Instrument) < len(l.streams) {
			s := &l.streams[r.Instrument][place]
			if s.carrier != row {
				s.formers.add(s.carrier)
				s.carrier = row
			}
			if s.ended {
				s.ended, s.heard = false, 0
			}
			s.closeRange(l.set.idStep)
		}
	case ring.StatusDecodeError:
		l.bad++
	case ring.StatusGap:
		c := &l.chains[r.Instrument]
		if c.gap {
			l.mismatch(r, "a second GAP before the event that reveals it")
		}
		c.gap, c.synced, c.from, c.to = true, false, st.FirstMissing, st.LastMissing
	}
}

// reused forgets that a row carried streams: it is another connection's now. Of a
// successor that was lost before it took over no record tells, until its row comes up
// again; what it was to carry is still one of the formers'.
func (l *ledger) reused(row uint16, anew bool) {
	for i := range l.streams {
		for k := range l.streams[i] {
			s := &l.streams[i][k]
			if s.carrier != row {
				s.formers.remove(row)
			} else if anew {
				s.carrier = ring.NoConnection
			}
		}
	}
}

// rowSet is a set of rows of the connection table.
type rowSet [ring.MaxConnections / 64]uint64

func (s *rowSet) add(row uint16) {
	if int(row) < ring.MaxConnections {
		s[row/64] |= 1 << (row % 64)
	}
}

func (s *rowSet) remove(row uint16) { s[row/64] &^= 1 << (row % 64) }

func (s *rowSet) has(row uint16) bool { return s[row/64]&(1<<(row%64)) != 0 }

// ofCarrier does something with each stream of a connection. A stream that moves is
// of both for a while, and of its first carrier still where successors were lost. One
// that was never answered is of the connection that brought its last item.
func (l *ledger) ofCarrier(row uint16, do func(instrument int, s *stream)) {
	for i := range l.streams {
		for k := range l.streams[i] {
			s := &l.streams[i][k]
			if s.carrier == row || s.formers.has(row) || s.carrier == ring.NoConnection && s.ever > 0 && s.row == row {
				do(i, s)
			}
		}
	}
}

// down begins every stream of a lost connection anew; a book's next delta is to say
// what is missing since.
func (l *ledger) down(row uint16) {
	l.ofCarrier(row, func(instrument int, s *stream) {
		s.carrier, s.formers = row, rowSet{}
		s.loose, s.incomplete, s.sequence, s.ids, s.heard = false, false, 0, nil, 0
		if s != &l.streams[instrument][placeOf(ring.KindDepth)] {
			return
		}
		c := &l.chains[instrument]
		if c.lost == 0 {
			c.lost = c.last
		}
		c.last, c.synced = 0, false
	})
}

// quote wants update ids that do not go back within a life.
func (l *ledger) quote(r *ring.Record, s *stream) {
	if r.VenueSequence < s.sequence {
		l.mismatch(r, "quote %d behind %d", r.VenueSequence, s.sequence)
	}
	if q := r.BookTicker(); q.BidPrice >= q.AskPrice {
		l.mismatch(r, "quote %d is crossed", r.VenueSequence)
	}
	s.sequence = max(s.sequence, r.VenueSequence)
}

// trade wants every id once.
func (l *ledger) trade(r *ring.Record, s *stream) {
	id := r.Trade().TradeID
	if s.ids == nil {
		s.ids = map[uint64]struct{}{}
	}
	if _, told := s.ids[id]; told {
		l.mismatch(r, "trade %d told twice", id)
	}
	s.ids[id] = struct{}{}
	if s.n == 0 {
		s.first = id
	}
	s.n++
	s.first, s.sequence = min(s.first, id), max(s.sequence, id)
}

// closeRange counts the ids that a range lacks: what was sent while a stream was not
// subscribed is in none.
func (s *stream) closeRange(step uint64) {
	s.holes += s.missing(step)
	s.first, s.n = 0, 0
}

func (s *stream) missing(step uint64) uint64 {
	if s.n == 0 {
		return 0
	}
	return (s.sequence-s.first)/step + 1 - s.n
}

// awaitFirst starts the clock for the first record of a connection yet to come.
func (l *ledger) awaitFirst() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.askedNS = time.Now().UnixNano()
}

// recovered reports whether the first record awaited has come.
func (l *ledger) recovered() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.askedNS == 0
}

// forget says that a stream is unsubscribed, or asked for anew: what is on its way
// meanwhile is not published.
func (l *ledger) forget(instrument, place int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.streams[instrument][place]
	s.loose, s.incomplete, s.ended = true, true, true
	if place == placeOf(ring.KindDepth) {
		l.chains[instrument].ended, l.chains[instrument].synced = true, false
	}
}

// percentile of durations, 0 of none.
func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}
