package main

import "slices"

// anyByte is a length, which the step of what it measures looks at.
var anyByte = class{0, 255}

// textStepOf are the ops of holes in texts, numberStepOf those behind keys.
var (
	textStepOf   = map[string]string{"again": "TextAgain", "decimal": "TextDecimal", "volume": "TextVolume", "uint": "TextUint", "signed": "TextSigned", "idpair": "TextIDPair"}
	numberStepOf = map[string]string{"ms": "MillisVarint", "side": "SideVarint"}
	numberForm   = map[string][]class{
		"ms":   append(slices.Repeat([]class{{0x80, 0x7f}}, 5), class{1, 0x7e}),
		"side": {{1, 1}},
	}
)

// fieldSteps are stepsOf a protobuf message.
func fieldSteps(s *message) []step {
	w := &stepper{}
	if !w.fields(s.fields) {
		return nil
	}
	outer, inner := s.fieldHoles()
	if len(inner) == 0 {
		return w.end(&s.shape, outer)
	}
	if !sharable(outer, inner) {
		return nil
	}
	w.flush()
	return append(w.steps, step{op: "EndMany"})
}

// sharable says that exchanges.Padded knows how the items of a message share its values.
func sharable(outer, inner []*hole) bool {
	for _, h := range outer {
		if h.field != "" && h.field != "send" && h.field != "sequence" {
			return false
		}
	}
	return !fills(inner, "sequence") && !fills(inner, "send")
}

// fields turns fields into steps.
func (w *stepper) fields(list []field) bool {
	for i := 0; i < len(list); i++ {
		f := &list[i]
		ok := false
		switch {
		case f.optional != nil:
			ok = w.optional(func() bool { return w.fields(f.optional) })
		case f.many && f.hole != nil:
			w.next(step{op: "TextLevels", field: fieldConstant(f.hole), at: int(f.key()[0])})
			ok = true
		case f.many:
			ok = w.many(f)
		case fieldRow(list[i:]) >= 2:
			w.decimals(f, &list[i+1])
			i++
			ok = true
		default:
			ok = w.field(f)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *stepper) field(f *field) bool {
	w.run.form = append(w.run.form, classes(f.key())...)
	switch {
	case f.message != nil:
		w.next(step{op: "Rest"})
		return w.fields(f.message)
	case f.hole != nil:
		w.number(f.hole)
		return true
	case len(f.text) > 1:
		w.symbolText(f.text)
		return true
	case f.text[0].hole == nil:
		text := f.text[0].literal
		w.run.form = append(append(w.run.form, class{low: byte(len(text))}), classes(text)...)
		return true
	}
	h := f.text[0].hole
	op := textStepOf[h.kind.name]
	if op == "" || h.field == "" && h.kind.fields != nil && h.kind.name != "signed" {
		return false
	}
	w.run.form = append(w.run.form, anyByte)
	w.next(step{op: op, field: fieldConstant(h)})
	return true
}

// decimals are two that follow each other.
func (w *stepper) decimals(first, second *field) {
	w.run.form = append(append(w.run.form, classes(first.key())...), anyByte)
	w.next(step{op: "TextDecimals", field: fieldConstant(first.text[0].hole), second: fieldConstant(second.text[0].hole), key: second.key()[0]})
}

// many is a message that makes an item each time it stands.
func (w *stepper) many(f *field) bool {
	if len(f.key()) != 1 {
		return false
	}
	w.next(step{op: "Many"})
	from := len(w.steps)
	w.run.form = append(classes(f.key()), anyByte)
	if !w.fields(f.message) {
		return false
	}
	w.flush()
	w.steps = append(w.steps, step{op: "ManyEnd", steps: from - len(w.steps)})
	w.steps[from].steps = len(w.steps) - from
	return true
}

// number has a known length: its form is compared, and its value is read from wherever a
// step has time.
func (w *stepper) number(h *hole) {
	if h.field != "" {
		w.run.values = append(w.run.values, step{op: numberStepOf[h.kind.name], field: fieldConstant(h), at: len(w.run.form)})
	}
	w.run.form = append(w.run.form, numberForm[h.kind.name]...)
}

// symbolText is the text that holds the symbol: see fieldEmitter.symbolText.
func (w *stepper) symbolText(parts []part) {
	w.run.form = append(append(w.run.form, anyByte), classes(parts[0].literal)...)
	behind := ""
	if len(parts) > 2 {
		behind = parts[2].literal
	}
	if len(parts) < 4 {
		w.next(step{op: "TextName", length: len(parts[0].literal) + len(behind)})
		w.run.form = classes(behind)
		return
	}
	w.next(step{op: "TextUntil"})
	w.run.form = classes(behind)
	w.next(step{op: "TextTail"})
}
