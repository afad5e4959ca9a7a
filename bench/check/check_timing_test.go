package main

import (
	"bufio"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tickring/tickring/bench/plain/mexcpb"
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/gateiofutures"
	"github.com/tickring/tickring/exchanges/mexc"
)

// checkBegin and checkDone are where make bench-check begins and ends to count: callgrind
// knows them by name. They call nothing, so that no growing stack enters them twice.
//
//go:noinline
//go:nosplit
func checkBegin() {}

//go:noinline
//go:nosplit
func checkDone() {}

// checked runs an input, once warm, b.N times.
func checked(b *testing.B, input func(n int)) {
	input(64)
	b.ResetTimer()
	checkBegin()
	input(b.N)
	checkDone()
}

// decode is one venue's way of a frame.
type decode func(frame []byte, symbols *exchanges.SymbolTable, batch *exchanges.Batch) exchanges.Verdict

// BenchmarkChecked is each venue's decoder on a frame of each channel: padded, as the
// wire hands it out, and without padding, which only the reference takes.
func BenchmarkChecked(b *testing.B) {
	spot, futures := lines(b, "../../exchanges/gateio/testdata/frames.jsonl"), lines(b, "../../exchanges/gateiofutures/testdata/frames.jsonl")
	for _, c := range []struct {
		name   string
		frame  []byte
		decode decode
	}{
		{"gateio/book_ticker", spot[0], gateio.New().Decode},
		{"gateio/trades", spot[4], gateio.New().Decode},
		{"gateio/order_book_update", spot[7], gateio.New().Decode},
		{"gateio/order_book", spot[11], gateio.New().Decode},
		{"gateio/obu", spot[14], gateio.New().Decode},
		{"gateio/tickers", spot[16], gateio.New().Decode},
		{"gateiofutures/book_ticker", futures[0], gateiofutures.New().Decode},
		{"gateiofutures/trades", futures[3], gateiofutures.New().Decode},
		{"gateiofutures/order_book_update", futures[5], gateiofutures.New().Decode},
		{"gateiofutures/order_book", futures[8], gateiofutures.New().Decode},
		{"gateiofutures/obu", futures[11], gateiofutures.New().Decode},
		{"gateiofutures/tickers", futures[13], gateiofutures.New().Decode},
		{"mexc/book_ticker", push(b, "spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT", &mexcpb.Push{Body: &mexcpb.Push_Quote{Quote: quote()}}), mexc.New().DecodeBinary},
		{"mexc/trades", push(b, "spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT", &mexcpb.Push{Body: &mexcpb.Push_Deals{Deals: deals()}}), mexc.New().DecodeBinary},
		{"mexc/aggre_depth", push(b, "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT", &mexcpb.Push{Body: &mexcpb.Push_Diff{Diff: diff()}}), mexc.New().DecodeBinary},
		{"mexc/limit_depth", push(b, "spot@public.limit.depth.v3.api.pb@BTCUSDT@10", &mexcpb.Push{Body: &mexcpb.Push_TopLevels{TopLevels: top()}}), mexc.New().DecodeBinary},
		{"mexc/ticker", push(b, "spot@public.miniTicker.v3.api.pb@BTCUSDT@24H", &mexcpb.Push{Body: &mexcpb.Push_Ticker{Ticker: ticker()}}), mexc.New().DecodeBinary},
	} {
		padded := append(make([]byte, 0, len(c.frame)+exchanges.FastPadding), c.frame...)
		b.Run(c.name+"/template", func(b *testing.B) { benchmarkFrame(b, c.decode, padded) })
		b.Run(c.name+"/reference", func(b *testing.B) { benchmarkFrame(b, c.decode, c.frame[:len(c.frame):len(c.frame)]) })
	}
}

func benchmarkFrame(b *testing.B, decode decode, frame []byte) {
	symbols, batch := exchanges.NewLearningTable(), new(exchanges.Batch)
	checked(b, func(n int) {
		for range n {
			if v := decode(frame, symbols, batch); v.Class != exchanges.ClassData {
				b.Fatalf("refused: %s", v.Text)
			}
		}
	})
}

// lines of a file of frames.
func lines(b *testing.B, path string) [][]byte {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var list [][]byte
	for s := bufio.NewScanner(f); s.Scan(); {
		list = append(list, append([]byte(nil), s.Bytes()...))
	}
	return list
}

// push is a message of MEXC, as it goes over the wire.
func push(b *testing.B, channel string, p *mexcpb.Push) []byte {
	p.Channel, p.Symbol, p.SendTime = channel, proto.String("BTCUSDT"), proto.Int64(1790281243450)
	frame, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	return frame
}

func quote() *mexcpb.Quote {
	return &mexcpb.Quote{BidPrice: "84270", BidQuantity: "0.006387", AskPrice: "84270.01", AskQuantity: "5.42169969", Version: "82164153436", LastOrderTime: 1790281240471}
}

func deals() *mexcpb.Deals {
	return &mexcpb.Deals{Event: "spot@public.aggre.deals.v3.api.pb@10ms", Items: []*mexcpb.Deal{
		{Price: "84270", Quantity: "0.00099829", Side: 2, Time: 1790281243376, Id: "731901896985399296X0_731901896985399297X0"},
		{Price: "84270.01", Quantity: "0.00019169", Side: 1, Time: 1790281243377, Id: "731901896985399298X0_731901896985399299X0"},
	}}
}

func diff() *mexcpb.Diff {
	return &mexcpb.Diff{Bids: bids(), Asks: asks(), Event: "spot@public.aggre.depth.v3.api.pb@100ms", FromVersion: "83332997012", ToVersion: "83332997062", LastOrderTime: 1790281240471}
}

func top() *mexcpb.Book {
	return &mexcpb.Book{Bids: bids(), Asks: asks(), Event: "spot@public.limit.depth.v3.api.pb", Version: "82164155643", LastOrderTime: 1790281240471}
}

func bids() []*mexcpb.Level {
	return []*mexcpb.Level{{Price: "84269.9", Quantity: "0.035056"}, {Price: "84269.5", Quantity: "0.012887"}, {Price: "84269.1", Quantity: "0"}, {Price: "84268.02", Quantity: "1.5"}}
}

func asks() []*mexcpb.Level {
	return []*mexcpb.Level{{Price: "84270.1", Quantity: "0.115252"}, {Price: "84270.4", Quantity: "0.011023"}, {Price: "84270.7", Quantity: "0.032386"}, {Price: "84271", Quantity: "12"}}
}

func ticker() *mexcpb.Ticker {
	return &mexcpb.Ticker{Symbol: "BTCUSDT", Price: "84270.01", Rate: "0.0134", ZonedRate: "-0.0021", High: "86835.7", Low: "83121.6", Volume: "856772057.5", Quantity: "7390.6"}
}
