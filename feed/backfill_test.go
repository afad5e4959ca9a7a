package feed_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/gateiofutures"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// cutOff is the address of the feed whose connections are cut; another feed of the same
// venue, with an address of its own, sees what it misses.
const cutOff = "127.0.0.2"

// outage is two feeds of one venue: one is to be cut off, the other is not.
type outage struct {
	*rig
	witness *feed.Publisher
}

func newOutage(t *testing.T, venue string, backfill int) *outage {
	t.Helper()
	dialect := func() feed.Dialect {
		if venue == "gateio-futures" {
			return gateiofutures.New()
		}
		return gateio.New()
	}
	var cfg feed.PublisherConfig
	o := &outage{rig: newRig(t, sim.Config{Venue: venue, Rate: 200}, func(c *feed.PublisherConfig) {
		c.Dialect, c.RESTURL, c.Channels = dialect(), simREST, ring.ChannelTrades
		cfg = *c
		c.Bind, c.Backfill = []string{cutOff}, backfill
	})}
	cfg.Dialect, cfg.RESTURL = dialect(), o.sim.RESTURL() // metadata: the same scales
	var err error
	o.witness, err = feed.StartPublisher(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.witness.Close() })
	o.traded(o.pub, 20)
	o.traded(o.witness, 20)
	return o
}

// traded waits until a feed has published so many more trades of each instrument.
func (o *outage) traded(p *feed.Publisher, more int) {
	o.t.Helper()
	r := ring.NewReader(p.View())
	r.Seek(p.View().LastSequence() + 1)
	seen := map[uint16]int{}
	var rec ring.Record
	require.Eventually(o.t, func() bool {
		for r.Next(&rec) == ring.AnswerRecord {
			if rec.Kind == ring.KindTrade && rec.Flags&ring.FlagBackfill == 0 {
				seen[rec.Instrument]++
			}
		}
		return seen[0] >= more && seen[1] >= more
	}, 20*time.Second, 5*time.Millisecond)
}

// cut takes the feed off the venue until so many trades were missed of each instrument.
func (o *outage) cut(missed int) {
	o.t.Helper()
	require.NoError(o.t, o.sim.SetFaults(sim.Faults{HTTPStatus: 503}))
	o.sim.DropFrom(net.ParseIP(cutOff))
	o.untilStatus(ring.StatusDown, 5*time.Second)
	o.traded(o.witness, missed)
}

// fill ends the outage and waits until trades of both instruments came by REST: all of
// an instrument's come in one frame.
func (o *outage) fill() {
	o.t.Helper()
	r := ring.NewReader(o.pub.View())
	r.Seek(o.pub.View().LastSequence() + 1)
	require.NoError(o.t, o.sim.SetFaults(sim.Faults{}))
	o.filled(r)
}

func (o *outage) filled(r *ring.Reader) {
	o.t.Helper()
	seen := map[uint16]bool{}
	var rec ring.Record
	require.Eventually(o.t, func() bool {
		for r.Next(&rec) == ring.AnswerRecord {
			if rec.Kind == ring.KindTrade && rec.Flags&ring.FlagBackfill != 0 {
				seen[rec.Instrument] = true
			}
		}
		return seen[0] && seen[1]
	}, 20*time.Second, 5*time.Millisecond)
	o.traded(o.pub, 5)
	o.traded(o.witness, 5)
}

// trades are the trades of one instrument, in the order they were published, and the GAPs
// that speak of it.
func (o *outage) trades(p *feed.Publisher, instrument uint16) (trades, gaps []ring.Record) {
	o.t.Helper()
	r := ring.NewReader(p.View())
	r.Seek(1)
	var rec ring.Record
	for last := p.View().LastSequence(); r.NextSequence() <= last; {
		require.Equal(o.t, ring.AnswerRecord, r.Next(&rec))
		switch {
		case rec.Instrument != instrument:
		case rec.Kind == ring.KindTrade:
			trades = append(trades, rec)
		case rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusGap:
			gaps = append(gaps, rec)
		}
	}
	return trades, gaps
}

// said is what a trade says, without how it came.
type said struct {
	price, quantity int64
	p, q            int8
	aggressor       uint8
	event           int64
}

func whatItSays(r *ring.Record) said {
	t := r.Trade()
	return said{t.Price, t.Quantity, r.PriceExponent, r.QuantityExponent, t.Aggressor, r.EventTimeNS / int64(time.Millisecond)}
}

// compare holds the feed's trades of an instrument against the witness's: the same, each
// once, but for those a GAP names. It says how many came by REST and were given up.
func (o *outage) compare(instrument uint16) (filled, missing int) {
	t := o.t
	got, gaps := o.trades(o.pub, instrument)
	truth := map[uint64]said{}
	all, _ := o.trades(o.witness, instrument)
	first, last := got[0].Trade().TradeID, all[len(all)-1].Trade().TradeID
	for i := range all {
		if id := all[i].Trade().TradeID; id >= first {
			truth[id] = whatItSays(&all[i])
		}
	}
	var before uint64
	for i := range got {
		r := &got[i]
		id := r.Trade().TradeID
		if r.Flags&ring.FlagBackfill != 0 {
			filled++
			assert.Greater(t, id, before, "in order")
			assert.Equal(t, uint16(ring.NoConnection), r.Trade().Connection)
			before = id
		}
		if id < all[0].Trade().TradeID || id > last {
			continue // the witness began later, or is behind
		}
		want, once := truth[id]
		require.True(t, once, "trade %d came twice or never happened", id)
		assert.Equal(t, want, whatItSays(r), "trade %d", id)
		delete(truth, id)
	}
	for id := range truth {
		named := slices.ContainsFunc(gaps, func(g ring.Record) bool {
			return g.Status().FirstMissing <= id && id <= g.Status().LastMissing
		})
		if id <= got[len(got)-1].Trade().TradeID {
			assert.True(t, named, "trade %d is missing without a word", id)
			missing++
		}
	}
	var board ring.Record
	require.Equal(t, ring.AnswerRecord, o.pub.View().ReadBoard(int(instrument), ring.BoardTrade, &board))
	assert.Zero(t, board.Flags&ring.FlagBackfill, "the board has live trades only")
	return filled, missing
}

