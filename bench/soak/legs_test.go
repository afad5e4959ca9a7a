package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/ring"
)

// The judge of two legs finds each thing that must not be, and nothing in what may.
func TestLegJudge(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(p *pad)
		want  legsResult
	}{
		{"trades of two legs out of order", func(p *pad) { p.trade(3); p.trade(1); p.trade(2) }, legsResult{}},
		{"a trade twice", func(p *pad) { p.trade(1); p.trade(2); p.trade(2) }, legsResult{duplicates: 1}},
		{"a trade that never came", func(p *pad) { p.trade(1); p.trade(3) }, legsResult{lost: 1}},
		{"a quote twice", func(p *pad) { p.quote(2); p.quote(2) }, legsResult{duplicates: 1}},
		{"deltas in pieces that overlap", func(p *pad) { p.depth(1, 4, 0); p.depth(3, 6, 0) }, legsResult{}},
		{"a delta twice", func(p *pad) { p.depth(1, 4, 0); p.depth(1, 4, 0) }, legsResult{duplicates: 1}},
		{"a hole", func(p *pad) { p.depth(1, 4, 0); p.depth(6, 7, 0) }, legsResult{lost: 1}},
		{"a GAP", func(p *pad) { p.status(ring.StatusGap, 5, 5) }, legsResult{marks: 1}},
		{"a mark", func(p *pad) { p.status(ring.StatusStale, 0, 0) }, legsResult{marks: 1}},
		{"a suspect delta", func(p *pad) { p.depth(1, 4, ring.FlagSuspect) }, legsResult{marks: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPad(t, bookDeltas)
			j := newLegJudge(setting{idStep: 1}, p.w.View(), func(string) {})
			j.settle()
			c.write(p)
			var r ring.Record
			for j.reader.Next(&r) == ring.AnswerRecord {
				j.judge(&r)
			}
			got := j.finish()
			got.records = 0
			assert.Equal(t, c.want, got)
		})
	}
}
