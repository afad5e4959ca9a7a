package main

import "github.com/tickring/tickring/exchanges"

// Limits of the reading methods of exchanges.Padded.
const (
	paddingBytes = exchanges.FastPadding
	// loadReach is how far the last load of a hole or literal goes beyond what was
	// matched: a decimal looks at two words.
	loadReach = 32
)

// target is where a hole's value goes.
type target struct {
	// field is the item's; for levels the prefix of From and To.
	field string
	// mayMiss: the item's zero is right when the hole is missing.
	mayMiss bool
	// perpetual: it goes to the second item, of kind PERPETUAL.
	perpetual bool
}

// holeType is one type of hole.
type holeType struct {
	name string
	// reach is the most bytes that it takes beyond the frame's end. What takes more
	// looks at the end itself.
	reach int
	// fixed is its length when that is always the same, else 0.
	fixed int
	// method of exchanges.Padded that reads it, and the type of its value.
	method, goType string
	// answersOK: the method says whether it accepts beside the value.
	answersOK bool
	// quoted: the literal behind it must begin with the closing quote, which the method
	// does not compare.
	quoted bool
	// skips: it may stand without a field.
	skips  bool
	fields map[string]target
}

var holeTypes = makeHoleTypes()

func makeHoleTypes() map[string]*holeType {
	times := map[string]target{
		"event": {field: "EventTimeNS"}, "send": {field: "SendTimeNS"}, "funding": {field: "WindowEndNS", perpetual: true},
	}
	sides := map[string]target{"bids": {field: "Bids", mayMiss: true}, "asks": {field: "Asks", mayMiss: true}}
	list := []*holeType{
		{name: "uint", method: "Uint", goType: "uint64", reach: 16, skips: true, fields: map[string]target{
			"sequence": {field: "Sequence"}, "first": {field: "FirstSequence", mayMiss: true},
			"trade_id": {field: "TradeID"}, "second_id": {field: "SecondID", mayMiss: true},
		}},
		{name: "s10", method: "Seconds10", goType: "int64", answersOK: true, reach: 10, fixed: 10, skips: true, fields: times},
		{name: "ms13", method: "Millis13", goType: "int64", answersOK: true, reach: 13, fixed: 13, fields: times},
		{name: "millis", quoted: true, method: "MillisText", goType: "int64", reach: 22, fields: times},
		{name: "decimal", quoted: true, method: "Decimal", goType: "exchanges.Decimal", reach: 17, fields: map[string]target{
			"bid_price": {field: "Prices[exchanges.BidPrice]"}, "ask_price": {field: "Prices[exchanges.AskPrice]"},
			"bid_quantity": {field: "Quantities[exchanges.BidQty]"}, "ask_quantity": {field: "Quantities[exchanges.AskQty]"},
			"price": {field: "Prices[exchanges.TradePrice]"}, "quantity": {field: "Quantities[exchanges.TradeQty]"},
			"last": {field: "Prices[exchanges.TickerLast]"},
			"bid":  {field: "Prices[exchanges.TickerBid]"}, "ask": {field: "Prices[exchanges.TickerAsk]"},
			"open": {field: "Prices[exchanges.TickerOpen]"},
			"high": {field: "Prices[exchanges.TickerHigh]"}, "low": {field: "Prices[exchanges.TickerLow]"},
			"mark": {field: "Prices[exchanges.MarkPrice]", perpetual: true}, "index": {field: "Prices[exchanges.IndexPrice]", perpetual: true},
		}},
		{name: "amount", method: "Amount", goType: "exchanges.Decimal", reach: 19, fields: map[string]target{
			"bid_quantity": {field: "Quantities[exchanges.BidQty]"}, "ask_quantity": {field: "Quantities[exchanges.AskQty]"},
			"quantity": {field: "Quantities[exchanges.TradeQty]"},
		}},
		{name: "taker", method: "Taker", goType: "exchanges.Decimal", reach: 20, fields: map[string]target{"quantity": {field: "Quantities[exchanges.TradeQty]"}}},
		{name: "signed", quoted: true, method: "SignedDecimal", goType: "exchanges.Decimal", reach: 18, skips: true, fields: map[string]target{
			"funding_rate": {field: "Quantities[exchanges.FundingRate]", perpetual: true},
		}},
		{name: "volume", quoted: true, method: "Volume", reach: 17, skips: true, fields: map[string]target{
			"base_volume": {field: "Quantities[exchanges.BaseVolume]"}, "quote_volume": {field: "Quantities[exchanges.QuoteVolume]"},
			"open_interest": {field: "Quantities[exchanges.OpenInterest]", perpetual: true},
		}},
		{name: "symbol", reach: 32, skips: true},
		{name: "more", skips: true},
		{name: "again", reach: 32, skips: true},
		{name: "text", quoted: true, answersOK: true, reach: 64, skips: true},
		{name: "side", quoted: true, method: "Side", goType: "ring.Aggressor", reach: 4, fields: map[string]target{"aggressor": {field: "Aggressor"}}},
		// One turn of the loop: it looks at the end before each.
		{name: "levels", method: "Levels", reach: 48, fields: sides},
		{name: "objects", method: "ObjectLevels", reach: 54, fields: sides},
	}
	types := make(map[string]*holeType, len(list))
	for _, t := range list {
		types[t.name] = t
	}
	return types
}
