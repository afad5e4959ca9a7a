package feed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateiofutures"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// bytesPerFrame runs a feed until it has 600 messages and says what one took on the
// socket. All of them were good, and the book stands.
func bytesPerFrame(t *testing.T, venue string, tls bool, offer feed.Compression, c sim.Compression) float64 {
	t.Helper()
	r := newRig(t, sim.Config{Venue: venue, TLS: tls, Rate: 2000, Compression: c}, func(p *feed.PublisherConfig) {
		p.RESTURL, p.Compression = simREST, offer
		switch venue {
		case "mexc":
			p.Dialect = mexc.New()
		case "gateio-futures":
			p.Dialect = gateiofutures.New()
		}
	})
	defer func() { require.NoError(t, r.pub.Close()) }()
	r.counter(ring.CounterResyncs, 2)
	require.Eventually(t, func() bool { return r.pub.View().Counter(ring.CounterFrames) >= 600 },
		20*time.Second, 10*time.Millisecond)
	v := r.pub.View()
	for _, c := range []ring.Counter{ring.CounterDecodeErrors, ring.CounterProtocolErrors, ring.CounterGaps, ring.CounterCrossed, ring.CounterReconnects} {
		assert.Zero(t, v.Counter(c), c.String())
	}
	return float64(v.Counter(ring.CounterBytes)) / float64(v.Counter(ring.CounterFrames))
}

// Every venue's messages come compressed where both sides want it, over plain sockets
// and TLS, with the window kept or not, and say what they say without.
func TestCompressionOnBothSides(t *testing.T) {
	t.Parallel()
	on := sim.Compression{On: true}
	for _, venue := range []string{"gateio", "mexc", "gateio-futures"} {
		t.Run(venue, func(t *testing.T) {
			plain := bytesPerFrame(t, venue, false, feed.CompressionOff, on)
			packed := bytesPerFrame(t, venue, venue == "mexc", feed.CompressionOn, on)
			t.Logf("bytes a message: %.0f plain, %.0f compressed", plain, packed)
			assert.Less(t, packed, 0.7*plain)
		})
	}
	t.Run("each message alone, a small window", func(t *testing.T) {
		bytesPerFrame(t, "gateio", false, feed.CompressionFresh, sim.Compression{On: true, WindowBits: 9})
	})
	t.Run("a venue that declines", func(t *testing.T) {
		bytesPerFrame(t, "gateio", false, feed.CompressionOn, sim.Compression{})
	})
}

// A small message that inflates beyond the limit ends the connection with 1009; the next
// one goes on.
func TestCompressionBombIsRefused(t *testing.T) {
	r := newRig(t, sim.Config{Compression: sim.Compression{On: true}}, func(p *feed.PublisherConfig) {
		p.Compression = feed.CompressionOn
	})
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
	r.sim.SendOversizeAll(9 << 20)
	rec := r.untilStatus(ring.StatusDown, 10*time.Second)
	assert.Equal(t, uint32(ring.ReasonOversize), rec.Status().Reason)
	r.untilStatus(ring.StatusUp, 5*time.Second)
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
}

func TestParseCompression(t *testing.T) {
	for _, c := range []feed.Compression{feed.CompressionOff, feed.CompressionOn, feed.CompressionFresh} {
		got, err := feed.ParseCompression(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, got)
	}
	_, err := feed.ParseCompression("yes")
	assert.ErrorIs(t, err, feed.ErrConfig)
	assert.ErrorContains(t, err, "allowed are off, on, fresh")
}
