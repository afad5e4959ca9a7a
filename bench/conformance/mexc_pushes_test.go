package conformance

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// pushField is a field of a push that is written as JSON: a text, or what its
// other members say.
type pushField struct {
	name    string
	number  protowire.Number
	integer bool
	bytes   bool        // in base64
	fields  []pushField // a message, or several in a list
}

func pushTexts(names ...string) []pushField {
	var out []pushField
	for i, name := range names {
		out = append(out, pushField{name: name, number: protowire.Number(i + 1)})
	}
	return out
}

// pushFields are the fields of a wrapper in the order in which the venue writes them.
func pushFields() []pushField {
	quote := pushTexts("bidPrice", "bidQuantity", "askPrice", "askQuantity")
	levels := pushTexts("price", "quantity")
	mini := pushTexts("symbol", "price", "rate", "zonedRate", "high", "low", "volume", "quantity",
		"lastCloseRate", "lastCloseZonedRate", "lastCloseHigh", "lastCloseLow")
	order := func(number protowire.Number) pushField {
		return pushField{name: "lastOrderCreateTime", number: number, integer: true}
	}
	event := pushField{name: "eventType", number: 3}
	asks, bids := pushField{name: "asks", number: 1, fields: levels}, pushField{name: "bids", number: 2, fields: levels}
	deal := append(pushTexts("price", "quantity"), pushField{name: "tradeType", number: 3, integer: true},
		pushField{name: "time", number: 4, integer: true}, pushField{name: "tradeId", number: 5})
	return []pushField{
		{name: "channel", number: 1},
		{name: "symbol", number: 3},
		{name: "symbolId", number: 4},
		{name: "createTime", number: 5, integer: true},
		{name: "sendTime", number: 6, integer: true},
		{name: "publicDeals", number: 301, bytes: true},
		{name: "publicLimitDepths", number: 303, fields: []pushField{asks, bids, event, {name: "version", number: 4}, order(5)}},
		{name: "publicSpotKline", number: 308, bytes: true},
		{name: "publicMiniTicker", number: 309, fields: mini},
		{name: "publicMiniTickers", number: 310, fields: []pushField{{name: "items", number: 1, fields: mini}}},
		{name: "publicBookTickerBatch", number: 311, fields: []pushField{
			{name: "items", number: 1, fields: quote}, {name: "version", number: 2}, order(3),
		}},
		{name: "publicAggreDepths", number: 313, fields: []pushField{
			asks, bids, event, {name: "fromVersion", number: 4}, {name: "toVersion", number: 5}, order(6),
		}},
		{name: "publicAggreDeals", number: 314, fields: []pushField{
			{name: "deals", number: 1, fields: deal}, {name: "eventType", number: 2},
		}},
		{name: "publicAggreBookTicker", number: 315, fields: append(quote, pushField{name: "version", number: 5}, order(6))},
	}
}

// mexcPushes reads pushes that are written as JSON, one a line.
func mexcPushes(t *testing.T, path string) []message {
	t.Helper()
	fields := pushFields()
	var out []message
	for _, m := range textMessages(t, path) {
		out = append(out, message{binary: true, data: appendPush(t, nil, fields, m.data)})
	}
	return out
}

func appendPush(t *testing.T, dst []byte, fields []pushField, object []byte) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(object, &members), string(object))
	for _, f := range fields {
		if raw, ok := members[f.name]; ok {
			dst = f.append(t, dst, raw)
			delete(members, f.name)
		}
	}
	require.Empty(t, members, "fields that the schema lacks")
	return dst
}

func (f pushField) append(t *testing.T, dst []byte, raw json.RawMessage) []byte {
	t.Helper()
	switch {
	case f.integer:
		if raw[0] == '"' {
			raw = raw[1 : len(raw)-1]
		}
		n, err := strconv.ParseUint(string(raw), 10, 64)
		require.NoError(t, err)
		return protowire.AppendVarint(protowire.AppendTag(dst, f.number, protowire.VarintType), n)
	case f.fields == nil:
		return protowire.AppendBytes(protowire.AppendTag(dst, f.number, protowire.BytesType), f.content(t, raw))
	}
	items := []json.RawMessage{raw}
	if raw[0] == '[' {
		require.NoError(t, json.Unmarshal(raw, &items))
	}
	for _, item := range items {
		dst = protowire.AppendTag(dst, f.number, protowire.BytesType)
		dst = protowire.AppendBytes(dst, appendPush(t, nil, f.fields, item))
	}
	return dst
}

func (f pushField) content(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	if f.bytes {
		var b []byte
		require.NoError(t, json.Unmarshal(raw, &b))
		return b
	}
	var s string
	require.NoError(t, json.Unmarshal(raw, &s))
	return []byte(s)
}

// withoutChannel takes the first field, the channel, from a push.
func withoutChannel(t *testing.T, push []byte) []byte {
	t.Helper()
	number, _, size := protowire.ConsumeField(push)
	require.Equal(t, protowire.Number(1), number)
	return push[size:]
}
