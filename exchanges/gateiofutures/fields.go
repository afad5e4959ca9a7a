package gateiofutures

import (
	"errors"

	"github.com/mailru/easyjson/jlexer"

	"github.com/tickring/tickring/exchanges"
)

// state says what became of one key of a message. A key whose value is null
// counts as not given: the generated code never shows it to the field.
type state uint8

const (
	notGiven state = iota
	given
	emptyText // an empty string: the venue has no such number
	badNumber // no number, or one that does not fit
	tooMany   // more levels than a message may have
)

// Errors that end the decoding of a frame; prepared, for they occur on the hot
// thread.
var (
	errTwice     = errors.New("a key is given twice")
	errWrongType = errors.New("a value has the wrong type")
)

// begin refuses a key's second value: which one holds is nowhere written.
func (s *state) begin(l *jlexer.Lexer) bool {
	if *s != notGiven {
		l.AddError(errTwice)
		return false
	}
	*s = given
	return true
}

// text is a string; it points into the frame unless it had escapes.
type text struct {
	state
	bytes []byte
}

// UnmarshalEasyJSON takes the string that is the lexer's next token.
func (t *text) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if t.begin(l) {
		t.bytes = l.UnsafeBytes()
	}
}

// integer is a JSON number without sign, point and exponent.
type integer struct {
	state
	n uint64
}

// UnmarshalEasyJSON takes the number that is the lexer's next token.
func (i *integer) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if !i.begin(l) {
		return
	}
	if l.CurrentToken() != jlexer.TokenNumber {
		l.AddError(errWrongType)
		return
	}
	var ok bool
	if i.n, ok = exchanges.ParseUint(l.Raw()); !ok {
		i.state = badNumber
	}
}

// flag is true or false.
type flag struct {
	state
	on bool
}

// UnmarshalEasyJSON takes the boolean that is the lexer's next token.
func (f *flag) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if f.begin(l) {
		f.on = l.Bool()
	}
}

// number takes a string or a JSON number, which the venue mixes: sizes are texts only
// where the client asked for decimals.
func (s *state) number(l *jlexer.Lexer) ([]byte, bool) {
	if !s.begin(l) {
		return nil, false
	}
	digits := numberText(l)
	return digits, l.Ok()
}

// numberText is the content of a string or the text of a JSON number.
func numberText(l *jlexer.Lexer) []byte {
	switch l.CurrentToken() {
	case jlexer.TokenString:
		return l.UnsafeBytes()
	case jlexer.TokenNumber:
		return l.Raw()
	}
	l.AddError(errWrongType)
	return nil
}

// decimal holds a price or a size, never below zero.
type decimal struct {
	state
	number exchanges.Decimal
}

// UnmarshalEasyJSON takes the string or number that is the lexer's next token.
func (d *decimal) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if digits, ok := d.state.number(l); ok {
		d.number, d.state = parseAmount(digits)
	}
}

// parseAmount also refuses what is below zero: no price and no size of a level is.
func parseAmount(digits []byte) (exchanges.Decimal, state) {
	number, s := parseSigned(digits)
	if s == given && number.Mantissa < 0 {
		return exchanges.AbsentDecimal, badNumber
	}
	return number, s
}

func parseSigned(digits []byte) (exchanges.Decimal, state) {
	if len(digits) == 0 {
		return exchanges.AbsentDecimal, emptyText
	}
	number, ok := exchanges.ParseDecimal(digits)
	if !ok {
		return exchanges.AbsentDecimal, badNumber
	}
	return number, given
}

// signed holds a number that may be below zero: a rate, or the size of a trade, whose
// sign is the taker.
type signed struct {
	state
	number exchanges.Decimal
}

// UnmarshalEasyJSON takes the string or number that is the lexer's next token.
func (d *signed) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if digits, ok := d.state.number(l); ok {
		d.number, d.state = parseSigned(digits)
	}
}

// volume holds a statistic, which may have more digits than fit.
type volume struct {
	state
	number  exchanges.Decimal
	rounded bool
}

// UnmarshalEasyJSON takes the string or number that is the lexer's next token.
func (v *volume) UnmarshalEasyJSON(l *jlexer.Lexer) {
	digits, ok := v.state.number(l)
	if !ok {
		return
	}
	if len(digits) == 0 {
		v.number, v.state = exchanges.AbsentDecimal, emptyText
		return
	}
	v.number, v.rounded, ok = exchanges.ParseVolume(digits)
	if !ok || v.number.Mantissa < 0 {
		v.state = badNumber
	}
}

