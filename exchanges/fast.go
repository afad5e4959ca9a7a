package exchanges

import (
	"bytes"
	"math"

	"github.com/tickring/tickring/ring"
)

// FastPadding is how many bytes behind a frame a template decoder may read: what
// the frame reader of package feed keeps behind every payload.
const FastPadding = 1024

// FastStats counts how the data frames of one stream were decoded. Frames without
// FastPadding bytes behind them are not counted: the fast path is not tried.
type FastStats struct {
	// Hits were accepted by a template.
	Hits uint64
	// Fallbacks were data that no template accepted, decoded by the reference. A
	// venue that adds a field shows as nothing but fallbacks.
	Fallbacks uint64
}

// Limits of the short ways below; longer texts are left to the reference decoder
// or to the plain parser.
const (
	maxPlainText = 64
	wordBytes    = 8
)

// Each of the methods below reads one hole of a template from index at and answers
// with the number of bytes that it takes, 0 when it refuses. Where nothing else is
// said, the literal that follows the hole proves that the hole ends there: every
// method stops before the first byte that is not the hole's. None allocates.

// Uint is ParseUint for up to 16 digits.
func (p Padded) Uint(at int) (v uint64, n int) {
	x := p.Word(at) ^ zeroText
	n = bytesBelow(nonDigits(x))
	if n < wordBytes {
		v = digits8(x << uint(64-8*n))
	} else {
		y := p.Word(at+wordBytes) ^ zeroText
		k := bytesBelow(nonDigits(y))
		v = digits8(x)*powersOfTen[k] + digits8(y<<uint(64-8*k))
		n += k
	}
	if x&0xff == 0 && n > 1 {
		return 0, 0
	}
	return v, n
}

// Seconds10 reads Unix seconds of exactly ten digits, in nanoseconds.
func (p Padded) Seconds10(at int) (ns int64, ok bool) {
	const digits = 10
	x, y := p.Word(at)^zeroText, p.Word(at+digits-wordBytes)^zeroText
	v := digits8(x<<(64-8*(digits-wordBytes)))*powersOfTen[wordBytes] + digits8(y)
	ok = nonDigits(x)|nonDigits(y) == 0 && v-1e9 <= math.MaxInt64/nanosPerSecond-1e9
	return int64(v) * nanosPerSecond, ok
}

// Digits10 says that a JSON number of exactly ten digits begins at index at.
func (p Padded) Digits10(at int) bool {
	const digits = 10
	x, y := p.Word(at)^zeroText, p.Word(at+digits-wordBytes)^zeroText
	return nonDigits(x)|nonDigits(y) == 0 && x&0xff != 0
}

// Millis13 reads Unix milliseconds of exactly 13 digits, in nanoseconds.
func (p Padded) Millis13(at int) (ns int64, ok bool) {
	const digits = 13
	x, y := p.Word(at)^zeroText, p.Word(at+digits-wordBytes)^zeroText
	v := digits8(x<<(64-8*(digits-wordBytes)))*powersOfTen[wordBytes] + digits8(y)
	// The greatest value leaves room for a fraction.
	ok = nonDigits(x)|nonDigits(y) == 0 && v-1e12 < math.MaxInt64/nanosPerMilli-1e12
	return int64(v) * nanosPerMilli, ok
}

// MillisText is ParseMillisNS up to the closing quote, which must be there.
func (p Padded) MillisText(at int) (ns int64, n int) {
	const digits = 13
	ns, ok := p.Millis13(at)
	y := p.Word(at+digits+1) ^ zeroText
	k := bytesBelow(nonDigits(y))
	n = digits + 1 + k
	if !ok || p.Byte(at+digits) != '.' || k == 0 || p.Byte(at+n) != '"' {
		return p.millisText(at)
	}
	// Eight places of a millisecond are hundredths of a nanosecond.
	fraction := digits8(y & (1<<uint(8*k) - 1))
	return ns + int64(fraction/100), n
}

func (p Padded) millisText(at int) (ns int64, n int) {
	text := p.quoted(at)
	ns, ok := ParseMillisNS(text)
	if !ok {
		return 0, 0
	}
	return ns, len(text)
}

