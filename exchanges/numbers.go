package exchanges

import (
	"math"
	"math/bits"
)

// maxNumberBytes bounds the text of one number. Venues pad with zeros, the
// longest padding seen is 10 digits; 120 leaves room and keeps exponents in an
// int8.
const maxNumberBytes = 120

// volumeDigits is how many digits a rounded volume keeps: any 18 fit an int64.
const volumeDigits = 18

// powersOfTen are the powers that fit a uint64.
var powersOfTen = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// ParseDecimal reads a plain decimal exactly: an optional minus, digits, and
// optionally a point followed by digits. It strips trailing zeros and answers
// zero for -0. It refuses, with false, everything else: no digit before or behind
// the point, a plus, an exponent, white space, a leading zero before another
// digit ("00.5": no venue writes it, so it is a damaged text), more than 120
// bytes, and a value whose significant digits do not fit an int64. It does not
// allocate and may be called from any thread.
func ParseDecimal(text []byte) (Decimal, bool) {
	d, outcome := parseDecimal(text)
	return d, outcome == numberExact
}

// ParseVolume is ParseDecimal for statistics that may have more digits than an
// int64 holds: such a number is rounded to 18 significant digits, half to even,
// and rounded is true. A number that fits is exact, with 19 digits too.
func ParseVolume(text []byte) (d Decimal, rounded, ok bool) {
	d, outcome := parseDecimal(text)
	if outcome == numberTooLong {
		return roundDecimal(text), true, true
	}
	return d, false, outcome == numberExact
}

// numberOutcome says what a text was.
type numberOutcome uint8

const (
	numberRefused numberOutcome = iota
	numberExact
	numberTooLong // well-formed, and more digits than an int64 holds
)

func parseDecimal(text []byte) (Decimal, numberOutcome) {
	digits := text
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > maxNumberBytes || hasLeadingZero(digits) {
		return Decimal{}, numberRefused
	}
	var mantissa uint64
	point, last, zeros := len(digits), -1, 0
	outcome := numberExact
	for i, c := range digits {
		switch d := c - '0'; {
		case d > 9:
			if c != '.' || point != len(digits) || i == 0 || i == len(digits)-1 {
				return Decimal{}, numberRefused
			}
			point = i
		case d == 0:
			zeros++
		default:
			var fits bool
			if mantissa, fits = appendDigit(mantissa, zeros, d); !fits {
				outcome = numberTooLong
			}
			last, zeros = i, 0
		}
	}
	if last < 0 {
		return Decimal{}, numberExact
	}
	return signed(mantissa, negative, placeOf(last, point)), outcome
}

// hasLeadingZero says that a zero stands before another digit.
func hasLeadingZero(digits []byte) bool {
	return len(digits) > 1 && digits[0] == '0' && digits[1] != '.'
}

// appendDigit puts zeros zeros and the digit d (1 to 9) behind mantissa; false
// when the result does not fit an int64.
func appendDigit(mantissa uint64, zeros int, d byte) (uint64, bool) {
	if mantissa == 0 {
		return uint64(d), true
	}
	if zeros+1 >= len(powersOfTen) {
		return mantissa, false
	}
	high, low := bits.Mul64(mantissa, powersOfTen[zeros+1])
	sum, carry := bits.Add64(low, uint64(d), 0)
	if high+carry != 0 || sum > math.MaxInt64 {
		return mantissa, false
	}
	return sum, true
}

// placeOf is the power of ten of the digit at index i of digits whose point
// stands at index point.
func placeOf(i, point int) int {
	if i < point {
		return point - 1 - i
	}
	return point - i
}

func signed(mantissa uint64, negative bool, exponent int) Decimal {
	d := Decimal{Mantissa: int64(mantissa), Exponent: int8(exponent)}
	if negative {
		d.Mantissa = -d.Mantissa
	}
	return d
}

// roundDecimal rounds a text that parseDecimal found well-formed and too long.
func roundDecimal(text []byte) Decimal {
	negative := text[0] == '-'
	digits := text
	if negative {
		digits = digits[1:]
	}
	var mantissa uint64
	point, kept, place := len(digits), 0, 0
	next, tail := byte(0), false
	for i, c := range digits {
		switch {
		case c == '.':
			point = i
		case kept == 0 && c == '0':
		case kept < volumeDigits:
			mantissa = mantissa*10 + uint64(c-'0')
			kept, place = kept+1, i
		case kept == volumeDigits:
			next, kept = c-'0', kept+1
		default:
			tail = tail || c != '0'
		}
	}
	if next > 5 || next == 5 && (tail || mantissa&1 == 1) {
		mantissa++
	}
	exponent := placeOf(place, point)
	for mantissa%10 == 0 {
		mantissa /= 10
		exponent++
	}
	return signed(mantissa, negative, exponent)
}

// ParseUint reads digits alone: no sign, no point, no leading zero. False when
// it is none or does not fit a uint64.
func ParseUint(text []byte) (uint64, bool) {
	if len(text) == 0 || len(text) > len(powersOfTen) || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	var v uint64
	for i, c := range text {
		d := uint64(c - '0')
		if d > 9 {
			return 0, false
		}
		if i >= len(powersOfTen)-1 {
			// The twentieth digit is the only one that can be too much.
			high, low := bits.Mul64(v, 10)
			sum, carry := bits.Add64(low, d, 0)
			if high+carry != 0 {
				return 0, false
			}
			return sum, true
		}
		v = v*10 + d
	}
	return v, true
}

// Nanoseconds in the units in which venues give times.
const (
	nanosPerMilli  = 1_000_000
	nanosPerSecond = 1_000_000_000
)

// MillisToNS turns Unix milliseconds into nanoseconds; false beyond an int64.
func MillisToNS(millis uint64) (int64, bool) {
	if millis > math.MaxInt64/nanosPerMilli {
		return 0, false
	}
	return int64(millis) * nanosPerMilli, true
}

// SecondsToNS turns Unix seconds into nanoseconds; false beyond an int64.
func SecondsToNS(seconds uint64) (int64, bool) {
	if seconds > math.MaxInt64/nanosPerSecond {
		return 0, false
	}
	return int64(seconds) * nanosPerSecond, true
}

// ParseMillisNS reads Unix milliseconds with decimals, such as
// "1788336082402.208000", into nanoseconds without going through a float. Digits
// beyond the sixth decimal are below a nanosecond and are cut off, never rounded
// up into the future. False when the text is no such number or beyond an int64.
func ParseMillisNS(text []byte) (int64, bool) {
	whole, fraction := text, []byte(nil)
	for i, c := range text {
		if c == '.' {
			whole, fraction = text[:i], text[i+1:]
			if len(fraction) == 0 || len(fraction) > maxNumberBytes {
				return 0, false
			}
			break
		}
	}
	millis, ok := ParseUint(whole)
	if !ok {
		return 0, false
	}
	ns, ok := MillisToNS(millis)
	unit := int64(nanosPerMilli / 10)
	for _, c := range fraction {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		ns += int64(d) * unit
		unit /= 10
	}
	return ns, ok && ns >= 0
}
