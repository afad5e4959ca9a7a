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
