package main

// Limits of the reading methods of exchanges.Padded for protobuf.
const (
	// protobufReach is how far the last load goes beyond what was matched: the length
	// of a text may be any byte, and a word behind it is looked at.
	protobufReach = 255 + 8
	// longestLength is the most bytes that a message's length takes.
	longestLength = 3
	// longestShort is the greatest length of one byte.
	longestShort = 0x7f
)

// textHoles stand in texts, numberHoles behind a field's number.
var textHoles, numberHoles = makeProtobufHoles()

func makeProtobufHoles() (texts, numbers map[string]*holeType) {
	take := func(name, method string, reach int) *holeType {
		h := *holeTypes[name]
		h.method, h.reach, h.quoted = method, reach, false
		return &h
	}
	pair := &holeType{name: "idpair", method: "IDPair", reach: 41, fields: map[string]target{"trade_id": {}}}
	millis := take("ms13", "MillisVarint", 6)
	millis.name, millis.fixed, millis.skips = "ms", 6, true
	side := take("side", "SideVarint", 1)
	side.fixed = 1
	texts, numbers = make(map[string]*holeType), make(map[string]*holeType)
	for _, h := range []*holeType{
		take("decimal", "TextDecimal", 17), take("volume", "TextVolume", 17), take("signed", "TextSigned", 18), take("uint", "TextUint", 16),
		take("symbol", "", 32), take("again", "", 32), take("text", "PlainText", 16), pair,
	} {
		texts[h.name] = h
	}
	for _, h := range []*holeType{millis, side, take("levels", "TextLevels", 260)} {
		numbers[h.name] = h
	}
	return texts, numbers
}
