package main

import (
	"fmt"
	"strconv"

	"github.com/tickring/tickring/ring"
)

// maxTurns is how often one feed is served in a row while another has a record; the
// protocol's number.
const maxTurns = 1024

// feed is one segment of the poller.
type feed struct {
	*reader
	held bool        // rec waits to be handed out
	told ring.Answer // the state that was said last
}

// poller merges feeds by publish time.
type poller struct {
	feeds []*feed
	last  int // served last
	turns int // in a row
}

func (p *poller) close() {
	for _, f := range p.feeds {
		f.close()
	}
}

func (d *driver) openPoller(paths []string) string {
	if d.poller != nil {
		d.poller.close()
		d.poller = nil
	}
	p := &poller{last: -1}
	for _, path := range paths {
		r, err := openPath(path)
		if err != nil {
			p.close()
			return "ERROR " + errorName(err)
		}
		p.feeds = append(p.feeds, &feed{reader: r})
	}
	d.poller = p
	return "POLLER feeds=" + strconv.Itoa(len(paths))
}

func (d *driver) poll(args []string) string {
	for n := number(args[0]); n > 0; n-- {
		i, a := d.poller.next()
		if i < 0 {
			return "EMPTY"
		}
		d.say(fmt.Sprintf("FEED %d %s", i, d.poller.feeds[i].line(a)))
	}
	return ""
}

// next is the next answer and the feed it is of; -1 when none has anything to say.
func (p *poller) next() (int, ring.Answer) {
	said, state := -1, ring.AnswerEmpty
	for i, f := range p.feeds {
		if f.held {
			continue
		}
		a := f.reader.next()
		switch a {
		case ring.AnswerRecord:
			f.held, f.told = true, ring.AnswerRecord
		case ring.AnswerOverrun:
			return i, a
		case ring.AnswerEmpty:
			f.told = a
		default:
			if said < 0 && f.told != a {
				said, state = i, a
			}
		}
	}
	if i := p.choose(); i >= 0 {
		f := p.feeds[i]
		f.held = false
		return i, ring.AnswerRecord
	}
	if said >= 0 {
		p.feeds[said].told = state
	}
	return said, state
}

// choose takes the held record with the least publish time.
func (p *poller) choose() int {
	best := p.least(-1)
	if best == p.last && p.turns >= maxTurns {
		if other := p.least(best); other >= 0 {
			best = other
		}
	}
	if best != p.last {
		p.last, p.turns = best, 0
	}
	p.turns++
	return best
}

func (p *poller) least(not int) int {
	best := -1
	for i, f := range p.feeds {
		if f.held && i != not && (best < 0 || f.rec.PublishTimeNS < p.feeds[best].rec.PublishTimeNS) {
			best = i
		}
	}
	return best
}
