package ring

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the publisher's process of a test that needs
// a real one.
func TestMain(m *testing.M) {
	if path := os.Getenv(childSegment); path != "" {
		os.Exit(childMain(path))
	}
	os.Exit(m.Run())
}

// full says that the long counts are asked for.
func full() bool { return os.Getenv("TICKRING_FULL") == "1" }

// shortOrFull is how long a test that runs by the clock runs.
func shortOrFull(short, long time.Duration) time.Duration {
	if full() {
		return long
	}
	return short
}

func testConfig(slots int) Config {
	return Config{Feed: "test", Venue: "sim", Slots: slots, MaxInstruments: 4, BookDepth: 5, Generation: 7}
}

// segmentBytes formats a segment in memory that is not yet ready.
func segmentBytes(t testing.TB, c Config) []byte {
	t.Helper()
	size, err := c.Size()
	require.NoError(t, err)
	buf := bytesOf(make([]uint64, size/8))
	require.NoError(t, Format(buf, c))
	return buf
}

// newSegment opens both sides of a small segment in memory; the clock counts up
// from 1001, one a frame.
func newSegment(t testing.TB, slots int) (*Writer, *Reader) {
	t.Helper()
	buf := segmentBytes(t, testConfig(slots))
	clock := int64(1000)
	w, err := NewWriter(buf, func() int64 { clock++; return clock })
	require.NoError(t, err)
	w.Ready()
	v, err := OpenView(buf)
	require.NoError(t, err)
	return w, NewReader(v)
}

// addInstruments fills the instrument table with n rows.
func addInstruments(t testing.TB, w *Writer, n int) {
	t.Helper()
	for i := range n {
		id, err := w.AddInstrument(InstrumentSpec{Native: fmt.Sprintf("C%d_USDT", i), Base: fmt.Sprintf("C%d", i), Quote: "USDT"})
		require.NoError(t, err)
		require.EqualValues(t, i, id)
	}
}

// publishTickers publishes n records, each a frame of its own.
func publishTickers(w *Writer, n int) {
	for range n {
		w.BeginFrame(1)
		w.Publish(&Record{Kind: KindTicker, Instrument: NoInstrument})
		w.EndFrame()
	}
}

func mix(n uint64, word uint64) uint64 {
	x := n*0x9E3779B97F4A7C15 + word*0xD1B54A32D192ED03 + 1
	x ^= x >> 29
	return x * 0xBF58476D1CE4E5B9
}

// derivedRecord has every word a function of n, so that a mix of two is seen.
func derivedRecord(n uint64) Record {
	r := Record{
		Commit: 2 * n, Kind: KindBookTicker,
		PriceExponent: int8(mix(n, 20)), QuantityExponent: int8(mix(n, 21)),
		Flags: Flags(mix(n, 22)) & definedFlagBits &^ FlagBackfill, Instrument: uint16(n % 4),
		RecvTimeNS: derivedRecv(n), VenueSequence: mix(n, 3),
		EventTimeNS: int64(mix(n, 14)), PublishTimeNS: derivedPublish(n),
	}
	for i := range r.Body {
		r.Body[i] = mix(n, uint64(4+i))
	}
	return r
}

func derivedRecv(n uint64) int64 { return int64(mix(n, 2)) }

// derivedPublish is never 0, which the writer takes for "not read yet".
func derivedPublish(n uint64) int64 { return int64(mix(n, 15) | 1) }

// isDerived says that every word of r belongs to its own sequence.
func isDerived(r *Record) bool { return *r == derivedRecord(r.Sequence()) }

// derivedWriter publishes derived records; each step is a frame of one record.
func derivedWriter(t testing.TB, buf []byte) (w *Writer, step func()) {
	t.Helper()
	var n uint64
	w, err := NewWriter(buf, func() int64 { return derivedPublish(n) })
	require.NoError(t, err)
	return w, func() {
		n++
		r := derivedRecord(n)
		w.BeginFrame(derivedRecv(n))
		w.Publish(&r)
		w.EndFrame()
	}
}

// fillRing makes a ring that looks like the drawing: one word a slot, from slot
// 0: "." never written, "9" record 9 is whole, "9?" record 9 is being written.
func fillRing(t testing.TB, drawing string, hint uint64) (*Writer, *Reader) {
	t.Helper()
	cells := strings.Fields(drawing)
	w, r := newSegment(t, len(cells))
	for i, cell := range cells {
		if cell == "." {
			continue
		}
		number, odd := strings.CutSuffix(cell, "?")
		n, err := strconv.ParseUint(number, 10, 64)
		require.NoError(t, err)
		w.slots[i] = derivedRecord(n)
		if odd {
			w.slots[i].Commit = 2*n - 1
		}
	}
	w.view.h.LastSequence = hint
	return w, r
}

// drawRing is the inverse of fillRing.
func drawRing(w *Writer) string {
	cells := make([]string, len(w.slots))
	for i := range w.slots {
		switch c := w.slots[i].Commit; {
		case c == 0:
			cells[i] = "."
		case c%2 == 1:
			cells[i] = strconv.FormatUint((c+1)/2, 10) + "?"
		default:
			cells[i] = strconv.FormatUint(c/2, 10)
		}
	}
	return strings.Join(cells, " ")
}
