package exchanges

import "math/bits"

// Eight bytes of text in one word, the first one lowest. The masks below are exact
// up to and including the first byte that they mark; behind it a carry may mark
// bytes wrongly, so that only the first mark and the absence of any may be used.
const (
	eachByte = 0x0101010101010101
	topBits  = 0x80 * eachByte
	zeroText = '0' * eachByte
)

// nonDigits marks, in the top bit of each byte, what is no digit; x is the text
// with zeroText taken off by exclusive or, so that digits are 0 to 9.
func nonDigits(x uint64) uint64 { return (x + 0x76*eachByte | x) & topBits }

// bytesBelow is the number of bytes below the first mark, 8 when there is none.
func bytesBelow(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }

// digits8 is the number whose eight digits, 0 to 9 each, are the bytes of x: pairs
// first, then all four pairs by two multiplications, whose upper halves are summed.
func digits8(x uint64) uint64 {
	const (
		everyFourth = 0x000000ff000000ff
		outerPairs  = 1_000_000<<32 | 100
		innerPairs  = 10_000<<32 | 1
	)
	pairs := x*10 + x>>8
	return (pairs&everyFourth*outerPairs + pairs>>16&everyFourth*innerPairs) >> 32
}

// noDigits marks, in bit 4 of each byte, what cannot be a digit; every byte of a
// number's text but its digits is marked, and of other text some bytes are not.
func noDigits(w uint64) uint64 { return ^w & (0x10 * eachByte) }

// endOfNumber is the number of bytes before the quote that ends a number of up to 15
// bytes, given 16 bytes of text; of other text it is any number up to 16. Of the
// digits, the point and the quote, the quote alone has neither bit 4 nor bit 3.
func endOfNumber(first, second uint64) int {
	n := bytesBelow(^(first | first<<1) & (0x10 * eachByte))
	// The second word counts only when the first has no end, which makes n 8.
	return n + bytesBelow(^(second|second<<1)&(0x10*eachByte))&-(n>>3)
}

// stripped is the number of whole digits x and places digits y, both at the upper ends
// of their words, where zeros at the end of the text are leading zeros of the word.
func stripped(x, y uint64, places int) (mantissa int64, exponent int8) {
	padding := bits.LeadingZeros64(y) >> 3
	if padding < wordBytes {
		places -= padding
		return int64(digits8(x)*powersOfTen[places] + digits8(y<<uint(8*padding))), int8(-places)
	}
	if x == 0 {
		return 0, 0
	}
	tens := bits.LeadingZeros64(x) >> 3
	return int64(digits8(x << uint(8*tens))), int8(tens)
}

// plainText marks the bytes that end plain text: control characters, quotes,
// backslashes and all that is not ASCII.
func plainText(w uint64) uint64 {
	quote, slash := w^'"'*eachByte, w^'\\'*eachByte
	return ^((w|topBits)-' '*eachByte)&topBits | w&topBits | (quote-eachByte)&^quote&topBits | (slash-eachByte)&^slash&topBits
}

// plainName marks the bytes that no symbol of letters, digits and underscores has:
// those below '0', backslashes and all that is not ASCII.
func plainName(w uint64) uint64 {
	slash := w ^ '\\'*eachByte
	return ^((w|topBits)-zeroText)&topBits | w&topBits | (slash-eachByte)&^slash&topBits
}
