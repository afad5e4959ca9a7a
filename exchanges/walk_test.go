package exchanges

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// formStep is a step of a hole with text behind it.
func formStep(op StepOp, field uint16, text string) Step {
	s := Step{Op: op, Size: uint8(len(text)), Field: field}
	copy(s.Low[:], text)
	for i := len(text); i < StepBytes; i++ {
		s.Span[i] = 255
	}
	return s
}

// walker walks through messages of a symbol and one hole.
type walker struct {
	steps   Steps
	symbols *SymbolTable
	batch   Batch
}

func newWalker(op StepOp, field uint16) *walker {
	return &walker{symbols: NewLearningTable(), steps: Steps{Kind: ring.KindTrade, List: []Step{
		formStep(StepForm, 0, `"`), formStep(StepName, 0, `"`), formStep(op, field, `",`), formStep(StepEnd, 0, ""),
	}}}
}

// read is the item of a message p with the text in its hole, nil when it is refused.
func (w *walker) read(t require.TestingT, p Padded, text string) *Item {
	w.batch.Reset()
	if !p.Walk(&w.steps, w.symbols, &w.batch) {
		if len(w.batch.Items) != 0 {
			require.Fail(t, "refused, and an item is there", "%q", text)
		}
		return nil
	}
	return &w.batch.Items[0]
}

// stepWalkers are a walker for each number that steps read.
var stepWalkers = map[StepOp]*walker{
	StepDecimal: newWalker(StepDecimal, FieldPrices), StepVolume: newWalker(StepVolume, FieldPrices), StepSigned: newWalker(StepSigned, FieldPrices),
	StepSignedSkip: newWalker(StepSignedSkip, 0), StepUint: newWalker(StepUint, FieldSequence), StepUintSkip: newWalker(StepUintSkip, 0),
	StepMillisText: newWalker(StepMillisText, FieldEventTimeNS), StepAmount: newWalker(StepAmount, FieldPrices), StepTaker: newWalker(StepTaker, FieldPrices),
}

// requireSteps wants steps to read a number as the plain parsers do, and to refuse what
// they refuse.
func requireSteps(t require.TestingT, text string) {
	if !Walks() {
		return
	}
	decimal, isDecimal := ParseDecimal([]byte(text))
	volume, rounded, isVolume := ParseVolume([]byte(text))
	id, isUint := ParseUint([]byte(text))
	ns, isTime := ParseMillisNS([]byte(text))
	blank := blankItem
	p := paddedText(t, `"S"`+text+`",`, `5.0"1`)
	for op, w := range stepWalkers {
		it, want, ok := w.read(t, p, text), blank, false
		switch op {
		case StepDecimal:
			want.Prices[0], ok = decimal, isDecimal && decimal.Mantissa >= 0
		case StepVolume:
			want.Prices[0], ok = volume, isVolume && volume.Mantissa >= 0
			if rounded {
				want.Flags = ring.FlagRounded
			}
		case StepSigned:
			want.Prices[0], ok = decimal, isDecimal
		case StepSignedSkip:
			ok = isDecimal
		case StepUint:
			want.Sequence, ok = id, isUint && len(text) <= 16
		case StepUintSkip:
			ok = isUint && len(text) <= 16
		case StepAmount:
			// Behind a bare number stands a quote here, which is no part of it.
			want.Prices[0], ok = decimal, isUint && len(text) <= 16
		case StepTaker:
			want.Prices[0], want.Aggressor, ok = wantTaker(text)
		case StepMillisText:
			want.EventTimeNS, ok = ns, isTime
		}
		if ok != (it != nil) {
			require.Fail(t, "not as the parsers accept it", "%d %q: want %v", op, text, ok)
		}
		if want.Instrument, want.Kind = 0, ring.KindTrade; ok && *it != want {
			require.Fail(t, "not as the parsers read it", "%d %q: %+v, want %+v", op, text, *it, want)
		}
	}
}

// wantTaker is what a bare number with a sign is.
func wantTaker(text string) (d Decimal, side ring.Aggressor, ok bool) {
	digits, sold := strings.CutPrefix(text, "-")
	if _, ok = ParseUint([]byte(digits)); !ok || len(digits) > 16 {
		return Decimal{}, 0, false
	}
	d, _ = ParseDecimal([]byte(digits))
	switch {
	case d.Mantissa == 0:
		return d, ring.AggressorUnknown, true
	case sold:
		return d, ring.AggressorSell, true
	}
	return d, ring.AggressorBuy, true
}

// Times of known length, where their forms let digits pass that make no time.
func TestStepsReadTimes(t *testing.T) {
	needVectors(t)
	for _, c := range []struct {
		op     StepOp
		digits string
		ns     int64
		ok     bool
	}{
		{StepMillis, "1790281243450", 1790281243450e6, true},
		{StepMillis, "1000000000000", 1e18, true},
		{StepMillis, "9223372036853", 9223372036853e6, true},
		{StepMillis, "9223372036854", 0, false},
		{StepMillis, "9999999999999", 0, false},
		{StepSeconds, "1790281243", 1790281243e9, true},
		{StepSeconds, "9223372036", 9223372036e9, true},
		{StepSeconds, "9223372037", 0, false},
	} {
		for _, at := range []int16{0, 3} {
			before := "abc"[:at]
			digits := formStep(c.op, FieldSendTimeNS, before+c.digits)
			digits.At = at
			steps := Steps{List: []Step{formStep(StepForm, 0, `"`), formStep(StepName, 0, `"`), digits, formStep(StepEnd, 0, "")}}
			b, symbols := new(Batch), NewLearningTable()
			require.Equal(t, c.ok, paddedText(t, `"S"`+before+c.digits, "7").Walk(&steps, symbols, b), c.digits)
			if c.ok {
				require.Equal(t, c.ns, b.Items[0].SendTimeNS)
			}
		}
	}
}

