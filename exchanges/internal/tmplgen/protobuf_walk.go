package main

import "slices"

// anyByte is a length, which the step of what it measures looks at.
var anyByte = class{0, 255}

// textStepOf are the ops of holes in texts, numberStepOf those behind keys.
var (
	textStepOf   = map[string]string{"again": "TextAgain", "decimal": "TextDecimal", "volume": "TextVolume", "uint": "TextUint", "signed": "TextSigned"}
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
	outer, _ := s.fieldHoles()
	return w.end(&s.shape, outer)
}

func (w *stepper) fields(list []field) bool {
	for i := range list {
		f := &list[i]
		ok := false
		switch {
		case f.optional != nil:
			ok = w.optional(func() bool { return w.fields(f.optional) })
		case f.many:
			ok = w.levels(f)
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

// levels are read at once; messages that repeat otherwise are not.
func (w *stepper) levels(f *field) bool {
	if f.hole == nil {
		return false
	}
	w.next(step{op: "TextLevels", field: fieldConstant(f.hole), at: int(f.key()[0])})
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
