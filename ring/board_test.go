package ring

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// publishOne publishes r as a frame of its own.
func publishOne(w *Writer, r Record) uint64 {
	w.BeginFrame(1)
	n := w.Publish(&r)
	w.EndFrame()
	return n
}

// Which record reaches which place of the board.
func TestBoardKeepsTheNewestOfEachKind(t *testing.T) {
	w, r := newSegment(t, 8)
	addInstruments(t, w, 2)
	v := r.View()
	var out Record
	for place := BoardBookTicker; place <= BoardStatus; place++ {
		assert.Equal(t, AnswerEmpty, v.ReadBoard(0, place, &out), "nothing yet")
	}
	places := map[Kind]BoardSlot{
		KindBookTicker: BoardBookTicker, KindTrade: BoardTrade, KindTicker: BoardTicker, KindStatus: BoardStatus,
	}
	for range 2 {
		for kind, place := range places {
			n := publishOne(w, Record{Kind: kind, Instrument: 1, VenueSequence: 9})
			require.Equal(t, AnswerRecord, v.ReadBoard(1, place, &out))
			assert.Equal(t, n, out.Sequence())
			assert.Equal(t, kind, out.Kind)
			assert.EqualValues(t, 9, out.VenueSequence)
			assert.Equal(t, AnswerEmpty, v.ReadBoard(0, place, &out), "of another instrument")
		}
	}
}

// Records that must not touch the board.
func TestBoardIsLeftAloneBy(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Record
	}{
		{"depth", Record{Kind: KindDepth}},
		{"a perpetual's record", Record{Kind: KindPerpetual}},
		{"what was fetched after an outage", Record{Kind: KindTrade, Flags: FlagBackfill}},
		{"a record of no instrument", Record{Kind: KindStatus, Instrument: NoInstrument}},
		{"a record of a row that is not there", Record{Kind: KindTrade, Instrument: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newSegment(t, 8)
			addInstruments(t, w, 2)
			publishOne(w, Record{Kind: KindTrade, VenueSequence: 5})
			before := append([]byte(nil), boardBytes(w)...)
			n := publishOne(w, c.r)
			assert.Equal(t, before, boardBytes(w))
			var out Record
			require.Equal(t, AnswerRecord, r.Next(&out))
			require.Equal(t, AnswerRecord, r.Next(&out))
			assert.Equal(t, n, out.Sequence(), "but it is in the ring")
		})
	}
}

func boardBytes(w *Writer) []byte {
	b := w.view.board
	return w.view.buf[b.Offset : b.Offset+b.Count*uint64(b.EntrySize)]
}

// What reading the board answers when an entry is not whole or makes no sense.
func TestBoardAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		id    int
		place BoardSlot
		spoil func(entry *Record)
		want  Answer
	}{
		{"a whole entry", 0, BoardTrade, func(*Record) {}, AnswerRecord},
		{"its writer died inside it", 0, BoardTrade, func(e *Record) { e.Commit-- }, AnswerBusy},
		{"an unknown kind", 0, BoardTrade, func(e *Record) { e.Kind = 99 }, AnswerDamaged},
		{"a mark beyond the limit", 0, BoardTrade, func(e *Record) { e.Commit = 1<<64 - 2 }, AnswerDamaged},
		{"a text longer than its field", 0, BoardTrade, func(e *Record) { e.Trade().TextLength = 200 }, AnswerDamaged},
		{"no such row", 1, BoardTrade, func(*Record) {}, AnswerEmpty},
		{"a negative row", -1, BoardTrade, func(*Record) {}, AnswerEmpty},
		{"no such place", 0, BoardStatus + 1, func(*Record) {}, AnswerEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newSegment(t, 8)
			addInstruments(t, w, 1)
			publishOne(w, Record{Kind: KindTrade})
			c.spoil(w.view.boardAt(0, BoardTrade))
			var out Record
			assert.Equal(t, c.want, r.View().ReadBoard(c.id, c.place, &out))
		})
	}
}

