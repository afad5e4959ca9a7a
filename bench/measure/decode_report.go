package main

import (
	"slices"
	"strconv"

	"github.com/tickring/tickring/bench/internal/kit"
)

// reportDecode prints the way of a frame to its records, and decoding alone beside
// what an ordinary program would use.
func (b *bench) reportDecode() error {
	cpu := strconv.Itoa(b.cpus.Publisher)
	text, err := kit.Output("frame benchmark", b.self, "pinned", cpu, b.feedTest, "-test.run", "^$", "-test.bench", "^BenchmarkFrame$",
		"-test.benchtime", "10ms", "-test.count", "5", "-test.benchmem")
	if err != nil {
		return err
	}
	whole, err := parseGoBench(string(text), "BenchmarkFrame/")
	if err != nil {
		return err
	}
	if text, err = kit.Output("decoders", b.self, "decode", "-cpu", cpu); err != nil {
		return err
	}
	alone, err := parseDecode(string(text))
	if err != nil {
		return err
	}
	b.Printf("\n== frame bytes to committed record (ring and board), ns per frame; medians of rounds\n")
	b.Printf("  %-24s %10s %12s\n", "channel", "ns", "allocations")
	for _, w := range whole {
		b.Printf("  %-24s %10.0f %12g\n", w.name, kit.Median(slices.Clone(w.ns)), w.allocations)
		b.Figure("frame_"+w.name, kit.Median(slices.Clone(w.ns)), "ns")
	}
	b.Printf("\n== decode alone, ns per frame (allocations); all in turn on the same bytes, CPU time\n")
	b.Printf("   tickring: exact decimals, instrument found, required keys checked; easyjson as it comes and\n")
	b.Printf("   encoding/json: structs of strings, numbers left as text; +floats: numbers parsed as float64, inexact\n")
	b.Printf("  %-24s %6s", "channel", "bytes")
	for _, name := range decoderNames {
		b.Printf(" %20s", name)
	}
	b.Printf("\n")
	for _, f := range frames() {
		b.decodeLine(f.channel, alone[f.channel])
	}
	b.Printf("\n   protobuf; vtprotobuf: its unsafe form, texts point into the message, numbers left as text\n")
	b.Printf("  %-24s %6s", "channel", "bytes")
	for _, name := range pushDecoderNames {
		b.Printf(" %20s", name)
	}
	b.Printf("\n")
	for _, f := range pushes() {
		b.pushLine(f.channel, alone[f.channel])
	}
	return nil
}

func (b *bench) decodeLine(channel string, rows map[string]decodeRow) {
	b.Printf("  %-24s %6d", channel, rows[ours].bytes)
	for _, name := range decoderNames {
		b.Printf(" %14.0f (%3g)", rows[name].ns(), rows[name].allocations)
	}
	b.Printf("\n")
	b.Figure("decode_"+channel, rows[ours].ns(), "ns")
	b.Ratio("decode_"+channel+"_vs_easyjson", quotient(rows[asItComes], rows[ours]), kit.AtLeast(1))
	b.Ratio("decode_"+channel+"_vs_easyjson_floats", quotient(rows[withFloats], rows[ours]), kit.AtLeast(1))
	b.Ratio("decode_"+channel+"_vs_encoding_json", quotient(rows[standard], rows[ours]), kit.AtLeast(1))
}
