package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The command runs as a user runs it, with few records: each language whose toolchain is
// here reads every record, and one that is not here is named.
func TestSmallRunHasEveryLanguage(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds every reader")
	}
	for _, tool := range []string{"cc", "bash"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("TICKRING_REQUIRE_ALL") != "1" {
			t.Skipf("%s is missing", tool)
		}
	}
	cmd := exec.Command("./run")
	cmd.Env = append(os.Environ(), "BENCH_SMALL=1", "BENCH_WRITE=", "BENCH_SLOTS=")
	out, err := cmd.CombinedOutput()
	text := string(out)
	if strings.Contains(text, "need a CPU each") || strings.Contains(text, "is not allowed to this process") {
		t.Skip("two CPUs are wanted")
	}
	require.NoError(t, err, text)

	absent := regexp.MustCompile(`(?m)^absent ([^:]+):`)
	missing := map[string]bool{}
	for _, m := range absent.FindAllStringSubmatch(text, -1) {
		missing[m[1]] = true
	}
	if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
		require.Empty(t, missing, text)
	}
	built := map[string]string{"c": "C", "cpp": "C++", "rust": "Rust", "": "Go", "java": "Java", "node": "Node", "python": "Python", "python-pure": "Python"}
	for _, w := range ways {
		if !missing[built[w.program]] {
			assert.Positive(t, figure(t, text, "cost_"+w.key), w.name)
		}
	}
	for _, l := range languages {
		if !missing[built[l.program]] {
			assert.Positive(t, figure(t, text, "oneway_"+l.key+"_100k_p50"), l.name)
		}
	}
	assert.Regexp(t, `(?m)^ratio cost_go_next_over_c [0-9.]+ <=1.1 (ok|short)$`, text)
	if !missing["Python"] {
		assert.Regexp(t, `(?m)^ratio python_batch_rate_over_goal [0-9.]+ >=1 (ok|short)$`, text)
	}
}

// figure finds a figure of the report; 0 where it is not.
func figure(t *testing.T, text, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^figure ` + regexp.QuoteMeta(name) + ` (\S+) `).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	v, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err, name)
	return v
}

// A clock that runs half as fast as the other is told from two moments.
func TestLineTurnsNanosecondsIntoTicks(t *testing.T) {
	l := line{from: moment{ticks: 1_000, ns: 50}, to: moment{ticks: 3_000, ns: 1_050}}
	assert.EqualValues(t, 1_000, l.ticks(50))
	assert.EqualValues(t, 2_000, l.ticks(550))
	assert.EqualValues(t, 3_000, l.ticks(1_050))
}

// A drain of a way that there is not fails, and says so.
func TestUnknownWayIsRefused(t *testing.T) {
	_, err := drainOf("sideways", nil, nil)
	assert.ErrorContains(t, err, `no way "sideways"`)
	assert.Error(t, runDrain(nil, strings.NewReader(""), os.Stdout))
}
