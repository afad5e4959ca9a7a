package main

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/tickring/tickring/bench/internal/kit"
)

const (
	latencyRounds = 9
	latencyRate   = 100_000
	latencyCount  = 5_000
)

// moment is one point in time by two clocks.
type moment struct {
	ticks int64
	ns    int64 // of the monotonic clock
}

// line turns ns of the monotonic clock into ticks between two moments.
type line struct{ from, to moment }

func (l line) ticks(ns int64) int64 {
	rate := float64(l.to.ticks-l.from.ticks) / float64(l.to.ns-l.from.ns)
	return l.from.ticks + int64(float64(ns-l.from.ns)*rate)
}

// now asks the C program, which reads both clocks without a system call.
func (b *bench) now() (m moment, err error) {
	program, _ := b.program("c")
	p, err := b.pinned("clocks", b.cpus.Reader, childrenFor, program, "clock")
	if err != nil {
		return m, err
	}
	text, err := p.Out.ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(text, &m.ticks, &m.ns)
	}
	if err != nil {
		return m, p.Explain(err)
	}
	return m, p.Wait()
}

// reportLatency sends to each language's reader in turn.
func (b *bench) reportLatency() error {
	rows := make([]*kit.Series, len(languages))
	for range b.latencyRounds {
		for i, l := range languages {
			if _, ok := b.program(l.program); !ok {
				continue
			}
			if rows[i] == nil {
				rows[i] = kit.NewSeries(l.name)
			}
			if err := b.latency(l, rows[i]); err != nil {
				return fmt.Errorf("latency of %s: %w", l.name, err)
			}
		}
	}
	b.printLatency(rows)
	return nil
}

// latency is one round of a language.
func (b *bench) latency(l language, to *kit.Series) error {
	var between line
	var err error
	if l.monotonic {
		if between.from, err = b.now(); err != nil {
			return err
		}
	}
	samples, lost, err := b.transfer(l)
	if err != nil {
		return err
	}
	if l.monotonic {
		if between.to, err = b.now(); err != nil {
			return err
		}
	}
	took := make([]int64, len(samples))
	for i, s := range samples {
		if l.monotonic {
			s.Seen = between.ticks(s.Seen)
		}
		took[i] = s.Seen - s.First
	}
	to.Lost += lost
	return to.Add(kit.Scaled(took, b.nsPerTick))
}

// transfer runs bench/measure's writer, and a reader, over one segment.
func (b *bench) transfer(l language) ([]kit.Sample, uint64, error) {
	const feed = "latency"
	warm := l.warm
	if b.small {
		warm = min(warm, b.latencyCount)
	}
	w, err := kit.Start("writer", b.tool("measure"), "writer", "-dir", b.dir, "-feed", feed, "-mode", "paced",
		"-cpu", strconv.Itoa(b.cpus.Publisher), "-count", strconv.Itoa(b.latencyCount), "-warm", strconv.Itoa(warm),
		"-slots", strconv.Itoa(b.slots), "-interval", strconv.FormatInt(int64(1e9/latencyRate/b.nsPerTick), 10))
	if err != nil {
		return nil, 0, err
	}
	if err := w.Ready(); err != nil {
		return nil, 0, err
	}
	r, err := b.startSpinning(l, feed, warm)
	if err != nil {
		w.Kill()
		return nil, 0, err
	}
	if said, err := ask(w, "go"); err != nil {
		r.Kill()
		return nil, 0, w.Explain(fmt.Errorf("it said %q: %w", said, err))
	}
	if err := w.Wait(); err != nil {
		r.Kill()
		return nil, 0, err
	}
	samples, lost, err := kit.ReadSamples(r.Out)
	if err != nil {
		return nil, 0, r.Explain(err)
	}
	if uint64(len(samples))+lost < uint64(b.latencyCount) {
		return nil, 0, r.Explain(fmt.Errorf("%d samples and %d lost of %d", len(samples), lost, b.latencyCount))
	}
	return samples, lost, r.Wait()
}

// startSpinning starts a language's reader. C and Go have one in make bench already.
func (b *bench) startSpinning(l language, feed string, warm int) (r *kit.Process, err error) {
	count, cpu := strconv.Itoa(warm), strconv.Itoa(b.cpus.Reader)
	switch l.key {
	case "c":
		r, err = kit.Start("C reader", b.tool("c-reader"), b.dir, feed, cpu, "whole", "spin", "ticks", count)
	case "go":
		r, err = kit.Start("Go reader", b.tool("measure"), "reader", "-dir", b.dir, "-feed", feed, "-cpu", cpu, "-warm", count)
	default:
		program, _ := b.program(l.program)
		r, err = b.pinned(l.name+" reader", b.cpus.Reader, childrenFor, program, "spin", filepath.Join(b.dir, feed), count)
	}
	if err != nil {
		return nil, err
	}
	return r, r.Ready()
}

func (b *bench) printLatency(rows []*kit.Series) {
	b.Printf("\n== cross-process one-way latency, ns; %d records a second, writer on CPU %d, reader spinning on CPU %d, whole records\n",
		latencyRate, b.cpus.Publisher, b.cpus.Reader)
	b.Printf("   %d rounds, all languages in turn; Java, Node and Python stamp with the monotonic clock, which they cannot do without\n", b.latencyRounds)
	b.Printf("%s\n", kit.TableHead("row"))
	for i, s := range rows {
		if s == nil {
			continue
		}
		b.Printf("%s\n", s.Line())
		b.Figure("oneway_"+languages[i].key+"_100k_p50", s.P50(), "ns")
		if i > 0 {
			b.ratio("oneway_"+languages[i].key+"_100k_over_c", kit.RatioOf(s, rows[0]), languages[i].latency)
		}
	}
}
