package faults

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A second publisher of a feed is refused in one line that names the first one's
// pid, exit 1, and changes nothing.
func TestSecondPublisherRefused(t *testing.T) {
	dir := feedDir(t)
	v := startVenue(t, 500, 5)
	first := startPublisher(t, dir, v, 4096)
	m := awaitFeed(t, dir, first, 100)
	readers := startReaders(t, dir, 0)
	for _, r := range readers {
		r.awaitEvent(t, eventAttached, 0, patience)
	}

	second := startPublisher(t, dir, v, 4096)
	second.wait(t)
	var exit *exec.ExitError
	require.True(t, errors.As(second.err, &exit), "%v", second.err)
	assert.Equal(t, 1, exit.ExitCode())
	line := strings.TrimSpace(second.said.text())
	assert.NotContains(t, line, "\n")
	assert.Contains(t, line, strconv.Itoa(first.cmd.Process.Pid))

	at := m.View().LastSequence()
	for _, r := range readers {
		r.await(t, "records of the first", patience, func(s report) bool { return s.Generation == 1 && s.Next > at+100 })
	}
	first.end(t)
	for _, r := range readers {
		r.awaitEvent(t, eventClosed, 0, patience)
		r.finish(t)
	}
	fmt.Printf("faults: second publisher: exit=%d %q\n", exit.ExitCode(), line)
}
