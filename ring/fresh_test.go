package ring

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// freshFeed is a segment whose instrument 0 is fresh within a minute of now.
func freshFeed(t *testing.T, source Source) *Writer {
	t.Helper()
	c := testConfig(8)
	c.Source = source
	w, err := NewWriter(segmentBytes(t, c), func() int64 { return 1 })
	require.NoError(t, err)
	addInstruments(t, w, 2)
	w.Ready()
	now := time.Now().UnixNano()
	w.HotBeat(now)
	w.SetState(0, BitSubscribed, 1)
	w.SetInstrumentConnection(0, 3)
	w.ConnectionSeen(3, now)
	return w
}

// Each part of the promise by itself takes it away.
func TestFreshWithinNeedsEverything(t *testing.T) {
	now := time.Now().UnixNano()
	cases := []struct {
		name   string
		source Source
		spoil  func(w *Writer)
		id     int
		want   bool
	}{
		{name: "all is well", want: true},
		{name: "simulated", source: SourceSimulated},
		{name: "a replay", source: SourceReplay},
		{name: "an instrument without data", id: 1},
		{name: "no instrument", id: 2},
		{name: "a negative instrument", id: -1},
		{name: "not subscribed", spoil: func(w *Writer) { w.SetState(0, 0, 1) }},
		{name: "stale", spoil: func(w *Writer) { w.SetState(0, BitSubscribed|BitStale, 1) }},
		{name: "suspect", spoil: func(w *Writer) { w.SetState(0, BitSubscribed|BitSuspect, 1) }},
		{name: "resyncing", spoil: func(w *Writer) { w.SetState(0, BitSubscribed|BitResyncing, 1) }},
		{name: "refused", spoil: func(w *Writer) { w.SetState(0, BitSubscribed|BitRefused, 1) }},
		{name: "halted", spoil: func(w *Writer) { w.SetState(0, BitSubscribed|BitHalted, 1) }},
		{name: "no connection", spoil: func(w *Writer) { w.SetInstrumentConnection(0, NoConnection) }},
		{name: "nothing received yet", spoil: func(w *Writer) { w.SetInstrumentConnection(0, 4) }},
		{name: "received too long ago", spoil: func(w *Writer) { w.ConnectionSeen(3, now-int64(2*time.Minute)) }},
		{name: "received in the future", spoil: func(w *Writer) { w.ConnectionSeen(3, now+int64(2*time.Minute)) }},
		{name: "a receive time that is damage", spoil: func(w *Writer) { w.ConnectionSeen(3, math.MinInt64) }},
		{name: "the hot thread stands still", spoil: func(w *Writer) { w.HotBeat(now - 2*StaleAfterNS) }},
		{name: "a beat in the future", spoil: func(w *Writer) { w.HotBeat(now + int64(time.Minute)) }},
		{name: "closed", spoil: func(w *Writer) { w.CloseSegment() }},
		{name: "superseded", spoil: func(w *Writer) { Supersede(w.view.buf, 8) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.source == 0 {
				c.source = SourceLive
			}
			w := freshFeed(t, c.source)
			if c.spoil != nil {
				c.spoil(w)
			}
			assert.Equal(t, c.want, w.View().FreshWithin(c.id, time.Minute))
			assert.False(t, w.View().FreshWithin(c.id, 0))
		})
	}
}

// The age of a quote is that of the newest one received, and none before the first.
func TestQuoteAge(t *testing.T) {
	w := freshFeed(t, SourceLive)
	for _, id := range []int{-1, 0, 2} {
		_, ok := w.View().QuoteAge(id)
		assert.False(t, ok)
	}
	w.Seen(0, KindBookTicker, time.Now().Add(-time.Hour).UnixNano())
	age, ok := w.View().QuoteAge(0)
	assert.True(t, ok)
	assert.InDelta(t, time.Hour, age, float64(time.Minute))
	w.Seen(0, KindBookTicker, time.Now().Add(time.Hour).UnixNano())
	age, ok = w.View().QuoteAge(0)
	assert.True(t, ok)
	assert.Zero(t, age)
	w.Seen(0, KindBookTicker, -1)
	age, ok = w.View().QuoteAge(0)
	assert.True(t, ok)
	assert.Equal(t, time.Duration(1<<63-1), age, "garbage is no young quote")
}

