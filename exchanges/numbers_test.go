package exchanges

import (
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tickring/tickring/ring"
)

// Decimals come out exactly and in one form only, or not at all.
func TestParseDecimal(t *testing.T) {
	zeros := strings.Repeat("0", 36)
	for _, c := range []struct {
		name string
		text string
		want Decimal
		ok   bool
	}{
		{"a price keeps its digits", "118.91", Decimal{11891, -2}, true},
		{"zeros behind the last digit are stripped", "121.5800000000", Decimal{12158, -2}, true},
		{"a whole number keeps its point's place", "77474", Decimal{77474, 0}, true},
		{"trailing zeros of a whole number go to the exponent", "1500", Decimal{15, 2}, true},
		{"zeros on both sides of the point", "100.00", Decimal{1, 2}, true},
		{"a small amount", "0.000021", Decimal{21, -6}, true},
		{"a zero between digits stays", "10.0501", Decimal{100501, -4}, true},
		{"zero", "0", Decimal{}, true},
		{"a long zero", "0." + zeros, Decimal{}, true},
		{"minus zero is zero", "-0.00", Decimal{}, true},
		{"below zero", "-1.8254", Decimal{-18254, -4}, true},
		{"the greatest mantissa", "9223372036854775807", Decimal{math.MaxInt64, 0}, true},
		{"the least mantissa", "-922337203685477.5807", Decimal{-math.MaxInt64, -4}, true},
		{"a great power of ten", "1" + zeros, Decimal{1, 36}, true},
		{"a small power of ten", "0." + zeros + "7", Decimal{7, -37}, true},
		{"digits padded far", "1.5" + zeros, Decimal{15, -1}, true},
		{"one above the greatest mantissa", "9223372036854775808", Decimal{}, false},
		{"the value that means absent", "-9223372036854775808", Decimal{}, false},
		{"forty digits", strings.Repeat("1234567890", 4), Decimal{}, false},
		{"forty decimals", "0." + strings.Repeat("1234567890", 4), Decimal{}, false},
		{"two digits too far apart", "1." + zeros + "1", Decimal{}, false},
		{"more bytes than any number has", strings.Repeat("0", 121), Decimal{}, false},
		{"a zero of more bytes than any number has", "0." + strings.Repeat("0", 119), Decimal{}, false},
		{"nothing", "", Decimal{}, false},
		{"a minus alone", "-", Decimal{}, false},
		{"a point alone", ".", Decimal{}, false},
		{"no digit behind the point", "1.", Decimal{}, false},
		{"no digit before the point", ".5", Decimal{}, false},
		{"two points", "1.2.3", Decimal{}, false},
		{"letters", "abc", Decimal{}, false},
		{"not a number", "NaN", Decimal{}, false},
		{"an exponent", "1e5", Decimal{}, false},
		{"a plus", "+1", Decimal{}, false},
		{"two signs", "--1", Decimal{}, false},
		{"a blank before it", " 1", Decimal{}, false},
		{"a blank behind it", "1 ", Decimal{}, false},
		{"a needless leading zero", "00.5", Decimal{}, false},
		{"hexadecimal", "0x10", Decimal{}, false},
		{"a digit of another script", "١", Decimal{}, false},
		{"a group mark", "1,000", Decimal{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := ParseDecimal([]byte(c.text))
			require.Equal(t, c.ok, ok)
			if ok {
				assert.Equal(t, c.want, got)
			}
		})
	}
}

// A volume is exact while it fits and rounded half to even beyond.
func TestParseVolume(t *testing.T) {
	for _, c := range []struct {
		name    string
		text    string
		want    Decimal
		rounded bool
	}{
		{"nineteen digits that fit are exact", "215375.1010537074991", Decimal{2153751010537074991, -13}, false},
		{"nineteen digits that do not fit", "9999999999999999.999", Decimal{1, 16}, true},
		{"twenty decimals", "0.12345678901234567891", Decimal{123456789012345679, -18}, true},
		{"half and a tail goes up", "12345678901234567850.5", Decimal{123456789012345679, 2}, true},
		{"exact half above an even digit stays", "12345678901234567850", Decimal{1234567890123456785, 1}, false},
		{"exact half beyond the range goes down to even", "9234567890123456785000.0", Decimal{923456789012345678, 4}, true},
		{"exact half beyond the range goes up to even", "9234567890123456775", Decimal{923456789012345678, 1}, true},
		{"a tail behind the half goes up", "9234567890123456785.0000001", Decimal{923456789012345679, 1}, true},
		{"the point among the lost digits", "923456789012345678.49", Decimal{923456789012345678, 0}, true},
		{"below zero rounds by size", "-9234567890123456779", Decimal{-923456789012345678, 1}, true},
		{"nines all over", strings.Repeat("9", 120), Decimal{1, 120}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, rounded, ok := ParseVolume([]byte(c.text))
			require.True(t, ok)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.rounded, rounded)
		})
	}
	_, _, ok := ParseVolume([]byte("1e400"))
	assert.False(t, ok)
}

var decimalGrammar = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// ratOf is the value of a decimal as math/big sees it.
func ratOf(d Decimal) *big.Rat {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Exponent, -d.Exponent))), nil)
	r := new(big.Rat).SetInt64(d.Mantissa)
	if d.Exponent < 0 {
		return r.Quo(r, new(big.Rat).SetInt(power))
	}
	return r.Mul(r, new(big.Rat).SetInt(power))
}

// FuzzParseDecimal compares with math/big: whatever is accepted is the number,
// and whatever is a number of the grammar and fits is accepted.
func FuzzParseDecimal(f *testing.F) {
	for _, seed := range []string{"1.50", "-0.0", "9223372036854775807", "9223372036854775808", "00.5", "1e5", "0.000000000000000000001", "99999999999999999999.5", "."} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { compareWithBig(t, text) })
}

