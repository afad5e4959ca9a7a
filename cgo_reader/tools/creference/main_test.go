package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	header    = "../../include/tickring.h"
	headerCPP = "../../include/tickring.hpp"
	pagePath  = "../../../docs/c-reference.md"
)

// The page that is committed is the one that the headers make.
func TestReferenceIsCurrent(t *testing.T) {
	want, err := reference(header, headerCPP)
	require.NoError(t, err)
	have, err := os.ReadFile(pagePath)
	require.NoError(t, err)
	assert.Equal(t, want, string(have), "go generate ./cgo_reader")
}

// Every function of the C header has an entry, no body of a function and nothing private
// has found its way in.
func TestReferenceIsComplete(t *testing.T) {
	page, err := reference(header, headerCPP)
	require.NoError(t, err)
	text, err := os.ReadFile(header)
	require.NoError(t, err)
	functions := regexp.MustCompile(`(?m)^[a-z][\w ]*[ *](tickring_\w+)\(`).FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(functions), 40)
	for _, f := range functions {
		assert.Contains(t, page, "`"+f[1]+"`")
	}
	for _, class := range []string{"`answer`", "`error`", "`record`", "`book`", "`reader_view`", "`reader`", "`poller`"} {
		assert.Contains(t, page, class)
	}
	for _, hidden := range []string{"\treturn ", "handle_", "private:", "detail::"} {
		assert.NotContains(t, page, hidden)
	}
}

// Bodies, lists of initial values and private parts go, defaults of arguments stay.
func TestDeclarationsAreWithoutBodies(t *testing.T) {
	code := "class thing {\n\tclass inner;\n\npublic:\n\texplicit thing(int a) : std::base(a), a_(a) {}\n\tthing(int a,\n\t      int b) noexcept\n\t\t: a_(a)\n\t{\n\t\tif (a) { b(); }\n\t}\n" +
		"\tint f(span s = {}) const noexcept { return g(); }\n\nprivate:\n\tint a_;\n};\nint f(void)\n{\n\treturn 1;\n}"
	assert.Equal(t, "class thing {\npublic:\n\texplicit thing(int a);\n\tthing(int a,\n\t      int b) noexcept;\n"+
		"\tint f(span s = {}) const noexcept;\n};\nint f(void);", declarations(code))
}
