package exchanges

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tickring/tickring/ring"
)

// A symbol is found by all of its bytes, whatever its length.
func TestSymbolsOfEveryLengthAreFound(t *testing.T) {
	table := NewSymbolTable()
	for n := 1; n <= MaxSymbolBytes; n++ {
		require.NoError(t, table.Add(strings.Repeat("A", n), uint16(n)))
		require.NoError(t, table.Add(strings.Repeat("A", n-1)+"B", uint16(100+n)))
	}
	for n := 1; n <= MaxSymbolBytes; n++ {
		for want, symbol := range map[uint16]string{uint16(n): strings.Repeat("A", n), uint16(100 + n): strings.Repeat("A", n-1) + "B"} {
			id, found := table.Lookup([]byte(symbol))
			require.True(t, found, symbol)
			assert.Equal(t, want, id)
			assert.Equal(t, symbol, table.Name(id))
		}
	}
	for _, unknown := range []string{"", "C", strings.Repeat("A", 33), "A\x00", strings.Repeat("A", 15) + "C", strings.Repeat("A", 31) + "C"} {
		id, found := table.Lookup([]byte(unknown))
		assert.False(t, found, "%q", unknown)
		assert.Equal(t, uint16(ring.NoInstrument), id)
	}
	assert.Empty(t, table.Name(99))
	assert.Empty(t, table.Name(60000))
}

// What cannot be a row of the instrument table is refused by name.
func TestAddRefusesByName(t *testing.T) {
	table := NewSymbolTable()
	require.NoError(t, table.Add("BTC_USDT", 1))
	assert.NoError(t, table.Add("BTC_USDT", 1), "the same again changes nothing")
	for _, c := range []struct {
		symbol string
		id     uint16
		want   error
	}{
		{"", 2, ErrSymbolLength},
		{strings.Repeat("X", 33), 2, ErrSymbolLength},
		{"ETH_USDT", ring.NoInstrument, ErrSymbolID},
		{"BTC_USDT", 2, ErrSymbolTaken},
	} {
		err := table.Add(c.symbol, c.id)
		require.ErrorIs(t, err, c.want)
		assert.Contains(t, err.Error(), fmt.Sprintf("%q", c.symbol))
	}
}

// The table agrees with a map over any set of symbols, while it grows.
func TestTableAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		table, model := NewSymbolTable(), make(map[string]uint16)
		symbol := rapid.StringMatching(`[A-C]{1,3}_?[A-B0-1]{0,29}`)
		for range rapid.IntRange(1, 400).Draw(r, "symbols") {
			s := symbol.Draw(r, "symbol")
			if _, known := model[s]; !known && len(s) <= MaxSymbolBytes {
				model[s] = uint16(len(model))
				require.NoError(r, table.Add(s, model[s]))
			}
		}
		for s, want := range model {
			id, found := table.Lookup([]byte(s))
			require.True(r, found)
			require.Equal(r, want, id)
		}
		s := symbol.Draw(r, "asked")
		_, want := model[s]
		_, found := table.Lookup([]byte(s))
		require.Equal(r, want, found)
	})
}

// A learning table numbers symbols as they come and stops at the format's limit.
func TestLearningTable(t *testing.T) {
	table := NewLearningTable()
	for range 2 {
		for i := range 3000 {
			id, found := table.Lookup([]byte(fmt.Sprintf("S%d_USDT", i)))
			require.True(t, found)
			require.Equal(t, uint16(i), id)
		}
	}
	require.NoError(t, table.Add("LAST", ring.MaxInstruments-1))
	_, found := table.Lookup([]byte("NEW_USDT"))
	assert.False(t, found)
	_, found = table.Lookup(nil)
	assert.False(t, found)
	assert.Equal(t, ring.MaxInstruments, table.Count())
}

// A lookup allocates nothing, found or not, short or long.
func TestLookupDoesNotAllocate(t *testing.T) {
	table := NewSymbolTable()
	require.NoError(t, table.Add("BTC_USDT", 0))
	long := []byte("A_VERY_LONG_SYMBOL_USDT")
	require.NoError(t, table.Add(string(long), 1))
	short, unknown := []byte("BTC_USDT"), []byte("ETH_USDT")
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = table.Lookup(short)
		_, _ = table.Lookup(long)
		_, _ = table.Lookup(unknown)
	}))
}
