//go:build cgo && linux

package cgoreader

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

const (
	bootIDOffset  = int(unsafe.Offsetof(ring.Header{}.BootID))
	goldenSegment = "../ring/testdata/golden.segment"
)

// drain reads until nothing is left and returns the answers and the records.
func drain(next func(*ring.Record) ring.Answer) (answers []ring.Answer, records []ring.Record) {
	for range 1000 {
		var r ring.Record
		a := next(&r)
		answers = append(answers, a)
		if a == ring.AnswerRecord {
			records = append(records, r)
		}
		if a != ring.AnswerRecord && a != ring.AnswerOverrun {
			break
		}
	}
	return answers, records
}

// The golden segment reads the same through both readers, to the byte.
func TestGoldenSegmentReadsAsInGo(t *testing.T) {
	c, err := AttachPath(goldenSegment, Options{IgnoreBootID: true})
	require.NoError(t, err)
	defer c.Detach()
	buf, err := os.ReadFile(goldenSegment)
	require.NoError(t, err)
	v, err := ring.OpenView(aligned(buf))
	require.NoError(t, err)

	assert.Equal(t, v.Feed(), c.Feed())
	assert.Equal(t, v.Venue(), c.Venue())
	assert.Equal(t, v.Generation(), c.Generation())
	assert.EqualValues(t, v.Slots(), c.Slots())
	assert.Equal(t, v.BookDepth(), c.BookDepth())
	assert.Equal(t, v.LastSequence(), c.LastSequence())
	for i := range ring.Counter(64) {
		assert.Equal(t, v.Counter(i), c.Counter(i), i)
	}
	g := ring.NewReader(v)
	wantAnswers, want := drain(g.Next)
	gotAnswers, got := drain(c.Next)
	assert.Equal(t, wantAnswers, gotAnswers)
	assert.Equal(t, want, got)
	require.NotEmpty(t, got)
	compareTables(t, v, c)
}

func compareTables(t *testing.T, v *ring.View, c *Reader) {
	require.EqualValues(t, v.InstrumentCount(), c.InstrumentCount())
	book := ring.NewBook(v.BookDepth())
	bids, asks := make([]ring.Level, v.BookDepth()), make([]ring.Level, v.BookDepth())
	for id := range uint32(v.InstrumentCount()) {
		var want, got ring.Instrument
		require.True(t, v.Instrument(int(id), &want))
		require.NoError(t, c.Instrument(id, &got))
		assert.Equal(t, want, got)
		symbol, err := c.Symbol(id)
		require.NoError(t, err)
		assert.Equal(t, v.Symbol(int(id)), symbol)
		found, err := c.Find(symbol)
		require.NoError(t, err)
		assert.Equal(t, id, found)
		var state ring.InstrumentState
		require.True(t, v.InstrumentState(int(id), &state))
		word, err := c.State(id)
		require.NoError(t, err)
		assert.Equal(t, state.Word, word)
		for slot := ring.BoardBookTicker; slot <= ring.BoardStatus; slot++ {
			var a, b ring.Record
			assert.Equal(t, v.ReadBoard(int(id), slot, &a), c.Board(id, slot, &b))
			assert.Equal(t, a, b)
		}
		var h ring.BookHeader
		answer := v.ReadBook(int(id), book)
		require.Equal(t, answer, c.Book(id, &h, bids, asks))
		if answer == ring.AnswerRecord {
			assert.Equal(t, book.Header, h)
			assert.Equal(t, book.Bids(), bids[:h.BidCount])
			assert.Equal(t, book.Asks(), asks[:h.AskCount])
		}
	}
	for row := range uint32(ring.MaxConnections) {
		var want, got ring.Connection
		require.True(t, v.Connection(int(row), &want))
		require.NoError(t, c.Connection(row, &got))
		assert.Equal(t, want, got)
	}
}

