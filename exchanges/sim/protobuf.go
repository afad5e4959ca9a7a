package sim

import "encoding/binary"

// A small writer and reader of the protobuf wire format, as far as the venue's
// frames need it: varints and length-delimited fields.

const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

func appendTag(b []byte, field, wire uint64) []byte {
	return binary.AppendUvarint(b, field<<3|wire)
}

func appendVarintField(b []byte, field, value uint64) []byte {
	return binary.AppendUvarint(appendTag(b, field, wireVarint), value)
}

func appendTextField(b []byte, field uint64, value string) []byte {
	b = binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(value)))
	return append(b, value...)
}

// appendMessageField writes a field whose content fill appends.
func appendMessageField(b []byte, field uint64, fill func([]byte) []byte) []byte {
	b = appendTag(b, field, wireBytes)
	at := len(b)
	b = fill(b)
	// The length comes first and is known last: write it behind and turn it round.
	size := len(b) - at
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(size))
	b = append(b, head[:n]...)
	copy(b[at+n:], b[at:at+size])
	copy(b[at:], head[:n])
	return b
}

// field is one field of a message; content is nil but for wireBytes.
type field struct {
	number, wire, value uint64
	content             []byte
}

// fields calls f for each field of a message; false when it ends too early or holds
// a wire type that is none. What came before the damage was told.
func fields(b []byte, f func(field)) bool {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return false
		}
		b = b[n:]
		x := field{number: tag >> 3, wire: tag & 7}
		switch x.wire {
		case wireVarint:
			if x.value, n = binary.Uvarint(b); n <= 0 {
				return false
			}
			b = b[n:]
		case wireBytes:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return false
			}
			x.content = b[n : n+int(size)]
			b = b[n+int(size):]
		case wire32, wire64:
			size := 4
			if x.wire == wire64 {
				size = 8
			}
			if len(b) < size {
				return false
			}
			b = b[size:]
		default:
			return false
		}
		f(x)
	}
	return true
}
