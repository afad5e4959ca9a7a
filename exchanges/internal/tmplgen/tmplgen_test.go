package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLinesThatAreRefused(t *testing.T) {
	const good = `x Trade {"channel":"c","s":"<symbol>","p":"<decimal price>"}`
	_, err := parseShapes("# a comment\n\n" + good + "\n")
	require.NoError(t, err)
	for _, c := range []struct {
		name, line string
		want       error
	}{
		{"no text", `x Trade`, errLine},
		{"a name in capitals", `X Trade {"channel":"c","s":"<symbol>"}`, errLine},
		{"an unknown word behind the kind", `x Trade,Fast {"channel":"c","s":"<symbol>"}`, errLine},
		{"the same name twice", good + "\n" + good, errName},
		{"no channel", `x Trade {"s":"<symbol>"}`, errChannel},
		{"an unknown type of hole", `x Trade {"channel":"c","s":"<symbol>","f":<float price>}`, errHole},
		{"a field of another type", `x Trade {"channel":"c","s":"<symbol>","p":"<decimal sequence>"}`, errField},
		{"a decimal without a field", `x Trade {"channel":"c","s":"<symbol>","p":"<decimal>"}`, errField},
		{"a field twice", `x Trade {"channel":"c","s":"<symbol>","p":"<decimal price>","q":"<decimal price>"}`, errTwice},
		{"no symbol", `x Trade {"channel":"c"}`, errSymbol},
		{"two symbols", `x Trade {"channel":"c","s":"<symbol>","s":"<symbol>"}`, errSymbol},
		{"again before the symbol", `x Trade {"channel":"c","s":"<again>","s":"<symbol>"}`, errSymbol},
		{"a symbol that may be missing", `x Trade {"channel":"c"<opt>,"s":"<symbol>"</opt>}`, errOptional},
		{"a price that may be missing", `x Trade {"channel":"c","s":"<symbol>"<opt>,"p":"<decimal price>"</opt>}`, errOptional},
		{"an optional part in another", `x Trade {"channel":"c","s":"<symbol>"<opt>,"a":<opt>,</opt></opt>}`, errOptional},
		{"an optional part without end", `x Trade {"channel":"c","s":"<symbol>"<opt>,"a":1}`, errOptional},
		{"an end without optional part", `x Trade {"channel":"c","s":"<symbol>"</opt>}`, errOptional},
		{"an optional part that begins with a hole", `x Trade {"channel":"c","s":"<symbol>","u":<opt><uint></opt>}`, errOptional},
		{"two holes without text between", `x Trade {"channel":"c","s":"<symbol>","u":<uint><uint>}`, errAdjacent},
		{"a hole at the end", `x Trade {"channel":"c","s":"<symbol>","u":<uint>`, errAdjacent},
		{"a hole at the end of an optional part, and one behind it", `x Trade {"channel":"c","s":"<symbol>"<opt>,"u":<uint></opt><uint>}`, errAdjacent},
		{"two parts that repeat", `x Trade {"channel":"c","r":[<each>{"s":"<symbol>"}</each>],"q":[<each>{"u":<uint>}</each>]}`, errEach},
		{"a part that repeats without the symbol", `x Trade {"channel":"c","s":"<symbol>","r":[<each>{"u":<uint>}</each>]}`, errEach},
		{"a part that repeats and ends with a hole", `x Trade {"channel":"c","r":[<each>{"s":"<symbol>","u":<uint></each>]}`, errEach},
		{"a part that repeats in another", `x Trade {"channel":"c","r":[<each>{<each>{"s":"<symbol>"}</each>}</each>]}`, errEach},
		{"a part that repeats without end", `x Trade {"channel":"c","r":[<each>{"s":"<symbol>"}]}`, errEach},
		{"a field behind what repeats", `x Trade {"channel":"c","r":[<each>{"s":"<symbol>"}</each>],"u":<uint trade_id>}`, errEach},
		{"an optional field in what repeats", `x Trade {"channel":"c","r":[<each>{"s":"<symbol>"<opt>,"u":<uint second_id></opt>}</each>]}`, errEach},
		{"a repeating part that an optional one's end closes", `x Trade {"channel":"c","r":[<each>{"s":"<symbol>"}</opt>]}`, errOptional},
		{"a decimal without quotes", `x Trade {"channel":"c","s":"<symbol>","p":<decimal price>}`, errQuote},
		{"more bytes than there is padding", `x Trade {"channel":"c","s":"<symbol>"` + strings.Repeat(`,"note":"<text>"`, 14) + `}`, errPadding},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseShapes(c.line)
			assert.ErrorIs(t, err, c.want)
		})
	}
}

