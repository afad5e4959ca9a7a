package ring

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Errors of the writer's instrument table.
var (
	ErrTableFull    = errors.New("instrument table is full: run with a greater --instruments")
	ErrSymbolLength = errors.New("instrument name does not fit the table")
)

// Writer is the only writer of a segment, owned by one thread for its whole life.
// No method but NewWriter, AddInstrument and SetEndpoint allocates; none blocks.
//
//	BeginFrame(recv)  Publish(r)…  WriteBook(…)…  EndFrame()
type Writer struct {
	view    *View
	slots   []Record // the ring, len is a power of two
	mask    uint64
	next    uint64 // sequence of the next record, from 1
	now     func() int64
	recvNS  int64
	frameNS int64 // publish time of this frame, 0 until its first record
	ended   uint64
	bell    uint32
	beat    uint64
	count   int

	// Counters are the totals that FlushCounters copies out; the owner adds to
	// them as it goes.
	Counters [64]uint64
}

// NewWriter takes a formatted segment over. now gives Unix ns and is called once
// a frame, before its first commit, on the writer's thread.
func NewWriter(buf []byte, now func() int64) (*Writer, error) {
	if len(buf) < HeaderSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooShort, len(buf))
	}
	h := headerOf(buf)
	if h.LayoutVersion != LayoutVersion || h.FormatHash != FormatHash || h.TotalSize != uint64(len(buf)) {
		return nil, fmt.Errorf("%w: segment was not formatted by this build", ErrConfig)
	}
	if err := checkDirectory(h, h.TotalSize); err != nil {
		return nil, err
	}
	d := &h.Directory
	v := &View{
		buf: buf, h: h, bookDepth: int(h.BookDepth),
		instruments: d[SectionInstruments-1], states: d[SectionInstrumentStates-1],
		connections: d[SectionConnections-1], board: d[SectionBoard-1],
		books: d[SectionBooks-1], ring: d[SectionRing-1], constant: *h,
	}
	return &Writer{view: v, slots: slotsOf(v), mask: v.ring.Count - 1, next: 1, now: now}, nil
}

// View is the segment as its readers see it.
func (w *Writer) View() *View { return w.view }

// Ready makes the segment LIVE.
func (w *Writer) Ready() { MarkReady(w.view.buf) }

// BeginFrame opens a frame that was received at recvNS, Unix ns.
func (w *Writer) BeginFrame(recvNS int64) {
	w.recvNS = recvNS
	w.frameNS = 0
}

// Publish commits r as the next record, and to its instrument's place on the
// board unless it is DEPTH or BACKFILL. It fills Commit, RecvTimeNS and
// PublishTimeNS and returns the sequence. r stays the caller's.
func (w *Writer) Publish(r *Record) uint64 {
	if w.frameNS == 0 {
		w.frameNS = w.now()
	}
	n := w.next
	w.next = n + 1
	r.Commit = 2 * n
	r.RecvTimeNS = w.recvNS
	r.PublishTimeNS = w.frameNS
	publishRecord(&w.slots[n&w.mask], r, 2*n)
	if r.Kind != KindDepth && r.Flags&FlagBackfill == 0 {
		w.publishBoard(r, n)
	}
	return n
}

// boardSlots maps a kind to its place on the board; no place is above the last.
var boardSlots = [8]uint8{
	KindBookTicker: uint8(BoardBookTicker), KindTrade: uint8(BoardTrade),
	KindTicker: uint8(BoardTicker), KindStatus: uint8(BoardStatus),
	0: 0xFF, KindDepth: 0xFF, KindPerpetual: 0xFF, 7: 0xFF,
}

// publishBoard copies a record just committed to the ring. n only grows, so the
// board never goes back.
func (w *Writer) publishBoard(r *Record, n uint64) {
	place := boardSlots[r.Kind&7]
	if int(r.Instrument) >= w.count || place > uint8(BoardStatus) {
		return
	}
	publishRecord(w.view.boardAt(int(r.Instrument), BoardSlot(place)), r, 2*n)
}

// EndFrame closes the frame: the watermark says that board and books reflect all
// its records; the doorbell word moves. Whoever sleeps on it is woken by the
// owner, just before it blocks anyway.
func (w *Writer) EndFrame() {
	last := w.next - 1
	if last == w.ended {
		return
	}
	w.ended = last
	w.bell++
	h := w.view.h
	storeFrame(&h.LastSequence, &h.Watermark, &h.Doorbell, last, w.bell) // pairs with the load in View.Watermark
}

