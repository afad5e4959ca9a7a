package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tickring/tickring/bench/internal/kit"
)

// Frames of a flood. In batches they share a write of 15 KB and, with TLS, a record, as
// they do when a venue has more to send than a connection takes at once.
const (
	floodBatch = 64
	floodCount = 256_000
	loneCount  = 64_000
	floodWarm  = 6_400
)

// floods are what our publisher must take without loss, and the goals in frames a second.
func (b *bench) floods() []way {
	list := []way{
		{false, 0, floodCount, floodWarm, floodBatch}, {true, 0, floodCount, floodWarm, floodBatch},
		{false, 0, loneCount, floodWarm, 1}, {true, 0, loneCount, floodWarm, 1},
	}
	if b.small {
		for i := range list {
			list[i].count, list[i].warm = 6_400, 640
		}
	}
	return list
}

// reportSustained floods the publisher, counts what arrives, and takes the best round:
// what disturbs makes it slower only.
func (b *bench) reportSustained() error {
	b.Printf("\n== sustained by one hot thread, frames a second from the socket to the C reader; the venue sends as fast as it is read\n")
	b.Printf("   with %d frames in one write, and with each frame in a write, and a TLS record, of its own; the venue's own\n", floodBatch)
	b.Printf("   speed bounds the latter: it makes a system call, and seals a record, for every frame\n")
	for _, w := range b.floods() {
		best, lost := 0.0, uint64(0)
		for range b.rounds {
			list, missed, err := b.runOurs(w)
			if err != nil {
				return fmt.Errorf("flood, %s: %w", w.transport(), err)
			}
			lost += missed
			if n := len(list); n > 1 {
				took := float64(list[n-1].Seen-list[0].Seen) / 1e9
				best = max(best, float64(n-1)/took)
			}
		}
		b.sustainedFigure(w, best, lost)
	}
	return b.memoryToRing()
}

func (b *bench) sustainedFigure(w way, best float64, lost uint64) {
	name, least := "sustained_"+w.transport(), 300_000.0
	if w.tls {
		least = 150_000
	}
	if w.batch == 1 {
		name += "_lone"
	}
	if lost > 0 {
		b.Printf("  %-22s %9.0f/s, but %d records were lost: not sustained\n", name, best, lost)
		best = 0
	} else {
		b.Printf("  %-22s %9.0f/s, lost 0\n", name, best)
	}
	b.Figure(name, best, "frames/s")
	if w.batch > 1 {
		b.Ratio(name+"_per_s", best, kit.AtLeast(least))
	}
}

// memoryToRing is the hot thread's rate without a socket: a book ticker's bytes to its
// committed record, on ring and board. Here too the best round counts.
func (b *bench) memoryToRing() error {
	text, err := kit.Output("frame benchmark", b.tool("measure"), "pinned", strconv.Itoa(b.cpus.Publisher), b.tool("feed.test"),
		"-test.run", "^$", "-test.bench", "^BenchmarkFrame$/^book_ticker$", "-test.benchtime", "50ms", "-test.count", "5")
	if err != nil {
		return err
	}
	var rates []float64
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != "ns/op" {
			continue
		}
		ns, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return fmt.Errorf("benchmark line %q: %w", line, err)
		}
		rates = append(rates, 1e9/ns)
	}
	if len(rates) == 0 {
		return fmt.Errorf("the frame benchmark said %q", text)
	}
	b.Figure("sustained_memory", slices.Max(rates), "frames/s")
	b.Ratio("sustained_memory_per_s", slices.Max(rates), kit.AtLeast(1_000_000))
	return nil
}
