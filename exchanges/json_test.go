package exchanges

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Well-formed is what RFC 8259 says, no more and no less.
func TestValidJSON(t *testing.T) {
	for _, frame := range []string{
		`{}`, ` [ ] `, `null`, `-0.5e+10`, `"\u00e9\n\""`, `{"a":{"b":[1,2,{"c":null}]},"d":true}`, "\t{\"a\"\r\n:1}", `"🙂"`,
		strings.Repeat("[", MaxJSONDepth) + strings.Repeat("]", MaxJSONDepth),
	} {
		assert.True(t, ValidJSON([]byte(frame)), frame)
	}
	for _, frame := range []string{
		``, ` `, `{`, `}`, `{]`, `[}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `[1,]`, `[,1]`, `[1 2]`, `{"a":1 "b":2}`, `{a:1}`,
		`01`, `-`, `1.`, `.1`, `1e`, `1e+`, `+1`, `NaN`, `tru`, `truefalse`, `nul`, `"`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"",
		`{} {}`, `{}x`, "\"\xff\"", "\"\xc3\"", "{\"a\":1}\x00", "\xef\xbb\xbf{}",
		strings.Repeat("[", MaxJSONDepth+1) + strings.Repeat("]", MaxJSONDepth+1),
		strings.Repeat(`{"a":`, MaxJSONDepth+1) + `1` + strings.Repeat("}", MaxJSONDepth+1),
	} {
		assert.False(t, ValidJSON([]byte(frame)), frame)
	}
}

// FuzzValidJSON compares with encoding/json, which knows neither our depth limit
// nor looks at UTF-8.
func FuzzValidJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"\u00ff\\",true,null]}`, `[[[]]]`, `{"":""}`, `1E5`, `"\`, `{"a":1,}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		want := json.Valid(frame) && utf8.Valid(frame)
		if got := ValidJSON(frame); got != want {
			require.True(t, want, "%q is no JSON", frame)
			require.Greater(t, strings.Count(string(frame), "[")+strings.Count(string(frame), "{"), MaxJSONDepth, "%q is JSON", frame)
		}
	})
}

// The check allocates nothing.
func TestValidJSONDoesNotAllocate(t *testing.T) {
	frame := []byte(`{"time":1,"result":{"b":[["1","2"]],"s":"A_B"}}`)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = ValidJSON(frame) }))
}
