package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
)

// Intent: a reader that joined late asks for a book and finds it whole in the ring, once
// a second at most; what cannot be given is said.
func TestSubResend(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "200", "--symbols", "5")
	startFeed(t, dir, at[0], "--channels", "orderbook", "--set", "gateio.book=obu@50", "--symbols", "BTC/USDT,ETH/USDT")
	eventually(t, "the book stands", func() bool {
		s := statOf(t, dir)
		return strings.Join(s.Instruments[0].State, ",") == "SUBSCRIBED"
	})
	code, stdout, stderr := run(t, "sub", "f", "--dir", dir, "--resend", "BTC/USDT", "--json")
	require.Zero(t, code, stderr)
	var results []feed.ResendResult
	require.NoError(t, json.Unmarshal([]byte(stdout), &results))
	require.Len(t, results, 1)
	assert.Equal(t, feed.ResendPublished, results[0].State)
	assertResent(t, dir, results[0].FirstSequence)

	code, stdout, _ = run(t, "sub", "f", "--dir", dir, "--resend", "ETH/USDT,ETH/USDT,DOGE/USDT")
	assert.Equal(t, 1, code)
	assert.Regexp(t, `(?m)^ETH/USDT +[1-9]\d* +published$`, stdout)
	assert.Regexp(t, `(?m)^DOGE/USDT +0 +not a symbol of this feed$`, stdout)
	code, _, stderr = run(t, "sub", "f", "--dir", dir, "--resend", "BTC/USDT", "--symbols", "BTC/USDT")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "give one of them")
}

// assertResent finds RESYNC_BEGIN, the whole book and RESYNC_END in the ring.
func assertResent(t *testing.T, dir string, first uint64) {
	t.Helper()
	code, stdout, stderr := run(t, "tail", "f", "--dir", dir, "--json", "--from", "oldest", "--symbol", "BTC/USDT", "--for", "1s")
	require.Zero(t, code, stderr)
	stage, snapshots := 0, 0
	for _, line := range linesOf(stdout) {
		var r struct {
			Seq   uint64   `json:"seq"`
			Kind  string   `json:"kind"`
			Code  string   `json:"code"`
			Flags []string `json:"flags"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		switch {
		case r.Seq < first:
		case stage == 0:
			assert.Equal(t, "RESYNC_BEGIN", r.Code, line)
			stage = 1
		case stage == 1 && r.Kind == "depth":
			assert.Contains(t, r.Flags, "SNAPSHOT", line)
			snapshots++
		case stage == 1:
			assert.Equal(t, "RESYNC_END", r.Code, line)
			stage = 2
		}
	}
	assert.Equal(t, 2, stage)
	assert.Greater(t, snapshots, 5, "a book of 50 levels a side is many records")
}
