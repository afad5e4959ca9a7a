package shm

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
)

const patience = 30 * time.Second

// openFeed opens a feed and closes it with the test.
func openFeed(t testing.TB, dir, feed string, o FeedOptions) *Feed {
	t.Helper()
	o.Dir = dir
	f, err := OpenFeed(context.Background(), feed, o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// record makes one record of a frame of its own.
func record(w *ring.Writer, r ring.Record) {
	r.Flags |= ring.FlagFirst | ring.FlagLast
	w.BeginFrame(time.Now().UnixNano())
	w.Publish(&r)
	w.EndFrame()
}

// sequences are those of the records that are there.
func sequences(t *testing.T, f *Feed) (all []uint64) {
	t.Helper()
	var out ring.Record
	for {
		switch a := f.Next(&out); a {
		case ring.AnswerRecord:
			all = append(all, out.Sequence())
		case ring.AnswerEmpty:
			return all
		default:
			require.Equal(t, ring.AnswerOverrun, a)
		}
	}
}

func upTo(n int) (all []uint64) {
	for i := 1; i <= n; i++ {
		all = append(all, uint64(i))
	}
	return all
}

// Each beginning gives what it promises, and what comes later follows.
func TestFeedBeginnings(t *testing.T) {
	dir := t.TempDir()
	_, w := writing(t, dir, "f")
	publish(w, 5)
	record(w, ring.Record{Kind: ring.KindStatus})
	publish(w, 4)
	latest, oldest, board := openFeed(t, dir, "f", FeedOptions{}), openFeed(t, dir, "f", FeedOptions{From: FromOldest}),
		openFeed(t, dir, "f", FeedOptions{From: FromBoard})
	byPath := openFeed(t, "", filepath.Join(dir, "f"), FeedOptions{From: FromOldest})
	assert.Equal(t, uint64(10), oldest.Lag())
	publish(w, 2)
	assert.Equal(t, []uint64{11, 12}, sequences(t, latest))
	assert.Equal(t, upTo(12), sequences(t, oldest))
	assert.Equal(t, upTo(12), sequences(t, byPath))
	assert.Equal(t, []uint64{6, 10, 11, 12}, sequences(t, board), "the status, the newest quote, and what came later")
	assert.Zero(t, oldest.Lag())
}

// A feed that does not exist is an error with what to do; with Wait it is waited for
// as long as the context lasts, and all of it is read.
func TestFeedIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenFeed(context.Background(), "f", FeedOptions{Dir: dir})
	require.ErrorIs(t, err, ErrNoFeed)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err = OpenFeed(ctx, "f", FeedOptions{Dir: dir, Wait: true})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, ErrNoFeed)
	_, err = OpenFeed(context.Background(), ".f", FeedOptions{Dir: dir, Wait: true})
	require.ErrorIs(t, err, ErrFeedName, "no waiting mends that")

	opened, waits := make(chan *Feed), make(chan struct{}, 1)
	go func() {
		f, err := OpenFeed(watchedContext{context.Background(), waits}, "f", FeedOptions{Dir: dir, Wait: true})
		assert.NoError(t, err)
		opened <- f
	}()
	<-waits
	s := create(t, dir, "f")
	w, err := ring.NewWriter(s.Bytes(), func() int64 { return 1 })
	require.NoError(t, err)
	record(w, ring.Record{Kind: ring.KindTicker, Instrument: ring.NoInstrument})
	require.NoError(t, s.Publish())
	f := <-opened
	defer f.Close()
	assert.Equal(t, []uint64{1}, sequences(t, f))
}

// watchedContext says when somebody begins to wait for its end.
type watchedContext struct {
	context.Context
	waits chan struct{}
}

func (c watchedContext) Done() <-chan struct{} {
	select {
	case c.waits <- struct{}{}:
	default:
	}
	return c.Context.Done()
}

