package feed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// mirror is a book kept by a reader from the records alone: cleared at each first
// SNAPSHOT record, deltas applied while they are not SUSPECT.
type mirror struct {
	bids, asks map[int64]int64
	id         uint64
	synced     bool
	syncs      int
	price, qty int8
}

func (m *mirror) take(r *ring.Record) {
	d := r.Depth()
	if r.Flags&ring.FlagSnapshot != 0 && r.Flags&ring.FlagFirst != 0 {
		m.bids, m.asks, m.synced = map[int64]int64{}, map[int64]int64{}, true
		m.syncs++
	}
	if r.Flags&ring.FlagSuspect != 0 || !m.synced {
		return
	}
	m.price, m.qty, m.id = r.PriceExponent, r.QuantityExponent, r.VenueSequence
	for i := range int(d.Bids + d.Asks) {
		side := m.bids
		if i >= int(d.Bids) {
			side = m.asks
		}
		if l := d.Levels[i]; l.Quantity == 0 {
			delete(side, l.Price)
		} else {
			side[l.Price] = l.Quantity
		}
	}
}

// equal compares with the simulator's book, level by level.
func (m *mirror) equal(t *testing.T, bids, asks [][2]string, depth int) {
	t.Helper()
	for k, want := range [][][2]string{bids, asks} {
		side := []map[int64]int64{m.bids, m.asks}[k]
		got := map[string]string{}
		for p, q := range side {
			got[string(ring.AppendDecimal(nil, p, m.price))] = string(ring.AppendDecimal(nil, q, m.qty))
		}
		for _, l := range want[:min(depth, len(want))] {
			assert.Equal(t, l[1], got[l[0]], "level %s", l[0])
		}
	}
}

func restRig(t *testing.T, venue string, sc sim.Config, options ...[2]string) *rig {
	t.Helper()
	rest := func(c *feed.PublisherConfig) { c.RESTURL = simREST }
	if venue == "mexc" {
		return newMEXC(t, sc, rest, options...)
	}
	if venue == "gateio-futures" {
		return newFuturesRig(t, sc, rest, options...)
	}
	return newRig(t, sc, rest, options...)
}

// Deltas and a REST snapshot make a book that equals the venue's, on the board and
// for a reader of records, for every venue.
func TestRESTBooksEqualTheVenues(t *testing.T) {
	for _, c := range []struct {
		venue, native string
		options       [][2]string
	}{
		{"gateio", "BTC_USDT", [][2]string{{"gateio.book", "order_book_update@100ms"}}},
		{"gateio", "BTC_USDT", [][2]string{{"gateio.book", "order_book_update@20ms"}}},
		{"gateio-futures", "BTC_USDT", [][2]string{{"gateio-futures.book", "order_book_update@100ms@50"}}},
		{"mexc", "BTCUSDT", [][2]string{{"mexc.book", "aggre.depth@100ms"}}},
		{"mexc", "BTCUSDT", [][2]string{{"mexc.book", "aggre.depth@10ms"}}},
	} {
		t.Run(c.options[0][1], func(t *testing.T) {
			t.Parallel()
			r := restRig(t, c.venue, sim.Config{Rate: 300, Symbols: 5}, c.options...)
			id, ok := r.pub.View().Find("BTC/USDT")
			require.True(t, ok)
			m := &mirror{}
			book := ring.NewBook(r.pub.View().BookDepth())
			var rec ring.Record
			matched := map[uint64]bool{}
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && len(matched) < 4; {
				if r.reader.Next(&rec) != ring.AnswerRecord {
					// Quiet for a moment: if the venue's book is still ours, all must agree.
					at, bids, asks := r.sim.Book(c.native)
					if m.synced && m.id == at && r.pub.View().ReadBook(id, book) == ring.AnswerRecord && book.Header.VenueSequence == at {
						again, _, _ := r.sim.Book(c.native)
						if again != at {
							continue
						}
						require.True(t, book.Valid())
						m.equal(t, bids, asks, 20)
						assert.Equal(t, bids[0][0], string(ring.AppendDecimal(nil, book.Bids()[0].Price, book.Header.PriceExponent)))
						assert.Equal(t, asks[0][0], string(ring.AppendDecimal(nil, book.Asks()[0].Price, book.Header.PriceExponent)))
						matched[at] = true
					}
					r.reader.Wait(5 * time.Millisecond)
					continue
				}
				if rec.Kind == ring.KindDepth && int(rec.Instrument) == id {
					m.take(&rec)
				}
			}
			require.Len(t, matched, 4, "the books met too seldom: %d syncs", m.syncs)
			assert.Equal(t, 1, m.syncs)
			assert.Zero(t, r.state("BTC/USDT")&(ring.BitSuspect|ring.BitResyncing))
		})
	}
}

