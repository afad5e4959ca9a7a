package recording

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"github.com/tickring/tickring/ring"
)

// Hash is the hash of a stream of records without what is of one place and time: the
// sequence, which begins anew in each segment, and the publish time. It is SHA-256
// over the fields of each record in the order of the layout, 112 bytes of the 128.
type Hash struct {
	h       hash.Hash
	records uint64
	buf     [recordBytes]byte
}

// recordBytes of a record are hashed: all but commit and publish time.
const recordBytes = ring.RecordSize - 16

// NewHash is the hash of no record.
func NewHash() *Hash { return &Hash{h: sha256.New()} }

// Add takes the next record.
func (h *Hash) Add(r *ring.Record) {
	b := h.buf[:0]
	b = append(b, byte(r.Kind), byte(r.PriceExponent), byte(r.QuantityExponent), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(r.Flags))
	b = binary.LittleEndian.AppendUint16(b, r.Instrument)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.RecvTimeNS))
	b = binary.LittleEndian.AppendUint64(b, r.VenueSequence)
	for _, word := range r.Body {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(r.EventTimeNS))
	h.h.Write(b) // it never fails
	h.records++
}

// Records is how many were taken.
func (h *Hash) Records() uint64 { return h.records }

// Sum is the hash of the records so far; more may follow.
func (h *Hash) Sum() (out [sha256.Size]byte) {
	h.h.Sum(out[:0])
	return out
}

// Text is Sum in hexadecimal.
func (h *Hash) Text() string {
	sum := h.Sum()
	return hex.EncodeToString(sum[:])
}
