package faults

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// The Go reader is this test binary under another name: its environment says what
// to read.
const (
	envReaderDir  = "TICKRING_FAULTS_DIR"
	envReaderFeed = "TICKRING_FAULTS_FEED"
	envReaderNap  = "TICKRING_FAULTS_NAP_MS" // sleep so long twice a second, to be lapped
)

const (
	retryEvery  = 100 * time.Millisecond // between two looks at the name
	tellEvery   = 100 * time.Millisecond // between two lines of totals
	napEvery    = 500 * time.Millisecond
	waitAtMost  = 20 * time.Millisecond
	batchSize   = 1024 // records between two looks at the clock
	boardAtOnce = 4    // instruments judged after a batch
)

// follower reads a feed from generation to generation and reports.
type follower struct {
	*reporter
	dir, feed string
	nap       time.Duration
	stop      atomic.Bool

	mapping  *shm.Mapping
	reader   *ring.Reader
	checker  *checker
	book     *ring.Book
	stale    bool
	deleted  bool
	board    int // instrument whose board is judged next
	tried    time.Time
	told     time.Time
	looked   time.Time
	napped   time.Time
	stats    ring.ReaderStats // of this generation, as last added to the report
	baseline report           // totals when this generation began
}

// followMain is the reader's process. It ends on SIGTERM.
func followMain() int {
	ms, err := strconv.Atoi(os.Getenv(envReaderNap))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	f := &follower{
		reporter: newReporter(os.Stdout), dir: os.Getenv(envReaderDir), feed: os.Getenv(envReaderFeed),
		nap: time.Duration(ms) * time.Millisecond,
	}
	f.watchForEnd()
	for !f.stop.Load() && f.mapping == nil {
		if m, err := shm.Open(f.dir, f.feed); err == nil {
			f.attach(m)
		} else {
			time.Sleep(5 * time.Millisecond)
		}
	}
	for !f.stop.Load() {
		f.turn()
	}
	f.say(eventEnd)
	return 0
}

func (f *follower) watchForEnd() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		f.stop.Store(true)
	}()
}

// attach begins in a generation.
func (f *follower) attach(m *shm.Mapping) {
	if f.mapping != nil {
		f.Moved++
		if err := f.mapping.Close(); err != nil {
			f.torn("unmap: " + err.Error())
		}
	}
	f.mapping, f.stale, f.deleted, f.board = m, false, false, 0
	f.stats, f.baseline = ring.ReaderStats{}, f.report
	gone := m.Guard(func() {
		f.Generation = m.View().Generation()
		f.reader = ring.NewReader(m.View())
		f.checker = newChecker(f.reporter, f.reader.NextSequence())
		f.book = ring.NewBook(m.View().BookDepth())
	})
	f.say(eventAttached)
	if gone != nil {
		f.shrunk()
	}
}

// turn reads what is there and acts on the answer behind it.
func (f *follower) turn() {
	var answer ring.Answer
	gone := f.mapping.Guard(func() {
		answer = f.batch()
		f.judgeBoards()
	})
	f.tell()
	if gone != nil {
		f.shrunk()
		return
	}
	switch answer {
	case ring.AnswerEmpty, ring.AnswerStale:
		f.idle(answer == ring.AnswerStale)
	case ring.AnswerClosed:
		f.over(eventClosed)
	case ring.AnswerSuperseded:
		f.over(eventSuperseded)
	case ring.AnswerDamaged:
		f.over(eventDamaged)
	}
}

func (f *follower) batch() ring.Answer {
	var r ring.Record
	for range batchSize {
		answer := f.reader.Next(&r)
		f.account()
		switch answer {
		case ring.AnswerRecord:
			f.checker.record(&r)
		case ring.AnswerOverrun:
			f.checker.gone(f.reader.Lost())
			f.Next = f.reader.NextSequence()
		default:
			return answer
		}
	}
	return ring.AnswerRecord
}

// account adds what the reader counted to the totals; what it dropped leaves the
// sequence.
func (f *follower) account() {
	s := f.reader.Stats
	f.checker.gone(s.Skipped - f.stats.Skipped)
	f.stats = s
	f.Lost, f.Skipped = f.baseline.Lost+s.Lost, f.baseline.Skipped+s.Skipped
	f.Overruns, f.Rejected = f.baseline.Overruns+s.Overruns, f.baseline.Rejected+s.Torn
}

func (f *follower) judgeBoards() {
	v := f.mapping.View()
	count := v.InstrumentCount()
	for range min(boardAtOnce, count) {
		f.board = (f.board + 1) % count
		f.checker.board(v, f.board, f.book)
	}
}

// tell prints totals and takes the nap, both when due.
func (f *follower) tell() {
	now := time.Now()
	if now.Sub(f.told) >= tellEvery {
		f.told = now
		f.say(eventTotals)
	}
	if f.nap > 0 && now.Sub(f.napped) >= napEvery {
		f.napped = now
		time.Sleep(f.nap)
	}
}

func (f *follower) idle(stale bool) {
	if stale != f.stale {
		f.stale = stale
		if stale {
			f.say(eventStale)
		} else {
			f.say(eventFresh)
		}
	}
	if now := time.Now(); now.Sub(f.looked) >= retryEvery {
		f.looked = now
		switch _, err := f.mapping.Changed(); {
		case errors.Is(err, shm.ErrShrunk):
			f.shrunk()
			return
		case errors.Is(err, shm.ErrNoFeed) && !f.deleted:
			f.deleted = true
			f.say(eventDeleted)
		}
	}
	if stale && f.successor() {
		return
	}
	if f.mapping.Guard(func() { f.reader.Wait(waitAtMost) }) != nil {
		f.shrunk()
	}
}

// over leaves a generation that has ended: got, lost and skipped must add up to
// where the reader stands.
func (f *follower) over(event string) {
	f.checkPlace()
	f.say(event)
	f.await()
}

func (f *follower) checkPlace() {
	if next := f.reader.NextSequence(); next != f.checker.expected {
		f.checker.misplaced(next)
	}
	sum := (f.Got - f.baseline.Got) + (f.Lost - f.baseline.Lost) + (f.Skipped - f.baseline.Skipped)
	if sum != f.reader.NextSequence()-f.First {
		f.checker.misplaced(f.First + sum)
	}
}

func (f *follower) shrunk() {
	f.say(eventShrunk)
	f.await()
}

// await waits for the next generation.
func (f *follower) await() {
	for !f.stop.Load() && !f.successor() {
		f.tell()
		time.Sleep(10 * time.Millisecond)
	}
}

// successor moves to the next generation when there is one, and looks for it at
// most every 100 ms.
func (f *follower) successor() bool {
	now := time.Now()
	if now.Sub(f.tried) < retryEvery {
		return false
	}
	f.tried = now
	m, err := f.mapping.Successor()
	if err != nil || m == nil {
		return false
	}
	f.attach(m)
	return true
}
