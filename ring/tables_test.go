package ring

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A row is read back as it was added, found by either name, and never moves.
func TestInstrumentTable(t *testing.T) {
	w, r := newSegment(t, 8)
	v := r.View()
	var in Instrument
	assert.False(t, v.Instrument(0, &in))
	assert.Empty(t, v.Symbol(0))
	spec := InstrumentSpec{
		Native: strings.Repeat("N", 32), Base: strings.Repeat("B", 16), Quote: strings.Repeat("Q", 16),
		Channels: ChannelTrades | ChannelTicker, Tick: 5, Lot: Absent, Multiplier: -1,
		TickExponent: -8, LotExponent: 127, MultiplierExponent: -128, PriceExponent: -2, QuantityExponent: -6, AddedTimeNS: 99,
	}
	id, err := w.AddInstrument(spec)
	require.NoError(t, err)
	_, err = w.AddInstrument(InstrumentSpec{Native: "XAU", Base: "XAU"})
	require.NoError(t, err)

	require.True(t, v.Instrument(int(id), &in))
	assert.Equal(t, spec, InstrumentSpec{
		Native: in.Native(), Base: text(in.Base[:]), Quote: text(in.Quote[:]), Channels: Channel(in.Channels),
		Tick: in.Tick, Lot: in.Lot, Multiplier: in.Multiplier, TickExponent: in.TickExponent, LotExponent: in.LotExponent,
		MultiplierExponent: in.MultiplierExponent, PriceExponent: in.PriceExponent, QuantityExponent: in.QuantityExponent,
		AddedTimeNS: in.AddedTimeNS,
	}, "names that fill their fields are not cut")
	assert.Equal(t, "XAU", v.Symbol(1), "no quote, no stroke")
	for symbol, want := range map[string]int{spec.Base + "/" + spec.Quote: 0, spec.Native: 0, "XAU": 1} {
		got, ok := v.Find(symbol)
		assert.True(t, ok, symbol)
		assert.Equal(t, want, got, symbol)
	}
	_, ok := v.Find("BTC/USDT")
	assert.False(t, ok)

	w.SetExponents(id, -9, 3)
	w.SetChannels(id, AllChannels)
	require.True(t, v.Instrument(int(id), &in))
	assert.Equal(t, []int8{-8, 127, -9, 3, -128},
		[]int8{in.TickExponent, in.LotExponent, in.PriceExponent, in.QuantityExponent, in.MultiplierExponent})
	assert.Equal(t, uint32(AllChannels), in.Channels)
	assert.Equal(t, uint32(id), in.ID)
}

// What does not fit is refused by name and changes nothing.
func TestInstrumentTableRefuses(t *testing.T) {
	w, r := newSegment(t, 8)
	for name, s := range map[string]InstrumentSpec{
		"a native name of 33 bytes": {Native: strings.Repeat("N", 33)},
		"a base of 17 bytes":        {Native: "N", Base: strings.Repeat("B", 17)},
		"a quote of 17 bytes":       {Native: "N", Quote: strings.Repeat("Q", 17)},
		"no native name":            {Base: "B"},
	} {
		_, err := w.AddInstrument(s)
		require.ErrorIs(t, err, ErrSymbolLength, name)
	}
	assert.Zero(t, r.View().InstrumentCount())
	addInstruments(t, w, r.View().InstrumentCapacity())
	_, err := w.AddInstrument(InstrumentSpec{Native: "ONE_MORE", Base: "ONE"})
	require.ErrorIs(t, err, ErrTableFull)
	assert.ErrorContains(t, err, "ONE_MORE")
	assert.Equal(t, 4, r.View().InstrumentCount())
	assert.Equal(t, 4, w.InstrumentCount())
}

// A count that a hostile writer stores is cut at the table's size.
func TestInstrumentCountIsBounded(t *testing.T) {
	w, r := newSegment(t, 8)
	w.view.h.InstrumentCount = 1<<32 - 1
	assert.Equal(t, 4, r.View().InstrumentCount())
	var in Instrument
	assert.False(t, r.View().Instrument(4, &in))
	assert.False(t, r.View().Instrument(-1, &in))
}

