package ring

import (
	"sync/atomic"
	"unsafe"
)

// This file turns places in the segment into typed pointers. Offsets come from
// a directory that was checked against the length of the bytes.

func aligned(buf []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(buf)))%8 == 0
}

// headerOf needs at least HeaderSize bytes.
func headerOf(buf []byte) *Header {
	return (*Header)(unsafe.Pointer(&buf[:HeaderSize][0]))
}

// at is the address of a checked offset.
func at[T any](buf []byte, off uint64) *T {
	return (*T)(unsafe.Pointer(&buf[off : off+uint64(unsafe.Sizeof(*new(T)))][0]))
}

// words are the 16 words of a record in shared memory.
func words(r *Record) *[16]uint64 { return (*[16]uint64)(unsafe.Pointer(r)) }

// loadRecord copies the shared words 1 to 15 with one atomic load
// each: plain moves on amd64, acquire loads on arm64, so that none sinks below
// the second look at the mark.
func loadRecord(dst, src *Record) {
	d, s := words(dst), words(src)
	d[1] = atomic.LoadUint64(&s[1])
	d[2] = atomic.LoadUint64(&s[2])
	d[3] = atomic.LoadUint64(&s[3])
	d[4] = atomic.LoadUint64(&s[4])
	d[5] = atomic.LoadUint64(&s[5])
	d[6] = atomic.LoadUint64(&s[6])
	d[7] = atomic.LoadUint64(&s[7])
	d[8] = atomic.LoadUint64(&s[8])
	d[9] = atomic.LoadUint64(&s[9])
	d[10] = atomic.LoadUint64(&s[10])
	d[11] = atomic.LoadUint64(&s[11])
	d[12] = atomic.LoadUint64(&s[12])
	d[13] = atomic.LoadUint64(&s[13])
	d[14] = atomic.LoadUint64(&s[14])
	d[15] = atomic.LoadUint64(&s[15])
}

// loadBlock copies n words with one atomic load each.
func loadBlock(dst, src unsafe.Pointer, n int) {
	d := unsafe.Slice((*uint64)(dst), n)
	s := unsafe.Slice((*uint64)(src), n)
	for i := range d {
		d[i] = atomic.LoadUint64(&s[i])
	}
}

func copyHeader(dst, src *Header) {
	loadBlock(unsafe.Pointer(dst), unsafe.Pointer(src), HeaderSize/8)
}

func copyInstrument(dst, src *Instrument) {
	loadBlock(unsafe.Pointer(dst), unsafe.Pointer(src), InstrumentSize/8)
}

func copyConnection(dst, src *Connection) {
	loadBlock(unsafe.Pointer(dst), unsafe.Pointer(src), ConnectionSize/8)
}

func copyState(dst, src *InstrumentState) {
	loadBlock(unsafe.Pointer(dst), unsafe.Pointer(src), InstrumentStateSize/8)
}

func copyReaderSlot(dst, src *ReaderSlot) {
	loadBlock(unsafe.Pointer(dst), unsafe.Pointer(src), ReaderSlotSize/8)
}

// storeReaderSlot stores all words of a slot behind its claim.
func storeReaderSlot(dst, src *ReaderSlot) {
	d := unsafe.Slice((*uint64)(unsafe.Pointer(dst)), ReaderSlotSize/8)
	s := unsafe.Slice((*uint64)(unsafe.Pointer(src)), ReaderSlotSize/8)
	for i := 1; i < len(d); i++ {
		atomic.StoreUint64(&d[i], s[i])
	}
}

// loadHead copies the shared words 1 to 7: the first cache line.
func loadHead(dst, src *Record) {
	d, s := words(dst), words(src)
	d[1] = atomic.LoadUint64(&s[1])
	d[2] = atomic.LoadUint64(&s[2])
	d[3] = atomic.LoadUint64(&s[3])
	d[4] = atomic.LoadUint64(&s[4])
	d[5] = atomic.LoadUint64(&s[5])
	d[6] = atomic.LoadUint64(&s[6])
	d[7] = atomic.LoadUint64(&s[7])
}

// The bodies are views of the record's 80 bytes; they live as long as r.

// BookTicker is the body of a KindBookTicker record.
func (r *Record) BookTicker() *BookTicker { return (*BookTicker)(unsafe.Pointer(&r.Body)) }

// Trade is the body of a KindTrade record.
func (r *Record) Trade() *Trade { return (*Trade)(unsafe.Pointer(&r.Body)) }

// Depth is the body of a KindDepth record.
func (r *Record) Depth() *Depth { return (*Depth)(unsafe.Pointer(&r.Body)) }

// Ticker is the body of a KindTicker record.
func (r *Record) Ticker() *Ticker { return (*Ticker)(unsafe.Pointer(&r.Body)) }

// Status is the body of a KindStatus record.
func (r *Record) Status() *Status { return (*Status)(unsafe.Pointer(&r.Body)) }

// Perpetual is the body of a KindPerpetual record.
func (r *Record) Perpetual() *Perpetual { return (*Perpetual)(unsafe.Pointer(&r.Body)) }

// exponentWord is the aligned word that holds the exponents of a row.
func exponentWord(i *Instrument) *uint64 {
	return (*uint64)(unsafe.Pointer(&i.TickExponent))
}

func channelWord(i *Instrument) *uint32 { return &i.Channels }

// slotsOf is the ring as its writer sees it.
func slotsOf(v *View) []Record {
	first := at[Record](v.buf, v.ring.Offset)
	return unsafe.Slice(first, v.ring.Count)
}

func (v *View) slotAt(i uint64) *Record {
	return (*Record)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(v.buf)), v.ring.Offset+i*RecordSize))
}

func (v *View) boardAt(id int, place BoardSlot) *Record {
	return at[Record](v.buf, v.board.Offset+uint64(id)*BoardEntrySize+uint64(place)*RecordSize)
}

func (v *View) instrumentAt(id int) *Instrument {
	return at[Instrument](v.buf, v.instruments.Offset+uint64(id)*InstrumentSize)
}

func (v *View) connectionAt(row int) *Connection {
	return at[Connection](v.buf, v.connections.Offset+uint64(row)*ConnectionSize)
}

// bookAt is the first word of a board book: its version.
func (v *View) bookAt(id int) *uint64 {
	return at[uint64](v.buf, v.books.Offset+uint64(id)*uint64(v.books.EntrySize))
}

func asU64(p *int64) *uint64 { return (*uint64)(unsafe.Pointer(p)) }

func endpointWord(c *Connection, i int) *uint64 {
	return (*uint64)(unsafe.Pointer(&c.Endpoint[i*8]))
}

// putText puts s, cut to fit, into a zeroed field.
func putText(field *[8]uint64, s string) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(field)), len(field)*8), s)
}

// bookWords is the image of a board book as words.
func (b *Book) words() *uint64 { return (*uint64)(unsafe.Pointer(&b.Header)) }

// loadBook copies n words of a shared book behind its version.
func loadBook(dst *Book, src *uint64, n int) {
	d, s := unsafe.Slice(dst.words(), n), unsafe.Slice(src, n)
	for i := 1; i < n; i++ {
		d[i] = atomic.LoadUint64(&s[i])
	}
}
