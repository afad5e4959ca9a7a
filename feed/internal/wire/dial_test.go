package wire

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// dialFails dials and returns the typed error, checked for what all have.
func dialFails(t *testing.T, cfg DialConfig) *DialError {
	t.Helper()
	conn, err := Dial(context.Background(), cfg)
	require.Nil(t, conn)
	var e *DialError
	require.ErrorAs(t, err, &e)
	assert.NotContains(t, e.Error(), "\n", "one line")
	assert.NotContains(t, e.Code.String(), "code_", "a named code")
	t.Log(e.Error())
	return e
}

func TestDialRefusesBadURLs(t *testing.T) {
	cases := []struct{ name, url, says string }{
		{"another scheme", "https://example.com/", "must start with ws:// or wss://"},
		{"no scheme", "example.com:443/ws", "must start with ws:// or wss://"},
		{"nothing", "", "must start with ws:// or wss://"},
		{"no host", "wss:///ws", "names no host"},
		{"a port that is no number", "ws://127.0.0.1:http/", "is malformed"},
		{"a control character", "ws://127.0.0.1/\n", "is malformed"},
		{"a user name", "ws://u:secret@127.0.0.1/", "must not carry a user name"},
		{"a fragment", "ws://127.0.0.1/#a", "must not carry a fragment"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := dialFails(t, DialConfig{URL: c.url})
			assert.Equal(t, StageURL, e.Stage)
			assert.Equal(t, DialURLInvalid, e.Code)
			assert.Contains(t, e.Error(), c.says)
			assert.NotContains(t, e.Error(), "secret")
		})
	}
}

func TestDialConnectFailures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free := l.Addr().String()
	require.NoError(t, l.Close())

	t.Run("nobody listens", func(t *testing.T) {
		e := dialFails(t, DialConfig{URL: "ws://" + free})
		assert.Equal(t, StageConnect, e.Stage)
		assert.Equal(t, DialRefused, e.Code)
		assert.ErrorIs(t, e, unix.ECONNREFUSED)
		assert.Contains(t, e.Error(), free)
	})
	t.Run("a local address that is no address", func(t *testing.T) {
		e := dialFails(t, DialConfig{URL: "ws://" + free, BindIP: "here"})
		assert.Equal(t, DialBindFailed, e.Code)
	})
	t.Run("a local address of another host", func(t *testing.T) {
		e := dialFails(t, DialConfig{URL: "ws://" + free, BindIP: "192.0.2.1"})
		assert.Equal(t, DialBindFailed, e.Code)
		assert.Contains(t, e.Error(), "192.0.2.1")
	})
	t.Run("a cancelled context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := Dial(ctx, DialConfig{URL: "ws://" + free})
		var e *DialError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, DialCancelled, e.Code)
	})
}

// The name server is real and on loopback: it knows no name, or does not answer.
func TestDialNameFailures(t *testing.T) {
	resolver := func(answer bool) *net.Resolver {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { pc.Close() })
		go func() {
			buf := make([]byte, 1500)
			for {
				n, from, err := pc.ReadFrom(buf)
				if err != nil {
					return
				}
				if answer && n > 12 {
					buf[2], buf[3] = 0x81, 0x83 // an answer: no such name
					_, _ = pc.WriteTo(buf[:n], from)
				}
			}
		}()
		// The resolver outlives a dial that gave up; the end of the test ends it.
		ended, end := context.WithCancel(context.Background())
		t.Cleanup(end)
		return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if ended.Err() != nil {
				return nil, net.ErrClosed
			}
			c, err := new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
			if err == nil {
				context.AfterFunc(ended, func() { c.Close() })
			}
			return c, err
		}}
	}
	e := dialFails(t, DialConfig{URL: "wss://venue.invalid/ws", Resolver: resolver(true)})
	assert.Equal(t, StageResolve, e.Stage)
	assert.Equal(t, DialNameNotFound, e.Code)
	assert.Contains(t, e.Error(), `"venue.invalid"`)

	e = dialFails(t, DialConfig{URL: "wss://venue.invalid/ws", Resolver: resolver(false), Timeout: 200 * time.Millisecond})
	assert.Equal(t, StageResolve, e.Stage)
	assert.Equal(t, DialTimeout, e.Code)
}

// A server that accepts and says nothing runs into the timeout at the stage that
// waits, and cancelling ends the wait.
func TestDialSilentServer(t *testing.T) {
	addr := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for scheme, stage := range map[string]Stage{"ws": StageUpgrade, "wss": StageTLS} {
		e := dialFails(t, DialConfig{URL: scheme + "://" + addr, Timeout: 100 * time.Millisecond})
		assert.Equal(t, stage, e.Stage)
		assert.Equal(t, DialTimeout, e.Code)
		assert.Contains(t, e.Error(), "100ms")

		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		start := time.Now()
		_, err := Dial(ctx, DialConfig{URL: scheme + "://" + addr})
		var cancelled *DialError
		require.ErrorAs(t, err, &cancelled)
		assert.Equal(t, DialCancelled, cancelled.Code)
		assert.Less(t, time.Since(start), 5*time.Second)
	}
}

