package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// futuresExpectation is a line of the perpetuals' expected.jsonl.
type futuresExpectation struct {
	Native   string `json:"native"`
	Mark     string `json:"mark_px"`
	Index    string `json:"index_px"`
	Rate     string `json:"funding_rate"`
	Funding  string `json:"funding_next_ts_ns"`
	Interest string `json:"open_interest"`
	expectation
}

// asDecoded are the lines that decode has to print; of a ticker a second one tells of
// the perpetual, whose send time the fixtures do not have.
func (e *futuresExpectation) asDecoded(file string, trades int) (out []map[string]any) {
	e.Symbol = strings.Replace(e.Native, "_", "/", 1)
	first := e.expectation.asDecoded(file)
	if e.Kind == "control" {
		return []map[string]any{first}
	}
	first["venue"] = "gateio-futures"
	if e.Kind == "trade" {
		first["index"], first["count"] = json.Number(strconv.Itoa(e.I)), json.Number(strconv.Itoa(trades))
	}
	if e.Kind != "ticker" {
		return []map[string]any{first}
	}
	return []map[string]any{first, {
		"file": file, "line": first["line"], "i": json.Number(strconv.Itoa(e.I + 1)), "kind": "perpetual", "venue": first["venue"],
		"symbol": e.Symbol, "flags": first["flags"], "event_time_ns": first["event_time_ns"], "venue_sequence": nil,
		"mark_price": text(e.Mark), "index_price": text(e.Index), "funding_rate": text(e.Rate), "funding_time_ns": number(e.Funding),
		"open_interest": text(e.Interest),
	}}
}

// Intent: decode prints of every frame of the perpetuals what its expectation holds, a
// PERPETUAL behind each TICKER; the project's own frames need no shared material.
func TestDecodeFutures(t *testing.T) {
	dirs := []string{filepath.Join("..", "..", "exchanges", "gateiofutures", "testdata")}
	if dir := shared(t); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "fixtures", "gateio-futures"))
	}
	for _, dir := range dirs {
		content, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
		require.NoError(t, err)
		code, stdout, stderr := run(t, "decode", "--venue", "gateio-futures", filepath.Join(dir, "frames.jsonl"))
		require.Zero(t, code, stderr)
		got := linesOf(stdout)
		var all []futuresExpectation
		byLine := map[int]int{}
		for _, line := range linesOf(string(content)) {
			var e futuresExpectation
			require.NoError(t, json.Unmarshal([]byte(line), &e), line)
			all = append(all, e)
			byLine[e.Line]++
		}
		for i := range all {
			e := &all[i]
			if e.Kind == "malformed" {
				require.NotEmpty(t, got)
				assert.NotEmpty(t, object(t, got[0])["malformed"], got[0])
				got = got[1:]
				continue
			}
			for _, want := range e.asDecoded("frames.jsonl", byLine[e.Line]) {
				require.NotEmpty(t, got)
				is := object(t, got[0])
				if want["kind"] == "perpetual" {
					assert.NotNil(t, is["send_time_ns"])
					delete(is, "send_time_ns")
				}
				assert.Equal(t, want, is, "line %d", e.Line)
				got = got[1:]
			}
		}
		assert.Empty(t, got)
	}
}
