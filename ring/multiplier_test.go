package ring

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A multiplier that is told later stands in its row and moves nothing else.
func TestSetMultiplierMovesNothingElse(t *testing.T) {
	w, _ := newSegment(t, MinSlots)
	spec := InstrumentSpec{Native: "A_B", Base: "A", Quote: "B", Tick: 5, TickExponent: -2, Lot: 1, LotExponent: -7, Multiplier: Absent, PriceExponent: -3, QuantityExponent: -4}
	id, err := w.AddInstrument(spec)
	require.NoError(t, err)
	var before, after Instrument
	require.True(t, w.View().Instrument(int(id), &before))
	w.SetMultiplier(id, 96, -1)
	require.True(t, w.View().Instrument(int(id), &after))
	assert.Equal(t, [2]int64{96, -1}, [2]int64{after.Multiplier, int64(after.MultiplierExponent)})
	after.Multiplier, after.MultiplierExponent = before.Multiplier, before.MultiplierExponent
	assert.Equal(t, before, after)
}
