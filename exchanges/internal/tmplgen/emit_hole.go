package main

import "fmt"

// hole writes the code that reads one hole and moves the cursor behind it.
func (e *emitter) hole(h *hole) {
	switch {
	case h.kind.fixed > 0:
		e.fixedHole(h)
		return
	case h.kind.name == "symbol":
		e.f("symbolAt = %s\n", e.at())
		e.f("if symbolLength = p.Name(symbolAt); symbolLength == 0 {\nreturn false\n}\n")
		e.f("i = symbolAt + symbolLength\n")
		e.started, e.off = true, 0
		return
	case h.kind.name == "more":
		e.f("if %s >= p.End() {\nreturn false\n}\n", e.at())
		return
	case h.kind.name == "again":
		e.f("if n = symbolLength; !p.Same(%s, symbolAt, n) {\nreturn false\n}\n", e.at())
	case h.kind.name == "text":
		e.f("if n, ok = p.Text(%s); !ok {\nreturn false\n}\n", e.at())
	case h.kind.isLevels():
		name := h.variable()
		e.f("%sFrom = len(b.Levels)\nif n = p.%s(%s, b); n == 0 {\nreturn false\n}\n%sTo = len(b.Levels)\n", name, h.kind.method, e.at(), name)
	case h.kind.name == "signed" && h.field != "":
		e.f("if %s, n = p.Signed(%s); n == 0 {\nreturn false\n}\n", h.mantissa(), e.at())
	default:
		e.f("if %s = p.%s(%s); n == 0 {\nreturn false\n}\n", h.results(), h.kind.method, e.at())
	}
	e.advance()
}

// fixedHole reads a hole of a known length: the cursor needs no answer from it.
func (e *emitter) fixedHole(h *hole) {
	if h.field == "" {
		e.f("if !p.Digits10(%s) {\nreturn false\n}\n", e.at())
	} else {
		e.f("if %s, ok = p.%s(%s); !ok {\nreturn false\n}\n", h.variable(), h.kind.method, e.at())
	}
	e.off += h.kind.fixed
}

// results is the left side of the assignment of a method's answers.
func (h *hole) results() string {
	name := h.variable()
	switch h.kind.name {
	case "decimal", "amount":
		return h.mantissa() + ", n"
	case "taker":
		return fmt.Sprintf("%s, %sSide, n", h.mantissa(), name)
	case "volume":
		if h.field == "" {
			return "_, _, _, n"
		}
		return fmt.Sprintf("%s.Mantissa, %s.Exponent, %sFlag, n", name, name, name)
	case "signed":
		return "n"
	}
	if h.field == "" {
		return "_, n"
	}
	return name + ", n"
}

// mantissa is where a number goes: its two parts.
func (h *hole) mantissa() string {
	name := h.variable()
	return fmt.Sprintf("%s.Mantissa, %s.Exponent", name, name)
}