// What a strategy calls in its loop allocates nothing.
func TestReaderCallsDoNotAllocate(t *testing.T) {
	w := freshFeed(t, SourceLive)
	w.Seen(0, KindBookTicker, 1)
	r := NewReader(w.View())
	readers := []*Reader{r}
	var out Record
	for name, call := range map[string]func(){
		"FreshWithin": func() { w.View().FreshWithin(0, time.Minute) },
		"QuoteAge":    func() { w.View().QuoteAge(0) },
		"NextHead":    func() { publishTickers(w, 1); r.NextHead(&out) },
		"Lag":         func() { r.Lag() },
		"WaitAny":     func() { WaitAny(readers, time.Microsecond) },
	} {
		assert.Zero(t, testing.AllocsPerRun(20, call), name)
	}
}

// The first line alone has what a decision needs; the second keeps what it had.
func TestNextHeadReadsOneLine(t *testing.T) {
	buf := segmentBytes(t, testConfig(8))
	w, step := derivedWriter(t, buf)
	w.Ready()
	r := NewReader(w.View())
	var out Record
	require.Equal(t, AnswerEmpty, r.NextHead(&out))
	step()
	step()
	step()
	out.Body[4], out.PublishTimeNS = 42, 43
	require.Equal(t, AnswerRecord, r.NextHead(&out))
	want := derivedRecord(1)
	assert.EqualValues(t, 1, out.Sequence())
	assert.Equal(t, *(*[8]uint64)(words(&want)[:8]), *(*[8]uint64)(words(&out)[:8]))
	assert.Equal(t, uint64(42), out.Body[4])
	assert.Equal(t, int64(43), out.PublishTimeNS)
	require.Equal(t, AnswerRecord, r.Next(&out))
	assert.True(t, isDerived(&out), "the two calls share one cursor")
	for range 20 {
		step()
	}
	assert.Equal(t, AnswerOverrun, r.NextHead(&out))
	assert.Equal(t, uint64(7), r.Lag(), "the rest of a lap")
}

// A head of a kind that does not exist is damage like a whole record of one, and so
// is a status whose length, in the first line, is out of range.
func TestNextHeadChecksWhatItHas(t *testing.T) {
	for name, spoil := range map[string]func(*Record){
		"kind":          func(r *Record) { r.Kind = 7 },
		"status length": func(r *Record) { r.Kind = KindStatus; r.Status().TextLength = 41 },
	} {
		w, r := newSegment(t, 8)
		publishTickers(w, 1)
		spoil(&w.slots[1])
		assert.Equal(t, AnswerDamaged, r.NextHead(&Record{}), name)
	}
}

// Of several segments the one that has something is told: at once, when its bell
// rings, when it ends, when its writer is found dead, and with more segments than the
// kernel watches; none when time is up.
func TestWaitAny(t *testing.T) {
	ws, rs := make([]*Writer, 4), make([]*Reader, 4)
	for i := range ws {
		ws[i], rs[i] = newSegment(t, 8)
	}
	assert.Equal(t, -1, WaitAny(rs, 5*time.Millisecond))
	assert.Equal(t, -1, WaitAny(nil, time.Millisecond))
	publishTickers(ws[1], 1)
	assert.Equal(t, 1, WaitAny(rs, time.Minute))
	assert.Equal(t, AnswerRecord, rs[1].Next(&Record{}))
	after(t, 5*time.Millisecond, func() { publishTickers(ws[2], 1); Ring(ws[2].Doorbell()) })
	begin := time.Now()
	assert.Equal(t, 2, WaitAny(rs, time.Minute))
	assert.Less(t, time.Since(begin), 30*time.Second)
	rs[2].Next(&Record{})

	many := make([]*Reader, maxWaiters+1)
	for i := range many {
		many[i] = NewReader(ws[0].View())
	}
	many[0] = NewReader(ws[3].View())
	after(t, 5*time.Millisecond, func() { publishTickers(ws[3], 1) })
	assert.Equal(t, 0, WaitAny(many, time.Minute))

	after(t, 5*time.Millisecond, func() { ws[0].CloseSegment(); Ring(ws[0].Doorbell()) })
	assert.Equal(t, 0, WaitAny(rs[:3], time.Minute))
}

// A writer that stands still is worth saying once, whichever of several it is.
func TestWaitAnyNoticesADeadWriter(t *testing.T) {
	alive, r0 := newSegment(t, 8)
	dead, r1 := newSegment(t, 8)
	dead.HotBeat(1)
	done := make(chan int, 1)
	go func() { done <- WaitAny([]*Reader{r0, r1}, time.Minute) }()
	for beat := int64(1); ; beat++ {
		alive.HotBeat(beat)
		select {
		case who := <-done:
			assert.Equal(t, 1, who)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
