package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
)

// Rounds are short and many, the raw limit and ours in turn: whatever happens to the
// machine for longer than a round happens to both.
const (
	crossingRounds = 12
	// crossingBudget ends the rounds early on a machine that is busy with other things.
	crossingBudget = 45 * time.Second
	pingCount      = 10_000
	pingWarm       = 1_000
	saturatedCount = 100_000
	saturatedWarm  = 20_000
)

// pacing is a rate, and how many records of it a round takes.
type pacing struct {
	name  string
	rate  int // records a second; 0 as fast as it can
	count int
	warm  int
}

var pacings = []pacing{
	{"1k/s", 1_000, 100, 10},
	{"100k/s", 100_000, 5_000, 1_000},
	{"saturated", 0, saturatedCount, saturatedWarm},
}

// side is a reader of a crossing.
type side struct {
	name  string
	c     bool
	head  bool
	lines int // cache lines that it takes of a record
}

var sides = []side{
	{"C reader, first line", true, true, 1},
	{"C reader, whole record", true, false, 2},
	{"Go reader, whole record", false, false, 2},
}

// crossing is the cross-process part of the report.
type crossing struct {
	b      *bench
	order  []*kit.Series
	byName map[string]*kit.Series
	rounds int
}

func (c *crossing) series(name string) *kit.Series {
	s := c.byName[name]
	if s == nil {
		s = kit.NewSeries(name)
		c.byName[name] = s
		c.order = append(c.order, s)
	}
	return s
}

func rawName(lines int) string { return fmt.Sprintf("raw ping, RTT/2, lines: %d", lines) }

func rawStampedName(lines int, p pacing) string {
	return fmt.Sprintf("raw C to C, stamped, lines: %d, %s", lines, p.name)
}

func (s side) rowName(p pacing) string { return "Go writer to " + s.name + ", " + p.name }

const sinceDue = " (since due)"

