package ring

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What one call of Next answers, for every relation of slot, hint and cursor.
func TestNextAnswersByTheRing(t *testing.T) {
	cases := []struct {
		name    string
		ring    string
		hint    uint64
		cursor  uint64
		want    Answer
		record  uint64
		lost    uint64
		resumes uint64
	}{
		{name: "nothing was ever written", ring: ". . . . . . . .", cursor: 1, want: AnswerEmpty, resumes: 1},
		{name: "the first record is there", ring: ". 1 . . . . . .", hint: 1, cursor: 1, want: AnswerRecord, record: 1, resumes: 2},
		{name: "the frame of the record has not ended", ring: ". 1 . . . . . .", cursor: 1, want: AnswerRecord, record: 1, resumes: 2},
		{name: "the record is being written", ring: ". 1 2? . . . . .", hint: 1, cursor: 2, want: AnswerEmpty, resumes: 2},
		{name: "the slot holds the last lap", ring: "8 1 2 3 4 5 6 7", hint: 8, cursor: 9, want: AnswerEmpty, resumes: 9},
		{name: "the slot holds the next record of a later lap", ring: "8 9 2 3 4 5 6 7", hint: 9, cursor: 9, want: AnswerRecord, record: 9, resumes: 10},
		{name: "the last record before the tail is still whole", ring: "8 9 2 3 4 5 6 7", hint: 9, cursor: 2, want: AnswerRecord, record: 2, resumes: 3},
		{name: "the next lap is being written over it", ring: "8 9? 2 3 4 5 6 7", hint: 8, cursor: 1, want: AnswerOverrun, lost: 2, resumes: 3},
		{name: "the next lap has been written over it", ring: "8 9 2 3 4 5 6 7", hint: 9, cursor: 1, want: AnswerOverrun, lost: 2, resumes: 3},
		{name: "the hint lags behind the slot", ring: "8 9 10 11 12 5 6 7", hint: 5, cursor: 1, want: AnswerOverrun, lost: 2, resumes: 3},
		{name: "the hint is ahead of the slot", ring: "8 9 10 11 12 5 6 7", hint: 12, cursor: 1, want: AnswerOverrun, lost: 5, resumes: 6},
		{name: "a hundred laps have passed", ring: "800 801 802 803 796 797 798 799", hint: 803, cursor: 3, want: AnswerOverrun, lost: 794, resumes: 797},
		{name: "a cursor in the future waits", ring: "8 9 2 3 4 5 6 7", hint: 9, cursor: 20, want: AnswerEmpty, resumes: 20},
		{name: "a greater ring leaves an eighth of room", hint: 40, cursor: 1, want: AnswerOverrun, lost: 11, resumes: 12,
			ring: "32 33 34 35 36 37 38 39 40 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, r := fillRing(t, c.ring, c.hint)
			r.Seek(c.cursor)
			var out Record
			assert.Equal(t, c.want, r.Next(&out))
			assert.Equal(t, c.resumes, r.NextSequence())
			if c.want == AnswerRecord {
				assert.Equal(t, derivedRecord(c.record), out)
			}
			if c.want == AnswerOverrun {
				assert.Equal(t, c.lost, r.Lost())
				assert.Equal(t, ReaderStats{Lost: c.lost, Overruns: 1}, r.Stats)
			}
		})
	}
}

// The writer leaves the ring as drawn, lap after lap.
func TestWriterFillsTheRing(t *testing.T) {
	w, _ := newSegment(t, 8)
	for _, c := range []struct {
		publish int
		ring    string
	}{
		{1, ". 1 . . . . . ."},
		{6, ". 1 2 3 4 5 6 7"},
		{1, "8 1 2 3 4 5 6 7"},
		{3, "8 9 10 11 4 5 6 7"},
		{16, "24 25 26 27 20 21 22 23"},
	} {
		publishTickers(w, c.publish)
		assert.Equal(t, c.ring, drawRing(w))
	}
	assert.EqualValues(t, 27, w.LastSequence())
}

// Whatever the distance, what was read and what was lost add up.
func TestReadAndLostAddUp(t *testing.T) {
	for _, slots := range []int{8, 16, 64} {
		for ahead := range 3 * slots {
			w, r := newSegment(t, slots)
			publishTickers(w, ahead)
			var out Record
			for a := r.Next(&out); a != AnswerEmpty; a = r.Next(&out) {
				require.Contains(t, []Answer{AnswerRecord, AnswerOverrun}, a)
			}
			require.EqualValues(t, ahead, r.Stats.Records+r.Stats.Lost, "slots %d", slots)
			require.EqualValues(t, ahead+1, r.NextSequence())
			if ahead <= slots {
				require.Zero(t, r.Stats.Lost)
			}
		}
	}
}

