package feed_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// A symbol that the venue refuses is reported in the venue's words and costs the
// others nothing, though they were asked for in one list.
func TestRefusedSymbolLeavesTheOthersLive(t *testing.T) {
	r := newRig(t, sim.Config{}, func(c *feed.PublisherConfig) {
		c.Symbols = append(c.Symbols, feed.Symbol{Base: "NOPE", Quote: "USDT"}, feed.Symbol{Base: "SOL", Quote: "USDT"})
		c.Channels = ring.ChannelBookTicker
	})
	rec := r.untilStatus(ring.StatusSubscribeRefused, 5*time.Second)
	assert.Equal(t, "NOPE/USDT", r.pub.View().Symbol(int(rec.Instrument)))
	assert.Equal(t, "unknown currency pair: NOPE_USDT", rec.Status().TextString())
	for _, s := range []string{"BTC/USDT", "ETH/USDT", "SOL/USDT"} {
		r.untilKind(ring.KindBookTicker, s)
		assert.NotZero(t, r.state(s)&ring.BitSubscribed)
		assert.Zero(t, r.state(s)&ring.BitRefused)
	}
	assert.NotZero(t, r.state("NOPE/USDT")&ring.BitRefused)
	assert.Zero(t, r.state("NOPE/USDT")&ring.BitSubscribed)
}

// A lost socket is said before anything else, marks every instrument, and all is
// restored by itself.
func TestLostSocketIsMarkedAndRestored(t *testing.T) {
	r := newRig(t, sim.Config{TLS: true}, nil, [2]string{"gateio.book", "obu@50"})
	id, _ := r.pub.View().Find("BTC/USDT")
	r.untilStatus(ring.StatusResyncEnd, 5*time.Second)
	before := r.untilKind(ring.KindBookTicker, "BTC/USDT")

	r.sim.DropAll()
	down := r.untilStatus(ring.StatusDown, 5*time.Second)
	assert.Equal(t, uint8(ring.ScopeConnection), down.Status().Scope)
	stale := r.untilStatus(ring.StatusStale, time.Second)
	assert.Equal(t, down.Sequence()+1, stale.Sequence(), "instruments follow their connection")
	r.untilStatus(ring.StatusUp, 5*time.Second)
	end := r.untilStatus(ring.StatusResyncEnd, 5*time.Second)
	after := r.untilKind(ring.KindBookTicker, "BTC/USDT")
	assert.Greater(t, after.BookTicker().BookEpoch, before.BookTicker().BookEpoch)
	assert.NotZero(t, end.Sequence())

	require.Eventually(t, func() bool {
		book := ring.NewBook(r.pub.View().BookDepth())
		return r.pub.View().ReadBook(id, book) == ring.AnswerRecord && book.Valid()
	}, 5*time.Second, 10*time.Millisecond)
	r.untilStatus(ring.StatusFresh, 5*time.Second)
	r.counter(ring.CounterReconnects, 1)
	assert.Zero(t, r.pub.View().Counter(ring.CounterDecodeErrors))
}

// The venue gone for a while: DOWN, then UP and records within a second of its
// accepting again.
func TestVenueGoneIsFoundAgainWithinASecond(t *testing.T) {
	gone := time.Second
	if os.Getenv("TICKRING_FULL") != "" {
		gone = 3 * time.Second
	}
	r := newRig(t, sim.Config{}, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	require.NoError(t, r.sim.Pause(false))
	r.sim.DropAll()
	r.untilStatus(ring.StatusDown, 2*time.Second)
	time.Sleep(gone)
	require.NoError(t, r.sim.Pause(true))
	accepted := time.Now()
	r.untilStatus(ring.StatusUp, 2*time.Second)
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
	took := time.Since(accepted)
	t.Logf("records again after %s", took)
	assert.Less(t, took, time.Second)
}

// What fails in dialling is said with its reason, and tried again.
func TestDialFailuresAreSaidAndRetried(t *testing.T) {
	for _, c := range []struct {
		name   string
		tls    bool
		faults sim.Faults
		noCA   bool
		reason ring.Reason
	}{
		{"a redirect", false, sim.Faults{HTTPStatus: 301}, false, ring.ReasonHTTPBase + 301},
		{"forbidden", false, sim.Faults{HTTPStatus: 403}, false, ring.ReasonHTTPBase + 403},
		{"a wrong path", false, sim.Faults{HTTPStatus: 404}, false, ring.ReasonHTTPBase + 404},
		{"a region that is locked out", false, sim.Faults{HTTPStatus: 451}, false, ring.ReasonHTTPBase + 451},
		{"a page instead of a WebSocket", false, sim.Faults{NotWebSocket: true}, false, ring.ReasonNotWebSocket},
		{"a certificate that ended", true, sim.Faults{CertExpired: true}, false, ring.ReasonTLSExpired},
		{"a certificate of another host", true, sim.Faults{CertWrongHost: true}, false, ring.ReasonTLSWrongHost},
		{"a certificate nobody vouches for", true, sim.Faults{}, true, ring.ReasonTLSUnknownCA},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{TLS: c.tls, Faults: c.faults}, func(p *feed.PublisherConfig) {
				if c.noCA {
					p.CA = nil
				}
			})
			rec := r.untilStatus(ring.StatusDown, 5*time.Second)
			assert.Equal(t, c.reason.String(), ring.Reason(rec.Status().Reason).String())
			assert.NotEmpty(t, rec.Status().TextString())
			r.counter(ring.CounterConnectFailures, 2)
			if c.tls {
				return
			}
			require.NoError(t, r.sim.SetFaults(sim.Faults{}))
			r.untilStatus(ring.StatusUp, 5*time.Second)
		})
	}
}

