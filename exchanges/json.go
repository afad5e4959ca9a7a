package exchanges

import "unicode/utf8"

// MaxJSONDepth bounds the nesting of a frame; the deepest message of any venue's
// sheet nests five deep.
const MaxJSONDepth = 64

// ValidJSON says that frame is exactly one JSON value by RFC 8259, in UTF-8, with
// white space around it at most, nested no deeper than MaxJSONDepth. Field
// decoders that are lax about what they skip may be given only such frames. It
// does not allocate and may be called from any thread.
func ValidJSON(frame []byte) bool {
	if !utf8.Valid(frame) {
		return false
	}
	end := scanValue(frame, skipSpace(frame, 0), 0)
	return end >= 0 && skipSpace(frame, end) == len(frame)
}

// Each scan function takes the index of the first byte of what it scans and
// returns the index behind it, -1 when it is not well-formed.

func scanValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return scanString(b, i)
	case '{':
		return scanObject(b, i, depth+1)
	case '[':
		return scanArray(b, i, depth+1)
	case 't':
		return scanWord(b, i, "true")
	case 'f':
		return scanWord(b, i, "false")
	case 'n':
		return scanWord(b, i, "null")
	}
	return scanNumber(b, i)
}

func scanObject(b []byte, i, depth int) int {
	if depth > MaxJSONDepth {
		return -1
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		if i = scanString(b, i); i < 0 {
			return -1
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ':' {
			return -1
		}
		if i = scanValue(b, skipSpace(b, i+1), depth); i < 0 {
			return -1
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ',' {
			return closes(b, i, '}')
		}
		i = skipSpace(b, i+1)
	}
}

func scanArray(b []byte, i, depth int) int {
	if depth > MaxJSONDepth {
		return -1
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = scanValue(b, i, depth); i < 0 {
			return -1
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ',' {
			return closes(b, i, ']')
		}
		i = skipSpace(b, i+1)
	}
}

func closes(b []byte, i int, bracket byte) int {
	if i < len(b) && b[i] == bracket {
		return i + 1
	}
	return -1
}

func scanString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			if i = scanEscape(b, i+1); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// scanEscape takes the index behind the backslash and returns that of the last
// byte of the escape.
func scanEscape(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i
	case 'u':
		if i+4 >= len(b) {
			return -1
		}
		for _, c := range b[i+1 : i+5] {
			if !isHex(c) {
				return -1
			}
		}
		return i + 4
	}
	return -1
}

func isHex(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func scanNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	start := i
	if i = skipDigits(b, i); i == start || b[start] == '0' && i > start+1 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		start = i + 1
		if start < len(b) && (b[start] == '+' || b[start] == '-') {
			start++
		}
		if i = skipDigits(b, start); i == start {
			return -1
		}
	}
	return i
}

func scanWord(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}
