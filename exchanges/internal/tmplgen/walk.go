package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tickring/tickring/exchanges"
)

// step is one of exchanges.Steps.
type step struct {
	op, field string
	// second and key are of the second of two decimals.
	second string
	key    byte
	// at is what Step.At is; steps is the same of an optional part, in steps.
	at, steps int
	// length is a number where Step.Field is one.
	length int
	form   []class
}

// class is the bytes that may stand somewhere: low and those up to span above it.
type class struct{ low, span byte }

// digit and firstDigit are those of a number.
var digit, firstDigit = class{'0', 9}, class{'1', 8}

// classes are those of a literal.
func classes(literal string) []class {
	list := make([]class, len(literal))
	for i := range list {
		list[i].low = literal[i]
	}
	return list
}

// stretch is text of known form, behind a hole or at the start, and the values that are read
// within it.
type stretch struct {
	head   step
	form   []class
	values []step
}

// stepper turns the parts of a shape into steps.
type stepper struct {
	steps []step
	run   stretch
	// several: a part repeats.
	several bool
}

// stepOf are the ops of holes of unknown length; those behind "skip" have no field.
var stepOf = map[string]string{
	"uint": "Uint", "symbol": "Name", "again": "Again", "decimal": "Decimal", "volume": "Volume", "signed": "Signed",
	"millis": "MillisText", "side": "Side", "text": "Text", "levels": "Levels", "objects": "Objects", "amount": "Amount",
	"taker": "Taker", "more": "More", "skip uint": "UintSkip", "skip signed": "SignedSkip",
}

// stepsOf are the steps of a shape, nil when it has what steps cannot do.
func stepsOf(s *shape) []step {
	w := &stepper{}
	if s.perpetual || !w.parts(s.parts) {
		return nil
	}
	if w.several {
		if s.eventIsSend {
			return nil
		}
		w.flush()
		return append(w.steps, step{op: "EndEach"})
	}
	return w.end(s, holesOf(s.parts))
}

// end ends the steps with what is done when all holes are known.
func (w *stepper) end(s *shape, holes []*hole) []step {
	w.flush()
	if fills(holes, "first") && fills(holes, "sequence") {
		w.steps = append(w.steps, step{op: "Ordered"})
	}
	if s.eventIsSend {
		return append(w.steps, step{op: "EndEventIsSend"})
	}
	return append(w.steps, step{op: "End"})
}

func (w *stepper) parts(parts []part) bool {
	for _, p := range parts {
		switch {
		case p.each != nil:
			if !w.each(p.each) {
				return false
			}
		case p.group != nil:
			if !w.group(p.group) {
				return false
			}
		case p.hole == nil:
			w.run.form = append(w.run.form, classes(p.literal)...)
		case p.hole.kind.fixed > 0:
			w.digits(p.hole)
		default:
			if !w.hole(p.hole) {
				return false
			}
		}
	}
	return true
}

// digits are of a known number: their form is compared, and their value is read from
// wherever a step has time.
func (w *stepper) digits(h *hole) {
	if h.field != "" {
		op := map[string]string{"s10": "Seconds", "ms13": "Millis"}[h.kind.name]
		w.run.values = append(w.run.values, step{op: op, field: fieldConstant(h), at: len(w.run.form)})
	}
	w.run.form = append(append(w.run.form, firstDigit), slices.Repeat([]class{digit}, h.kind.fixed-1)...)
}

func (w *stepper) hole(h *hole) bool {
	key := h.kind.name
	if h.field == "" && h.kind.fields != nil {
		key = "skip " + key
	}
	op := stepOf[key]
	if op == "" {
		return false
	}
	if w.several && op == "Name" {
		op = "NameEach"
	}
	w.next(step{op: op, field: fieldConstant(h)})
	return true
}

// each is the part that repeats, with commas between.
func (w *stepper) each(parts []part) bool {
	for _, h := range holesOf(parts) {
		if h.kind.name == "again" || h.kind.isLevels() || h.field == "first" {
			return false
		}
	}
	w.several = true
	w.next(step{op: "Each"})
	from := len(w.steps)
	if !w.parts(parts) {
		return false
	}
	w.next(step{op: "EachEnd"})
	w.run.head.steps = from - len(w.steps)
	return true
}

// next begins a step of a hole.
func (w *stepper) next(s step) {
	w.flush()
	w.run.head = s
}

// group reads its parts where its first text stands.
func (w *stepper) group(parts []part) bool {
	return w.optional(func() bool { return w.parts(parts) })
}

// fused are the ops that may look for an optional part themselves.
var fused = map[string]string{"Rest": "RestIf", "TextDecimal": "TextDecimalIf", "TextDecimals": "TextDecimalsIf", "TextUint": "TextUintIf"}

