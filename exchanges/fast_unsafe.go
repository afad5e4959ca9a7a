package exchanges

import (
	"encoding/binary"
	"unsafe"
)

// Padded is a frame that may be read FastPadding bytes beyond its end. What lies
// there is stale and may look like anything: a reader must in the end find its
// cursor at End exactly, or refuse. Indices count from the frame's first byte and
// are not checked. A Padded is as short-lived as its frame and belongs to the
// thread that decodes.
type Padded struct {
	base unsafe.Pointer
	end  int
}

// Pad returns the frame for reading without bounds checks; false when fewer than
// FastPadding bytes of its allocation follow it.
func Pad(frame []byte) (Padded, bool) {
	return Padded{base: unsafe.Pointer(unsafe.SliceData(frame)), end: len(frame)}, cap(frame)-len(frame) >= FastPadding
}

// End is the length of the frame in bytes.
func (p Padded) End() int { return p.end }

// Word is the eight bytes from index at, the first one lowest.
func (p Padded) Word(at int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p.base, at))[:])
}

// Half is the four bytes from index at, the first one lowest.
func (p Padded) Half(at int) uint32 {
	return binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(p.base, at))[:])
}

// Pair is the two bytes from index at, the first one lowest.
func (p Padded) Pair(at int) uint16 {
	return binary.LittleEndian.Uint16((*[2]byte)(unsafe.Add(p.base, at))[:])
}

// Byte is the byte at index at.
func (p Padded) Byte(at int) byte { return *(*byte)(unsafe.Add(p.base, at)) }

// text is where index at lies.
func (p Padded) text(at int) *byte { return (*byte)(unsafe.Add(p.base, at)) }

// Slice is the n bytes from index at.
func (p Padded) Slice(at, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(p.base, at)), n)
}

// slot is a slot of the table, modulo their number.
func (t *SymbolTable) slot(i uint64) *symbolSlot {
	at := i & uint64(len(t.slots)-1)
	return (*symbolSlot)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(t.slots)), at*uint64(unsafe.Sizeof(symbolSlot{}))))
}
