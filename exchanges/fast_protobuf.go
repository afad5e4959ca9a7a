package exchanges

import (
	"unicode/utf8"

	"github.com/tickring/tickring/ring"
)

// The methods below read the values of protobuf messages. A text's length stands before
// it and is all that ends it: what follows may be a digit, for the next key may be one.
// The length n is the caller's, from one byte of the message, 0 to 255, and at least
// MinTextIndex bytes lie before the text. None allocates.

// MinTextIndex is the least index of a text that may be read: its last 16 bytes are
// loaded whatever its length.
const MinTextIndex = 2 * wordBytes

// Keys of a book's level, and the bound of a length of one byte.
const (
	keyPrice    = 0x0a
	keyQuantity = 0x12
	longLength  = 0x80
)

// inFrame says that n bytes from index at are a number's text inside the frame.
func (p Padded) inFrame(at, n int) bool { return n > 0 && n <= maxNumberBytes+1 && at+n <= p.end }

// TextDecimal is ParseDecimal of n bytes; it refuses what is below zero. The short way
// takes up to eight digits on either side of the point and has no branch that hangs on
// an ordinary number but for zeros at the end, which take a branch of their own.
func (p Padded) TextDecimal(at, n int) (mantissa int64, exponent int8, ok bool) {
	w := p.Word(at) ^ zeroText
	raw := p.Word(at+n-wordBytes) ^ zeroText
	y := raw
	whole := bytesBelow(nonDigits(w))
	if whole > n {
		whole = n
	}
	// Behind the whole digits come nothing, or the point and the places.
	rest := n - whole
	pointed := uint64(int64(-rest) >> 63)
	places := rest + int(int64(pointed))
	x := w << (uint(64-8*whole) & 63)
	below := uint(64-8*places) & 63
	y = y >> below << below & pointed
	zeroFirst := uint64((int64(w&0xff)-1)&int64(1-whole)) >> 63
	stop := uint64(p.Byte(at+whole)^'.') & pointed
	if whole == 0 || rest == 1 || rest > wordBytes+1 || nonDigits(y)|zeroFirst|stop != 0 {
		return p.textDecimal(at, n)
	}
	// Zeros at the end are to be stripped; a lone zero is none.
	if raw>>56 == 0 && n > 1 {
		mantissa, exponent = stripped(x, y, places)
		return mantissa, exponent, true
	}
	return int64(digits8(x)*powersOfTen[places&15] + digits8(y)), int8(-places), true
}

// TextDecimals reads a field of the message for each place of out, which has at most
// eight: the next byte of keys, the lowest first, a length, a decimal as TextDecimal
// reads it. n is the bytes of all, 0 when one is refused.
func (p Padded) TextDecimals(at int, keys uint64, out []Decimal) (n int) {
	if vectors {
		if n = textDecimals(p.text(at), keys, len(out), &out[0]); n != 0 {
			return n
		}
	}
	i := at
	for k := range out {
		size := int(p.Byte(i + 1))
		d, ok := &out[k], false
		if d.Mantissa, d.Exponent, ok = p.TextDecimal(i+2, size); !ok || p.Byte(i) != byte(keys) {
			return 0
		}
		keys >>= 8
		i += 2 + size
	}
	return i - at
}

func (p Padded) textDecimal(at, n int) (mantissa int64, exponent int8, ok bool) {
	if !p.inFrame(at, n) {
		return 0, 0, false
	}
	d, ok := ParseDecimal(p.Slice(at, n))
	if !ok || d.Mantissa < 0 {
		return 0, 0, false
	}
	return d.Mantissa, d.Exponent, true
}

