package mexc

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// field describes one field of a message of the venue's schema.
type field struct {
	name    string
	number  int32
	kind    descriptorpb.FieldDescriptorProto_Type
	message string
	many    bool
	body    bool
}

const (
	kindText    = descriptorpb.FieldDescriptorProto_TYPE_STRING
	kindInt64   = descriptorpb.FieldDescriptorProto_TYPE_INT64
	kindInt32   = descriptorpb.FieldDescriptorProto_TYPE_INT32
	kindBytes   = descriptorpb.FieldDescriptorProto_TYPE_BYTES
	kindMessage = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
)

func text(name string, number int32) field { return field{name: name, number: number, kind: kindText} }
func body(name string, number int32, message string) field {
	return field{name: name, number: number, kind: kindMessage, message: message, body: true}
}

// closed is a body that the dialect does not look into.
func closed(name string, number int32) field {
	return field{name: name, number: number, kind: kindBytes, body: true}
}
func many(name string, number int32, message string) field {
	return field{name: name, number: number, kind: kindMessage, message: message, many: true}
}
func level() []field { return []field{text("price", 1), text("quantity", 2)} }

// schema has the venue's messages, as far as the dialect reads them. It is written
// in proto2, whose library leaves the UTF-8 of texts unchecked; apart from that the
// bytes mean the same.
func schema() map[string][]field {
	millis := func(name string, number int32) field { return field{name: name, number: number, kind: kindInt64} }
	return map[string][]field{
		"Wrapper": {
			text("channel", 1), text("symbol", 3), text("symbolId", 4), millis("createTime", 5), millis("sendTime", 6),
			closed("publicDeals", 301), closed("publicIncreaseDepths", 302), body("publicLimitDepths", 303, "Depth"),
			closed("privateOrders", 304), closed("publicBookTicker", 305), closed("privateDeals", 306),
			closed("privateAccount", 307), closed("publicSpotKline", 308), body("publicMiniTicker", 309, "MiniTicker"),
			body("publicMiniTickers", 310, "MiniTickers"), body("publicBookTickerBatch", 311, "QuoteBatch"),
			closed("publicIncreaseDepthsBatch", 312), body("publicAggreDepths", 313, "AggreDepth"),
			body("publicAggreDeals", 314, "Deals"), body("publicAggreBookTicker", 315, "Quote"),
		},
		"Quote": {
			text("bidPrice", 1), text("bidQuantity", 2), text("askPrice", 3), text("askQuantity", 4),
			text("version", 5), millis("lastOrderCreateTime", 6),
		},
		"BatchQuote": {text("bidPrice", 1), text("bidQuantity", 2), text("askPrice", 3), text("askQuantity", 4)},
		"QuoteBatch": {many("items", 1, "BatchQuote"), text("version", 2), millis("lastOrderCreateTime", 3)},
		"Deals":      {many("deals", 1, "Deal"), text("eventType", 2)},
		"Deal": {
			text("price", 1), text("quantity", 2), {name: "tradeType", number: 3, kind: kindInt32}, millis("time", 4), text("tradeId", 5),
		},
		"AggreDepth": {
			many("asks", 1, "Level"), many("bids", 2, "Level"), text("eventType", 3), text("fromVersion", 4), text("toVersion", 5),
			millis("lastOrderCreateTime", 6),
		},
		"Depth": {many("asks", 1, "Level"), many("bids", 2, "Level"), text("eventType", 3), text("version", 4), millis("lastOrderCreateTime", 5)},
		"Level": level(),
		"MiniTicker": {
			text("symbol", 1), text("price", 2), text("rate", 3), text("zonedRate", 4), text("high", 5), text("low", 6), text("volume", 7),
			text("quantity", 8), text("lastCloseRate", 9), text("lastCloseZonedRate", 10), text("lastCloseHigh", 11), text("lastCloseLow", 12),
		},
		"MiniTickers": {many("items", 1, "MiniTicker")},
	}
}

// wrapperType is the library's view of the wrapper.
var wrapperType = sync.OnceValue(func() protoreflect.MessageDescriptor {
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("mexc_test.proto"), Package: proto.String("t"), Syntax: proto.String("proto2"),
	}
	for name, fields := range schema() {
		m := &descriptorpb.DescriptorProto{Name: proto.String(name)}
		for _, f := range fields {
			d := &descriptorpb.FieldDescriptorProto{
				Name: proto.String(f.name), JsonName: proto.String(f.name), Number: proto.Int32(f.number),
				Type: f.kind.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			}
			if f.message != "" {
				d.TypeName = proto.String(".t." + f.message)
			}
			if f.many {
				d.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
			}
			if f.body {
				d.OneofIndex = proto.Int32(0)
				m.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("body")}}
			}
			m.Field = append(m.Field, d)
		}
		file.MessageType = append(file.MessageType, m)
	}
	built, err := protodesc.NewFile(file, nil)
	if err != nil {
		panic(err)
	}
	return built.Messages().ByName("Wrapper")
})

// encode is the wire form, by the library, of a wrapper in JSON.
func encode(t testing.TB, push string) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(wrapperType())
	require.NoError(t, protojson.Unmarshal([]byte(push), m), push)
	frame, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	return frame
}
