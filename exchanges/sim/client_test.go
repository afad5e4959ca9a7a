package sim

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// start runs a server for the length of a test.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Venue = orDefault(cfg.Venue, venueGateio)
	s, err := New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// client is a strict client over a real socket.
type client struct {
	t    testing.TB
	conn net.Conn
	br   *bufio.Reader
}

func dialer(s *Server) ws.Dialer {
	d := ws.Dialer{Timeout: 5 * time.Second}
	if s.CAPEM() != nil {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(s.CAPEM())
		d.TLSConfig = &tls.Config{RootCAs: pool}
	}
	return d
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	conn, br, _, err := dialer(s).Dial(context.Background(), s.URL())
	require.NoError(t, err)
	if br == nil {
		br = bufio.NewReaderSize(conn, 1<<16)
	}
	c := &client{t, conn, br}
	t.Cleanup(func() { _ = conn.Close() })
	return c
}

// send sends a masked text message.
func (c *client) send(text string) {
	c.t.Helper()
	frame := ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text)))
	require.NoError(c.t, ws.WriteFrame(c.conn, frame))
}

// request sends a request with the present time.
func (c *client) request(event, channel string, payload ...string) {
	c.t.Helper()
	p, err := json.Marshal(payload)
	require.NoError(c.t, err)
	c.send(fmt.Sprintf(`{"time":%d,"channel":%q,"event":%q,"payload":%s}`, time.Now().Unix(), channel, event, p))
}

// frame reads one frame of any kind.
func (c *client) frame(wait time.Duration) (ws.Header, []byte, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(wait))
	h, err := ws.ReadHeader(c.br)
	if err != nil {
		return h, nil, err
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c.br, payload)
	return h, payload, err
}

// next reads a text message.
func (c *client) next() []byte {
	c.t.Helper()
	h, payload, err := c.frame(5 * time.Second)
	require.NoError(c.t, err)
	require.Equal(c.t, ws.OpText, h.OpCode, "payload %q", payload)
	return payload
}

// subscribe sends a request and reads its answer, which must accept it.
func (c *client) subscribe(channel string, payload ...string) {
	c.t.Helper()
	c.request("subscribe", channel, payload...)
	m := string(c.next())
	require.Contains(c.t, m, `"result":{"status":"success"}`)
}

// closeCode reads up to the end: the code of the close frame, or 0 without one.
func (c *client) closeCode(wait time.Duration) ws.StatusCode {
	c.t.Helper()
	for {
		h, payload, err := c.frame(wait)
		if err != nil {
			var timeout net.Error
			require.False(c.t, errors.As(err, &timeout) && timeout.Timeout(), "still open after %v", wait)
			return 0
		}
		if h.OpCode == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(payload)
			return code
		}
	}
}

// quiet requires that nothing comes for a while.
func (c *client) quiet(wait time.Duration) {
	c.t.Helper()
	_, payload, err := c.frame(wait)
	var timeout net.Error
	require.True(c.t, errors.As(err, &timeout) && timeout.Timeout(), "got %q, %v", payload, err)
}

// keysOf lists the keys of a JSON object in their order, nested ones in braces.
func keysOf(t testing.TB, object []byte) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(object)))
	return strings.TrimSpace(walkKeys(t, d))
}

func walkKeys(t testing.TB, d *json.Decoder) string {
	token, err := d.Token()
	require.NoError(t, err)
	delim, ok := token.(json.Delim)
	if !ok {
		return ""
	}
	if delim == '[' {
		for d.More() {
			walkKeys(t, d)
		}
		_, err = d.Token()
		require.NoError(t, err)
		return ""
	}
	var keys []string
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		key := name.(string)
		if inner := walkKeys(t, d); inner != "" {
			key += "{" + inner + "}"
		}
		keys = append(keys, key)
	}
	_, err = d.Token()
	require.NoError(t, err)
	return strings.Join(keys, " ")
}
