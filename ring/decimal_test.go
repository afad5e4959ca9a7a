package ring

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Decimals print canonically, whatever mantissa and exponent they are held in.
func TestAppendDecimalIsCanonical(t *testing.T) {
	for _, c := range []struct {
		mantissa int64
		exponent int8
		want     string
	}{
		{0, -5, "0"}, {0, 7, "0"}, {1, 0, "1"}, {-1, 0, "-1"}, {12158, -2, "121.58"}, {1215800, -4, "121.58"},
		{5, -8, "0.00000005"}, {100, -2, "1"}, {7, 3, "7000"}, {-250, -3, "-0.25"},
		{math.MaxInt64, 0, "9223372036854775807"}, {math.MinInt64 + 1, -18, "-9.223372036854775807"},
	} {
		assert.Equal(t, c.want, string(AppendDecimal(nil, c.mantissa, c.exponent)))
	}
}

// Float is the nearest double, also where scaling would round twice.
func TestFloatIsNearest(t *testing.T) {
	assert.Equal(t, 0.1, Float(1, -1))
	assert.Equal(t, 84005.6, Float(840056, -1))
	assert.Equal(t, 1.2345678901234567, Float(12345678901234567, -16))
	assert.True(t, math.IsNaN(Float(Absent, 0)))
	assert.Zero(t, testing.AllocsPerRun(100, func() { Float(840056, -1) }))
}
