package main

// repeating writes the decoder of a shape with a part that repeats: an item for each
// turn, which takes its symbol's id only when the whole frame was accepted.
func (e *emitter) repeating(s *shape) {
	name := s.function()
	e.f("// %s accepts\n//\n//\t%s\nfunc %s(p exchanges.Padded, symbols *exchanges.SymbolTable, b *exchanges.Batch) bool {\n", name, s.text, name)
	e.f("if !%sItems(p, b) || !b.Named(p, symbols) {\nb.Items = b.Items[:0]\nreturn false\n}\nreturn true\n}\n\n", name)
	e.f("// %sItems reads the items; refused, it may leave some.\nfunc %sItems(p exchanges.Padded, b *exchanges.Batch) bool {\n", name, name)
	markRows(s.parts)
	e.shape, e.holes = s, holesOf(s.parts)
	e.declare(e.holes)
	e.parts(s.parts)
	e.f("return %s == p.End()\n}\n\n", e.at())
}

// each writes the loop over the part that repeats; a comma stands between two turns.
func (e *emitter) each(parts []part) {
	e.settle()
	e.f("for {\nif i >= p.End() {\nreturn false\n}\n")
	e.parts(parts)
	e.settle()
	e.item(e.shape.kind, false)
	if e.shape.perpetual {
		e.item("Perpetual", true)
	}
	e.f("if p.Byte(i) != ',' {\nbreak\n}\ni++\n}\n")
}

// item appends an item that is named later: see Batch.Named.
func (e *emitter) item(kind string, perpetual bool) {
	assign := ":="
	if perpetual {
		assign = "="
	}
	e.f("it %s b.Add(ring.Kind%s)\n", assign, kind)
	e.f("if it == nil {\nreturn false\n}\nit.BidsFrom, it.BidsTo = int32(symbolAt), int32(symbolAt+symbolLength)\n")
	e.fillItem(e.shape, e.holes, perpetual)
}
