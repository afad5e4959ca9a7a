package feed

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// Every state takes every event as the table says: what is not named changes
// nothing.
func TestStateTransitions(t *testing.T) {
	told := map[State]map[stateEvent][]State{
		StateNone:         {eventStart: {StateConnecting}, eventClosing: {StateClosing}},
		StateConnecting:   {eventAllUp: {StateConnected}, eventClosing: {StateClosing}},
		StateConnected:    {eventLost: {StateDisconnected}, eventClosing: {StateClosing}},
		StateDisconnected: {eventAllUp: {StateReconnecting, StateReconnected}, eventDialling: {StateReconnecting}, eventClosing: {StateClosing}},
		StateReconnecting: {eventAllUp: {StateReconnected}, eventClosing: {StateClosing}},
		StateReconnected:  {eventLost: {StateDisconnected}, eventClosing: {StateClosing}},
		StateClosing:      {eventClosed: {StateClosed}},
		StateClosed:       {},
	}
	require.Len(t, told, int(stateCount))
	for from := range stateCount {
		for e := range eventCount {
			var moved []State
			m := newStateMachine(func(s State) { moved = append(moved, s) })
			m.state = from
			m.on(e)
			want := told[from][e]
			assert.Equal(t, want, m.queue, "%s, event %d", from, e)
			if len(want) == 0 {
				assert.Equal(t, from, m.now())
				assert.Empty(t, moved)
				continue
			}
			assert.Equal(t, want[len(want)-1], m.now())
			assert.Equal(t, want[len(want)-1:], moved)
			for _, s := range want {
				assert.Equal(t, s, m.next(), "told in order")
			}
		}
	}
}

// States have the specification's names.
func TestStateNames(t *testing.T) {
	want := []string{"NONE", "CONNECTING", "CONNECTED", "DISCONNECTED", "RECONNECTING", "RECONNECTED", "CLOSING", "CLOSED", "UNKNOWN"}
	for i, name := range want {
		assert.Equal(t, name, State(i).String())
	}
	for s := range stateCount {
		assert.Equal(t, s == StateConnected || s == StateReconnected, s.up(), s.String())
	}
}

// Counting a message, and a call, takes no memory.
func TestMetricsAreKeptWithoutAllocation(t *testing.T) {
	m, c := newMeter(), newCalls()
	r := ring.Record{Kind: ring.KindBookTicker, Flags: ring.FlagFirst | ring.FlagLast, RecvTimeNS: 1000, PublishTimeNS: 3000}
	now := time.Now().UnixNano()
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		now += second / 100
		m.message(&r, now)
		c.record(1500, 700, false)
	}))
	out := Metrics{Channels: map[string]ChannelMetrics{}}
	m.life(StateConnecting)
	m.fill(&out, time.Unix(0, now))
	c.fill(&out, "book_ticker")
	assert.Equal(t, uint64(1001), out.MessagesProcessed)
	assert.InDelta(t, 2.0, out.AvgLatencyUS, 0.001)
	assert.InDelta(t, 0.7, out.Channels["book_ticker"].HandlerTimeUS.Mean, 0.02)
	assert.InDelta(t, 1.5, out.Channels["book_ticker"].HandlerLatencyUS.P99, 0.02)
}

// A message is counted once: with its last record, with the last of its trades.
func TestMessagesAreCountedOnce(t *testing.T) {
	m := newMeter()
	add := func(r ring.Record) { m.message(&r, second) }
	add(ring.Record{Kind: ring.KindDepth, Flags: ring.FlagFirst})
	add(ring.Record{Kind: ring.KindDepth})
	add(ring.Record{Kind: ring.KindDepth, Flags: ring.FlagLast})
	for i := range 3 {
		r := ring.Record{Kind: ring.KindTrade, Flags: ring.FlagFirst | ring.FlagLast}
		r.Trade().Index, r.Trade().Count = uint16(i), 3
		add(r)
	}
	add(ring.Record{Kind: ring.KindStatus, Flags: ring.FlagLast})
	out := Metrics{Channels: map[string]ChannelMetrics{}}
	m.fill(&out, time.Unix(1, 0))
	assert.Equal(t, uint64(2), out.MessagesProcessed)
	assert.Equal(t, uint64(1), out.Channels["orderbook"].Messages)
	assert.Equal(t, uint64(1), out.Channels["trades"].Messages)
}

// The rate is that of the last ten whole seconds, reconnections those of the last
// hour; both are zero again when time has passed.
func TestRatesForgetWhatIsOld(t *testing.T) {
	m := newMeter()
	start := time.Now().Truncate(time.Minute)
	m.started = start
	r := ring.Record{Kind: ring.KindTicker, Flags: ring.FlagLast}
	read := func(at time.Duration) (out Metrics) {
		out.Channels = map[string]ChannelMetrics{}
		m.fill(&out, start.Add(at))
		return out
	}
	for i := range 200 {
		m.message(&r, start.Add(time.Duration(i)*100*time.Millisecond).UnixNano())
	}
	m.counters(3, 0, start.Add(20*time.Second).UnixNano())
	assert.InDelta(t, 10, read(20*time.Second).MessagesPerSecond, 0.01)
	assert.InDelta(t, 5, read(25*time.Second).MessagesPerSecond, 0.01)
	assert.Equal(t, 3.0, read(59*time.Minute).ReconnectionsPerHour)
	late := read(2 * time.Hour)
	assert.Zero(t, late.MessagesPerSecond)
	assert.Zero(t, late.ReconnectionsPerHour)
	assert.Equal(t, uint64(3), late.Reconnections)
	assert.Equal(t, uint64(200), late.MessagesProcessed)
	_, err := json.Marshal(late)
	require.NoError(t, err)
}

// The pending list asks for a stream at most once in its wait, which doubles while
// failures go on and begins anew after a rest.
func TestPendingListHasALimit(t *testing.T) {
	p := newPendingSet(time.Second)
	s, now := Symbol{"BTC", "USDT"}, time.Unix(1000, 0)
	asked := func(after time.Duration) int {
		now = now.Add(after)
		p.add(s, ChannelTrades)
		return len(p.due(now, unlimited))
	}
	assert.Equal(t, 1, asked(0), "the first failure is answered at once")
	assert.Equal(t, 0, asked(900*time.Millisecond))
	assert.Equal(t, []Symbol{s}, p.symbols())
	assert.Equal(t, 1, asked(100*time.Millisecond))
	assert.Equal(t, 0, asked(1900*time.Millisecond), "the wait has doubled")
	assert.Equal(t, 1, asked(100*time.Millisecond))
	assert.Equal(t, 1, asked(time.Minute), "after a rest")
	assert.Equal(t, 0, asked(900*time.Millisecond))
	assert.Equal(t, 1, asked(100*time.Millisecond), "the wait begins anew")
	p.add(s, ChannelTicker)
	p.drop(s, ChannelTicker)
	assert.Zero(t, p.count())
	p.add(s, ChannelTicker)
	p.add(Symbol{"ETH", "USDT"}, ChannelTicker)
	assert.Len(t, p.due(now, 1), 1, "so many at most")
}
