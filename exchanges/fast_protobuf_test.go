package exchanges

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tickring/tickring/ring"
)

// forEachSurrounding shows a text behind as many bytes as a reader looks back, and
// before some that go on with digits, with a point, or with what is neither.
func forEachSurrounding(text string, visit func(p Padded, at int)) {
	for _, around := range []string{"0", ".", "9", "\x00", "\xff"} {
		before := strings.Repeat(around, MinTextIndex)
		buffer := append([]byte(before+text), strings.Repeat(around, FastPadding)...)
		p, enough := Pad(buffer[:len(before)+len(text)])
		if !enough {
			panic("no padding")
		}
		visit(p, len(before))
	}
}

func requireTextDecimal(t *testing.T, text string) {
	d, valid := ParseDecimal([]byte(text))
	valid = valid && d.Mantissa >= 0
	forEachSurrounding(text, func(p Padded, at int) {
		mantissa, exponent, ok := p.TextDecimal(at, len(text))
		if ok != valid || ok && (mantissa != d.Mantissa || exponent != d.Exponent) {
			require.Fail(t, "not as ParseDecimal reads it", "%q: %d %d %v, want %v %v", text, mantissa, exponent, ok, d, valid)
		}
	})
	if len(text) < 0x80 {
		requireTextDecimals(t, text, d, valid)
		requireTextSteps(t, text)
	}
}

// requireTextDecimals wants a field with the text to be read as d, in each place of a row,
// and refused under another key.
func requireTextDecimals(t *testing.T, text string, d Decimal, valid bool) {
	one := string([]byte{byte(len(text))}) + text
	row := "\x0a\x030.5\x12" + one + "\x1a\x0214\x22" + one
	forEachSurrounding(row, func(p Padded, at int) {
		var out [4]Decimal
		n := p.TextDecimals(at, 0x221a120a, out[:])
		if valid != (n == len(row)) || !valid && n != 0 {
			require.Fail(t, "not as ParseDecimal accepts it", "%q: %d, want %v", text, n, valid)
		}
		if want := [4]Decimal{{5, -1}, d, {14, 0}, d}; valid && out != want {
			require.Fail(t, "not as ParseDecimal reads it", "%q: %v, want %v", text, out, want)
		}
		if p.TextDecimals(at, 0x221a130a, out[:]) != 0 {
			require.Fail(t, "another key was accepted", "%q", text)
		}
	})
}

// Every text of up to five characters of those that matter is read as ParseDecimal
// reads it, whatever stands around it.
func TestTextDecimalOfShortTexts(t *testing.T) {
	letters := []byte("0159.-/:")
	var visit func(text []byte)
	visit = func(text []byte) {
		requireTextDecimal(t, string(text))
		if len(text) == 5 {
			return
		}
		for _, c := range letters {
			visit(append(text, c))
		}
	}
	visit(make([]byte, 0, 5))
}

// All lengths before and behind the point, with zeros at each end.
func TestTextDecimalOfAllLengths(t *testing.T) {
	const digits = "9182736450192837465091827364509182736450"
	for whole := range 22 {
		for places := range 22 {
			for zeros := range places + 1 {
				for _, first := range []string{digits[:whole], "1" + strings.Repeat("0", whole), "0"} {
					text := first
					if places > 0 {
						text += "." + digits[1:1+places-zeros] + strings.Repeat("0", zeros)
					}
					requireTextDecimal(t, text)
				}
			}
		}
	}
	for _, text := range []string{strings.Repeat("0", 130), "0." + strings.Repeat("0", 118), "0." + strings.Repeat("0", 119), "1e5", "+1", "1\xb3", "1\xb0.5", "\xb1", "1.\xb5"} {
		requireTextDecimal(t, text)
	}
}

// A text that a length leads beyond the frame is not read the long way.
func TestTextsBeyondTheFrameAreRefused(t *testing.T) {
	buffer := append([]byte(strings.Repeat("x", MinTextIndex)+"1234567890"), strings.Repeat("1", FastPadding)...)
	p, enough := Pad(buffer[:MinTextIndex+10])
	require.True(t, enough)
	for n := 18; n < 256; n++ {
		_, _, ok := p.TextDecimal(MinTextIndex, n)
		assert.False(t, ok)
		_, ok = p.TextUint(MinTextIndex, n)
		assert.False(t, ok)
		_, _, _, ok = p.TextVolume(MinTextIndex, n)
		assert.False(t, ok)
	}
}

