package main

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/bench/plain/mexcpb"
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/mexc"
)

// The decoders that are compared for protobuf, in the order of the table's columns.
const (
	vtprotobuf       = "vtprotobuf"
	vtprotobufFloats = "vtprotobuf+floats"
	protobuf         = "protobuf"
)

var pushDecoderNames = []string{ours, vtprotobuf, vtprotobufFloats, protobuf}

// pushGoal: of a quote the project's goal, four times as fast as vtprotobuf with texts
// that point into the message; else what is worth having.
func pushGoal(channel string) kit.Goal {
	if channel == pushQuote {
		return kit.AtLeast(4)
	}
	return kit.AtLeast(1)
}

// pushDecodersOf makes all of them for a protobuf message.
func pushDecodersOf(f frame) []decoder {
	// As the wire hands a message out: with allocation behind it.
	raw := append(make([]byte, 0, len(f.text)+exchanges.FastPadding), f.text...)
	d, symbols, batch := mexc.New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	refused := errors.New("refused")
	return []decoder{
		{ours, func() error {
			if v := d.DecodeBinary(raw, symbols, batch); v.Class != exchanges.ClassData {
				return refused
			}
			return nil
		}},
		{vtprotobuf, func() error { return new(mexcpb.Push).UnmarshalVTUnsafe(raw) }},
		{vtprotobufFloats, func() error {
			m := new(mexcpb.Push)
			if err := m.UnmarshalVTUnsafe(raw); err != nil {
				return err
			}
			_, err := m.Numbers()
			return err
		}},
		{protobuf, func() error { return proto.Unmarshal(raw, new(mexcpb.Push)) }},
	}
}

// pushQuote is the channel of the goal.
const pushQuote = "mexc_book_ticker"

// pushes are MEXC's messages, one of each channel.
func pushes() []frame {
	const (
		sent  = 1790281243450
		order = 1790281240471
	)
	var list []frame
	for _, p := range []struct {
		channel, stream string
		body            *mexcpb.Push
	}{
		{pushQuote, "spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT", &mexcpb.Push{Body: &mexcpb.Push_Quote{Quote: &mexcpb.Quote{
			BidPrice: "84270", BidQuantity: "0.006387", AskPrice: "84270.01", AskQuantity: "5.42169969", Version: "82164153436", LastOrderTime: order,
		}}}},
		{"mexc_batch_1", "spot@public.bookTicker.batch.v3.api.pb@BTCUSDT", &mexcpb.Push{Body: &mexcpb.Push_Quotes{Quotes: &mexcpb.QuoteBatch{
			Items: []*mexcpb.Quote{{BidPrice: "84269.98", BidQuantity: "0.006387", AskPrice: "84270.01", AskQuantity: "5.42169969"}}, Version: "82164153436", LastOrderTime: order,
		}}}},
		{"mexc_deals_2", "spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT", &mexcpb.Push{Body: &mexcpb.Push_Deals{Deals: &mexcpb.Deals{
			Items: []*mexcpb.Deal{
				{Price: "84270", Quantity: "0.00099829", Side: 2, Time: sent - 74, Id: "731901896985399296X0_731901896985399297X0"},
				{Price: "84270.01", Quantity: "0.00019169", Side: 1, Time: sent - 73, Id: "731901896985399298X0_731901896985399299X0"},
			}, Event: "spot@public.aggre.deals.v3.api.pb@10ms",
		}}}},
		{"mexc_diff_20", "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT", &mexcpb.Push{Body: &mexcpb.Push_Diff{Diff: &mexcpb.Diff{
			Asks: levelsOf(842701, 3), Bids: levelsOf(842700, -4), Event: "spot@public.aggre.depth.v3.api.pb@100ms", FromVersion: "83332997012", ToVersion: "83332997062", LastOrderTime: order,
		}}}},
		{"mexc_top_10_a_side", "spot@public.limit.depth.v3.api.pb@BTCUSDT@10", &mexcpb.Push{Body: &mexcpb.Push_TopLevels{TopLevels: &mexcpb.Book{
			Asks: levelsOf(842701, 3), Bids: levelsOf(842700, -4), Event: "spot@public.limit.depth.v3.api.pb", Version: "82164155643", LastOrderTime: order,
		}}}},
		{"mexc_ticker", "spot@public.miniTicker.v3.api.pb@BTCUSDT@24H", &mexcpb.Push{Body: &mexcpb.Push_Ticker{Ticker: &mexcpb.Ticker{
			Symbol: "BTCUSDT", Price: "84270.01", Rate: "0.0134", ZonedRate: "-0.0021", High: "86835.7", Low: "83121.6", Volume: "856772057.5", Quantity: "7390.6",
		}}}},
	} {
		p.body.Channel, p.body.Symbol, p.body.SendTime = p.stream, proto.String("BTCUSDT"), proto.Int64(sent)
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(p.body)
		if err != nil {
			panic(fmt.Sprintf("encode %s: %v", p.channel, err)) // no text above is too long or no UTF-8
		}
		list = append(list, frame{p.channel, string(text)})
	}
	return list
}

// levelsOf are ten levels from a price in tenths, in steps of so many.
func levelsOf(first, step int) []*mexcpb.Level {
	list := make([]*mexcpb.Level, 10)
	for i := range list {
		price := first + step*i
		list[i] = &mexcpb.Level{Price: fmt.Sprintf("%d.%d", price/10, price%10), Quantity: fmt.Sprintf("0.%06d", 35056+7919*i)}
	}
	return list
}

func (b *bench) pushLine(channel string, rows map[string]decodeRow) {
	b.Printf("  %-24s %6d", channel, rows[ours].bytes)
	for _, name := range pushDecoderNames {
		b.Printf(" %14.0f (%3g)", rows[name].ns(), rows[name].allocations)
	}
	b.Printf("\n")
	b.Figure("decode_"+channel, rows[ours].ns(), "ns")
	b.Ratio("decode_"+channel+"_vs_vtprotobuf_unsafe", quotient(rows[vtprotobuf], rows[ours]), pushGoal(channel))
	b.Ratio("decode_"+channel+"_vs_vtprotobuf_unsafe_floats", quotient(rows[vtprotobufFloats], rows[ours]), pushGoal(channel))
	b.Ratio("decode_"+channel+"_vs_protobuf", quotient(rows[protobuf], rows[ours]), kit.AtLeast(1))
}
