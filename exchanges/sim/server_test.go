package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A bad configuration is one line that says what is allowed.
func TestConfigErrors(t *testing.T) {
	for want, cfg := range map[string]Config{
		`venue "foo": want "gateio", "gateio-futures" or "mexc"`: {Venue: "foo"},
		`listen address "x": want HOST:PORT`:                     {Venue: "gateio", Listen: "x"},
		"speed -1: want 0":                                       {Venue: "gateio", Speed: -1},
		"rate -5: want 1 to 1000000 frames a second":             {Venue: "gateio", Rate: -5},
		"symbols 2001: want 1 to 2000":                           {Venue: "gateio", Symbols: 2001},
		"once: wants a capture":                                  {Venue: "gateio", Once: true},
		"idle and silent timeout: want a positive duration":      {Venue: "gateio", IdleTimeout: -1},
		"fault HTTP status 200: want 300 to 599":                 {Venue: "gateio", Faults: Faults{HTTPStatus: 200}},
		"fault close code 99: want 1000 to 4999":                 {Venue: "gateio", Faults: Faults{CloseCode: 99}},
		"fault drop-after and ack-delay: want 0 or more":         {Venue: "gateio", Faults: Faults{DropAfter: -1}},
	} {
		_, err := New(cfg)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
}

// A taken port is an error of Start; a server starts once and not after Close.
func TestStartErrors(t *testing.T) {
	s := start(t, Config{})
	assert.ErrorContains(t, s.Start(), "already started")
	taken, err := New(Config{Venue: "gateio", Listen: strings.TrimSuffix(strings.TrimPrefix(s.URL(), "ws://"), "/ws/v4/")})
	require.NoError(t, err)
	assert.ErrorContains(t, taken.Start(), "address already in use")
	require.NoError(t, taken.Close())
	require.NoError(t, taken.Close())
	assert.ErrorIs(t, taken.Start(), ErrClosed)
	assert.ErrorIs(t, taken.Pause(true), ErrClosed)
	assert.ErrorIs(t, taken.Wait(context.Background()), ErrClosed)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, s.Wait(ctx), context.Canceled)
}

// Close ends a server in full flow.
func TestCloseInFullFlow(t *testing.T) {
	s, err := New(Config{Venue: "gateio", TLS: true, Settle: time.Millisecond, Rate: 50_000})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	c := dial(t, s)
	c.subscribe(chBookTicker, "BTC_USDT")
	c.next()
	assert.Equal(t, 1, s.Stats().Open)
	require.NoError(t, s.Close())
	assert.Zero(t, c.closeCode(5*time.Second))
	assert.Zero(t, s.Stats().Open)
	_, err = net.Dial("tcp", strings.Split(s.URL(), "/")[2])
	assert.Error(t, err)
}

// With TLS a client that trusts the CA is served, one that does not refuses the
// certificate, and the certificate faults have the reasons a client must tell.
func TestCertificates(t *testing.T) {
	s := start(t, Config{TLS: true})
	assert.True(t, strings.HasPrefix(s.URL(), "wss://127.0.0.1:"))
	assert.True(t, strings.HasPrefix(s.RESTURL(), "https://127.0.0.1:"))
	dial(t, s)

	stranger := ws.Dialer{TLSConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	_, _, _, err := stranger.Dial(t.Context(), s.URL())
	var unknown x509.UnknownAuthorityError
	assert.ErrorAs(t, err, &unknown)

	require.NoError(t, s.SetFaults(Faults{CertExpired: true}))
	_, _, _, err = dialer(s).Dial(t.Context(), s.URL())
	var invalid x509.CertificateInvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, x509.Expired, invalid.Reason)

	require.NoError(t, s.SetFaults(Faults{CertWrongHost: true}))
	_, _, _, err = dialer(s).Dial(t.Context(), s.URL())
	var host x509.HostnameError
	assert.ErrorAs(t, err, &host)

	require.NoError(t, s.SetFaults(Faults{}))
	dial(t, s)
	assert.Nil(t, start(t, Config{}).CAPEM())
}