// levels is an array of {"p":price,"s":size} or of [price, size]; they go to the end
// of the batch.
type levels struct {
	state
	batch    *exchanges.Batch
	from, to int32
}

// UnmarshalEasyJSON takes the array that begins with the lexer's next token.
func (s *levels) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if !s.begin(l) {
		return
	}
	s.from = int32(len(s.batch.Levels))
	l.Delim('[')
	for !l.IsDelim(']') {
		s.level(l)
		l.WantComma()
	}
	l.Delim(']')
	s.to = int32(len(s.batch.Levels))
}

func (s *levels) level(l *jlexer.Lexer) {
	var o objectLevel
	if l.IsDelim('{') {
		o.UnmarshalEasyJSON(l)
	} else {
		l.Delim('[')
		o.Price.UnmarshalEasyJSON(l)
		l.WantComma()
		o.Size.UnmarshalEasyJSON(l)
		l.WantComma()
		l.Delim(']')
	}
	switch {
	case o.Price.state != given || o.Size.state != given:
		s.state = badNumber
	case len(s.batch.Levels) >= exchanges.MaxLevels:
		s.state = tooMany
	default:
		s.batch.Levels = append(s.batch.Levels, exchanges.Level{Price: o.Price.number, Quantity: o.Size.number})
	}
}

// value is anything: of a string the content, of everything else the text. It
// serves keys whose type no decision hangs on.
type value struct {
	state
	kind  jlexer.TokenKind
	bytes []byte
}

// UnmarshalEasyJSON takes the value that begins with the lexer's next token.
func (v *value) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if !v.begin(l) {
		return
	}
	v.kind = l.CurrentToken()
	switch v.kind {
	case jlexer.TokenString:
		v.bytes = l.UnsafeBytes()
	case jlexer.TokenDelim:
		v.bytes = takeRaw(l)
	default:
		v.bytes = l.Raw()
	}
}

// takeRaw returns the text of the object or array that begins with the current
// token. The lexer's own way to do so checks the text again at several times the
// cost; the frame was checked already.
func takeRaw(l *jlexer.Lexer) []byte {
	from := l.GetPos() - 1
	skipValue(l)
	if !l.Ok() {
		return nil
	}
	return l.Data[from:l.GetPos()]
}

// skipValue passes one value. The check of the whole frame bounds its depth.
func skipValue(l *jlexer.Lexer) {
	if l.CurrentToken() != jlexer.TokenDelim {
		l.Skip()
		return
	}
	object, end := l.IsDelim('{'), byte(']')
	if object {
		end = '}'
	}
	l.Skip()
	for l.Ok() && !l.IsDelim(end) {
		if object {
			l.Skip()
			l.WantColon()
		}
		skipValue(l)
		l.WantComma()
	}
	l.Skip()
}

// payload is what a request asked for, which its answer repeats. Only an array
// holds anything of interest, and of it only the strings.
type payload struct {
	state
	items [][]byte
}

// UnmarshalEasyJSON takes the value that begins with the lexer's next token.
func (p *payload) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if !p.begin(l) {
		return
	}
	if !l.IsDelim('[') {
		skipValue(l)
		return
	}
	l.Skip()
	for l.Ok() && !l.IsDelim(']') {
		if l.CurrentToken() == jlexer.TokenString {
			p.items = append(p.items, l.UnsafeBytes())
		} else {
			skipValue(l)
		}
		l.WantComma()
	}
	l.Skip()
}

// result is the value of the key result. When the keys before it already say
// that the frame is data of a known channel, it is decoded where it stands;
// otherwise its text is kept until the whole envelope is known.
type result struct {
	state
	decoder *Dialect
	inPlace bool
	decoded bool
	raw     []byte
}

// UnmarshalEasyJSON takes the value that begins with the lexer's next token.
func (r *result) UnmarshalEasyJSON(l *jlexer.Lexer) {
	if !r.begin(l) {
		return
	}
	if r.inPlace && r.decoder.knowsEnough() {
		r.decoded = true
		r.decoder.decodeResult(l)
		return
	}
	if l.CurrentToken() == jlexer.TokenDelim {
		r.raw = takeRaw(l)
		return
	}
	r.raw = l.Raw()
}