func TestTextVolumeAndSigned(t *testing.T) {
	for _, text := range []string{"", "0", "-", "-0", "-1.5", "--1", "--0", "100.000", "1234567890123456789012.345", "-1234567890123456789012.345", "12345678901234567", "x", "1.", ".1"} {
		d, rounded, valid := ParseVolume([]byte(text))
		valid = valid && d.Mantissa >= 0
		_, signed := ParseDecimal([]byte(strings.TrimPrefix(text, "-")))
		signed = signed && !strings.HasPrefix(text, "--")
		forEachSurrounding(text, func(p Padded, at int) {
			mantissa, exponent, flag, ok := p.TextVolume(at, len(text))
			require.Equal(t, valid, ok, "%q", text)
			if ok {
				assert.Equal(t, d, Decimal{Mantissa: mantissa, Exponent: exponent}, text)
				assert.Equal(t, rounded, flag == ring.FlagRounded, text)
			}
			assert.Equal(t, signed, p.TextSigned(at, len(text)), "%q", text)
		})
	}
}

func TestTextUintAgreesWithParseUint(t *testing.T) {
	texts := []string{"", "0", "00", "01", "9", "18446744073709551615", "18446744073709551616", "184467440737095516150", "1.5", "-1", "1234567/", "1234567:", "12345678/", "/12345678", "12\xb34"}
	for n := 1; n <= 20; n++ {
		texts = append(texts, strings.Repeat("7", n), "1"+strings.Repeat("0", n-1), "0"+strings.Repeat("3", n), strings.Repeat("4", n-1)+"x", "x"+strings.Repeat("4", n-1))
	}
	for _, text := range texts {
		want, valid := ParseUint([]byte(text))
		forEachSurrounding(text, func(p Padded, at int) {
			v, ok := p.TextUint(at, len(text))
			require.Equal(t, valid, ok, "%q", text)
			if ok {
				assert.Equal(t, want, v, text)
			}
		})
	}
}

func TestIDPairs(t *testing.T) {
	for n := 1; n <= 20; n++ {
		for k := 1; k <= 20; k++ {
			first, second := strings.Repeat("918273645", 3)[:n], "1"+strings.Repeat("0", k-1)
			text := first + "X7_" + second + "X0"
			forEachSurrounding(text, func(p Padded, at int) {
				id1, id2, suffix1, suffix2, ok := p.IDPair(at, len(text))
				require.Equal(t, n <= 18 && k <= 18, ok, text)
				if ok {
					assert.Equal(t, text, fmt.Sprintf("%dX%d_%dX%d", id1, suffix1, id2, suffix2))
				}
				_, _, _, _, ok = p.IDPair(at, len(text)-1)
				assert.False(t, ok)
			})
		}
	}
	for _, text := range []string{"", "X0_1X0", "1X0_X0", "01X0_2X0", "1X0_02X0", "1X_2X0", "1X10_2X0", "1X0_2X10", "1X0-2X0", "1x0_2X0", "1X0_2X0 ", "1Xa_2X0", "0X0_0X"} {
		forEachSurrounding(text, func(p Padded, at int) {
			_, _, _, _, ok := p.IDPair(at, len(text))
			assert.False(t, ok, "%q", text)
		})
	}
}

func TestMillisVarintTakesSixBytes(t *testing.T) {
	read := func(b []byte) (int64, bool) {
		buffer := append(b, make([]byte, FastPadding)...)
		p, _ := Pad(buffer[:len(b)])
		return p.MillisVarint(0)
	}
	for shift := range 64 {
		for _, v := range []uint64{1 << shift, 1<<shift - 1, 1<<shift | 1790281243450} {
			b := protowire.AppendVarint(nil, v)
			ns, ok := read(b)
			require.Equal(t, len(b) == 6, ok, "%d", v)
			if ok {
				assert.Equal(t, int64(v)*nanosPerMilli, ns)
			}
		}
	}
	_, ok := read([]byte{0x81, 0x80, 0x80, 0x80, 0x80, 0})
	assert.False(t, ok, "longer than it need be")
}

func TestSideVarint(t *testing.T) {
	for c := range 256 {
		buffer := append([]byte{byte(c)}, make([]byte, FastPadding)...)
		p, _ := Pad(buffer[:1])
		side, ok := p.SideVarint(0)
		require.Equal(t, c == 1 || c == 2, ok)
		if ok {
			assert.Equal(t, ring.Aggressor(c), side)
		}
	}
}