// TextVolume is ParseVolume of n bytes; it refuses what is below zero. The flag is
// ring.FlagRounded when the number was rounded.
func (p Padded) TextVolume(at, n int) (mantissa int64, exponent int8, flag ring.Flags, ok bool) {
	if mantissa, exponent, ok = p.TextDecimal(at, n); ok || !p.inFrame(at, n) {
		return mantissa, exponent, 0, ok
	}
	d, rounded, ok := ParseVolume(p.Slice(at, n))
	if !ok || d.Mantissa < 0 {
		return 0, 0, 0, false
	}
	if rounded {
		flag = ring.FlagRounded
	}
	return d.Mantissa, d.Exponent, flag, true
}

// TextSigned says that n bytes are a decimal, which may be below zero.
func (p Padded) TextSigned(at, n int) bool {
	if p.Byte(at) == '-' {
		if at, n = at+1, n-1; p.Byte(at) == '-' {
			return false
		}
	}
	_, _, ok := p.TextDecimal(at, max(n, 0))
	return ok
}

// TextUint is ParseUint of n bytes.
func (p Padded) TextUint(at, n int) (v uint64, ok bool) {
	if n < 1 || n > 2*wordBytes {
		return p.textUint(at, n)
	}
	y := p.Word(at+n-wordBytes) ^ zeroText
	if n <= wordBytes {
		below := uint(64 - 8*n)
		y = y >> (below & 63) << (below & 63)
		return digits8(y), nonDigits(y) == 0 && (n == 1 || p.Byte(at) != '0')
	}
	x := p.Word(at+n-2*wordBytes) ^ zeroText
	below := uint(128 - 8*n)
	x = x >> (below & 63) << (below & 63)
	return digits8(x)*powersOfTen[wordBytes] + digits8(y), nonDigits(x)|nonDigits(y) == 0 && p.Byte(at) != '0'
}

func (p Padded) textUint(at, n int) (v uint64, ok bool) {
	if !p.inFrame(at, n) {
		return 0, false
	}
	return ParseUint(p.Slice(at, n))
}

// IDPair reads an id such as 731901896985399296X0_731901896985399297X0 of n bytes: two
// numbers of up to 18 digits, each with a suffix of one.
func (p Padded) IDPair(at, n int) (first, second uint64, suffix1, suffix2 uint8, ok bool) {
	first, suffix1, k1 := p.halfID(at)
	second, suffix2, k2 := p.halfID(at + k1 + 1)
	ok = k1 != 0 && k2 != 0 && p.Byte(at+k1) == '_' && n == k1+1+k2
	return first, second, suffix1, suffix2, ok
}

// halfID reads digits, X and a digit, and says how many bytes they take.
func (p Padded) halfID(at int) (v uint64, suffix uint8, n int) {
	const maxDigits = 18
	x, y, z := p.Word(at)^zeroText, p.Word(at+wordBytes)^zeroText, p.Word(at+2*wordBytes)^zeroText
	k := bytesBelow(nonDigits(x))
	v, n = digits8(x<<(uint(64-8*k)&63)), k
	if k == wordBytes {
		k = bytesBelow(nonDigits(y))
		v, n = v*powersOfTen[k]+digits8(y<<(uint(64-8*k)&63)&-uint64((k+7)>>3)), n+k
	}
	if n == 2*wordBytes {
		k = bytesBelow(nonDigits(z))
		v, n = v*powersOfTen[k]+digits8(z<<(uint(64-8*k)&63)&-uint64((k+7)>>3)), n+k
	}
	suffix = p.Byte(at+n+1) - '0'
	if n == 0 || n > maxDigits || n > 1 && x&0xff == 0 || p.Byte(at+n) != 'X' || suffix > 9 {
		return 0, 0, 0
	}
	return v, suffix, n + len("X0")
}

// PlainText says that n bytes, at most 64, are printable ASCII without quotes and
// backslashes.
func (p Padded) PlainText(at, n int) bool {
	if n > maxPlainText {
		return false
	}
	for k := 0; k < n; k += wordBytes {
		if k+bytesBelow(plainText(p.Word(at+k))) < min(k+wordBytes, n) {
			return false
		}
	}
	return true
}

