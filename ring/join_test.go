package ring

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const joinInstruments = 4

// ownerOf is the instrument of record n in these tests.
func ownerOf(n uint64) uint16 { return uint16(mix(n, 7) >> 40 % joinInstruments) }

// truth is the newest record of an instrument among the first n, 0 when none.
func truth(id uint16, n uint64) uint64 {
	for ; n > 0; n-- {
		if ownerOf(n) == id {
			return n
		}
	}
	return 0
}

// publishOwned publishes a frame of count records, each of its owner.
func publishOwned(w *Writer, count int) {
	w.BeginFrame(1)
	for range count {
		n := w.LastSequence() + 1
		w.Publish(&Record{Kind: KindTicker, Instrument: ownerOf(n), VenueSequence: n})
	}
	w.EndFrame()
}

// joiner is a late reader's picture: the newest record of each instrument.
type joiner struct {
	r      *Reader
	newest [joinInstruments]uint64
}

// join copies the board and sets the cursor; false when an entry stayed busy.
func (j *joiner) join() bool {
	whole := true
	j.r.Join(func() {
		var out Record
		for id := range j.newest {
			switch j.r.View().ReadBoard(id, BoardTicker, &out) {
			case AnswerRecord:
				j.newest[id] = out.Sequence()
			case AnswerEmpty:
				j.newest[id] = 0
			default:
				whole = false
			}
		}
	})
	return whole
}

// apply takes a record unless the picture covers it.
func (j *joiner) apply(out *Record) {
	if j.newest[out.Instrument] < out.Sequence() {
		j.newest[out.Instrument] = out.Sequence()
	}
}

// check compares the picture with the truth at record n, where the entries that
// the board gave ahead of n are right already.
func (j *joiner) check(n uint64) error {
	for id, have := range j.newest {
		if have <= n && have != truth(uint16(id), n) {
			return fmt.Errorf("instrument %d at record %d: have %d, truth %d", id, n, have, truth(uint16(id), n))
		}
		if have > n && ownerOf(have) != uint16(id) {
			return fmt.Errorf("instrument %d has a record of another: %d", id, have)
		}
	}
	return nil
}

// Joined at any point of a frame, board and ring together are the truth: what
// came after the watermark is in the ring, what is in both is taken once.
func TestJoinInsideAFrame(t *testing.T) {
	for open := range 6 {
		w, r := newSegment(t, 64)
		addInstruments(t, w, joinInstruments)
		publishOwned(w, 11)
		w.BeginFrame(1)
		publish := func() {
			n := w.LastSequence() + 1
			w.Publish(&Record{Kind: KindTicker, Instrument: ownerOf(n), VenueSequence: n})
		}
		for range open {
			publish()
		}
		j := &joiner{r: r}
		require.True(t, j.join())
		require.EqualValues(t, 12, r.NextSequence(), "behind the last whole frame")
		require.NoError(t, j.check(11))
		publish()
		w.EndFrame()
		var out Record
		for want := uint64(12); want <= w.LastSequence(); want++ {
			require.Equal(t, AnswerRecord, r.Next(&out))
			require.Equal(t, want, out.Sequence())
			j.apply(&out)
			require.NoError(t, j.check(want))
		}
		require.Equal(t, AnswerEmpty, r.Next(&out))
	}
}

// followJoined reads some records behind a join; done is false when it was lapped.
func followJoined(j *joiner, records int) (done bool, err error) {
	var out Record
	if err := j.check(j.r.NextSequence() - 1); err != nil {
		return false, fmt.Errorf("at the watermark: %w", err)
	}
	for read := 0; read < records; {
		switch a := j.r.Next(&out); a {
		case AnswerRecord:
			read++
			j.apply(&out)
			if err := j.check(out.Sequence()); err != nil {
				return false, err
			}
		case AnswerOverrun:
			return false, nil
		case AnswerEmpty, AnswerStale:
			runtime.Gosched()
		default:
			return false, fmt.Errorf("answer %s", a)
		}
	}
	return true, nil
}

// Under a concurrent writer too, every late joiner that is not lapped has exactly
// the truth, from the watermark on.
func TestJoinUnderAConcurrentWriter(t *testing.T) {
	w, r := newSegment(t, 1<<15)
	addInstruments(t, w, joinInstruments)
	frame := 0
	joins, again := uint64(0), 0
	atFullSpeed(func() { frame++; publishOwned(w, 1+frame%5) }, func() {
		for begin := time.Now(); untilEnough(begin, shortOrFull(time.Second, time.Minute), joins); {
			j := &joiner{r: NewReader(r.View())}
			if !j.join() {
				again++
				continue
			}
			done, err := followJoined(j, 100)
			if !assert.NoError(t, err) {
				return
			}
			if done {
				joins++
			} else {
				again++
			}
		}
	})
	assert.GreaterOrEqual(t, joins, uint64(enough))
	t.Logf("%d joins, %d started again, %d records", joins, again, w.LastSequence())
}
