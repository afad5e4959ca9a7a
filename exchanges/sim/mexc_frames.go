package sim

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/gobwas/ws"
)

// mexcFormat writes the pushes of MEXC spot: protobuf, fields in the order of the
// frames published from the live venue.
type mexcFormat struct{}

func (mexcFormat) separator() string     { return "" }
func (mexcFormat) op() ws.OpCode         { return ws.OpBinary }
func (mexcFormat) spec(k key) streamSpec { return mexcSpec(k) }
func (mexcFormat) name(k key) string     { return mexcName(k) }

// Bodies of the wrapper.
const (
	bodyTop         = 303
	bodyKline       = 308
	bodyMiniTicker  = 309
	bodyMiniTickers = 310
	bodyBatch       = 311
	bodyDepth       = 313
	bodyDeals       = 314
	bodyBookTicker  = 315
)

// appendWrapper writes the envelope: channel, pair, time of sending.
func appendWrapper(b []byte, st *stream, nowMS int64) []byte {
	b = appendTextField(b, 1, st.name)
	if st.key.pair != everyPair {
		b = appendTextField(b, 3, st.key.pair)
	}
	return appendVarintField(b, 6, uint64(nowMS))
}

// number writes digits into a text field.
func appendNumberField(b []byte, field uint64, digits func([]byte) []byte) []byte {
	return appendMessageField(b, field, digits)
}

func appendUintField(b []byte, field, value uint64) []byte {
	return appendNumberField(b, field, func(b []byte) []byte { return strconv.AppendUint(b, value, 10) })
}

func (p *pair) priceField(b []byte, field uint64, ticks int64) []byte {
	return appendNumberField(b, field, func(b []byte) []byte { return p.appendPrice(b, ticks) })
}

func (p *pair) amountField(b []byte, field uint64, lots int64) []byte {
	return appendNumberField(b, field, func(b []byte) []byte { return p.appendAmount(b, lots) })
}

// appendPadded writes units x 10^-decimals with all its decimals.
func appendPadded(b []byte, units int64, decimals int) []byte {
	digits := strconv.FormatInt(units, 10)
	if short := decimals + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	b = append(b, digits[:len(digits)-decimals]...)
	if decimals > 0 {
		b = append(b, '.')
		b = append(b, digits[len(digits)-decimals:]...)
	}
	return b
}

func (mexcFormat) quote(b []byte, st *stream, m moment) []byte {
	p := st.pair
	bid, ask := p.bids.best(), p.asks.best()
	four := func(b []byte) []byte {
		b = p.priceField(b, 1, bid.ticks)
		b = p.amountField(b, 2, bid.lots)
		b = p.priceField(b, 3, ask.ticks)
		return p.amountField(b, 4, ask.lots)
	}
	b = appendWrapper(b, st, m.nowMS)
	if st.spec.kind == kindQuotes {
		return appendMessageField(b, bodyBatch, func(b []byte) []byte {
			b = appendMessageField(b, 1, four)
			b = appendUintField(b, 2, p.id)
			return appendVarintField(b, 3, uint64(m.changedMS))
		})
	}
	return appendMessageField(b, bodyBookTicker, func(b []byte) []byte {
		b = appendUintField(four(b), 5, p.id)
		return appendVarintField(b, 6, uint64(m.changedMS))
	})
}

func (mexcFormat) trades(b []byte, st *stream, ts []trade, m moment) []byte {
	b = appendWrapper(b, st, m.nowMS)
	if len(ts) == 0 {
		return b
	}
	p := st.pair
	return appendMessageField(b, bodyDeals, func(b []byte) []byte {
		for _, t := range ts {
			b = appendMessageField(b, 1, func(b []byte) []byte {
				b = p.priceField(b, 1, t.ticks)
				b = p.amountField(b, 2, t.lots)
				side := uint64(2)
				if t.buy {
					side = 1
				}
				b = appendVarintField(b, 3, side)
				b = appendVarintField(b, 4, uint64((m.baseNS+t.atNS)/1e6))
				return appendTextField(b, 5, mexcTradeID(mexcFormat{}.tradeNumber(t)))
			})
		}
		return appendTextField(b, 2, st.key.channel)
	})
}

// tradeNumber is the first of a pair of ids.
func (mexcFormat) tradeNumber(t trade) uint64 { return 700_000_000_000_000_000 + 2*t.id }

// mexcTradeID is a pair of ids that grow, in the venue's text.
func mexcTradeID(first uint64) string {
	return strconv.FormatUint(first, 10) + "X0_" + strconv.FormatUint(first+1, 10) + "X0"
}

