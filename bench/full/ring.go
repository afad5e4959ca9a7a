package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tickring/tickring/bench/internal/kit"
)

// crossings is the part of the report about rings.
type crossings struct {
	peers []peer
	rows  map[string]*kit.Series
	p99   map[string][]float64 // by round
	rates map[string][]float64
	left  leftOut
}

func rowKey(p peer, pace pacing) string { return p.key + " " + pace.name }

// reportRing measures what a record costs the writer, and all peers in turn, round
// after round.
func (b *bench) reportRing() error {
	if err := b.reportPublish(); err != nil {
		return err
	}
	list, stop, err := b.peers()
	defer stop()
	if err != nil {
		return err
	}
	c := &crossings{list, map[string]*kit.Series{}, map[string][]float64{}, map[string][]float64{}, leftOut{}}
	for range b.rounds {
		for _, pace := range b.pacings() {
			for _, p := range list {
				if c.left[p.key] {
					continue
				}
				if err := c.measure(b, p, pace); err != nil && !c.left.leave(b, p.key, p.name, err) {
					return fmt.Errorf("%s, %s: %w", p.name, pace.name, err)
				}
			}
		}
	}
	b.printCrossings(c)
	b.crossingFigures(c)
	return nil
}

// measure runs one round of a peer at a pace.
func (c *crossings) measure(b *bench, p peer, pace pacing) error {
	if pace.rate == 0 && (p.key == "raw_1" || p.key == "raw_2") {
		return nil // they wait for each other
	}
	scale := b.nsPerTick
	if p.nanoseconds {
		scale = 1
	}
	interval := int64(0)
	if pace.rate > 0 {
		interval = int64(1e9 / float64(pace.rate) / scale)
	}
	samples, lost, err := p.run(b, pace, interval)
	if err != nil {
		return err
	}
	if len(samples) == 0 {
		return fmt.Errorf("no message arrived")
	}
	times := make([]int64, len(samples))
	for i, s := range samples {
		times[i] = s.Seen - s.First
	}
	key := rowKey(p, pace)
	if c.rows[key] == nil {
		c.rows[key] = kit.NewSeries(p.name + ", " + pace.name)
	}
	row := c.rows[key]
	row.Lost += lost
	slices.Sort(times)
	c.p99[key] = append(c.p99[key], float64(times[len(times)*99/100])*scale)
	if pace.rate == 0 {
		took := float64(samples[len(samples)-1].Seen-samples[0].Seen) * scale
		c.rates[key] = append(c.rates[key], float64(len(samples)-1)/took*1e9)
	}
	return row.Add(kit.Scaled(times, scale))
}

func (b *bench) printCrossings(c *crossings) {
	b.Printf("\n== one way between two sides, ns; writer on CPU %d, reader on CPU %d; messages of 128 bytes; %d rounds of all in turn\n",
		b.cpus.Publisher, b.cpus.Reader, b.rounds)
	b.Printf("   from before the writer's send to after the reader has all of it; both stamp with one counter, Java with its nanoTime;\n")
	b.Printf("   saturated: the writer waits for nothing but room, so a queue's length is in the time; messages a second behind it\n")
	b.Printf("   raw: a word in each line, the next one sent when that was seen; Disruptor: two threads, as it has no processes;\n")
	b.Printf("   Redis, NATS: clients in C with no library between\n")
	b.Printf("%s\n", kit.TableHead("row"))
	for _, pace := range b.pacings() {
		for _, p := range c.peers {
			row := c.rows[rowKey(p, pace)]
			if row == nil || c.left[p.key] {
				continue
			}
			line := row.Line()
			if pace.rate == 0 {
				line += fmt.Sprintf("  %.0f/s", kit.Median(slices.Clone(c.rates[rowKey(p, pace)])))
			}
			b.Printf("%s\n", line)
		}
	}
}

// crossingFigures holds our C reader against each peer at the paces that are no flood.
func (b *bench) crossingFigures(c *crossings) {
	for _, pace := range b.pacings() {
		if pace.rate > 0 {
			b.paceFigures(c, pace, "_"+strings.TrimSuffix(pace.name, "/s"))
		}
	}
}

func (b *bench) paceFigures(c *crossings, pace pacing, suffix string) {
	us := c.rows[keyC+" "+pace.name]
	var best, best99 string
	for _, p := range c.peers {
		key := rowKey(p, pace)
		row := c.rows[key]
		if row == nil || c.left[p.key] {
			continue
		}
		b.Figure("oneway_"+p.key+suffix+"_p50", row.P50(), "ns")
		if us == nil {
			continue
		}
		if p.least > 0 {
			b.Ratio("oneway_"+p.key+suffix+"_over_tickring_c_p50", kit.RatioOf(row, us), kit.AtLeast(p.least))
		}
		if !p.ring {
			continue
		}
		if best == "" || row.P50() < c.rows[best].P50() {
			best = key
		}
		if best99 == "" || middle(c.p99[key]) < middle(c.p99[best99]) {
			best99 = key
		}
	}
	if us == nil || best == "" {
		return
	}
	b.Printf("   best ring peer at %s: by p50 %s, by p99 %s\n", pace.name, c.rows[best].Name, c.rows[best99].Name)
	b.Ratio("oneway_tickring_c"+suffix+"_over_best_ring_p50", kit.RatioOf(us, c.rows[best]), kit.AtMost(1))
	b.Ratio("oneway_tickring_c"+suffix+"_over_best_ring_p99", quotient(c.p99[keyC+" "+pace.name], c.p99[best99]), kit.AtMost(1))
}

func middle(values []float64) float64 { return kit.Median(slices.Clone(values)) }

// quotient is the median of the rounds' quotients.
func quotient(a, b []float64) float64 {
	q := make([]float64, min(len(a), len(b)))
	for i := range q {
		q[i] = a[i] / b[i]
	}
	return kit.Median(q)
}