// publishDepth publishes one event of n depth records and returns the last sequence.
func publishDepth(w *Writer, n int) (last uint64) {
	w.BeginFrame(1)
	for i := range n {
		r := Record{Kind: KindDepth, Instrument: NoInstrument}
		if i == 0 {
			r.Flags |= FlagFirst
		}
		if i == n-1 {
			r.Flags |= FlagLast
		}
		last = w.Publish(&r)
	}
	w.EndFrame()
	return last
}

// A reader that loses the beginning of a depth event is not given its rest; from
// the next beginning, or any other kind, it is given all.
func TestRestOfALostDepthEventIsDropped(t *testing.T) {
	var out Record
	t.Run("up to the next event", func(t *testing.T) {
		w, r := newSegment(t, 8)
		publishDepth(w, 6) // 1..6
		publishDepth(w, 3) // 7..9; resumes at 3
		require.Equal(t, AnswerOverrun, r.Next(&out))
		assert.EqualValues(t, 2, r.Lost())
		require.Equal(t, AnswerRecord, r.Next(&out))
		assert.EqualValues(t, 7, out.Sequence())
		assert.Equal(t, ReaderStats{Records: 1, Lost: 2, Overruns: 1, Skipped: 4}, r.Stats)
	})
	t.Run("up to a record of another kind", func(t *testing.T) {
		w, r := newSegment(t, 8)
		publishDepth(w, 6)
		publishTickers(w, 1)
		publishDepth(w, 2)
		require.Equal(t, AnswerOverrun, r.Next(&out))
		for _, want := range []uint64{7, 8, 9} {
			require.Equal(t, AnswerRecord, r.Next(&out))
			assert.Equal(t, want, out.Sequence())
		}
	})
	t.Run("nothing but the rest is there", func(t *testing.T) {
		w, r := newSegment(t, 8)
		publishDepth(w, 10)
		require.Equal(t, AnswerOverrun, r.Next(&out))
		require.Equal(t, AnswerEmpty, r.Next(&out))
		assert.EqualValues(t, 10, r.Stats.Skipped+r.Stats.Lost)
		last := publishDepth(w, 1)
		require.Equal(t, AnswerRecord, r.Next(&out))
		assert.Equal(t, last, out.Sequence())
	})
	t.Run("a reader that starts at the oldest is no exception", func(t *testing.T) {
		w, _ := newSegment(t, 8)
		publishDepth(w, 6)
		publishDepth(w, 3)
		r := NewReader(w.View())
		require.Equal(t, AnswerRecord, r.Next(&out))
		assert.EqualValues(t, 7, out.Sequence())
	})
	t.Run("a reader that asked for a sequence gets it", func(t *testing.T) {
		w, r := newSegment(t, 8)
		publishDepth(w, 6)
		r.Seek(4)
		require.Equal(t, AnswerRecord, r.Next(&out))
		assert.EqualValues(t, 4, out.Sequence())
	})
}

// Where the two seeks put the cursor.
func TestSeek(t *testing.T) {
	for _, c := range []struct {
		name           string
		published      int
		oldest, latest uint64
	}{
		{"an empty ring", 0, 1, 1},
		{"a ring that is not full", 7, 1, 8},
		{"a ring just full: its tail is next to go", 8, 2, 9},
		{"a ring in its third lap", 20, 14, 21},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newSegment(t, 8)
			publishTickers(w, c.published)
			r.SeekOldest()
			assert.Equal(t, c.oldest, r.NextSequence())
			var out Record
			if c.published > 0 {
				require.Equal(t, AnswerRecord, r.Next(&out))
				assert.Equal(t, c.oldest, out.Sequence())
			}
			r.SeekLatest()
			assert.Equal(t, c.latest, r.NextSequence())
			require.Equal(t, AnswerEmpty, r.Next(&out))
			publishTickers(w, 1)
			require.Equal(t, AnswerRecord, r.Next(&out))
			assert.Equal(t, c.latest, out.Sequence())
		})
	}
	t.Run("sequence 0 is the first", func(t *testing.T) {
		_, r := newSegment(t, 8)
		r.Seek(0)
		assert.EqualValues(t, 1, r.NextSequence())
	})
}

