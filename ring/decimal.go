package ring

import (
	"math"
	"strconv"
)

// AppendDecimal appends mantissa x 10^exponent canonically: no exponent, no
// trailing zeros behind the point, one zero before a bare point, "0" for every
// zero. The mantissa must not be Absent. It allocates only when dst is full.
func AppendDecimal(dst []byte, mantissa int64, exponent int8) []byte {
	if mantissa == Absent {
		panic("ring: an absent number has no decimal text")
	}
	if mantissa == 0 {
		return append(dst, '0')
	}
	if mantissa < 0 {
		dst = append(dst, '-')
		mantissa = -mantissa
	}
	var buffer [20]byte
	digits := strconv.AppendInt(buffer[:0], mantissa, 10)
	place := int(exponent)
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		place++
	}
	switch before := len(digits) + place; {
	case place >= 0:
		return appendZeros(append(dst, digits...), place)
	case before > 0:
		dst = append(dst, digits[:before]...)
		dst = append(dst, '.')
		return append(dst, digits[before:]...)
	default:
		dst = appendZeros(append(dst, '0', '.'), -before)
		return append(dst, digits...)
	}
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}

// Float is the double nearest to mantissa x 10^exponent, NaN for an absent number.
// For arithmetic that may round; prices are compared as mantissas.
func Float(mantissa int64, exponent int8) float64 {
	if mantissa == Absent {
		return math.NaN()
	}
	var text [32]byte
	// ParseFloat rounds once; scaling by powers of ten would round twice.
	f, err := strconv.ParseFloat(string(appendScientific(text[:0], mantissa, exponent)), 64)
	if err != nil {
		panic("ring: an int64 with an int8 exponent is a double")
	}
	return f
}

func appendScientific(dst []byte, mantissa int64, exponent int8) []byte {
	dst = strconv.AppendInt(dst, mantissa, 10)
	dst = append(dst, 'e')
	return strconv.AppendInt(dst, int64(exponent), 10)
}