// optional writes a step over which the steps are passed that write makes.
func (w *stepper) optional(write func() bool) bool {
	w.next(step{op: "Optional"})
	from := len(w.steps)
	if !write() {
		return false
	}
	w.flush()
	w.steps[from].steps = len(w.steps) - from
	if from == 0 {
		return true
	}
	if before := &w.steps[from-1]; fused[before.op] != "" && len(before.form) == 0 {
		before.op, before.form, before.steps = fused[before.op], w.steps[from].form, w.steps[from].steps+1
	}
	return true
}

// flush writes the steps of a run: its form in as many as it takes, and one of its values
// in each; the first step of all has none.
func (w *stepper) flush() {
	form, values, done := w.run.form, w.run.values, 0
	next := w.run.head
	w.run = stretch{}
	if next.op == "TextAgain" && len(values) > 0 && values[0].op == "MillisVarint" {
		next.op, next.field, next.at = "TextAgainMillis", values[0].field, values[0].at
		values = values[1:]
	}
	for next.op != "" || len(form) > 0 || len(values) > 0 {
		if next.op == "" {
			next.op = "Form"
			if len(values) > 0 && len(w.steps) > 0 {
				next, values = values[0], values[1:]
				next.at -= done
			}
		}
		n := min(len(form), exchanges.StepBytes)
		next.form, form = form[:n], form[n:]
		done += n
		w.steps = append(w.steps, next)
		next = step{}
	}
}

var indexed = regexp.MustCompile(`^(\w+)\[(.+)\]$`)

// fieldConstant is the offset of a hole's field, empty when it has none.
func fieldConstant(h *hole) string {
	if h.field == "" {
		return ""
	}
	field := h.kind.fields[h.field].field
	if field == "" {
		return "" // several fields, which the step knows
	}
	if parts := indexed.FindStringSubmatch(field); parts != nil {
		return fmt.Sprintf("exchanges.Field%s + %s*exchanges.FieldNext", parts[1], parts[2])
	}
	return "exchanges.Field" + field
}

func (s *shape) stepsVariable() string { return "steps" + camel(s.name, true) }

// walk writes the steps of a shape.
func (e *emitter) walk(s *shape, channel int, holes []*hole) {
	e.f("var %s = exchanges.Steps{\nKind: ring.Kind%s,\n", s.stepsVariable(), s.kind)
	if channel != 0 {
		e.f("Channel: %d,\n", channel)
	}
	if s.rule != "" {
		e.f("Rule: exchanges.%s,\n", s.rule)
	}
	if s.flags != "" {
		e.f("Flags: ring.%s,\n", s.flags)
	}
	if fills(holes, "trade_id") {
		e.f("IDFormat: ring.%s,\n", idFormat(holes))
	}
	if s.eventIsSend {
		e.f("EventIsSend: true,\n")
	}
	e.f("List: []exchanges.Step{\n")
	for i := range s.steps {
		e.step(&s.steps[i])
	}
	e.f("},\n}\n\n")
}

// idFormat is that of the hole of a trade's id.
func idFormat(holes []*hole) string {
	if slices.ContainsFunc(holes, func(h *hole) bool { return h.kind.name == "idpair" }) {
		return "IDMEXCPair"
	}
	return "IDUint64"
}

func (e *emitter) step(s *step) {
	e.f("{Op: exchanges.Step%s", s.op)
	if s.field != "" {
		e.f(", Field: %s", s.field)
	}
	if s.second != "" {
		e.f(", Second: %s, Key: %d", s.second, s.key)
	}
	if s.length != 0 {
		e.f(", Field: %d", s.length)
	}
	switch {
	case s.steps != 0:
		e.f(", At: %d*exchanges.StepSize", s.steps)
	case s.at != 0:
		e.f(", At: %d", s.at)
	}
	if len(s.form) > 0 {
		e.f(", Size: %d", len(s.form))
	}
	var low, span [exchanges.StepBytes]byte
	var text strings.Builder
	for i := range span {
		if span[i] = 255; i < len(s.form) {
			c := s.form[i]
			low[i], span[i] = c.low, c.span
			if c.span != 0 {
				c.low = '.'
			}
			text.WriteByte(c.low)
		}
	}
	e.f(", Low: %s, Span: %s}, // %q\n", byteArray(low), byteArray(span), text.String())
}

func byteArray(bytes [exchanges.StepBytes]byte) string {
	var b []byte
	for i, v := range bytes {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = fmt.Append(b, v)
	}
	return "[exchanges.StepBytes]byte{" + string(b) + "}"
}