// The upgrade is answered with the status of the fault, a redirect with a
// location; REST is not touched by it.
func TestUpgradeFaults(t *testing.T) {
	s := start(t, Config{})
	for _, status := range []int{301, 403, 404, 451, 503} {
		require.NoError(t, s.SetFaults(Faults{HTTPStatus: status}))
		_, _, _, err := dialer(s).Dial(t.Context(), s.URL())
		var got ws.StatusError
		require.ErrorAs(t, err, &got)
		assert.Equal(t, status, int(got))
	}
	require.NoError(t, s.SetFaults(Faults{HTTPStatus: 301}))
	plain := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := plain.Get("http" + strings.TrimPrefix(s.URL(), "ws"))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	assert.Contains(t, r.Header.Get("Location"), "/moved/")

	require.NoError(t, s.SetFaults(Faults{NotWebSocket: true}))
	r, err = plain.Get("http" + strings.TrimPrefix(s.URL(), "ws"))
	require.NoError(t, err)
	body, _ := io.ReadAll(r.Body)
	require.NoError(t, r.Body.Close())
	assert.Equal(t, 200, r.StatusCode)
	assert.Contains(t, string(body), "not a WebSocket")
	_, _, _, err = dialer(s).Dial(t.Context(), s.URL())
	assert.Error(t, err)
	status, _ := get(t, s, "/spot/time")
	assert.Equal(t, 200, status)
	assert.Equal(t, uint64(8), s.Stats().Refused)
	assert.Error(t, s.SetFaults(Faults{HTTPStatus: 1}))
}

// Faults of a connection: each does what its comment says.
func TestConnectionFaults(t *testing.T) {
	t.Parallel()
	quick := Config{Settle: 10 * time.Millisecond, Rate: 500, Symbols: 2}
	with := func(f Faults) Config { c := quick; c.Faults = f; return c }
	still := func(f Faults) Config { return Config{Settle: time.Hour, Faults: f} }

	t.Run("a pair is refused with the text given", func(t *testing.T) {
		c := dial(t, start(t, still(Faults{RefusePairs: []string{"ETH_USDT"}, RefuseText: "trading halted"})))
		c.subscribe(chTrades, "BTC_USDT")
		c.request("subscribe", chTrades, "BTC_USDT", "ETH_USDT")
		assert.Contains(t, string(c.next()), `"error":{"code":2,"message":"trading halted"}`)
	})
	t.Run("a pair is refused as unknown", func(t *testing.T) {
		c := dial(t, start(t, still(Faults{RefusePairs: []string{"ETH_USDT"}})))
		c.request("subscribe", chOBU, "ob.ETH_USDT.50")
		assert.Contains(t, string(c.next()), "unknown currency pair: ETH_USDT")
	})
	t.Run("a connection is cut after so many frames", func(t *testing.T) {
		s := start(t, with(Faults{DropAfter: 7}))
		c := dial(t, s)
		c.subscribe(chBookTicker, "BTC_USDT")
		for range 7 {
			c.next()
		}
		assert.Zero(t, c.closeCode(5*time.Second))
	})
	t.Run("a connection is closed with a code after so many frames", func(t *testing.T) {
		s := start(t, with(Faults{DropAfter: 3, CloseCode: 1012}))
		c := dial(t, s)
		c.subscribe(chBookTicker, "BTC_USDT")
		for range 3 {
			c.next()
		}
		assert.Equal(t, ws.StatusCode(1012), c.closeCode(5*time.Second))
	})
	t.Run("a connection is closed with a code in place of data", func(t *testing.T) {
		c := dial(t, start(t, with(Faults{CloseCode: 1001})))
		c.subscribe(chBookTicker, "BTC_USDT")
		h, _, err := c.frame(5 * time.Second)
		require.NoError(t, err)
		assert.Equal(t, ws.OpClose, h.OpCode)
	})
	t.Run("answers come late and in order", func(t *testing.T) {
		c := dial(t, start(t, still(Faults{AckDelay: 500 * time.Millisecond})))
		began := time.Now()
		c.send(`{"id":1,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT"]}`)
		c.send(`{"id":2,"channel":"spot.trades","event":"subscribe","payload":["NOPE"]}`)
		assert.Contains(t, string(c.next()), `"id":1,`)
		assert.GreaterOrEqual(t, time.Since(began), 490*time.Millisecond)
		assert.Contains(t, string(c.next()), `"id":2,`)
		assert.Less(t, time.Since(began), 990*time.Millisecond, "the delays run side by side")
	})
	t.Run("requests are swallowed and pings are not", func(t *testing.T) {
		c := dial(t, start(t, still(Faults{NoAcks: true})))
		c.request("subscribe", chTrades, "BTC_USDT")
		c.send(`{"channel":"spot.ping"}`)
		assert.Contains(t, string(c.next()), "spot.pong")
		c.quiet(100 * time.Millisecond)
	})
}

