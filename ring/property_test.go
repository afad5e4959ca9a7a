package ring

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// ringModel is what a ring is, without bytes: a list of records and a cursor.
type ringModel struct {
	slots     uint64
	published []Record // as a reader sees them, record n at n-1
	ended     uint64   // last record of the last whole frame
	closed    bool

	cursor   uint64
	resuming bool
	stats    ReaderStats
	lost     uint64
}

func (m *ringModel) last() uint64 { return uint64(len(m.published)) }

func (m *ringModel) seek(n uint64) { m.cursor, m.resuming = max(n, 1), false }

func (m *ringModel) seekOldest() {
	m.seek(1)
	if m.ended >= m.slots {
		m.cursor, m.resuming = m.ended-m.slots+margin(m.slots), true
	}
}

// next predicts the answer of Reader.Next and the record of a RECORD.
func (m *ringModel) next() (Answer, Record) {
	for {
		switch n := m.cursor; {
		case n > m.last() && m.closed:
			return AnswerClosed, Record{}
		case n > m.last():
			return AnswerEmpty, Record{}
		case n+m.slots <= m.last():
			inSlot := m.last() - (m.last()-n)%m.slots
			m.cursor = max(inSlot, m.ended) - m.slots + margin(m.slots)
			m.lost, m.resuming = m.cursor-n, true
			m.stats.Lost += m.lost
			m.stats.Overruns++
			return AnswerOverrun, Record{}
		}
		r := m.published[m.cursor-1]
		m.cursor++
		if m.resuming && r.Kind == KindDepth && r.Flags&FlagFirst == 0 {
			m.stats.Skipped++
			continue
		}
		m.resuming = false
		m.stats.Records++
		return AnswerRecord, r
	}
}

// newest is what the board's place must hold.
func (m *ringModel) newest(kind Kind, instrument uint16) (Record, bool) {
	for i := len(m.published) - 1; i >= 0; i-- {
		if r := m.published[i]; r.Kind == kind && r.Instrument == instrument && r.Flags&FlagBackfill == 0 {
			return r, true
		}
	}
	return Record{}, false
}

// drawEvent draws one event: a record of any kind, or depth over several.
func drawEvent(t *rapid.T) []Record {
	kind := Kind(rapid.IntRange(1, 6).Draw(t, "kind"))
	n := 1
	if kind == KindDepth {
		n = rapid.IntRange(1, 6).Draw(t, "records")
	}
	rs := make([]Record, n)
	for i := range rs {
		rs[i] = Record{
			Kind: kind, Instrument: uint16(rapid.IntRange(0, 2).Draw(t, "instrument")),
			VenueSequence: rapid.Uint64().Draw(t, "venue sequence"), EventTimeNS: rapid.Int64().Draw(t, "event time"),
			Flags: Flags(rapid.Uint16().Draw(t, "flags")) & definedFlagBits &^ (FlagFirst | FlagLast),
		}
		rs[i].Body[0], rs[i].Body[2] = rapid.Uint64().Draw(t, "word"), rapid.Uint64().Draw(t, "word")
	}
	rs[0].Flags |= FlagFirst
	rs[n-1].Flags |= FlagLast
	return rs
}

// pair is a ring and its model.
type pair struct {
	w *Writer
	r *Reader
	m *ringModel
}

func (p *pair) publish(t *rapid.T) {
	if p.m.closed {
		t.Skip("closed")
	}
	p.w.BeginFrame(rapid.Int64().Draw(t, "receive time"))
	for range rapid.IntRange(1, 6).Draw(t, "events") {
		for _, r := range drawEvent(t) {
			n := p.w.Publish(&r)
			require.Equal(t, p.m.last()+1, n)
			p.m.published = append(p.m.published, r)
		}
	}
}

func (p *pair) endFrame(t *rapid.T) {
	if p.m.closed {
		t.Skip("closed")
	}
	p.w.EndFrame()
	p.m.ended = p.m.last()
	require.Equal(t, p.m.ended, p.r.View().Watermark())
}

func (p *pair) read(t *rapid.T) {
	p.w.HotBeat(1)
	for range rapid.IntRange(1, 30).Draw(t, "reads") {
		var out Record
		want, record := p.m.next()
		require.Equal(t, want, p.r.Next(&out))
		if want == AnswerRecord {
			require.Equal(t, record, out)
		}
		if want == AnswerOverrun {
			require.Equal(t, p.m.lost, p.r.Lost())
		}
		require.Equal(t, p.m.stats, p.r.Stats)
		require.Equal(t, p.m.cursor, p.r.NextSequence())
	}
}

func (p *pair) seek(t *rapid.T) {
	switch rapid.IntRange(0, 3).Draw(t, "where") {
	case 0:
		p.r.SeekOldest()
		p.m.seekOldest()
	case 1:
		p.r.SeekLatest()
		p.m.seek(p.m.ended + 1)
	case 2:
		p.r.Join(func() {})
		p.m.seek(p.m.ended + 1)
	case 3:
		n := rapid.Uint64Range(0, p.m.last()+3).Draw(t, "sequence")
		p.r.Seek(n)
		p.m.seek(n)
	}
}

func (p *pair) close(t *rapid.T) {
	if p.m.last() < 40 || p.m.closed {
		t.Skip("too early")
	}
	p.w.CloseSegment()
	p.m.ended, p.m.closed = p.m.last(), true
}

func (p *pair) checkBoard(t *rapid.T) {
	places := []Kind{BoardBookTicker: KindBookTicker, BoardTrade: KindTrade, BoardTicker: KindTicker, BoardStatus: KindStatus}
	for id := range uint16(3) {
		for place, kind := range places {
			var out Record
			a := p.r.View().ReadBoard(int(id), BoardSlot(place), &out)
			want, ok := p.m.newest(kind, id)
			if !ok {
				require.Equal(t, AnswerEmpty, a)
				continue
			}
			require.Equal(t, AnswerRecord, a)
			require.Equal(t, want, out)
		}
	}
}

// Whatever is written, read and sought, in any order, the ring does what a list
// with a cursor would do.
func TestRingIsAListWithACursor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.SampledFrom([]int{8, 16, 32}).Draw(rt, "slots")
		w, r := newSegment(t, slots)
		addInstruments(t, w, 3)
		p := &pair{w, r, &ringModel{slots: uint64(slots), cursor: 1}}
		rt.Repeat(map[string]func(*rapid.T){
			"publish":   p.publish,
			"end frame": p.endFrame,
			"read":      p.read,
			"seek":      p.seek,
			"close":     p.close,
			"":          p.checkBoard,
		})
	})
}
