package mexc

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// Blocks of messages are timed by turns, so that what disturbs one disturbs the other.
const (
	timedBlock  = 256
	timedRounds = 400
)

// BenchmarkFast times each channel's pushes through the templates and through the
// reference in one run: medians of blocks, ns a message, and their ratio.
func BenchmarkFast(b *testing.B) {
	for name, write := range writers {
		b.Run(name, func(b *testing.B) { timeFast(b, written(b, write)) })
	}
	for _, c := range []struct{ recording, channel string }{
		{"reencoded-binance-20240808-10ms", channelBookTicker},
		{"reencoded-binance-20240808-10ms", channelAggreDeals},
		{"reencoded-binance-20240808-10ms", channelAggreDepth},
		{"reencoded-gate-20250903-btc-eth-sol", channelBatch},
		{"reencoded-gate-20250903-btc-eth-sol", channelLimitDepth},
	} {
		b.Run("captured_"+c.channel, func(b *testing.B) {
			var frames [][]byte
			for _, m := range messagesOf(b, recordings.Path(b, "captures", "mexc", c.recording+".jsonl.zst")) {
				if m.binary && bytes.Contains(m.data[:64], []byte(c.channel+"@")) {
					frames = append(frames, m.data)
				}
			}
			timeFast(b, frames[:4*timedBlock])
		})
	}
}

// source draws numbers, the same ones in each run.
type source uint64

func (s *source) below(n uint64) uint64 {
	*s = *s*6364136223846793005 + 1442695040888963407
	return uint64(*s>>33) % n
}

// decimal has up to so many digits before and behind the point, or none behind.
func (s *source) decimal(whole, places uint64) string {
	text := strconv.FormatUint(s.below([]uint64{1, 10, 1e2, 1e3, 1e4, 1e5}[whole-s.below(2)]), 10)
	if n := s.below(places + 1); n > 0 {
		text = fmt.Sprintf("%s.%0*d", text, int(n), s.below([]uint64{1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}[n]))
	}
	return text
}

func (s *source) pair() string {
	return []string{"BTC", "ETH", "SOL", "DOGE", "NEO", "QTUM3S", "A5T", "1INCH"}[s.below(8)] + "USDT"
}

// writers write pushes, as JSON of the schema, with varied symbols and numbers of
// digits.
var writers = map[string]func(s *source) string{
	"book_ticker": func(s *source) string {
		pair := s.pair()
		return fmt.Sprintf(`{"channel":"spot@public.aggre.bookTicker.v3.api.pb@10ms@%s","symbol":"%s","sendTime":"17902812%d","publicAggreBookTicker":{"bidPrice":"%s","bidQuantity":"%s","askPrice":"%s","askQuantity":"%s","version":"821641%d","lastOrderCreateTime":"1790281240471"}}`,
			pair, pair, 10000+s.below(80000), s.decimal(5, 2), s.decimal(2, 8), s.decimal(5, 2), s.decimal(2, 8), 10000+s.below(80000))
	},
	"deals_1": func(s *source) string {
		pair, id := s.pair(), 731901896985399296+s.below(1e6)
		return fmt.Sprintf(`{"channel":"spot@public.aggre.deals.v3.api.pb@10ms@%s","symbol":"%s","sendTime":"1790281246250","publicAggreDeals":{"deals":[{"price":"%s","quantity":"%s","tradeType":%d,"time":"1790281246176","tradeId":"%dX0_%dX0"}],"eventType":"spot@public.aggre.deals.v3.api.pb@10ms"}}`,
			pair, pair, s.decimal(5, 2), s.decimal(1, 8), 1+s.below(2), id, id+1)
	},
	"mini_ticker": func(s *source) string {
		pair := s.pair()
		return fmt.Sprintf(`{"channel":"spot@public.miniTicker.v3.api.pb@%s@24H","symbol":"%s","sendTime":"1790222106064","publicMiniTicker":{"symbol":"%s","price":"%s","rate":"0.%d","zonedRate":"-0.%d","high":"%s","low":"%s","volume":"%s","quantity":"%s","lastCloseRate":"0.0001","lastCloseZonedRate":"0.0001","lastCloseHigh":"1.00024","lastCloseLow":"0.99989"}}`,
			pair, pair, pair, s.decimal(5, 2), 1+s.below(9999), 1+s.below(9999), s.decimal(5, 2), s.decimal(5, 2), s.decimal(5, 6), s.decimal(5, 6))
	},
}

func written(t testing.TB, write func(s *source) string) [][]byte {
	frames, s := make([][]byte, timedBlock), source(1)
	for i := range frames {
		frames[i] = encode(t, write(&s))
	}
	return frames
}

func timeFast(b *testing.B, frames [][]byte) {
	d, symbols, batch := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	size := 0
	for i, frame := range frames {
		frames[i] = padded(frame, hostileTail)
		size += len(frame)
		d.DecodeBinary(frames[i], symbols, batch)
		d.decodeReference(frames[i], symbols, batch)
	}
	hits := d.hits()
	fast, reference := make([]float64, timedRounds), make([]float64, timedRounds)
	for b.Loop() {
		for round := range timedRounds {
			from := frames[round*timedBlock%len(frames):][:timedBlock]
			start := time.Now()
			for _, frame := range from {
				d.DecodeBinary(frame, symbols, batch)
			}
			middle := time.Now()
			for _, frame := range from {
				d.decodeReference(frame, symbols, batch)
			}
			reference[round] = float64(time.Since(middle)) / timedBlock
			fast[round] = float64(middle.Sub(start)) / timedBlock
		}
	}
	if n := d.hits() - hits; n == 0 || n%(timedRounds*timedBlock) != 0 {
		b.Fatal("some messages were left to the reference")
	}
	slices.Sort(fast)
	slices.Sort(reference)
	f, r := fast[timedRounds/2], reference[timedRounds/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(f, "fast-ns")
	b.ReportMetric(r, "reference-ns")
	b.ReportMetric(r/f, "ratio")
	b.ReportMetric(float64(size)/float64(len(frames)), "bytes")
}

func (d *Dialect) hits() uint64 {
	sum := uint64(0)
	for _, s := range d.fast.stats {
		sum += s.Hits
	}
	return sum
}
