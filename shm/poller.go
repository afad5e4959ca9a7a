package shm

import (
	"context"
	"iter"
	"time"

	"github.com/tickring/tickring/ring"
)

// pollerTurns is how many records in a row one feed may give while another has some:
// the same bound in every language.
const pollerTurns = 1024

// Poller reads several feeds as one stream on one clock: of the records that are
// there it hands out the one with the least PublishTimeNS, which is this host's time
// for every venue; of equal ones that of the feed which was given first. It does not
// wait for a feed that has nothing, and serves no feed more than 1,024 times in a row
// while another has a record. Feeds of a poller are read through it alone; their
// other calls may be used. Not for several threads at a time.
type Poller struct {
	feeds   []*Feed
	told    []news
	readers []*ring.Reader // of Wait
	last    int
	streak  int
}

// NewPoller reads these feeds. They stay the caller's to close.
func NewPoller(feeds ...*Feed) *Poller {
	p := &Poller{feeds: feeds, told: make([]news, len(feeds)), readers: make([]*ring.Reader, 0, len(feeds)), last: -1}
	for i, f := range feeds {
		p.told[i] = news{lasts: ring.AnswerEmpty, generation: f.Generation()}
	}
	return p
}

// Feed is feed i, by the order of NewPoller.
func (p *Poller) Feed(i int) *Feed { return p.feeds[i] }

// Next copies the next record and says whose it is. Answers other than RECORD are
// those of Feed.Next, said once for each feed when they begin, EMPTY when a STALE one
// is back; the other feeds go on. Feed -1 and EMPTY: none has anything to say.
func (p *Poller) Next(out *ring.Record) (feed int, a ring.Answer) {
	feed, r, a := p.take()
	if r != nil {
		*out = *r
	}
	return feed, a
}

func (p *Poller) take() (int, *ring.Record, ring.Answer) {
	for i, f := range p.feeds {
		if f.head < f.tail {
			continue
		}
		if a := f.fill(); p.told[i].is(a, f.Generation()) {
			return i, nil, a
		}
	}
	i := p.oldest(-1)
	if i < 0 {
		return -1, nil, ring.AnswerEmpty
	}
	if i == p.last && p.streak >= pollerTurns {
		if other := p.oldest(i); other >= 0 {
			i = other
		}
	}
	if i != p.last {
		p.last, p.streak = i, 0
	}
	p.streak++
	f := p.feeds[i]
	f.head++
	return i, &f.batch[f.head-1], ring.AnswerRecord
}

// oldest is the feed with the oldest record at its head, but for one; -1: none.
func (p *Poller) oldest(but int) int {
	best, at := -1, int64(0)
	for i, f := range p.feeds {
		if i == but || f.head == f.tail {
			continue
		}
		if t := f.batch[f.head].PublishTimeNS; best < 0 || t < at {
			best, at = i, t
		}
	}
	return best
}

// Wait returns as soon as Next may have something new to say, false when timeout has
// passed. It sleeps on all doorbells at once.
func (p *Poller) Wait(timeout time.Duration) bool {
	p.readers = p.readers[:0]
	step := timeout
	for _, f := range p.feeds {
		switch {
		case f.head < f.tail || f.owed != ring.AnswerEmpty || f.join.left():
			return true
		case f.ended || f.cut != nil: // its name is tried when it is looked at
			step = min(step, retryEvery)
		default:
			f.report()
			p.readers = append(p.readers, f.reader)
		}
	}
	step = min(step, retryEvery) // a file that leads elsewhere rings no bell
	woken := -1
	p.guard(len(p.feeds), func() { woken = ring.WaitAny(p.readers, step) })
	return woken >= 0 || timeout >= retryEvery
}

// guard runs code inside the guards of the first n feeds; a fault is kept by the feed
// whose it is.
func (p *Poller) guard(n int, code func()) {
	if n == 0 {
		code()
		return
	}
	f := p.feeds[n-1]
	if err := Guard(f.mapping.buf, func() { p.guard(n-1, code) }); err != nil {
		f.cut = err
	}
}

// Records gives every record of every feed with the number of its feed, until the
// context ends, or every feed has. A record is good until the next one. Losses are in
// each feed's Stats; a loop that keeps state from records wants Next.
func (p *Poller) Records(ctx context.Context) iter.Seq2[int, *ring.Record] {
	return func(yield func(int, *ring.Record) bool) {
		for turn := 1; ; turn++ {
			i, r, a := p.take()
			if r != nil && !yield(i, r) {
				return
			}
			if r != nil && turn%looksMost != 0 {
				continue
			}
			if ctx.Err() != nil || p.over() {
				return
			}
			if a == ring.AnswerEmpty && i < 0 {
				p.Wait(retryEvery)
			}
		}
	}
}

// over says whether no feed will give anything any more.
func (p *Poller) over() bool {
	for i, f := range p.feeds {
		a := p.told[i].lasts
		final := a == ring.AnswerDamaged || f.opts.Stay && (a == ring.AnswerClosed || a == ring.AnswerSuperseded)
		if f.head < f.tail || !final {
			return false
		}
	}
	return true
}