// The end of a segment is said only when every record has been handed out.
func TestEndIsSaidAfterTheLastRecord(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(w *Writer)
		want Answer
	}{
		{"closed", func(w *Writer) { w.CloseSegment() }, AnswerClosed},
		{"superseded", func(w *Writer) { Supersede(w.view.buf, 8) }, AnswerSuperseded},
		{"superseded, then closed by the old owner", func(w *Writer) {
			Supersede(w.view.buf, 8)
			w.CloseSegment()
		}, AnswerSuperseded},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newSegment(t, 8)
			publishTickers(w, 3)
			c.end(w)
			var out Record
			for range 3 {
				require.Equal(t, AnswerRecord, r.Next(&out))
			}
			for range 20 {
				require.Equal(t, c.want, r.Next(&out))
			}
			if c.want == AnswerSuperseded {
				assert.EqualValues(t, 8, r.View().SuccessorGeneration())
			}
		})
	}
	t.Run("closing ends an open frame", func(t *testing.T) {
		w, r := newSegment(t, 8)
		w.BeginFrame(1)
		w.Publish(&Record{Kind: KindTicker, Instrument: NoInstrument})
		w.CloseSegment()
		assert.EqualValues(t, 1, r.View().Watermark())
	})
	t.Run("a record that its dead writer left half written does not hide the end", func(t *testing.T) {
		w, r := fillRing(t, ". 1 2? . . . . .", 1)
		Supersede(w.view.buf, 8)
		var out Record
		require.Equal(t, AnswerRecord, r.Next(&out))
		require.Equal(t, AnswerSuperseded, r.Next(&out))
	})
}

// A record and the end that both come between a reader's look at the slot and its
// look at the state: the record is not lost.
func TestRecordThatRacesTheEndIsNotLost(t *testing.T) {
	for _, mark := range []uint64{2, 2 * 9} {
		w, r := newSegment(t, 8)
		slot := &w.slots[1]
		w.slots[1] = derivedRecord(mark / 2)
		w.CloseSegment()
		// The first look at the slot was taken before: it saw nothing.
		assert.Equal(t, AnswerEmpty, r.idle(slot, 1))
		var out Record
		assert.NotEqual(t, AnswerClosed, r.Next(&out))
	}
}

// nextUntil polls until Next gives the answer or the time is up.
func nextUntil(r *Reader, want Answer, limit time.Duration) bool {
	var out Record
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if r.Next(&out) == want {
			return true
		}
	}
	return false
}

// A hot heartbeat that stands still for a second is STALE, and no more so when it
// moves again; records are handed out either way.
func TestStaleIsReversible(t *testing.T) {
	w, r := newSegment(t, 8)
	w.HotBeat(1)
	begin := time.Now()
	require.True(t, nextUntil(r, AnswerStale, 3*time.Second))
	assert.InDelta(t, 1.0, time.Since(begin).Seconds(), 0.3)

	var out Record
	publishTickers(w, 1)
	assert.Equal(t, AnswerRecord, r.Next(&out), "a stale writer's record is a record")
	assert.Equal(t, AnswerStale, r.Next(&out), "a record is no heartbeat")
	w.HotBeat(2)
	assert.Equal(t, AnswerEmpty, r.Next(&out), "fresh at once")
}

// While the heart beats, silence is EMPTY.
func TestQuietIsNotStale(t *testing.T) {
	w, r := newSegment(t, 8)
	var out Record
	for i := range 26 {
		w.HotBeat(int64(i))
		require.Equal(t, AnswerEmpty, r.Next(&out))
		time.Sleep(50 * time.Millisecond)
	}
}

