package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// generateProtobuf writes the whole file.
func generateProtobuf(pkg, source string, messages []*message) ([]byte, error) {
	shapes := make([]*shape, len(messages))
	for i, m := range messages {
		shapes[i] = &m.shape
		m.steps = fieldSteps(m)
	}
	var body bytes.Buffer
	g := &dispatch{out: &body, channels: channelsOf(shapes), items: "the items"}
	g.write(buildTree(shapes))
	for _, m := range messages {
		e := &fieldEmitter{emitter: emitter{out: &body}, m: m}
		if m.steps != nil {
			outer, inner := m.fieldHoles()
			e.walk(&m.shape, g.channel(&m.shape), append(outer, inner...))
		}
		e.message()
	}
	return wholeFile(pkg, source, body.Bytes())
}

// fieldEmitter writes the decoder of one shape of a protobuf message.
type fieldEmitter struct {
	emitter
	m *message
}

func (e *fieldEmitter) message() {
	s := e.m
	e.f("// %s accepts\n//\n//\t%s\nfunc %s(p exchanges.Padded, symbols *exchanges.SymbolTable, b *exchanges.Batch) bool {\n", s.function(), s.text, s.function())
	if s.kind == "Depth" {
		e.f("b.Levels = b.Levels[:0]\n")
	}
	e.f("var i, n, symbolAt, symbolLength int\nvar ok bool\n")
	markFieldRows(s.fields, false)
	outer, inner := s.fieldHoles()
	e.declareProtobuf(outer)
	if len(inner) > 0 {
		// Another shape may have been tried before.
		e.f("b.Items = b.Items[:0]\n")
	}
	e.fields(s.fields, false)
	e.f("if %s != p.End() {\nreturn false\n}\n", e.at())
	switch {
	case len(inner) > 0:
		e.finishMany(s, outer)
	default:
		e.finishOne(s, outer)
	}
	e.f("return true\n}\n\n")
}

// fieldHoles lists the holes that stand once, and those of a repeated message.
func (s *message) fieldHoles() (outer, inner []*hole) {
	var walk func(fields []field, many bool)
	walk = func(fields []field, many bool) {
		for i := range fields {
			f := &fields[i]
			holes := holesOf(f.text)
			if f.hole != nil {
				holes = append(holes, f.hole)
			}
			if many {
				inner = append(inner, holes...)
			} else {
				outer = append(outer, holes...)
			}
			walk(f.message, many || f.many)
			walk(f.optional, many)
		}
	}
	walk(s.fields, false)
	return outer, inner
}

// absentOf is what a value is when its field is not there.
var absentOf = map[string]string{
	"decimal": "exchanges.AbsentDecimal", "volume": "exchanges.AbsentDecimal", "ms": "int64(ring.Absent)",
	"uint": "uint64(0)", "side": "ring.AggressorUnknown",
}

func (e *fieldEmitter) declareProtobuf(holes []*hole) {
	e.declareRows(holes)
	for _, h := range holes {
		name := h.variable()
		switch {
		case h.field == "" || h.inRow:
		case h.kind.name == "levels":
			e.f("var %sFrom, %sTo int\n", name, name)
		case h.kind.name == "idpair":
			e.f("var id1, id2 uint64\nvar suffix1, suffix2 uint8\nvar format ring.IDFormat\n")
		default:
			e.f("%s := %s\n", name, absentOf[h.kind.name])
			if h.kind.name == "volume" {
				e.f("var %sFlag ring.Flags\n", name)
			}
		}
	}
}

// refuse is the code that leaves a decoder when the condition holds.
func (e *fieldEmitter) refuse(condition string, args ...any) {
	e.f("if "+condition+" {\nreturn false\n}\n", args...)
}

