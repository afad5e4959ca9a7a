package ring

import (
	"fmt"
	"sync/atomic"
)

// View is a checked look at a segment's bytes: header, tables, heartbeats. It
// writes nothing and may be used from any thread. The bytes must stay mapped
// while it lives.
type View struct {
	buf         []byte
	h           *Header
	instruments Section
	states      Section
	connections Section
	board       Section
	books       Section
	ring        Section
	bookDepth   int
	constant    Header // private copy of what was checked
}

// OpenView checks magic, byte order, version, sizes, format hash and directory,
// in that order, and wraps the Err value of what is wrong. It trusts nothing in
// buf and never panics. buf must be 8-byte aligned (a mapping is).
func OpenView(buf []byte) (*View, error) {
	if len(buf) < HeaderSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooShort, len(buf))
	}
	if !aligned(buf) {
		return nil, fmt.Errorf("%w: buffer is not 8-byte aligned", ErrConfig)
	}
	// The magic pairs with the store in MarkReady: whoever sees it sees the rest.
	switch magic := atomic.LoadUint64(&headerOf(buf).Magic); magic {
	case Magic:
	case 0:
		return nil, ErrNotReady
	default:
		return nil, fmt.Errorf("%w: %#016x", ErrMagic, magic)
	}
	// A private copy: what was checked cannot be changed afterwards.
	h := &Header{}
	copyHeader(h, headerOf(buf))
	if err := checkHeader(h, uint64(len(buf))); err != nil {
		return nil, err
	}
	d := &h.Directory
	return &View{
		buf: buf, h: headerOf(buf), bookDepth: int(h.BookDepth),
		instruments: d[SectionInstruments-1], states: d[SectionInstrumentStates-1],
		connections: d[SectionConnections-1], board: d[SectionBoard-1],
		books: d[SectionBooks-1], ring: d[SectionRing-1], constant: *h,
	}, nil
}

func checkHeader(h *Header, size uint64) error {
	switch {
	case h.ByteOrder != ByteOrderTag:
		return fmt.Errorf("%w: tag %#08x", ErrByteOrder, h.ByteOrder)
	case h.LayoutVersion != LayoutVersion:
		return fmt.Errorf("%w: %d, this reader knows %d", ErrVersion, h.LayoutVersion, LayoutVersion)
	case h.HeaderSize != HeaderSize:
		return fmt.Errorf("%w: header size %d", ErrHeaderField, h.HeaderSize)
	case h.TotalSize > size:
		return fmt.Errorf("%w: %d of %d bytes", ErrTruncated, size, h.TotalSize)
	case h.TotalSize < size:
		return fmt.Errorf("%w: %d bytes, the header says %d", ErrSize, size, h.TotalSize)
	case h.FormatHash != FormatHash:
		return fmt.Errorf("%w: %#016x, this reader knows %#016x", ErrFormatHash, h.FormatHash, uint64(FormatHash))
	case h.Generation == 0:
		return fmt.Errorf("%w: generation 0", ErrHeaderField)
	case State(h.State) == StateInitialising:
		return ErrNotReady
	case State(h.State) > StateSuperseded:
		return fmt.Errorf("%w: state %d", ErrHeaderField, h.State)
	}
	return checkDirectory(h, h.TotalSize)
}

// MarkReady makes a formatted segment LIVE; the magic goes last. A crash just
// before leaves a file that reads as not ready.
func MarkReady(buf []byte) {
	h := headerOf(buf)
	atomic.StoreUint32(&h.State, uint32(StateLive))
	atomic.StoreUint64(&h.Magic, Magic) // pairs with the load in OpenView
}

// Supersede tells the readers of an old segment that generation successor has
// taken its name. buf must have at least HeaderSize bytes.
func Supersede(buf []byte, successor uint64) {
	h := headerOf(buf)
	atomic.StoreUint64(&h.SuccessorGeneration, successor)
	atomic.StoreUint32(&h.State, uint32(StateSuperseded)) // pairs with the load in View.State
}

// Generation names the segment.
func (v *View) Generation() uint64 { return v.constant.Generation }

// Feed is the feed's name.
func (v *View) Feed() string { return text(v.constant.Feed[:]) }

// Venue is the venue's name.
func (v *View) Venue() string { return text(v.constant.Venue[:]) }

// PublisherVersion is the publisher's version text.
func (v *View) PublisherVersion() string { return text(v.constant.PublisherVersion[:]) }

// Source says where the data come from.
func (v *View) Source() Source { return Source(v.constant.Source) }

// BootID is the boot of the host on which the segment was made.
func (v *View) BootID() [16]byte { return v.constant.BootID }

// OwnerPID is the publisher's pid in its own namespace: for diagnosis only.
func (v *View) OwnerPID() uint32 { return v.constant.OwnerPID }

// CreatedRealtimeNS is when the segment was made, Unix ns.
func (v *View) CreatedRealtimeNS() int64 { return v.constant.CreatedRealtimeNS }

// TotalSize is the segment's size in bytes.
func (v *View) TotalSize() int64 { return int64(len(v.buf)) }

// Slots is the number of slots of the ring.
func (v *View) Slots() int { return int(v.ring.Count) }

// BookDepth is levels a side of a board book.
func (v *View) BookDepth() int { return v.bookDepth }

// InstrumentCapacity is how many rows the instrument table has.
func (v *View) InstrumentCapacity() int { return int(v.instruments.Count) }

