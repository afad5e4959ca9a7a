package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProtobufLinesThatAreRefused(t *testing.T) {
	const head = `x Trade 1"some.channel.of.trades@<symbol>" 3"<again>" `
	const good = head + `6<ms send> 314{1*{1"<decimal price>" 3<side aggressor>} [2"literal"]}`
	_, err := parseMessages("# a comment\n\n" + good + "\n")
	require.NoError(t, err)
	for _, c := range []struct {
		name, line string
		want       error
	}{
		{"no fields", `x Trade`, errLine},
		{"a name in capitals", `X` + good[1:], errLine},
		{"an unknown word behind the kind", strings.Replace(good, "Trade", "Trade,Fast", 1), errLine},
		{"the same name twice", good + "\n" + good, errName},
		{"no number", head + `{1<ms>}`, errFields},
		{"a number beyond four digits", head + `12345{1<ms>}`, errFields},
		{"a text without end", head + `9"abc`, errFields},
		{"an empty text", head + `9"" 10{1<ms>}`, errFields},
		{"a message without end", head + `9{1"<decimal price>"`, errFields},
		{"an empty message", head + `9{}`, errFields},
		{"an empty optional part", head + `[] 9{1<ms>}`, errFields},
		{"an optional part without end", head + `[9"<uint sequence>"`, errFields},
		{"an unknown type of hole", head + `9{1"<float price>"}`, errHole},
		{"a hole of texts as a number", head + `9{1<decimal price>}`, errHole},
		{"half a hole", head + `9{1"<decimal price"}`, errHole},
		{"a field of another type", head + `9{1"<decimal sequence>"}`, errField},
		{"a decimal without a field", head + `9{1"<decimal>"}`, errField},
		{"a field twice", head + `9{1"<decimal price>" 2"<decimal price>"}`, errTwice},
		{"no channel", `x Trade 3"<symbol>" 314{1<ms>}`, errFirst},
		{"a channel too short to look back over", `x Trade 1"channel@<symbol>" 314{1<ms>}`, errFirst},
		{"two symbols", head + `9{1"<symbol>"}`, errAdjacent},
		{"two symbols behind literals", head + `9{1"a<symbol>"}`, errSymbol},
		{"a symbol that may be missing", head + `[4"a<symbol>"] 9{1<ms>}`, errOptional},
		{"again that may be missing", head + `[4"<again>"] 9{1<ms>}`, errOptional},
		{"fields out of order", head + `2<ms> 9{1<ms>}`, errOrder},
		{"fields of an optional part out of order", head + `[5<ms> 4<ms>] 9{1<ms>}`, errOrder},
		{"a field behind an optional part out of order", head + `[4<ms> 6<ms>] 5<ms> 9{1<ms>}`, errOrder},
		{"an optional part in another", head + `[4<ms> [5<ms>]] 9{1<ms>}`, errOptional},
		{"a field behind the body", head + `9{1<ms>} 10<ms>`, errBody},
		{"no body", head + `9<ms>`, errBody},
		{"a message three deep", head + `9{1*{1{1<ms>}}}`, errBody},
		{"a message that stands once in a body", head + `9{1{1<ms>}}`, errMany},
		{"levels that stand once", head + `9{1<levels asks>}`, errMany},
		{"a number that repeats", head + `9{1*<ms>}`, errMany},
		{"messages behind another field", head + `9{1<ms> 2*{1<ms>}}`, errMany},
		{"two holes in one text", head + `9{1"<decimal price><decimal quantity>"}`, errAdjacent},
		{"a decimal between literals", head + `9{1"a<decimal price>"}`, errAdjacent},
		{"a symbol and text without a mark between", `x Trade 1"some.channel.of.trades@<symbol><text>" 314{1<ms>}`, errAdjacent},
		{"a text that may be too long for a length of one byte", `x Trade 1"` + strings.Repeat("c", 96) + `<symbol>" 314{1<ms>}`, errLong},
		{"more bytes than there is padding", head + `9{` + signedFields(60) + `}`, errPadding},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseMessages(c.line)
			assert.ErrorIs(t, err, c.want)
		})
	}
}

// signedFields are so many texts.
func signedFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%d"<signed>" `, i+1)
	}
	return b.String()
}

// Keys are a field's number and type as they stand on the wire.
func TestKeysOfFields(t *testing.T) {
	m, err := parseMessages(`x Depth 1"some.channel.of.depth@<symbol>" 6<ms send> 313{1*<levels asks> 15<ms> [16"<uint sequence>"]}`)
	require.NoError(t, err)
	fields := m[0].fields
	assert.Equal(t, []string{"\x0a", "\x30", "\xca\x13"}, []string{fields[0].key(), fields[1].key(), fields[2].key()})
	body := fields[2].message
	assert.Equal(t, []string{"\x0a", "\x78", "\x82\x01"}, []string{body[0].key(), body[1].key(), body[2].optional[0].key()})
}

func TestGeneratedProtobufFilesAreUpToDate(t *testing.T) {
	dir := filepath.Join("..", "..", "mexc")
	out := filepath.Join(t.TempDir(), "out.go")
	require.NoError(t, runProtobuf("mexc", filepath.Join(dir, "templates.txt"), out))
	want, err := os.ReadFile(filepath.Join(dir, "fast_gen.go"))
	require.NoError(t, err)
	got, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go generate in %s", dir)
}

func TestRunProtobufSaysWhatFails(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.go")
	assert.ErrorIs(t, runProtobuf("p", filepath.Join(dir, "none"), out), os.ErrNotExist)
	in := filepath.Join(dir, "in")
	require.NoError(t, os.WriteFile(in, []byte("x"), 0o600))
	assert.ErrorIs(t, runProtobuf("p", in, out), errLine)
	assert.NoFileExists(t, out)
}