// A header fault has the same name on both sides.
func TestHeaderFaultsHaveTheirOwnErrors(t *testing.T) {
	buf, err := os.ReadFile(goldenSegment)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "golden")
	cases := []struct {
		name   string
		offset uintptr
		want   Error
	}{
		{"a wrong magic", 0, ErrMagic},
		{"another version", unsafe.Offsetof(ring.Header{}.LayoutVersion), ErrVersion},
		{"another byte order", unsafe.Offsetof(ring.Header{}.ByteOrder), ErrByteOrder},
		{"another format", unsafe.Offsetof(ring.Header{}.FormatHash), ErrFormatHash},
		{"another size", unsafe.Offsetof(ring.Header{}.TotalSize) + 2, ErrTruncated},
		{"another header size", unsafe.Offsetof(ring.Header{}.HeaderSize), ErrHeader},
		{"a state of no meaning", unsafe.Offsetof(ring.Header{}.State) + 1, ErrState},
		{"a directory of no meaning", unsafe.Offsetof(ring.Header{}.Directory), ErrDirectory},
		{"another boot", uintptr(bootIDOffset), ErrOtherBoot},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bad := bytes.Clone(buf)
			bad[c.offset] ^= 0x40
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			_, err := AttachPath(path, Options{})
			require.ErrorIs(t, err, c.want)
			assert.NotContains(t, err.Error(), "unknown error")
		})
	}
	_, err = Attach(t.TempDir(), "nothing", Options{})
	require.ErrorIs(t, err, ErrNoFeed)
	_, err = Attach("", "a/b", Options{})
	require.ErrorIs(t, err, ErrName)
}

// Mutated segments: the C reader opens what the Go reader opens, and both answer alike.
func TestMutatedSegmentsReadAlike(t *testing.T) {
	golden, err := os.ReadFile(goldenSegment)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "golden")
	const seed = 20260919
	rng := rand.New(rand.NewPCG(seed, 1))
	values := []byte{0, 1, 2, 7, 24, 25, 40, 41, 0x7F, 0x80, 0xFE, 0xFF}
	opened := 0
	for round := range 3000 {
		bad := bytes.Clone(golden)
		for range 1 + rng.IntN(3) {
			at := rng.IntN(len(bad))
			switch rng.IntN(3) {
			case 0:
				at = rng.IntN(448)
			case 1:
				at = len(bad) - 1 - rng.IntN(2048)
			}
			bad[at] = values[rng.IntN(len(values))]
		}
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		v, goErr := ring.OpenView(aligned(bad))
		c, cErr := AttachPath(path, Options{IgnoreBootID: true})
		require.Equal(t, goErr == nil, cErr == nil, "round %d of seed %d: Go %v, C %v", round, seed, goErr, cErr)
		if goErr != nil {
			continue
		}
		opened++
		wantAnswers, want := drain(ring.NewReader(v).Next)
		gotAnswers, got := drain(c.Next)
		require.Equal(t, wantAnswers, gotAnswers, "round %d of seed %d", round, seed)
		require.Equal(t, want, got, "round %d of seed %d", round, seed)
		c.Detach()
	}
	assert.Greater(t, opened, 500)
}

// Every record of a Go writer arrives in C in order, whole, or is counted as lost.
func TestRecordsOfAGoWriterArriveWhole(t *testing.T) {
	dir := t.TempDir()
	seg, w, err := newPublisher(dir, "live", 4096)
	require.NoError(t, err)
	require.NoError(t, seg.Publish())
	c, err := Attach(dir, "live", Options{})
	require.NoError(t, err)
	defer c.Detach()

	const total = 200_000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for w.LastSequence() < total {
			w.BeginFrame(1)
			for range 8 {
				r := numbered(w.LastSequence() + 1)
				w.Publish(&r)
			}
			w.EndFrame()
			w.HotBeat(1)
		}
		w.CloseSegment()
	}()
	want := uint64(1)
	for {
		var r ring.Record
		answer := c.Next(&r)
		if answer == ring.AnswerRecord {
			require.True(t, wholeAs(&r, want), "record %d", want)
			want++
		} else if answer == ring.AnswerOverrun {
			want += c.Lost()
		} else if answer == ring.AnswerEmpty {
			c.Wait(time.Second)
		} else {
			require.Equal(t, ring.AnswerClosed, answer)
			break
		}
	}
	<-done
	require.NoError(t, seg.Close(true))
	stats := c.Stats()
	assert.EqualValues(t, total, want-1)
	assert.EqualValues(t, total, stats.Got+stats.Lost)
}

// A publisher in a process of its own stops, goes on, dies and comes back.
func TestAPublisherThatStopsAndDiesIsToldAndFollowed(t *testing.T) {
	dir := t.TempDir()
	child := startChild(t, dir)
	c := attachSoon(t, dir, Options{})
	defer c.Detach()
	readSome(t, c, 20_000)

	require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
	stopped := time.Now()
	waitFor(t, c, ring.AnswerStale)
	assert.Less(t, time.Since(stopped), 2*time.Second)
	require.ErrorIs(t, c.Reattach(), ErrSameGeneration)
	require.NoError(t, child.Process.Signal(syscall.SIGCONT))
	waitFor(t, c, ring.AnswerRecord)
	readSome(t, c, 20_000)

	require.NoError(t, child.Process.Kill())
	_, err := child.Process.Wait()
	require.NoError(t, err)
	waitFor(t, c, ring.AnswerStale)

	before := c.Generation()
	startChild(t, dir)
	waitFor(t, c, ring.AnswerSuperseded)
	require.NoError(t, c.Reattach())
	assert.Equal(t, before+1, c.Generation())
	readSome(t, c, 20_000)
	assert.EqualValues(t, 1, c.Stats().Reattached)
}

