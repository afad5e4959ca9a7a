package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// quote is a record that the rules let pass.
func quote(id uint64) ring.Record {
	r := ring.Record{Kind: ring.KindBookTicker, Flags: ring.FlagFirst | ring.FlagLast, VenueSequence: id,
		EventTimeNS: ring.Absent}
	b := r.BookTicker()
	b.BidPrice, b.BidQuantity, b.AskPrice, b.AskQuantity = 1000, 5, 1001, 7
	return r
}

// levels is a record of a depth event with two levels.
func levels(id uint64, flags ring.Flags) ring.Record {
	r := ring.Record{Kind: ring.KindDepth, Flags: flags, VenueSequence: id, EventTimeNS: ring.Absent}
	d := r.Depth()
	d.FirstSequence, d.Bids, d.Asks = id, 1, 1
	d.Levels[0], d.Levels[1] = ring.Level{Price: 1000, Quantity: 1}, ring.Level{Price: 1001}
	return r
}

// mixed is a record as a torn copy would be: the first words of one, the rest of
// another.
func mixed(first, rest ring.Record, words int) ring.Record {
	copy(rest.Body[:words], first.Body[:words])
	rest.Kind, rest.Flags, rest.VenueSequence = first.Kind, first.Flags, first.VenueSequence
	return rest
}

// The judges are no rubber stamps: both readers count each of these records, and
// none of the good ones between them.
func TestReadersCatchWrongRecords(t *testing.T) {
	trade := ring.Record{Kind: ring.KindTrade, Flags: ring.FlagFirst | ring.FlagLast, EventTimeNS: ring.Absent}
	*trade.Trade() = ring.Trade{Price: 1000, Quantity: 3, TradeID: 7, Aggressor: 1, IDFormat: uint8(ring.IDUint64), Count: 1}
	whole := ring.FlagFirst | ring.FlagLast
	for _, c := range []struct {
		name    string
		records []ring.Record
		torn    uint64
	}{
		{"good ones only", []ring.Record{quote(1), trade, levels(2, whole), levels(3, ring.FlagFirst), levels(3, ring.FlagLast), quote(4)}, 0},
		{"the head of a quote on the tail of an event", []ring.Record{mixed(quote(1), levels(9, whole), 4)}, 1},
		{"half a quote on half a trade", []ring.Record{mixed(quote(1), trade, 2)}, 1},
		{"a trade on the tail of a quote", []ring.Record{mixed(trade, quote(1), 2)}, 1},
		{"an event on the tail of a trade", []ring.Record{mixed(levels(5, whole), trade, 4)}, 1},
		{"the rest of an event that never began", []ring.Record{quote(1), levels(2, ring.FlagLast)}, 1},
		{"a quote within an event", []ring.Record{levels(2, ring.FlagFirst), quote(3)}, 1},
		{"an event within another", []ring.Record{levels(2, ring.FlagFirst), levels(3, ring.FlagFirst), levels(3, ring.FlagLast)}, 1},
		{"a quote of the lap before", []ring.Record{quote(9), quote(8)}, 1},
		{"a trade twice", []ring.Record{trade, trade}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range readAll(t, c.records) {
				assert.Equal(t, c.torn, r.Torn, "%s", r.Why)
				assert.Zero(t, r.Misplaced, r.Why)
				assert.Equal(t, uint64(len(c.records)), r.Got)
			}
		})
	}
}

// readAll publishes records of one instrument, closes, and returns what the readers
// say of them.
func readAll(t *testing.T, records []ring.Record) (reports []report) {
	dir := feedDir(t)
	s, err := shm.Create(shm.Options{Dir: dir}, ring.Config{Feed: feedName, Venue: "gateio", Source: ring.SourceSimulated,
		Slots: 64, MaxInstruments: 1, BookDepth: 1})
	require.NoError(t, err)
	clock := time.Now().UnixNano()
	w, err := ring.NewWriter(s.Bytes(), func() int64 { clock++; return clock })
	require.NoError(t, err)
	_, err = w.AddInstrument(ring.InstrumentSpec{Native: "BTC_USDT", Base: "BTC", Quote: "USDT"})
	require.NoError(t, err)
	require.NoError(t, s.Publish())
	w.HotBeat(clock)
	w.BeginFrame(clock)
	for i := range records {
		r := records[i]
		r.Flags |= ring.FlagBackfill // keeps it off the board, where it would be counted again
		w.Publish(&r)
	}
	w.EndFrame()
	w.CloseSegment()
	for _, r := range startReaders(t, dir, 0) {
		r.awaitEvent(t, eventClosed, 0, patience)
		reports = append(reports, r.now())
		r.end(t)
		<-r.eof
	}
	require.NoError(t, s.Close(true))
	return reports
}

// A record that is not the one expected is counted, and so are losses that do not
// add up.
func TestCheckerCountsMisplacedRecords(t *testing.T) {
	c := newChecker(newReporter(nil), 1)
	for _, n := range []uint64{1, 2, 4} {
		r := quote(n)
		r.Commit, r.RecvTimeNS, r.PublishTimeNS = 2*n, 1, 1
		c.record(&r)
	}
	assert.Equal(t, uint64(1), c.rep.Misplaced)
	c.gone(5)
	r := quote(10)
	r.Commit, r.RecvTimeNS, r.PublishTimeNS = 2*10, 1, 1
	c.record(&r)
	assert.Equal(t, uint64(1), c.rep.Misplaced)
	assert.Equal(t, uint64(4), c.rep.Got)
	assert.Zero(t, c.rep.Torn, c.rep.Why)
}