func TestDialCertificateFaults(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	cases := []struct {
		name       string
		authority  *authority
		selfSigned bool
		edit       func(*x509.Certificate)
		code       DialCode
		says       string
		as         any
	}{
		{"another host", ca, false, func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"venue.example"}
		}, DialTLSWrongHost, "venue.example", new(x509.HostnameError)},
		{"no host at all", ca, false, func(c *x509.Certificate) { c.IPAddresses = nil },
			DialTLSWrongHost, "no host at all", new(x509.HostnameError)},
		{"expired", ca, false, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
			DialTLSExpired, "expired at", new(x509.CertificateInvalidError)},
		{"not yet valid", ca, false, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) },
			DialTLSNotYetValid, "clock", new(x509.CertificateInvalidError)},
		{"self-signed", ca, true, nil, DialTLSSelfSigned, "self-signed", new(x509.UnknownAuthorityError)},
		{"an unknown authority", other, false, nil, DialTLSUnknownCA, "unknown authority", new(x509.UnknownAuthorityError)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := &tls.Config{Certificates: []tls.Certificate{c.authority.leaf(t, c.selfSigned, c.edit)}}
			addr := serveTLS(t, cfg, func(*tls.Conn) {})
			e := dialFails(t, DialConfig{URL: "wss://" + addr, CA: ca.pool})
			assert.Equal(t, StageTLS, e.Stage)
			assert.Equal(t, c.code, e.Code)
			assert.Contains(t, e.Error(), c.says)
			assert.ErrorAs(t, e, c.as)
		})
	}
}

func TestDialTLSMismatch(t *testing.T) {
	t.Run("TLS to a plain HTTP port", func(t *testing.T) {
		addr := serve(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		})
		e := dialFails(t, DialConfig{URL: "wss://" + addr})
		assert.Equal(t, DialTLSNotTLS, e.Code)
	})
	t.Run("a version that is too old", func(t *testing.T) {
		ca := newAuthority(t)
		addr := serveTLS(t, &tls.Config{
			Certificates: []tls.Certificate{ca.leaf(t, false, nil)},
			MinVersion:   tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
		}, func(*tls.Conn) {})
		e := dialFails(t, DialConfig{URL: "wss://" + addr, CA: ca.pool})
		assert.Equal(t, DialTLSOther, e.Code)
	})
	t.Run("the server hangs up in the handshake", func(t *testing.T) {
		addr := serve(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })
		e := dialFails(t, DialConfig{URL: "wss://" + addr})
		assert.Equal(t, DialPeerClosed, e.Code)
	})
	t.Run("plain to a TLS port", func(t *testing.T) {
		ca := newAuthority(t)
		addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, false, nil)}}, func(*tls.Conn) {})
		e := dialFails(t, DialConfig{URL: "ws://" + addr})
		assert.Contains(t, []DialCode{DialNotWebSocket, DialPeerClosed, DialOther}, e.Code)
		assert.Equal(t, StageUpgrade, e.Stage)
	})
}

func TestDialHTTPStatuses(t *testing.T) {
	cases := []struct {
		status int
		header string // "name: value"
		path   string
		code   DialCode
		says   string
		retry  time.Duration
	}{
		{200, "", "/ws/", DialNotWebSocket, "not a WebSocket", 0},
		{204, "", "/ws/", DialHTTPOther, "204", 0},
		{301, "Location: wss://new.example/ws/", "/ws/", DialHTTPRedirect, "wss://new.example/ws/", 0},
		{302, "", "/ws/", DialHTTPRedirect, "does not name", 0},
		{400, "", "/ws/", DialHTTPOther, "Bad Request", 0},
		{401, "", "/ws/", DialHTTPUnauthorized, "credentials", 0},
		{403, "", "/ws/", DialHTTPForbidden, "blocked", 0},
		{404, "", "/ws", DialHTTPNotFound, "end with a slash", 0},
		{404, "", "/ws/", DialHTTPNotFound, `no such path "/ws/"`, 0},
		{418, "Retry-After: 120", "/ws/", DialHTTPRateLimited, "2m0s", 2 * time.Minute},
		{429, "Retry-After: 7", "/ws/", DialHTTPRateLimited, "7s", 7 * time.Second},
		{429, "", "/ws/", DialHTTPRateLimited, "wait", 0},
		{451, "", "/ws/", DialHTTPRegion, "region", 0},
		{500, "", "/ws/", DialHTTPServer, "Internal Server Error", 0},
		{503, "Retry-After: 1", "/ws/", DialHTTPServer, "Service Unavailable", time.Second},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d %s", c.status, c.path), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if name, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			e := dialFails(t, DialConfig{URL: "ws" + strings.TrimPrefix(server.URL, "http") + c.path + "?token=secret"})
			assert.Equal(t, StageUpgrade, e.Stage)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, c.status, e.Status)
			assert.Equal(t, c.retry, e.RetryAfter)
			assert.Contains(t, e.Error(), c.says)
			assert.Contains(t, e.Error(), fmt.Sprint(c.status))
			assert.NotContains(t, e.Error(), "secret", "the query may hold a token")
		})
	}
}