// fields reads fields one after another; known says that the key of the first was
// compared.
func (e *fieldEmitter) fields(list []field, known bool) {
	for i := 0; i < len(list); i++ {
		f := &list[i]
		if n := fieldRow(list[i:]); n > 0 {
			e.row(list[i : i+n])
			i += n - 1
			continue
		}
		if f.optional != nil {
			e.settle()
			e.f("if i < p.End() && %s {\n", e.literal(f.optional[0].key(), "==", " && "))
			e.fields(f.optional, true)
			e.settle()
			e.f("}\n")
			continue
		}
		e.field(f, known && i == 0)
	}
}

func (e *fieldEmitter) field(f *field, known bool) {
	key := f.key()
	if f.many {
		e.manyField(f, key)
		return
	}
	if len(f.text) == 1 && f.text[0].hole == nil {
		// The length of a literal is literal too.
		key += string([]byte{byte(len(f.text[0].literal))}) + f.text[0].literal
		known = false
	}
	if !known {
		e.refuse("%s", e.literal(key, "!=", " || "))
	}
	e.off += len(key)
	switch {
	case f.message != nil:
		e.refuse("n = p.Rest(%s); n == 0", e.at())
		e.advance()
		e.fields(f.message, false)
	case f.hole != nil:
		e.numberHole(f.hole)
	case len(f.text) > 1:
		e.symbolText(f.text)
	case f.text[0].hole != nil:
		e.textHole(f.text[0].hole)
	}
}

func (e *fieldEmitter) numberHole(h *hole) {
	name := h.variable()
	if h.field == "" {
		name = "_"
	}
	e.refuse("%s, ok = p.%s(%s); !ok", name, h.kind.method, e.at())
	e.off += h.kind.fixed
}

// textHole reads a text that is one value, behind its length.
func (e *fieldEmitter) textHole(h *hole) {
	if h.kind.name == "again" {
		e.refuse("n = symbolLength; int(p.Byte(%s)) != n || !p.Same(%s, symbolAt, n)", e.at(), e.ahead(1))
		e.off++
		e.advance()
		return
	}
	e.f("n = int(p.Byte(%s))\n", e.at())
	e.off++
	name := h.variable()
	var results string
	switch {
	case h.kind.name == "decimal":
		results = fmt.Sprintf("%s.Mantissa, %s.Exponent, ok", name, name)
	case h.kind.name == "volume":
		results = fmt.Sprintf("%s.Mantissa, %s.Exponent, %sFlag, ok", name, name, name)
	case h.kind.name == "idpair":
		results = "id1, id2, suffix1, suffix2, ok"
	case h.kind.name == "signed":
		results = "ok"
	case h.field == "":
		results = "_, ok"
	default:
		results = name + ", ok"
	}
	e.refuse("%s = p.%s(%s, n); !ok", results, h.kind.method, e.at())
	if h.kind.name == "idpair" {
		e.f("format = ring.IDMEXCPair\n")
	}
	e.advance()
}

// symbolText reads the text that holds the symbol, behind its length: a literal, the
// symbol, and nothing, a literal, or a literal and text. The key stands at the start of
// the message.
func (e *fieldEmitter) symbolText(parts []part) {
	before := len(parts[0].literal)
	e.f("n = int(p.Byte(%s))\n", e.at())
	e.off++
	e.refuse("%s", e.literal(parts[0].literal, "!=", " || "))
	e.f("symbolAt = %s\n", e.ahead(before))
	if len(parts) < 4 {
		behind := ""
		if len(parts) == 3 {
			behind = parts[2].literal
		}
		e.refuse("symbolLength = n - %d; uint(symbolLength-1) >= exchanges.MaxSymbolBytes", before+len(behind))
		e.f("i = symbolAt + symbolLength\n")
		e.started, e.off = true, 0
		if behind != "" {
			e.refuse("%s", e.literal(behind, "!=", " || "))
			e.off = len(behind)
		}
		return
	}
	behind := parts[2].literal
	e.refuse("symbolLength = p.Until(symbolAt, %q); uint(symbolLength-1) >= exchanges.MaxSymbolBytes", behind[0])
	e.f("i = symbolAt + symbolLength\n")
	e.started, e.off = true, 0
	e.refuse("%s", e.literal(behind, "!=", " || "))
	e.off = len(behind)
	e.refuse("n -= %d + symbolLength; uint(n) > %d || !p.PlainText(%s, n)", before+len(behind), parts[3].hole.kind.reach, e.at())
	e.advance()
}

