package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// poller is the one of package shm over feeds that stay with their segments.
type poller struct {
	feeds  []*shm.Feed
	merged *shm.Poller
}

func (p *poller) close() {
	var errs []error
	for _, f := range p.feeds {
		errs = append(errs, f.Close())
	}
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
}

func (d *driver) openPoller(paths []string) string {
	if d.poller != nil {
		d.poller.close()
		d.poller = nil
	}
	p := &poller{}
	for _, path := range paths {
		f, err := shm.OpenFeed(context.Background(), path, shm.FeedOptions{From: shm.FromOldest, Stay: true})
		if err != nil {
			p.close()
			return "ERROR " + errorName(err)
		}
		p.feeds = append(p.feeds, f)
	}
	p.merged = shm.NewPoller(p.feeds...)
	d.poller = p
	return "POLLER feeds=" + strconv.Itoa(len(paths))
}

func (d *driver) poll(args []string) string {
	var rec ring.Record
	for n := number(args[0]); n > 0; n-- {
		i, a := d.poller.merged.Next(&rec)
		switch {
		case a == ring.AnswerEmpty && i >= 0: // a publisher that was STALE is back
			n++
		case a == ring.AnswerEmpty:
			return "EMPTY"
		case a == ring.AnswerRecord:
			d.say(fmt.Sprintf("FEED %d %s", i, newLine("RECORD").record(&rec)))
		case a == ring.AnswerOverrun:
			d.say(fmt.Sprintf("FEED %d OVERRUN lost=%d next=%d", i, d.poller.feeds[i].Lost(), d.poller.next(i)))
		default:
			d.say(fmt.Sprintf("FEED %d %s", i, a))
		}
	}
	return ""
}

// next is where a feed stands behind an overrun: its lag says so, for there is always
// something behind what was lost.
func (p *poller) next(i int) uint64 {
	return p.feeds[i].View().LastSequence() + 1 - p.feeds[i].Lag()
}