// With AutoReattach the same happens without a call.
func TestAReaderMovesByItself(t *testing.T) {
	dir := t.TempDir()
	child := startChild(t, dir)
	c := attachSoon(t, dir, Options{AutoReattach: true})
	defer c.Detach()
	readSome(t, c, 5_000)
	require.NoError(t, child.Process.Kill())
	_, err := child.Process.Wait()
	require.NoError(t, err)
	before := c.Generation()
	startChild(t, dir)
	waitFor(t, c, ring.AnswerSuperseded)
	deadline := time.Now().Add(5 * time.Second)
	for c.Generation() == before && time.Now().Before(deadline) {
		var r ring.Record
		c.Next(&r)
		c.Wait(10 * time.Millisecond)
	}
	require.Equal(t, before+1, c.Generation())
	readSome(t, c, 5_000)
}

func attachSoon(t *testing.T, dir string, o Options) *Reader {
	t.Helper()
	var c *Reader
	require.Eventually(t, func() bool {
		var err error
		c, err = Attach(dir, feed, o)
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	return c
}

// readSome reads n records and checks each, over overruns.
func readSome(t *testing.T, c *Reader, n int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for got := 0; got < n; {
		var r ring.Record
		want := c.NextSequence()
		switch answer := c.Next(&r); answer {
		case ring.AnswerRecord:
			require.True(t, wholeAs(&r, want), "record %d", want)
			got++
		case ring.AnswerEmpty, ring.AnswerStale:
			c.Wait(time.Second)
		case ring.AnswerOverrun:
			require.Equal(t, want+c.Lost(), c.NextSequence())
		default:
			require.FailNow(t, "unexpected answer", "%v", answer)
		}
		require.True(t, time.Now().Before(deadline), "too slow: %d of %d", got, n)
	}
}

// waitFor calls Next and Wait until the answer comes.
func waitFor(t *testing.T, c *Reader, want ring.Answer) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var r ring.Record
		answer := c.Next(&r)
		if answer == want {
			return
		}
		require.NotEqual(t, ring.AnswerDamaged, answer)
		require.True(t, time.Now().Before(deadline), "no %v, last %v", want, answer)
		if answer != ring.AnswerRecord {
			c.Wait(50 * time.Millisecond)
		}
	}
}

// A file cut under an idle reader is damage, not a crash.
func TestAFileCutFromOutsideIsSaid(t *testing.T) {
	dir := t.TempDir()
	seg, w, err := newPublisher(dir, "cut", 1024)
	require.NoError(t, err)
	require.NoError(t, seg.Publish())
	c, err := Attach(dir, "cut", Options{})
	require.NoError(t, err)
	defer c.Detach()
	size := w.View().TotalSize()
	require.NoError(t, os.Truncate(seg.Path(), size-1))
	assert.Equal(t, ring.AnswerDamaged, c.Wait(time.Second))
	require.NoError(t, os.Truncate(seg.Path(), size))
	require.NoError(t, seg.Close(true))
}

// Decimals agree with Go's own conversion.
func TestDecimalsConvertAsGoDoes(t *testing.T) {
	assert.Equal(t, "64250.1", DecimalText(642501, -1))
	assert.Equal(t, "", DecimalText(ring.Absent, -1))
	assert.Equal(t, 64250.1, Double(642501, -1))
	assert.True(t, math.IsNaN(Double(ring.Absent, 0)))
}

// A segment's freshness is false where its source is not live.
func TestASimulatedFeedIsNeverFresh(t *testing.T) {
	dir := t.TempDir()
	seg, w, err := newPublisher(dir, "sim", 1024)
	require.NoError(t, err)
	require.NoError(t, seg.Publish())
	w.SetState(0, ring.BitSubscribed, 1)
	w.SetInstrumentConnection(0, 0)
	w.ConnectionSeen(0, time.Now().UnixNano())
	c, err := Attach(dir, "sim", Options{})
	require.NoError(t, err)
	defer c.Detach()
	assert.False(t, c.FreshWithin(0, time.Hour))
	require.NoError(t, seg.Close(true))
	_, err = shm.Open(dir, "sim")
	require.ErrorIs(t, err, shm.ErrNoFeed)
}
