package main

import "slices"

// node tells shapes apart by the eight bytes at one offset, or holds the shapes that
// no such bytes tell apart, in the order of the input.
type node struct {
	offset int
	cases  []branch
	shapes []*shape
}

// branch is what follows from one value of the eight bytes.
type branch struct {
	word uint64
	text string
	next *node
}

// unknownByte stands for a digit in a shape's prefix.
const unknownByte = -1

// prefix is the part of a shape whose bytes stand where they stand: up to the first
// hole of unknown length or optional part.
func (s *shape) prefix() []int16 {
	var bytes []int16
	for _, p := range s.parts {
		switch {
		case p.literal != "":
			for i := range len(p.literal) {
				bytes = append(bytes, int16(p.literal[i]))
			}
		case p.hole != nil && p.hole.kind.fixed > 0:
			bytes = append(bytes, slices.Repeat([]int16{unknownByte}, p.hole.kind.fixed)...)
		default:
			return bytes
		}
	}
	return bytes
}

// textAt is the eight literal bytes of a prefix at an offset, if that is what they are.
func textAt(prefix []int16, offset int) (string, bool) {
	if offset+8 > len(prefix) {
		return "", false
	}
	var text [8]byte
	for i, c := range prefix[offset : offset+8] {
		if c == unknownByte {
			return "", false
		}
		text[i] = byte(c)
	}
	return string(text[:]), true
}

// buildTree splits the shapes at the offset that tells most of them apart.
func buildTree(shapes []*shape) *node {
	best := &node{shapes: shapes}
	if len(shapes) < 2 {
		return best
	}
	var split map[string][]*shape
	var order []string
	for offset := range shapes[0].prefix() {
		groups, texts := groupAt(shapes, offset)
		if len(groups) > max(1, len(split)) {
			split, order, best = groups, texts, &node{offset: offset}
		}
	}
	for _, text := range order {
		best.cases = append(best.cases, branch{word: wordOf(text), text: text, next: buildTree(split[text])})
	}
	return best
}

// groupAt groups the shapes by their text at an offset; nil when one has none there.
func groupAt(shapes []*shape, offset int) (map[string][]*shape, []string) {
	groups := make(map[string][]*shape)
	var order []string
	for _, s := range shapes {
		text, ok := textAt(s.prefix(), offset)
		if !ok {
			return nil, nil
		}
		if groups[text] == nil {
			order = append(order, text)
		}
		groups[text] = append(groups[text], s)
	}
	return groups, order
}

// wordOf packs up to eight bytes, the first one lowest.
func wordOf(text string) uint64 {
	var w uint64
	for i := range len(text) {
		w |= uint64(text[i]) << (8 * i)
	}
	return w
}
