package readers

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

var update = flag.Bool("update", false, "write the expected logs anew: read the difference")

// fill is a record of a kind with every word of the body the same, and lengths that a
// writer may leave.
func fill(k ring.Kind, word uint64) ring.Record {
	r := ring.Record{Kind: k, PriceExponent: int8(word), QuantityExponent: int8(word >> 8), Flags: ring.Flags(word),
		Instrument: uint16(word >> 16), VenueSequence: word, EventTimeNS: int64(word)}
	for i := range r.Body {
		r.Body[i] = word
	}
	switch k {
	case ring.KindTrade:
		r.Trade().TextLength %= 25
	case ring.KindDepth:
		r.Depth().Bids, r.Depth().Asks = r.Depth().Bids%5, 0
	case ring.KindStatus:
		r.Status().TextLength %= 41
	}
	return r
}

// extremes are words whose halves, quarters and bytes are the ends of their types, and
// bytes that text has to escape.
var extremes = []uint64{
	0, 1, 1<<64 - 1, 1 << 63, 1<<63 - 1, 0x8080808080808080, 0x7f7f7f7f7f7f7f7f, 0x8000000080000000,
	0x00ff00ff00ff00ff, 0xff00ff00ff00ff00, 0x225c1f7f0a00c3a9, 0x0102030405060708,
}

// extremeRecords: every kind with every extreme.
func extremeRecords() (list []ring.Record) {
	for k := ring.KindBookTicker; k <= ring.KindPerpetual; k++ {
		for _, word := range extremes {
			list = append(list, fill(k, word))
		}
	}
	return list
}

// valueRecords: every value of every enumeration and one beyond, every flag alone, every
// length of text, every number of levels.
func valueRecords() (list []ring.Record) {
	for code := range ring.StatusCode(20) {
		list = append(list, status(code, ""))
	}
	for reason := range uint32(32) {
		r := status(ring.StatusDown, "reason")
		r.Status().Reason, r.Status().Scope = reason, uint8(reason)%4
		list = append(list, r)
	}
	for _, reason := range []uint32{999, 1000, 1404, 1999, 2000, 9999, 10_000, 11_006, 1<<32 - 1} {
		r := status(ring.StatusDown, "")
		r.Status().Reason = reason
		list = append(list, r)
	}
	for n := range uint64(16) {
		r := trade(n)
		r.Flags = ring.Flags(1 << n)
		r.Trade().Aggressor, r.Trade().IDFormat = uint8(n)%4, uint8(n)%5
		list = append(list, r)
	}
	for n := range 25 {
		r := trade(uint64(n))
		r.Trade().TextLength = uint8(copy(r.Trade().Text[:n], `a"b\c d`+"\x00\x01\x7f\x80\xc3\xa9\xff~~~~~~~~~~~~"))
		list = append(list, r)
	}
	for n := range 41 {
		list = append(list, status(ring.StatusSubscribeRefused, strings.Repeat("é!", 20)[:n]))
	}
	for bids := range uint8(5) {
		for asks := range 5 - bids {
			r := fill(ring.KindDepth, 0x1122334455667788)
			r.Depth().Bids, r.Depth().Asks = bids, asks
			list = append(list, r)
		}
	}
	return list
}

// All kinds, flags, sentinels and extremes, read one by one as they are published and
// again by their first lines.
func TestEveryRecordReadsAlike(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("records", 512))
	r.beat = s.beat
	r.ask("open "+s.path(), "OPENED generation=1 next=1")
	r.ask("next 1", "EMPTY")
	plain := []ring.Record{quote(1), of(1, trade(2)), depth(3, ring.FlagFirst|ring.FlagLast), status(ring.StatusUp, "up")}
	records := append(append(plain, extremeRecords()...), valueRecords()...)
	for i, rec := range records {
		s.frame(rec)
		lines := r.ask("next 1")
		if assert.Len(t, lines, 1) && i < len(plain)+len(extremeRecords()) {
			golden(t, i == 0, lines[0])
		}
	}
	r.ask("next 1", "EMPTY")
	r.ask("seek oldest", "POSITION next=1")
	heads := r.ask("head 100000")
	assert.Len(t, heads, len(records)+1)
	r.ask("stats")
}