// imageOf fills a book of which every number is derived from n.
func imageOf(b *Book, n uint64) {
	b.Header.AsOf, b.Header.VenueSequence = n, mix(n, 1)
	b.Header.EventTimeNS, b.Header.RecvTimeNS, b.Header.PublishTimeNS = int64(mix(n, 2)), int64(mix(n, 3)), int64(mix(n, 4))
	b.Header.BookEpoch, b.Header.Flags = uint32(n), uint16(BookValid)
	b.Header.BidCount, b.Header.AskCount = uint16(n%uint64(b.Depth()+1)), uint16((n+1)%uint64(b.Depth()+1))
	for i := range b.Depth() {
		b.BidLevels()[i] = Level{Price: int64(mix(n, uint64(100+i))), Quantity: int64(mix(n, uint64(200+i)))}
		b.AskLevels()[i] = Level{Price: int64(mix(n, uint64(300+i))), Quantity: int64(mix(n, uint64(400+i)))}
	}
}

// A book that was written is read back whole, level by level.
func TestBookIsReadBack(t *testing.T) {
	w, r := newSegment(t, 8)
	addInstruments(t, w, 2)
	image, got := NewBook(5), NewBook(r.View().BookDepth())
	assert.Equal(t, AnswerEmpty, r.View().ReadBook(1, got))
	for n := uint64(1); n < 20; n++ {
		imageOf(image, n)
		w.WriteBook(1, image)
		require.Equal(t, AnswerRecord, r.View().ReadBook(1, got))
		assert.Equal(t, image, got)
		assert.Equal(t, 2*n, got.Header.Version)
		assert.Len(t, got.Bids(), int(n%6))
		assert.Len(t, got.Asks(), int((n+1)%6))
		assert.True(t, got.Valid())
	}
	assert.Equal(t, AnswerEmpty, r.View().ReadBook(0, got), "the other instrument's")
}

// Answers of a book that is not whole, makes no sense or is none.
func TestBookAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		id    int
		depth int
		spoil func(h *BookHeader)
		want  Answer
	}{
		{"a whole book", 0, 5, func(*BookHeader) {}, AnswerRecord},
		{"its writer died inside it", 0, 5, func(h *BookHeader) { h.Version-- }, AnswerBusy},
		{"more bids than the book holds", 0, 5, func(h *BookHeader) { h.BidCount = 6 }, AnswerDamaged},
		{"more asks than the book holds", 0, 5, func(h *BookHeader) { h.AskCount = 0xFFFF }, AnswerDamaged},
		{"no such row", 1, 5, func(*BookHeader) {}, AnswerEmpty},
		{"a negative row", -1, 5, func(*BookHeader) {}, AnswerEmpty},
		{"a buffer of another depth", 0, 4, func(*BookHeader) {}, AnswerEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newSegment(t, 8)
			addInstruments(t, w, 1)
			image := NewBook(5)
			imageOf(image, 3)
			w.WriteBook(0, image)
			c.spoil(bookHeaderAt(w.view, 0))
			assert.Equal(t, c.want, r.View().ReadBook(c.id, NewBook(c.depth)))
		})
	}
	t.Run("a suspect book is not valid", func(t *testing.T) {
		b := NewBook(1)
		assert.False(t, b.Valid(), "nor is one never synchronised")
		b.Header.Flags = uint16(BookValid | BookSuspect)
		assert.False(t, b.Valid())
	})
}

// A book of no size, of another depth or of no instrument is our own bug.
func TestBookMisuseIsRefused(t *testing.T) {
	w, _ := newSegment(t, 8)
	addInstruments(t, w, 1)
	assert.Panics(t, func() { NewBook(0) })
	assert.Panics(t, func() { NewBook(MaxBookDepth + 1) })
	assert.Panics(t, func() { w.WriteBook(0, NewBook(4)) })
	assert.Panics(t, func() { w.WriteBook(1, NewBook(5)) })
}
