package ring

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newSegment formats a small segment in memory and opens both sides.
func newSegment(t testing.TB, slots int) (*Writer, *Reader) {
	t.Helper()
	c := Config{Feed: "test", Venue: "sim", Slots: slots, MaxInstruments: 4, BookDepth: 5, Generation: 7}
	size, err := c.Size()
	require.NoError(t, err)
	words := make([]uint64, size/8)
	buf := bytesOf(words)
	require.NoError(t, Format(buf, c))
	clock := int64(1000)
	w, err := NewWriter(buf, func() int64 { clock++; return clock })
	require.NoError(t, err)
	w.Ready()
	v, err := OpenView(buf)
	require.NoError(t, err)
	return w, NewReader(v)
}

// A record that was published is read back whole, on the ring and on the board.
func TestPublishedRecordIsRead(t *testing.T) {
	w, r := newSegment(t, 8)
	id, err := w.AddInstrument(InstrumentSpec{Native: "BTC_USDT", Base: "BTC", Quote: "USDT"})
	require.NoError(t, err)
	var out Record
	assert.Equal(t, AnswerEmpty, r.Next(&out))

	w.BeginFrame(500)
	rec := Record{Kind: KindBookTicker, Instrument: id, Flags: FlagFirst | FlagLast, VenueSequence: 42, EventTimeNS: 400}
	rec.BookTicker().BidPrice = 100
	assert.EqualValues(t, 1, w.Publish(&rec))
	w.EndFrame()

	require.Equal(t, AnswerRecord, r.Next(&out))
	assert.EqualValues(t, 1, out.Sequence())
	assert.EqualValues(t, 100, out.BookTicker().BidPrice)
	assert.EqualValues(t, 500, out.RecvTimeNS)
	assert.EqualValues(t, 1001, out.PublishTimeNS)
	assert.Equal(t, AnswerEmpty, r.Next(&out))

	var board Record
	require.Equal(t, AnswerRecord, r.View().ReadBoard(int(id), BoardBookTicker, &board))
	assert.EqualValues(t, 1, board.Sequence())
	assert.EqualValues(t, 42, board.VenueSequence)
	assert.EqualValues(t, 1, r.View().Watermark())
}

// A reader that was lapped is told the exact loss and goes on.
func TestLappedReaderKnowsItsLoss(t *testing.T) {
	w, r := newSegment(t, 8)
	for range 20 {
		w.BeginFrame(1)
		w.Publish(&Record{Kind: KindTicker, Instrument: NoInstrument})
		w.EndFrame()
	}
	var out Record
	require.Equal(t, AnswerOverrun, r.Next(&out))
	assert.EqualValues(t, 20-8+2-1, r.Lost())
	got := uint64(0)
	for r.Next(&out) == AnswerRecord {
		got++
	}
	assert.EqualValues(t, 20, got+r.Stats.Lost)
}