// Each close code that a server may send is echoed, said, and leads to a
// reconnect.
func TestCloseCodesAreSaid(t *testing.T) {
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{}, nil)
			r.untilKind(ring.KindTrade, "BTC/USDT")
			r.sim.CloseAll(code, "maintenance")
			rec := r.untilStatus(ring.StatusDown, 5*time.Second)
			assert.Equal(t, uint32(ring.ReasonCloseCodeBase)+uint32(code), rec.Status().Reason)
			assert.Equal(t, "maintenance", rec.Status().TextString())
			r.untilStatus(ring.StatusUp, 5*time.Second)
		})
	}
}

// frame builds one server frame by hand.
func frame(first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		return append([]byte{first, byte(n)}, payload...)
	case n < 1<<16:
		return append(binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n)), payload...)
	default:
		return append(binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(n)), payload...)
	}
}

const goodTrade = `{"time":1790359171,"time_ms":1790359171120,"channel":"spot.trades","event":"update","result":{"id":777,"id_market":777,"create_time":1790359171,"create_time_ms":"1790359171119.653","side":"sell","currency_pair":"BTC_USDT","amount":"0.5","price":"12345.25","range":"1-1","trade_mode":0}}`

// What RFC 6455 forbids ends the connection with a reason, and it comes back.
func TestProtocolBreachesReconnect(t *testing.T) {
	masked := append([]byte{0x81, 0x80 | 2, 1, 2, 3, 4}, 'a'^1, 'b'^2)
	for _, c := range []struct {
		name   string
		bytes  []byte
		reason ring.Reason
	}{
		{"a masked frame", masked, ring.ReasonProtocol},
		{"text that is not UTF-8", frame(0x81, []byte("{\"a\":\"\xff\xfe\"}")), ring.ReasonProtocol},
		{"a message of 10 MiB", frame(0x81, bytes.Repeat([]byte("x"), 10<<20)), ring.ReasonOversize},
		{"a reserved opcode", frame(0x83, nil), ring.ReasonProtocol},
		{"a reserved bit", frame(0xC1, []byte("{}")), ring.ReasonProtocol},
		{"a continuation of nothing", frame(0x80, []byte("{}")), ring.ReasonProtocol},
		{"a fragmented ping", frame(0x09, nil), ring.ReasonProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{}, nil)
			r.untilKind(ring.KindTrade, "BTC/USDT")
			r.sim.SendRawAll(c.bytes)
			rec := r.untilStatus(ring.StatusDown, 5*time.Second)
			assert.Equal(t, c.reason.String(), ring.Reason(rec.Status().Reason).String())
			r.untilStatus(ring.StatusUp, 5*time.Second)
			r.counter(ring.CounterProtocolErrors, 1)
		})
	}
}

