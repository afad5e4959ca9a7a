package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tickring/tickring/exchanges"
)

// Reasons for which a shape of a protobuf message is refused.
var (
	errFields = errors.New(`want fields such as 1"text", 6<ms send>, 315{...}, 1*{...}, [...]`)
	errOrder  = errors.New("fields stand in the order of their numbers")
	errFirst  = errors.New("the first field is the text of the channel, 14 bytes or more and then the symbol")
	errBody   = errors.New("the last field, and no other, is a message")
	errMany   = errors.New("what is repeated is the first thing in a body: levels, or messages without levels")
	errLong   = errors.New("a text may have 128 bytes or more")
)

// field is one of a protobuf message: a text of parts, a number, a message, or an
// optional group of fields, known by the key of its first.
type field struct {
	number   int
	many     bool
	text     []part
	hole     *hole
	message  []field
	optional []field
}

// message is one line of the input, NAME KIND[,RULE][,FLAG][,EventIsSend] FIELDS, for
// which the flag -protobuf is given. Fields stand in the order of their numbers, as the
// message has them:
//
//	3"<symbol>"       a text: a hole, a literal, or a literal and the symbol and perhaps
//	                  a literal and <text> behind it
//	6<ms send>        a number
//	315{...}          the body, a message that is the last field
//	1*{...}           within the body, a message that makes an item each time it stands
//	2*<levels bids>   within the body, price and quantity each time it stands
//	[5"<uint>" 6<ms>] fields that may be missing together
//
// Holes in texts are decimal, volume, signed, uint, symbol, again, text and idpair (a
// trade's two ids with suffixes); those of numbers are ms (Unix milliseconds of six
// bytes) and side (1 buy, 2 sell). The first field is the channel with the symbol.
//
// Lengths alone tell where texts end, and those of messages are compared with what
// they hold, so that the code needs no text between holes. The parts of its shape are what the dispatch looks
// at: the key and the length of the channel, and its text up to the symbol.
type message struct {
	shape
	fields []field
}

