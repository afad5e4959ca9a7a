package feed

import (
	"math"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

var pow10 = [19]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// scaleTo gives the mantissa of d at an exponent at or below its own; false when
// it does not fit an int64 (or would be the absent value). An absent number stays
// absent.
func scaleTo(d exchanges.Decimal, exponent int8) (int64, bool) {
	if d.Mantissa == ring.Absent || d.Mantissa == 0 {
		return d.Mantissa, true
	}
	by := int(d.Exponent) - int(exponent)
	if by == 0 {
		return d.Mantissa, true
	}
	if by < 0 || by > 18 {
		return 0, false
	}
	p := pow10[by]
	m := d.Mantissa * p
	if m/p != d.Mantissa || m == math.MinInt64 {
		return 0, false
	}
	return m, true
}

// scale is the exponent that the numbers of one kind of an instrument are brought
// to, so that mantissas compare as integers.
type scale struct {
	exponent int8
	known    bool
	// largest mantissa published at this exponent: what widening must leave room for.
	largest int64
}

// room is how much greater a mantissa may still get after a scale was widened.
const room = 100

// need is the exponent that d asks for: none for zero and absent numbers.
func need(d exchanges.Decimal, at int8) int8 {
	if d.Mantissa == 0 || d.Mantissa == ring.Absent {
		return at
	}
	return min(at, d.Exponent)
}

// widest is the smallest exponent among the numbers, at most 0.
func widest(ds []exchanges.Decimal) int8 {
	e := int8(0)
	for _, d := range ds {
		e = need(d, e)
	}
	return e
}

// note remembers the largest mantissa.
func (s *scale) note(m int64) {
	if m == ring.Absent {
		return
	}
	if m < 0 {
		m = -m
	}
	s.largest = max(s.largest, m)
}

// canWiden says whether everything seen so far would still fit, with room to
// spare, at exponent e.
func (s *scale) canWiden(e int8) bool {
	by := int(s.exponent) - int(e)
	if by <= 0 || by > 18 {
		return false
	}
	return s.largest <= math.MaxInt64/room/pow10[by]
}

// ownExponent is the exponent at which all numbers fit if any does: their own
// smallest one, which may be above zero for numbers with many trailing zeros.
func ownExponent(ds []exchanges.Decimal) int8 {
	e, any := int8(127), false
	for _, d := range ds {
		if d.Mantissa != 0 && d.Mantissa != ring.Absent {
			e, any = min(e, d.Exponent), true
		}
	}
	if !any {
		return 0
	}
	return e
}