func TestDialUpgradeFaults(t *testing.T) {
	const head = "HTTP/1.1 101 Switching Protocols\r\n"
	cases := []struct {
		name, answer string
		code         DialCode
	}{
		{"a wrong accept key", head + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", DialBadAccept},
		{"no accept key", head + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", DialBadAccept},
		{"another protocol", head + "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", DialNotWebSocket},
		{"a connection that stays HTTP", head + "Upgrade: websocket\r\nConnection: close\r\n\r\n", DialNotWebSocket},
		{"an extension that was not offered", head + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {KEY}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", DialNotWebSocket},
		{"a banner that is no HTTP", "SSH-2.0-OpenSSH_9\r\n\r\n", DialNotWebSocket},
		{"an end without answer", "", DialPeerClosed},
		{"an end in mid-answer", head + "Upgr", DialPeerClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			addr := serve(t, func(conn net.Conn) {
				buf := make([]byte, 4096)
				n, _ := conn.Read(buf)
				_, rest, _ := strings.Cut(string(buf[:n]), "Sec-WebSocket-Key: ")
				key, _, _ := strings.Cut(rest, "\r\n")
				sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
				_, _ = io.WriteString(conn, strings.ReplaceAll(c.answer, "{KEY}", base64.StdEncoding.EncodeToString(sum[:])))
			})
			e := dialFails(t, DialConfig{URL: "ws://" + addr})
			assert.Equal(t, StageUpgrade, e.Stage)
			assert.Equal(t, c.code, e.Code)
		})
	}
}

// The request carries what was configured and offers no compression; the
// endpoint hides the query.
func TestDialRequest(t *testing.T) {
	requests := make(chan string, 1)
	addr := serve(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		requests <- string(buf[:n])
	})
	cfg := DialConfig{
		URL: "ws://" + addr + "/ws/v4/?token=secret", UserAgent: "agent/1", BindIP: "127.0.0.1",
		ReadBuffer: 1 << 16, Header: http.Header{"X-Test": {"yes"}},
	}
	e := dialFails(t, cfg)
	assert.Equal(t, DialPeerClosed, e.Code)
	request := <-requests
	assert.True(t, strings.HasPrefix(request, "GET /ws/v4/?token=secret HTTP/1.1\r\n"), request)
	assert.Contains(t, request, "User-Agent: agent/1\r\n")
	assert.Contains(t, request, "X-Test: yes\r\n")
	assert.NotContains(t, strings.ToLower(request), "sec-websocket-extensions")
	assert.Equal(t, "ws://"+addr+"/ws/v4/", e.Endpoint)
	assert.NotContains(t, cfg.Header, "User-Agent", "the caller's header is not changed")
}

// The descriptor is non-blocking, without delay, closed on exec and the
// process's only one of that socket.
func TestDialDescriptor(t *testing.T) {
	ended := make(chan struct{})
	conn := dialTest(t, DialConfig{URL: upgraded(t, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		close(ended)
	})})
	flags, err := unix.FcntlInt(uintptr(conn.FD()), unix.F_GETFL, 0)
	require.NoError(t, err)
	assert.NotZero(t, flags&unix.O_NONBLOCK)
	flags, err = unix.FcntlInt(uintptr(conn.FD()), unix.F_GETFD, 0)
	require.NoError(t, err)
	assert.NotZero(t, flags&unix.FD_CLOEXEC)
	noDelay, err := unix.GetsockoptInt(conn.FD(), unix.IPPROTO_TCP, unix.TCP_NODELAY)
	require.NoError(t, err)
	assert.NotZero(t, noDelay)
	require.NoError(t, conn.Close())
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		require.Fail(t, "the server saw no end: another descriptor is open")
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := []struct {
		name, text string
		want       time.Duration
	}{
		{"seconds", "30", 30 * time.Second},
		{"a date", "Fri, 02 Jan 2026 03:05:05 GMT", time.Minute},
		{"a date in the past", "Fri, 02 Jan 2026 03:00:00 GMT", 0},
		{"nothing", "", 0},
		{"a negative number", "-5", 0},
		{"words", "soon", 0},
		{"more than the bound", "4000000000", maxRetryAfter},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, parseRetryAfter(c.text, now)) })
	}
}

// No two reasons share a number or a name: both stand in records and logs.
func TestDialCodesAreDistinct(t *testing.T) {
	names := map[string]DialCode{}
	for code, name := range dialCodeNames {
		assert.NotContains(t, names, name)
		names[name] = code
	}
	assert.Equal(t, "code_9999", DialCode(9999).String())
}
