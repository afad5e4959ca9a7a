package ring

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reader that was written from docs/format.md alone, in a language without any code
// of ours, says of the golden segment what ours says.
func TestReaderWrittenFromTheDocument(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			require.NoError(t, err, "install python3")
		}
		fmt.Println("ring: skipped, python3 is missing: install python3")
		t.Skip("python3 is missing")
	}
	cmd := exec.Command(python, filepath.Join("testdata", "read_segment.py"), filepath.Join("testdata", "golden.segment"))
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	require.NoError(t, cmd.Run(), faults.String())
	want, err := os.ReadFile(filepath.Join("testdata", "golden.txt"))
	require.NoError(t, err)
	assert.Equal(t, string(want), out.String())
}

// barriers are the instructions of some names in the functions of this package, as
// compiled for an architecture.
type barriers struct {
	t     *testing.T
	names string // a regular expression
	dump  map[string]string
}

func disassemble(t *testing.T, arch, names string) barriers {
	t.Helper()
	dir := t.TempDir()
	tool := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "GOARCH="+arch, "GOOS=linux", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	compiled, assembled := filepath.Join(dir, "ring.a"), filepath.Join(dir, "publish.o")
	include := filepath.Join(strings.TrimSpace(tool("env", "GOROOT")), "pkg", "include")
	tool("build", "-o", compiled, ".")
	tool("tool", "asm", "-p", "ring", "-I", include, "-o", assembled, "publish_"+arch+".s")
	b := barriers{t, names, map[string]string{}}
	for _, object := range []string{compiled, assembled} { // a wrapper's body gives way to the assembly
		for _, part := range strings.Split(tool("tool", "objdump", object), "TEXT ")[1:] {
			name, body, _ := strings.Cut(part, "(SB)")
			if _, function, ok := strings.Cut(name, "ring."); ok { // of this package
				b.dump[function] = body
			}
		}
	}
	return b
}

// in lists the barriers of a function, in the order of its instructions.
func (b barriers) in(function string) string {
	body, ok := b.dump[function]
	require.True(b.t, ok, function)
	return strings.Join(regexp.MustCompile(`\b(?:`+b.names+`)\b`).FindAllString(body, -1), " ")
}

// The table of barriers in docs/format.md is what the compiler and the assembler
// emit, on both architectures.
func TestBarriersAreThoseOfTheDocument(t *testing.T) {
	if raceEnabled || publishName != "assembly" {
		t.Skip("skipped: of the plain build only; .ci/test runs it")
	}
	amd := disassemble(t, "amd64", "LOCK|XCHGQ|XCHGL|MFENCE|SFENCE|LFENCE")
	for _, f := range []string{"publishRecord", "publishWords", "store64", "storeFrame", "loadRecord",
		"(*Reader).fetch", "(*Reader).run"} {
		assert.Empty(t, amd.in(f), "amd64 %s", f)
	}
	arm := disassemble(t, "arm64", `DMB \$\d+|STLRW?|LDAR`)
	for f, want := range map[string]string{
		"publishRecord":   "DMB $10 STLR", // option 10 is ISHST
		"publishWords":    "DMB $10 STLR",
		"store64":         "STLR",
		"storeFrame":      "STLR STLR STLRW",
		"loadRecord":      strings.TrimSpace(strings.Repeat("LDAR ", 15)),
		"loadHead":        strings.TrimSpace(strings.Repeat("LDAR ", 7)),
		"(*Reader).fetch": "LDAR LDAR",
		"(*Reader).run":   "LDAR LDAR",
	} {
		assert.Equal(t, want, arm.in(f), "arm64 %s", f)
	}
}
