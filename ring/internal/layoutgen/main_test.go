package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../../.."

// Every generated file must be what the generator makes of the sources today.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	outputs, err := generate(root)
	require.NoError(t, err)
	require.Len(t, outputs, 9)
	for _, out := range outputs {
		have, err := os.ReadFile(filepath.Join(root, out.Path))
		require.NoError(t, err)
		assert.True(t, string(out.Data) == string(have), "%s is out of date: run make generate", out.Path)
	}
}

// Names cross languages, so the splitting of Go names must be exact.
func TestNamesAreSplitAtWordsAndRunsOfCapitals(t *testing.T) {
	cases := map[string]string{
		"BookTicker":        "BOOK_TICKER",
		"TLSWrongHost":      "TLS_WRONG_HOST",
		"TLSUnknownCA":      "TLS_UNKNOWN_CA",
		"DNS":               "DNS",
		"MEXCPair":          "MEXC_PAIR",
		"Uint64":            "UINT64",
		"IDSuffix1":         "ID_SUFFIX1",
		"RecvTimeNS":        "RECV_TIME_NS",
		"OwnerPIDNamespace": "OWNER_PID_NAMESPACE",
	}
	for name, want := range cases {
		assert.Equal(t, want, upperSnake(name), name)
	}
}

// The hash must move with every fact a reader depends on.
func TestTheHashMovesWithTheFormat(t *testing.T) {
	m, err := load(filepath.Join(root, "ring"))
	require.NoError(t, err)
	base := m.hash()
	changes := map[string]func(){
		"a version":         func() { m.Version++ },
		"a field's name":    func() { m.Structs[0].Fields[3].Name += "x" },
		"a field's offset":  func() { m.Structs[1].Fields[0].Offset++ },
		"a field's type":    func() { m.Structs[2].Fields[0].Elem = "u16" },
		"an array's length": func() { m.Structs[2].Fields[2].Count++ },
		"a value's name":    func() { m.Enums[0].Values[0].Name += "X" },
		"a value":           func() { m.Enums[2].Values[3].Value = 99 },
	}
	seen := map[uint64]string{base: "nothing"}
	for what, change := range changes {
		change()
		h := m.hash()
		assert.NotContains(t, seen, h, what)
		seen[h] = what
	}
}

// A source that the other languages could not follow is refused with a reason.
func TestSourcesOutsideTheFormatAreRefused(t *testing.T) {
	layout, err := os.ReadFile(filepath.Join(root, "ring", "layout.go"))
	require.NoError(t, err)
	enums, err := os.ReadFile(filepath.Join(root, "ring", "enums.go"))
	require.NoError(t, err)
	cases := []struct {
		name, layout, enums, want string
	}{
		{"a hole between fields", "type Hole struct {\n\tA uint8 `doc:\"a\"`\n\tB uint64 `doc:\"b\"`\n}\n", "", "hole before B"},
		{"a hole at the end", "type Hole struct {\n\tA uint64 `doc:\"a\"`\n\tB uint8 `doc:\"b\"`\n}\n", "", "hole at the end"},
		{"a field without a doc", "type Bare struct {\n\tA uint64\n}\n", "", "no doc tag"},
		{"a type without a fixed width", "type Wide struct {\n\tA uint `doc:\"a\"`\n}\n", "", "no fixed width"},
		{"a named integer without a style", "", "type Colour uint8\n", "enum styles"},
		{"two names of one value", "", "const KindOther Kind = 2\n", "same value 2"},
		{"a kind without a body", "", "const KindOther Kind = 7\n", "no body"},
		{"a flag of two bits", "", "const FlagTwo Flags = 3 << 11\n", "not one bit"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "layout.go"), append(layout, "\n"+c.layout...), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "enums.go"), append(enums, "\n"+c.enums...), 0o600))
			_, err := load(dir)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
		})
	}
}

// The worked example of the page must hold the numbers that its prose names.
func TestTheWorkedExampleHoldsItsNumbers(t *testing.T) {
	m, err := load(filepath.Join(root, "ring"))
	require.NoError(t, err)
	text, err := m.exampleRecord()
	require.NoError(t, err)
	lines := strings.Split(text, "\n")
	require.Len(t, lines, 8)
	assert.Equal(t, "  0  e2 22 02 00 00 00 00 00 01 ff fb 00 03 00 03 00", lines[0])
	assert.Equal(t, " 32  c5 cd 09 00 00 00 00 00 f0 49 02 00 00 00 00 00", lines[2])
	require.Error(t, m.put(make([]byte, 128), "Record", map[string]int64{"Nothing": 1}))
}
