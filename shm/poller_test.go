package shm

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
)

// clocked is a feed whose records are published at the times that the test says.
func clocked(t *testing.T, dir, feed string) (s *Segment, publishAt func(times ...int64), w *ring.Writer) {
	t.Helper()
	var now int64
	s = create(t, dir, feed)
	w, err := ring.NewWriter(s.Bytes(), func() int64 { return now })
	require.NoError(t, err)
	require.NoError(t, s.Publish())
	return s, func(times ...int64) {
		for _, now = range times {
			record(w, ring.Record{Kind: ring.KindTicker, Instrument: ring.NoInstrument})
		}
	}, w
}

// turn is one record of a poller.
type turn struct {
	feed int
	time int64
}

func turns(t *testing.T, p *Poller) (all []turn) {
	t.Helper()
	var out ring.Record
	for {
		i, a := p.Next(&out)
		if a == ring.AnswerEmpty {
			return all
		}
		require.Equal(t, ring.AnswerRecord, a)
		all = append(all, turn{i, out.PublishTimeNS})
	}
}

// Records of several feeds come in the order of one clock, the first feed's first
// among equals; a feed without records holds nobody up.
func TestPollerMergesOnOneClock(t *testing.T) {
	dir := t.TempDir()
	_, a, _ := clocked(t, dir, "a")
	_, b, _ := clocked(t, dir, "b")
	clocked(t, dir, "silent")
	p := NewPoller(openFeed(t, dir, "a", FeedOptions{}), openFeed(t, dir, "b", FeedOptions{}), openFeed(t, dir, "silent", FeedOptions{}))
	assert.Empty(t, turns(t, p))
	a(10, 30, 40)
	b(5, 30, 35, 60)
	assert.Equal(t, []turn{{1, 5}, {0, 10}, {0, 30}, {1, 30}, {1, 35}, {0, 40}, {1, 60}}, turns(t, p))
	b(50)
	assert.Equal(t, []turn{{1, 50}}, turns(t, p), "what comes late is late")
	assert.Equal(t, uint64(5), p.Feed(1).Stats().Read)
}

// A feed that is far behind does not keep another one's newer records waiting for
// more than its turns.
func TestPollerIsFair(t *testing.T) {
	dir := t.TempDir()
	cfg := small("flood")
	cfg.Slots = 4096
	s, err := Create(Options{Dir: dir}, cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close(true)) }()
	now := int64(0)
	w, err := ring.NewWriter(s.Bytes(), func() int64 { now++; return now })
	require.NoError(t, err)
	require.NoError(t, s.Publish())
	_, b, _ := clocked(t, dir, "b")
	p := NewPoller(openFeed(t, dir, "flood", FeedOptions{}), openFeed(t, dir, "b", FeedOptions{}))
	publishPlain(w, 3000)
	b(1_000_000, 1_000_001)
	var places []int
	for at, got := range turns(t, p) {
		if got.feed == 1 {
			places = append(places, at)
		}
	}
	assert.Equal(t, []int{pollerTurns, 2*pollerTurns + 1}, places)
}

func publishPlain(w *ring.Writer, n int) {
	for range n {
		record(w, ring.Record{Kind: ring.KindTicker, Instrument: ring.NoInstrument})
	}
}

// What is no record is told once for each feed, and the others go on.
func TestPollerTellsEachFeedsEnd(t *testing.T) {
	dir := t.TempDir()
	first, a, w := clocked(t, dir, "a")
	_, b, wb := clocked(t, dir, "b")
	p := NewPoller(openFeed(t, dir, "a", FeedOptions{}), openFeed(t, dir, "b", FeedOptions{Stay: true}))
	a(1)
	w.CloseSegment()
	require.NoError(t, first.Close(false))
	var out ring.Record
	i, answer := p.Next(&out)
	assert.Equal(t, []any{0, ring.AnswerRecord}, []any{i, answer})
	i, answer = p.Next(&out)
	assert.Equal(t, []any{0, ring.AnswerClosed}, []any{i, answer})
	i, answer = p.Next(&out)
	assert.Equal(t, []any{-1, ring.AnswerEmpty}, []any{i, answer})
	b(2)
	assert.Equal(t, []turn{{1, 2}}, turns(t, p))
	assert.False(t, p.Wait(time.Millisecond))

	_, a, _ = clocked(t, dir, "a")
	a(3)
	require.Eventually(t, func() bool {
		p.Wait(10 * time.Millisecond)
		i, answer = p.Next(&out)
		return answer == ring.AnswerSuperseded && p.Feed(0).Generation() == 2
	}, patience, time.Millisecond)
	assert.Zero(t, i)
	assert.Equal(t, []turn{{0, 3}}, turns(t, p))
	wb.CloseSegment()
	for range 100 { // an overrun is told each time
		a(4)
	}
	i, answer = p.Next(&out)
	assert.Equal(t, []any{0, ring.AnswerOverrun}, []any{i, answer})
}

// A loop over a poller sleeps on all bells, and ends with the context or with the
// last of its feeds.
func TestPollerLoops(t *testing.T) {
	dir := t.TempDir()
	_, a, wa := clocked(t, dir, "a")
	_, _, wb := clocked(t, dir, "b")
	p := NewPoller(openFeed(t, dir, "a", FeedOptions{Stay: true}), openFeed(t, dir, "b", FeedOptions{Stay: true}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan []turn)
	go func() {
		var all []turn
		for i, r := range p.Records(ctx) {
			all = append(all, turn{i, r.PublishTimeNS})
			if len(all) == 2 {
				cancel()
			}
		}
		done <- all
	}()
	a(1, 2)
	ring.Ring(wa.Doorbell())
	assert.Equal(t, []turn{{0, 1}, {0, 2}}, <-done)
	wa.CloseSegment()
	wb.CloseSegment()
	for range p.Records(context.Background()) {
		t.Error("nothing is left")
	}
}