// The reader drains a closed segment, moves to the next generation when that is
// there, and says so once; filters, counters, handles and its registration go along.
func TestFeedMovesToTheNextGeneration(t *testing.T) {
	dir := t.TempDir()
	first, w := writing(t, dir, "f")
	f := openFeed(t, dir, "f", FeedOptions{Symbols: []string{"BTC/USDT"}, Register: "mover"})
	require.NoError(t, f.RegisterFault())
	btc := f.Instrument("BTC_USDT")
	require.Equal(t, 0, btc.ID())
	publish(w, 3)
	w.CloseSegment()
	require.NoError(t, first.Close(false))
	var out ring.Record
	for range 3 {
		require.Equal(t, ring.AnswerRecord, f.Next(&out))
	}
	require.Equal(t, ring.AnswerClosed, f.Next(&out))
	assert.True(t, f.Wait(time.Millisecond))

	second := create(t, dir, "f")
	next, err := ring.NewWriter(second.Bytes(), func() int64 { return 1 })
	require.NoError(t, err)
	for _, base := range []string{"ETH", "BTC"} {
		_, err = next.AddInstrument(ring.InstrumentSpec{Native: base + "_USDT", Base: base, Quote: "USDT"})
		require.NoError(t, err)
	}
	require.NoError(t, second.Publish())
	record(next, ring.Record{Kind: ring.KindBookTicker, Instrument: 0})
	record(next, ring.Record{Kind: ring.KindBookTicker, Instrument: 1})
	require.Eventually(t, func() bool {
		return f.Next(&out) == ring.AnswerSuperseded && f.Generation() == 2
	}, patience, time.Millisecond)
	assert.Equal(t, 1, btc.ID(), "another row in another generation")
	require.Equal(t, ring.AnswerRecord, f.Next(&out))
	assert.Equal(t, btc.ID(), int(out.Instrument))
	assert.Equal(t, FeedStats{Read: 5, Filtered: 1, Moves: 1}, f.Stats())
	require.NoError(t, f.RegisterFault())
	assert.Equal(t, "mover", listed(t, dir, "f").Name)
}

// A loop over Records ends with the context, by break, and with a feed that is to
// stay; nothing is lost between two loops.
func TestRecordsLoops(t *testing.T) {
	dir := t.TempDir()
	s, w := writing(t, dir, "f")
	f := openFeed(t, dir, "f", FeedOptions{From: FromOldest, Stay: true})
	publish(w, 50)
	var seen []uint64
	for r := range f.Records(context.Background()) {
		if seen = append(seen, r.Sequence()); len(seen)%7 == 0 {
			break
		}
	}
	require.NoError(t, f.Err())
	require.Len(t, seen, 7)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for r := range f.Records(ctx) {
		if seen = append(seen, r.Sequence()); len(seen) == 50 {
			cancel()
		}
	}
	require.ErrorIs(t, f.Err(), context.Canceled)
	publish(w, 2)
	w.CloseSegment()
	for r := range f.Records(context.Background()) {
		seen = append(seen, r.Sequence())
	}
	require.NoError(t, f.Err(), "a clean end")
	assert.Equal(t, upTo(52), seen)
	assert.Equal(t, uint64(52), f.Stats().Read)
	require.NoError(t, s.Close(false))
}

// All tells losses where they happened, and what begins and ends, each once.
func TestAllTellsWhatHappened(t *testing.T) {
	dir := t.TempDir()
	first, w := writing(t, dir, "f")
	f := openFeed(t, dir, "f", FeedOptions{From: FromOldest})
	publish(w, 164) // slots are 64: 164-64+8 is where a lapped reader resumes
	var told []ring.Answer
	records := 0
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for r, a := range f.All(ctx) {
		switch {
		case a == ring.AnswerRecord:
			if records++; records == 57 && len(told) == 1 {
				w.CloseSegment()
				require.NoError(t, first.Close(false))
			}
			continue
		case a == ring.AnswerClosed:
			_, w = writing(t, dir, "f")
			publish(w, 1)
		case a == ring.AnswerOverrun:
			assert.Equal(t, uint64(107), f.Lost())
		}
		assert.Nil(t, r)
		if told = append(told, a); a == ring.AnswerSuperseded {
			break
		}
	}
	assert.Equal(t, []ring.Answer{ring.AnswerOverrun, ring.AnswerClosed, ring.AnswerSuperseded}, told)
	assert.Equal(t, 57, records)
	assert.Equal(t, uint64(107), f.Stats().Lost)
}

