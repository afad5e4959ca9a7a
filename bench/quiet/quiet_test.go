package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Intent: the short form says what the long one does: no collection stops the hot thread
// while messages come; the loop in C has its lines beside.
func TestNothingStopsTheHotThread(t *testing.T) {
	length := 3 * time.Second
	if os.Getenv("TICKRING_FULL") == "1" {
		length = 10 * time.Second
	}
	var out bytes.Buffer
	q := quiet{length: length, rate: 50_000, out: &out}
	err := q.all("../..")
	t.Log(out.String())
	require.NoError(t, err)
	value := func(key string) int {
		m := regexp.MustCompile(`(?m)^quiet: (?:side=go )?.*\b` + key + `=(\d+)`).FindStringSubmatch(out.String())
		require.NotNil(t, m, key)
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		return n
	}
	assert.Zero(t, value("stw_touching_hot"))
	assert.Zero(t, value("collections"))
	goLine := regexp.MustCompile(`(?m)^quiet: side=go .*messages_per_second=([1-9]\d*) voluntary=\d+ involuntary=\d+ gap_ns p50=[1-9]`).FindString(out.String())
	assert.NotEmpty(t, goLine, "messages came, and turns were measured")
	if q.loop != "" {
		assert.Len(t, regexp.MustCompile(`(?m)^quiet: side=c turns=[1-9]`).FindAllString(out.String(), -1), 2)
	}
}
