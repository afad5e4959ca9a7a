package feed_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// newMEXC is a rig for the second venue.
func newMEXC(t *testing.T, sc sim.Config, change func(*feed.PublisherConfig), options ...[2]string) *rig {
	t.Helper()
	d := mexc.New()
	for _, o := range options {
		require.NoError(t, d.Set(o[0], o[1]))
	}
	sc.Venue = "mexc"
	return newRig(t, sc, func(c *feed.PublisherConfig) {
		c.Dialect = d
		if change != nil {
			change(c)
		}
	})
}

// MEXC's binary pushes become records of every kind; unchanged quotes are flagged.
func TestMEXCRecordsFlow(t *testing.T) {
	t.Parallel()
	r := newMEXC(t, sim.Config{TLS: true, Rate: 2000}, nil, [2]string{"mexc.book", "limit.depth@20"})
	for _, k := range []ring.Kind{ring.KindBookTicker, ring.KindTrade, ring.KindDepth, ring.KindTicker} {
		r.untilKind(k, "BTC/USDT")
	}
	rec := r.until("a repeated quote", 5*time.Second, func(rec *ring.Record) bool {
		return rec.Kind == ring.KindBookTicker && rec.Flags&ring.FlagRepeat != 0
	})
	assert.NotZero(t, rec.VenueSequence)
	id, ok := r.pub.View().Find("BTC/USDT")
	require.True(t, ok)
	book := ring.NewBook(r.pub.View().BookDepth())
	require.Equal(t, ring.AnswerRecord, r.pub.View().ReadBook(id, book))
	assert.True(t, book.Valid())
	assert.Len(t, book.Bids(), 20)
	r.counter(ring.CounterRepeats, 1)
	assert.Zero(t, r.pub.View().Counter(ring.CounterDecodeErrors))
}

// Dropped repeats are not published, and the instrument is seen all the same.
func TestMEXCRepeatsCanBeDropped(t *testing.T) {
	r := newMEXC(t, sim.Config{Rate: 2000}, func(c *feed.PublisherConfig) {
		c.Channels = ring.ChannelBookTicker
	}, [2]string{"mexc.repeats", "drop"})
	r.counter(ring.CounterRepeats, 20)
	var rec ring.Record
	for r.reader.Next(&rec) == ring.AnswerRecord {
		assert.Zero(t, rec.Flags&ring.FlagRepeat)
	}
	id, _ := r.pub.View().Find("BTC/USDT")
	var st ring.InstrumentState
	require.True(t, r.pub.View().InstrumentState(id, &st))
	assert.Less(t, time.Now().UnixNano()-st.LastSeenNS, int64(time.Second))
}

// More pairs than a connection may carry are spread over several, on one thread,
// and each is asked for once.
func TestMEXCIsSharded(t *testing.T) {
	r := newMEXC(t, sim.Config{Rate: 200, Symbols: 40}, func(c *feed.PublisherConfig) {
		c.Symbols = nil
		c.Channels = ring.ChannelBookTicker | ring.ChannelTrades
	})
	meta := simPairs(t, r.sim)
	require.GreaterOrEqual(t, len(meta), 40)
	require.NoError(t, r.pub.Subscribe(meta[:40], ring.ChannelBookTicker|ring.ChannelTrades))
	require.Eventually(t, func() bool {
		for _, s := range meta[:40] {
			if r.state(s.String())&ring.BitSubscribed == 0 {
				return false
			}
		}
		return true
	}, 5*time.Second, 10*time.Millisecond)
	assert.Equal(t, 3, r.sim.Stats().Open, "80 streams need three connections of 30")
	rows := map[uint32]int{}
	for i := range r.pub.View().InstrumentCount() {
		var st ring.InstrumentState
		require.True(t, r.pub.View().InstrumentState(i, &st))
		rows[st.Connection]++
	}
	assert.Len(t, rows, 3)
}

// One bad pair in a request is refused by name; the others are live.
func TestMEXCRefusesByName(t *testing.T) {
	r := newMEXC(t, sim.Config{}, func(c *feed.PublisherConfig) {
		c.Symbols = append(c.Symbols, feed.Symbol{Base: "NOPE", Quote: "USDT"})
		c.Channels = ring.ChannelBookTicker
	})
	rec := r.untilStatus(ring.StatusSubscribeRefused, 5*time.Second)
	assert.Equal(t, "NOPE/USDT", r.pub.View().Symbol(int(rec.Instrument)))
	assert.Contains(t, rec.Status().TextString(), "Blocked!")
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
	assert.Zero(t, r.state("BTC/USDT")&ring.BitRefused)
	assert.NotZero(t, r.state("NOPE/USDT")&ring.BitRefused)
}

// The venue's age limit is met by a rollover before it.
func TestMEXCRollsOverBeforeTheVenueCuts(t *testing.T) {
	r := newMEXC(t, sim.Config{Rate: 1000, ConnectionLife: 1500 * time.Millisecond}, nil, [2]string{"mexc.life", "1s"})
	end := time.Now().Add(4 * time.Second)
	seen := map[string]bool{}
	var rec ring.Record
	for time.Now().Before(end) {
		if r.reader.Next(&rec) != ring.AnswerRecord {
			r.reader.Wait(20 * time.Millisecond)
			continue
		}
		if rec.Kind == ring.KindTrade {
			tr := rec.Trade()
			key := fmt.Sprint(rec.Instrument, tr.TradeID, tr.SecondID)
			require.False(t, seen[key], "trade %s twice", key)
			seen[key] = true
		}
		require.False(t, rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusDown)
		require.False(t, rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusGap)
	}
	assert.GreaterOrEqual(t, r.pub.View().Counter(ring.CounterRollovers), uint64(2))
	assert.NotEmpty(t, seen)
}

// The session knows all that MEXC's dialect can do beyond a plain one.
var (
	_ feed.BinaryDialect    = (*mexc.Dialect)(nil)
	_ feed.MixedDialect     = (*mexc.Dialect)(nil)
	_ feed.LifelongDialect  = (*mexc.Dialect)(nil)
	_ feed.MortalDialect    = (*mexc.Dialect)(nil)
	_ feed.ThrottledDialect = (*mexc.Dialect)(nil)
	_ feed.RepeatingDialect = (*mexc.Dialect)(nil)
)
