package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// maxRow is how many decimals that follow each other are read in one call, a row:
// exchanges.Padded has their lengths, gaps and keys in the bytes of one word.
const maxRow = 8

// rowLength is how many parts a row has that begins with the first part: decimals, and
// literals between them. 0: there is no row of two.
func rowLength(parts []part) int {
	isDecimal := func(i int) bool {
		return i < len(parts) && parts[i].hole != nil && parts[i].hole.kind.name == "decimal"
	}
	n := 1
	for isDecimal(0) && isDecimal(n+1) && n < 2*maxRow-1 && len(parts[n].literal) > 0 && len(parts[n].literal) <= math.MaxUint8 {
		n += 2
	}
	if n == 1 {
		return 0
	}
	return n
}

// markRows marks the decimals that stand in rows.
func markRows(parts []part) {
	for i := 0; i < len(parts); i++ {
		markRows(parts[i].group)
		markRows(parts[i].each)
		n := rowLength(parts[i:])
		for k := i; k < i+n; k += 2 {
			parts[k].hole.inRow = true
		}
		i += max(n-1, 0)
	}
}

// place gives the decimals of rows their elements and says how many there are.
func place(holes []*hole) (n int) {
	for _, h := range holes {
		if h.inRow {
			h.place = n
			n++
		}
	}
	return n
}

// row reads a row and then compares what stands between its decimals.
func (e *emitter) row(parts []part) {
	from, gaps := parts[0].hole.place, uint64(0)
	for i := 1; i < len(parts); i += 2 {
		gaps |= uint64(len(parts[i].literal)) << (4 * (i - 1))
	}
	e.f("if lengths = p.Decimals(%s, %#x, decimals[%d:%d]); lengths == 0 {\nreturn false\n}\n", e.at(), gaps, from, from+len(parts)/2+1)
	for i, p := range parts {
		if p.hole == nil {
			e.parts(parts[i : i+1])
			continue
		}
		switch shift := 4 * i; {
		case i == 0:
			e.f("n = int(lengths & 0xff)\n")
		case shift == 8*(maxRow-1):
			e.f("n = int(lengths >> %d)\n", shift)
		default:
			e.f("n = int(lengths >> %d & 0xff)\n", shift)
		}
		e.advance()
	}
}

// fieldRow is how many fields a row has that begins with the first field; 0: no row.
func fieldRow(list []field) (n int) {
	for n < len(list) && n < maxRow {
		f := &list[n]
		if len(f.text) != 1 || f.text[0].hole == nil || f.text[0].hole.kind.name != "decimal" || f.many || len(f.key()) != 1 {
			break
		}
		n++
	}
	if n == 1 {
		return 0
	}
	return n
}

// markFieldRows marks the decimals that stand in rows.
func markFieldRows(list []field, mayMiss bool) {
	for i := 0; i < len(list); i++ {
		markFieldRows(list[i].message, false)
		markFieldRows(list[i].optional, true)
		n := fieldRow(list[i:])
		for k := i; k < i+n; k++ {
			list[k].text[0].hole.inRow, list[k].text[0].hole.mayMiss = true, mayMiss
		}
		i += max(n-1, 0)
	}
}

// declareRows declares the elements of the rows; those of a part that may be missing are
// absent at first.
func (e *fieldEmitter) declareRows(holes []*hole) {
	n := place(holes)
	switch {
	case n == 0:
	case slices.ContainsFunc(holes, func(h *hole) bool { return h.mayMiss }):
		e.f("decimals := [%d]exchanges.Decimal{%s}\n", n, strings.Repeat("exchanges.AbsentDecimal,", n))
	default:
		e.f("var decimals [%d]exchanges.Decimal\n", n)
	}
}

// row reads fields whose keys the row compares.
func (e *fieldEmitter) row(list []field) {
	keys := ""
	for i := range list {
		keys += list[i].key()
	}
	from := list[0].text[0].hole.place
	e.refuse("n = p.TextDecimals(%s, %s, decimals[%d:%d]); n == 0", e.at(), fmt.Sprintf("%#x", wordOf(keys)), from, from+len(list))
	e.advance()
}
