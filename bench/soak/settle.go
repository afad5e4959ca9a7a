package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/ring"
)

const (
	// settleLimit: the longest back-off of what a storm can cause (an HTTP refusal,
	// a stream asked for again the third time), and a busy machine.
	settleLimit = 20 * time.Second
	// drainLimit is below pongDeadline: a venue that is silent for longer is left.
	drainLimit = 1200 * time.Millisecond
	look       = 5 * time.Millisecond
)

// settle waits until everything wanted is subscribed and acknowledged.
func (w *world) settle() bool {
	began := time.Now()
	for why := ""; ; time.Sleep(look) {
		if why = w.unsettled(); why == "" {
			w.settled = append(w.settled, time.Since(began))
			return true
		}
		if time.Since(began) > settleLimit {
			w.mismatch("not settled: " + why)
			return false
		}
	}
}

// unsettled says what is still missing, "" when nothing is.
func (w *world) unsettled() string {
	var want []string
	for i, native := range w.native {
		for _, ch := range channels {
			if w.wanted[i]&ch != 0 {
				want = append(want, w.set.name(ch, native))
			}
		}
	}
	slices.Sort(want)
	truth := w.sim.Truth()
	if have := truth.Active(); !slices.Equal(have, want) {
		return "active set: " + difference(have, want)
	}
	for _, c := range truth.Connections {
		if c.ClosedNS == 0 && c.Ending {
			return fmt.Sprintf("client %d of the venue is about to be closed", c.Number)
		}
	}
	var st ring.InstrumentState
	for i := range w.symbols {
		w.pub.View().InstrumentState(i, &st)
		switch {
		case ring.Channel(st.Acknowledged) != w.wanted[i]:
			return fmt.Sprintf("%s: %04b acknowledged, %04b wanted", w.symbols[i], st.Acknowledged, w.wanted[i])
		case st.Refused != 0:
			return fmt.Sprintf("%s: %04b refused", w.symbols[i], st.Refused)
		case st.Bits()&ring.BitHalted != 0, st.Bits()&ring.BitResyncing != 0 && w.set.book != bookDeltas:
			return fmt.Sprintf("%s: state %06b", w.symbols[i], st.Bits())
		}
	}
	if w.set.rolling {
		return ""
	}
	return w.rowsUp()
}

// rowsUp wants every row of the connection table up or out of use.
func (w *world) rowsUp() string {
	var c ring.Connection
	for row := range ring.MaxConnections {
		if w.pub.View().Connection(row, &c) && (c.State == uint32(ring.ConnectionDown) || c.State == uint32(ring.ConnectionConnecting)) {
			return fmt.Sprintf("connection %d: %s", row, ring.ConnectionState(c.State))
		}
	}
	return ""
}

// up counts the rows of the connection table that are up.
func (w *world) up() (n int) {
	var c ring.Connection
	for row := range ring.MaxConnections {
		if w.pub.View().Connection(row, &c) && c.State == uint32(ring.ConnectionUp) {
			n++
		}
	}
	return n
}

// difference names the first few that are in one sorted list only.
func difference(have, want []string) string {
	var text []string
	count := map[string]int{}
	for _, name := range have {
		count[name]++
	}
	for _, name := range want {
		count[name]--
	}
	for name, n := range count {
		if n != 0 {
			text = append(text, fmt.Sprintf("%s %+d", name, n))
		}
	}
	slices.Sort(text)
	return fmt.Sprintf("%d differ, such as %v", len(text), text[:min(3, len(text))])
}

// account silences the venue and compares what it sent with what was published.
func (w *world) account() {
	if err := w.sim.ApplyFaults(sim.Faults{Silent: true}); err != nil {
		w.mismatch(err.Error())
	}
	var differs []string
	for began := time.Now(); time.Since(began) < drainLimit; time.Sleep(look) {
		if differs = w.compare(); len(differs) == 0 {
			break
		}
	}
	for _, text := range differs {
		w.mismatch(text)
	}
	if w.set.book == bookStream {
		// Deltas withheld would have every book asked for again, ever slower.
		w.sim.DropAll()
	}
	if err := w.sim.ApplyFaults(sim.Faults{}); err != nil {
		w.mismatch(err.Error())
	}
}