// LastSequence is the last record committed, 0 before the first.
func (w *Writer) LastSequence() uint64 { return w.next - 1 }

// Doorbell is the futex word to wake.
func (w *Writer) Doorbell() *uint32 { return &w.view.h.Doorbell }

// HotBeat moves the hot heartbeat; called by the hot thread every 50 ms.
func (w *Writer) HotBeat(nowNS int64) {
	w.beat++
	store64(asU64(&w.view.h.HotHeartbeatTimeNS), uint64(nowNS))
	store64(&w.view.h.HotHeartbeat, w.beat)
}

// SetVenueClock stores how far the venue's clock is ahead of the publisher's, within what
// bound, and when that was measured, ns.
func (w *Writer) SetVenueClock(offsetNS, uncertaintyNS, measuredNS int64) {
	store64(asU64(&w.view.h.ClockOffsetNS), uint64(offsetNS))
	store64(asU64(&w.view.h.ClockUncertaintyNS), uint64(uncertaintyNS))
	store64(asU64(&w.view.h.ClockMeasuredNS), uint64(measuredNS)) // pairs with the load in View.VenueClock
}

// ProcessBeat moves the process heartbeat. Unlike all else here it belongs to one
// other thread of the publisher's process.
func (w *Writer) ProcessBeat(nowNS int64) {
	atomic.StoreInt64(&w.view.h.ProcessHeartbeatTimeNS, nowNS)
	atomic.AddUint64(&w.view.h.ProcessHeartbeat, 1)
}

// FlushCounters copies Counters out; the owner calls it with the heartbeat.
func (w *Writer) FlushCounters() {
	for i := range w.Counters {
		store64(&w.view.h.Counters[i], w.Counters[i])
	}
}

// CloseSegment says that no record will follow; it ends the frame. A crash before
// it reads as STALE. A segment that was superseded meanwhile stays so.
func (w *Writer) CloseSegment() {
	w.EndFrame()
	w.FlushCounters()
	// Pairs with the load in View.State.
	atomic.CompareAndSwapUint32(&w.view.h.State, uint32(StateLive), uint32(StateClosed))
	w.bell++
	store32(&w.view.h.Doorbell, w.bell)
}

// InstrumentSpec is what a new row of the instrument table says.
type InstrumentSpec struct {
	// Native is the venue's spelling, at most 32 bytes; Base and Quote at most 16.
	Native, Base, Quote string
	Channels            Channel
	// Tick, Lot, Multiplier are mantissas, Absent when unknown.
	Tick, Lot, Multiplier                         int64
	TickExponent, LotExponent, MultiplierExponent int8
	PriceExponent, QuantityExponent               int8
	AddedTimeNS                                   int64
}

// AddInstrument appends a row and returns its number. A full table is
// ErrTableFull, a name that does not fit ErrSymbolLength, both with the name.
func (w *Writer) AddInstrument(s InstrumentSpec) (uint16, error) {
	if uint64(w.count) >= w.view.instruments.Count || w.count >= MaxInstruments {
		return 0, fmt.Errorf("add instrument %q: %w", s.Native, ErrTableFull)
	}
	if len(s.Native) > 32 || len(s.Base) > 16 || len(s.Quote) > 16 || s.Native == "" {
		return 0, fmt.Errorf("add instrument %q (%s/%s): %w", s.Native, s.Base, s.Quote, ErrSymbolLength)
	}
	id := w.count
	row := w.view.instrumentAt(id)
	row.ID, row.Channels = uint32(id), uint32(s.Channels)
	copy(row.VenueSymbol[:], s.Native)
	copy(row.Base[:], s.Base)
	copy(row.Quote[:], s.Quote)
	row.Tick, row.Lot, row.Multiplier = s.Tick, s.Lot, s.Multiplier
	row.TickExponent, row.LotExponent, row.MultiplierExponent = s.TickExponent, s.LotExponent, s.MultiplierExponent
	row.PriceExponent, row.QuantityExponent = s.PriceExponent, s.QuantityExponent
	row.AddedTimeNS = s.AddedTimeNS
	w.count = id + 1
	atomic.StoreUint32(&w.view.h.InstrumentCount, uint32(w.count)) // pairs with View.InstrumentCount
	return uint16(id), nil
}

// InstrumentCount is the number of rows in use.
func (w *Writer) InstrumentCount() int { return w.count }

