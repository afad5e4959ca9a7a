package main

import (
	"fmt"

	"github.com/tickring/tickring/feed"
)

// judge ends the recorder of the whole run and compares all recordings.
func (w *recordWorld) judge() recordResult {
	r := recordResult{venue: w.set.venue, legs: w.legs, faults: w.faults, kills: len(w.lives)}
	w.begin("compared")
	r.equal = w.judgeWhole(&r)
	r.killedEqual = len(w.lives) > 0
	for _, life := range w.lives {
		r.killedEqual = w.judgeKilled(&r, life) && r.killedEqual
	}
	if w.count() > 0 {
		r.equal = false
	}
	return r
}

// judgeWhole ends the recorder of the whole run and replays it.
func (w *recordWorld) judgeWhole(r *recordResult) bool {
	said, err := w.whole.close()
	if err != nil {
		w.mismatch(err.Error())
		return false
	}
	live := w.whole.live
	r.records, r.hash = live.count(), live.sum()
	p, err := w.whole.replay(w.program, w.dir)
	if err != nil {
		w.mismatch(err.Error())
		return false
	}
	r.replayed, r.replayedHash = p.read.count(), p.read.sum()
	return w.agrees(w.whole.feed, wholeDiffers(said, live, p))
}

// judgeKilled replays what a killed recorder left.
func (w *recordWorld) judgeKilled(r *recordResult, life *recorder) bool {
	p, err := life.replay(w.program, w.dir)
	if err != nil {
		w.mismatch(err.Error())
		return false
	}
	r.killedRecords += p.read.count()
	r.killedLoss = max(r.killedLoss, life.live.age(p.read.count(), life.killedNS))
	return w.agrees(life.feed, killedDiffers(life.live, p, life.killedNS))
}

// agrees is true where there is nothing to tell of a feed.
func (w *recordWorld) agrees(feed, text string) bool {
	if text != "" {
		w.mismatch(fmt.Sprintf("%s of %d legs: %s", feed, w.legs, text))
	}
	return text == ""
}

// wholeDiffers wants three to be one: what a reader got live, what the recorder says,
// and what a reader gets of the replay.
func wholeDiffers(said feed.RecordSummary, live *transcript, p *replayed) string {
	switch text := live.differs(p.read); {
	case live.failed != "" || p.read.failed != "":
		return live.failed + p.read.failed
	case text != "":
		return text
	case p.read.count() != live.count():
		return fmt.Sprintf("%d records were replayed of %d", p.read.count(), live.count())
	case said.Records != live.count() || said.Hash != live.sum():
		return fmt.Sprintf("the recorder says %d records, hash %q, %d losses; its reader got %d, %s",
			said.Records, said.Hash, said.Losses, live.count(), live.sum())
	}
	return replayDiffers(p)
}

// killedDiffers wants the replay to be the beginning of what a reader got live, to end with
// a whole event, and to lack only what was younger than the limit when the recorder was
// killed.
func killedDiffers(live *transcript, p *replayed, killedNS int64) string {
	switch text, lost := live.differs(p.read), live.age(p.read.count(), killedNS); {
	case live.failed != "" || p.read.failed != "":
		return live.failed + p.read.failed
	case text != "":
		return text
	case lost >= lossLimit:
		return fmt.Sprintf("the last %d ms are lost", lost.Milliseconds())
	case p.read.torn():
		return "the replay ends within an event"
	}
	return replayDiffers(p)
}

// replayDiffers wants the replay to say of itself what its reader got.
func replayDiffers(p *replayed) string {
	if p.Records != p.read.count() || p.Hash != p.read.sum() {
		return fmt.Sprintf("the replay says %d records, hash %q; its reader got %d, %s", p.Records, p.Hash, p.read.count(), p.read.sum())
	}
	return ""
}
