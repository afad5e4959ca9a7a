package gateiofutures

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every test that doc.go names as the keeper of a quirk exists.
func TestQuirksNameTheirTests(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	paths, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var source []byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		source = append(source, text...)
	}
	names := regexp.MustCompile(`\bTest\w+`).FindAllString(string(doc), -1)
	require.Greater(t, len(names), 15)
	for _, name := range names {
		assert.Regexp(t, `func `+name+`\(t \*testing\.T\)`, string(source))
	}
}
