//go:build cgo && linux

package cgoreader

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// buildTail compiles tickring-tail-c once for all tests, as make does for users.
var buildTail = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(buildDir, "c")
	path := filepath.Join(dir, "tickring-tail-c")
	out, err := exec.Command("make", "BUILD="+dir, path).CombinedOutput()
	if err != nil {
		return "", &buildError{out, err}
	}
	return path, nil
})

type buildError struct {
	output []byte
	err    error
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + string(e.output) }

func tailProgram(t *testing.T) string {
	t.Helper()
	path, err := buildTail()
	require.NoError(t, err)
	return path
}

// tickring-tail-c prints the lines that tickring tail --json prints, byte for byte.
func TestTailPrintsTheLinesOfTheGoTail(t *testing.T) {
	want, err := os.ReadFile("../cmd/tickring/testdata/records.jsonl")
	require.NoError(t, err)
	dir, name := thisBoot(t, "../cmd/tickring/testdata/records.segment")
	tail := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(tailProgram(t), append([]string{name, "--dir", dir}, args...)...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		require.NoError(t, err)
		return out
	}
	assert.Equal(t, string(want), string(tail("--from", "oldest", "--idle", "5s")))
	lines := bytes.SplitAfter(want, []byte("\n"))
	assert.Equal(t, string(bytes.Join(lines[:3], nil)), string(tail("--from=oldest", "--limit=3")))
	var trades []byte
	for _, line := range lines {
		if bytes.Contains(line, []byte(`"kind":"trade"`)) {
			trades = append(trades, line...)
		}
	}
	assert.Equal(t, string(trades), string(tail("--from=oldest", "--kind", "trade")))
	assert.Empty(t, tail("--from=latest"))
	assert.Empty(t, tail("--from=oldest", "--symbol", "NO/SUCH"))
}

// A command line that is wrong exits 2, a feed that cannot be read 1, with one line why.
func TestTailSaysWhatIsWrong(t *testing.T) {
	cases := []struct {
		name string
		args []string
		exit int
		want string
	}{
		{"no feed is named", nil, 2, "give one feed"},
		{"a kind is unknown", []string{"f", "--kind", "trade,foo"}, 2, "--kind"},
		{"a duration has no unit", []string{"f", "--for", "10"}, 2, "--for 10"},
		{"a limit is no number", []string{"f", "--limit", "-1"}, 2, "--limit"},
		{"a place is unknown", []string{"f", "--from", "middle"}, 2, "oldest, latest or board"},
		{"a name is not allowed", []string{"a/b"}, 2, "feed name not allowed"},
		{"the feed is not there", []string{"nothing", "--dir", t.TempDir()}, 1, "no such feed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(tailProgram(t), c.args...)
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			assert.Equal(t, c.exit, cmd.ProcessState.ExitCode())
			assert.Contains(t, string(out), c.want)
		})
	}
}

// A feed that goes on: --limit, --for, --idle and signals end the program with 0, a pipe
// that is closed ends it quietly.
func TestTailEndsCleanly(t *testing.T) {
	dir := t.TempDir()
	startChild(t, dir)
	attachSoon(t, dir, Options{}).Detach()
	run := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(tailProgram(t), append([]string{feed, "--dir", dir}, args...)...)
		var notes bytes.Buffer
		cmd.Stderr = &notes
		return cmd, &notes
	}
	t.Run("the limit is reached", func(t *testing.T) {
		cmd, _ := run("--limit", "1000")
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Equal(t, 1000, bytes.Count(out, []byte("\n")))
	})
	t.Run("the time is over", func(t *testing.T) {
		cmd, _ := run("--for", "200ms")
		start := time.Now()
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.NotEmpty(t, out)
		assert.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
	})
	t.Run("nothing that passes comes", func(t *testing.T) {
		cmd, _ := run("--kind", "trade", "--idle", "200ms")
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Empty(t, out)
	})
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd, _ := run()
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			lines := bufio.NewScanner(out)
			require.True(t, lines.Scan())
			require.NoError(t, cmd.Process.Signal(signal))
			for lines.Scan() {
				assert.True(t, bytes.HasSuffix(lines.Bytes(), []byte("}")), "a line is whole")
			}
			require.NoError(t, cmd.Wait())
		})
	}
	t.Run("its reader goes away", func(t *testing.T) {
		cmd, notes := run()
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		require.True(t, bufio.NewScanner(out).Scan())
		require.NoError(t, out.Close())
		require.NoError(t, cmd.Wait())
		assert.NotContains(t, notes.String(), "ipe")
	})
}

// --follow waits for a feed that is not there yet and goes on with its next publisher.
func TestTailFollows(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(tailProgram(t), feed, "--dir", dir, "--follow", "--for", "20s")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Wait() }() // its end is asked for below
	lines := bufio.NewScanner(out)
	first := startChild(t, dir)
	require.True(t, lines.Scan())
	require.NoError(t, first.Process.Kill())
	_, err = first.Process.Wait()
	require.NoError(t, err)
	died := time.Now().UnixNano()
	startChild(t, dir)
	heard := false
	for !heard && lines.Scan() {
		var line struct {
			Published int64 `json:"publish_time_ns"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		heard = line.Published > died
	}
	assert.True(t, heard, "records come that the first publisher cannot have published")
	require.NoError(t, lines.Err())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	for lines.Scan() {
	}
}
