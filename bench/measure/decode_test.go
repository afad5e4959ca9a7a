package main

import (
	"encoding/json"
	"testing"

	"github.com/mailru/easyjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/tickring/tickring/bench/plain/mexcpb"
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/mexc"
)

// A comparison is one only when all decoders get everything out of the frame: both
// plain ones the same values, and ours as many numbers as they have.
func TestAllDecodersReadTheWholeFrame(t *testing.T) {
	for _, f := range frames() {
		t.Run(f.channel, func(t *testing.T) {
			for _, d := range decodersOf(f) {
				require.NoError(t, d.decode(), d.name)
			}
			byEasyjson, byStandard := messageOf(f.channel), messageOf(f.channel)
			require.NoError(t, easyjson.Unmarshal([]byte(f.text), byEasyjson))
			require.NoError(t, json.Unmarshal([]byte(f.text), bare(byStandard)))
			assert.Equal(t, byStandard, byEasyjson)
			numbers, err := byEasyjson.Numbers()
			require.NoError(t, err)
			assert.Equal(t, numbers, ourNumbers(t, f.text))
		})
	}
}

// The same holds for protobuf's decoders.
func TestAllDecodersReadTheWholePush(t *testing.T) {
	for _, f := range pushes() {
		t.Run(f.channel, func(t *testing.T) {
			for _, d := range pushDecodersOf(f) {
				require.NoError(t, d.decode(), d.name)
			}
			byVT, byStandard := new(mexcpb.Push), new(mexcpb.Push)
			require.NoError(t, byVT.UnmarshalVTUnsafe([]byte(f.text)))
			require.NoError(t, proto.Unmarshal([]byte(f.text), byStandard))
			assert.True(t, proto.Equal(byStandard, byVT))
			numbers, err := byVT.Numbers()
			require.NoError(t, err)
			batch, d := new(exchanges.Batch), mexc.New()
			raw := append(make([]byte, 0, len(f.text)+exchanges.FastPadding), f.text...)
			v := d.DecodeBinary(raw, exchanges.NewLearningTable(), batch)
			require.Equal(t, exchanges.ClassData, v.Class, "%s", v.Text)
			assert.EqualValues(t, 1, d.Fallbacks()[v.Stream].Hits, "a template accepts it")
			assert.Equal(t, numbers, numbersIn(batch))
		})
	}
}

// ourNumbers counts the prices and quantities that our decoder finds.
func ourNumbers(t *testing.T, text string) int {
	t.Helper()
	batch := new(exchanges.Batch)
	v := gateio.New().Decode([]byte(text), exchanges.NewLearningTable(), batch)
	require.Equal(t, exchanges.ClassData, v.Class, "%s", v.Text)
	return numbersIn(batch)
}

func numbersIn(batch *exchanges.Batch) (n int) {
	for i := range batch.Items {
		for _, d := range append(batch.Items[i].Prices[:], batch.Items[i].Quantities[:]...) {
			if !d.IsAbsent() {
				n++
			}
		}
	}
	return n + 2*len(batch.Levels)
}

// The frame of twenty levels has twenty, best first.
func TestUpdateHasItsLevels(t *testing.T) {
	m := messageOf(twentyLevels)
	require.NoError(t, easyjson.Unmarshal([]byte(updateOf(20)), m))
	numbers, err := m.Numbers()
	require.NoError(t, err)
	assert.Equal(t, 40, numbers)
}

// encoding/json must not be helped by the generated methods.
func TestBareMessagesHaveNoMethods(t *testing.T) {
	for _, f := range frames() {
		_, helped := bare(messageOf(f.channel)).(json.Unmarshaler)
		assert.False(t, helped, f.channel)
	}
}

// What the process prints is what the report reads.
func TestDecodeLinesAreParsed(t *testing.T) {
	rows, err := parseDecode("decode trade 321 tickring 0 10 30 20\ndecode trade 321 easyjson 9 20 60 50\n")
	require.NoError(t, err)
	assert.Equal(t, decodeRow{bytes: 321, rounds: []float64{10, 30, 20}}, rows["trade"][ours])
	assert.InDelta(t, 20, rows["trade"][ours].ns(), 0)
	assert.InDelta(t, 2, quotient(rows["trade"][asItComes], rows["trade"][ours]), 0)
	for _, bad := range []string{"decode trade 321\n", "decode trade x tickring 0 1\n", "decode trade 1 tickring 0 x\n", "panic: no\n"} {
		_, err := parseDecode(bad)
		assert.Error(t, err, bad)
	}
}

// The lines of a Go benchmark are gathered by name over its rounds.
func TestGoBenchmarkLinesAreParsed(t *testing.T) {
	list, err := parseGoBench(`goos: linux
BenchmarkFrame/book_ticker-2     1000     757.3 ns/op   271.50 MB/s    0 B/op    0 allocs/op
BenchmarkFrame/order_book_20-2   1000    1500 ns/op    1 MB/s   16 B/op    1 allocs/op
BenchmarkFrame/book_ticker-2     1000     700 ns/op   271.50 MB/s    0 B/op    0 allocs/op
PASS
`, "BenchmarkFrame/")
	require.NoError(t, err)
	assert.Equal(t, []goBench{
		{name: "book_ticker", ns: []float64{757.3, 700}},
		{name: "order_book_20", ns: []float64{1500}, allocations: 1},
	}, list)
	_, err = parseGoBench("BenchmarkFrame/x-2 1 y ns/op\n", "BenchmarkFrame/")
	assert.Error(t, err)
}
