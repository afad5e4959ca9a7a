package sim

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// The text of the venue's pushes, keys in the order the live venue sends them.

// appendDecimal writes units x 10^-decimals without an exponent and without zeros
// at the end; units is not negative.
func appendDecimal(b []byte, units int64, decimals int) []byte {
	for decimals > 0 && units%10 == 0 {
		units /= 10
		decimals--
	}
	if decimals == 0 {
		return strconv.AppendInt(b, units, 10)
	}
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], units, 10)
	if n := len(d) - decimals; n > 0 {
		b = append(b, d[:n]...)
		b = append(b, '.')
		return append(b, d[n:]...)
	}
	b = append(b, '0', '.')
	for range decimals - len(d) {
		b = append(b, '0')
	}
	return append(b, d...)
}

func (p *pair) appendPrice(b []byte, ticks int64) []byte {
	return appendDecimal(b, ticks, p.priceDecimals)
}

func (p *pair) appendAmount(b []byte, lots int64) []byte {
	return appendDecimal(b, lots, p.amountDecimals)
}

func (p *pair) appendLevels(b []byte, levels []level) []byte {
	b = append(b, '[')
	for i, l := range levels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[', '"')
		b = p.appendPrice(b, l.ticks)
		b = append(b, '"', ',', '"')
		b = p.appendAmount(b, l.lots)
		b = append(b, '"', ']')
	}
	return append(b, ']')
}

// appendUnordered writes levels as book diffs do: in no order of price.
func (p *pair) appendUnordered(b []byte, levels []level, turn uint64) []byte {
	if len(levels) < 2 {
		return p.appendLevels(b, levels)
	}
	n := int(turn % uint64(len(levels)))
	if n == 0 {
		return p.appendLevels(b, levels)
	}
	b = p.appendLevels(b, levels[n:])
	b[len(b)-1] = ','
	at := len(b)
	b = p.appendLevels(b, levels[:n])
	return append(b[:at], b[at+1:]...)
}

func appendPush(b []byte, channel string, nowMS int64) []byte {
	b = append(b, `{"time":`...)
	b = strconv.AppendInt(b, nowMS/1000, 10)
	b = append(b, `,"time_ms":`...)
	b = strconv.AppendInt(b, nowMS, 10)
	b = append(b, `,"channel":"`...)
	b = append(b, channel...)
	return append(b, `","event":"update","result":{`...)
}

func appendBookTicker(b []byte, p *pair, changedMS, nowMS int64) []byte {
	bid, ask := p.bids.best(), p.asks.best()
	b = appendPush(b, chBookTicker, nowMS)
	b = append(b, `"t":`...)
	b = strconv.AppendInt(b, changedMS, 10)
	b = append(b, `,"u":`...)
	b = strconv.AppendUint(b, p.id, 10)
	b = append(b, `,"s":"`...)
	b = append(b, p.name...)
	b = append(b, `","b":"`...)
	b = p.appendPrice(b, bid.ticks)
	b = append(b, `","B":"`...)
	b = p.appendAmount(b, bid.lots)
	b = append(b, `","a":"`...)
	b = p.appendPrice(b, ask.ticks)
	b = append(b, `","A":"`...)
	b = p.appendAmount(b, ask.lots)
	return append(b, `"}}`...)
}

// appendTrade: create_time_ms has microseconds and three zeros, as the venue's.
func appendTrade(b []byte, channel string, p *pair, t trade, createdNS, nowMS int64) []byte {
	b = appendPush(b, channel, nowMS)
	b = append(b, `"id":`...)
	b = strconv.AppendUint(b, t.id, 10)
	b = append(b, `,"id_market":`...)
	b = strconv.AppendUint(b, t.id, 10)
	b = append(b, `,"create_time":`...)
	b = strconv.AppendInt(b, createdNS/1e9, 10)
	b = append(b, `,"create_time_ms":"`...)
	b = strconv.AppendInt(b, createdNS/1e6, 10)
	b = append(b, '.')
	micros := createdNS / 1000 % 1000
	b = append(b, byte('0'+micros/100), byte('0'+micros/10%10), byte('0'+micros%10))
	b = append(b, `000","side":"`...)
	if t.buy {
		b = append(b, `buy`...)
	} else {
		b = append(b, `sell`...)
	}
	b = append(b, `","currency_pair":"`...)
	b = append(b, p.name...)
	b = append(b, `","amount":"`...)
	b = p.appendAmount(b, t.lots)
	b = append(b, `","price":"`...)
	b = p.appendPrice(b, t.ticks)
	b = append(b, `","range":"`...)
	b = strconv.AppendUint(b, t.id, 10)
	b = append(b, '-')
	b = strconv.AppendUint(b, t.id, 10)
	b = append(b, `","stock":"`...)
	b = append(b, p.base...)
	b = append(b, `","money":"`...)
	b = append(b, p.quote...)
	return append(b, `","trade_mode":0}}`...)
}