// A message in fragments with a ping between them is one message.
func TestFragmentedMessageIsOneRecord(t *testing.T) {
	r := newRig(t, sim.Config{}, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	var raw []byte
	raw = append(raw, frame(0x01, []byte(goodTrade[:40]))...)
	raw = append(raw, frame(0x89, []byte("are you there"))...)
	raw = append(raw, frame(0x00, []byte(goodTrade[40:100]))...)
	raw = append(raw, frame(0x80, []byte(goodTrade[100:]))...)
	r.sim.SendRawAll(raw)
	rec := r.until("the fragmented trade", 5*time.Second, func(rec *ring.Record) bool {
		return rec.Kind == ring.KindTrade && rec.Trade().TradeID == 777
	})
	assert.EqualValues(t, 1790359171119653000, rec.EventTimeNS)
}

// Each kind of bad message is counted and said, costs nothing else, and publishes
// nothing wrong.
func TestBadMessagesCostNothingElse(t *testing.T) {
	trade := func(key, value string) string {
		return `{"time":1790359171,"time_ms":1790359171120,"channel":"spot.trades","event":"update","result":{"id":778,"create_time":1790359171,"create_time_ms":"1790359171119.653","side":"sell",` + key + value + `}}`
	}
	for _, c := range []struct {
		name, frame string
		reason      ring.Reason
	}{
		{"an unknown symbol", trade(`"currency_pair":"ZZZ_USDT",`, `"amount":"0.5","price":"1"`), ring.ReasonUnknownSymbol},
		{"a malformed number", trade(`"currency_pair":"BTC_USDT",`, `"amount":"0.5","price":"abc"`), ring.ReasonNumber},
		{"a number of 40 digits", trade(`"currency_pair":"BTC_USDT",`, `"amount":"0.5","price":"1234567890123456789012345678901234567890"`), ring.ReasonNumber},
		{"truncated JSON", goodTrade[:120], ring.ReasonMalformed},
		{"a wrong type", trade(`"currency_pair":"BTC_USDT",`, `"amount":"0.5","price":{"a":1}`), ring.ReasonMalformed},
		{"a missing key", trade(`"currency_pair":"BTC_USDT",`, `"price":"1"`), ring.ReasonMissingKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{}, nil)
			r.untilKind(ring.KindTrade, "BTC/USDT")
			r.sim.SendAll([]byte(c.frame))
			rec := r.until("the DECODE_ERROR", 5*time.Second, func(rec *ring.Record) bool {
				assert.False(t, rec.Kind == ring.KindTrade && rec.Trade().TradeID == 778, "published")
				return rec.Kind == ring.KindStatus && rec.Status().Code == ring.StatusDecodeError
			})
			assert.Equal(t, c.reason.String(), ring.Reason(rec.Status().Reason).String())
			r.untilKind(ring.KindTrade, "BTC/USDT")
			r.counter(ring.CounterDecodeErrors, 1)
			assert.EqualValues(t, 1, r.pub.View().Counter(ring.CounterDecodeErrors))
			assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects))
		})
	}
}

