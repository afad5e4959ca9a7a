package mexc

//go:generate go run ../internal/tmplgen -protobuf -package mexc -in templates.txt -out fast_gen.go

import "github.com/tickring/tickring/exchanges"

// streamCount is the number of streams.
const streamCount = int(StreamTicker) + 1

// fastPath is what the template decoder keeps between messages.
type fastPath struct {
	// orders: which shape fitted last, where several are tried.
	orders [fastOrders]uint8
	// streams of the channels that have shapes.
	streams [len(fastChannels)]exchanges.StreamID
	stats   [streamCount + 1]exchanges.FastStats
}

// route notes the streams of the channels.
func (f *fastPath) route() {
	for i, channel := range fastChannels {
		f.streams[i] = parseStream([]byte(channel)).Stream
	}
}

// Fallbacks returns how the data messages of each stream were decoded, by StreamID; one
// more entry behind them stays empty, for every body that is published belongs to a
// stream. The slice shows the live counters: only the decoding thread may read it.
func (d *Dialect) Fallbacks() []exchanges.FastStats { return d.fast.stats[:] }
