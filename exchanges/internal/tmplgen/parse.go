package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Reasons for which a line of the input is refused.
var (
	errLine     = errors.New("want NAME KIND TEXT")
	errHole     = errors.New("no such hole")
	errField    = errors.New("no such field for a hole of this type")
	errTwice    = errors.New("a field is filled twice")
	errOptional = errors.New("an optional part must begin with literal text, be closed, hold no other and no required field")
	errEach     = errors.New("a shape repeats one part at most, which begins and ends with literal text, holds the symbol and no field that may be missing; no field follows it")
	errSymbol   = errors.New("a shape has exactly one symbol hole, before again")
	errChannel  = errors.New(`a shape names its "channel" literally`)
	errAdjacent = errors.New("literal text must follow a hole")
	errQuote    = errors.New("a closing quote must follow the hole")
	errPadding  = errors.New("the shape may read further beyond the frame than there is padding")
	errName     = errors.New("two shapes have the same name")
)

// part is a literal, a hole, an optional group of parts, or parts that repeat.
type part struct {
	literal string
	hole    *hole
	group   []part
	each    []part
}

// hole is a value of the message.
type hole struct {
	kind  *holeType
	field string
	// inRow: it is read in one call with its neighbours, into an array; place is the
	// element. mayMiss: its part may not be there.
	inRow, mayMiss bool
	place          int
}

// shape is one line of the input.
type shape struct {
	name    string
	text    string
	channel string
	kind    string
	rule    string
	flags   string
	// eventIsSend: the event's time is the message's.
	eventIsSend bool
	// perpetual: a second item, of kind PERPETUAL, is made of the same values.
	perpetual bool
	parts     []part
	// steps, where the shape has some.
	steps []step
}

var (
	holePattern    = regexp.MustCompile(`<(/?[a-z0-9]+)(?: ([a-z_]+))?>`)
	channelPattern = regexp.MustCompile(`"channel":"([^"<]+)"`)
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// parseShapes reads the whole input.
func parseShapes(input string) ([]*shape, error) {
	var shapes []*shape
	names := make(map[string]bool)
	for i, line := range strings.Split(input, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		s, err := parseShape(line)
		if err == nil && names[s.name] {
			err = errName
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		names[s.name] = true
		shapes = append(shapes, s)
	}
	return shapes, nil
}

func parseShape(line string) (*shape, error) {
	words := strings.Fields(line)
	if len(words) < 3 || !namePattern.MatchString(words[0]) {
		return nil, errLine
	}
	s := &shape{name: words[0]}
	s.text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(strings.TrimPrefix(line, words[0])), words[1]))
	for i, word := range strings.Split(words[1], ",") {
		switch {
		case i == 0:
			s.kind = word
		case strings.HasPrefix(word, "Rule"):
			s.rule = word
		case strings.HasPrefix(word, "Flag"):
			s.flags = word
		case word == "EventIsSend":
			s.eventIsSend = true
		case word == "AndPerpetual":
			s.perpetual = true
		default:
			return nil, fmt.Errorf("%q: %w", words[1], errLine)
		}
	}
	channel := channelPattern.FindStringSubmatch(s.text)
	if channel == nil {
		return nil, errChannel
	}
	s.channel = channel[1]
	var err error
	if s.parts, err = parseParts(s.text); err != nil {
		return nil, err
	}
	return s, s.check()
}

// parseParts cuts the text into parts.
func parseParts(text string) ([]part, error) {
	n := &nesting{open: []enclosure{{}}}
	for text != "" {
		at := holePattern.FindStringSubmatchIndex(text)
		if at == nil {
			n.add(part{literal: text})
			break
		}
		if at[0] > 0 {
			n.add(part{literal: text[:at[0]]})
		}
		word, field := text[at[2]:at[3]], ""
		if at[4] >= 0 {
			field = text[at[4]:at[5]]
		}
		text = text[at[1]:]
		if closed, marker := markers[word]; marker {
			if err := n.mark(word, closed); err != nil {
				return nil, err
			}
			continue
		}
		kind := holeTypes[word]
		if kind == nil {
			return nil, fmt.Errorf("<%s>: %w", word, errHole)
		}
		n.add(part{hole: &hole{kind: kind, field: field}})
	}
	if len(n.open) > 1 {
		return nil, nestingError(n.open[len(n.open)-1].word)
	}
	return n.open[0].parts, nil
}

// markers enclose parts; to the closing ones belongs what they close.
var markers = map[string]string{"opt": "", "/opt": "opt", "each": "", "/each": "each"}

