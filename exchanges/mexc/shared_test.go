package mexc

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
)

// sharedPath finds a file of the shared material, which is not part of the
// project: under TICKRING_SHARED, or beside the module's root. A test that needs
// it is skipped with a printed line where it is not, and fails when
// TICKRING_REQUIRE_ALL is 1.
func sharedPath(t testing.TB, elements ...string) string {
	t.Helper()
	base := os.Getenv("TICKRING_SHARED")
	if base == "" {
		base = filepath.Join(moduleRoot(t), "..", "shared")
	}
	path := filepath.Join(append([]string{base}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		line := fmt.Sprintf("skipped: no shared material at %s (set TICKRING_SHARED)", path)
		require.NotEqual(t, "1", os.Getenv("TICKRING_REQUIRE_ALL"), line)
		fmt.Println(line)
		t.Skip(line)
	}
	return path
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		require.NotEqual(t, dir, filepath.Dir(dir), "no go.mod above the package")
		dir = filepath.Dir(dir)
	}
}

// fileLines reads a file of lines, decompressing .zst.
func fileLines(t testing.TB, path string) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	scanner := bufio.NewScanner(f)
	if filepath.Ext(path) == ".zst" {
		z, err := zstd.NewReader(f)
		require.NoError(t, err)
		defer z.Close()
		scanner = bufio.NewScanner(z)
	}
	scanner.Buffer(nil, 1<<26)
	var lines [][]byte
	for scanner.Scan() {
		lines = append(lines, append([]byte(nil), scanner.Bytes()...))
	}
	require.NoError(t, scanner.Err())
	return lines
}

// message is one WebSocket message that the venue sent.
type message struct {
	binary bool
	data   []byte
}

// decode gives the message to the method for its opcode.
func (m message) decode(d *Dialect, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict {
	if m.binary {
		return d.DecodeBinary(m.data, symbols, b)
	}
	return d.Decode(m.data, symbols, b)
}

// capturedMessages are the messages that the venue sent in a recording.
func capturedMessages(t testing.TB, path string) []message {
	t.Helper()
	var messages []message
	for _, line := range fileLines(t, path) {
		var row struct {
			Dir    string `json:"dir"`
			Op     string `json:"op"`
			Data   string `json:"data"`
			Base64 []byte `json:"b64"`
		}
		require.NoError(t, json.Unmarshal(line, &row))
		switch {
		case row.Dir != "in":
		case row.Op == "text":
			messages = append(messages, message{data: []byte(row.Data)})
		case row.Op == "bin":
			messages = append(messages, message{binary: true, data: row.Base64})
		}
	}
	return messages
}