// Skipped deltas are a gap of that instrument alone, found where it is, and its book
// is synchronised again by itself.
func TestRESTBookIsResyncedAfterAGap(t *testing.T) {
	r := restRig(t, "gateio", sim.Config{Rate: 1000, Symbols: 5})
	r.until("the first sync", 10*time.Second, isCode(ring.StatusResyncEnd))
	require.Eventually(t, func() bool {
		return r.state("BTC/USDT")&ring.BitSuspect == 0 && r.state("ETH/USDT")&ring.BitSuspect == 0
	}, 10*time.Second, 10*time.Millisecond)
	r.reader.SeekLatest()
	r.sim.ApplyFaults(sim.Faults{SkipEvery: 3, SkipPair: "BTC_USDT"})
	gap := r.untilStatus(ring.StatusGap, 10*time.Second)
	assert.Equal(t, "BTC/USDT", r.pub.View().Symbol(int(gap.Instrument)))
	assert.NotZero(t, gap.Status().FirstMissing)
	assert.NotZero(t, r.state("BTC/USDT")&ring.BitSuspect)
	assert.Zero(t, r.state("ETH/USDT")&ring.BitSuspect, "another instrument's book")
	r.sim.ApplyFaults(sim.Faults{})
	r.until("the sync after it", 10*time.Second, isCode(ring.StatusResyncEnd))
	assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects), "nothing is reconnected for it")
}

func isCode(code ring.StatusCode) func(*ring.Record) bool {
	return func(r *ring.Record) bool { return r.Kind == ring.KindStatus && r.Status().Code == code }
}

// Whatever REST does, deltas are published, the book stays SUSPECT meanwhile, no
// storm of requests begins, and the book stands as soon as REST is well.
func TestRESTTroubleIsNeverFinal(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults sim.Faults
	}{
		{"429 with a time to wait", sim.Faults{RESTStatus: 429, RetryAfter: time.Second}},
		{"418 with a time to wait", sim.Faults{RESTStatus: 418, RetryAfter: time.Second}},
		{"server errors", sim.Faults{RESTStatus: 503}},
		{"stale books", sim.Faults{RESTStale: true}},
		{"late books", sim.Faults{RESTDelay: 700 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := restRig(t, "gateio", sim.Config{Rate: 400, Symbols: 5})
			r.until("the first sync", 10*time.Second, isCode(ring.StatusResyncEnd))
			require.NoError(t, r.sim.ApplyFaults(c.faults))
			r.sim.DropAll()
			r.untilStatus(ring.StatusUp, 5*time.Second)
			before := restRequests(r)
			rec := r.untilKind(ring.KindDepth, "BTC/USDT")
			if !c.faults.RESTStale { // a stale book may still join what came since
				assert.NotZero(t, rec.Flags&ring.FlagSuspect)
			}
			time.Sleep(500 * time.Millisecond)
			assert.Less(t, restRequests(r)-before, uint64(12))
			require.NoError(t, r.sim.ApplyFaults(sim.Faults{}))
			require.Eventually(t, func() bool {
				return r.state("BTC/USDT")&ring.BitSuspect == 0 && r.state("ETH/USDT")&ring.BitSuspect == 0
			}, 10*time.Second, 10*time.Millisecond)
			assert.EqualValues(t, 1, r.pub.View().Counter(ring.CounterReconnects))
		})
	}
}

func restRequests(r *rig) (n uint64) {
	for _, k := range r.sim.Stats().REST {
		n += k
	}
	return n
}