// parseMessages reads the whole input.
func parseMessages(input string) ([]*message, error) {
	var messages []*message
	names := make(map[string]bool)
	for i, line := range strings.Split(input, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		m, err := parseMessage(line)
		if err == nil && names[m.name] {
			err = errName
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		names[m.name] = true
		messages = append(messages, m)
	}
	return messages, nil
}

func parseMessage(line string) (*message, error) {
	head := headPattern.FindStringSubmatch(line)
	if head == nil {
		return nil, errLine
	}
	m := &message{shape: shape{name: head[1], kind: head[2], text: line[len(head[0]):]}}
	for word := range strings.SplitSeq(head[3], ",") {
		switch {
		case word == "":
		case strings.HasPrefix(word, "Rule"):
			m.rule = word
		case strings.HasPrefix(word, "Flag"):
			m.flags = word
		case word == "EventIsSend":
			m.eventIsSend = true
		default:
			return nil, fmt.Errorf("%q: %w", word, errLine)
		}
	}
	p := &fieldParser{rest: m.text}
	var err error
	if m.fields, err = p.fields(""); err != nil {
		return nil, err
	}
	if err = m.checkProtobuf(); err != nil {
		return nil, err
	}
	channel := m.fields[0]
	m.channel = channel.text[0].literal
	m.parts = []part{{literal: channel.key()}, {hole: &hole{kind: &holeType{fixed: 1}}}, {literal: m.channel}}
	return m, nil
}

var headPattern = regexp.MustCompile(`^([a-z][a-z0-9_]*)\s+([A-Z][A-Za-z]*)((?:,[A-Za-z]+)*)\s+`)

// fieldParser cuts a text into fields.
type fieldParser struct{ rest string }

var numberPattern = regexp.MustCompile(`^[1-9][0-9]{0,3}`)

// fields reads up to the closing bracket; without one, to the end.
func (p *fieldParser) fields(closing string) (list []field, err error) {
	for {
		p.rest = strings.TrimLeft(p.rest, " ")
		switch {
		case closing != "" && len(list) > 0 && strings.HasPrefix(p.rest, closing):
			p.rest = p.rest[1:]
			return list, nil
		case p.rest == "" && closing == "":
			return list, nil
		case p.rest == "":
			return nil, errFields
		}
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
}

func (p *fieldParser) field() (f field, err error) {
	if strings.HasPrefix(p.rest, "[") {
		p.rest = p.rest[1:]
		f.optional, err = p.fields("]")
		return f, err
	}
	digits := numberPattern.FindString(p.rest)
	if digits == "" {
		return f, errFields
	}
	f.number, _ = strconv.Atoi(digits) // the pattern lets only numbers through
	p.rest = p.rest[len(digits):]
	if f.many = strings.HasPrefix(p.rest, "*"); f.many {
		p.rest = p.rest[1:]
	}
	switch {
	case strings.HasPrefix(p.rest, "{"):
		p.rest = p.rest[1:]
		f.message, err = p.fields("}")
	case strings.HasPrefix(p.rest, `"`):
		f.text, err = p.text()
	default:
		f.hole, err = p.number()
	}
	return f, err
}

// text reads literals and holes between quotes.
func (p *fieldParser) text() ([]part, error) {
	text, rest, closed := strings.Cut(p.rest[1:], `"`)
	if !closed || text == "" {
		return nil, errFields
	}
	p.rest = rest
	return cutFields(text, textHoles)
}

// number reads the hole of a number or of levels.
func (p *fieldParser) number() (*hole, error) {
	at := holePattern.FindStringIndex(p.rest)
	if at == nil || at[0] != 0 {
		return nil, errFields
	}
	parts, err := cutFields(p.rest[:at[1]], numberHoles)
	if err != nil {
		return nil, err
	}
	p.rest = p.rest[at[1]:]
	return parts[0].hole, nil
}

// cutFields cuts a text into literals and holes of the given types.
func cutFields(text string, types map[string]*holeType) (parts []part, err error) {
	for text != "" {
		at := holePattern.FindStringSubmatchIndex(text)
		before := text
		if at != nil {
			before = text[:at[0]]
		}
		switch {
		case strings.ContainsAny(before, "<>"):
			return nil, fmt.Errorf("%q: %w", before, errHole)
		case before != "":
			parts = append(parts, part{literal: before})
		}
		if at == nil {
			return parts, nil
		}
		h := &hole{kind: types[text[at[2]:at[3]]]}
		if h.kind == nil {
			return nil, fmt.Errorf("%s: %w", text[at[0]:at[1]], errHole)
		}
		if at[4] >= 0 {
			h.field = text[at[4]:at[5]]
		}
		parts = append(parts, part{hole: h})
		text = text[at[1]:]
	}
	return parts, nil
}

// key is a field's number and wire type as bytes.
func (f *field) key() string {
	const (
		wireVarint = 0
		wireBytes  = 2
	)
	key := f.number<<3 | wireBytes
	if f.hole != nil && f.hole.kind.name != "levels" {
		key = f.number<<3 | wireVarint
	}
	if key < 0x80 {
		return string([]byte{byte(key)})
	}
	return string([]byte{byte(key) | 0x80, byte(key >> 7)})
}

// checkProtobuf refuses what the generated code could not decode soundly.
func (s *message) checkProtobuf() error {
	c := fieldChecker{filled: make(map[string]bool)}
	if len(s.fields) < 2 || !s.fields[0].isChannel() {
		return errFirst
	}
	for i := range s.fields {
		if (s.fields[i].message != nil) != (i == len(s.fields)-1) || s.fields[i].many {
			return errBody
		}
	}
	if err := c.message(s.fields, false, 0); err != nil {
		return err
	}
	switch {
	case c.symbols != 1:
		return errSymbol
	case c.reach+protobufReach > paddingBytes:
		return fmt.Errorf("%d bytes: %w", c.reach+protobufReach, errPadding)
	}
	return nil
}

// isChannel says that a field is the first one's text, long enough for what is read
// before the first number.
func (f *field) isChannel() bool {
	return f.number == 1 && len(f.text) >= 2 && 2+len(f.text[0].literal) >= exchanges.MinTextIndex &&
		f.text[1].hole != nil && f.text[1].hole.kind.name == "symbol"
}

// fieldChecker walks a shape's fields.
type fieldChecker struct {
	filled  map[string]bool
	symbols int
	reach   int
}

// message checks fields that stand depth messages deep: a body is one deep.
func (c *fieldChecker) message(fields []field, optional bool, depth int) error {
	last := 0
	for i := range fields {
		f := &fields[i]
		if f.optional != nil {
			if optional || f.optional[0].optional != nil || f.optional[0].many {
				return errOptional
			}
			f = &f.optional[0]
		}
		if f.number <= last {
			return errOrder
		}
		last = f.number
		if group := fields[i].optional; group != nil {
			if err := c.message(group, true, depth); err != nil {
				return err
			}
			last = group[len(group)-1].number
			continue
		}
		if err := c.field(f, optional, depth, i); err != nil {
			return err
		}
	}
	return nil
}

func (c *fieldChecker) field(f *field, optional bool, depth, index int) error {
	c.reach += len(f.key())
	switch levels := f.hole != nil && f.hole.kind.name == "levels"; {
	case f.many != (levels || depth == 1 && f.message != nil):
		return errMany
	case f.many && !levels && index != 0:
		return errMany
	case f.message != nil && depth > 1:
		return errBody
	case f.message != nil:
		c.reach += longestLength
		return c.message(f.message, optional, depth+1)
	case f.hole != nil:
		return c.hole(f.hole, optional)
	}
	c.reach++
	return c.text(f.text, optional)
}

// text checks that the only hole of unknown length, or the symbol and what follows it,
// is told by the text's own length.
func (c *fieldChecker) text(parts []part, optional bool) error {
	size := 0
	for i, p := range parts {
		if p.hole == nil {
			size += len(p.literal)
			continue
		}
		size += p.hole.kind.reach
		alone := len(parts) == 1
		switch name := p.hole.kind.name; {
		case name == "symbol" && i == 1 && (len(parts) == 2 || len(parts) == 3 && parts[2].hole == nil):
		case name == "symbol" && i == 1 && len(parts) == 4 && parts[2].literal != "" && parts[3].hole != nil && parts[3].hole.kind.name == "text":
		case name == "text" && i == 3:
		case name != "symbol" && name != "text" && alone:
		default:
			return errAdjacent
		}
		if err := c.hole(p.hole, optional); err != nil {
			return err
		}
	}
	if size > longestShort {
		return errLong
	}
	c.reach += size
	return nil
}

func (c *fieldChecker) hole(h *hole, optional bool) error {
	switch h.kind.name {
	case "symbol":
		if c.symbols++; optional {
			return errOptional
		}
	case "again":
		if c.symbols != 1 {
			return errSymbol
		}
		if optional {
			return errOptional
		}
	}
	if h.field == "" {
		if !h.kind.skips {
			return fmt.Errorf("<%s>: %w", h.kind.name, errField)
		}
		return nil
	}
	if _, known := h.kind.fields[h.field]; !known {
		return fmt.Errorf("<%s %s>: %w", h.kind.name, h.field, errField)
	}
	if c.filled[h.field] {
		return fmt.Errorf("<%s %s>: %w", h.kind.name, h.field, errTwice)
	}
	c.filled[h.field] = true
	return nil
}