func nestingError(word string) error {
	if word == "each" {
		return errEach
	}
	return errOptional
}

// enclosure is what stands open between two markers.
type enclosure struct {
	word  string
	parts []part
}

// nesting are the enclosures that are open, the whole text first.
type nesting struct{ open []enclosure }

func (n *nesting) add(p part) {
	top := &n.open[len(n.open)-1]
	top.parts = append(top.parts, p)
}

// mark opens an enclosure or closes the innermost one. Optional parts may stand in
// what repeats; nothing else is nested.
func (n *nesting) mark(word, closes string) error {
	top := n.open[len(n.open)-1]
	if closes == "" {
		if top.word == "opt" || word == "each" && top.word != "" {
			return nestingError(word)
		}
		n.open = append(n.open, enclosure{word: word})
		return nil
	}
	if top.word != closes || len(top.parts) == 0 || top.parts[0].literal == "" {
		return nestingError(closes)
	}
	n.open = n.open[:len(n.open)-1]
	if closes == "each" {
		n.add(part{each: top.parts})
	} else {
		n.add(part{group: top.parts})
	}
	return nil
}

// check refuses what the generated code could not decode soundly.
func (s *shape) check() error {
	c := checker{filled: make(map[string]bool)}
	if err := c.parts(s.parts, false); err != nil {
		return err
	}
	switch {
	case c.symbols != 1:
		return errSymbol
	case c.afterHole:
		return errAdjacent
	case max(c.reach, c.furthest)+loadReach > paddingBytes:
		return fmt.Errorf("%d bytes: %w", max(c.reach, c.furthest)+loadReach, errPadding)
	}
	return nil
}

// checker walks a shape's parts.
type checker struct {
	filled    map[string]bool
	symbols   int
	reach     int
	furthest  int // reach before the frame was last seen to go on
	afterHole bool
	// repeats: within the part that repeats; repeated: behind it.
	repeats, repeated bool
}

func (c *checker) parts(parts []part, optional bool) error {
	for i, p := range parts {
		switch {
		case p.group != nil:
			// Missing, the group leaves the next literal to end the hole before it.
			before := c.afterHole
			if err := c.parts(p.group, true); err != nil {
				return err
			}
			c.afterHole = c.afterHole || before
		case p.each != nil:
			if err := c.each(p.each); err != nil {
				return err
			}
		case p.hole != nil:
			if p.hole.kind.quoted && (i+1 == len(parts) || !strings.HasPrefix(parts[i+1].literal, `"`)) {
				return fmt.Errorf("<%s>: %w", p.hole.kind.name, errQuote)
			}
			if err := c.hole(p.hole, optional); err != nil {
				return err
			}
		default:
			c.afterHole = false
			c.reach += len(p.literal)
		}
	}
	return nil
}

// each checks the part that repeats: its turns look at the frame's end themselves.
func (c *checker) each(parts []part) error {
	if c.repeated || c.symbols != 0 {
		return errEach
	}
	c.repeats = true
	if err := c.parts(parts, false); err != nil {
		return err
	}
	if c.symbols != 1 || c.afterHole {
		return errEach
	}
	c.repeats, c.repeated = false, true
	return nil
}

func (c *checker) hole(h *hole, optional bool) error {
	if h.field != "" && (c.repeated || c.repeats && optional) {
		return errEach
	}
	if c.afterHole {
		return errAdjacent
	}
	if h.kind.name == "more" {
		c.furthest, c.reach = max(c.furthest, c.reach), 0
		return nil
	}
	c.afterHole = true
	c.reach += h.kind.reach
	switch h.kind.name {
	case "symbol":
		c.symbols++
		if optional {
			return errOptional
		}
	case "again":
		if c.symbols != 1 {
			return errSymbol
		}
	}
	if h.field == "" {
		if !h.kind.skips {
			return fmt.Errorf("<%s>: %w", h.kind.name, errField)
		}
		return nil
	}
	target, known := h.kind.fields[h.field]
	switch {
	case !known:
		return fmt.Errorf("<%s %s>: %w", h.kind.name, h.field, errField)
	case c.filled[h.field]:
		return fmt.Errorf("<%s %s>: %w", h.kind.name, h.field, errTwice)
	case optional && !target.mayMiss:
		return fmt.Errorf("<%s %s>: %w", h.kind.name, h.field, errOptional)
	}
	c.filled[h.field] = true
	return nil
}