// quoted is the text from index at to the next quote of the frame, nil when there
// is none in reach of a number.
func (p Padded) quoted(at int) []byte {
	if at >= p.end {
		return nil
	}
	text := p.Slice(at, min(p.end-at, maxNumberBytes+2))
	return text[:max(0, bytes.IndexByte(text, '"'))]
}

// Decimal is ParseDecimal up to the closing quote, which the literal behind the hole
// must compare; it refuses what is below zero.
func (p Padded) Decimal(at int) (mantissa int64, exponent int8, n int) {
	if !vectors {
		return p.shortDecimal(at)
	}
	var d Decimal
	if n := quotedDecimals(p.text(at), 0, 1, &d); n != 0 {
		return d.Mantissa, d.Exponent, int(n)
	}
	return p.decimal(at)
}

// Decimals is Decimal for each place of out, which has at most eight. The next byte of
// gaps, the lowest first, is how many bytes lie from the end of one to the next; the
// caller must compare them. lengths holds the bytes of each in the same way; 0 when one is
// refused.
func (p Padded) Decimals(at int, gaps uint64, out []Decimal) (lengths uint64) {
	if vectors {
		if lengths = quotedDecimals(p.text(at), gaps, len(out), &out[0]); lengths != 0 {
			return lengths
		}
	}
	for i := range out {
		d := &out[i]
		var n int
		if d.Mantissa, d.Exponent, n = p.Decimal(at); n == 0 {
			return 0
		}
		lengths |= uint64(n) << uint(8*i)
		at += n + int(gaps&0xff)
		gaps >>= 8
	}
	return lengths
}

// shortDecimal is Decimal where there are no vectors. The short way takes up to eight
// digits on either side of the point. None of its branches hangs on an ordinary number,
// and the end of the number is found first, for the next hole waits for nothing else.
func (p Padded) shortDecimal(at int) (mantissa int64, exponent int8, n int) {
	w := p.Word(at)
	n = endOfNumber(w, p.Word(at+wordBytes))
	whole := bytesBelow(noDigits(w))
	// Behind the whole digits come nothing, or the point and the places.
	rest := n - whole
	pointed := uint64(int64(-rest) >> 63)
	places := rest + int(int64(pointed))
	x := w ^ zeroText
	zeroFirst := uint64((int64(x&0xff)-1)&int64(1-whole)) >> 63
	x <<= uint(64-8*whole) & 63
	y := (p.Word(at+whole+1) ^ zeroText) << (uint(64-8*places) & 63) & pointed
	stop := uint64(p.Byte(at+whole)) ^ '"' ^ ('"'^'.')&pointed
	if whole == 0 || rest == 1 || rest > wordBytes+1 || n >= 2*wordBytes || nonDigits(x)|nonDigits(y)|zeroFirst|stop != 0 {
		return p.decimal(at)
	}
	// Zeros at the end are to be stripped; a lone zero is none.
	if uint64(p.Byte(at+n-1)-'0')|uint64(n-2)>>63 == 0 {
		mantissa, exponent = stripped(x, y, places)
		return mantissa, exponent, n
	}
	return int64(digits8(x)*powersOfTen[places&15] + digits8(y)), int8(-places), n
}

func (p Padded) decimal(at int) (mantissa int64, exponent int8, n int) {
	text := p.quoted(at)
	d, ok := ParseDecimal(text)
	if !ok || d.Mantissa < 0 {
		return 0, 0, 0
	}
	return d.Mantissa, d.Exponent, len(text)
}

// Volume is ParseVolume up to the closing quote, which the literal behind the hole must
// compare; it refuses what is below zero. The flag is ring.FlagRounded when the number was rounded.
func (p Padded) Volume(at int) (mantissa int64, exponent int8, flag ring.Flags, n int) {
	if !vectors {
		mantissa, exponent, n = p.shortDecimal(at)
		if n != 0 {
			return mantissa, exponent, 0, n
		}
		return p.longVolume(at)
	}
	var d Decimal
	if n := quotedDecimals(p.text(at), 0, 1, &d); n != 0 {
		return d.Mantissa, d.Exponent, 0, int(n)
	}
	return p.longVolume(at)
}

