package feed_test

import (
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// simREST in PublisherConfig.RESTURL stands for the simulator's own.
const simREST = "http://simulator"

// rig is a simulator, a publisher with its segment in memory, and a reader.
type rig struct {
	t      *testing.T
	sim    *sim.Server
	pub    *feed.Publisher
	reader *ring.Reader
}

// newRig starts a simulator and a feed of BTC/USDT and ETH/USDT on all channels.
func newRig(t *testing.T, sc sim.Config, change func(*feed.PublisherConfig), options ...[2]string) *rig {
	t.Helper()
	sc.Listen = "127.0.0.1:0"
	if sc.Venue == "" {
		sc.Venue = "gateio"
	}
	if sc.Settle == 0 {
		sc.Settle = 20 * time.Millisecond
	}
	if sc.Rate == 0 {
		sc.Rate = 500
	}
	if sc.Symbols == 0 {
		sc.Symbols = 10
	}
	s, err := sim.New(sc)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { _ = s.Close() })

	d := gateio.New()
	for _, o := range options {
		require.NoError(t, d.Set(o[0], o[1]))
	}
	c := feed.PublisherConfig{
		Anonymous: true, Dialect: d, CPU: -1, Slots: 1 << 15, MaxInstruments: 64,
		Symbols:  []feed.Symbol{{Base: "BTC", Quote: "USDT"}, {Base: "ETH", Quote: "USDT"}},
		Channels: ring.AllChannels, URLs: []string{s.URL()},
		Logger: slog.New(slog.DiscardHandler),
	}
	if pem := s.CAPEM(); pem != nil {
		c.CA = x509.NewCertPool()
		c.CA.AppendCertsFromPEM(pem)
	}
	if change != nil {
		change(&c)
	}
	if c.RESTURL == simREST {
		c.RESTURL = s.RESTURL()
	}
	p, err := feed.StartPublisher(c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	r := ring.NewReader(p.View())
	r.Seek(1)
	return &rig{t: t, sim: s, pub: p, reader: r}
}

// until reads records until one satisfies want, and returns it.
func (r *rig) until(what string, within time.Duration, want func(*ring.Record) bool) ring.Record {
	r.t.Helper()
	var rec ring.Record
	for end := time.Now().Add(within); time.Now().Before(end); {
		switch a := r.reader.Next(&rec); a {
		case ring.AnswerRecord:
			if want(&rec) {
				return rec
			}
		case ring.AnswerEmpty, ring.AnswerStale:
			r.reader.Wait(50 * time.Millisecond)
		default:
			require.Failf(r.t, "reading ended", "%s while waiting for %s", a, what)
		}
	}
	require.Failf(r.t, "never came", "%s within %s", what, within)
	return rec
}

func (r *rig) untilStatus(code ring.StatusCode, within time.Duration) ring.Record {
	r.t.Helper()
	return r.until(code.String(), within, func(rec *ring.Record) bool {
		return rec.Kind == ring.KindStatus && rec.Status().Code == code
	})
}

func (r *rig) untilKind(kind ring.Kind, symbol string) ring.Record {
	r.t.Helper()
	return r.until(kind.String()+" of "+symbol, 5*time.Second, func(rec *ring.Record) bool {
		return rec.Kind == kind && r.pub.View().Symbol(int(rec.Instrument)) == symbol
	})
}

func (r *rig) state(symbol string) ring.StateBit {
	r.t.Helper()
	id, ok := r.pub.View().Find(symbol)
	require.True(r.t, ok, symbol)
	var st ring.InstrumentState
	require.True(r.t, r.pub.View().InstrumentState(id, &st))
	return st.Bits()
}

// counter waits until a counter, which is flushed every 50 ms, is at least n.
func (r *rig) counter(c ring.Counter, n uint64) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.pub.View().Counter(c) >= n },
		3*time.Second, 10*time.Millisecond, "%s reaches %d", c, n)
}

// newConfig is a configuration that would start.
func newConfig(t *testing.T) feed.PublisherConfig {
	t.Helper()
	return feed.PublisherConfig{
		Anonymous: true, Dialect: gateio.New(), CPU: -1, Slots: 8, MaxInstruments: 8,
		Symbols: []feed.Symbol{{Base: "BTC", Quote: "USDT"}}, Channels: ring.AllChannels,
		URLs: []string{"ws://127.0.0.1:1/"},
	}
}

// simPairs are the pairs that a simulated venue lists, by its REST.
func simPairs(t *testing.T, s *sim.Server) []feed.Symbol {
	t.Helper()
	d := mexc.New()
	res, err := http.Get(s.RESTURL() + d.MetadataPath())
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	infos, err := d.ParseMetadata(body)
	require.NoError(t, err)
	var out []feed.Symbol
	for _, i := range infos {
		out = append(out, feed.Symbol{Base: i.Base, Quote: i.Quote})
	}
	return out
}
