package exchanges

import "github.com/tickring/tickring/ring"

// Holes of venues that count in contracts: quantities with or without quotes, signs
// that tell the taker, levels as objects, several items in a message.

// Amount is Decimal with its quotes, or a JSON number of up to 16 digits.
func (p Padded) Amount(at int) (mantissa int64, exponent int8, n int) {
	if p.Byte(at) != '"' {
		return p.whole(at)
	}
	mantissa, exponent, n = p.Decimal(at + 1)
	if n == 0 || p.Byte(at+1+n) != '"' {
		return 0, 0, 0
	}
	return mantissa, exponent, n + len(`""`)
}

// whole is a JSON number of digits alone, zeros at its end stripped.
func (p Padded) whole(at int) (mantissa int64, exponent int8, n int) {
	v, n := p.Uint(at)
	if n == 0 || v == 0 {
		return 0, 0, n
	}
	for v%10 == 0 {
		v /= 10
		exponent++
	}
	return int64(v), exponent, n
}

// Signed is Decimal that may be below zero.
func (p Padded) Signed(at int) (mantissa int64, exponent int8, n int) {
	if p.Byte(at) != '-' {
		return p.Decimal(at)
	}
	if mantissa, exponent, n = p.Decimal(at + 1); n == 0 || p.Byte(at+1) == '-' {
		return 0, 0, 0
	}
	return -mantissa, exponent, n + 1
}

// Taker is Amount with a sign: negative sold, positive bought, zero says nothing.
func (p Padded) Taker(at int) (mantissa int64, exponent int8, side ring.Aggressor, n int) {
	quotes := 0
	if p.Byte(at) == '"' {
		quotes = 1
	}
	side = ring.AggressorBuy
	sign := 0
	if p.Byte(at+quotes) == '-' {
		sign, side = 1, ring.AggressorSell
	}
	from := at + quotes + sign
	if quotes == 1 {
		mantissa, exponent, n = p.Decimal(from)
		if p.Byte(from+n) != '"' || sign == 1 && p.Byte(from) == '-' {
			return 0, 0, 0, 0
		}
	} else {
		mantissa, exponent, n = p.whole(from)
	}
	if n == 0 {
		return 0, 0, 0, 0
	}
	if mantissa == 0 {
		side = ring.AggressorUnknown
	}
	return mantissa, exponent, side, n + sign + 2*quotes
}

// ObjectLevels reads an array of {"p":"price","s":amount}, brackets included, to the
// end of the batch's levels. A refusal leaves what was read before in the batch.
func (p Padded) ObjectLevels(at int, b *Batch) (n int) {
	const (
		none  = '[' | ']'<<8
		price = '{' | '"'<<8 | 'p'<<16 | '"'<<24 | ':'<<32 | '"'<<40
		size  = '"' | ','<<8 | '"'<<16 | 's'<<24 | '"'<<32 | ':'<<40
		six   = 1<<48 - 1
		next  = '}' | ','<<8
		end   = '}' | ']'<<8
	)
	if p.Pair(at) == none {
		return len("[]")
	}
	if p.Byte(at) != '[' {
		return 0
	}
	levels := b.Levels
	for i := at + 1; i < p.end && len(levels) < MaxLevels && p.Word(i)&six == price; {
		i += len(`{"p":"`)
		mantissa, exponent, k := p.Decimal(i)
		i += k
		if k == 0 || p.Word(i)&six != size {
			break
		}
		i += len(`","s":`)
		quantity, quantityExponent, k := p.Amount(i)
		i += k
		if k == 0 {
			break
		}
		levels = append(levels, Level{
			Price:    Decimal{Mantissa: mantissa, Exponent: exponent},
			Quantity: Decimal{Mantissa: quantity, Exponent: quantityExponent},
		})
		w := p.Pair(i)
		i += len(`},`)
		if w == next {
			continue
		}
		b.Levels = levels
		if w != end {
			return 0
		}
		return i - at
	}
	b.Levels = levels
	return 0
}

// Named makes the items whole that were read from a message of several: until the
// message is known to its end, an item holds where its symbol stands, as BidsFrom and
// BidsTo. Trades learn their place in the message. False when a symbol is unknown.
func (b *Batch) Named(p Padded, symbols *SymbolTable) bool {
	for i := range b.Items {
		it := &b.Items[i]
		id, known := symbols.Lookup(p.Slice(int(it.BidsFrom), int(it.BidsTo-it.BidsFrom)))
		if !known {
			return false
		}
		it.Instrument, it.BidsFrom, it.BidsTo = id, 0, 0
		if it.Kind == ring.KindTrade {
			it.Index, it.Count = uint16(i), uint16(len(b.Items))
		}
	}
	return true
}