// Bytes that no writer leaves are DAMAGED, for good, and hand nothing out.
func TestDamage(t *testing.T) {
	good := func(w *Writer) *Record { return &w.slots[1] }
	cases := []struct {
		name   string
		spoil  func(w *Writer)
		cursor uint64
	}{
		{"kind 0", func(w *Writer) { good(w).Kind = 0 }, 1},
		{"an unknown kind", func(w *Writer) { good(w).Kind = 7 }, 1},
		{"kind 255", func(w *Writer) { good(w).Kind = 255 }, 1},
		{"a trade id longer than its field", func(w *Writer) {
			good(w).Kind = KindTrade
			good(w).Trade().TextLength = 25
		}, 1},
		{"more levels than a record has", func(w *Writer) {
			good(w).Kind = KindDepth
			good(w).Depth().Bids, good(w).Depth().Asks = 3, 2
		}, 1},
		{"level counts whose sum wraps a byte", func(w *Writer) {
			good(w).Kind = KindDepth
			good(w).Depth().Bids, good(w).Depth().Asks = 255, 1
		}, 1},
		{"a status text longer than its field", func(w *Writer) {
			good(w).Kind = KindStatus
			good(w).Status().TextLength = 41
		}, 1},
		{"a mark of another slot", func(w *Writer) { good(w).Commit = 2 * 10 }, 1},
		{"a mark beyond the limit", func(w *Writer) { good(w).Commit = 1<<64 - 1 }, 1},
		{"a hint beyond the limit", func(w *Writer) {
			good(w).Commit = 2 * 9
			w.view.h.LastSequence = MaxSequence + 1
		}, 1},
		{"a hint far beyond the ring", func(w *Writer) {
			good(w).Commit = 2 * 9
			w.view.h.LastSequence = 1 << 50
		}, 1},
		{"a state of none", func(w *Writer) { w.view.h.State = uint32(StateInitialising) }, 3},
		{"an unknown state", func(w *Writer) { w.view.h.State = 77 }, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, r := fillRing(t, ". 1 2 . . . . .", 2)
			c.spoil(w)
			r.Seek(c.cursor)
			var out Record
			require.Equal(t, AnswerDamaged, r.Next(&out))
			w.slots[1] = derivedRecord(1)
			w.view.h.State = uint32(StateLive)
			assert.Equal(t, AnswerDamaged, r.Next(&out), "final")
			assert.Zero(t, r.Stats.Records)
			assert.True(t, r.Wait(time.Minute), "nobody sleeps on a damaged segment")
		})
	}
	seeks := map[string]func(*Reader){
		"oldest": (*Reader).SeekOldest, "latest": (*Reader).SeekLatest,
		"join": func(r *Reader) { r.Join(func() {}) },
	}
	for name, seek := range seeks {
		t.Run("a header sequence beyond the limit, seeking "+name, func(t *testing.T) {
			w, r := fillRing(t, ". 1 2 . . . . .", 1<<64-1)
			w.view.h.Watermark = 1<<64 - 1
			seek(r)
			var out Record
			assert.Equal(t, AnswerDamaged, r.Next(&out))
		})
	}
}

// The clock is read once a frame, at its first record; the reader sees both times.
func TestFrameTimes(t *testing.T) {
	w, r := newSegment(t, 8)
	for frame := range int64(2) {
		w.BeginFrame(500 + frame)
		for range 2 {
			rec := Record{Kind: KindTicker, Instrument: NoInstrument}
			n := w.Publish(&rec)
			assert.Equal(t, n, rec.Sequence())
			var out Record
			require.Equal(t, AnswerRecord, r.Next(&out), "committed before the frame ends")
			assert.Equal(t, 500+frame, out.RecvTimeNS)
			assert.Equal(t, 1001+frame, out.PublishTimeNS)
		}
		assert.EqualValues(t, 2*frame, r.View().Watermark(), "stored once, when the frame ends")
		bell := *r.View().Doorbell()
		w.EndFrame()
		assert.EqualValues(t, 2*frame+2, r.View().Watermark())
		assert.NotEqual(t, bell, *r.View().Doorbell())
		bell = *r.View().Doorbell()
		w.EndFrame()
		assert.Equal(t, bell, *r.View().Doorbell(), "an empty frame rings nobody")
	}
}

// Nothing between frame and reader allocates.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	w, r := newSegment(t, 64)
	addInstruments(t, w, 4)
	rec := Record{Kind: KindBookTicker, Instrument: 1}
	book, image := NewBook(5), NewBook(5)
	var out Record
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		w.BeginFrame(1)
		w.Publish(&rec)
		w.WriteBook(1, image)
		w.Seen(1, KindBookTicker, 1)
		w.SetState(1, BitSubscribed, 1)
		w.EndFrame()
		w.HotBeat(1)
		w.FlushCounters()
	}))
	r.SeekLatest()
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		w.Publish(&rec)
		if r.Next(&out) != AnswerRecord || r.Next(&out) != AnswerEmpty {
			t.Error("the record was not read")
		}
		if r.View().ReadBoard(1, BoardBookTicker, &out) != AnswerRecord {
			t.Error("the board was not read")
		}
		if r.View().ReadBook(1, book) != AnswerRecord {
			t.Error("the book was not read")
		}
		r.Wait(0)
	}))
}