// Shapes are told apart by bytes that all of them have at one offset, as long as there
// are such bytes.
func TestTreeTellsShapesApart(t *testing.T) {
	shapes, err := parseShapes(`
a Trade {"t":<s10>,"channel":"alpha","s":"<symbol>"}
b Trade {"t":<s10>,"channel":"beta_","s":"<symbol>"}
c Trade {"t":<s10>,"channel":"beta_","s":"<symbol>","x":1}
d Trade {"channel":"delta","t":<s10>,"s":"<symbol>"}
`)
	require.NoError(t, err)
	byPrefix := make(map[string][]string)
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		for _, c := range n.cases {
			require.Equal(t, wordOf(c.text), c.word)
			walk(c.next, path+"/"+c.text)
		}
		for _, s := range n.shapes {
			byPrefix[path] = append(byPrefix[path], s.name)
		}
	}
	walk(buildTree(shapes), "")
	require.Len(t, byPrefix, 3)
	groups := make(map[string]bool)
	for _, names := range byPrefix {
		groups[strings.Join(names, " ")] = true
	}
	assert.Equal(t, map[string]bool{"a": true, "b c": true, "d": true}, groups)
}

// A literal of any length is compared byte for byte: every byte is in some comparison,
// and none reaches beyond it.
func TestLiteralsAreComparedWhole(t *testing.T) {
	const text = `,"abcdefghijklmnopqrstuvwxyz":"ABCDEF`
	for n := 1; n <= len(text); n++ {
		e := &emitter{started: true, off: 3}
		tests := strings.Split(e.literal(text[:n], "!=", " || "), " || ")
		assert.Equal(t, max(1, (n+7)/8), len(tests)-btoi(n > 4 && n < 8), "%d bytes: %v", n, tests)
	}
	e := &emitter{}
	assert.Equal(t, "p.Byte(0) != 0x2c", e.literal(",", "!=", " || "))
	assert.Equal(t, `p.Half(0) == 0x6362612c && p.Half(1) == 0x64636261`, e.literal(",abcd", "==", " && "))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The generated files are what their templates give.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	for _, c := range []struct{ dir, pkg, file string }{
		{"sample", "sample", "fast_gen_test.go"},
		{filepath.Join("..", "..", "gateio"), "gateio", "fast_gen.go"},
		{filepath.Join("..", "..", "gateiofutures"), "gateiofutures", "fast_gen.go"},
	} {
		out := filepath.Join(t.TempDir(), "out.go")
		require.NoError(t, run(c.pkg, filepath.Join(c.dir, "templates.txt"), out))
		want, err := os.ReadFile(filepath.Join(c.dir, c.file))
		require.NoError(t, err)
		got, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "run go generate in %s", c.dir)
	}
}

func TestRunSaysWhatFails(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.go")
	assert.ErrorIs(t, run("p", filepath.Join(dir, "none"), out), os.ErrNotExist)
	in := filepath.Join(dir, "in")
	require.NoError(t, os.WriteFile(in, []byte("x"), 0o600))
	assert.ErrorIs(t, run("p", in, out), errLine)
	assert.NoFileExists(t, out)
}