// Rest accepts the shortest form of exactly the length that reaches to the end.
func TestRestEndsWhereTheFrameDoes(t *testing.T) {
	buffer := make([]byte, 1<<21+8+FastPadding)
	for _, size := range []int{0, 1, 2, 126, 127, 128, 129, 130, 255, 256, 16381, 16382, 16383, 16384, 16385, 16386, 1<<21 - 1, 1 << 21} {
		for _, near := range []int{-3, -2, -1, 0, 1, 2, 3, 128} {
			if size+near < 0 {
				continue
			}
			length := protowire.AppendVarint(nil, uint64(size+near))
			for _, longer := range []bool{false, true} {
				if longer {
					length[len(length)-1] |= 0x80
					length = append(length, 0)
				}
				copy(buffer, length)
				p, enough := Pad(buffer[:len(length)+size])
				require.True(t, enough)
				want := 0
				if near == 0 && !longer && len(length) <= 3 {
					want = len(length)
				}
				require.Equal(t, want, p.Rest(0), "length %x before %d bytes", length, size)
			}
		}
	}
	p, _ := Pad(buffer[:4])
	assert.Zero(t, p.Rest(4))
	assert.Zero(t, p.Rest(6))
}

func TestPlainTextAndUntil(t *testing.T) {
	for n := range 70 {
		for bad := -1; bad < n; bad++ {
			text := []byte(strings.Repeat("a~ z", 18)[:n])
			if bad >= 0 {
				text[bad] = "\x1f\"\\\x80"[bad%4]
			}
			buffer := append(text, make([]byte, FastPadding)...)
			p, _ := Pad(buffer[:n])
			require.Equal(t, bad < 0 && n <= maxPlainText, p.PlainText(0, n), "%q", text)
			if bad >= 0 {
				text[bad] = '@'
			}
			buffer = append(text, make([]byte, FastPadding)...)
			p, _ = Pad(buffer[:n])
			want := min(n, MaxSymbolBytes)
			if bad >= 0 {
				want = min(bad, MaxSymbolBytes)
			}
			got := p.Until(0, '@')
			if bad < 0 && n < MaxSymbolBytes {
				require.GreaterOrEqual(t, got, n)
				continue
			}
			require.Equal(t, want, got, "%q", text)
		}
	}
}

// A padded symbol is found like any other, and none that is not UTF-8.
func TestPaddedLookupAgreesWithLookup(t *testing.T) {
	table := NewSymbolTable()
	var symbols []string
	for n := 1; n <= MaxSymbolBytes; n++ {
		symbols = append(symbols, strings.Repeat("ABCDEFGH", 4)[:n], strings.Repeat("X", n))
	}
	symbols = append(symbols, "龙虾USDT", "é")
	for i, s := range symbols {
		if _, known := table.Lookup([]byte(s)); !known {
			require.NoError(t, table.Add(s, uint16(i)))
		}
	}
	for _, s := range append(symbols, "ABCDEFGX", "\xff\xff\xff\xff\xff", "NONE", "Y", strconv.Itoa(1<<40)) {
		want, found := table.Lookup([]byte(s))
		forEachSurrounding(s, func(p Padded, at int) {
			id, known := p.Lookup(table, at, len(s))
			assert.Equal(t, found, known, s)
			assert.Equal(t, want, id, s)
		})
	}
	learning := NewLearningTable()
	forEachSurrounding("AB\xffCDEF", func(p Padded, at int) {
		_, known := p.Lookup(learning, at, 7)
		assert.False(t, known)
	})
	assert.Zero(t, learning.Count())
}

// Levels are read up to a field of another number, and not one too many.
func TestTextLevelsAreBounded(t *testing.T) {
	const level = "\x0a\x06" + "\x0a\x011" + "\x12\x012"
	buffer := []byte(strings.Repeat("x", MinTextIndex) + strings.Repeat(level, MaxLevels+1) + "\x12\x00")
	buffer = append(buffer, make([]byte, FastPadding)...)
	end := MinTextIndex + MaxLevels*len(level)
	p, _ := Pad(buffer[:end])
	var b Batch
	at, ok := p.TextLevels(MinTextIndex, keyPrice, &b)
	require.True(t, ok)
	assert.Equal(t, end, at)
	assert.Len(t, b.Levels, MaxLevels)
	b.Reset()
	p, _ = Pad(buffer[:end+len(level)])
	_, ok = p.TextLevels(MinTextIndex, keyPrice, &b)
	assert.False(t, ok)
	assert.Empty(t, b.Levels)
	at, ok = p.TextLevels(MinTextIndex, keyQuantity, &b)
	assert.True(t, ok && at == MinTextIndex, "another key")
}
