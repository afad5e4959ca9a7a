package gateio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// The model reads frames with encoding/json and math/big alone, from the fact
// sheet, with no code of the decoder. It is slow and plain; the decoder must
// agree with it on every input.

// errModel says that the model refuses the frame.
var errModel = errors.New("refused")

// modelItem is a record in the model's words: numbers as fractions, nil absent.
type modelItem struct {
	kind            ring.Kind
	rule            exchanges.BookRule
	native          string
	snapshot        bool
	sequence, first uint64
	eventNS, sendNS *big.Int
	prices          [6]*big.Rat
	quantities      [2]*big.Rat
	bids, asks      [][2]*big.Rat
	tradeID, second uint64
	side            string
}

// modelDecode returns the class of the frame, and its records when it is data.
func modelDecode(frame []byte) (exchanges.Class, []modelItem) {
	if !json.Valid(frame) || !utf8.Valid(frame) || modelDepth(frame) > exchanges.MaxJSONDepth {
		return exchanges.ClassMalformed, nil
	}
	env, err := modelObject(frame, "time", "time_ms", "id", "channel", "event", "payload", "error", "result", "type", "msg")
	if err != nil {
		return exchanges.ClassMalformed, nil
	}
	channel, err1 := modelString(env["channel"])
	event, err2 := modelString(env["event"])
	if errors.Join(err1, err2, modelIsNumber(env["time"]), modelIsNumber(env["time_ms"])) != nil {
		return exchanges.ClassMalformed, nil
	}
	switch {
	case env["error"] != nil:
		return exchanges.ClassRefusal, nil
	case event == "subscribe" || event == "unsubscribe":
		return exchanges.ClassAck, nil
	case event != "" && event != "update":
		return exchanges.ClassUnknown, nil
	}
	class, found := map[string]exchanges.Class{
		"spot.pong": exchanges.ClassPong, "spot.system": exchanges.ClassSystem, "spot.candlesticks": exchanges.ClassIgnored,
	}[channel]
	switch {
	case found:
		return class, nil
	case channel == "" && len(env["type"]) > 0 && env["type"][0] == '"':
		return exchanges.ClassSystem, nil
	}
	read, found := map[string]func(json.RawMessage) ([]modelItem, error){
		"spot.book_ticker": one(modelBookTicker), "spot.tickers": one(modelTicker),
		"spot.trades": modelTrades, "spot.trades_v2": modelTrades,
		"spot.order_book": one(modelTop), "spot.order_book_update": one(modelDiff), "spot.obu": one(modelOBU),
	}[channel]
	if !found {
		return exchanges.ClassUnknown, nil
	}
	return modelData(env, read)
}

func modelData(env map[string]json.RawMessage, read func(json.RawMessage) ([]modelItem, error)) (exchanges.Class, []modelItem) {
	if env["result"] == nil {
		return exchanges.ClassMalformed, nil
	}
	items, err := read(env["result"])
	sendNS, timeErr := modelSendTime(env)
	if err != nil || timeErr != nil || len(items) > exchanges.MaxItems {
		return exchanges.ClassMalformed, nil
	}
	if len(items) == 0 {
		return exchanges.ClassIgnored, nil
	}
	for i := range items {
		items[i].sendNS = sendNS
		if items[i].kind == ring.KindTicker {
			items[i].eventNS = sendNS
		}
	}
	return exchanges.ClassData, items
}

func modelDepth(frame []byte) int {
	depth, deepest := 0, 0
	d := json.NewDecoder(bytes.NewReader(frame))
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		deepest = max(deepest, depth)
	}
}

// modelObject reads an object case-exactly. Null is not given; a known key that
// is given twice is refused.
func modelObject(raw []byte, known ...string) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errModel
	}
	object := make(map[string]json.RawMessage)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		name := key.(string)
		if string(value) == "null" {
			continue
		}
		for _, k := range known {
			if k == name && object[name] != nil {
				return nil, errModel
			}
		}
		object[name] = value
	}
	return object, nil
}

func modelString(raw json.RawMessage) (string, error) {
	if raw == nil {
		return "", nil
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", errModel
	}
	return s, nil
}

func modelIsNumber(raw json.RawMessage) error {
	if raw != nil && raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return errModel
	}
	return nil
}

func modelUint(raw json.RawMessage) (uint64, error) {
	return strconv.ParseUint(string(raw), 10, 64)
}