// A stream whose messages cannot be decoded again and again is asked for again, with
// a limit, and the frames are kept.
func TestBadStreamIsAskedForAgain(t *testing.T) {
	r := newRig(t, sim.Config{}, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	bad := []byte(`{"time":1790359171,"time_ms":1790359171120,"channel":"spot.trades","event":"update","result":{"id":778,"create_time":1790359171,"create_time_ms":"1790359171119.653","side":"sell","currency_pair":"BTC_USDT","amount":"0.5","price":"abc"}}`)
	for range 20 {
		r.sim.SendAll(bad)
	}
	r.counter(ring.CounterDecodeErrors, 20)
	require.Eventually(t, func() bool { return r.sim.Stats().Unsubscribes >= 1 }, 2*time.Second, 10*time.Millisecond)
	assert.LessOrEqual(t, r.sim.Stats().Unsubscribes, uint64(2), "a storm of requests")
	r.untilKind(ring.KindTrade, "BTC/USDT")
	kept, err := r.pub.BadFrames()
	require.NoError(t, err)
	require.Len(t, kept, 20)
	assert.Equal(t, string(bad), string(kept[19].Bytes))
	assert.Equal(t, ring.ReasonNumber, kept[19].Reason)
}

// Binary messages are counted and said; the connection lives.
func TestBinaryMessageIsCounted(t *testing.T) {
	r := newRig(t, sim.Config{}, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	r.sim.SendRawAll(frame(0x82, []byte{1, 2, 3}))
	r.untilStatus(ring.StatusDecodeError, 5*time.Second)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	r.counter(ring.CounterBinaryFrames, 1)
	assert.Zero(t, r.pub.View().Counter(ring.CounterReconnects))
}

// The announced upgrade of the venue leads to a new connection at once.
func TestUpgradeNoticeReconnects(t *testing.T) {
	r := newRig(t, sim.Config{}, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	r.sim.SendAll([]byte(`{"time":1784800711,"time_ms":1784800711140,"channel":"spot.system","event":"update","result":{"type":"upgrade","msg":"The connection will soon be closed."}}`))
	rec := r.untilStatus(ring.StatusDown, 5*time.Second)
	assert.Equal(t, uint32(ring.ReasonUpgrade), rec.Status().Reason)
	r.untilStatus(ring.StatusUp, 2*time.Second)
	r.untilKind(ring.KindTrade, "BTC/USDT")
}

// Symbols come and go while the feed runs; a symbol asked for while the venue is
// away is there when it is back.
func TestSubscriptionsChangeWhileRunning(t *testing.T) {
	r := newRig(t, sim.Config{}, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	sol := []feed.Symbol{{Base: "SOL", Quote: "USDT"}}
	require.NoError(t, r.pub.Subscribe(sol, ring.ChannelBookTicker))
	r.untilKind(ring.KindBookTicker, "SOL/USDT")
	require.NoError(t, r.pub.Unsubscribe(sol, ring.AllChannels))
	require.ErrorContains(t, r.pub.Unsubscribe([]feed.Symbol{{Base: "XRP", Quote: "USDT"}}, ring.AllChannels), "XRP/USDT")
	require.Eventually(t, func() bool { return r.sim.Stats().Unsubscribes == 1 }, 2*time.Second, 10*time.Millisecond)

	require.NoError(t, r.sim.Pause(false))
	r.sim.DropAll()
	r.untilStatus(ring.StatusDown, 2*time.Second)
	require.NoError(t, r.pub.Subscribe(sol, ring.ChannelTrades))
	require.NoError(t, r.sim.Pause(true))
	r.untilStatus(ring.StatusUp, 2*time.Second)
	rec := r.untilKind(ring.KindTrade, "SOL/USDT")
	assert.NotZero(t, rec.Sequence())
	var seen bool
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		var out ring.Record
		if r.reader.Next(&out) != ring.AnswerRecord {
			r.reader.Wait(10 * time.Millisecond)
			continue
		}
		seen = seen || out.Kind == ring.KindBookTicker && r.pub.View().Symbol(int(out.Instrument)) == "SOL/USDT"
	}
	assert.False(t, seen, "a channel that was unsubscribed came back")
}

// Close leaves no goroutine, no socket, and a segment that says CLOSED.
func TestCloseLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	fds := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(names)
	}
	before := fds()
	for range 3 {
		t.Run("once", func(t *testing.T) {
			r := newRig(t, sim.Config{TLS: true}, nil)
			r.untilKind(ring.KindTrade, "BTC/USDT")
			require.NoError(t, r.pub.Close())
			require.NoError(t, r.pub.Close(), "a second call does nothing")
			require.ErrorIs(t, r.pub.Subscribe([]feed.Symbol{{Base: "A", Quote: "B"}}, ring.ChannelTrades), feed.ErrClosed)
		})
	}
	assert.LessOrEqual(t, fds(), before+1)
}

// What is wrong with a configuration is one line that says what is allowed.
func TestBadConfigurationIsOneLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*feed.PublisherConfig)
		want   string
	}{
		{"slots that are no power of two", func(c *feed.PublisherConfig) { c.Slots = 1000 }, "power of two"},
		{"no channels", func(c *feed.PublisherConfig) { c.Channels = 0 }, "book_ticker"},
		{"a URL of another kind", func(c *feed.PublisherConfig) { c.URLs = []string{"ftp://x"} }, "ws://"},
		{"a CPU that is not there", func(c *feed.PublisherConfig) { c.CPU = 999 }, "999"},
		{"a lower-case symbol", func(c *feed.PublisherConfig) { c.Symbols = []feed.Symbol{{Base: "btc", Quote: "usdt"}} }, "btc"},
		{"a feed name with a slash", func(c *feed.PublisherConfig) { c.Anonymous, c.Feed, c.Dir = false, "a/b", t.TempDir() }, "a/b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := newConfig(t)
			c.change(&cfg)
			_, err := feed.StartPublisher(cfg)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}
