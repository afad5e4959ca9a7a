package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A recorded chain of deltas and its REST answer make a book; a hole is named by the
// frame that could not be applied, and the next answer mends it.
func TestBookCheck(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	delta := func(first, last, bids, asks string) string {
		return `{"time":1790134390,"time_ms":1790134390859,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390805,"e":"depthUpdate","E":1790134390,"s":"ETH_USDT","U":` +
			first + `,"u":` + last + `,"b":[` + bids + `],"a":[` + asks + `]}}` + "\n"
	}
	rest := file("rest.json", `{"id":10,"current":1,"update":1790134390000,"asks":[["101","1"],["102.5","2"]],"bids":[["100","3"]]}`)
	later := file("later.json", `{"id":20,"current":1,"update":1790134390000,"asks":[["101","7"]],"bids":[["99.5","8"]]}`)
	whole := file("whole.jsonl", delta("9", "10", `["50","1"]`, ``)+delta("11", "12", `["100","0"],["99.25","4"]`, ``)+delta("13", "13", ``, `["101","5"]`))
	holed := file("holed.jsonl", delta("11", "12", ``, `["101","5"]`)+delta("15", "16", `["1","1"]`, ``)+delta("17", "21", ``, `["101","9"]`))
	check := func(args ...string) string {
		code, out, why := run(t, append([]string{"book-check", "--venue", "gateio", "--updates"}, args...)...)
		require.Equal(t, 0, code, why)
		return out
	}
	assert.JSONEq(t, `{"sequence":13,"bids":[["99.25","4"]],"asks":[["101","5"],["102.5","2"]],"gap_at":null}`, check(whole, "--rest", rest))
	assert.JSONEq(t, `{"sequence":12,"bids":[["100","3"]],"asks":[["101","5"],["102.5","2"]],"gap_at":1}`, check(holed, "--rest", rest))
	assert.JSONEq(t, `{"sequence":21,"bids":[["99.5","8"]],"asks":[["101","9"]],"gap_at":1}`, check(holed, "--rest", rest, "--rest", later))

	code, _, why := run(t, "book-check", "--venue", "gateio")
	assert.Equal(t, 2, code)
	assert.Contains(t, why, "--updates")
	code, _, _ = run(t, "book-check", "--venue", "gateio", "--updates", filepath.Join(dir, "none.jsonl"))
	assert.Equal(t, 1, code)
}
