package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The ladder of a live feed is read from the board, verified, best in the middle.
func TestBook(t *testing.T) {
	dir := t.TempDir()
	_, addresses := startSim(t, "--settle", "50ms")
	startFeed(t, dir, addresses[0], "--channels", "orderbook", "--set", "gateio.book=obu@50")
	eventually(t, "a valid book", func() bool {
		code, out, _ := run(t, "book", "f", "BTC/USDT", "--dir", dir, "--json")
		var b bookView
		require.Equal(t, 0, code)
		require.NoError(t, json.Unmarshal([]byte(out), &b))
		return b.State == "valid" && len(b.Bids) == 10 && len(b.Asks) == 10 && b.VenueSequence > 0
	})
	code, out, _ := run(t, "book", "f", "BTC/USDT", "--dir", dir, "--levels", "2")
	require.Equal(t, 0, code)
	assert.Contains(t, out, "BTC/USDT  VALID")
	assert.Len(t, linesOf(out), 2+2+2)

	code, _, why := run(t, "book", "f", "NOPE/USDT", "--dir", dir)
	assert.Equal(t, 1, code)
	assert.Contains(t, why, "NOPE/USDT")
	code, _, _ = run(t, "book", "f", "--dir", dir)
	assert.Equal(t, 2, code)
	code, _, _ = run(t, "book", "none", "BTC/USDT", "--dir", dir)
	assert.Equal(t, 1, code)
}