func (p *pair) levelFields(b []byte, field uint64, levels []level, padded bool) []byte {
	price, amount := appendDecimal, appendDecimal
	if padded {
		price, amount = appendPadded, appendPadded
	}
	for _, l := range levels {
		b = appendMessageField(b, field, func(b []byte) []byte {
			b = appendNumberField(b, 1, func(b []byte) []byte { return price(b, l.ticks, p.priceDecimals) })
			return appendNumberField(b, 2, func(b []byte) []byte { return amount(b, l.lots, p.amountDecimals) })
		})
	}
	return b
}

func (mexcFormat) diffs(b []byte, st *stream, first uint64, bids, asks []level, m moment) []byte {
	p := st.pair
	return appendMessageField(appendWrapper(b, st, m.nowMS), bodyDepth, func(b []byte) []byte {
		b = p.levelFields(b, 1, asks, false)
		b = p.levelFields(b, 2, bids, false)
		b = appendTextField(b, 3, st.key.channel)
		b = appendUintField(b, 4, first)
		b = appendUintField(b, 5, p.id)
		return appendVarintField(b, 6, uint64(m.changedMS))
	})
}

// top: the eventType of limited depth names no level, as captured.
func (mexcFormat) top(b []byte, st *stream, bids, asks []level, m moment) []byte {
	p := st.pair
	return appendMessageField(appendWrapper(b, st, m.nowMS), bodyTop, func(b []byte) []byte {
		b = p.levelFields(b, 1, asks, true)
		b = p.levelFields(b, 2, bids, true)
		b = appendTextField(b, 3, mexcTop)
		b = appendUintField(b, 4, p.id)
		return appendVarintField(b, 5, uint64(m.changedMS))
	})
}

func (mexcFormat) ticker(b []byte, st *stream, pairs []*pair, m moment) []byte {
	b = appendWrapper(b, st, m.nowMS)
	if st.spec.kind == kindTicker {
		return appendMessageField(b, bodyMiniTicker, pairs[0].miniTicker)
	}
	return appendMessageField(b, bodyMiniTickers, func(b []byte) []byte {
		for _, p := range pairs {
			b = appendMessageField(b, 1, p.miniTicker)
		}
		return b
	})
}

// miniTicker: volume is in the quote asset, quantity in the base asset.
func (p *pair) miniTicker(b []byte) []byte {
	rate := func(b []byte) []byte {
		change := (p.last - p.open) * 10_000 / p.open
		if change < 0 {
			b, change = append(b, '-'), -change
		}
		return appendDecimal(b, change, 4)
	}
	b = appendTextField(b, 1, p.name)
	b = p.priceField(b, 2, p.last)
	b = appendNumberField(b, 3, rate)
	b = appendNumberField(b, 4, rate)
	b = p.priceField(b, 5, p.high)
	b = p.priceField(b, 6, p.low)
	b = appendNumberField(b, 7, func(b []byte) []byte {
		return appendDecimal(b, p.quoteUnits, p.priceDecimals+p.amountDecimals)
	})
	b = p.amountField(b, 8, p.baseLots)
	b = appendNumberField(b, 9, rate)
	b = appendNumberField(b, 10, rate)
	b = p.priceField(b, 11, p.high)
	return p.priceField(b, 12, p.low)
}

// candle: the wrapper of a candle has the pair's internal id and createTime, and no
// time of sending.
func (mexcFormat) candle(b []byte, st *stream, _ bool, m moment) []byte {
	p, c := st.pair, st.candle
	b = appendTextField(b, 1, st.name)
	b = appendTextField(b, 3, st.key.pair)
	b = appendTextField(b, 4, symbolID(p))
	b = appendVarintField(b, 5, uint64(m.nowMS))
	return appendMessageField(b, bodyKline, func(b []byte) []byte {
		b = appendTextField(b, 1, st.key.level)
		b = appendVarintField(b, 2, uint64(c.startS))
		for i, ticks := range []int64{c.open, c.close, c.high, c.low} {
			b = p.priceField(b, 3+uint64(i), ticks)
		}
		b = p.amountField(b, 7, c.baseLots)
		b = appendNumberField(b, 8, func(b []byte) []byte {
			return appendDecimal(b, c.quoteUnits, p.priceDecimals+p.amountDecimals)
		})
		return appendVarintField(b, 9, uint64(c.startS+st.spec.bar))
	})
}

// symbolID is 32 hexadecimal digits that belong to a pair.
func symbolID(p *pair) string {
	var id [16]byte
	for i := range id {
		id[i] = byte(mix64(uint64(p.index)*16 + uint64(i)))
	}
	return hex.EncodeToString(id[:])
}
