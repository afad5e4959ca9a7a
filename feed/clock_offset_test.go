package feed_test

import (
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

// hasty pings ten times a second.
type hasty struct{ *gateio.Dialect }

func (hasty) PingIntervalNS() int64 { return int64(100 * time.Millisecond) }

// offset waits for a measurement near what is wanted and says it.
func (r *rig) offset(want time.Duration) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		offset, uncertainty, measured := r.pub.View().VenueClock()
		return measured > 0 && time.Duration(offset)-want < time.Duration(uncertainty) && want-time.Duration(offset) < time.Duration(uncertainty)
	}, 15*time.Second, 10*time.Millisecond, "the offset is %s", want)
}

// skewed waits for a record with an event time and with the flag, or without it.
func (r *rig) skewed(want bool) ring.Record {
	r.t.Helper()
	return r.until("a record with the flag as it should be", 15*time.Second, func(rec *ring.Record) bool {
		has := rec.Flags&ring.FlagClockSkew != 0
		if rec.EventTimeNS == ring.Absent {
			assert.False(r.t, has, "flagged without an event time")
			return false
		}
		return has == want
	})
}

// The venue's clock is measured by REST, and by pongs where there is no REST. While it
// is off by more than the bound, and only then, records with an event time are flagged;
// their times are the venue's all the same.
func TestClockSkewIsFlaggedNeverClamped(t *testing.T) {
	cases := []struct {
		name, venue string
		change      func(*feed.PublisherConfig)
	}{
		{"Gate.io by REST", "gateio", func(c *feed.PublisherConfig) { c.RESTURL = simREST }},
		{"Gate.io by pongs", "gateio", func(c *feed.PublisherConfig) { c.Dialect = hasty{c.Dialect.(*gateio.Dialect)} }},
		{"Gate.io perpetuals by REST", "gateio-futures", func(c *feed.PublisherConfig) { c.RESTURL, c.Dialect = simREST, gateiofutures.New() }},
		{"MEXC by REST", "mexc", func(c *feed.PublisherConfig) { c.RESTURL, c.Dialect = simREST, mexc.New() }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Venue: c.venue, Rate: 100}, func(p *feed.PublisherConfig) {
				p.ClockEvery = 100 * time.Millisecond
				c.change(p)
			})
			r.offset(0)
			r.skewed(false)
			for _, shift := range []time.Duration{20 * time.Second, -20 * time.Second} {
				require.NoError(t, r.sim.ApplyFaults(sim.Faults{ClockOffset: shift}))
				r.offset(shift)
				rec := r.skewed(true)
				rec = r.until("a record made since", 10*time.Second, func(rec *ring.Record) bool {
					return rec.EventTimeNS != ring.Absent && rec.Flags&ring.FlagClockSkew != 0 &&
						(time.Duration(rec.EventTimeNS-rec.RecvTimeNS)-shift).Abs() < 9*time.Second
				})
				assert.NotZero(t, rec.Flags&ring.FlagClockSkew)
			}
			require.NoError(t, r.sim.ApplyFaults(sim.Faults{ClockOffset: 300 * time.Millisecond}))
			r.offset(300 * time.Millisecond)
			r.skewed(false)
		})
	}
}

// A bound below 0 flags nothing; the offset is published all the same.
func TestClockSkewUnbounded(t *testing.T) {
	r := newRig(t, sim.Config{Faults: sim.Faults{ClockOffset: 20 * time.Second}}, func(c *feed.PublisherConfig) {
		c.RESTURL, c.ClockEvery, c.MaxClockSkew = simREST, 100*time.Millisecond, -1
	})
	r.offset(20 * time.Second)
	seen := 0
	r.until("a hundred records", 10*time.Second, func(rec *ring.Record) bool {
		assert.Zero(t, rec.Flags&ring.FlagClockSkew)
		seen++
		return seen == 100
	})
}
