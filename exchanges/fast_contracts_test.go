package exchanges

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// contractTexts are numbers as they may stand in a message, good and bad.
var contractTexts = []string{
	"0", "1", "7", "10", "13855", "20000", "9999999999999999", "12345678901234567", "01", "00", "-", "", "-0", "-1", "-3", "--3", "--0", "--0.0",
	"1.5", "-108.5", "108.50", "0.5", "00.5", "1.", ".5", "1e5", "12345678.12345678", "123456789.123456789", "null", "x",
}

// behind is what may follow a number in a message.
var behind = []string{",", "}", "\"", "]", "0", " "}

// A number with and without quotes is what ParseDecimal reads of its text; what the
// short way refuses is left to the reference.
func TestPaddedAmounts(t *testing.T) {
	accepted := 0
	for _, text := range contractTexts {
		want, ok := ParseDecimal([]byte(text))
		for _, form := range []string{text, `"` + text + `"`} {
			for _, next := range behind {
				p := padFor(t, form+next)
				m, e, n := p.Amount(0)
				if n == 0 || n != len(form) {
					continue // what follows it is no message's next byte, or it is refused
				}
				accepted++
				require.True(t, ok && want.Mantissa >= 0, form)
				assert.Equal(t, want, Decimal{Mantissa: m, Exponent: e}, form)
			}
		}
	}
	assert.Greater(t, accepted, 60)
}

// The sign tells the taker, in and out of quotes.
func TestPaddedTakers(t *testing.T) {
	accepted := 0
	for _, text := range contractTexts {
		want, ok := ParseDecimal([]byte(text))
		for _, form := range []string{text, `"` + text + `"`} {
			for _, next := range behind {
				m, e, side, n := padFor(t, form+next).Taker(0)
				if n == 0 || n != len(form) {
					continue
				}
				accepted++
				require.True(t, ok, form)
				wantSide := ring.AggressorUnknown
				switch {
				case want.Mantissa > 0:
					wantSide = ring.AggressorBuy
				case want.Mantissa < 0:
					wantSide = ring.AggressorSell
				}
				assert.Equal(t, wantSide, side, form)
				assert.Equal(t, Decimal{Mantissa: max(want.Mantissa, -want.Mantissa), Exponent: want.Exponent}, Decimal{Mantissa: m, Exponent: e}, form)
			}
		}
	}
	assert.Greater(t, accepted, 80)
}

// A rate below zero keeps its sign.
func TestPaddedSigned(t *testing.T) {
	accepted := 0
	for _, text := range contractTexts {
		want, ok := ParseDecimal([]byte(text))
		m, e, n := padFor(t, text+`",`).Signed(0)
		if n == 0 || n != len(text) {
			continue
		}
		accepted++
		require.True(t, ok, text)
		assert.Equal(t, want, Decimal{Mantissa: m, Exponent: e}, text)
	}
	assert.Greater(t, accepted, 12)
}

// Levels as objects are read whole, in their order, and nothing else is.
func TestPaddedObjectLevels(t *testing.T) {
	const good = `[{"p":"77232.2","s":2100},{"p":"0.5","s":"1.5"},{"p":"3","s":0}]`
	b := new(Batch)
	require.Equal(t, len(good), padFor(t, good+"}").ObjectLevels(0, b))
	assert.Equal(t, []Level{
		{Price: Decimal{772322, -1}, Quantity: Decimal{21, 2}},
		{Price: Decimal{5, -1}, Quantity: Decimal{15, -1}},
		{Price: Decimal{3, 0}, Quantity: Decimal{}},
	}, b.Levels)
	b.Reset()
	require.Equal(t, 2, padFor(t, `[],`).ObjectLevels(0, b))
	assert.Empty(t, b.Levels)
	for _, bad := range []string{
		`[{"s":1,"p":"1"}]`, `[{"p":1,"s":1}]`, `[{"p":"1","s":-1}]`, `[{"p":"1","s":1}`, `[{"p":"1","s":1},]`, `[{"p":"1","s":1,"x":2}]`,
		`[ ]`, `{}`, `[["1","2"]]`, `[{"p":"1","s":"1}]`, `[{"p":"1"}]`,
	} {
		b.Reset()
		assert.Zero(t, padFor(t, bad+"}").ObjectLevels(0, b), bad)
	}
	b.Reset()
	many := "[" + strings.Repeat(`{"p":"1","s":1},`, MaxLevels) + `{"p":"1","s":1}]`
	assert.Zero(t, padFor(t, many).ObjectLevels(0, b), "more levels than a message may have")
}

// padFor is text as a frame with bytes behind it that lead a reader on.
func padFor(t *testing.T, text string) Padded {
	t.Helper()
	buffer := make([]byte, len(text)+FastPadding)
	for i := copy(buffer, text); i < len(buffer); i++ {
		buffer[i] = '9'
	}
	p, ok := Pad(buffer[:len(text)])
	require.True(t, ok)
	return p
}