func appendTop(b []byte, p *pair, level string, bids, asks []level, changedMS, nowMS int64) []byte {
	b = appendPush(b, chTop, nowMS)
	b = append(b, `"t":`...)
	b = strconv.AppendInt(b, changedMS, 10)
	b = append(b, `,"lastUpdateId":`...)
	b = strconv.AppendUint(b, p.id, 10)
	b = append(b, `,"s":"`...)
	b = append(b, p.name...)
	b = append(b, `","l":"`...)
	b = append(b, level...)
	b = append(b, `","bids":`...)
	b = p.appendLevels(b, bids)
	b = append(b, `,"asks":`...)
	b = p.appendLevels(b, asks)
	return append(b, '}', '}')
}

func appendDiffs(b []byte, p *pair, first uint64, bids, asks []level, changedMS, nowMS int64) []byte {
	b = appendPush(b, chDiffs, nowMS)
	b = append(b, `"t":`...)
	b = strconv.AppendInt(b, changedMS, 10)
	b = append(b, `,"e":"depthUpdate","E":`...)
	b = strconv.AppendInt(b, nowMS/1000, 10)
	b = append(b, `,"s":"`...)
	b = append(b, p.name...)
	b = append(b, `","U":`...)
	b = strconv.AppendUint(b, first, 10)
	b = append(b, `,"u":`...)
	b = strconv.AppendUint(b, p.id, 10)
	b = append(b, `,"b":`...)
	b = p.appendUnordered(b, bids, p.id)
	b = append(b, `,"a":`...)
	b = p.appendUnordered(b, asks, p.id)
	return append(b, '}', '}')
}

// appendOBU writes a snapshot (first == 0) or a diff, whose empty sides are left
// out.
func appendOBU(b []byte, p *pair, level string, first, last uint64, bids, asks []level, changedMS, nowMS int64) []byte {
	b = append(b, `{"channel":"spot.obu","result":{"t":`...)
	b = strconv.AppendInt(b, changedMS, 10)
	if first == 0 {
		b = append(b, `,"full":true`...)
	}
	b = append(b, `,"s":"ob.`...)
	b = append(b, p.name...)
	b = append(b, '.')
	b = append(b, level...)
	b = append(b, `","u":`...)
	b = strconv.AppendUint(b, last, 10)
	if first != 0 {
		b = append(b, `,"U":`...)
		b = strconv.AppendUint(b, first, 10)
	}
	if len(bids) > 0 || first == 0 {
		b = append(b, `,"b":`...)
		b = p.appendLevels(b, bids)
	}
	if len(asks) > 0 || first == 0 {
		b = append(b, `,"a":`...)
		b = p.appendLevels(b, asks)
	}
	b = append(b, `},"time_ms":`...)
	b = strconv.AppendInt(b, nowMS, 10)
	return append(b, `,"event":"update"}`...)
}

func appendTicker(b []byte, p *pair, nowMS int64) []byte {
	b = appendPush(b, chTickers, nowMS)
	b = append(b, `"currency_pair":"`...)
	b = append(b, p.name...)
	b = append(b, `","last":"`...)
	b = p.appendPrice(b, p.last)
	b = append(b, `","lowest_ask":"`...)
	b = p.appendPrice(b, p.asks.best().ticks)
	b = append(b, `","highest_bid":"`...)
	b = p.appendPrice(b, p.bids.best().ticks)
	b = append(b, `","change_percentage":"`...)
	change := (p.last - p.open) * 1_000_000 / p.open
	if change < 0 {
		b = append(b, '-')
		change = -change
	}
	b = appendDecimal(b, change, 4)
	b = append(b, `","base_volume":"`...)
	b = p.appendAmount(b, p.baseLots)
	b = append(b, `","quote_volume":"`...)
	b = appendDecimal(b, p.quoteUnits, p.priceDecimals+p.amountDecimals)
	b = append(b, `","high_24h":"`...)
	b = p.appendPrice(b, p.high)
	b = append(b, `","low_24h":"`...)
	b = p.appendPrice(b, p.low)
	return append(b, '"', '}', '}')
}

// candle is a bar under way.
type candle struct {
	startS                 int64
	open, high, low, close int64
	baseLots, quoteUnits   int64
}

