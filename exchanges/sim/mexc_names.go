package sim

import (
	"slices"
	"strings"
	"time"
)

// everyPair stands for the pair in streams of all pairs.
const everyPair = "*"

// Families of streams: what stands before the first parameter.
const (
	mexcBookTicker  = "spot@public.aggre.bookTicker.v3.api.pb"
	mexcBatch       = "spot@public.bookTicker.batch.v3.api.pb"
	mexcDeals       = "spot@public.aggre.deals.v3.api.pb"
	mexcDepth       = "spot@public.aggre.depth.v3.api.pb"
	mexcTop         = "spot@public.limit.depth.v3.api.pb"
	mexcMiniTicker  = "spot@public.miniTicker.v3.api.pb"
	mexcMiniTickers = "spot@public.miniTickers.v3.api.pb"
	mexcKline       = "spot@public.kline.v3.api.pb"
)

var (
	mexcIntervals = []string{"100ms", "10ms"}
	mexcLevels    = []string{"5", "10", "20"}
	mexcZones     = []string{
		"24H", "UTC-10", "UTC-8", "UTC-7", "UTC-6", "UTC-5", "UTC-4", "UTC-3", "UTC+0", "UTC+1", "UTC+2", "UTC+3",
		"UTC+4", "UTC+4:30", "UTC+5", "UTC+5:30", "UTC+6", "UTC+7", "UTC+8", "UTC+9", "UTC+10", "UTC+11", "UTC+12",
		"UTC+12:45", "UTC+13",
	}
	mexcBars = map[string]int64{ // seconds
		"Min1": 60, "Min5": 300, "Min15": 900, "Min30": 1800, "Min60": 3600, "Hour4": 4 * 3600, "Hour8": 8 * 3600,
		"Day1": 86400, "Week1": 7 * 86400, "Month1": 30 * 86400,
	}
)

// parseMEXCName reads a stream name; the pair is not looked at. A key's channel is
// the name without the pair, as the venue's eventType has it; its level is the
// parameter.
func parseMEXCName(name string) (key, bool) {
	parts := strings.Split(name, "@")
	if len(parts) < 3 {
		return key{}, false
	}
	family, rest := parts[0]+"@"+parts[1], parts[2:]
	switch family {
	case mexcBatch:
		return key{channel: family, pair: rest[0]}, len(rest) == 1 && rest[0] != ""
	case mexcMiniTickers:
		return mexcKey(family, everyPair, rest[0]), len(rest) == 1 && slices.Contains(mexcZones, rest[0])
	}
	if len(rest) != 2 {
		return key{}, false
	}
	pair, level := rest[0], rest[1]
	ok := false
	switch family {
	case mexcBookTicker, mexcDeals, mexcDepth:
		pair, level = level, pair
		ok = slices.Contains(mexcIntervals, level)
	case mexcTop:
		ok = slices.Contains(mexcLevels, level)
	case mexcMiniTicker:
		ok = slices.Contains(mexcZones, level)
	case mexcKline:
		ok = mexcBars[level] > 0
	}
	return mexcKey(family, pair, level), ok && pair != ""
}

func mexcKey(family, pair, level string) key {
	return key{channel: family + "@" + level, pair: pair, level: level}
}

// mexcFamily is the channel without its parameter.
func mexcFamily(k key) string { return strings.TrimSuffix(k.channel, "@"+k.level) }

// mexcName is the inverse of parseMEXCName.
func mexcName(k key) string {
	switch family := mexcFamily(k); family {
	case mexcTop, mexcMiniTicker, mexcKline:
		return family + "@" + k.pair + "@" + k.level
	case mexcMiniTickers:
		return k.channel
	}
	return k.channel + "@" + k.pair
}

// mexcSpec gives the behaviour of a stream. The push rate of limited depth is not
// documented, that of the others is.
func mexcSpec(k key) streamSpec {
	window := 100 * time.Millisecond
	if k.level == "10ms" {
		window = 10 * time.Millisecond
	}
	switch mexcFamily(k) {
	case mexcBookTicker:
		return streamSpec{kind: kindQuoteWindow, window: window}
	case mexcBatch:
		return streamSpec{kind: kindQuotes}
	case mexcDeals:
		return streamSpec{kind: kindTradeWindow, window: window}
	case mexcDepth:
		return streamSpec{kind: kindDiffs, depth: mostLevels + 8, window: window}
	case mexcTop:
		depth := map[string]int{"5": 5, "10": 10, "20": 20}[k.level]
		return streamSpec{kind: kindTop, depth: depth, window: window}
	case mexcMiniTicker:
		return streamSpec{kind: kindTicker, window: 3 * time.Second}
	case mexcMiniTickers:
		return streamSpec{kind: kindTickers, window: 3 * time.Second}
	}
	return streamSpec{kind: kindCandle, window: time.Second, bar: mexcBars[k.level]}
}