// golden compares the next line of the file that a person has checked.
func golden(t *testing.T, first bool, line string) {
	t.Helper()
	path := filepath.Join("testdata", "records.log")
	if *update {
		mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
		if first {
			mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
		}
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		file, err := os.OpenFile(path, mode, 0o644)
		require.NoError(t, err)
		_, err = file.WriteString(line + "\n")
		require.NoError(t, err)
		require.NoError(t, file.Close())
		return
	}
	if first {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		expected = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	require.NotEmpty(t, expected)
	assert.Equal(t, expected[0], line)
	expected = expected[1:]
}

var expected []string

// Tables with names that fill their fields, sets with bits that have no name, sentinels.
func TestTablesReadAlike(t *testing.T) {
	r := newRig(t)
	s := bare(t, t.TempDir(), layout("tables", 16))
	r.beat = s.beat
	r.ask("open " + s.path())
	r.ask("instruments")
	r.ask("find BTC/USDT", "ERROR NO_INSTRUMENT")
	r.ask("state 0", "ERROR NO_INSTRUMENT")
	r.ask("board 0 TRADE", "EMPTY")
	r.ask("book 0", "EMPTY")
	full := ring.InstrumentSpec{Native: strings.Repeat("N", 32), Base: strings.Repeat("B", 16), Quote: strings.Repeat("Q", 16),
		Channels: 0xFFFF, Tick: ring.Absent, Lot: 1<<63 - 1, Multiplier: -1, TickExponent: -128, LotExponent: 127,
		PriceExponent: -128, QuantityExponent: 127, MultiplierExponent: -1, AddedTimeNS: -1}
	for _, spec := range []ring.InstrumentSpec{full, {Native: "ONLY", Base: "ONLY"}, {Native: "\"é\\\x01", Base: "é", Quote: "ü"}, {Native: "D_T", Base: "D", Quote: "T"}} {
		_, err := s.w.AddInstrument(spec)
		require.NoError(t, err)
	}
	assert.Len(t, r.ask("instruments"), 4)
	r.ask("find "+full.Native, "FOUND id=0")
	r.ask("find "+full.Base+"/"+full.Quote, "FOUND id=0")
	r.ask("find ONLY", "FOUND id=1")
	r.ask("find ONLY/", "ERROR NO_INSTRUMENT")
	r.ask("find D/T", "FOUND id=3")
	states(r, s)
	connections(r, s)
	for i := range ring.Counter(64) {
		s.w.Counters[i] = uint64(i)<<56 + 3
	}
	r.ask("counter 5", "COUNTER index=5 value=0")
	s.w.FlushCounters()
	r.ask("counter 5", "COUNTER index=5 value=360287970189639683")
	r.ask("counter 63")
	r.ask("counter 64", "COUNTER index=64 value=0")
	s.quotes(3)
	r.ask("segment", `SEGMENT feed="tables" venue="script" generation=1 source=LIVE state=LIVE slots=16 book_depth=3 instrument_count=4 watermark=3 last_sequence=3`)
}

func states(r *rig, s *script) {
	for i, word := range extremes {
		id := uint16(i % 4)
		s.w.SetState(id, ring.StateBit(word), uint32(word>>32))
		s.w.SetStaleChannels(id, ring.Channel(word))
		s.w.SetAnswers(id, ring.Channel(word>>16), ring.Channel(word>>8))
		s.w.SetInstrumentConnection(id, uint16(word))
		for k := ring.KindBookTicker; k <= ring.KindTicker; k++ {
			s.w.Seen(id, k, int64(word+uint64(k)))
		}
		for id := range 5 {
			r.ask("state " + string(rune('0'+id)))
		}
	}
	r.ask("state 4", "ERROR NO_INSTRUMENT")
	r.ask("state 4294967296", "ERROR NO_INSTRUMENT")
}

func connections(r *rig, s *script) {
	for i, word := range extremes {
		row := ring.ConnectionRow{State: ring.ConnectionState(i % 6), LastReceiveNS: int64(word), ConnectedSinceNS: int64(word),
			Reconnects: word, Frames: word, Bytes: word, DecodeErrors: word, RoundTripNS: int64(word)}
		s.w.SetConnection(0, &row)
		r.ask("connection 0")
	}
	s.w.SetEndpoint(255, strings.Repeat("e", 70))
	r.ask("connection 255", `CONNECTION row=255 state=UNUSED last_receive_ns=0 connected_since_ns=0 reconnects=0 frames=0 bytes=0 decode_errors=0 round_trip_ns=0 endpoint="`+strings.Repeat("e", 64)+`"`)
	r.ask("connection 256", "ERROR ARGUMENT")
}

// Board and books, written, beyond the table, and in the middle of being written.
func TestBoardAndBooksReadAlike(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("board", 16))
	r.beat = s.beat
	r.ask("open " + s.path())
	slots := []string{"BOOK_TICKER", "TRADE", "TICKER", "STATUS"}
	for _, slot := range slots {
		r.ask("board 0 "+slot, "EMPTY")
		r.ask("board 2 "+slot, "EMPTY")
		r.ask("board 70000 "+slot, "EMPTY")
	}
	s.frame(quote(1), of(1, quote(2)), trade(3), of(1, fill(ring.KindTicker, 0x0101)), status(ring.StatusUp, "up"))
	late := trade(9)
	late.Flags |= ring.FlagBackfill
	s.frame(late, depth(5, ring.FlagFirst), of(ring.NoInstrument, status(ring.StatusDown, "feed")))
	for _, slot := range slots {
		r.ask("board 0 " + slot)
		r.ask("board 1 " + slot)
	}
	b := ring.NewBook(3)
	r.ask("book 0", "EMPTY")
	for i, word := range extremes {
		b.Header = ring.BookHeader{AsOf: word, EventTimeNS: int64(word), RecvTimeNS: int64(word), VenueSequence: word, BookEpoch: uint32(word),
			BidCount: uint16(i % 4), AskCount: uint16((i + 2) % 4), PriceExponent: int8(word), QuantityExponent: int8(word >> 8),
			Flags: uint16(word), PublishTimeNS: int64(word)}
		for j := range 3 {
			b.BidLevels()[j] = ring.Level{Price: int64(word) + int64(j), Quantity: int64(word)}
			b.AskLevels()[j] = ring.Level{Price: int64(j), Quantity: int64(word) - int64(j)}
		}
		s.w.WriteBook(1, b)
		r.ask("book 1")
	}
	r.ask("book 2", "EMPTY")
	buf := s.seg.Bytes()
	put64(buf, section(buf, ring.SectionBoard), 2*7-1)
	put64(buf, section(buf, ring.SectionBooks), 3)
	r.ask("board 0 BOOK_TICKER", "BUSY")
	r.ask("book 0", "BUSY")
	r.ask("join")
}
