package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// The text of the venue's futures pushes, keys in the order the live venue sends them.

// appendSize writes contracts: as text with their decimals, or cut to a JSON integer.
func (p *pair) appendSize(b []byte, lots int64, whole bool) []byte {
	if !whole {
		b = append(b, '"')
		b = p.appendAmount(b, lots)
		return append(b, '"')
	}
	for range p.amountDecimals {
		lots /= 10
	}
	return strconv.AppendInt(b, lots, 10)
}

// appendTaken writes the size of an execution, below zero for what a taker sold. A
// fraction that is cut is 0 without a sign.
func (p *pair) appendTaken(b []byte, t trade, whole bool) []byte {
	at := len(b)
	b = p.appendSize(b, t.lots, whole)
	if t.buy || string(b[at:]) == "0" {
		return b
	}
	if b[at] == '"' {
		at++
	}
	return slices.Insert(b, at, '-')
}

// appendObjects writes levels as {"p":price,"s":size}.
func (p *pair) appendObjects(b []byte, levels []level, whole bool) []byte {
	b = append(b, '[')
	for i, l := range levels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"p":"`...)
		b = p.appendPrice(b, l.ticks)
		b = append(b, `","s":`...)
		b = p.appendSize(b, l.lots, whole)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendFutPush opens a push up to its result's text.
func appendFutPush(b []byte, channel, event string, nowMS int64) []byte {
	b = append(b, `{"time":`...)
	b = strconv.AppendInt(b, nowMS/1000, 10)
	b = append(b, `,"time_ms":`...)
	b = strconv.AppendInt(b, nowMS, 10)
	b = append(b, `,"channel":"`...)
	b = append(b, channel...)
	b = append(b, `","event":"`...)
	b = append(b, event...)
	return append(b, `","result":`...)
}

// futuresFormat writes the pushes of Gate.io perpetual futures.
type futuresFormat struct{}

func (futuresFormat) separator() string { return "_" }
func (futuresFormat) op() ws.OpCode     { return ws.OpText }
func (futuresFormat) name(k key) string {
	return strings.Join(strings.Fields(k.channel+" "+k.pair+" "+k.level+" "+k.interval), " ")
}

func (futuresFormat) quote(b []byte, st *stream, m moment) []byte {
	p := st.pair
	bid, ask := p.bids.best(), p.asks.best()
	b = appendFutPush(b, chFutBookTicker, "update", m.nowMS)
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, m.changedMS, 10)
	b = append(b, `,"u":`...)
	b = strconv.AppendUint(b, p.id, 10)
	b = append(b, `,"s":"`...)
	b = append(b, p.name...)
	b = append(b, `","b":"`...)
	b = p.appendPrice(b, bid.ticks)
	b = append(b, `","B":`...)
	b = p.appendSize(b, bid.lots, st.whole)
	b = append(b, `,"a":"`...)
	b = p.appendPrice(b, ask.ticks)
	b = append(b, `","A":`...)
	b = p.appendSize(b, ask.lots, st.whole)
	return append(b, `}}`...)
}

func (futuresFormat) tradeNumber(t trade) uint64 { return t.id }

// trades: the sign of the size is the taker.
func (futuresFormat) trades(b []byte, st *stream, ts []trade, m moment) []byte {
	b = appendFutPush(b, chFutTrades, "update", m.nowMS)
	for i, t := range ts {
		b = append(b, "[,"[min(i, 1)])
		createdMS := (m.baseNS + t.atNS) / 1e6
		b = append(b, `{"id":`...)
		b = strconv.AppendUint(b, t.id, 10)
		b = append(b, `,"size":`...)
		b = st.pair.appendTaken(b, t, st.whole)
		b = append(b, `,"create_time":`...)
		b = strconv.AppendInt(b, createdMS/1000, 10)
		b = append(b, `,"create_time_ms":`...)
		b = strconv.AppendInt(b, createdMS, 10)
		b = append(b, `,"price":"`...)
		b = st.pair.appendPrice(b, t.ticks)
		b = append(b, `","contract":"`...)
		b = append(b, st.pair.name...)
		b = append(b, `"}`...)
	}
	return append(b, `]}`...)
}

func (futuresFormat) diffs(b []byte, st *stream, first uint64, bids, asks []level, m moment) []byte {
	p := st.pair
	if st.spec.kind == kindSnapshotDiffs {
		last := p.id
		if first == 0 {
			last = st.lastID
		}
		return appendFutOBU(b, p, st.level, first, last, bids, asks, m)
	}
	b = appendFutPush(b, chFutDiffs, "update", m.nowMS)
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, m.changedMS, 10)
	b = append(b, `,"U":`...)
	b = strconv.AppendUint(b, first, 10)
	b = append(b, `,"u":`...)
	b = strconv.AppendUint(b, p.id, 10)
	b = append(b, `,"s":"`...)
	b = append(b, p.name...)
	b = append(b, `","a":`...)
	b = p.appendObjects(b, asks, st.whole)
	b = append(b, `,"b":`...)
	b = p.appendObjects(b, bids, st.whole)
	b = append(b, `,"l":"`...)
	b = append(b, st.level...)
	return append(b, `"}}`...)
}

// appendFutOBU writes a snapshot (first == 0) or a diff, whose empty sides are left
// out. Sizes are texts with or without the header.
func appendFutOBU(b []byte, p *pair, depth string, first, last uint64, bids, asks []level, m moment) []byte {
	b = appendFutPush(b, chFutOBU, "update", m.nowMS)
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, m.changedMS, 10)
	if first == 0 {
		b = append(b, `,"full":true`...)
	}
	b = append(b, `,"s":"ob.`...)
	b = append(b, p.name...)
	b = append(b, '.')
	b = append(b, depth...)
	b = append(b, '"')
	if first != 0 {
		b = append(b, `,"U":`...)
		b = strconv.AppendUint(b, first, 10)
	}
	b = append(b, `,"u":`...)
	b = strconv.AppendUint(b, last, 10)
	for _, side := range []struct {
		name   string
		levels []level
	}{{"b", bids}, {"a", asks}} {
		if len(side.levels) > 0 || first == 0 {
			b = append(b, `,"`+side.name+`":`...)
			b = p.appendLevels(b, side.levels)
		}
	}
	return append(b, `}}`...)
}

