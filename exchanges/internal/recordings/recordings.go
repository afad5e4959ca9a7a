// Package recordings finds and reads the recorded traffic that the venues' tests
// run on. It is shared material, not part of the project: under TICKRING_SHARED, or
// beside the module's root. Tests only.
package recordings

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// Path is a file or folder of the shared material. Where it is absent the test is
// skipped with a printed line.
func Path(t testing.TB, elements ...string) string {
	t.Helper()
	base := os.Getenv("TICKRING_SHARED")
	if base == "" {
		base = filepath.Join(ModuleRoot(t), "..", "shared")
	}
	path := filepath.Join(append([]string{base}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		line := fmt.Sprintf("skipped %s: no shared material %s (set TICKRING_SHARED)", t.Name(), filepath.Join(elements...))
		fmt.Println(line)
		t.Skip(line)
	}
	return path
}

// ModuleRoot is the folder of go.mod above the package under test.
func ModuleRoot(t testing.TB) string {
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

// Lines are those of a text file, decompressed where it ends in .zst.
func Lines(t testing.TB, path string) [][]byte {
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

// Message is one WebSocket message that a venue sent.
type Message struct {
	Binary bool
	Data   []byte
}

// Messages are those that the venue sent in a recording, in order.
func Messages(t testing.TB, path string) []Message {
	t.Helper()
	var messages []Message
	for _, line := range Lines(t, path) {
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
			messages = append(messages, Message{Data: []byte(row.Data)})
		case row.Op == "bin":
			messages = append(messages, Message{Binary: true, Data: row.Base64})
		}
	}
	return messages
}

// Texts are the text messages of a recording.
func Texts(t testing.TB, path string) [][]byte {
	t.Helper()
	var texts [][]byte
	for _, m := range Messages(t, path) {
		if !m.Binary {
			texts = append(texts, m.Data)
		}
	}
	return texts
}
