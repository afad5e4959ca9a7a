package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mexcExpectation is a line of MEXC's expected.jsonl: each frame is a file.
type mexcExpectation struct {
	File string `json:"file"`
	expectation
}

// asDecoded is what decode has to print, for a file with so many records.
func (e *mexcExpectation) asDecoded(file string, records int) map[string]any {
	e.Line = max(e.Line, 1)
	out := e.expectation.asDecoded(file)
	if e.Kind == "control" {
		return out
	}
	out["venue"] = "mexc"
	switch e.Kind {
	case "trade":
		out["index"], out["count"] = json.Number(strconv.Itoa(e.I)), json.Number(strconv.Itoa(records))
		out["trade_id"] = text(e.TradeID) // older pushes have none
	case "book_ticker":
		out["send_time_ns"] = number(e.TS) // the venue gives one time
	}
	return out
}

// Intent: decode prints of every published MEXC frame, binary or text, what the
// fixtures say it holds.
func TestDecodeMEXCFixtures(t *testing.T) {
	dir := shared(t)
	if dir == "" {
		return
	}
	dir = filepath.Join(dir, "fixtures", "mexc")
	content, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
	require.NoError(t, err)
	var files []string
	expected := map[string][]mexcExpectation{}
	for _, line := range linesOf(string(content)) {
		var e mexcExpectation
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		if expected[e.File] == nil {
			files = append(files, e.File)
		}
		expected[e.File] = append(expected[e.File], e)
	}
	require.Greater(t, len(files), 20)
	for _, file := range files {
		path := filepath.Join(dir, file)
		if filepath.Ext(file) == ".txt" { // decode knows lines by another ending
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			path = filepath.Join(t.TempDir(), "control.jsonl")
			require.NoError(t, os.WriteFile(path, text, 0o644))
		}
		code, stdout, stderr := run(t, "decode", "--venue", "mexc", path)
		require.Zero(t, code, stderr)
		got := linesOf(stdout)
		require.Len(t, got, len(expected[file]), file)
		for n, e := range expected[file] {
			is := object(t, got[n])
			if e.Kind == "malformed" {
				assert.NotEmpty(t, is["malformed"], file)
				continue
			}
			assert.Equal(t, e.asDecoded(filepath.Base(path), len(got)), is, "%s, record %d", file, n)
		}
	}
}
