package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// dispatch writes the function that finds the shape of a frame.
type dispatch struct {
	out      *bytes.Buffer
	channels []string
	leaves   [][]*shape
	// items says what a frame is decoded into, one item if empty.
	items string
	// steps: what is written is the function that finds the steps of a frame.
	steps bool
}

func (g *dispatch) f(format string, args ...any) { fmt.Fprintf(g.out, format, args...) }

func (g *dispatch) write(tree *node) {
	g.f("// fastChannels are the channels that have shapes, by their number.\nvar fastChannels = [...]string{\n")
	for _, c := range g.channels {
		g.f("%q,\n", c)
	}
	g.f("}\n\n")
	var body bytes.Buffer
	inner := &dispatch{out: &body, channels: g.channels}
	inner.node(tree)
	g.f("// fastOrders is how many groups of shapes are told apart by trying them.\nconst fastOrders = %d\n\n", len(inner.leaves))
	g.writeSteps(tree)
	g.f("// fastDecode decodes a frame of a known shape into %s of the batch, which has\n", cmp.Or(g.items, "one item"))
	g.f("// none, and returns the number of its channel; false means that nothing is known of\n")
	g.f("// the frame, and that levels may have been left in the batch. Of each group of shapes\n")
	g.f("// the one that fitted last, by orders, is tried first.\n")
	g.f("func fastDecode(p exchanges.Padded, symbols *exchanges.SymbolTable, b *exchanges.Batch, orders *[fastOrders]uint8) (channel int, ok bool) {\n")
	g.out.Write(body.Bytes())
	g.f("}\n\n")
	for i, shapes := range inner.leaves {
		g.leaf(i, shapes)
	}
}

// writeSteps writes the function that finds the steps of a frame.
func (g *dispatch) writeSteps(tree *node) {
	var body bytes.Buffer
	inner := &dispatch{out: &body, channels: g.channels, steps: true}
	inner.node(tree)
	for i, shapes := range inner.leaves {
		g.f("// fastSteps%d are the steps of %s.\n", i, strings.Join(namesOf(shapes), ", "))
		g.f("var fastSteps%d = [...]*exchanges.Steps{", i)
		for _, s := range shapes {
			if s.steps != nil {
				g.f("&%s, ", s.stepsVariable())
			} else {
				g.f("nil, ")
			}
		}
		g.f("}\n\n")
	}
	g.f("// fastSteps are the steps of the shape that a frame may have, nil when there are none.\n")
	g.f("func fastSteps(p exchanges.Padded, orders *[fastOrders]uint8) *exchanges.Steps {\nif !exchanges.Walks() {\nreturn nil\n}\n")
	g.out.Write(body.Bytes())
	g.f("}\n\n")
}

// stepsLeaf returns the steps of shapes that are not told apart.
func (g *dispatch) stepsLeaf(shapes []*shape) {
	switch {
	case len(shapes) > 1:
		g.f("return fastSteps%d[orders[%d]]\n", len(g.leaves), len(g.leaves))
		g.leaves = append(g.leaves, shapes)
	case shapes[0].steps != nil:
		g.f("return &%s\n", shapes[0].stepsVariable())
	default:
		g.f("return nil\n")
	}
}

func (g *dispatch) node(n *node) {
	switch {
	case len(n.cases) > 0:
		g.f("switch p.Word(%d) {\n", n.offset)
		for _, c := range n.cases {
			g.f("case %#x: // %s\n", c.word, c.text)
			g.node(c.next)
		}
		if g.steps {
			g.f("}\nreturn nil\n")
			return
		}
		g.f("}\nreturn 0, false\n")
	case g.steps:
		g.stepsLeaf(n.shapes)
	case len(n.shapes) == 1:
		g.f("return %d, %s(p, symbols, b)\n", g.channel(n.shapes[0]), n.shapes[0].function())
	default:
		g.f("return fastTry%d(p, symbols, b, &orders[%d])\n", len(g.leaves), len(g.leaves))
		g.leaves = append(g.leaves, n.shapes)
	}
}

func (g *dispatch) channel(s *shape) int { return slices.Index(g.channels, s.channel) }

// leaf tries several shapes, the one that fitted last first.
func (g *dispatch) leaf(number int, shapes []*shape) {
	g.f("// fastTry%d tries %s.\n", number, strings.Join(namesOf(shapes), ", "))
	g.f("func fastTry%d(p exchanges.Padded, symbols *exchanges.SymbolTable, b *exchanges.Batch, last *uint8) (channel int, ok bool) {\n", number)
	g.f("at := *last\nfor range %d {\nswitch at {\n", len(shapes))
	for i, s := range shapes {
		g.f("case %d:\nchannel, ok = %d, %s(p, symbols, b)\n", i, g.channel(s), s.function())
	}
	g.f("}\nif ok {\n*last = at\nreturn channel, true\n}\n")
	g.f("if at++; at == %d {\nat = 0\n}\n}\nreturn 0, false\n}\n\n", len(shapes))
}

func namesOf(shapes []*shape) (names []string) {
	for _, s := range shapes {
		names = append(names, s.name)
	}
	return names
}
