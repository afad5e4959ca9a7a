package feed

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
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

// numbered is a frame whose ids can be raised in place, so that each is news: what was
// told before is not published again.
type numbered struct {
	frame []byte
	ends  []int // behind the last digit of each id
	step  byte  // below 10
}

func newNumbered(text string, step byte) *numbered {
	n := &numbered{frame: padded(text), step: step}
	for _, key := range [...]string{`"id":`, `"U":`, `"u":`, `"lastUpdateId":`} {
		if i := bytes.Index(n.frame, []byte(key)); i >= 0 {
			end := i + len(key)
			for n.frame[end] >= '0' && n.frame[end] <= '9' {
				end++
			}
			n.ends = append(n.ends, end)
		}
	}
	return n
}

func (n *numbered) raise() {
	for _, end := range n.ends {
		for add, k := n.step, end-1; add > 0; k-- {
			d := n.frame[k] - '0' + add
			n.frame[k], add = '0'+d%10, d/10
		}
	}
}

// deepSnapshot is a book of so many levels a side, and deepDelta one that changes ten
// of each, near the best.
func deepSnapshot(levels int) string {
	return fmt.Sprintf(`{"channel":"spot.obu","result":{"t":1754006400261,"full":true,"s":"ob.BTC_USDT.50","u":1000000000,"b":[%s],"a":[%s]},"time_ms":1754006400264,"event":"update"}`,
		deepSide(11576510, -3, levels), deepSide(11576520, 3, levels))
}

func deepDelta() string {
	return fmt.Sprintf(`{"channel":"spot.obu","result":{"t":1754006400361,"s":"ob.BTC_USDT.50","U":1000000001,"u":1000000003,"b":[%s],"a":[%s]},"time_ms":1754006400364,"event":"update"}`,
		deepSide(11576510, -6, 10), deepSide(11576520, 6, 10))
}

// deepSide has prices in hundredths.
func deepSide(first, step, levels int) string {
	list := make([]string, levels)
	for i := range list {
		p := first + i*step
		list[i] = fmt.Sprintf(`["%d.%02d","%d.%04d"]`, p/100, p%100, i%7, 1234+i)
	}
	return strings.Join(list, ",")
}

// BenchmarkChecked is a frame's way from its bytes to the committed record or records, board
// and book included, each frame with news: inputs of make bench-check.
func BenchmarkChecked(b *testing.B) {
	for _, c := range []struct {
		name, book, first, frame string
		step                     byte
	}{
		{"book_ticker", "order_book_update@100ms", "", frameBookTicker, 1},
		{"trade", "order_book_update@100ms", "", frameTrade, 1},
		{"ticker", "order_book_update@100ms", "", frameTicker, 1},
		{"order_book_update", "order_book_update@100ms", "", frameUpdate, 2},
		{"order_book", "order_book@20", "", frameOrderBook, 1},
		{"obu_book_of_400", "obu@50", deepSnapshot(400), deepDelta(), 3},
	} {
		b.Run(c.name, func(b *testing.B) {
			bench := newBench(b, [2]string{"gateio.book", c.book})
			if c.first != "" {
				bench.frame(c.first)
			}
			n := newNumbered(c.frame, c.step)
			before := bench.h.w.LastSequence()
			times := uint64(0)
			checked(b, func(count int) {
				for range count {
					bench.bytes(n.frame)
					n.raise()
				}
				times += uint64(count)
			})
			if told := bench.h.w.LastSequence() - before; told < times {
				b.Fatalf("%d frames, %d records: some were taken for old", times, told)
			}
		})
	}
}
