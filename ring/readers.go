package ring

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// ReadersSize is the number of bytes of a file of readers.
const ReadersSize = ReadersHeaderSize + ReaderSlots*ReaderSlotSize

// ErrReaders is wrapped by every fault of a file of readers.
var ErrReaders = errors.New("file of readers is damaged")

// FormatReaders makes an empty file of readers for a host's boot: ReadersSize bytes.
func FormatReaders(boot [16]byte) []byte {
	buf := make([]byte, ReadersSize) // of whole pages, hence aligned
	h := at[ReadersHeader](buf, 0)
	h.LayoutVersion, h.ByteOrder, h.FormatHash = LayoutVersion, ByteOrderTag, FormatHash
	h.SlotCount, h.SlotSize, h.BootID, h.Magic = ReaderSlots, ReaderSlotSize, boot, ReadersMagic
	return buf
}

// Readers is a checked look at a file of readers, private or mapped. Whoever may
// write that file may write anything into it, at any time: numbers are to be
// bounded, names to be taken from NameText.
type Readers struct{ buf []byte }

// OpenReaders checks length, magic, version, hash, counts and boot; it wraps
// ErrReaders or, for a file of other builds, ErrVersion and ErrFormatHash. It never
// panics. buf must be 8-byte aligned.
func OpenReaders(buf []byte, boot [16]byte) (*Readers, error) {
	if len(buf) != ReadersSize || !aligned(buf) {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrReaders, len(buf), ReadersSize)
	}
	h := at[ReadersHeader](buf, 0)
	switch {
	case atomic.LoadUint64(&h.Magic) != ReadersMagic:
		return nil, fmt.Errorf("%w: wrong magic", ErrReaders)
	case h.ByteOrder != ByteOrderTag || h.SlotCount != ReaderSlots || h.SlotSize != ReaderSlotSize:
		return nil, fmt.Errorf("%w: byte order %#x, %d slots of %d bytes", ErrReaders, h.ByteOrder, h.SlotCount, h.SlotSize)
	case h.LayoutVersion != LayoutVersion:
		return nil, fmt.Errorf("file of readers: %w", ErrVersion)
	case h.FormatHash != FormatHash:
		return nil, fmt.Errorf("file of readers: %w", ErrFormatHash)
	case h.BootID != boot:
		return nil, fmt.Errorf("%w: made on another boot", ErrReaders)
	}
	return &Readers{buf}, nil
}

// Slot copies slot i, 0 to ReaderSlots-1; false when it is free.
func (r *Readers) Slot(i int, out *ReaderSlot) bool {
	copyReaderSlot(out, r.slot(i))
	return out.Claim != 0
}

func (r *Readers) slot(i int) *ReaderSlot {
	return at[ReaderSlot](r.buf, ReadersHeaderSize+uint64(i)*ReaderSlotSize)
}

// Claim writes who into slot i and returns the number of the claim. The caller holds
// the file's lock. A crash before the last store leaves the slot free.
func (r *Readers) Claim(i int, who *ReaderSlot) uint64 {
	h, s := at[ReadersHeader](r.buf, 0), r.slot(i)
	claim := max(atomic.AddUint64(&h.Claims, 1), 1)
	atomic.StoreUint64(&s.Claim, 0)
	image := *who
	image.Claim = 0
	storeReaderSlot(s, &image)
	atomic.StoreUint64(&s.Claim, claim)
	return claim
}

// Free gives a slot back; false when the claim is not the slot's any more. The caller
// holds the file's lock.
func (r *Readers) Free(i int, claim uint64) bool {
	return atomic.CompareAndSwapUint64(&r.slot(i).Claim, claim, 0)
}

// Report stores a reader's place in its slot; false, and nothing stored, when the
// claim is not the slot's any more. stats are of the generation.
func (r *Readers) Report(i int, claim, generation, cursor uint64, stats ReaderStats, nowMonotonicNS int64) bool {
	s := r.slot(i)
	if atomic.LoadUint64(&s.Claim) != claim {
		return false
	}
	store64(&s.Generation, generation)
	store64(&s.Cursor, cursor)
	store64(&s.Read, stats.Records)
	store64(&s.Lost, stats.Lost)
	store64(asU64(&s.UpdatedMonotonicNS), uint64(nowMonotonicNS))
	return true
}

// NameText is the name for a terminal: what is not printable ASCII is a question
// mark.
func (s *ReaderSlot) NameText() string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text(s.Name[:]))
}

// SetName puts a name, cut to fit.
func (s *ReaderSlot) SetName(name string) {
	s.Name = [48]byte{}
	copy(s.Name[:], name)
}