// Well-formed numbers of every length, which random bytes rarely are.
func TestDecimalsAgreeWithBig(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		compareWithBig(r, []byte(rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24}0{0,12})?`).Draw(r, "text")))
	})
}

func compareWithBig(t require.TestingT, text []byte) {
	d, ok := ParseDecimal(text)
	v, rounded, volumeOK := ParseVolume(text)
	wellFormed := decimalGrammar.Match(text) && len(strings.TrimPrefix(string(text), "-")) <= maxNumberBytes
	require.Equal(t, wellFormed, volumeOK, "%q", text)
	if !wellFormed {
		require.False(t, ok, "%q", text)
		return
	}
	exact, valid := new(big.Rat).SetString(string(text))
	require.True(t, valid)
	if !ok {
		require.True(t, rounded)
		requireRounded(t, exact, v)
		return
	}
	require.False(t, rounded)
	require.Equal(t, d, v)
	require.Zero(t, exact.Cmp(ratOf(d)), "%q is not %v", text, d)
	if d.Mantissa == 0 {
		require.Zero(t, d.Exponent)
	} else {
		require.NotZero(t, d.Mantissa%10, "%q has trailing zeros: %v", text, d)
	}
	again, ok := ParseDecimal(ring.AppendDecimal(nil, d.Mantissa, d.Exponent))
	require.True(t, ok)
	require.Equal(t, d, again)
}

// requireRounded wants v within half a unit of its 18th digit.
func requireRounded(t require.TestingT, exact *big.Rat, v Decimal) {
	require.NotZero(t, v.Mantissa%10)
	off := new(big.Rat).Sub(exact, ratOf(v))
	off.Quo(off.Abs(off), exact).Abs(off)
	require.LessOrEqual(t, off.Cmp(big.NewRat(1, 200_000_000_000_000_000)), 0, "%v is not %s", v, exact)
}

// Canonical text has no exponent and no needless zero.
func TestAppendDecimal(t *testing.T) {
	for _, c := range []struct {
		mantissa int64
		exponent int8
		want     string
	}{
		{0, 0, "0"}, {0, -8, "0"}, {0, 5, "0"}, {15, -1, "1.5"}, {1500, -3, "1.5"}, {1500, -2, "15"}, {15, 2, "1500"},
		{21, -6, "0.000021"}, {-5, -1, "-0.5"}, {math.MaxInt64, 0, "9223372036854775807"}, {-math.MaxInt64, -19, "-0.9223372036854775807"},
		{1, -20, "0.00000000000000000001"}, {10, -1, "1"}, {100, -1, "10"},
	} {
		assert.Equal(t, "x"+c.want, string(ring.AppendDecimal([]byte("x"), c.mantissa, c.exponent)))
	}
	assert.Panics(t, func() { ring.AppendDecimal(nil, ring.Absent, 0) })
}

// Ids are digits that fit a uint64.
func TestParseUint(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "7": 7, "18446744073709551615": math.MaxUint64, "25847113075": 25847113075} {
		got, ok := ParseUint([]byte(text))
		require.True(t, ok, text)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "-1", "+1", "01", "1.0", "1e3", " 1", "18446744073709551616", "99999999999999999999", "100000000000000000000", "a"} {
		_, ok := ParseUint([]byte(text))
		assert.False(t, ok, text)
	}
}

// Milliseconds with decimals become nanoseconds digit by digit.
func TestParseMillisNS(t *testing.T) {
	for text, want := range map[string]int64{
		"1788336082402.208000":    1788336082402208000,
		"1682689046123.0":         1682689046123000000,
		"1606292218213.4578":      1606292218213457800,
		"1619093546958":           1619093546958000000,
		"1619093546958.123456":    1619093546958123456,
		"1619093546958.123456999": 1619093546958123456,
		"0.000001":                1,
		"9223372036854.775807":    math.MaxInt64,
	} {
		got, ok := ParseMillisNS([]byte(text))
		require.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", ".", "1.", ".5", "-1", "1e12", "1.2.3", "1.5 ", "1.x", "9223372036854.775808", "9223372036855", "99999999999999999999999"} {
		_, ok := ParseMillisNS([]byte(text))
		assert.False(t, ok, text)
	}
}

// Seconds and milliseconds beyond an int64 of nanoseconds are refused.
func TestTimesAreBounded(t *testing.T) {
	ns, ok := SecondsToNS(9223372036)
	assert.True(t, ok)
	assert.Equal(t, int64(9223372036000000000), ns)
	_, ok = SecondsToNS(9223372037)
	assert.False(t, ok)
	_, ok = MillisToNS(math.MaxUint64)
	assert.False(t, ok)
}

// Parsing allocates nothing.
func TestNumbersDoNotAllocate(t *testing.T) {
	price, volume, millis := []byte("86691.600000"), []byte("9999999999999999.99912"), []byte("1788336082402.208000")
	buffer := make([]byte, 0, 64)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		d, _ := ParseDecimal(price)
		_, _, _ = ParseVolume(volume)
		_, _ = ParseMillisNS(millis)
		buffer = ring.AppendDecimal(buffer[:0], d.Mantissa, d.Exponent)
	}))
}

// FuzzParseUint compares with math/big.
func FuzzParseUint(f *testing.F) {
	for _, seed := range []string{"0", "00", "18446744073709551615", "18446744073709551616", "99999999999999999999", "1x"} {
		f.Add([]byte(seed))
	}
	grammar := regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := ParseUint(text)
		n, valid := new(big.Int).SetString(string(text), 10)
		require.Equal(t, grammar.Match(text) && valid && n.IsUint64(), ok, "%q", text)
		if ok {
			require.Equal(t, n.Uint64(), got)
		}
	})
}