// manyField reads levels, or messages of which each makes an item.
func (e *fieldEmitter) manyField(f *field, key string) {
	e.settle()
	if f.hole != nil {
		name := f.hole.variable()
		e.f("%sFrom = len(b.Levels)\n", name)
		e.refuse("i, ok = p.%s(i, %#x, b); !ok", f.hole.kind.method, key[0])
		e.f("%sTo = len(b.Levels)\n", name)
		return
	}
	var holes []*hole
	for i := range f.message {
		one := message{fields: f.message[i : i+1]}
		outer, _ := one.fieldHoles()
		holes = append(holes, outer...)
	}
	e.f("for i < p.End() && %s {\n", e.literal(key, "==", " && "))
	e.f("size := int(p.Byte(i+%d))\nstop := i + %d + size\n", len(key), len(key)+1)
	e.off = len(key) + 1
	e.declareProtobuf(holes)
	e.fields(f.message, false)
	e.settle()
	e.refuse("i != stop || size > %d", longestShort)
	e.f("it := b.Add(ring.Kind%s)\n", e.m.kind)
	e.refuse("it == nil")
	e.fill(holes)
	e.f("}\n")
}

// fill gives an item the values of holes.
func (e *fieldEmitter) fill(holes []*hole) {
	for _, h := range holes {
		if h.field == "" {
			continue
		}
		field, name := h.kind.fields[h.field].field, h.variable()
		switch h.kind.name {
		case "levels":
			e.f("it.%sFrom, it.%sTo = int32(%sFrom), int32(%sTo)\n", field, field, name, name)
		case "idpair":
			e.f("it.TradeID, it.SecondID, it.IDSuffix1, it.IDSuffix2, it.IDFormat = id1, id2, suffix1, suffix2, format\n")
		default:
			e.f("it.%s = %s\n", field, name)
		}
	}
}

// finishOne adds the item of a message that has one.
func (e *fieldEmitter) finishOne(s *message, holes []*hole) {
	has := func(field string) bool {
		return slices.ContainsFunc(holes, func(h *hole) bool { return h.field == field })
	}
	if has("first") && has("sequence") {
		e.refuse("first > sequence")
	}
	e.f("id, known := p.Lookup(symbols, symbolAt, symbolLength)\n")
	e.refuse("!known")
	e.f("it := b.Add(ring.Kind%s)\n", s.kind)
	e.refuse("it == nil")
	e.f("it.Instrument = id\n")
	e.fillShape(s, holes)
}

// finishMany gives the items of a message what they share. Without items there is
// nothing to accept.
func (e *fieldEmitter) finishMany(s *message, holes []*hole) {
	e.refuse("len(b.Items) == 0")
	e.f("id, known := p.Lookup(symbols, symbolAt, symbolLength)\n")
	e.refuse("!known")
	e.f("for k := range b.Items {\nit := &b.Items[k]\nit.Instrument = id\n")
	if s.kind == "Trade" {
		e.f("it.Index, it.Count = uint16(k), uint16(len(b.Items))\n")
	}
	e.fillShape(s, holes)
	e.f("}\n")
}

// fillShape gives an item what its shape says, and the values of holes.
func (e *fieldEmitter) fillShape(s *message, holes []*hole) {
	if s.rule != "" {
		e.f("it.Rule = exchanges.%s\n", s.rule)
	}
	if flags := s.flagTerms(holes); len(flags) > 0 {
		e.f("it.Flags = %s\n", strings.Join(flags, " | "))
	}
	e.fill(holes)
	if s.eventIsSend {
		e.f("it.EventTimeNS = send\n")
	}
}