func (futuresFormat) top(b []byte, st *stream, bids, asks []level, m moment) []byte {
	b = appendFutPush(b, chFutTop, "all", m.nowMS)
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, m.changedMS, 10)
	b = append(b, `,"id":`...)
	b = strconv.AppendUint(b, st.pair.id, 10)
	b = append(b, `,"contract":"`...)
	b = append(b, st.pair.name...)
	b = append(b, `","asks":`...)
	b = st.pair.appendObjects(b, asks, st.whole)
	b = append(b, `,"bids":`...)
	b = st.pair.appendObjects(b, bids, st.whole)
	b = append(b, `,"l":"`...)
	b = append(b, st.level...)
	return append(b, `"}}`...)
}

// fundingSeconds between two settlements of most contracts.
const fundingSeconds = 28_800

// ticker: mark and index have a decimal more than orders; the funding rate is below
// zero for every other contract.
func (futuresFormat) ticker(b []byte, _ *stream, pairs []*pair, m moment) []byte {
	p := pairs[0]
	mid := 5 * (p.bids.best().ticks + p.asks.best().ticks)
	text := func(name string, units int64, decimals int) {
		b = append(b, `,"`+name+`":"`...)
		b = appendDecimal(b, units, decimals)
		b = append(b, '"')
	}
	b = appendFutPush(b, chFutTickers, "update", m.nowMS)
	b = append(b, `[{"contract":"`+p.name+`"`...)
	text("last", p.last, p.priceDecimals)
	b = append(b, `,"change_percentage":"-0.3892"`...)
	text("total_size", p.baseLots*7, p.amountDecimals)
	text("volume_24h", p.baseLots, p.amountDecimals)
	text("volume_24h_base", p.baseLots, p.amountDecimals+multiplierDecimals(p))
	text("volume_24h_quote", p.quoteUnits, p.priceDecimals+p.amountDecimals+multiplierDecimals(p))
	text("volume_24h_settle", p.quoteUnits, p.priceDecimals+p.amountDecimals+multiplierDecimals(p))
	text("mark_price", mid+3, p.priceDecimals+1)
	rate := `"0.0001`
	if p.index%2 == 1 {
		rate = `"-0.0001`
	}
	rate += strconv.Itoa(p.index) + `"`
	b = append(b, `,"funding_rate":`+rate+`,"funding_rate_indicative":`+rate...)
	b = append(b, `,"funding_interval":28800,"funding_offset":0,"funding_next_apply":`...)
	nowS := m.nowMS / 1000
	b = strconv.AppendInt(b, nowS-nowS%fundingSeconds+fundingSeconds, 10)
	text("index_price", mid-7, p.priceDecimals+1)
	b = append(b, `,"quanto_base_rate":""`...)
	text("low_24h", p.low, p.priceDecimals)
	text("high_24h", p.high, p.priceDecimals)
	b = append(b, `,"price_type":"last","change_from":"24h","change_price":"-327.2","t":`...)
	b = strconv.AppendInt(b, m.changedMS, 10)
	return append(b, `}]}`...)
}

// multiplierDecimals: one contract is 10^-n of the base.
func multiplierDecimals(p *pair) int {
	switch p.base {
	case "BTC":
		return 4
	case "ETH":
		return 2
	}
	return 0
}

func (futuresFormat) candle(b []byte, st *stream, _ bool, m moment) []byte {
	p, c := st.pair, st.candle
	b = appendFutPush(b, chFutCandles, "update", m.nowMS)
	b = append(b, `[{"t":`...)
	b = strconv.AppendInt(b, c.startS, 10)
	b = append(b, `,"v":`...)
	b = p.appendSize(b, c.baseLots, st.whole)
	for _, f := range []struct {
		name  string
		ticks int64
	}{{"c", c.close}, {"h", c.high}, {"l", c.low}, {"o", c.open}} {
		b = append(b, `,"`+f.name+`":"`...)
		b = p.appendPrice(b, f.ticks)
		b = append(b, '"')
	}
	return append(b, `,"n":"`+st.level+"_"+p.name+`"}]}`...)
}

func (futuresFormat) spec(k key) streamSpec {
	depth, _ := strconv.Atoi(k.level)
	window, _ := time.ParseDuration(k.interval)
	switch k.channel {
	case chFutBookTicker:
		return streamSpec{kind: kindQuotes}
	case chFutTrades:
		return streamSpec{kind: kindTradeStep}
	case chFutTickers:
		return streamSpec{kind: kindTicker, window: time.Second}
	case chFutCandles:
		return streamSpec{kind: kindCandle, window: time.Second, bar: candleSeconds(k.level)}
	case chFutDiffs:
		return streamSpec{kind: kindDiffs, depth: depth, window: window}
	case chFutTop:
		return streamSpec{kind: kindTop, depth: depth, window: 100 * time.Millisecond}
	case chFutOBU:
		switch k.level {
		case futOBULevels[0]:
			return streamSpec{kind: kindSnapshotDiffs, depth: depth, window: 20 * time.Millisecond}
		case futOBULevels[1]:
			return streamSpec{kind: kindSnapshotDiffs, depth: depth, window: 100 * time.Millisecond}
		}
	}
	return streamSpec{kind: kindSilent}
}
