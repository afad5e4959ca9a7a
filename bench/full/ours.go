package main

import (
	"fmt"
	"strconv"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/ring"
)

const feedName = "crossing"

// ourReader starts a reader of ours on a CPU and waits until it is attached.
func (b *bench) ourReader(kind string, cpu, warm int) (*kit.Process, error) {
	at, first := strconv.Itoa(cpu), strconv.Itoa(warm)
	name, args := kind+" reader", []string{b.dir, feedName, at}
	path := b.tool("c-reader")
	switch kind {
	case "c-head":
		args = append(args, "head", "spin", "ticks", first)
	case "c":
		args = append(args, "whole", "spin", "ticks", first)
	case "rust":
		path = b.tool("rust-reader")
		args = append(args, "whole", first)
	case "go":
		path, args = b.tool("measure"), []string{"reader", "-dir", b.dir, "-feed", feedName, "-cpu", at, "-warm", first}
	default:
		return nil, fmt.Errorf("no reader %q", kind)
	}
	p, err := kit.Start(name, path, args...)
	if err != nil {
		return nil, err
	}
	return p, p.Ready()
}

// transfer is one run of our writer with readers of a kind, one on each of the CPUs;
// interval 0 is as fast as it can, and mode then ring, board or saturated.
type transfer struct {
	kind        string
	readerCPUs  []int
	mode        string
	count, warm int
	interval    int64
}

// run gives the first reader's samples, the records lost to all, and what a record cost
// the writer.
func (t transfer) run(b *bench) (samples []kit.Sample, lost uint64, nsPerRecord float64, err error) {
	w, err := kit.Start("writer", b.tool("measure"), "writer", "-dir", b.dir, "-feed", feedName, "-mode", t.mode,
		"-cpu", strconv.Itoa(b.cpus.Publisher), "-count", strconv.Itoa(t.count), "-warm", strconv.Itoa(t.warm),
		"-slots", strconv.Itoa(ring.DefaultSlots), "-interval", strconv.FormatInt(t.interval, 10))
	if err != nil {
		return nil, 0, 0, err
	}
	if err := w.Ready(); err != nil {
		return nil, 0, 0, err
	}
	var readers []*kit.Process
	defer func() {
		if err != nil {
			w.Kill()
			for _, r := range readers {
				r.Kill()
			}
		}
	}()
	for _, cpu := range t.readerCPUs {
		r, err := b.ourReader(t.kind, cpu, t.warm)
		if err != nil {
			return nil, 0, 0, err
		}
		readers = append(readers, r)
	}
	if nsPerRecord, err = b.publishAll(w, t.count); err != nil {
		return nil, 0, 0, err
	}
	for i, r := range readers {
		list, missed, err := kit.ReadSamples(r.Out)
		if err == nil {
			err = r.Wait()
		}
		if err != nil {
			return nil, 0, 0, r.Explain(err)
		}
		if lost += missed; i == 0 {
			samples = list
		}
	}
	return samples, lost, nsPerRecord, nil
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

// readerCPUs spreads readers over the CPUs that are not the writer's, the reader's first.
func (b *bench) readerCPUs(readers int) []int {
	others := []int{b.cpus.Reader}
	if b.helper != b.cpus.Reader {
		others = append(others, b.helper)
	}
	list := make([]int, readers)
	for i := range list {
		list[i] = others[i%len(others)]
	}
	return list
}