// State is the life of the segment now.
func (v *View) State() State { return State(atomic.LoadUint32(&v.h.State)) }

// SuccessorGeneration is the generation that replaced this one, once SUPERSEDED.
func (v *View) SuccessorGeneration() uint64 { return atomic.LoadUint64(&v.h.SuccessorGeneration) }

// VenueClock is how far the venue's clock is ahead of the publisher's (below zero
// behind), within what the truth lies of it, and when it was measured by the publisher's
// clock, ns; measuredNS is 0 before the first measurement. The three are loaded one by
// one: a new measurement may stand between them.
func (v *View) VenueClock() (offsetNS, uncertaintyNS, measuredNS int64) {
	measuredNS = atomic.LoadInt64(&v.h.ClockMeasuredNS) // pairs with Writer.SetVenueClock
	return atomic.LoadInt64(&v.h.ClockOffsetNS), atomic.LoadInt64(&v.h.ClockUncertaintyNS), measuredNS
}

// HotHeartbeat moves every 50 ms while the hot thread turns.
func (v *View) HotHeartbeat() (beat uint64, timeNS int64) {
	return atomic.LoadUint64(&v.h.HotHeartbeat), atomic.LoadInt64(&v.h.HotHeartbeatTimeNS)
}

// ProcessHeartbeat moves every 50 ms while the publisher's process lives.
func (v *View) ProcessHeartbeat() (beat uint64, timeNS int64) {
	return atomic.LoadUint64(&v.h.ProcessHeartbeat), atomic.LoadInt64(&v.h.ProcessHeartbeatTimeNS)
}

// Watermark: board and books reflect every record up to it.
func (v *View) Watermark() uint64 { return atomic.LoadUint64(&v.h.Watermark) }

// LastSequence is the last record of the last whole frame.
func (v *View) LastSequence() uint64 { return atomic.LoadUint64(&v.h.LastSequence) }

// Doorbell is the futex word; it may be waited on over a read-only mapping.
func (v *View) Doorbell() *uint32 { return &v.h.Doorbell }

// Counter is one total since the segment was made; written every 50 ms.
func (v *View) Counter(c Counter) uint64 {
	if int(c) >= len(v.h.Counters) {
		return 0
	}
	return atomic.LoadUint64(&v.h.Counters[c])
}

// InstrumentCount is the number of valid rows of the instrument table, never
// more than the table has.
func (v *View) InstrumentCount() int {
	// Pairs with the store in Writer.AddInstrument: a row below it is whole.
	n := atomic.LoadUint32(&v.h.InstrumentCount)
	return int(min(uint64(n), v.instruments.Count))
}

// Instrument copies one row; false when id is not a valid row.
func (v *View) Instrument(id int, out *Instrument) bool {
	if id < 0 || id >= v.InstrumentCount() {
		return false
	}
	copyInstrument(out, at[Instrument](v.buf, v.instruments.Offset+uint64(id)*InstrumentSize))
	return true
}

// InstrumentState copies the state beside a row; false when id is no valid row.
func (v *View) InstrumentState(id int, out *InstrumentState) bool {
	if id < 0 || id >= v.InstrumentCount() {
		return false
	}
	copyState(out, v.stateAt(id))
	return true
}

func (v *View) stateAt(id int) *InstrumentState {
	return at[InstrumentState](v.buf, v.states.Offset+uint64(id)*InstrumentStateSize)
}

// Connection copies one row of the connection table; false when there is none.
func (v *View) Connection(row int, out *Connection) bool {
	if row < 0 || uint64(row) >= v.connections.Count {
		return false
	}
	copyConnection(out, at[Connection](v.buf, v.connections.Offset+uint64(row)*ConnectionSize))
	return true
}

// Symbol is the instrument's BASE/QUOTE, or its base alone where it has no
// quote; "" when id is no valid row. It allocates.
func (v *View) Symbol(id int) string {
	var in Instrument
	if !v.Instrument(id, &in) {
		return ""
	}
	return in.Symbol()
}

// Find resolves BASE/QUOTE or the venue's spelling to a row. Rows hold inside one
// generation only.
func (v *View) Find(symbol string) (id int, ok bool) {
	var in Instrument
	for i := range v.InstrumentCount() {
		if v.Instrument(i, &in) && (in.Symbol() == symbol || text(in.VenueSymbol[:]) == symbol) {
			return i, true
		}
	}
	return 0, false
}

// Symbol is BASE/QUOTE, or the base alone where there is no quote.
func (i *Instrument) Symbol() string {
	quote := text(i.Quote[:])
	if quote == "" {
		return text(i.Base[:])
	}
	return text(i.Base[:]) + "/" + quote
}

// Native is the venue's spelling.
func (i *Instrument) Native() string { return text(i.VenueSymbol[:]) }

// Bits are the state bits in the low half of the word.
func (s *InstrumentState) Bits() StateBit { return StateBit(uint32(s.Word)) }

// BookEpoch is the high half of the word.
func (s *InstrumentState) BookEpoch() uint32 { return uint32(s.Word >> 32) }

// EndpointText is the endpoint of the connection.
func (c *Connection) EndpointText() string { return text(c.Endpoint[:]) }

// TextString is the text of a STATUS record; at most 40 bytes whatever it says.
func (s *Status) TextString() string {
	return string(s.Text[:min(int(s.TextLength), len(s.Text))])
}
