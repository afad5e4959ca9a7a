package jsonl

import (
	"strconv"
	"unicode/utf8"

	"github.com/tickring/tickring/ring"
)

const hexDigits = "0123456789abcdef"

// AppendString appends text as a JSON string with its quotes.
func AppendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		dst = append(dst, text[from:i]...)
		size := 1
		if c >= utf8.RuneSelf {
			dst, size = appendRune(dst, text[i:])
		} else {
			dst = appendEscape(dst, c)
		}
		i += size
		from = i
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	if c == '"' || c == '\\' {
		return append(dst, '\\', c)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
}

// appendRune copies the first character of text, or says that its first byte is
// none, and returns how many bytes it took.
func appendRune[T string | []byte](dst []byte, text T) ([]byte, int) {
	var head [utf8.UTFMax]byte
	n := copy(head[:], text)
	r, size := utf8.DecodeRune(head[:n])
	if r == utf8.RuneError && size == 1 {
		return append(dst, `\ufffd`...), 1
	}
	return append(dst, head[:size]...), size
}

// appendTime appends an i64 that may be absent.
func appendTime(dst []byte, ns int64) []byte {
	if ns == ring.Absent {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, ns, 10)
}

// appendID appends a venue's number of which 0 means none.
func appendID(dst []byte, id uint64) []byte {
	if id == 0 {
		return append(dst, "null"...)
	}
	return strconv.AppendUint(dst, id, 10)
}

// appendDecimal appends a decimal as a string, null when it is absent.
func appendDecimal(dst []byte, mantissa int64, exponent int8) []byte {
	if mantissa == ring.Absent {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = ring.AppendDecimal(dst, mantissa, exponent)
	return append(dst, '"')
}

// appendFlags appends the names of the set bits in bit order.
func appendFlags(dst []byte, flags ring.Flags) []byte {
	dst = append(dst, '[')
	for bit := range len(ring.FlagNames) {
		if flags&(1<<bit) == 0 {
			continue
		}
		if dst[len(dst)-1] != '[' {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		if name := ring.FlagNames[bit]; name != "" {
			dst = append(dst, name...)
		} else {
			dst = append(dst, "BIT_"...)
			dst = strconv.AppendInt(dst, int64(bit), 10)
		}
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

// appendTradeID appends a trade id as the venue's text.
func appendTradeID(dst []byte, id *tradeID) []byte {
	switch id.format {
	case ring.IDUint64:
		dst = append(dst, '"')
		dst = strconv.AppendUint(dst, id.first, 10)
		return append(dst, '"')
	case ring.IDMEXCPair:
		dst = append(dst, '"')
		dst = appendHalf(dst, id.first, id.suffix1)
		dst = append(dst, '_')
		dst = appendHalf(dst, id.second, id.suffix2)
		return append(dst, '"')
	case ring.IDText:
		return AppendString(dst, id.text)
	}
	return append(dst, "null"...)
}

// tradeID is a venue's trade id as a record or a decoded item holds it.
type tradeID struct {
	format           ring.IDFormat
	first, second    uint64
	suffix1, suffix2 uint8
	text             []byte
}

func appendHalf(dst []byte, number uint64, suffix uint8) []byte {
	dst = strconv.AppendUint(dst, number, 10)
	dst = append(dst, 'X')
	return strconv.AppendUint(dst, uint64(suffix), 10)
}

func aggressorName(a ring.Aggressor) string {
	switch a {
	case ring.AggressorBuy:
		return "buy"
	case ring.AggressorSell:
		return "sell"
	}
	return "unknown"
}

// KindName is the name of a kind in JSON and in --kind.
func KindName(k ring.Kind) string {
	switch k {
	case ring.KindBookTicker:
		return "book_ticker"
	case ring.KindTrade:
		return "trade"
	case ring.KindDepth:
		return "depth"
	case ring.KindTicker:
		return "ticker"
	case ring.KindStatus:
		return "status"
	case ring.KindPerpetual:
		return "perpetual"
	}
	return "unknown"
}

func scopeName(s ring.Scope) string {
	switch s {
	case ring.ScopeFeed:
		return "feed"
	case ring.ScopeConnection:
		return "connection"
	case ring.ScopeInstrument:
		return "instrument"
	}
	return ""
}