// measureCrossings runs all rounds.
func (b *bench) measureCrossings() (*crossing, error) {
	c := &crossing{b: b, byName: map[string]*kit.Series{}}
	for end := time.Now().Add(crossingBudget); c.rounds < crossingRounds && time.Now().Before(end); c.rounds++ {
		if err := c.raw(); err != nil {
			return nil, err
		}
		for _, p := range pacings {
			if err := c.rings(p); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// rings sends through a segment to each reader there is.
func (c *crossing) rings(p pacing) error {
	for _, s := range sides {
		if s.c && c.b.cReader == "" {
			continue
		}
		if err := c.ring(s, p); err != nil {
			return err
		}
	}
	return nil
}

// raw measures the limit: the same lines with nothing around them, in C.
func (c *crossing) raw() error {
	if c.b.ping == "" {
		return nil
	}
	for lines := 1; lines <= 2; lines++ {
		trips, err := c.b.pingSamples("rtt", lines, pingCount, pingWarm)
		if err != nil {
			return err
		}
		// Half of a round trip is one way.
		if err := c.series(rawName(lines)).Add(kit.Scaled(trips, c.b.nsPerTick/2)); err != nil {
			return err
		}
		for _, p := range pacings {
			if p.rate == 0 {
				continue
			}
			oneway, err := c.b.pingSamples("oneway", lines, p.count, p.warm, strconv.FormatInt(c.b.interval(p.rate), 10))
			if err != nil {
				return err
			}
			if err := c.series(rawStampedName(lines, p)).Add(kit.Scaled(oneway, c.b.nsPerTick)); err != nil {
				return err
			}
		}
	}
	return nil
}

// interval is the distance of two records at a rate, in ticks.
func (b *bench) interval(rate int) int64 { return int64(1e9 / float64(rate) / b.nsPerTick) }

func (b *bench) pingSamples(mode string, lines, count, warm int, more ...string) ([]int64, error) {
	args := append([]string{mode, strconv.Itoa(lines), strconv.Itoa(count), strconv.Itoa(warm),
		strconv.Itoa(b.cpus.Publisher), strconv.Itoa(b.cpus.Reader)}, more...)
	raw, err := kit.Output("ping", b.ping, args...)
	if err != nil {
		return nil, err
	}
	samples := make([]int64, count)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, samples); err != nil {
		return nil, fmt.Errorf("read %d samples of ping: %w", count, err)
	}
	return samples, nil
}

// ring sends records through a segment and takes the reader's stamps.
func (c *crossing) ring(s side, p pacing) error {
	mode, interval := "saturated", int64(0)
	if p.rate > 0 {
		mode, interval = "paced", c.b.interval(p.rate)
	}
	samples, lost, _, err := c.b.transfer(&s, mode, p.count, p.warm, interval)
	if err != nil {
		return err
	}
	sent, due := make([]int64, len(samples)), make([]int64, len(samples))
	for i, x := range samples {
		sent[i], due[i] = x.Seen-x.First, x.Seen-x.Second
	}
	row := c.series(s.rowName(p))
	row.Lost += lost
	if err := row.Add(kit.Scaled(sent, c.b.nsPerTick)); err != nil || p.rate == 0 {
		return err
	}
	return c.series(s.rowName(p) + sinceDue).Add(kit.Scaled(due, c.b.nsPerTick))
}

// transfer runs a writer process, and a reader process where there is a side, over
// one segment. It returns the reader's samples and loss, and the writer's ns a record.
func (b *bench) transfer(s *side, mode string, count, warm int, interval int64) (samples []kit.Sample, lost uint64, nsPerRecord float64, err error) {
	w, err := kit.Start("writer", b.self, "writer", "-dir", b.dir, "-feed", "crossing", "-mode", mode,
		"-cpu", strconv.Itoa(b.cpus.Publisher), "-count", strconv.Itoa(count), "-warm", strconv.Itoa(warm),
		"-slots", strconv.Itoa(b.slots), "-interval", strconv.FormatInt(interval, 10))
	if err != nil {
		return nil, 0, 0, err
	}
	if err := w.Ready(); err != nil {
		return nil, 0, 0, err
	}
	var r *kit.Process
	if s != nil {
		if r, err = b.startReader(*s, "crossing", warm, false, false); err != nil {
			w.Kill()
			return nil, 0, 0, err
		}
	}
	nsPerRecord, err = b.publishAll(w, count)
	if r == nil {
		return nil, 0, nsPerRecord, err
	}
	if err != nil {
		r.Kill()
		return nil, 0, 0, err
	}
	samples, lost, err = kit.ReadSamples(r.Out)
	if err != nil {
		return nil, 0, 0, r.Explain(err)
	}
	return samples, lost, nsPerRecord, r.Wait()
}

// publishAll lets a writer that is ready begin, and waits for its end.
func (b *bench) publishAll(w *kit.Process, count int) (nsPerRecord float64, err error) {
	if _, err := w.In.Write([]byte("go\n")); err != nil {
		return 0, w.Explain(err)
	}
	line, err := w.Out.ReadString('\n')
	if err != nil {
		return 0, w.Explain(err)
	}
	var took int64
	if _, err := fmt.Sscanf(line, "took %d", &took); err != nil {
		return 0, w.Explain(fmt.Errorf("it said %q: %w", line, err))
	}
	return float64(took) * b.nsPerTick / float64(count), w.Wait()
}

// startReader starts the C or the Go reader and waits until it is attached.
func (b *bench) startReader(s side, feed string, warm int, wait, stages bool) (*kit.Process, error) {
	cpu := strconv.Itoa(b.cpus.Reader)
	var r *kit.Process
	var err error
	if s.c {
		r, err = kit.Start("C reader", b.cReader, b.dir, feed, cpu, choose(s.head, "head", "whole"), choose(wait, "wait", "spin"),
			choose(stages, "stages", "ticks"), strconv.Itoa(warm))
	} else {
		r, err = kit.Start("Go reader", b.self, "reader", "-dir", b.dir, "-feed", feed, "-cpu", cpu, "-warm", strconv.Itoa(warm),
			"-wait="+strconv.FormatBool(wait), "-stages="+strconv.FormatBool(stages))
	}
	if err != nil {
		return nil, err
	}
	return r, r.Ready()
}

func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// report prints table and ratios.
func (c *crossing) report(b *bench) {
	b.Printf("\n== cross-process one-way latency, ns; writer on CPU %d, reader spinning on CPU %d, ring of %d slots\n",
		b.cpus.Publisher, b.cpus.Reader, b.slots)
	b.Printf("   %d rounds of raw and ours in turn; %q counts from when a record was meant to be sent\n", c.rounds, sinceDue[1:])
	b.Printf("   half a round trip has no stamp in it; a stamped row has one reading of the counter at each end\n")
	if b.ping == "" {
		b.Printf("   skipped: raw ping and C reader rows (no C compiler)\n")
	}
	b.Printf("%s\n", kit.TableHead("row"))
	for _, s := range c.order {
		b.Printf("%s\n", s.Line())
	}
	if b.ping == "" {
		return
	}
	p := pacings[1]
	for lines := 1; lines <= 2; lines++ {
		b.Figure(fmt.Sprintf("raw_ping_%d_p50", lines), c.byName[rawName(lines)].P50(), "ns")
		b.Figure(fmt.Sprintf("raw_stamped_%d_100k_p50", lines), c.byName[rawStampedName(lines, p)].P50(), "ns")
	}
	for _, s := range sides {
		name := map[string]string{sides[0].name: "c_head", sides[1].name: "c_whole", sides[2].name: "go_whole"}[s.name]
		row := c.byName[s.rowName(p)]
		b.Figure("oneway_"+name+"_100k_p50", row.P50(), "ns")
		b.Ratio("oneway_"+name+"_100k_over_ping", kit.RatioOf(row, c.byName[rawName(s.lines)]), kit.AtMost(1.25))
		b.Ratio("oneway_"+name+"_100k_over_stamped_raw", kit.RatioOf(row, c.byName[rawStampedName(s.lines, p)]), kit.AtMost(1.25))
	}
}
