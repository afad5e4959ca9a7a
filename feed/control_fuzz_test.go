package feed

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever a client writes is either refused, in one line, as a request that cannot
// be meant, or is one JSON object as the standard decoder reads it.
func FuzzControlRequest(f *testing.F) {
	for _, line := range []string{
		`{"op":"subscribe","symbols":["BTC/USDT"],"channels":["trades"]}`, `{"op":"status"}`, `{"op":"status","op":"x"}`,
		`{"op":"status"}{}`, `{"op":"status",}`, `{"op" "status"}`, `{"op":"st\ud800"}`, `{"op":{"op":[1,2,{}]}}`, `[]`, `{`, ``, "{\"op\":\"\xff\"}",
		`{"op":"subscribe","symbols":null}`, `{"op":"subscribe","symbols":[null]}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseControlRequest(line)
		if err != nil {
			require.ErrorIs(t, err, ErrRequest)
			return
		}
		var plain map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(line, &plain), "accepted what is no JSON object")
		require.NotEmpty(t, r.op)
		delete(plain, "op")
		assert.Len(t, r.fields, len(plain))
		for _, needed := range []bool{false, true} {
			symbols, err := r.symbols(needed)
			assert.True(t, err == nil || errors.Is(err, ErrRequest), err)
			for _, s := range symbols {
				_, err := ParseSymbol(s.String())
				assert.NoError(t, err)
			}
		}
		if set, err := r.channels(); err == nil {
			assert.NotZero(t, set)
		}
	})
}
