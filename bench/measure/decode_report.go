package main

import (
	"slices"
	"strconv"
)

// reportDecode prints the way of a frame to its records, and decoding alone beside
// what an ordinary program would use.
func (b *bench) reportDecode() error {
	cpu := strconv.Itoa(b.cpus.publisher)
	text, err := output("frame benchmark", b.self, "pinned", cpu, b.feedTest, "-test.run", "^$", "-test.bench", "^BenchmarkFrame$",
		"-test.benchtime", "10ms", "-test.count", "5", "-test.benchmem")
	if err != nil {
		return err
	}
	whole, err := parseGoBench(string(text), "BenchmarkFrame/")
	if err != nil {
		return err
	}
	if text, err = output("decoders", b.self, "decode", "-cpu", cpu); err != nil {
		return err
	}
	alone, err := parseDecode(string(text))
	if err != nil {
		return err
	}
	b.printf("\n== frame bytes to committed record (ring and board), ns per frame; medians of rounds\n")
	b.printf("  %-24s %10s %12s\n", "channel", "ns", "allocations")
	for _, w := range whole {
		b.printf("  %-24s %10.0f %12g\n", w.name, median(slices.Clone(w.ns)), w.allocations)
		b.figure("frame_"+w.name, median(slices.Clone(w.ns)), "ns")
	}
	b.printf("\n== decode alone, ns per frame (allocations); all in turn on the same bytes, CPU time\n")
	b.printf("   tickring: exact decimals, instrument found, required keys checked; easyjson as it comes and\n")
	b.printf("   encoding/json: structs of strings, numbers left as text; +floats: numbers parsed as float64, inexact\n")
	b.printf("  %-24s %6s", "channel", "bytes")
	for _, name := range decoderNames {
		b.printf(" %20s", name)
	}
	b.printf("\n")
	for _, f := range frames() {
		b.decodeLine(f.channel, alone[f.channel])
	}
	return nil
}

func (b *bench) decodeLine(channel string, rows map[string]decodeRow) {
	b.printf("  %-24s %6d", channel, rows[ours].bytes)
	for _, name := range decoderNames {
		b.printf(" %14.0f (%3g)", rows[name].ns(), rows[name].allocations)
	}
	b.printf("\n")
	b.figure("decode_"+channel, rows[ours].ns(), "ns")
	b.ratio("decode_"+channel+"_vs_easyjson", quotient(rows[asItComes], rows[ours]), atLeast(1))
	b.ratio("decode_"+channel+"_vs_easyjson_floats", quotient(rows[withFloats], rows[ours]), atLeast(1))
	b.ratio("decode_"+channel+"_vs_encoding_json", quotient(rows[standard], rows[ours]), atLeast(1))
}
