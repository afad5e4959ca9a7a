package exchanges

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// A new item says nothing but its kind, whatever stood there before.
func TestAddedItemIsBlank(t *testing.T) {
	var b Batch
	it := b.Add(ring.KindTrade)
	it.Prices[TradePrice] = Decimal{Mantissa: 7}
	it.TradeID, it.SendTimeNS = 9, 9
	b.Levels = append(b.Levels, Level{})
	b.Reset()
	assert.Empty(t, b.Levels)
	it = b.Add(ring.KindDepth)
	assert.Equal(t, ring.KindDepth, it.Kind)
	assert.Equal(t, uint16(ring.NoInstrument), it.Instrument)
	assert.True(t, it.Prices[TradePrice].IsAbsent())
	assert.True(t, it.Quantities[1].IsAbsent())
	assert.Equal(t, int64(ring.Absent), it.SendTimeNS)
	assert.Zero(t, it.TradeID)
	assert.Equal(t, uint16(1), it.Count)
	assert.Empty(t, b.Bids(it))
	assert.Empty(t, b.Asks(it))
}

// A batch stops at its limit instead of growing without end.
func TestBatchIsBounded(t *testing.T) {
	var b Batch
	for range MaxItems {
		require.NotNil(t, b.Add(ring.KindTrade))
	}
	assert.Nil(t, b.Add(ring.KindTrade))
}