// After an outage every trade of it comes by REST, once, in order, before nothing else is
// touched; so it does after a second one.
func TestBackfillBringsAllTrades(t *testing.T) {
	for _, venue := range []string{"gateio", "gateio-futures"} {
		t.Run(venue, func(t *testing.T) {
			t.Parallel()
			o := newOutage(t, venue, 1000)
			for range 2 {
				o.cut(15)
				o.fill()
			}
			for instrument := range uint16(2) {
				filled, missing := o.compare(instrument)
				assert.GreaterOrEqual(t, filled, 30)
				assert.Zero(t, missing)
			}
		})
	}
}

// What is beyond the bound is named by a GAP, and the rest comes.
func TestBackfillIsBounded(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "gateio", 10)
	o.cut(60)
	before := o.pub.View().Counter(ring.CounterGaps)
	require.NoError(t, o.sim.SetFaults(sim.Faults{}))
	require.Eventually(t, func() bool { return o.pub.View().Counter(ring.CounterGaps) >= before+2 }, 20*time.Second, 5*time.Millisecond)
	o.traded(o.pub, 5)
	o.traded(o.witness, 5)
	for instrument := range uint16(2) {
		filled, missing := o.compare(instrument)
		assert.LessOrEqual(t, filled, 10)
		assert.Positive(t, missing)
		got, gaps := o.trades(o.pub, instrument)
		require.Len(t, gaps, 1)
		for i := range got {
			id := got[i].Trade().TradeID
			assert.False(t, gaps[0].Status().FirstMissing <= id && id <= gaps[0].Status().LastMissing, "trade %d came and is named as missing", id)
		}
	}
}

// A host that asks for rest is left alone for so long, and asked again then.
func TestBackfillObeysRetryAfter(t *testing.T) {
	const path = "/api/v4/spot/trades"
	o := newOutage(t, "gateio", 1000)
	o.cut(10)
	r := ring.NewReader(o.pub.View())
	r.Seek(o.pub.View().LastSequence() + 1)
	require.NoError(t, o.sim.SetFaults(sim.Faults{RESTStatus: 429, RetryAfter: time.Second}))
	require.Eventually(t, func() bool { return o.sim.Stats().REST[path] > 0 }, 10*time.Second, time.Millisecond)
	refused := time.Now()
	require.NoError(t, o.sim.SetFaults(sim.Faults{}))
	o.filled(r)
	assert.GreaterOrEqual(t, time.Since(refused), 900*time.Millisecond)
	assert.LessOrEqual(t, o.sim.Stats().REST[path], uint64(4), "one or two before the rest, two after it")
	_, missing := o.compare(0)
	assert.Zero(t, missing)
}

// Without the option nothing is fetched; with a leg that survives nothing is lost.
func TestBackfillOnlyWhereItIsAskedForAndNeeded(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "gateio", 0)
	o.cut(10)
	require.NoError(t, o.sim.SetFaults(sim.Faults{}))
	o.traded(o.pub, 5)
	assert.Zero(t, o.pub.View().Counter(ring.CounterBackfilled))

	r := newRig(t, sim.Config{Rate: 200}, func(c *feed.PublisherConfig) {
		c.RESTURL, c.Legs, c.Backfill, c.Bind = simREST, 2, 1000, []string{cutOff, "127.0.0.1"}
	})
	r.untilKind(ring.KindTrade, "BTC/USDT")
	r.counter(ring.CounterDuplicates, 20) // both legs bring data
	r.sim.DropFrom(net.ParseIP(cutOff))
	r.untilStatus(ring.StatusDown, 5*time.Second)
	r.counter(ring.CounterReconnects, 1)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	assert.Zero(t, r.sim.Stats().REST["/api/v4/spot/trades"])
}

// What cannot be done soundly is refused with the reason.
func TestBackfillIsRefused(t *testing.T) {
	cases := []struct {
		name, says string
		change     func(*feed.PublisherConfig)
	}{
		{"MEXC, whose trades have no ids by REST", "no ids", func(c *feed.PublisherConfig) { c.Dialect = mexc.New() }},
		{"too many", "want 1 to 1000", func(c *feed.PublisherConfig) { c.Backfill = 1001 }},
		{"below zero", "want 1 to 1000", func(c *feed.PublisherConfig) { c.Backfill = -1 }},
		{"no REST", "REST address", func(c *feed.PublisherConfig) { c.RESTURL = "" }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := newConfig(t)
			cfg.Backfill, cfg.RESTURL = 100, "http://127.0.0.1:1"
			c.change(&cfg)
			_, err := feed.StartPublisher(cfg)
			require.ErrorIs(t, err, feed.ErrConfig)
			assert.ErrorContains(t, err, c.says)
		})
	}
}
