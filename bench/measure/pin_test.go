package main

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/bench/internal/kit"
)

// A program that runs pinned may use the one CPU and no other.

func TestPinnedProgramStaysOnItsCPU(t *testing.T) {
	b := newBench(t)
	text, err := kit.Output("pinned", b.self, "pinned", "1", "cat", "/proc/self/status")
	require.NoError(t, err)
	assert.Contains(t, string(text), "Cpus_allowed_list:\t1\n")
	for _, args := range [][]string{nil, {"0"}, {"x", "true"}} {
		assert.Error(t, runPinned(args))
	}
}

// copyFile copies a program, so that it outlives the directory it was built in.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
