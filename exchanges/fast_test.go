package exchanges

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// paddedText stands in a frame that ends with it, with tail behind.
func paddedText(t require.TestingT, text, tail string) Padded {
	buffer := make([]byte, 0, len(text)+FastPadding)
	buffer = append(buffer, text...)
	for len(buffer) < cap(buffer) {
		buffer = append(buffer, tail[:min(len(tail), cap(buffer)-len(buffer))]...)
	}
	p, ok := Pad(buffer[:len(text)])
	require.True(t, ok)
	return p
}

// Reading beyond a frame is allowed only where its allocation goes on far enough.
func TestPadWantsTheWholePadding(t *testing.T) {
	buffer := make([]byte, 10, 10+FastPadding)
	p, ok := Pad(buffer)
	assert.True(t, ok)
	assert.Equal(t, 10, p.End())
	_, ok = Pad(buffer[:11])
	assert.False(t, ok)
	_, ok = Pad(buffer[: 10 : 10+FastPadding-1])
	assert.False(t, ok)
	_, ok = Pad(nil)
	assert.False(t, ok)
}

// requireNumber wants the hole methods to read text, which a quote ends, as the plain
// parsers do, or to refuse it; what the plain parser refuses is refused.
func requireNumber(t require.TestingT, text string) {
	p := paddedText(t, text+`",`, `5.0"1`)
	want, ok := ParseDecimal([]byte(text))
	mantissa, exponent, n := p.Decimal(0)
	// refused is what the hole refuses, or the quote behind it.
	refused := func(n int) bool { return n == 0 || p.Byte(n) != '"' }
	if !ok || want.Mantissa < 0 {
		require.True(t, refused(n), "%q", text)
	} else {
		require.Equal(t, len(text), n, "%q", text)
		require.Equal(t, want, Decimal{mantissa, exponent}, "%q", text)
	}
	requireSameDecimals(t, text, mantissa, exponent, n)
	requireSteps(t, text)
	wantVolume, rounded, ok := ParseVolume([]byte(text))
	mantissa, exponent, flag, n := p.Volume(0)
	if !ok || wantVolume.Mantissa < 0 {
		require.True(t, refused(n), "%q", text)
	} else {
		require.Equal(t, len(text), n, "%q", text)
		require.Equal(t, wantVolume, Decimal{mantissa, exponent}, "%q", text)
		require.Equal(t, rounded, flag == ring.FlagRounded, "%q", text)
	}
	if n := p.SignedDecimal(0); !refused(n) {
		require.Equal(t, len(text), n, "%q", text)
	}
	wantUint, ok := ParseUint([]byte(text))
	if v, n := p.Uint(0); n != 0 && n == len(text) {
		require.True(t, ok, "%q", text)
		require.Equal(t, wantUint, v, "%q", text)
	} else {
		require.False(t, ok && len(text) <= 16, "%q", text)
	}
	wantNS, ok := ParseMillisNS([]byte(text))
	if ns, n := p.MillisText(0); n != 0 {
		require.True(t, ok, "%q", text)
		require.Equal(t, []any{wantNS, len(text)}, []any{ns, n}, "%q", text)
	} else {
		require.False(t, ok, "%q", text)
	}
}

// requireSameDecimals wants the way without vectors, and a row of the number with others,
// to read what Decimal read, n bytes, or to refuse what it refused.
func requireSameDecimals(t require.TestingT, text string, mantissa int64, exponent int8, n int) {
	p := paddedText(t, text+`",`, `5.0"1`)
	if m, e, k := p.shortDecimal(0); p.Byte(k) == '"' || n != 0 && p.Byte(n) == '"' {
		require.Equal(t, []any{mantissa, exponent, n}, []any{m, e, k}, "%q", text)
	}
	for _, row := range [][]string{{text, "0.25"}, {"1", text}, {"10.01", text, text, "7"}} {
		p = paddedText(t, strings.Join(row, `","`)+`",`, `5.0"1`)
		out, want, lengths := make([]Decimal, len(row)), make([]Decimal, len(row)), uint64(0)
		got, at, ended := p.Decimals(0, 0x030303, out), 0, true
		for i := range row {
			var k int
			if want[i].Mantissa, want[i].Exponent, k = p.Decimal(at); k == 0 {
				lengths = 0
				break
			}
			lengths |= uint64(k) << (8 * i)
			ended = ended && p.Byte(at+k) == '"'
			at += k + len(`","`)
		}
		if ended {
			require.Equal(t, lengths, got, "%q", row)
		}
		if ended && got != 0 {
			require.Equal(t, want, out, "%q", row)
		}
	}
}

