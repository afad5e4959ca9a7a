package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/bench/internal/kit"
)

// The test binary is also the bench's program: its processes are this one again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "writer", "reader", "decode", "pinned":
			if err := command(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// newBench is a bench on two CPUs with a directory of its own.
func newBench(t *testing.T) *bench {
	t.Helper()
	c, err := kit.ChooseCPUs()
	if err != nil {
		t.Skipf("two CPUs are wanted: %v", err)
	}
	dir, err := os.MkdirTemp("/dev/shm", "tickring-bench-test-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	t.Setenv("GORACE", "atexit_sleep_ms=0") // each process would end a second later
	self, err := os.Executable()
	require.NoError(t, err)
	return &bench{self: self, dir: dir, slots: 1 << 12, cpus: c, nsPerTick: kit.Calibrate(), Report: kit.Report{Out: t.Output()}}
}

// buildC compiles one of the C programs, with the warnings as errors.
func buildC(t *testing.T, source string, more ...string) string {
	t.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			require.NoError(t, err)
		}
		t.Skip("no C compiler")
	}
	out := filepath.Join(t.TempDir(), "program")
	args := append([]string{"-std=c11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-I..", "-o", out, source}, more...)
	text, err := exec.Command(cc, args...).CombinedOutput()
	require.NoError(t, err, string(text))
	return out
}
