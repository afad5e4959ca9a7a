package sim

import (
	"encoding/json"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func scanned(b string) (map[string]string, bool) {
	m := map[string]string{}
	ok := members([]byte(b), func(name, value []byte) { m[string(name)] = string(value) })
	return m, ok
}

// Members are found whatever their values hold.
func TestMembers(t *testing.T) {
	m, ok := scanned(" { \"a\" : 1 ,\"b\":\"x\\\"},{\" , \"c\":{\"d\":[1,{\"e\":\"]\"}]},\"f\":[] , \"g\":null} \n")
	require.True(t, ok)
	assert.Equal(t, map[string]string{"a": "1", "b": `"x\"},{"`, "c": `{"d":[1,{"e":"]"}]}`, "f": "[]", "g": "null"}, m)
	_, ok = scanned("{}")
	assert.True(t, ok)
}

// Every shortened object is seen to be one, and nothing else passes for an object.
func TestMembersNoticeAMissingEnd(t *testing.T) {
	for end := range len(quoteBTC) {
		_, ok := scanned(quoteBTC[:end])
		require.False(t, ok, quoteBTC[:end])
	}
	for _, b := range []string{"", "[]", "null", `"a"`, "{", `{"a"}`, `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":1}}`, `{"a":1,}`, `{"a":"\`} {
		_, ok := scanned(b)
		assert.False(t, ok, b)
	}
}

// A string is decoded as encoding/json does.
func FuzzText(f *testing.F) {
	for _, s := range []string{`""`, `"a"`, `"\"\\\/"`, `"\n\u00e9\ud83d\ude00"`, `"\x"`, `1`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if skipString(value, 0) != len(value) || !json.Valid(value) {
			return
		}
		var want string
		require.NoError(t, json.Unmarshal(value, &want))
		got, ok := text(value)
		require.True(t, ok)
		assert.Equal(t, want, got)
	})
}

// Whatever the bytes, reading a frame's route ends; and valid JSON objects have the
// members encoding/json finds.
func FuzzRoute(f *testing.F) {
	for _, row := range everyRow {
		f.Add([]byte(row))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		routeGateio(ws.OpText, frame)
		var want map[string]json.RawMessage
		if json.Unmarshal(frame, &want) != nil || want == nil {
			return
		}
		n := 0
		require.True(t, members(frame, func(_, _ []byte) { n++ }))
		assert.GreaterOrEqual(t, n, len(want))
	})
}