var (
	nonNegative = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	millisText  = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]{1,120})?$`)
)

// modelDecimal wants a string; empty is nil. Exact: its digits must fit an int64.
func modelDecimal(raw json.RawMessage, exact bool) (*big.Rat, error) {
	text, err := modelString(raw)
	if err != nil || text == "" {
		return nil, err
	}
	digits := strings.TrimPrefix(text, "-")
	value, ok := new(big.Rat).SetString(text)
	if !nonNegative.MatchString(text) || len(digits) > 120 || !ok || value.Sign() < 0 {
		return nil, errModel
	}
	significant := strings.Trim(strings.Replace(digits, ".", "", 1), "0")
	if n, _ := new(big.Int).SetString("0"+significant, 10); exact && n.Cmp(big.NewInt(math.MaxInt64)) > 0 {
		return nil, errModel
	}
	return value, nil
}

func modelTimeNS(raw json.RawMessage, unit int64) (*big.Int, error) {
	n, err := modelUint(raw)
	ns := new(big.Int).Mul(new(big.Int).SetUint64(n), big.NewInt(unit))
	if err != nil || !ns.IsInt64() {
		return nil, errModel
	}
	return ns, nil
}

func modelSendTime(env map[string]json.RawMessage) (*big.Int, error) {
	switch {
	case env["time_ms"] != nil:
		return modelTimeNS(env["time_ms"], 1e6)
	case env["time"] != nil:
		return modelTimeNS(env["time"], 1e9)
	}
	return nil, nil
}

func one(read func(json.RawMessage) (modelItem, error)) func(json.RawMessage) ([]modelItem, error) {
	return func(raw json.RawMessage) ([]modelItem, error) {
		item, err := read(raw)
		return []modelItem{item}, err
	}
}

func modelBookTicker(raw json.RawMessage) (modelItem, error) {
	item := modelItem{kind: ring.KindBookTicker}
	o, err := modelObject(raw, "t", "u", "s", "b", "B", "a", "A")
	if err != nil || o["s"] == nil {
		return item, errModel
	}
	var errs [7]error
	item.native, errs[0] = modelString(o["s"])
	item.eventNS, errs[1] = modelTimeNS(o["t"], 1e6)
	item.sequence, errs[2] = modelUint(o["u"])
	item.prices[exchanges.BidPrice], errs[3] = modelDecimal(o["b"], true)
	item.quantities[exchanges.BidQty], errs[4] = modelDecimal(o["B"], true)
	item.prices[exchanges.AskPrice], errs[5] = modelDecimal(o["a"], true)
	item.quantities[exchanges.AskQty], errs[6] = modelDecimal(o["A"], true)
	for side := range 2 {
		if (item.prices[side] == nil) != (item.quantities[side] == nil) {
			return item, errModel
		}
	}
	return item, errors.Join(errs[:]...)
}

func modelTicker(raw json.RawMessage) (modelItem, error) {
	item := modelItem{kind: ring.KindTicker}
	keys := map[string]int{
		"last": exchanges.TickerLast, "lowest_ask": exchanges.TickerAsk, "highest_bid": exchanges.TickerBid,
		"high_24h": exchanges.TickerHigh, "low_24h": exchanges.TickerLow,
	}
	o, err := modelObject(raw, "currency_pair", "last", "lowest_ask", "highest_bid", "high_24h", "low_24h", "base_volume", "quote_volume")
	if err != nil || o["currency_pair"] == nil || o["last"] == nil {
		return item, errModel
	}
	for key, place := range keys {
		if item.prices[place], err = modelDecimal(o[key], true); err != nil {
			return item, err
		}
	}
	var errs [3]error
	item.native, errs[0] = modelString(o["currency_pair"])
	item.quantities[exchanges.BaseVolume], errs[1] = modelDecimal(o["base_volume"], false)
	item.quantities[exchanges.QuoteVolume], errs[2] = modelDecimal(o["quote_volume"], false)
	return item, errors.Join(errs[:]...)
}

func modelTrades(raw json.RawMessage) ([]modelItem, error) {
	if raw[0] != '[' {
		return one(modelTrade)(raw)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var items []modelItem
	for _, r := range list {
		item, err := modelTrade(r)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func modelTrade(raw json.RawMessage) (modelItem, error) {
	item := modelItem{kind: ring.KindTrade}
	o, err := modelObject(raw, "id", "id_market", "create_time", "create_time_ms", "side", "currency_pair", "amount", "price")
	if err != nil || o["currency_pair"] == nil {
		return item, errModel
	}
	var errs [6]error
	item.native, errs[0] = modelString(o["currency_pair"])
	item.side, errs[1] = modelString(o["side"])
	item.prices[exchanges.TradePrice], errs[2] = modelDecimal(o["price"], true)
	item.quantities[exchanges.TradeQty], errs[3] = modelDecimal(o["amount"], true)
	item.tradeID, errs[4] = modelUint(o["id"])
	item.eventNS, errs[5] = modelTradeTime(o)
	if o["id_market"] != nil {
		if item.second, err = modelUint(o["id_market"]); err != nil {
			return item, err
		}
	}
	if item.prices[0] == nil || item.quantities[0] == nil || item.side != "buy" && item.side != "sell" {
		return item, errModel
	}
	return item, errors.Join(errs[:]...)
}

func modelTradeTime(o map[string]json.RawMessage) (*big.Int, error) {
	if modelIsNumber(o["create_time"]) != nil {
		return nil, errModel
	}
	if o["create_time_ms"] == nil {
		return modelTimeNS(o["create_time"], 1e9)
	}
	text, err := modelString(o["create_time_ms"])
	if err != nil || !millisText.MatchString(text) {
		return nil, errModel
	}
	ms, _ := new(big.Rat).SetString(text)
	ms.Mul(ms, big.NewRat(1e6, 1))
	ns := new(big.Int).Quo(ms.Num(), ms.Denom())
	if !ns.IsInt64() {
		return nil, errModel
	}
	return ns, nil
}

func modelTop(raw json.RawMessage) (modelItem, error) {
	item := modelItem{kind: ring.KindDepth, rule: exchanges.RuleSnapshots, snapshot: true}
	o, err := modelObject(raw, "t", "s", "lastUpdateId", "bids", "asks")
	if err != nil || o["s"] == nil || o["bids"] == nil || o["asks"] == nil {
		return item, errModel
	}
	var errs [4]error
	item.native, errs[0] = modelString(o["s"])
	item.eventNS, errs[1] = modelTimeNS(o["t"], 1e6)
	item.sequence, errs[2] = modelUint(o["lastUpdateId"])
	errs[3] = item.setLevels(o["bids"], o["asks"])
	return item, errors.Join(errs[:]...)
}

func modelOBU(raw json.RawMessage) (modelItem, error) {
	item, err := modelDiff(raw)
	item.rule = exchanges.RuleStream
	rest, isStream := strings.CutPrefix(item.native, "ob.")
	dot := strings.LastIndexByte(rest, '.')
	if err != nil || !isStream || dot < 1 {
		return item, errModel
	}
	item.native = rest[:dot]
	if level := rest[dot+1:]; !regexp.MustCompile(`^(0|[1-9][0-9]*)$`).MatchString(level) {
		return item, errModel
	}
	_, err = strconv.ParseUint(rest[dot+1:], 10, 64)
	return item, err
}

func modelDiff(raw json.RawMessage) (modelItem, error) {
	item := modelItem{kind: ring.KindDepth, rule: exchanges.RuleREST}
	o, err := modelObject(raw, "t", "s", "U", "u", "full", "b", "a")
	if err != nil || o["s"] == nil {
		return item, errModel
	}
	var errs [5]error
	item.native, errs[0] = modelString(o["s"])
	item.eventNS, errs[1] = modelTimeNS(o["t"], 1e6)
	item.sequence, errs[2] = modelUint(o["u"])
	errs[3] = item.setLevels(o["b"], o["a"])
	if o["full"] != nil {
		errs[4] = json.Unmarshal(o["full"], &item.snapshot)
	}
	if o["U"] != nil || !item.snapshot {
		if item.first, err = modelUint(o["U"]); err != nil || item.first > item.sequence {
			return item, errModel
		}
	}
	return item, errors.Join(errs[:]...)
}

func (item *modelItem) setLevels(bids, asks json.RawMessage) error {
	var err1, err2 error
	item.bids, err1 = modelLevels(bids)
	item.asks, err2 = modelLevels(asks)
	if len(item.bids)+len(item.asks) > exchanges.MaxLevels {
		return errModel
	}
	return errors.Join(err1, err2)
}

func modelLevels(raw json.RawMessage) ([][2]*big.Rat, error) {
	if raw == nil {
		return nil, nil
	}
	var list [][]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var levels [][2]*big.Rat
	for _, pair := range list {
		if len(pair) != 2 {
			return nil, errModel
		}
		price, err1 := modelDecimal(pair[0], true)
		quantity, err2 := modelDecimal(pair[1], true)
		if err1 != nil || err2 != nil || price == nil || quantity == nil {
			return nil, errModel
		}
		levels = append(levels, [2]*big.Rat{price, quantity})
	}
	return levels, nil
}

// requireModel decodes the frame and wants what the model wants.
func requireModel(t require.TestingT, d *Dialect, symbols *exchanges.SymbolTable, b *exchanges.Batch, frame []byte) exchanges.Verdict {
	v := d.Decode(frame, symbols, b)
	class, items := modelDecode(frame)
	for _, item := range items {
		if len(item.native) == 0 || len(item.native) > exchanges.MaxSymbolBytes {
			class, items = exchanges.ClassMalformed, nil
			break
		}
	}
	require.Equal(t, class, v.Class, "%q: %s", frame, v.Text)
	require.Len(t, b.Items, len(items))
	require.Equal(t, class == exchanges.ClassMalformed, v.Reason != ring.ReasonNone)
	for i := range items {
		requireItem(t, symbols, b, &items[i], &b.Items[i])
		require.Equal(t, [2]int{i, len(items)}, [2]int{int(b.Items[i].Index), int(b.Items[i].Count)})
	}
	return v
}

func requireItem(t require.TestingT, symbols *exchanges.SymbolTable, b *exchanges.Batch, want *modelItem, got *exchanges.Item) {
	flags := got.Flags &^ ring.FlagRounded
	require.Equal(t, want.kind, got.Kind)
	require.Equal(t, want.rule, got.Rule)
	require.Equal(t, want.native, symbols.Name(got.Instrument))
	require.Equal(t, want.snapshot, flags == ring.FlagSnapshot)
	require.Equal(t, [2]uint64{want.first, want.sequence}, [2]uint64{got.FirstSequence, got.Sequence})
	require.Equal(t, [2]uint64{want.tradeID, want.second}, [2]uint64{got.TradeID, got.SecondID})
	require.Equal(t, map[string]ring.Aggressor{"buy": ring.AggressorBuy, "sell": ring.AggressorSell}[want.side], got.Aggressor)
	require.Equal(t, [2]int64{nsOf(want.eventNS), nsOf(want.sendNS)}, [2]int64{got.EventTimeNS, got.SendTimeNS})
	for i := range want.prices {
		require.True(t, sameNumber(want.prices[i], got.Prices[i]), "price %d: %v is not %v", i, got.Prices[i], want.prices[i])
	}
	rounded := false
	for i := range want.quantities {
		if want.quantities[i] != nil && !sameNumber(want.quantities[i], got.Quantities[i]) {
			rounded = true
			requireClose(t, want.quantities[i], got.Quantities[i])
		} else {
			require.True(t, sameNumber(want.quantities[i], got.Quantities[i]))
		}
	}
	require.Equal(t, rounded, got.Flags&ring.FlagRounded != 0)
	requireLevels(t, want.bids, b.Bids(got))
	requireLevels(t, want.asks, b.Asks(got))
}

func requireLevels(t require.TestingT, want [][2]*big.Rat, got []exchanges.Level) {
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, sameNumber(want[i][0], got[i].Price) && sameNumber(want[i][1], got[i].Quantity), "level %d: %v is not %v", i, got[i], want[i])
	}
}

func nsOf(ns *big.Int) int64 {
	if ns == nil {
		return ring.Absent
	}
	return ns.Int64()
}

func ratOf(d exchanges.Decimal) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatInt(d.Mantissa, 10) + "e" + strconv.Itoa(int(d.Exponent)))
	return r
}

func sameNumber(want *big.Rat, got exchanges.Decimal) bool {
	if want == nil || got.IsAbsent() {
		return want == nil && got.IsAbsent()
	}
	return want.Cmp(ratOf(got)) == 0
}

// requireClose wants a rounded volume: within half a unit of its 18th digit.
func requireClose(t require.TestingT, want *big.Rat, got exchanges.Decimal) {
	require.False(t, got.IsAbsent())
	off := new(big.Rat).Sub(want, ratOf(got))
	off.Quo(off.Abs(off), want)
	require.LessOrEqual(t, off.Cmp(big.NewRat(1, 200_000_000_000_000_000)), 0, "%v is not %v", got, want)
}
