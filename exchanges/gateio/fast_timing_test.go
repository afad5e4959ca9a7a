package gateio

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

// Blocks of frames are timed by turns, so that what disturbs one disturbs the other.
const (
	timedBlock  = 256
	timedRounds = 400
)

// BenchmarkFast times each channel's pushes through the templates and through the
// reference in one run: medians of blocks, ns a frame, and their ratio.
func BenchmarkFast(b *testing.B) {
	for name, write := range writers {
		b.Run(name, func(b *testing.B) { timeFast(b, written(write)) })
	}
	b.Run("order_book_update_20_levels", func(b *testing.B) { timeFast(b, updates(20)) })
	b.Run("order_book_update_4_levels", func(b *testing.B) { timeFast(b, updates(4)) })
	for _, channel := range []string{"book_ticker", "trades", "order_book"} {
		b.Run("captured_"+channel, func(b *testing.B) {
			frames := recordings.Texts(b, recordings.Path(b, "captures", "gateio", "reencoded-gate-20250903-btc-eth-sol.jsonl.zst"))
			frames = slices.DeleteFunc(frames, func(f []byte) bool {
				return !bytes.Contains(f, []byte(`"channel":"spot.`+channel+`","event":"update"`))
			})
			timeFast(b, frames[:4*timedBlock])
		})
	}
	b.Run("captured_mixture", func(b *testing.B) {
		frames := recordings.Texts(b, recordings.Path(b, "captures", "gateio", "reencoded-binance-20240808.jsonl.zst"))
		timeFast(b, frames[1000:1000+16*timedBlock])
	})
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
	return []string{"BTC", "ETH", "SOL", "DOGE", "NEO", "QTUM3S", "A5T", "1INCH"}[s.below(8)] + "_USDT"
}

// writers write pushes of one item with varied symbols and numbers of digits.
var writers = map[string]func(s *source) string{
	"book_ticker": func(s *source) string {
		return fmt.Sprintf(`{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165710,"u":400135%d,"s":"%s","b":"%s","B":"%s","a":"%s","A":"%s"}}`,
			s.below(1e5), s.pair(), s.decimal(5, 2), s.decimal(2, 6), s.decimal(5, 2), s.decimal(2, 6))
	},
	"trades": func(s *source) string {
		id := 217000000 + s.below(1e6)
		return fmt.Sprintf(`{"time":1788336082,"time_ms":1788336082402,"channel":"spot.trades","event":"update","result":{"id":%d,"id_market":%d,"create_time":1788336082,"create_time_ms":"1788336082402.%03d000","side":"%s","currency_pair":"%s","amount":"%s","price":"%s","range":"%d-%d","stock":"BTC","money":"USDT","trade_mode":0}}`,
			id, id, s.below(1000), []string{"buy", "sell"}[s.below(2)], s.pair(), s.decimal(2, 6), s.decimal(5, 2), id, id)
	},
	"tickers": func(s *source) string {
		return fmt.Sprintf(`{"time":1790134390,"time_ms":1790134390863,"channel":"spot.tickers","event":"update","result":{"currency_pair":"%s","last":"%s","lowest_ask":"%s","highest_bid":"%s","change_percentage":"%s","base_volume":"%s","quote_volume":"%s","high_24h":"%s","low_24h":"%s"}}`,
			s.pair(), s.decimal(5, 2), s.decimal(5, 2), s.decimal(5, 2), s.decimal(1, 4), s.decimal(4, 6), s.decimal(5, 7), s.decimal(5, 2), s.decimal(5, 2))
	},
}

func written(write func(s *source) string) [][]byte {
	frames, s := make([][]byte, timedBlock), source(1)
	for i := range frames {
		frames[i] = []byte(write(&s))
	}
	return frames
}

// updates are book updates of so many levels, of digits and deletions in no order.
func updates(levels int) [][]byte {
	frames, s := make([][]byte, timedBlock), source(1)
	for i := range frames {
		text := fmt.Appendf(nil, `{"time":1790134390,"time_ms":1790134390859,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390805,"e":"depthUpdate","E":1790134390,"s":"ETH_USDT","U":%d,"u":%d,"b":[`, 474334686+i, 474334687+i)
		for k := range levels {
			switch k {
			case 0:
			case levels / 2:
				text = append(text, `],"a":[`...)
			default:
				text = append(text, ',')
			}
			text = fmt.Appendf(text, `["%d.%d",`, 2000+s.below(1000), 1+s.below(99))
			switch s.below(4) {
			case 0:
				text = append(text, `"0"]`...)
			case 1:
				text = fmt.Appendf(text, `"%d.%d"]`, s.below(300), s.below(1000))
			default:
				text = fmt.Appendf(text, `"%d.%04d"]`, s.below(300), s.below(10000))
			}
		}
		frames[i] = append(text, `]}}`...)
	}
	return frames
}

func timeFast(b *testing.B, frames [][]byte) {
	d, symbols, batch := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	size := 0
	for i, frame := range frames {
		frames[i] = padded(frame, hostileTail)
		size += len(frame)
		d.Decode(frames[i], symbols, batch)
		d.decodeReference(frames[i], symbols, batch)
	}
	hits := d.hits()
	fast, reference := make([]float64, timedRounds), make([]float64, timedRounds)
	for b.Loop() {
		for round := range timedRounds {
			from := frames[round*timedBlock%len(frames):][:timedBlock]
			start := time.Now()
			for _, frame := range from {
				d.Decode(frame, symbols, batch)
			}
			middle := time.Now()
			for _, frame := range from {
				d.decodeReference(frame, symbols, batch)
			}
			reference[round] = float64(time.Since(middle)) / timedBlock
			fast[round] = float64(middle.Sub(start)) / timedBlock
		}
	}
	if (d.hits()-hits)%(timedRounds*timedBlock) != 0 {
		b.Fatal("some frames were left to the reference")
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