// SetState stores an instrument's state word: bits in the low half, book epoch
// in the high half.
func (w *Writer) SetState(id uint16, bits StateBit, epoch uint32) {
	store64(&w.view.stateAt(int(id)).Word, uint64(epoch)<<32|uint64(bits))
}

// SetStaleChannels stores which channels of an instrument are stale.
func (w *Writer) SetStaleChannels(id uint16, ch Channel) {
	store32(&w.view.stateAt(int(id)).Stale, uint32(ch))
}

// SetAnswers stores which channels of an instrument the venue has acknowledged and
// which it has refused.
func (w *Writer) SetAnswers(id uint16, acknowledged, refused Channel) {
	s := w.view.stateAt(int(id))
	store32(&s.Acknowledged, uint32(acknowledged))
	store32(&s.Refused, uint32(refused))
}

// SetInstrumentConnection says which connection carries an instrument.
func (w *Writer) SetInstrumentConnection(id uint16, row uint16) {
	store32(&w.view.stateAt(int(id)).Connection, uint32(row))
}

// SetChannels stores the channels asked for of an instrument.
func (w *Writer) SetChannels(id uint16, ch Channel) {
	store32(channelWord(w.view.instrumentAt(int(id))), uint32(ch))
}

// Seen notes that an instrument had data of kind at recvNS.
func (w *Writer) Seen(id uint16, kind Kind, recvNS int64) {
	s := w.view.stateAt(int(id))
	store64(asU64(&s.LastSeenNS), uint64(recvNS))
	switch kind {
	case KindBookTicker:
		store64(asU64(&s.BookTickerLastSeenNS), uint64(recvNS))
	case KindTrade:
		store64(asU64(&s.TradeLastSeenNS), uint64(recvNS))
	case KindDepth:
		store64(asU64(&s.DepthLastSeenNS), uint64(recvNS))
	case KindTicker:
		store64(asU64(&s.TickerLastSeenNS), uint64(recvNS))
	}
}

// SetExponents stores the exponents that an instrument's numbers are scaled to.
func (w *Writer) SetExponents(id uint16, price, quantity int8) {
	row := w.view.instrumentAt(int(id))
	word := *exponentWord(row)
	word = word&^uint64(0xFFFF<<16) | uint64(uint8(price))<<16 | uint64(uint8(quantity))<<24
	store64(exponentWord(row), word)
}

// SetMultiplier stores how many base units one contract is; a reader that copied the
// row meanwhile may have half of it, so INSTRUMENT_CHANGED must follow.
func (w *Writer) SetMultiplier(id uint16, mantissa int64, exponent int8) {
	row := w.view.instrumentAt(int(id))
	store64(exponentWord(row), *exponentWord(row)&^(0xFF<<32)|uint64(uint8(exponent))<<32)
	store64(asU64(&row.Multiplier), uint64(mantissa))
}

// ConnectionRow gives the writer's counters of a connection to SetConnection.
type ConnectionRow struct {
	State                                   ConnectionState
	LastReceiveNS, ConnectedSinceNS         int64
	Reconnects, Frames, Bytes, DecodeErrors uint64
	RoundTripNS                             int64
}

// SetConnection stores a row of the connection table. row is below MaxConnections.
func (w *Writer) SetConnection(row uint16, c *ConnectionRow) {
	d := w.view.connectionAt(int(row))
	store32(&d.State, uint32(c.State))
	store64(asU64(&d.LastReceiveNS), uint64(c.LastReceiveNS))
	store64(asU64(&d.ConnectedSinceNS), uint64(c.ConnectedSinceNS))
	store64(&d.Reconnects, c.Reconnects)
	store64(&d.Frames, c.Frames)
	store64(&d.Bytes, c.Bytes)
	store64(&d.DecodeErrors, c.DecodeErrors)
	store64(asU64(&d.RoundTripNS), uint64(c.RoundTripNS))
}

// ConnectionSeen stores when bytes last came on a connection.
func (w *Writer) ConnectionSeen(row uint16, recvNS int64) {
	store64(asU64(&w.view.connectionAt(int(row)).LastReceiveNS), uint64(recvNS))
}

// SetEndpoint stores where a connection leads, cut to the row's 64 bytes.
func (w *Writer) SetEndpoint(row uint16, endpoint string) {
	d := w.view.connectionAt(int(row))
	var field [8]uint64
	putText(&field, endpoint)
	for i, word := range field {
		store64(endpointWord(d, i), word)
	}
}