// The state beside a row: bits, epoch and last-seen times by kind.
func TestInstrumentState(t *testing.T) {
	w, r := newSegment(t, 8)
	addInstruments(t, w, 2)
	var s InstrumentState
	assert.False(t, r.View().InstrumentState(2, &s))
	assert.False(t, r.View().InstrumentState(-1, &s))
	w.SetState(1, BitSubscribed|BitHalted, 1<<32-1)
	w.SetStaleChannels(1, ChannelTicker)
	w.SetInstrumentConnection(1, 7)
	for i, k := range []Kind{KindBookTicker, KindTrade, KindDepth, KindTicker, KindStatus} {
		w.Seen(1, k, int64(10+i))
	}
	require.True(t, r.View().InstrumentState(1, &s))
	assert.Equal(t, BitSubscribed|BitHalted, s.Bits())
	assert.EqualValues(t, 1<<32-1, s.BookEpoch())
	assert.Equal(t, InstrumentState{
		Word: s.Word, LastSeenNS: 14, BookTickerLastSeenNS: 10, TradeLastSeenNS: 11, DepthLastSeenNS: 12, TickerLastSeenNS: 13,
		Connection: 7, Stale: uint32(ChannelTicker),
	}, s)
	require.True(t, r.View().InstrumentState(0, &s))
	assert.Zero(t, s, "the neighbour's")
}

// Rows of the connection table.
func TestConnectionTable(t *testing.T) {
	w, r := newSegment(t, 8)
	row := ConnectionRow{ConnectionUp, 1, 2, 3, 4, 5, 6, 7}
	w.SetEndpoint(255, strings.Repeat("e", 65))
	w.SetConnection(255, &row)
	w.ConnectionSeen(255, 88)
	var c Connection
	require.True(t, r.View().Connection(255, &c))
	assert.Equal(t, strings.Repeat("e", 64), c.EndpointText(), "cut to fit")
	assert.Equal(t, ConnectionRow{ConnectionUp, 88, 2, 3, 4, 5, 6, 7}, ConnectionRow{
		ConnectionState(c.State), c.LastReceiveNS, c.ConnectedSinceNS, c.Reconnects, c.Frames, c.Bytes, c.DecodeErrors, c.RoundTripNS,
	})
	w.SetEndpoint(255, "short")
	require.True(t, r.View().Connection(255, &c))
	assert.Equal(t, "short", c.EndpointText(), "nothing of the longer one is left")
	assert.False(t, r.View().Connection(256, &c))
	assert.False(t, r.View().Connection(-1, &c))
}

// Totals and heartbeats.
func TestCountersAndHeartbeats(t *testing.T) {
	w, r := newSegment(t, 8)
	v := r.View()
	w.Counters[CounterFrames], w.Counters[63] = 5, 6
	assert.Zero(t, v.Counter(CounterFrames), "only the flush shows them")
	w.FlushCounters()
	assert.EqualValues(t, 5, v.Counter(CounterFrames))
	assert.EqualValues(t, 6, v.Counter(63))
	assert.Zero(t, v.Counter(64), "there is no such counter")
	w.Counters[CounterFrames]++
	w.CloseSegment()
	assert.EqualValues(t, 6, v.Counter(CounterFrames), "closing flushes")

	w.HotBeat(11)
	w.HotBeat(12)
	w.ProcessBeat(13)
	beat, at := v.HotHeartbeat()
	assert.Equal(t, []int64{2, 12}, []int64{int64(beat), at})
	beat, at = v.ProcessHeartbeat()
	assert.Equal(t, []int64{1, 13}, []int64{int64(beat), at})
}

// Text of a STATUS record is cut at its field whatever its length says.
func TestStatusTextIsBounded(t *testing.T) {
	var r Record
	s := r.Status()
	copy(s.Text[:], strings.Repeat("t", 40))
	for length, want := range map[uint16]int{0: 0, 3: 3, 40: 40, 41: 40, 65535: 40} {
		s.TextLength = length
		assert.Len(t, s.TextString(), want)
	}
}