// Every socket can be cut, the listener closed and opened again at its port, and
// frames and bytes injected between two frames.
func TestControl(t *testing.T) {
	s := start(t, Config{Settle: 10 * time.Millisecond, Rate: 200})
	a, b := dial(t, s), dial(t, s)

	s.SendAll([]byte(`{"type":"upgrade"}`))
	assert.Equal(t, `{"type":"upgrade"}`, string(a.next()))
	assert.Equal(t, `{"type":"upgrade"}`, string(b.next()))
	s.SendRawAll([]byte{0x82, 1, 'x'})
	h, payload, err := a.frame(5 * time.Second)
	require.NoError(t, err)
	assert.Equal(t, ws.OpBinary, h.OpCode)
	assert.Equal(t, "x", string(payload))

	require.NoError(t, s.Pause(false))
	require.NoError(t, s.Pause(false))
	_, _, _, err = dialer(s).Dial(t.Context(), s.URL())
	assert.ErrorContains(t, err, "connection refused")
	a.subscribe(chBookTicker, "BTC_USDT")
	a.next()

	s.DropAll()
	assert.Zero(t, a.closeCode(5*time.Second))
	assert.Eventually(t, func() bool { return s.Stats().Open == 0 }, 5*time.Second, time.Millisecond)

	url := s.URL()
	require.NoError(t, s.Pause(true))
	assert.Equal(t, url, s.URL())
	c := dial(t, s)
	s.CloseAll(4321, "enough")
	assert.Equal(t, ws.StatusCode(4321), c.closeCode(5*time.Second))
}

// A client that does not read is cut when too much waits for it; the others live.
func TestSlowClientIsCut(t *testing.T) {
	s, err := New(Config{Venue: "gateio", Settle: time.Millisecond, Rate: 100, Symbols: 1})
	require.NoError(t, err)
	s.backlog = 8 << 20
	require.NoError(t, s.Start())
	defer s.Close()
	slow, quick := dial(t, s), dial(t, s)
	slow.subscribe(chBookTicker, "BTC_USDT")
	quick.subscribe(chTrades, "BTC_USDT")
	for _, c := range s.openConns() {
		if c.has(key{channel: chBookTicker, pair: "BTC_USDT"}) {
			c.queueRaw(make([]byte, 24<<20))
		}
	}
	require.Eventually(t, func() bool { return s.Stats().SlowCuts == 1 }, 5*time.Second, time.Millisecond)
	quick.next()
}

// BenchmarkFullFlow sends quotes, trades and diffs of 100 pairs over TLS to one
// client, as fast as the market is made.
func BenchmarkFullFlow(b *testing.B) {
	s, err := New(Config{Venue: "gateio", TLS: true, Settle: time.Millisecond, Rate: maxRate})
	require.NoError(b, err)
	require.NoError(b, s.Start())
	defer s.Close()
	c := dial(b, s)
	var pairs []string
	for i := range DefaultSymbols {
		pairs = append(pairs, namedSpec(i).name)
	}
	c.request("subscribe", chBookTicker, pairs...)
	c.request("subscribe", chTrades, pairs...)
	for _, p := range pairs {
		c.request("subscribe", chOBU, "ob."+p+".50")
	}
	skip := make([]byte, 1<<16)
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute))
	for b.Loop() {
		h, err := ws.ReadHeader(c.br)
		require.NoError(b, err)
		_, err = io.ReadFull(c.br, skip[:h.Length])
		require.NoError(b, err)
	}
}
