package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/shm"
)

// readersByName waits until stat names so many readers that have read something.
func readersByName(t *testing.T, dir string, names ...string) map[string]readerStat {
	t.Helper()
	found := map[string]readerStat{}
	eventually(t, "stat names the readers", func() bool {
		clear(found)
		for _, r := range statOf(t, dir).Readers {
			if r.Read > 0 {
				found[r.Name] = r
			}
		}
		for _, n := range names {
			if _, ok := found[n]; !ok {
				return false
			}
		}
		return true
	})
	return found
}

// Intent: on a real feed stat names readers in Go and C with their process, place and
// losses; a reader that stands still lags, one that was killed is gone, and a file
// that anybody spoilt is a line of the report and no more.
func TestStatNamesReaders(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "2000", "--symbols", "5")
	publisher := startFeed(t, dir, at[0], "--slots", "1024")
	names := []string{"tickring tail", "a strategy"}
	tail := start(t, "tail", "f", "--dir", dir, "--follow", "--json", "--from", "oldest")
	book := start(t, "book", "f", "BTC/USDT", "--dir", dir, "--live", "--json", "--every", "20ms")
	strategy, err := shm.OpenFeed(context.Background(), "f", shm.FeedOptions{Dir: dir, Register: "a strategy", From: shm.FromOldest})
	require.NoError(t, err)
	require.NoError(t, strategy.RegisterFault())
	defer strategy.Close()
	ctx, cancel := context.WithCancel(context.Background())
	reads := make(chan struct{})
	go func() {
		defer close(reads)
		for range strategy.Records(ctx) {
		}
	}()
	pids := map[string]int{"tickring tail": tail.cmd.Process.Pid, "a strategy": os.Getpid()}
	if path := cProgram(t); path != "" {
		inC := startAs(t, nil, path, "f", "--dir", dir, "--follow", "--from", "oldest")
		names = append(names, "tickring-tail-c")
		pids["tickring-tail-c"] = inC.cmd.Process.Pid
	}
	found := readersByName(t, dir, names...)
	for name, pid := range pids {
		assert.Equal(t, uint32(pid), found[name].PID, name)
		assert.True(t, found[name].PIDIsLocal)
		assert.Greater(t, found[name].Cursor, found[name].Read+found[name].Lost, name)
	}
	eventually(t, "stat names the book", func() bool {
		_, text, _ := run(t, "stat", "f", "--dir", dir)
		return strings.Contains(text, "tickring book BTC/USDT")
	})
	book.signal(syscall.SIGINT)
	assert.Zero(t, book.wait())

	tail.signal(syscall.SIGSTOP)
	eventually(t, "a reader that stands still lags by a lap", func() bool {
		r := readersByName(t, dir, "tickring tail")["tickring tail"]
		return r.Lag != nil && *r.Lag > 1024
	})
	tail.signal(syscall.SIGCONT)
	eventually(t, "its losses are told", func() bool {
		return readersByName(t, dir, "tickring tail")["tickring tail"].Lost > 0
	})
	tail.signal(syscall.SIGKILL)
	<-tail.done
	_, text, _ := run(t, "stat", "f", "--dir", dir)
	assert.NotContains(t, text, "tickring tail\n")
	assert.NotRegexp(t, `(?m)^tickring tail `, text)
	assert.Regexp(t, `(?m)^READER +PID +LAG +LOST +READ +UPDATED$`, text)
	assert.Regexp(t, `(?m)^a strategy +\d+ +\d+ +\d+ +\d+ +\S+ ago$`, text)
	cancel()
	<-reads

	require.NoError(t, os.Truncate(filepath.Join(dir, "f.readers"), 7))
	s := statOf(t, dir)
	require.NotNil(t, s.ReadersError)
	assert.Contains(t, *s.ReadersError, "file of readers is damaged")
	assert.Empty(t, s.Readers)
	_, text, _ = run(t, "stat", "f", "--dir", dir)
	assert.Contains(t, text, "\nreaders: file of readers is damaged")
	publisher.signal(syscall.SIGTERM)
	assert.Zero(t, publisher.wait(), "no reader and no file of theirs holds a publisher up")
}