// compare says where the accounts of venue and ledger differ.
func (w *world) compare() []string {
	truth := w.sim.Truth()
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	var differs []string
	for _, c := range truth.Connections {
		if c.ClosedNS != 0 {
			continue
		}
		for _, st := range c.Streams {
			p, ok := w.places[st.Name]
			if !ok {
				differs = append(differs, "stream "+st.Name+" was never asked for")
				continue
			}
			if !st.Active() {
				continue
			}
			if text := w.compareStream(p, st); text != "" {
				differs = append(differs, st.Name+": "+text)
			}
		}
	}
	for i := range w.symbols {
		if text := w.compareState(i); text != "" {
			differs = append(differs, w.symbols[i].String()+": "+text)
		}
	}
	return differs
}

// live is the stream's count in the present life of its carrier.
func (l *ledger) live(p place) stream {
	s := l.streams[p.instrument][p.channel]
	if s.loose {
		return s
	}
	if int(s.carrier) >= len(l.lives) || s.row != s.carrier || s.life != l.lives[s.row] {
		return stream{carrier: s.carrier, loose: s.loose, incomplete: s.incomplete}
	}
	return s
}

// compareStream holds one stream against the venue's account of it.
func (w *world) compareStream(p place, st sim.StreamTruth) string {
	s := w.ledger.live(p)
	if s.loose {
		// What came over another connection too is told once; what was on its way when
		// the stream was ended is not told.
		if st.LastSequence > s.sequence && !s.incomplete {
			return fmt.Sprintf("ends in %d, sent was %d", s.sequence, st.LastSequence)
		}
		return ""
	}
	most := st.Items
	least := most - min(most, st.Reordered+st.Duplicates)
	switch exact := st.Duplicates == 0 && st.Reordered == 0; {
	case exact || channels[p.channel] == ring.ChannelTicker:
		least = most
	case channels[p.channel] == ring.ChannelTrades && w.set.tradesPerFrame == 1:
		most -= st.Duplicates
		least = most
	case channels[p.channel] == ring.ChannelTrades:
		least = 0
	}
	if s.items < least || s.items > most {
		return fmt.Sprintf("published %d of %d to %d (sent %d, twice %d, out of order %d, not %d)",
			s.items, least, most, st.Items, st.Duplicates, st.Reordered, st.Withheld)
	}
	if st.LastSequence != s.sequence {
		return fmt.Sprintf("ends in %d, sent was %d", s.sequence, st.LastSequence)
	}
	if channels[p.channel] != ring.ChannelTrades {
		return ""
	}
	holes := s.holes + s.missing(w.set.idStep)
	if holes != 0 && (st.Withheld == 0 || w.set.tradesPerFrame == 1 && holes > st.Withheld) {
		return fmt.Sprintf("%d trades are missing in it, %d frames were withheld", holes, st.Withheld)
	}
	return ""
}

// compareState wants a state word that says neither more nor less than the ledger.
func (w *world) compareState(i int) string {
	var st ring.InstrumentState
	w.pub.View().InstrumentState(i, &st)
	var stale ring.Channel
	for k, ch := range channels {
		s := &w.ledger.streams[i][k]
		switch {
		case w.wanted[i]&ch == 0 || ch == ring.ChannelTrades || s.heard > 0:
		case s.loose: // what two connections brought is a sign of life, and told once
			stale |= ch & ring.Channel(st.Stale)
		default:
			stale |= ch
		}
	}
	want := ring.StateBit(0)
	if w.wanted[i] != 0 {
		want |= ring.BitSubscribed
	}
	if stale != 0 {
		want |= ring.BitStale
	}
	book := w.wanted[i]&ring.ChannelOrderBook != 0
	mask := ^ring.StateBit(0)
	if w.set.book == bookDeltas {
		mask = ^ring.BitResyncing // snapshots come one after another, at a pace of their own
	}
	if !book || w.set.book == bookDeltas && !w.ledger.chains[i].synced || w.set.book == bookSnapshots && stale&ring.ChannelOrderBook != 0 {
		want |= ring.BitSuspect
	}
	if ring.Channel(st.Stale) != stale || st.Bits()&mask != want {
		return fmt.Sprintf("state %06b, stale %04b; want %06b, %04b", st.Bits(), st.Stale, want, stale)
	}
	return ""
}

