package gateiofutures

//go:generate go run ../internal/tmplgen -package gateiofutures -in templates.txt -out fast_gen.go

import "github.com/tickring/tickring/exchanges"

// streamCount is the number of streams; one place more counts channels that are
// decoded and not asked for.
const streamCount = int(StreamTicker) + 1

// fastPath is what the template decoder keeps between frames.
type fastPath struct {
	// orders: which shape fitted last, where several are tried.
	orders [fastOrders]uint8
	// streams of the channels that have shapes; see streamOf.
	streams [len(fastChannels)]exchanges.StreamID
	stats   [streamCount + 1]exchanges.FastStats
}

// route notes the streams of the channels, which hang on the options.
func (d *Dialect) route() {
	for i, channel := range fastChannels {
		d.fast.streams[i] = d.streamOf([]byte(channel))
	}
}

// statsOf is where the frames of a stream are counted.
func (d *Dialect) statsOf(s exchanges.StreamID) *exchanges.FastStats {
	return &d.fast.stats[min(int(s), streamCount)]
}

// Fallbacks returns how the data frames of each stream were decoded, by StreamID; one
// more entry behind them counts channels that no stream asks for. The slice shows the
// live counters: only the decoding thread may read it.
func (d *Dialect) Fallbacks() []exchanges.FastStats { return d.fast.stats[:] }
