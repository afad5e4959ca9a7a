package mexc

import (
	"math"

	"github.com/tickring/tickring/exchanges"
)

// Wire types of protobuf. Groups (3 and 4) were given up long ago; the venue's
// schema has none.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// Keys are a field's number and wire type together, as they stand on the wire.
// A known field with another wire type has another key and is skipped like an
// unknown one, as protobuf wants.
const (
	keyShift = 3
	wireMask = 1<<keyShift - 1
)

// Sizes of the encoding.
const (
	// maxVarintBytes: ten groups of seven bits hold 64.
	maxVarintBytes = 10
	fixed64Bytes   = 8
	fixed32Bytes   = 4
)

func textKey(number uint32) uint32   { return number<<keyShift | wireBytes }
func varintKey(number uint32) uint32 { return number<<keyShift | wireVarint }

// walker goes over the fields of one message. It reads each field by its length
// or its size, so whatever follows a field can never become part of it.
type walker struct {
	rest []byte
	// key, and value or text, are those of the current field. text points into
	// the message.
	key   uint32
	value uint64
	text  []byte
	// damaged: the message ended in mid-field, or has what no message has.
	damaged bool
}

// next steps to the next field; false at the end and at damage.
func (w *walker) next() bool {
	b := w.rest
	if len(b) == 0 {
		return false
	}
	// Most fields are texts below 128 bytes with a number below 16.
	if len(b) >= 2 && b[0]&(0x80|wireMask) == wireBytes && b[0] > wireMask && b[1] < 0x80 {
		if end := 2 + int(b[1]); end <= len(b) {
			w.key, w.text, w.rest = uint32(b[0]), b[2:end], b[end:]
			return true
		}
	}
	return w.nextAny()
}

func (w *walker) nextAny() bool {
	key, ok := w.varint()
	if !ok || key > math.MaxUint32 || key>>keyShift == 0 {
		w.damaged = true
		return false
	}
	w.key = uint32(key)
	switch key & wireMask {
	case wireVarint:
		w.value, ok = w.varint()
	case wireFixed64:
		_, ok = w.take(fixed64Bytes)
	case wireBytes:
		var length uint64
		if length, ok = w.varint(); ok {
			w.text, ok = w.take(length)
		}
	case wireFixed32:
		_, ok = w.take(fixed32Bytes)
	default:
		ok = false
	}
	w.damaged = !ok
	return ok
}

// varint reads a number of seven bits a byte; false when it is cut off or has
// more than 64 bits.
func (w *walker) varint() (uint64, bool) {
	var v uint64
	for i, c := range w.rest[:min(len(w.rest), maxVarintBytes)] {
		if i == maxVarintBytes-1 && c > 1 {
			return 0, false
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			w.rest = w.rest[i+1:]
			return v, true
		}
	}
	return 0, false
}

func (w *walker) take(length uint64) ([]byte, bool) {
	if length > uint64(len(w.rest)) {
		return nil, false
	}
	taken := w.rest[:length]
	w.rest = w.rest[length:]
	return taken, true
}

// shortNumberBytes is how many bytes of digits and a point always fit an int64.
const shortNumberBytes = 18

// shortDecimal is exchanges.ParseDecimal for texts of at most 18 bytes without a
// sign, which are nearly all; false says nothing but that it did not read the text.
func shortDecimal(text []byte) (exchanges.Decimal, bool) {
	last := len(text) - 1
	if last < 0 || last >= shortNumberBytes || text[0] == '.' || text[last] == '.' || text[0] == '0' && last > 0 && text[1] != '.' {
		return exchanges.Decimal{}, false
	}
	var mantissa int64
	point := last
	for i, c := range text {
		d := c - '0'
		if d > 9 {
			if c != '.' || point != last {
				return exchanges.Decimal{}, false
			}
			point = i
			continue
		}
		mantissa = mantissa*10 + int64(d)
	}
	if mantissa == 0 {
		return exchanges.Decimal{}, true
	}
	exponent := point - last
	for mantissa%10 == 0 {
		mantissa /= 10
		exponent++
	}
	return exchanges.Decimal{Mantissa: mantissa, Exponent: int8(exponent)}, true
}
