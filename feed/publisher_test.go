package feed_test

import (
	"crypto/x509"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

func startSim(t *testing.T, c sim.Config) *sim.Server {
	t.Helper()
	c.Venue, c.Listen = "gateio", "127.0.0.1:0"
	s, err := sim.New(c)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func startFeed(t *testing.T, s *sim.Server, change func(*feed.PublisherConfig)) *feed.Publisher {
	t.Helper()
	d := gateio.New()
	c := feed.PublisherConfig{
		Dir: t.TempDir(), Dialect: d, CPU: -1, Slots: 1 << 14, MaxInstruments: 64,
		Symbols:  []feed.Symbol{{Base: "BTC", Quote: "USDT"}, {Base: "ETH", Quote: "USDT"}},
		Channels: ring.AllChannels, URLs: []string{s.URL()}, RESTURL: s.RESTURL(),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if pem := s.CAPEM(); pem != nil {
		c.CA = x509.NewCertPool()
		c.CA.AppendCertsFromPEM(pem)
	}
	if change != nil {
		change(&c)
	}
	p, err := feed.StartPublisher(c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// The thin thread through all rooms: socket, decoder, ring, reader.
func TestRecordsFlowFromSocketToReader(t *testing.T) {
	t.Parallel()
	s := startSim(t, sim.Config{TLS: true, Rate: 2000, Symbols: 10, Settle: 100 * time.Millisecond})
	var dir string
	p := startFeed(t, s, func(c *feed.PublisherConfig) { dir = c.Dir })
	m, err := shm.Open(dir, "gateio")
	require.NoError(t, err)
	defer m.Close()
	r := ring.NewReader(m.View())
	r.Seek(1)
	kinds := map[ring.Kind]int{}
	var rec ring.Record
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		switch r.Next(&rec) {
		case ring.AnswerRecord:
			kinds[rec.Kind]++
			if rec.Kind == ring.KindStatus {
				st := rec.Status()
				t.Log(st.Code, st.Scope, ring.Reason(st.Reason), m.View().Symbol(int(rec.Instrument)), st.TextString())
			}
		case ring.AnswerEmpty:
			r.Wait(100 * time.Millisecond)
		default:
			t.Fatal("unexpected answer")
		}
	}
	for k, n := range kinds {
		t.Log(k, n)
	}
	for _, k := range []ring.Kind{ring.KindBookTicker, ring.KindTrade, ring.KindDepth, ring.KindTicker, ring.KindStatus} {
		assert.NotZero(t, kinds[k], k.String())
	}
	for c := ring.Counter(0); c < 28; c++ {
		t.Log(c, m.View().Counter(c))
	}
	assert.Zero(t, m.View().Counter(ring.CounterDecodeErrors))
	require.NoError(t, p.Close())
	for r.Next(&rec) == ring.AnswerRecord {
	}
	assert.Equal(t, ring.AnswerClosed, r.Next(&rec))
}