// Until is the number of bytes before the next mark, at most MaxSymbolBytes of them.
func (p Padded) Until(at int, mark byte) (n int) {
	for n < MaxSymbolBytes {
		// The lowest zero byte is marked exactly.
		x := p.Word(at+n) ^ uint64(mark)*eachByte
		k := bytesBelow((x - eachByte) &^ x & topBits)
		n += k
		if k < wordBytes {
			break
		}
	}
	return n
}

// MillisVarint reads Unix milliseconds that take six bytes, which are those from 1971
// to 2109, in nanoseconds.
func (p Padded) MillisVarint(at int) (ns int64, ok bool) {
	const (
		ends   = 0x8080_8080_8080
		more   = 0x0080_8080_8080
		sevens = 0x7f7f_7f7f_7f7f
	)
	w := p.Word(at)
	ok = w&ends == more && w>>40&0xff != 0
	w &= sevens
	w = w&0x007f_007f_007f | w&0x7f00_7f00_7f00>>1
	v := w&0x3fff | w>>2&(0x3fff<<14) | w>>4&(0x3fff<<28)
	return int64(v) * nanosPerMilli, ok
}

// SideVarint reads 1 for buy, 2 for sell.
func (p Padded) SideVarint(at int) (side ring.Aggressor, ok bool) {
	v := p.Byte(at) - 1
	return ring.AggressorBuy + ring.Aggressor(v&1), v <= 1
}

// Rest is the number of bytes of the length at index at, if what it measures ends where
// the frame does, else 0.
func (p Padded) Rest(at int) (n int) {
	rest := p.end - at
	w := p.Half(at)
	switch {
	case rest < 1:
		return 0
	case rest-1 < 1<<7:
		if int(w&0xff) == rest-1 {
			return 1
		}
	case rest-2 < 1<<14:
		v := rest - 2
		if int(w&0xffff) == v&0x7f|0x80|v>>7<<8 && v >= 1<<7 {
			return 2
		}
	case rest-3 < 1<<21:
		v := rest - 3
		if int(w&0xffffff) == v&0x7f|v>>7&0x7f<<8|0x8080|v>>14<<16 && v >= 1<<14 {
			return 3
		}
	}
	return 0
}

// TextLevels reads levels of a book, each behind the key, to the end of the batch's
// levels, and answers with the index behind them. A refusal leaves the batch as it was.
func (p Padded) TextLevels(at int, key byte, b *Batch) (end int, ok bool) {
	levels := b.Levels
	i := at
	var pair [2]Decimal
	for i < p.end && p.Byte(i) == key {
		size := int(p.Byte(i + 1))
		if p.TextDecimals(i+2, keyPrice|keyQuantity<<8, pair[:]) != size || size == 0 || size >= longLength || len(levels) >= MaxLevels {
			return 0, false
		}
		levels = append(levels, Level{Price: pair[0], Quantity: pair[1]})
		i += 2 + size
	}
	b.Levels = levels
	return i, true
}

// Lookup is SymbolTable.Lookup of the n bytes from index at, which must be valid UTF-8;
// it must lie in the frame. It has no branch that hangs on the length of a symbol of
// up to 16 ASCII bytes.
func (p Padded) Lookup(t *SymbolTable, at, n int) (id uint16, known bool) {
	if n >= 1 && n <= packedSymbolBytes {
		// What lies behind the symbol is cut off.
		low := p.Word(at) & (^uint64(0) >> uint(64-8*min(n, wordBytes)))
		high := p.Word(at+wordBytes) & (^uint64(0) >> uint(128-8*n))
		s := &t.slots[hashSymbol(low, high)>>(t.shift&63)&uint64(len(t.slots)-1)]
		if s.low == low && s.high == high && int(s.length) == n && (low|high)&topBits == 0 {
			return s.id, true
		}
	}
	if symbol := p.Slice(at, n); utf8.Valid(symbol) {
		return t.Lookup(symbol)
	}
	return ring.NoInstrument, false
}
