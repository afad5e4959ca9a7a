package house

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// figureRow is a row of the README's table of figures: text, name in the results, value.
var figureRow = regexp.MustCompile("(?m)^\\| .* \\| `([a-z0-9_]+)` \\| ([0-9,.]+)(x| ns| us|/s) \\|$")

// resultLine is a figure or a ratio of a report.
var resultLine = regexp.MustCompile(`(?m)^(?:figure|ratio) ([a-z0-9_]+) ([0-9.]+)`)

// scaleOf a unit of the README, beside the report's nanoseconds.
var scaleOf = map[string]float64{"x": 1, " ns": 1, " us": 1000, "/s": 1}

// The README's figures are those of the report that it names.
func TestReadmeFiguresAreOfTheReport(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	report, err := os.ReadFile(filepath.Join(root, "bench", "RESULTS-FULL.md"))
	require.NoError(t, err)
	results := map[string]float64{}
	for _, m := range resultLine.FindAllStringSubmatch(string(report), -1) {
		results[m[1]], err = strconv.ParseFloat(m[2], 64)
		require.NoError(t, err)
	}
	rows := figureRow.FindAllStringSubmatch(string(readme), -1)
	require.Greater(t, len(rows), 5)
	for _, m := range rows {
		name, text := m[1], strings.ReplaceAll(m[2], ",", "")
		value, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		measured, ok := results[name]
		if !assert.True(t, ok, "%s is not in the report", name) {
			continue
		}
		_, places, _ := strings.Cut(text, ".")
		unit := math.Pow10(-len(places))
		assert.InDelta(t, measured/scaleOf[m[3]], value, 0.5001*unit, "%s: put the report's value into README.md", name)
	}
}
