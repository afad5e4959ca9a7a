package gateiofutures

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
	fundingNS       *big.Int
	tradeID         uint64
	side            ring.Aggressor
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
	top := channel == "futures.order_book"
	switch {
	case env["error"] != nil:
		return exchanges.ClassRefusal, nil
	case event == "subscribe" || event == "unsubscribe":
		return exchanges.ClassAck, nil
	case event == "update" && top:
		return exchanges.ClassIgnored, nil
	case event != "" && event != "update" && !(event == "all" && top):
		return exchanges.ClassUnknown, nil
	}
	class, found := map[string]exchanges.Class{
		"futures.pong": exchanges.ClassPong, "futures.system": exchanges.ClassSystem, "futures.candlesticks": exchanges.ClassIgnored,
	}[channel]
	switch {
	case found:
		return class, nil
	case channel == "" && len(env["type"]) > 0 && env["type"][0] == '"':
		return exchanges.ClassSystem, nil
	}
	read, found := map[string]func(json.RawMessage) ([]modelItem, error){
		"futures.book_ticker": one(modelBookTicker), "futures.trades": modelTrades,
		"futures.tickers":    func(raw json.RawMessage) ([]modelItem, error) { return modelTickers(raw, 2) },
		"futures.order_book": one(modelTop), "futures.order_book_update": one(modelDiff), "futures.obu": one(modelOBU),
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
		if items[i].eventNS == nil && (items[i].kind == ring.KindTicker || items[i].kind == ring.KindPerpetual) {
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

var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// modelNumber wants a string or a JSON number; empty is nil. Exact: its digits must fit
// an int64.
func modelNumber(raw json.RawMessage, exact bool) (*big.Rat, error) {
	text := string(raw)
	if modelIsNumber(raw) != nil {
		var err error
		if text, err = modelString(raw); err != nil {
			return nil, err
		}
	}
	if text == "" {
		return nil, nil
	}
	digits := strings.TrimPrefix(text, "-")
	value, ok := new(big.Rat).SetString(text)
	if !plainNumber.MatchString(text) || len(digits) > 120 || !ok {
		return nil, errModel
	}
	significant := strings.Trim(strings.Replace(digits, ".", "", 1), "0")
	if n, _ := new(big.Int).SetString("0"+significant, 10); exact && n.Cmp(big.NewInt(math.MaxInt64)) > 0 {
		return nil, errModel
	}
	return value, nil
}

// modelDecimal is modelNumber not below zero.
func modelDecimal(raw json.RawMessage, exact bool) (*big.Rat, error) {
	value, err := modelNumber(raw, exact)
	if err != nil || value != nil && value.Sign() < 0 {
		return nil, errModel
	}
	return value, nil
}

// modelOptionalTime is nil for what is not there and for 0.
func modelOptionalTime(raw json.RawMessage, unit int64) (*big.Int, error) {
	if raw == nil {
		return nil, nil
	}
	ns, err := modelTimeNS(raw, unit)
	if err != nil || ns.Sign() == 0 {
		return nil, err
	}
	return ns, nil
}

// modelEventTime must be there, and may be 0.
func modelEventTime(raw json.RawMessage) (*big.Int, error) {
	if raw == nil {
		return nil, errModel
	}
	return modelOptionalTime(raw, 1e6)
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
	ms, err := modelOptionalTime(env["time_ms"], 1e6)
	if err != nil || ms != nil {
		return ms, err
	}
	if _, err := modelUint(env["time"]); env["time"] != nil && err != nil {
		return nil, err
	}
	return modelOptionalTime(env["time"], 1e9)
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
	item.eventNS, errs[1] = modelEventTime(o["t"])
	item.sequence, errs[2] = modelUint(o["u"])
	item.prices[exchanges.BidPrice], errs[3] = modelDecimal(o["b"], true)
	item.quantities[exchanges.BidQty], errs[4] = modelDecimal(o["B"], true)
	item.prices[exchanges.AskPrice], errs[5] = modelDecimal(o["a"], true)
	item.quantities[exchanges.AskQty], errs[6] = modelDecimal(o["A"], true)
	for side := range 2 {
		price, size := item.prices[side], item.quantities[side]
		if price == nil && size != nil && size.Sign() == 0 {
			item.quantities[side] = nil // an empty side
		} else if (price == nil) != (size == nil) {
			return item, errModel
		}
	}
	return item, errors.Join(errs[:]...)
}

// modelTickers takes a ticker, and lists around it as deep as nesting.
func modelTickers(raw json.RawMessage, nesting int) ([]modelItem, error) {
	if nesting == 0 || raw[0] != '[' {
		return modelTicker(raw)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var items []modelItem
	for _, r := range list {
		more, err := modelTickers(r, nesting-1)
		if err != nil {
			return nil, err
		}
		items = append(items, more...)
	}
	return items, nil
}

func modelTicker(raw json.RawMessage) ([]modelItem, error) {
	o, err := modelObject(raw, "t", "contract", "last", "high_24h", "low_24h", "volume_24h_base", "volume_24h_quote",
		"mark_price", "index_price", "funding_rate", "funding_next_apply", "total_size")
	if err != nil || o["contract"] == nil || o["last"] == nil {
		return nil, errModel
	}
	item, perpetual := modelItem{kind: ring.KindTicker}, modelItem{kind: ring.KindPerpetual}
	var errs [12]error
	item.native, errs[0] = modelString(o["contract"])
	item.eventNS, errs[1] = modelOptionalTime(o["t"], 1e6)
	item.prices[exchanges.TickerLast], errs[2] = modelDecimal(o["last"], true)
	item.prices[exchanges.TickerHigh], errs[3] = modelDecimal(o["high_24h"], true)
	item.prices[exchanges.TickerLow], errs[4] = modelDecimal(o["low_24h"], true)
	item.quantities[exchanges.BaseVolume], errs[5] = modelDecimal(o["volume_24h_base"], false)
	item.quantities[exchanges.QuoteVolume], errs[6] = modelDecimal(o["volume_24h_quote"], false)
	perpetual.native, perpetual.eventNS = item.native, item.eventNS
	perpetual.prices[exchanges.MarkPrice], errs[7] = modelDecimal(o["mark_price"], true)
	perpetual.prices[exchanges.IndexPrice], errs[8] = modelDecimal(o["index_price"], true)
	perpetual.quantities[exchanges.FundingRate], errs[9] = modelNumber(o["funding_rate"], true)
	perpetual.quantities[exchanges.OpenInterest], errs[10] = modelDecimal(o["total_size"], false)
	perpetual.fundingNS, errs[11] = modelOptionalTime(o["funding_next_apply"], 1e9)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if perpetual.prices[0] == nil && perpetual.prices[1] == nil && perpetual.quantities[0] == nil &&
		perpetual.quantities[1] == nil && perpetual.fundingNS == nil {
		return []modelItem{item}, nil
	}
	return []modelItem{item, perpetual}, nil
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
	o, err := modelObject(raw, "id", "contract", "size", "price", "create_time", "create_time_ms")
	if err != nil || o["contract"] == nil {
		return item, errModel
	}
	var errs [5]error
	item.native, errs[0] = modelString(o["contract"])
	item.prices[exchanges.TradePrice], errs[1] = modelDecimal(o["price"], true)
	size, err := modelNumber(o["size"], true)
	errs[2] = err
	item.tradeID, errs[3] = modelUint(o["id"])
	item.eventNS, errs[4] = modelTradeTime(o)
	if item.prices[0] == nil || size == nil {
		return item, errModel
	}
	item.side = map[int]ring.Aggressor{1: ring.AggressorBuy, -1: ring.AggressorSell}[size.Sign()]
	item.quantities[exchanges.TradeQty] = size.Abs(size)
	return item, errors.Join(errs[:]...)
}

func modelTradeTime(o map[string]json.RawMessage) (*big.Int, error) {
	if errors.Join(modelIsNumber(o["create_time"]), modelIsNumber(o["create_time_ms"])) != nil {
		return nil, errModel
	}
	if o["create_time_ms"] == nil {
		return modelTimeNS(o["create_time"], 1e9)
	}
	return modelTimeNS(o["create_time_ms"], 1e6)
}

func modelTop(raw json.RawMessage) (modelItem, error) {
	item := modelItem{kind: ring.KindDepth, rule: exchanges.RuleSnapshots, snapshot: true}
	o, err := modelObject(raw, "t", "contract", "id", "bids", "asks")
	if err != nil || o["contract"] == nil || o["bids"] == nil || o["asks"] == nil {
		return item, errModel
	}
	var errs [4]error
	item.native, errs[0] = modelString(o["contract"])
	item.eventNS, errs[1] = modelEventTime(o["t"])
	item.sequence, errs[2] = modelUint(o["id"])
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
	item.eventNS, errs[1] = modelEventTime(o["t"])
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
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var levels [][2]*big.Rat
	for _, one := range list {
		price, size, err := modelLevel(one)
		if err != nil || price == nil || size == nil {
			return nil, errModel
		}
		levels = append(levels, [2]*big.Rat{price, size})
	}
	return levels, nil
}

func modelLevel(raw json.RawMessage) (price, size *big.Rat, err error) {
	var pair []json.RawMessage
	if raw[0] == '{' {
		o, err := modelObject(raw, "p", "s")
		if err != nil || o["p"] == nil || o["s"] == nil {
			return nil, nil, errModel
		}
		pair = []json.RawMessage{o["p"], o["s"]}
	} else if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 {
		return nil, nil, errModel
	}
	price, err1 := modelDecimal(pair[0], true)
	size, err2 := modelDecimal(pair[1], true)
	return price, size, errors.Join(err1, err2)
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
		if items[i].kind == ring.KindTrade {
			require.Equal(t, [2]int{i, len(items)}, [2]int{int(b.Items[i].Index), int(b.Items[i].Count)})
		}
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
	require.Equal(t, [2]uint64{want.tradeID, 0}, [2]uint64{got.TradeID, got.SecondID})
	require.Equal(t, want.side, got.Aggressor)
	require.Equal(t, nsOf(want.fundingNS), got.WindowEndNS)
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