// A publisher that stands still is told once, and told to be back.
func TestAllTellsStaleOnce(t *testing.T) {
	dir := t.TempDir()
	_, w := writing(t, dir, "f")
	w.HotBeat(1)
	f := openFeed(t, dir, "f", FeedOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var told []ring.Answer
	for _, a := range f.All(ctx) {
		told = append(told, a)
		if a == ring.AnswerStale {
			w.HotBeat(2)
		} else {
			break
		}
	}
	assert.Equal(t, []ring.Answer{ring.AnswerStale, ring.AnswerEmpty}, told)
}

// Kinds and symbols filter; the truth about the feed passes symbols, and an
// instrument that comes later is known when it comes.
func TestFeedFilters(t *testing.T) {
	dir := t.TempDir()
	_, w := writing(t, dir, "f")
	quotes := openFeed(t, dir, "f", FeedOptions{Kinds: []ring.Kind{ring.KindBookTicker}, Symbols: []string{"ETH_USDT"}})
	eth := openFeed(t, dir, "f", FeedOptions{Symbols: []string{"ETH/USDT"}})
	handle := eth.Instrument("ETH/USDT")
	assert.Equal(t, -1, handle.ID())
	assert.False(t, handle.FreshWithin(time.Hour))
	_, a := handle.Book()
	assert.Equal(t, ring.AnswerEmpty, a)
	publish(w, 1)
	assert.Empty(t, sequences(t, eth))
	_, err := w.AddInstrument(ring.InstrumentSpec{Native: "ETH_USDT", Base: "ETH", Quote: "USDT"})
	require.NoError(t, err)
	record(w, ring.Record{Kind: ring.KindBookTicker, Instrument: 1})
	record(w, ring.Record{Kind: ring.KindTrade, Instrument: 1})
	record(w, ring.Record{Kind: ring.KindStatus, Instrument: ring.NoInstrument})
	publish(w, 1)
	assert.Equal(t, []uint64{2}, sequences(t, quotes))
	assert.Equal(t, []uint64{2, 3, 4}, sequences(t, eth))
	assert.Equal(t, FeedStats{Read: 5, Filtered: 2}, eth.Stats())
	require.Equal(t, 1, handle.ID())
	var out ring.Record
	require.Equal(t, ring.AnswerRecord, handle.Latest(ring.BoardTrade, &out))
	assert.Equal(t, uint64(3), out.Sequence())
	w.Seen(1, ring.KindBookTicker, time.Now().UnixNano())
	age, ok := handle.QuoteAge()
	assert.True(t, ok)
	assert.Less(t, age, time.Minute)
}

// The board's book by its instrument.
func TestInstrumentsBook(t *testing.T) {
	dir := t.TempDir()
	_, w := writing(t, dir, "f")
	f := openFeed(t, dir, "f", FeedOptions{})
	b := ring.NewBook(5)
	b.Header = ring.BookHeader{BidCount: 1, Flags: uint16(ring.BookValid)}
	b.BidLevels()[0] = ring.Level{Price: 42, Quantity: 1}
	w.WriteBook(0, b)
	book, a := f.Instrument("BTC/USDT").Book()
	require.Equal(t, ring.AnswerRecord, a)
	assert.True(t, book.Valid())
	assert.Equal(t, int64(42), book.Bids()[0].Price)
}

// A file that is cut short under a feed is a pause: its next publisher is found. One
// that is to stay ends with the reason.
func TestFeedOutlivesItsFile(t *testing.T) {
	dir := t.TempDir()
	first, w := writing(t, dir, "f")
	stays, moves := openFeed(t, dir, "f", FeedOptions{Stay: true}), openFeed(t, dir, "f", FeedOptions{})
	publish(w, 1)
	require.NoError(t, os.Truncate(first.Path(), ring.HeaderSize))
	for range stays.Records(context.Background()) {
		t.Error("a record out of nothing")
	}
	require.ErrorIs(t, stays.Err(), ErrTruncatedUnderUs)
	require.ErrorIs(t, stays.Join(), ErrTruncatedUnderUs)
	var out ring.Record
	require.Equal(t, ring.AnswerStale, moves.Next(&out))
	require.NoError(t, first.Close(false))
	_, w = writing(t, dir, "f")
	publish(w, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for r := range moves.Records(ctx) {
		assert.Equal(t, uint64(1), r.Sequence())
		break
	}
	assert.Equal(t, uint64(2), moves.Generation())
}

// What a strategy calls for each record allocates nothing.
func TestFeedDoesNotAllocate(t *testing.T) {
	dir := t.TempDir()
	_, w := writing(t, dir, "f")
	_, other := writing(t, dir, "g")
	f := openFeed(t, dir, "f", FeedOptions{Symbols: []string{"BTC/USDT"}, Register: "r"})
	p := NewPoller(openFeed(t, dir, "f", FeedOptions{}), openFeed(t, dir, "g", FeedOptions{}))
	btc := f.Instrument("BTC/USDT")
	var out ring.Record
	ctx := context.Background()
	for name, call := range map[string]func(){
		"Next":        func() { publish(w, 3); f.Next(&out); f.Next(&out) },
		"empty Next":  func() { f.Next(&out) },
		"Wait":        func() { f.Wait(time.Microsecond) },
		"Instrument":  func() { btc.FreshWithin(time.Second); btc.QuoteAge(); btc.Latest(ring.BoardTrade, &out); btc.Book() },
		"Lag":         func() { f.Lag(); f.Stats() },
		"Poller.Next": func() { publish(other, 1); p.Next(&out); p.Next(&out) },
		"Poller.Wait": func() { p.Wait(time.Microsecond) },
	} {
		assert.Zero(t, testing.AllocsPerRun(50, call), name)
	}
	publish(w, 60)
	records := 0
	total := testing.AllocsPerRun(1, func() {
		for range f.Records(ctx) {
			if records++; records%20 == 0 {
				break
			}
		}
	})
	assert.LessOrEqual(t, total, 10.0, "a loop costs its closures, a record nothing")
}
