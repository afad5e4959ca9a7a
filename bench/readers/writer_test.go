package readers

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// epoch is where the script's clock stands: every time in a log is written down.
const epoch = 1_700_000_000_000_000_000

// script is the scripted writer: a real publisher's segment whose clock is the script's.
type script struct {
	t      *testing.T
	seg    *shm.Segment
	w      *ring.Writer
	clock  int64
	closed bool
}

func layout(name string, slots int) ring.Config {
	return ring.Config{Feed: name, Venue: "script", Source: ring.SourceLive, Slots: slots, MaxInstruments: 4, BookDepth: 3}
}

// write makes and publishes a segment with the instruments BTC/USDT and ETH/USDT.
func write(t *testing.T, dir string, cfg ring.Config) *script {
	t.Helper()
	s := bare(t, dir, cfg)
	for _, base := range []string{"BTC", "ETH"} {
		_, err := s.w.AddInstrument(ring.InstrumentSpec{Native: base + "_USDT", Base: base, Quote: "USDT",
			Channels: ring.ChannelBookTicker | ring.ChannelTrades, Tick: 1, Lot: ring.Absent, Multiplier: ring.Absent,
			TickExponent: -2, PriceExponent: -2, QuantityExponent: -6, AddedTimeNS: epoch})
		require.NoError(t, err)
	}
	return s
}

// bare is a published segment without instruments.
func bare(t *testing.T, dir string, cfg ring.Config) *script {
	t.Helper()
	seg, err := shm.Create(shm.Options{Dir: dir}, cfg)
	require.NoError(t, err)
	s := &script{t: t, seg: seg, clock: epoch}
	s.w, err = ring.NewWriter(seg.Bytes(), func() int64 { return s.clock })
	require.NoError(t, err)
	s.beat()
	require.NoError(t, seg.Publish())
	t.Cleanup(func() { s.end() })
	return s
}

// end releases the segment as it is; its file stays.
func (s *script) end() {
	if !s.closed {
		s.closed = true
		require.NoError(s.t, s.seg.Close(false))
	}
}

// path is the file of the segment.
func (s *script) path() string { return s.seg.Path() }

func (s *script) beat() {
	if !s.closed {
		s.w.HotBeat(time.Now().UnixNano())
	}
}

// frame publishes records in a frame of their own, a microsecond after the last.
func (s *script) frame(records ...ring.Record) {
	s.open(records...)
	s.w.EndFrame()
}

// open publishes records in a frame that does not end yet.
func (s *script) open(records ...ring.Record) {
	s.clock += 1000
	s.w.BeginFrame(s.clock - 300)
	for i := range records {
		s.w.Publish(&records[i])
	}
}

// quotes publishes n numbered book tickers, one a frame.
func (s *script) quotes(n int) {
	for range n {
		s.frame(quote(s.w.LastSequence() + 1))
	}
}

// quote is a book ticker whose words tell its number.
func quote(n uint64) ring.Record {
	r := ring.Record{Kind: ring.KindBookTicker, Flags: ring.FlagFirst | ring.FlagLast, PriceExponent: -2,
		QuantityExponent: -6, VenueSequence: n, EventTimeNS: int64(epoch + n)}
	*r.BookTicker() = ring.BookTicker{BidPrice: int64(n), BidQuantity: int64(n + 1), AskPrice: int64(n + 2),
		AskQuantity: int64(n + 3), SendTimeNS: int64(epoch - n), BookEpoch: uint32(n), Connection: 1}
	return r
}

// of changes the instrument of a record.
func of(instrument uint16, r ring.Record) ring.Record {
	r.Instrument = instrument
	return r
}

func trade(n uint64) ring.Record {
	r := ring.Record{Kind: ring.KindTrade, Flags: ring.FlagFirst | ring.FlagLast, PriceExponent: -2, VenueSequence: n}
	*r.Trade() = ring.Trade{Price: int64(n), Quantity: 5, TradeID: n, Aggressor: uint8(ring.AggressorBuy),
		IDFormat: uint8(ring.IDUint64), Count: 1}
	return r
}

// depth is one record of a depth event.
func depth(n uint64, flags ring.Flags) ring.Record {
	r := ring.Record{Kind: ring.KindDepth, Flags: flags, PriceExponent: -2, QuantityExponent: -6, VenueSequence: n}
	*r.Depth() = ring.Depth{Levels: [4]ring.Level{{Price: int64(n), Quantity: 1}, {Price: int64(n) + 1}}, Bids: 1, Asks: 1}
	return r
}

func status(code ring.StatusCode, text string) ring.Record {
	r := ring.Record{Kind: ring.KindStatus, Flags: ring.FlagSynthetic}
	s := r.Status()
	s.Code, s.Scope, s.TextLength = code, uint8(ring.ScopeInstrument), uint16(len(text))
	copy(s.Text[:], text)
	return r
}

// Places in the header, by docs/format.md.
const (
	atVersion     = 8
	atByteOrder   = 12
	atHash        = 16
	atTotalSize   = 24
	atGeneration  = 32
	atHeaderSize  = 40
	atBootID      = 64
	atSections    = 104
	atBookDepth   = 108
	atFeed        = 128
	atDirectory   = 256
	atState       = 1024
	atLast        = 1416
	atWatermark   = 1408
	atInstruments = 1664
	sectionBytes  = 32
)

func put32(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }
func put64(b []byte, at int, v uint64) { binary.LittleEndian.PutUint64(b[at:], v) }

// section is the place of a section by the segment's own directory.
func section(b []byte, kind ring.SectionKind) int {
	return int(binary.LittleEndian.Uint64(b[atDirectory+sectionBytes*(int(kind)-1)+8:]))
}

// slotAt is the place of sequence n in the ring.
func slotAt(b []byte, n uint64) int {
	at := atDirectory + sectionBytes*(int(ring.SectionRing)-1)
	slots := binary.LittleEndian.Uint64(b[at+16:])
	return section(b, ring.SectionRing) + int(n&(slots-1))*ring.RecordSize
}

// copyOf is the segment's file as it is now, under another name, to be damaged.
func (s *script) copyOf() []byte {
	b, err := os.ReadFile(s.path())
	require.NoError(s.t, err)
	return b
}
