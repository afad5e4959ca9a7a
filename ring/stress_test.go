package ring

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// atFullSpeed runs step on a goroutine of its own until the test's part ends.
func atFullSpeed(step func(), during func()) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			step()
		}
	})
	during()
	stop.Store(true)
	wg.Wait()
}

// enough is how many whole copies, or joins, a stress must have seen to mean
// something.
const enough = 500

// untilEnough says true for d, and longer on a busy machine while too few copies
// were seen.
func untilEnough(begin time.Time, d time.Duration, seen uint64) bool {
	ran := time.Since(begin)
	return ran < d || seen < enough && ran < d+30*time.Second
}

// follow reads for d and checks each record and each loss against the sequence.
// It returns what is wrong, "" when nothing is. next is Next, or gives what
// NextBatch gives one by one; pending is what the reader has counted and next has not
// told yet.
func follow(r *Reader, next func(*Record) Answer, pending func() uint64, d time.Duration) string {
	var out Record
	expected := r.NextSequence()
	for begin := time.Now(); untilEnough(begin, d, r.Stats.Records); {
		for range 1000 {
			switch a := next(&out); a {
			case AnswerRecord:
				if out.Sequence() != expected {
					return "a record out of its place"
				}
				if !isDerived(&out) {
					return "a torn record"
				}
				expected++
			case AnswerOverrun:
				expected += r.Lost()
			case AnswerEmpty, AnswerStale:
			default:
				return "answer " + a.String()
			}
		}
	}
	if r.Stats.Records+r.Stats.Lost-pending() != expected-1 {
		return "a loss that was not counted"
	}
	return ""
}

// oneByOne hands out what NextBatch copies, at most size records at a time. pending is
// how many records, and losses, of the batch are still to come.
func oneByOne(r *Reader, size int) (next func(*Record) Answer, pending func() uint64) {
	batch := make([]Record, size)
	var left []Record
	behind := AnswerRecord
	pending = func() uint64 {
		if behind == AnswerOverrun {
			return uint64(len(left)) + r.Lost()
		}
		return uint64(len(left))
	}
	next = func(out *Record) Answer {
		if len(left) == 0 && behind == AnswerRecord {
			var n int
			n, behind = r.NextBatch(batch)
			left = batch[:n]
		}
		if len(left) > 0 {
			*out, left = left[0], left[1:]
			return AnswerRecord
		}
		a := behind
		behind = AnswerRecord
		return a
	}
	return next, pending
}

// A batch gives the same records, losses and ends as one call after the other, of
// whatever size.
func TestBatchIsManyNexts(t *testing.T) {
	for size := 1; size <= 20; size++ {
		golden := goldenSegment(t)
		v, err := OpenView(golden)
		require.NoError(t, err)
		one, many := NewReader(v), NewReader(v)
		one.Seek(1)
		many.Seek(1)
		next, _ := oneByOne(many, size)
		for range 40 {
			var a, b Record
			answer := one.Next(&a)
			require.Equal(t, answer, next(&b))
			if answer == AnswerRecord {
				require.Equal(t, a, b)
			}
		}
		require.Equal(t, one.Stats, many.Stats)
		n, answer := many.NextBatch(nil)
		assert.Zero(t, n)
		assert.Equal(t, AnswerRecord, answer)
	}
}

// A writer at full speed over eight slots and several readers at its heels: not
// one torn record is handed out, and every loss is counted.
func TestNoTornRecordUnderStress(t *testing.T) {
	buf := segmentBytes(t, testConfig(8))
	w, step := derivedWriter(t, buf)
	addInstruments(t, w, 4)
	w.Ready()
	v, err := OpenView(buf)
	require.NoError(t, err)
	readers := []*Reader{NewReader(v), NewReader(v), NewReader(v)}
	wrong := make([]string, len(readers))
	atFullSpeed(step, func() {
		var wg sync.WaitGroup
		for i, r := range readers {
			next, pending := r.Next, func() uint64 { return 0 }
			if i == 0 {
				next, pending = oneByOne(r, 3)
			}
			wg.Go(func() { wrong[i] = follow(r, next, pending, shortOrFull(time.Second, time.Minute)) })
		}
		wg.Wait()
	})
	for i, r := range readers {
		assert.Empty(t, wrong[i])
		assert.GreaterOrEqual(t, r.Stats.Records, uint64(enough))
		t.Logf("%s, reader %d of %d records: %+v", publishName, i, w.LastSequence(), r.Stats)
	}
}

// boardWatcher checks board entries against the sequence in them.
func boardWatcher(v *View, d time.Duration) (wrong string, whole uint64) {
	var out Record
	var newest [4]uint64
	for begin := time.Now(); untilEnough(begin, d, whole); {
		for id := range 4 {
			switch v.ReadBoard(id, BoardBookTicker, &out) {
			case AnswerRecord:
				whole++
				if !isDerived(&out) || int(out.Instrument) != id {
					return "a torn board entry", whole
				}
				if out.Sequence() < newest[id] {
					return "a board entry that went back", whole
				}
				newest[id] = out.Sequence()
			case AnswerDamaged:
				return "a damaged board entry", whole
			}
		}
	}
	return "", whole
}

// The board's entries, under a writer at full speed, are whole and never go back.
func TestNoTornBoardUnderStress(t *testing.T) {
	buf := segmentBytes(t, testConfig(8))
	w, step := derivedWriter(t, buf)
	addInstruments(t, w, 4)
	w.Ready()
	atFullSpeed(step, func() {
		wrong, whole := boardWatcher(w.View(), shortOrFull(500*time.Millisecond, 30*time.Second))
		assert.Empty(t, wrong)
		assert.GreaterOrEqual(t, whole, uint64(enough))
	})
}

// So are the books, whose copy takes longest.
func TestNoTornBookUnderStress(t *testing.T) {
	w, r := newSegment(t, 8)
	addInstruments(t, w, 1)
	image := NewBook(5)
	var n uint64
	step := func() {
		n++
		imageOf(image, n)
		w.WriteBook(0, image)
	}
	step()
	atFullSpeed(step, func() {
		got, want := NewBook(5), NewBook(5)
		var whole uint64
		for begin := time.Now(); untilEnough(begin, shortOrFull(500*time.Millisecond, 30*time.Second), whole); {
			switch a := r.View().ReadBook(0, got); a {
			case AnswerRecord:
				whole++
				imageOf(want, got.Header.AsOf)
				want.Header.Version = 2 * got.Header.AsOf
				if *got != *want {
					t.Errorf("a torn book at %d", got.Header.AsOf)
					return
				}
			case AnswerBusy:
			default:
				t.Errorf("answer %s", a)
				return
			}
		}
		assert.GreaterOrEqual(t, whole, uint64(enough))
	})
}
