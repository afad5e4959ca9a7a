package exchanges

import (
	"fmt"
	"github.com/tickring/tickring/ring"
	"testing"
)

// Lookups of varied symbols, as a feed of many instruments has them.
func BenchmarkLookup(b *testing.B) {
	table := NewSymbolTable()
	symbols := make([][]byte, 256)
	for i := range symbols {
		symbols[i] = fmt.Appendf(nil, "%c%c%d_USDT", 'A'+i%26, 'A'+i/26, i%7)
		if err := table.Add(string(symbols[i]), uint16(i)); err != nil {
			b.Fatal(err)
		}
	}
	var sum uint16
	b.ReportAllocs()
	for i := range b.N {
		id, _ := table.Lookup(symbols[i&255])
		sum += id
	}
	sink = int64(sum)
}

// The loop of BenchmarkLookup around a call that looks nothing up: what to take
// off its result.
func BenchmarkLookupLoopAlone(b *testing.B) {
	symbols := make([][]byte, 256)
	for i := range symbols {
		symbols[i] = fmt.Appendf(nil, "%c%c%d_USDT", 'A'+i%26, 'A'+i/26, i%7)
	}
	var sum uint16
	for i := range b.N {
		id, _ := noLookup(symbols[i&255])
		sum += id
	}
	sink = int64(sum)
}

//go:noinline
func noLookup(symbol []byte) (uint16, bool) { return uint16(len(symbol)), true }

var sink int64

func BenchmarkParseDecimal(b *testing.B) {
	texts := [][]byte{[]byte("118.91"), []byte("0.00000644"), []byte("86691.6"), []byte("16.4700000000")}
	b.ReportAllocs()
	for i := range b.N {
		d, _ := ParseDecimal(texts[i&3])
		sink += d.Mantissa
	}
}

func BenchmarkParseMillisNS(b *testing.B) {
	text := []byte("1788336082402.208000")
	b.ReportAllocs()
	for range b.N {
		ns, _ := ParseMillisNS(text)
		sink += ns
	}
}

func BenchmarkAppendDecimal(b *testing.B) {
	buffer := make([]byte, 0, 64)
	b.ReportAllocs()
	for range b.N {
		buffer = ring.AppendDecimal(buffer[:0], 866916, -1)
	}
}

func BenchmarkValidJSON(b *testing.B) {
	frame := []byte(`{"time":1682689046,"time_ms":1682689046142,"channel":"spot.book_ticker","event":"update","result":{"t":1682689046131,"u":517377894,"s":"ETC_ETH","b":"0.010326","B":"0.001","a":"0.010366","A":"10"}}`)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for range b.N {
		if !ValidJSON(frame) {
			b.Fatal("refused")
		}
	}
}
