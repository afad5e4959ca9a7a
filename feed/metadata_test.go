package feed_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

const pairs = `[{"id":"BTC_USDT","base":"BTC","quote":"USDT","precision":1,"amount_precision":6,"trade_status":"STATUS","type":"normal"}]`

// restServer answers the instrument list with a status that the test sets.
type restServer struct {
	*httptest.Server
	status atomic.Value // of trading
	broken atomic.Bool
	asked  atomic.Int64
}

func newREST(t *testing.T) *restServer {
	s := &restServer{}
	s.status.Store("tradable")
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if s.broken.Load() {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		body := pairs
		_, _ = w.Write([]byte(body[:len(body)-len(`STATUS","type":"normal"}]`)] + s.status.Load().(string) + `","type":"normal"}]`))
	}))
	t.Cleanup(s.Close)
	return s
}

// Metadata give steps and scales before the first message; a halt reaches the
// state word and the stream, and goes again.
func TestMetadataGiveScalesAndHalts(t *testing.T) {
	rest := newREST(t)
	r := newRig(t, sim.Config{Rate: 50}, func(c *feed.PublisherConfig) {
		c.RESTURL, c.MetadataInterval = rest.URL, 50*time.Millisecond
	})
	id, ok := r.pub.View().Find("BTC/USDT")
	require.True(t, ok)
	var in ring.Instrument
	require.True(t, r.pub.View().Instrument(id, &in))
	assert.Equal(t, "0.1", string(ring.AppendDecimal(nil, in.Tick, in.TickExponent)))
	assert.Equal(t, "0.000001", string(ring.AppendDecimal(nil, in.Lot, in.LotExponent)))
	assert.LessOrEqual(t, in.QuantityExponent, int8(-6))

	rest.status.Store("untradable")
	rec := r.untilStatus(ring.StatusInstrumentChanged, 3*time.Second)
	assert.Equal(t, "trading is halted", rec.Status().TextString())
	assert.NotZero(t, r.state("BTC/USDT")&ring.BitHalted)
	assert.Zero(t, r.state("ETH/USDT")&ring.BitHalted)
	rest.status.Store("tradable")
	r.until("trading again", 3*time.Second, func(rec *ring.Record) bool {
		return rec.Kind == ring.KindStatus && rec.Status().TextString() == "trading goes on"
	})
	assert.Zero(t, r.state("BTC/USDT")&ring.BitHalted)
}

// A venue that does not answer costs nothing: the list of an earlier run is used,
// and without one the scales come from the first messages.
func TestMetadataAreKeptForAVenueThatIsAway(t *testing.T) {
	// Two servers: the first may count a request of the first run after its end.
	there, away := newREST(t), newREST(t)
	away.broken.Store(true)
	dir := t.TempDir()
	named := func(rest *restServer) func(c *feed.PublisherConfig) {
		return func(c *feed.PublisherConfig) {
			c.Anonymous, c.Dir, c.RESTURL = false, dir, rest.URL
		}
	}
	first := newRig(t, sim.Config{}, named(there))
	require.NoError(t, first.pub.Close())

	second := newRig(t, sim.Config{}, named(away))
	id, _ := second.pub.View().Find("BTC/USDT")
	var in ring.Instrument
	require.True(t, second.pub.View().Instrument(id, &in))
	assert.Equal(t, "0.1", string(ring.AppendDecimal(nil, in.Tick, in.TickExponent)), "from the kept list")
	require.NoError(t, second.pub.Close())
	assert.EqualValues(t, 1, away.asked.Load(), "Retry-After is obeyed")

	third := newRig(t, sim.Config{}, func(c *feed.PublisherConfig) { c.RESTURL = away.URL })
	require.True(t, third.pub.View().Instrument(0, &in))
	assert.EqualValues(t, ring.Absent, in.Tick)
	third.untilKind(ring.KindTrade, "BTC/USDT")
}

// A host that asked for rest over the instrument list is asked for nothing else meanwhile:
// neither its time nor a snapshot.
func TestRestIsForEveryRequest(t *testing.T) {
	rest := newREST(t)
	rest.broken.Store(true)
	r := newRig(t, sim.Config{Rate: 500}, func(c *feed.PublisherConfig) { c.RESTURL = rest.URL })
	for range 20 {
		r.untilKind(ring.KindDepth, "BTC/USDT")
	}
	assert.NotZero(t, r.state("BTC/USDT")&ring.BitSuspect, "no snapshot could be had")
	assert.EqualValues(t, 1, rest.asked.Load(), "the instrument list alone")
}
