package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tickring/tickring/bench/internal/kit"
)

// decodeRows are times by channel and decoder, one a round, in the order of appearance.
type decodeRows struct {
	channels    []string
	bytes       map[string]int
	ns          map[string]map[string][]float64
	allocations map[string]map[string]string
}

func newDecodeRows() *decodeRows {
	return &decodeRows{bytes: map[string]int{}, ns: map[string]map[string][]float64{}, allocations: map[string]map[string]string{}}
}

// add reads lines "decode CHANNEL BYTES DECODER ALLOCATIONS NS…".
func (r *decodeRows) add(text string) error {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != "decode" {
			return fmt.Errorf("a decoder said %q", line)
		}
		channel, name := fields[1], fields[3]
		size, err := strconv.Atoi(fields[2])
		if err != nil {
			return fmt.Errorf("a decoder said %q: %w", line, err)
		}
		if r.ns[channel] == nil {
			r.channels = append(r.channels, channel)
			r.bytes[channel], r.ns[channel], r.allocations[channel] = size, map[string][]float64{}, map[string]string{}
		}
		r.allocations[channel][name] = fields[4]
		for _, f := range fields[5:] {
			ns, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return fmt.Errorf("a decoder said %q: %w", line, err)
			}
			r.ns[channel][name] = append(r.ns[channel][name], ns)
		}
	}
	return nil
}

// over is how many times as long a decoder takes as ours.
func (r *decodeRows) over(channel, name string) float64 {
	return quotient(r.ns[channel][name], r.ns[channel][decOurs])
}

// decodeMilliseconds is decodeTime for the programs in other languages.
var decodeMilliseconds = strconv.FormatInt(decodeTime.Milliseconds(), 10)

// reportDecode has every decoder's program run in turn, round after round.
func (b *bench) reportDecode() error {
	cpu := strconv.Itoa(b.cpus.Publisher)
	path := filepath.Join(b.dir, "frames")
	text, err := kit.Output("frames", b.tool("measure"), "frames")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	texts, pushes := newDecodeRows(), newDecodeRows()
	for range b.rounds {
		if err := b.decodeRound(texts, path, cpu); err != nil {
			return err
		}
	}
	if text, err = kit.Output("decoders of bench/measure", b.tool("measure"), "decode", "-cpu", cpu); err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "decode mexc_") {
			if err := pushes.add(line); err != nil {
				return err
			}
		}
	}
	b.Printf("\n== decode alone, CPU ns per frame (allocations); the same bytes for all, %d rounds in turn\n", b.rounds)
	b.Printf("   tickring: exact decimals, instrument found, required keys checked; %s: our fallback, easyjson's code with\n", decReference)
	b.Printf("   field types that allocate nothing, the same result; %s makes exact decimals too; all others leave texts\n", decSimdExact)
	b.printDecode(texts, []string{decOurs, decReference, decEasyjson, decSonic, decGoccy, decStandard, decSimd, decSimdExact, decMsgspec})
	b.Printf("\n   protobuf; vtprotobuf in its unsafe form: texts point into the message, numbers left as text\n")
	b.printDecode(pushes, []string{decOurs, decVT, decProtobuf})
	b.decodeFigures(texts, pushes)
	return os.Remove(path)
}

func (b *bench) decodeRound(rows *decodeRows, frames, cpu string) error {
	list := [][]string{{b.self, "decode", "-frames", frames, "-cpu", cpu}}
	if path := b.tool("simdjson"); path != "" {
		list = append(list, []string{path, frames, cpu, decodeMilliseconds})
	}
	if path := b.tool("msgspec"); path != "" {
		list = append(list, []string{path, frames, cpu, decodeMilliseconds})
	}
	for _, command := range list {
		text, err := kit.Output(filepath.Base(command[0])+" decoder", command[0], command[1:]...)
		if err != nil {
			return err
		}
		if err := rows.add(string(text)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) printDecode(r *decodeRows, names []string) {
	b.Printf("  %-22s %5s", "channel", "bytes")
	for _, n := range names {
		b.Printf(" %17s", n)
	}
	b.Printf("\n")
	for _, c := range r.channels {
		b.Printf("  %-22s %5d", c, r.bytes[c])
		for _, n := range names {
			cell := "-"
			if ns := r.ns[c][n]; len(ns) > 0 {
				cell = fmt.Sprintf("%.0f (%3s)", middle(ns), r.allocations[c][n])
			}
			b.Printf(" %17s", cell)
		}
		b.Printf("\n")
	}
}

// The goals of decoding. A channel that has none of its own is to be faster, no more.
func decodeGoal(channel, name string) kit.Goal {
	switch {
	case channel == bookTicker && name == decReference:
		return kit.AtLeast(8)
	case channel == bookTicker && name == decSonic:
		return kit.AtLeast(10)
	case channel == bookTicker && (name == decSimd || name == decSimdExact):
		return kit.AtLeast(2)
	case channel == "order_book_update_20" && name == decReference:
		return kit.AtLeast(4)
	case channel == "mexc_book_ticker" && name == decVT:
		return kit.AtLeast(4)
	}
	return kit.AtLeast(1)
}

func (b *bench) decodeFigures(tables ...*decodeRows) {
	for _, r := range tables {
		for _, c := range r.channels {
			b.Figure("decode_"+c, middle(r.ns[c][decOurs]), "ns")
			for _, n := range []string{decReference, decEasyjson, decSonic, decGoccy, decStandard, decSimd, decSimdExact, decMsgspec, decVT, decProtobuf} {
				if len(r.ns[c][n]) > 0 {
					b.Ratio("decode_"+c+"_vs_"+strings.NewReplacer("/", "_", "+", "_", "-", "_").Replace(n), r.over(c, n), decodeGoal(c, n))
				}
			}
		}
	}
}
