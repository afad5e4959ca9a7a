package feed_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every row of docs/spec.md names a test, and every test that it names exists.
func TestSpecificationIsProved(t *testing.T) {
	const root = ".."
	have := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Example)\w+)\(`)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "target" || d.Name() == "build" || strings.HasPrefix(d.Name(), ".git")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			have[string(m[1])] = true
		}
		return err
	}))
	text, err := os.ReadFile(filepath.Join(root, "docs", "spec.md"))
	require.NoError(t, err)
	named := regexp.MustCompile(`\b(?:Test|Example)[A-Z]\w+`)
	rows := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| Statement ") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "|"), "|")
		require.Len(t, cells, 3, line)
		tests := named.FindAllString(cells[2], -1)
		assert.NotEmpty(t, tests, "no test proves: %s", line)
		for _, name := range tests {
			assert.True(t, have[name], "%s does not exist: %s", name, line)
		}
	}
	assert.Greater(t, rows, 80)
}