// What lies between the numbers of a row may be of different lengths, and of any.
func TestDecimalsOfARowLieApart(t *testing.T) {
	between := strings.Repeat("-", 254)
	for _, last := range []string{"12", "1234567890123456"} { // the short way and the long one
		p := paddedText(t, `1.5",`+last+`"`+between+`0.075"`, "x")
		var out [3]Decimal
		lengths := p.Decimals(0, 0xff02, out[:])
		assert.Equal(t, uint64(0x050003|len(last)<<8), lengths)
		want, _ := ParseDecimal([]byte(last))
		assert.Equal(t, [3]Decimal{{15, -1}, want, {75, -3}}, out)
		assert.Zero(t, p.Decimals(0, 0xfe02, out[:]))
	}
}

// All texts of up to six of the characters that matter.
func TestNumbersAgreeWithTheParsersOnAllShortTexts(t *testing.T) {
	const alphabet = `019.-x`
	var text [6]byte
	var extend func(n int)
	extend = func(n int) {
		requireNumber(t, string(text[:n]))
		if n == len(text) {
			return
		}
		for i := range len(alphabet) {
			text[n] = alphabet[i]
			extend(n + 1)
		}
	}
	extend(0)
}

// Every number of digits before and behind the point, in every mixture of zeros and
// digits at either end, with one byte changed and without.
func TestNumbersAgreeWithTheParsersAtEveryLength(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		text := make([]byte, n)
		for i := range text {
			text[i] = '0' + byte(random.IntN(10))
		}
		zeros := random.IntN(n + 1)
		return string(text[:n-zeros]) + strings.Repeat("0", zeros)
	}
	for whole := range 22 {
		for places := range 22 {
			for range 30 {
				text := digits(whole)
				if places > 0 {
					text += "." + digits(places-1)
				}
				requireNumber(t, text)
				requireNumber(t, "0."+strings.Repeat("0", whole)+digits(places))
				if len(text) > 0 {
					changed := []byte(text)
					changed[random.IntN(len(text))] = byte(random.IntN(256))
					if !bytes.ContainsRune(changed, '"') {
						requireNumber(t, string(changed))
					}
				}
			}
		}
	}
}

// A number without its quote inside the frame is refused by the long way too, though a
// quote stands behind the frame.
func TestNumbersEndInsideTheFrame(t *testing.T) {
	for _, text := range []string{"123456789012", "0.1234567890123", "-"} {
		p := paddedText(t, text, `7"`)
		_, _, n := p.decimal(0)
		assert.Zero(t, n, text)
		_, n = p.MillisText(0)
		assert.Zero(t, n, text)
	}
	_, _, n := paddedText(t, "", `7"`).decimal(0)
	assert.Zero(t, n)
	for _, text := range []string{"-", "0.123456789012345", "123456789012345678"} {
		p := paddedText(t, text, `7"`)
		_, _, n := p.Decimal(0)
		assert.Zero(t, n, text)
		_, _, n = p.decimal(0)
		assert.Zero(t, n, text)
	}
}

func TestTimesAgreeWithTheParsers(t *testing.T) {
	for _, seconds := range []string{"1000000000", "9223372036", "9223372037", "9999999999", "1790134391", "0123456789", "179013439x", "x790134391", "17901343.1"} {
		p := paddedText(t, seconds, ",")
		v, ok := ParseUint([]byte(seconds))
		want, fits := SecondsToNS(v)
		ns, accepted := p.Seconds10(0)
		assert.Equal(t, ok && fits, accepted, seconds)
		assert.Equal(t, ok, p.Digits10(0), seconds)
		if accepted {
			assert.Equal(t, want, ns)
		}
	}
	for _, c := range []struct {
		millis   string
		accepted bool
	}{
		{"1000000000000", true}, {"9223372036853", true}, {"9223372036855", false}, {"9999999999999", false},
		{"1790134391757", true}, {"0123456789012", false}, {"179013439175x", false}, {"x790134391757", false},
	} {
		ns, accepted := paddedText(t, c.millis, ",").Millis13(0)
		require.Equal(t, c.accepted, accepted, c.millis)
		if accepted {
			want, _ := ParseMillisNS([]byte(c.millis))
			assert.Equal(t, want, ns)
		}
	}
}

// Every byte value at every place of a name and of plain text ends it or belongs to it
// by the byte alone.
func TestNamesAndTextsStopAtEveryOtherByte(t *testing.T) {
	for length := range MaxSymbolBytes {
		for c := range 256 {
			text := strings.Repeat("A", length) + string([]byte{byte(c)}) + `"`
			p := paddedText(t, text, `"`)
			want := length
			if c >= '0' && c < 0x80 && c != '\\' {
				want = min(length+1, MaxSymbolBytes)
			}
			require.Equal(t, want, p.Name(0), "%q", text)
			want = length
			if c >= ' ' && c < 0x80 && c != '\\' && c != '"' {
				want++
			}
			n, ok := p.Text(0)
			require.Equal(t, []any{want, true}, []any{n, ok}, "%q", text)
		}
	}
	_, ok := paddedText(t, strings.Repeat("A", maxPlainText+1), `"`).Text(0)
	assert.False(t, ok, "too long a text is refused")
	assert.Equal(t, MaxSymbolBytes, paddedText(t, strings.Repeat("A", 40), `"`).Name(0))
}

