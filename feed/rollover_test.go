package feed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// mortal is Gate.io on connections of a short life.
type mortal struct {
	*gateio.Dialect
	life time.Duration
}

func (d mortal) ConnectionLifeNS() int64 { return int64(d.life) }

// tradeLedger holds that the trades of each market, which are numbered without a hole, come
// once each. While two connections overlap the new one may be ahead of the old one.
type tradeLedger struct {
	last    map[uint16]uint64
	missing map[[2]uint64]bool // instrument and number
	trades  int
	late    int
}

func (l *tradeLedger) take(t *testing.T, instrument uint16, id uint64) {
	t.Helper()
	l.trades++
	last, ok := l.last[instrument]
	if ok && id <= last {
		key := [2]uint64{uint64(instrument), id}
		require.True(t, l.missing[key], "trade %d twice", id)
		delete(l.missing, key)
		l.late++
		return
	}
	for between := last + 1; ok && between < id; between++ {
		l.missing[[2]uint64{uint64(instrument), between}] = true
	}
	l.last[instrument] = id
}

// A connection that is old is left for a new one without a gap: every trade once, no gap
// in a book, no reconnect.
func TestRolloverLosesAndDoublesNothing(t *testing.T) {
	d := gateio.New()
	require.NoError(t, d.Set("gateio.book", "obu@50"))
	r := newRig(t, sim.Config{TLS: true, Rate: 3000}, func(c *feed.PublisherConfig) {
		c.Dialect = mortal{d, 300 * time.Millisecond}
	})
	ledger := tradeLedger{last: map[uint16]uint64{}, missing: map[[2]uint64]bool{}}
	codes := map[ring.StatusCode]int{}
	var rec ring.Record
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		a := r.reader.Next(&rec)
		if a != ring.AnswerRecord {
			require.NotEqual(t, ring.AnswerOverrun, a)
			r.reader.Wait(20 * time.Millisecond)
			continue
		}
		switch rec.Kind {
		case ring.KindStatus:
			codes[rec.Status().Code]++
		case ring.KindTrade:
			ledger.take(t, rec.Instrument, rec.Trade().SecondID)
		}
	}
	v := r.pub.View()
	rolled := v.Counter(ring.CounterRollovers)
	t.Logf("%d trades over %d rollovers, %d of them late, %d duplicates dropped", ledger.trades, rolled, ledger.late,
		v.Counter(ring.CounterDuplicates))
	assert.Empty(t, ledger.missing, "trades are lost")
	assert.GreaterOrEqual(t, rolled, uint64(3))
	assert.NotZero(t, v.Counter(ring.CounterDuplicates), "the connections never overlapped")
	assert.Zero(t, codes[ring.StatusGap])
	assert.Zero(t, codes[ring.StatusDown])
	assert.Zero(t, codes[ring.StatusStale])
	assert.Zero(t, v.Counter(ring.CounterReconnects))
	assert.LessOrEqual(t, r.sim.Stats().Open, 2)
	for _, s := range []string{"BTC/USDT", "ETH/USDT"} {
		assert.Zero(t, r.state(s)&(ring.BitSuspect|ring.BitStale), s)
	}
}

// A successor that cannot be had costs nothing; the old connection carries on.
func TestRolloverThatFailsKeepsTheOldConnection(t *testing.T) {
	r := newRig(t, sim.Config{}, func(c *feed.PublisherConfig) {
		c.Dialect = mortal{gateio.New(), 300 * time.Millisecond}
	})
	r.untilKind(ring.KindTrade, "BTC/USDT")
	require.NoError(t, r.sim.Pause(false))
	r.untilStatus(ring.StatusRollover, 3*time.Second)
	r.counter(ring.CounterConnectFailures, 3)
	r.until("a trade, and no STALE before it", 5*time.Second, func(rec *ring.Record) bool {
		assert.False(t, rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusStale)
		return rec.Kind == ring.KindTrade
	})
	require.NoError(t, r.sim.Pause(true))
	require.Eventually(t, func() bool { return r.sim.Stats().Connections >= 2 }, 5*time.Second, 10*time.Millisecond)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects))
}

// Changes asked for while a successor is under way are kept.
func TestRolloverKeepsChangesMadeMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{Faults: sim.Faults{AckDelay: 300 * time.Millisecond}}, func(c *feed.PublisherConfig) {
		c.Dialect = mortal{gateio.New(), 900 * time.Millisecond}
	})
	r.untilKind(ring.KindTrade, "BTC/USDT")
	r.untilStatus(ring.StatusRollover, 3*time.Second)
	require.NoError(t, r.pub.Subscribe([]feed.Symbol{{Base: "SOL", Quote: "USDT"}}, ring.ChannelTrades))
	require.NoError(t, r.pub.Unsubscribe([]feed.Symbol{{Base: "ETH", Quote: "USDT"}}, ring.ChannelTrades))
	r.untilKind(ring.KindTrade, "SOL/USDT")
	require.Eventually(t, func() bool { return r.sim.Stats().Open == 1 }, 5*time.Second, 10*time.Millisecond)
	r.reader.SeekLatest()
	time.Sleep(500 * time.Millisecond)
	var rec ring.Record
	for r.reader.Next(&rec) == ring.AnswerRecord {
		assert.False(t, rec.Kind == ring.KindTrade && r.pub.View().Symbol(int(rec.Instrument)) == "ETH/USDT")
	}
}