// longVolume is Volume of any length.
func (p Padded) longVolume(at int) (mantissa int64, exponent int8, flag ring.Flags, n int) {
	text := p.quoted(at)
	d, rounded, ok := ParseVolume(text)
	if !ok || d.Mantissa < 0 {
		return 0, 0, 0, 0
	}
	if rounded {
		flag = ring.FlagRounded
	}
	return d.Mantissa, d.Exponent, flag, len(text)
}

// SignedDecimal passes over a decimal that may be below zero, up to the closing quote,
// which the literal behind the hole must compare.
func (p Padded) SignedDecimal(at int) (n int) {
	minus := 0
	if p.Byte(at) == '-' {
		minus = 1
	}
	if _, _, n = p.Decimal(at + minus); n == 0 || p.Byte(at+minus) == '-' {
		return 0
	}
	return minus + n
}

// Name passes over a symbol of up to MaxSymbolBytes ASCII letters, digits and
// underscores. It does not refuse the few other characters above '0' that need no
// escape in JSON.
func (p Padded) Name(at int) (n int) {
	for n < MaxSymbolBytes {
		k := bytesBelow(plainName(p.Word(at + n)))
		n += k
		if k < wordBytes {
			return n
		}
	}
	return n
}

// Text passes over up to 64 bytes of printable ASCII without quotes and
// backslashes; ok is false when there is more. Empty text takes no bytes.
func (p Padded) Text(at int) (n int, ok bool) {
	for n < maxPlainText {
		k := bytesBelow(plainText(p.Word(at + n)))
		n += k
		if k < wordBytes {
			return n, true
		}
	}
	return n, false
}

// Side reads buy or sell, without a branch that hangs on which.
func (p Padded) Side(at int) (side ring.Aggressor, n int) {
	const (
		buy  = 'b' | 'u'<<8 | 'y'<<16 | '"'<<24
		sell = 's' | 'e'<<8 | 'l'<<16 | 'l'<<24
	)
	w := p.Half(at)
	// The first letters differ in the lowest bit.
	isSell := w & 1
	if w^buy^(buy^sell)&-isSell != 0 {
		return ring.AggressorUnknown, 0
	}
	return ring.AggressorBuy + ring.Aggressor(isSell), len("buy") + int(isSell)
}

// Levels reads an array of [price, quantity], brackets included, to the end of the
// batch's levels. A refusal leaves what was read before in the batch.
func (p Padded) Levels(at int, b *Batch) (n int) {
	const (
		none  = '[' | ']'<<8
		open  = '[' | '['<<8 | '"'<<16
		comma = '"' | ','<<8 | '"'<<16
		next  = '"' | ']'<<8 | ','<<16 | '['<<24 | '"'<<32
		end   = '"' | ']'<<8 | ']'<<16
	)
	if p.Pair(at) == none {
		return len("[]")
	}
	if p.Half(at)&0xffffff != open {
		return 0
	}
	levels := b.Levels
	var pair [2]Decimal
	for i := at + len(`[["`); i < p.end && len(levels) < MaxLevels; i += len(`"],["`) {
		lengths := p.Decimals(i, uint64(len(`","`)), pair[:])
		i += int(lengths & 0xff)
		if lengths == 0 || p.Half(i)&0xffffff != comma {
			return 0
		}
		i += len(`","`) + int(lengths>>8)
		levels = append(levels, Level{Price: pair[0], Quantity: pair[1]})
		w := p.Word(i)
		if w&(1<<40-1) == next {
			continue
		}
		b.Levels = levels
		if w&(1<<24-1) != end {
			return 0
		}
		return i + len(`"]]`) - at
	}
	b.Levels = levels
	return 0
}

// Same says that the n bytes from index at are those from index other; n is at most
// MaxSymbolBytes.
func (p Padded) Same(at, other, n int) bool {
	k := 0
	for ; k+wordBytes <= n; k += wordBytes {
		if p.Word(at+k) != p.Word(other+k) {
			return false
		}
	}
	return (p.Word(at+k)^p.Word(other+k))<<(uint(64-8*(n-k))&63) == 0 || k == n
}