func TestSideIsBuyOrSellOnly(t *testing.T) {
	for text, want := range map[string]ring.Aggressor{`buy"`: ring.AggressorBuy, `sell"`: ring.AggressorSell} {
		side, n := paddedText(t, text, "x").Side(0)
		assert.Equal(t, []any{want, len(text) - 1}, []any{side, n})
		for i := range 4 {
			for c := range 256 {
				changed := []byte(text)
				changed[i] = byte(c)
				if string(changed) == text {
					continue
				}
				_, n := paddedText(t, string(changed), "x").Side(0)
				assert.Zero(t, n, "%q", changed)
			}
		}
	}
}

func TestSameComparesEveryByte(t *testing.T) {
	for n := range MaxSymbolBytes + 1 {
		name := "ABCDEFGHIJKLMNOPQRSTUVWXYZ_12345"[:n]
		p := paddedText(t, name+"<"+name+">", "x")
		assert.True(t, p.Same(n+1, 0, n))
		for i := range n {
			changed := []byte(name)
			changed[i] ^= 1
			p := paddedText(t, name+"<"+string(changed)+">", "x")
			assert.False(t, p.Same(n+1, 0, n), "%d of %d", i, n)
		}
	}
}

// Levels are read to the end of the batch; what is no array of pairs of decimals, or
// holds more than a frame may, is refused.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		name, text string
		levels     int
		accepted   bool
	}{
		{"an empty array", `[]`, 0, true},
		{"one level", `[["1.5","0"]]`, 1, true},
		{"three levels of all lengths", `[["1.5","0"],["100","123456789.123456789"],["0.00000001","7"]]`, 3, true},
		{"no array", `{}`, 0, false},
		{"an empty level", `[[]]`, 0, false},
		{"numbers without quotes", `[[1,2]]`, 0, false},
		{"a third number", `[["1","2","3"]]`, 0, false},
		{"a level too short", `[["1"]]`, 0, false},
		{"a comma behind", `[["1","2"],]`, 0, false},
		{"a space between", `[["1", "2"]]`, 0, false},
		{"a negative quantity", `[["1","-2"]]`, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := new(Batch)
			b.Levels = append(b.Levels, Level{})
			n := paddedText(t, c.text, `]`).Levels(0, b)
			require.Equal(t, c.accepted, n == len(c.text), n)
			if c.accepted {
				assert.Len(t, b.Levels, c.levels+1)
			} else {
				assert.Zero(t, n)
			}
		})
	}
}

func TestLevelsEndAtTheLimitAndAtTheFrame(t *testing.T) {
	full := "[" + strings.Repeat(`["1","2"],`, MaxLevels-1) + `["1","2"]]`
	b := new(Batch)
	require.Equal(t, len(full), paddedText(t, full, "]").Levels(0, b))
	require.Len(t, b.Levels, MaxLevels)
	b.Reset()
	require.Zero(t, paddedText(t, "["+`["1","2"],`+full[1:], "]").Levels(0, b), "one too many")
	b.Reset()
	require.Zero(t, paddedText(t, `[["1","2"],["3","4"],`, `["3","4"],`).Levels(0, b), "the frame ends, the text does not")
	assert.LessOrEqual(t, len(b.Levels), 4)
}

func TestHolesDoNotAllocate(t *testing.T) {
	p := paddedText(t, `84005.60"`, "x")
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = p.Decimal(0) }))
	p = paddedText(t, `1234567890.0123456700"`, "x")
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = p.Decimal(0) }))
}

// Decimals of mixed lengths, as four in five of a feed's bytes are.
func BenchmarkPaddedDecimal(b *testing.B) {
	p, at := mixedDecimals(b)
	var sum int64
	for i := range b.N {
		mantissa, _, n := p.Decimal(at[i&1023])
		sum += mantissa + int64(n)
	}
	sink = sum
}

// BenchmarkPaddedDecimals reads the same ones, four in a call.
func BenchmarkPaddedDecimals(b *testing.B) {
	p, at := mixedDecimals(b)
	var out [4]Decimal
	var sum int64
	for i := range b.N {
		sum += int64(p.Decimals(at[4*i&1023], 1, out[:])) + out[3].Mantissa
	}
	sink = sum
}

// mixedDecimals are numbers of mixed lengths, a quarter of them zero, and where they are.
func mixedDecimals(b *testing.B) (p Padded, at []int) {
	random := rand.New(rand.NewPCG(3, 4))
	var text strings.Builder
	for range 1024 {
		at = append(at, text.Len())
		switch random.IntN(4) {
		case 0:
			text.WriteString(`0"`)
		case 1:
			fmt.Fprintf(&text, `%d.%d"`, random.IntN(100_000), 1+random.IntN(99))
		default:
			fmt.Fprintf(&text, `%d.%06d"`, random.IntN(10), random.IntN(1_000_000))
		}
	}
	return paddedText(b, text.String(), "x"), at
}