func appendCandle(b []byte, p *pair, interval string, c candle, closed bool, nowMS int64) []byte {
	b = appendPush(b, chCandles, nowMS)
	b = append(b, `"t":"`...)
	b = strconv.AppendInt(b, c.startS, 10)
	b = append(b, `","v":"`...)
	b = appendDecimal(b, c.quoteUnits, p.priceDecimals+p.amountDecimals)
	for _, f := range []struct {
		name  string
		ticks int64
	}{{"c", c.close}, {"h", c.high}, {"l", c.low}, {"o", c.open}} {
		b = append(b, `","`+f.name+`":"`...)
		b = p.appendPrice(b, f.ticks)
	}
	b = append(b, `","n":"`...)
	b = append(b, interval...)
	b = append(b, '_')
	b = append(b, p.name...)
	b = append(b, `","a":"`...)
	b = p.appendAmount(b, c.baseLots)
	b = append(b, `","w":`...)
	b = strconv.AppendBool(b, closed)
	return append(b, '}', '}')
}

// gateioFormat writes the pushes of Gate.io spot v4.
type gateioFormat struct{}

func (gateioFormat) separator() string { return "_" }
func (gateioFormat) op() ws.OpCode     { return ws.OpText }
func (gateioFormat) name(k key) string {
	return strings.TrimRight(k.channel+" "+k.pair+" "+k.level+k.interval, " ")
}
func (gateioFormat) spec(k key) streamSpec { return specOf(k) }

func (gateioFormat) quote(b []byte, st *stream, m moment) []byte {
	return appendBookTicker(b, st.pair, m.changedMS, m.nowMS)
}

func (gateioFormat) tradeNumber(t trade) uint64 { return t.id }

func (gateioFormat) trades(b []byte, st *stream, ts []trade, m moment) []byte {
	return appendTrade(b, st.channel, st.pair, ts[0], m.baseNS+ts[0].atNS, m.nowMS)
}

func (gateioFormat) diffs(b []byte, st *stream, first uint64, bids, asks []level, m moment) []byte {
	if st.spec.kind == kindDiffs {
		return appendDiffs(b, st.pair, first, bids, asks, m.changedMS, m.nowMS)
	}
	last := st.pair.id
	if first == 0 {
		last = st.lastID
	}
	return appendOBU(b, st.pair, st.level, first, last, bids, asks, m.changedMS, m.nowMS)
}

func (gateioFormat) top(b []byte, st *stream, bids, asks []level, m moment) []byte {
	return appendTop(b, st.pair, st.level, bids, asks, m.changedMS, m.nowMS)
}

func (gateioFormat) ticker(b []byte, _ *stream, pairs []*pair, m moment) []byte {
	return appendTicker(b, pairs[0], m.nowMS)
}

func (gateioFormat) candle(b []byte, st *stream, closed bool, m moment) []byte {
	return appendCandle(b, st.pair, st.level, st.candle, closed, m.nowMS)
}

// specOf gives the behaviour of a stream of the venue.
func specOf(k key) streamSpec {
	switch k.channel {
	case chBookTicker:
		return streamSpec{kind: kindQuotes}
	case chTrades, chTradesV2:
		return streamSpec{kind: kindTrades}
	case chTickers:
		return streamSpec{kind: kindTicker, window: time.Second}
	case chCandles:
		return streamSpec{kind: kindCandle, window: time.Second, bar: candleSeconds(k.level)}
	case chDiffs:
		if k.interval == "20ms" {
			return streamSpec{kind: kindDiffs, depth: 20, window: 20 * time.Millisecond}
		}
		return streamSpec{kind: kindDiffs, depth: 100, window: 100 * time.Millisecond}
	case chTop:
		depth, _ := strconv.Atoi(k.level)
		window, _ := time.ParseDuration(k.interval)
		return streamSpec{kind: kindTop, depth: depth, window: window}
	case chOBU:
		switch k.level {
		case "50":
			return streamSpec{kind: kindSnapshotDiffs, depth: 50, window: 20 * time.Millisecond}
		case "400":
			return streamSpec{kind: kindSnapshotDiffs, depth: 400, window: 100 * time.Millisecond}
		}
	}
	return streamSpec{kind: kindSilent}
}

// candleSeconds is the length of a bar.
func candleSeconds(interval string) int64 {
	switch interval {
	case "1d":
		return 86400
	case "7d":
		return 7 * 86400
	}
	d, _ := time.ParseDuration(interval)
	return int64(math.Max(1, d.Seconds()))
}
