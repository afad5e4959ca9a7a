package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A program that runs pinned may use the one CPU and no other.
func TestPinnedProgramStaysOnItsCPU(t *testing.T) {
	b := newBench(t)
	text, err := output("pinned", b.self, "pinned", "1", "cat", "/proc/self/status")
	require.NoError(t, err)
	assert.Contains(t, string(text), "Cpus_allowed_list:\t1\n")
	for _, args := range [][]string{nil, {"0"}, {"x", "true"}} {
		assert.Error(t, runPinned(args))
	}
}

// Wrong CPUs are refused with the variable to set.
func TestCPUsAreChecked(t *testing.T) {
	for _, c := range []struct{ name, publisher, reader, want string }{
		{"a CPU that is not there", "1023", "0", "PUB_CPU"},
		{"no number", "0", "one", "READ_CPU"},
		{"one CPU for both", "0", "0", "the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PUB_CPU", c.publisher)
			t.Setenv("READ_CPU", c.reader)
			_, err := chooseCPUs()
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// The head of the report names the machine; none of it is empty.
func TestMachineIsNamed(t *testing.T) {
	for _, line := range machineFacts(cpus{0, 1}, "no-such-compiler", "abc", 1) {
		_, value, ok := strings.Cut(line, ": ")
		assert.True(t, ok && strings.TrimSpace(value) != "", line)
	}
	warnings := strings.Join(machineWarnings(cpus{0, 0}), "\n")
	assert.Contains(t, warnings, "two threads of one core")
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
