package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/bench/internal/kit"
)

// tool is the path of a program that bench/full/run built, or empty.
func (b *bench) tool(name string) string {
	path := filepath.Join(b.tools, "bin", name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// lines of a file in the tools' directory; none where it is missing.
func lines(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// versions are of the peers, as bench/full/run wrote them down.
func versions(tools string) []string { return lines(filepath.Join(tools, "versions")) }

// absences are peers that could not be installed or built, each "NAME: why".
func absences(tools string) []string {
	list := lines(filepath.Join(tools, "absent"))
	slices.Sort(list)
	return slices.Compact(list)
}

// chooseHelper takes HELP_CPU, by default the first CPU allowed that is neither side's,
// or the reader's where there is none.
func chooseHelper(c kit.CPUs) (int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, fmt.Errorf("ask for the CPUs allowed: %w", err)
	}
	if text := os.Getenv("HELP_CPU"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || !set.IsSet(n) {
			return 0, fmt.Errorf("HELP_CPU=%q: want the number of a CPU that is allowed to this process", text)
		}
		if n == c.Publisher {
			return 0, errors.New("HELP_CPU and PUB_CPU are the same: a writer that spins would keep the helpers from running")
		}
		return n, nil
	}
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) && cpu != c.Publisher && cpu != c.Reader {
			return cpu, nil
		}
	}
	return c.Reader, nil
}

// leftOut are peers that failed in this run: they are named, and the run goes on.
type leftOut map[string]bool

// leave leaves a peer out and says so. What is ours is not left out: it answers false.
func (l leftOut) leave(b *bench, key, name string, err error) bool {
	if strings.HasPrefix(key, "tickring") {
		return false
	}
	l[key] = true
	b.Printf("absent %s: it failed: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
	return true
}
