package sim

import (
	"encoding/json"
	"unicode/utf8"
)

// A small reader of JSON objects. It finds members without decoding what nobody
// asks for, which makes loading a capture of 120,000 frames several times as fast
// as encoding/json does. It does not validate: a value may hold nonsense, a
// missing end it does notice.

// members calls f for each member of the object b, with the name as it stands
// between its quotes and the value as it stands in the text. It returns false when
// b is no object or ends too early.
func members(b []byte, f func(name, value []byte)) bool {
	i := skipBlank(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	if i = skipBlank(b, i+1); i < len(b) && b[i] == '}' {
		return skipBlank(b, i+1) == len(b)
	}
	for {
		nameEnd := skipString(b, i)
		colon := skipBlank(b, nameEnd)
		if nameEnd > len(b) || colon >= len(b) || b[colon] != ':' {
			return false
		}
		from := skipBlank(b, colon+1)
		to := skipValue(b, from)
		next := skipBlank(b, to)
		if to > len(b) || next >= len(b) {
			return false
		}
		f(b[i+1:nameEnd-1], b[from:to])
		switch b[next] {
		case '}':
			return skipBlank(b, next+1) == len(b)
		case ',':
			i = skipBlank(b, next+1)
		default:
			return false
		}
	}
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString gives the place after the string that begins at i; past the end of b
// when there is none.
func skipString(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return len(b) + 1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b) + 1
}

// skipValue gives the place after the value that begins at i; past the end of b
// when it does not end.
func skipValue(b []byte, i int) int {
	if i < len(b) && b[i] == '"' {
		return skipString(b, i)
	}
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(b) + 1
}

// text gives the string a value holds; false when it holds none.
func text(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	inner := value[1 : len(value)-1]
	out := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		if c == '\\' {
			i++
			if i == len(inner) || inner[i] != '"' && inner[i] != '\\' && inner[i] != '/' {
				return escapedText(value)
			}
			c = inner[i]
		}
		out = append(out, c)
	}
	if !utf8.Valid(out) {
		return escapedText(value)
	}
	return string(out), true
}

// escapedText decodes the rarer escapes.
func escapedText(value []byte) (string, bool) {
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil
}
