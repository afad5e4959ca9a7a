package feed_test

import (
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

var uplinks = []string{"127.0.0.1", "127.0.0.2"}

// streamsOfTwo is how many streams two legs have at the venue, of two pairs.
const streamsOfTwo = 2 * 4 * 2

// streamsWithData counts the streams that have brought something over an open
// connection: from then on the two legs overlap.
func streamsWithData(s *sim.Server) (n int) {
	for _, c := range s.Truth().Connections {
		for _, st := range c.Streams {
			quick := st.Channel != "spot.tickers" // of one leg at a time
			if c.ClosedNS == 0 && st.Active() && (st.Frames > 2 || !quick) {
				n++
			}
		}
	}
	return n
}

// legWatch checks every record of a feed that has two legs and never loses both.
type legWatch struct {
	t       *testing.T
	trades  map[uint16]uint64
	quotes  map[uint16]uint64
	depths  map[uint16]uint64
	counts  map[ring.Kind]int
	settled bool // the books stood: nothing may be suspect any more
}

func newLegWatch(t *testing.T) *legWatch {
	return &legWatch{t: t, trades: map[uint16]uint64{}, quotes: map[uint16]uint64{}, depths: map[uint16]uint64{}, counts: map[ring.Kind]int{}}
}

func (w *legWatch) judge(r *ring.Record) {
	w.counts[r.Kind]++
	in := r.Instrument
	switch r.Kind {
	case ring.KindTrade:
		id := r.Trade().SecondID
		if before, ok := w.trades[in]; ok {
			require.Equal(w.t, before+1, id, "trades of a market are numbered without a hole")
		}
		w.trades[in] = id
	case ring.KindBookTicker:
		require.Zero(w.t, r.Flags&ring.FlagRepeat, "quote %d is told twice", r.VenueSequence)
		require.Greater(w.t, r.VenueSequence, w.quotes[in])
		w.quotes[in] = r.VenueSequence
	case ring.KindDepth:
		w.depth(r)
	case ring.KindStatus:
		code := r.Status().Code
		require.NotEqual(w.t, ring.StatusGap, code, "of instrument %d, %d to %d are missing; settled %t", in, r.Status().FirstMissing, r.Status().LastMissing, w.settled)
		require.False(w.t, w.settled && code == ring.StatusStale, "an instrument went stale while a leg lived")
	}
}

func (w *legWatch) depth(r *ring.Record) {
	if r.Flags&ring.FlagFirst == 0 {
		return
	}
	require.False(w.t, w.settled && r.Flags&ring.FlagSuspect != 0, "depth %d is suspect", r.VenueSequence)
	before, ok := w.depths[r.Instrument]
	switch {
	case r.Flags&ring.FlagSynthetic != 0:
		return
	case r.Flags&ring.FlagSnapshot == 0 && ok:
		require.LessOrEqual(w.t, r.Depth().FirstSequence, before+1, "nothing is missing")
		require.Greater(w.t, r.VenueSequence, before, "nothing is told twice")
	}
	w.depths[r.Instrument] = r.VenueSequence
}

// readUntil judges records until done, which is asked where the ring is empty.
func (w *legWatch) readUntil(r *rig, what string, done func() bool) {
	w.t.Helper()
	var rec ring.Record
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		switch a := r.reader.Next(&rec); a {
		case ring.AnswerRecord:
			w.judge(&rec)
		case ring.AnswerEmpty, ring.AnswerStale:
			if done() {
				return
			}
			r.reader.Wait(5 * time.Millisecond)
		default:
			require.Failf(w.t, "reading ended", "%s while waiting until %s", a, what)
		}
	}
	require.Failf(w.t, "never came", "%s", what)
}

// With two legs and one cut at random nothing is lost, nothing is told twice, nothing
// goes stale, and no book is begun anew.
func TestOneLegIsEnough(t *testing.T) {
	for _, c := range []struct{ name, book, rest string }{
		{"a book with its snapshot in the stream", "obu@50", ""},
		{"a book with its snapshot by REST", "order_book_update@100ms", simREST},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := gateio.New()
			require.NoError(t, d.Set("gateio.book", c.book))
			r := newRig(t, sim.Config{TLS: true, Rate: 2000}, func(cfg *feed.PublisherConfig) {
				cfg.Dialect, cfg.Legs, cfg.Bind, cfg.RESTURL = d, 2, uplinks, c.rest
			})
			w := newLegWatch(t)
			whole := func() bool { return streamsWithData(r.sim) == streamsOfTwo }
			w.readUntil(r, "both legs have every stream and the books stand", func() bool {
				return whole() && r.state("BTC/USDT") == ring.BitSubscribed && r.state("ETH/USDT") == ring.BitSubscribed
			})
			w.settled = true
			random := rand.New(rand.NewPCG(7, 7))
			for range 6 {
				before := len(r.sim.Truth().Connections)
				r.sim.DropFrom(net.ParseIP(uplinks[random.IntN(2)]))
				w.readUntil(r, "the leg is back", func() bool { return len(r.sim.Truth().Connections) > before && whole() })
				pause := time.Now().Add(time.Duration(random.IntN(100)) * time.Millisecond)
				w.readUntil(r, "a while is over", func() bool { return time.Now().After(pause) })
			}
			for _, kind := range []ring.Kind{ring.KindTrade, ring.KindBookTicker, ring.KindDepth} {
				assert.Greater(t, w.counts[kind], 100, kind.String())
			}
			assert.NotZero(t, r.pub.View().Counter(ring.CounterDuplicates), "the legs brought the same")
		})
	}
}

// A feed with legs says which was first, how often and by how much; a wrong number of
// legs or addresses is refused.
func TestLegsAreReported(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, sim.Config{Rate: 2000}, func(c *feed.PublisherConfig) {
		c.Legs, c.Bind, c.Anonymous, c.Dir, c.Feed = 2, uplinks, false, dir, "legs"
	})
	r.counter(ring.CounterDuplicates, 200)
	control, err := feed.DialControl(t.Context(), dir, "legs")
	require.NoError(t, err)
	defer control.Close()
	status, err := control.Status(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, status.Legs, 2)
	var first, late uint64
	for i, l := range status.Legs {
		assert.Equal(t, i, l.Leg)
		assert.Len(t, l.Connections, 1)
		first, late = first+l.First, late+l.Late
		assert.LessOrEqual(t, l.LeadP50NS, l.LeadP99NS)
	}
	assert.NotEqual(t, status.Legs[0].Connections, status.Legs[1].Connections)
	assert.NotZero(t, first)
	assert.NotZero(t, late)
	leads := []int64{status.Legs[0].LeadP99NS, status.Legs[1].LeadP99NS}
	assert.Positive(t, slices.Max(leads))

	for _, bad := range []func(c *feed.PublisherConfig){
		func(c *feed.PublisherConfig) { c.Legs = 5 },
		func(c *feed.PublisherConfig) { c.Bind = uplinks },
		func(c *feed.PublisherConfig) { c.Bind = []string{"here"} },
	} {
		c := newConfig(t)
		bad(&c)
		_, err := feed.StartPublisher(c)
		assert.ErrorIs(t, err, feed.ErrConfig)
	}
}