// How long books are compared: briefly after each storm, those that stand; at the end
// until each one stood and was compared: a host that refused without a Retry-After is
// left alone for a minute, then gives ten snapshots a second. A whole book of a quiet
// pair comes seldom, and the venue's own goes on meanwhile: of those half must stand, and
// more are compared for booksSeldom.
const (
	booksBriefly = 100 * ms
	booksAll     = 80 * time.Second
	booksSeldom  = 2 * time.Second
)

// compareBooks holds board books against the venue's, level by level, each at a moment at
// which the board has the venue's present update id. A book that is marked is not claimed
// to be true; at the end none may be.
func (w *world) compareBooks(all bool) {
	limit := booksBriefly
	if all {
		limit = booksAll
	}
	left := make([]int, len(w.native))
	for i := range left {
		left[i] = i
	}
	book := ring.NewBook(w.pub.View().BookDepth())
	for began := time.Now(); len(left) > 0; time.Sleep(look) {
		left = slices.DeleteFunc(left, func(i int) bool { return w.compareBook(i, book) })
		enough := w.set.book == bookSnapshots && len(left) < len(w.native)/2 && time.Since(began) > booksSeldom
		if enough || time.Since(began) > limit {
			break
		}
	}
	w.books += len(w.native) - len(left)
	if w.set.book == bookSnapshots && len(left) < len(w.native)/2 {
		return
	}
	if all && len(left) > 0 {
		w.mismatch(fmt.Sprintf("%d books, such as %s, never stood with the venue's update id: %s", len(left), w.symbols[left[0]], w.describeBook(left[0])))
	}
}

// describeBook says how a board book stands to the venue's.
func (w *world) describeBook(i int) string {
	book := ring.NewBook(w.pub.View().BookDepth())
	var st ring.InstrumentState
	answer := w.pub.View().ReadBook(i, book)
	w.pub.View().InstrumentState(i, &st)
	id, _, _ := w.sim.Book(w.native[i])
	return fmt.Sprintf("read %s, update id %d where the venue has %d, flags %b, state %06b", answer, book.Header.VenueSequence, id, book.Header.Flags, st.Bits())
}

// compareBook compares one book; false when there is nothing to compare at the moment.
func (w *world) compareBook(i int, book *ring.Book) bool {
	id, bids, asks := w.sim.Book(w.native[i])
	if w.pub.View().ReadBook(i, book) != ring.AnswerRecord || !book.Valid() || book.Header.VenueSequence != id {
		return false
	}
	w.compareSide(i, "bid", book, book.Bids(), bids)
	w.compareSide(i, "ask", book, book.Asks(), asks)
	return true
}

func (w *world) compareSide(i int, side string, book *ring.Book, have []ring.Level, want [][2]string) {
	if len(have) == 0 {
		w.mismatch(fmt.Sprintf("%s: no %s on the board", w.symbols[i], side))
	}
	for n, l := range have {
		price := string(ring.AppendDecimal(nil, l.Price, book.Header.PriceExponent))
		quantity := string(ring.AppendDecimal(nil, l.Quantity, book.Header.QuantityExponent))
		if n >= len(want) || want[n] != [2]string{price, quantity} {
			w.mismatch(fmt.Sprintf("%s: %s %d on the board is %s at %s, the venue's book %d has another",
				w.symbols[i], side, n+1, quantity, price, book.Header.VenueSequence))
			return
		}
	}
}
