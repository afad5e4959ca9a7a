package feed_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
)

// A symbol is what a venue may list and a segment has room for, and nothing that
// breaks a line, a list or a path.
func TestParseSymbol(t *testing.T) {
	cases := []struct {
		name, text string
		good       bool
	}{
		{"letters and digits", "1INCH/USDT", true},
		{"a name in another script", "龙虾/USDT", true},
		{"signs that venues use", "A.B-C_D/USDT", true},
		{"names as long as there is room", strings.Repeat("A", 16) + "/" + strings.Repeat("龙", 5), true},
		{"a name too long in bytes though not in letters", strings.Repeat("龙", 6) + "/USDT", false},
		{"no quote", "BTC", false},
		{"an empty base", "/USDT", false},
		{"two slashes", "A/B/C", false},
		{"a blank", "A B/USDT", false},
		{"a control sign", "A\x07/USDT", false},
		{"bytes that are not UTF-8", "A\xff/USDT", false},
		{"a sign that is no letter", "\u2028A/USDT", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := feed.ParseSymbol(c.text)
			if !c.good {
				require.ErrorIs(t, err, feed.ErrConfig)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.text, s.String())
		})
	}
}
