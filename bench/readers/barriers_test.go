package readers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seqlocks are the functions of the C reader that copy what a writer may be writing, by
// source, and how often each looks at a mark again.
var seqlocks = map[string]map[string]int{
	"tickring_reader": {"next": 2}, // with the one of a record that the filter passes over
	"tickring_tables": {"tickring_board": 1, "tickring_book": 1},
}

// crossTool is a tool of an architecture's toolchain, or "" with a printed line.
func crossTool(t *testing.T, triplet, arch, name, plain string) string {
	t.Helper()
	names := []string{triplet + "-" + name}
	if runtime.GOARCH == arch {
		names = append(names, plain)
	}
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
		t.Fatalf("%s is required and missing: install gcc-%s", names[0], triplet)
	}
	fmt.Printf("readers: skipped, %s is missing: install gcc-%s\n", names[0], triplet)
	t.Skip(names[0], "is missing")
	return ""
}

// disassembled gives the instructions of the C reader's functions, one a line, as the
// library is compiled for use.
func disassembled(t *testing.T, triplet, arch, source string) map[string][]string {
	t.Helper()
	compiler, objdump := crossTool(t, triplet, arch, "gcc", "cc"), crossTool(t, triplet, arch, "objdump", "objdump")
	object := filepath.Join(t.TempDir(), "reader.o")
	run := func(args ...string) string {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = filepath.Join(root, "cgo_reader")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	run(compiler, "-std=c11", "-O2", "-fPIC", "-Iinclude", "-Isrc", "-c", "src/"+source+".c", "-o", object)
	functions := map[string][]string{}
	name := ""
	head, instruction := regexp.MustCompile(`^[0-9a-f]+ <(\w+)(\.\w+)*>:$`), regexp.MustCompile(`^ *[0-9a-f]+:\t(.*)$`)
	for _, l := range strings.Split(run(objdump, "-d", "--no-show-raw-insn", object), "\n") {
		if m := head.FindStringSubmatch(l); m != nil {
			name = m[1]
		} else if m := instruction.FindStringSubmatch(l); m != nil {
			text, _, _ := strings.Cut(m[1], "//")
			functions[name] = append(functions[name], strings.Join(strings.Fields(text), " "))
		}
	}
	return functions
}

var (
	acquire = regexp.MustCompile(`^ldar (x\d+), \[(x\d+)\]$`)
	load    = regexp.MustCompile(`^ldr (x\d+), \[(x\d+)\]$`)
)

// secondLooks counts the places where all loads before are kept before a second look at a
// mark, which is then compared with the first: ldar V, [A] … dmb ishld; ldr W, [A]; cmp V, W.
func secondLooks(code []string) (good int, faults []string) {
	first := map[string]string{} // place of a mark: register of its first look
	for i, c := range code {
		if m := acquire.FindStringSubmatch(c); m != nil {
			first[m[2]] = m[1]
		}
		if !strings.HasPrefix(c, "dmb ") {
			continue
		}
		var m []string
		if i+2 < len(code) {
			m = load.FindStringSubmatch(code[i+1])
		}
		switch {
		case c != "dmb ishld" || m == nil || first[m[2]] == "":
			faults = append(faults, strings.Join(code[i:min(i+3, len(code))], "; "))
		case code[i+2] != "cmp "+first[m[2]]+", "+m[1] && code[i+2] != "cmp "+m[1]+", "+first[m[2]]:
			faults = append(faults, strings.Join(code[i:i+3], "; "))
		default:
			good++
		}
	}
	return good, faults
}

// The rows of C in docs/format.md's table of barriers are what gcc makes of the reader for
// arm64: LDAR of the mark, and DMB ISHLD between the payload and the second look.
func TestBarriersOfTheCReaderOnARM64(t *testing.T) {
	for source, functions := range seqlocks {
		code := disassembled(t, "aarch64-linux-gnu", "arm64", source)
		for name, want := range functions {
			require.NotEmpty(t, code[name], name)
			good, faults := secondLooks(code[name])
			assert.Empty(t, faults, name)
			assert.Equal(t, want, good, "%s: second looks", name)
		}
	}
}

// On x86-64 no step needs a barrier, and none is there.
func TestBarriersOfTheCReaderOnX86(t *testing.T) {
	barrier := regexp.MustCompile(`^(?:lock|xchg|[lms]fence)\b`)
	for source, functions := range seqlocks {
		code := disassembled(t, "x86_64-linux-gnu", "amd64", source)
		for name := range functions {
			require.NotEmpty(t, code[name], name)
			for _, c := range code[name] {
				assert.NotRegexp(t, barrier, c, name)
			}
		}
	}
}

// The judge of a disassembly finds a barrier that is missing, of another sort, or behind the
// second look.
func TestBarriersThatAreWrong(t *testing.T) {
	good := []string{"ldar x27, [x25]", "ldr x1, [x1]", "dmb ishld", "ldr x1, [x25]", "cmp x27, x1"}
	change := func(at int, lines ...string) []string {
		return append(append(append([]string(nil), good[:at]...), lines...), good[at+1:]...)
	}
	count, faults := secondLooks(good)
	assert.Equal(t, 1, count)
	assert.Empty(t, faults)
	for name, code := range map[string][]string{
		"no acquire":       change(0, "ldr x27, [x25]"),
		"no barrier":       change(2),
		"of stores":        change(2, "dmb ishst"),
		"another place":    change(3, "ldr x1, [x24]"),
		"another compare":  change(4, "cmp x27, x2"),
		"behind the look":  {good[0], good[1], good[3], good[2], good[4]},
		"at the very last": good[:3],
	} {
		count, faults := secondLooks(code)
		assert.True(t, count == 0 && (len(faults) > 0 || name == "no barrier"), name)
	}
}