// A form accepts its classes of bytes and no others, at each of its places.
func TestFormsAcceptTheirBytes(t *testing.T) {
	needVectors(t)
	for at := range StepBytes {
		form := formStep(StepForm, 0, string(slices.Repeat([]byte("k"), StepBytes)))
		form.Low[at], form.Span[at] = '3', 4
		steps := Steps{List: []Step{formStep(StepForm, 0, `"`), formStep(StepName, 0, `"`), form, formStep(StepEnd, 0, "")}}
		for c := range 256 {
			text := slices.Repeat([]byte("k"), StepBytes)
			text[at] = byte(c)
			b := new(Batch)
			require.Equal(t, c >= '3' && c <= '7', paddedText(t, `"S"`+string(text), "k").Walk(&steps, NewLearningTable(), b), "%d at %d", c, at)
		}
	}
}

// textWalker walks through protobuf messages of a symbol and texts behind their lengths.
func textWalker(step Step) *walker {
	const channel = "0123456789abcdef@"
	first := formStep(StepForm, 0, "\x0a\x00"+channel)
	name := formStep(StepTextName, uint16(len(channel)), "\x12\x00")
	first.Span[1], name.Span[1] = 255, 255
	return &walker{symbols: NewLearningTable(), steps: Steps{List: []Step{first, name, step, formStep(StepEnd, 0, "")}}}
}

var (
	pairWalker     = textWalker(Step{Op: StepTextDecimals, Field: FieldPrices, Second: FieldQuantities, Key: 0x1a, Span: formStep(0, 0, "").Span})
	decimalWalker  = textWalker(formStep(StepTextDecimal, FieldPrices, ""))
	textUintWalker = textWalker(formStep(StepTextUint, FieldSequence, ""))
)

// requireTextSteps wants steps to read texts behind their lengths as the parsers do, alone
// and as either of two.
func requireTextSteps(t require.TestingT, text string) {
	if !Walks() || len(text) > 100 {
		return
	}
	field := func(key byte, text string) string { return string([]byte{key, byte(len(text))}) + text }
	head := field(0x0a, "0123456789abcdef@S")
	check := func(w *walker, message string, ok bool, fill func(it *Item)) {
		want := blankItem
		want.Instrument, want.Kind = 0, 0
		for _, tail := range []string{"0", ".", "\xff"} {
			it := w.read(t, paddedText(t, head+message, tail), text)
			if ok != (it != nil) {
				require.Fail(t, "not as the parsers accept it", "%q: want %v", message, ok)
			}
			if fill(&want); ok && *it != want {
				require.Fail(t, "not as the parsers read it", "%q: %+v, want %+v", message, *it, want)
			}
		}
	}
	d, ok := ParseDecimal([]byte(text))
	ok = ok && d.Mantissa >= 0
	half := Decimal{5, -1}
	check(decimalWalker, field(0x12, text), ok, func(it *Item) { it.Prices[0] = d })
	check(pairWalker, field(0x12, text)+field(0x1a, "0.50"), ok, func(it *Item) { it.Prices[0], it.Quantities[0] = d, half })
	check(pairWalker, field(0x12, "0.5")+field(0x1a, text), ok, func(it *Item) { it.Prices[0], it.Quantities[0] = half, d })
	check(pairWalker, field(0x12, text)+field(0x1a, text), ok, func(it *Item) { it.Prices[0], it.Quantities[0] = d, d })
	check(pairWalker, field(0x12, text)+field(0x1b, text), false, func(*Item) {})
	id, isUint := ParseUint([]byte(text))
	check(textUintWalker, field(0x12, text), isUint, func(it *Item) { it.Sequence = id })
}

// The ids of a trade are read as IDPair reads them, with any of their bytes changed.
func TestStepsReadIDPairs(t *testing.T) {
	needVectors(t)
	w := textWalker(formStep(StepTextIDPair, 0, ""))
	accepted := 0
	for _, text := range []string{"731901896985399296X0_731901896985399297X9", "1X0_2X1", "999999999999999999X3_100000000000000000X4", "12345678901234567X0_731901896985399297X0"} {
		for i := range text {
			for c := range 256 {
				id := []byte(text)
				id[i] = byte(c)
				message := "\x0a\x120123456789abcdef@S\x12" + string([]byte{byte(len(id))}) + string(id)
				p := paddedText(t, message, "7")
				first, second, suffix1, suffix2, ok := p.IDPair(len(message)-len(id), len(id))
				it := w.read(t, p, string(id))
				if ok != (it != nil) || ok && (it.TradeID != first || it.SecondID != second || it.IDSuffix1 != suffix1 || it.IDSuffix2 != suffix2) {
					require.Fail(t, "not as IDPair reads it", "%q: %+v", id, it)
				}
				if ok {
					accepted++
				}
			}
		}
	}
	require.Greater(t, accepted, 1000)
}

// needVectors skips a test of the walk alone where there is none; the tests of the venues
// read the same frames by words there.
func needVectors(t *testing.T) {
	t.Helper()
	if !Walks() {
		fmt.Println("exchanges: skipped, this build or CPU has no AVX2:", t.Name())
		t.Skip("no AVX2 in this build or CPU")
	}
}
