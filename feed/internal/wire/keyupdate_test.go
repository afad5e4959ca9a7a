package wire

import (
	"bufio"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Key updates of TLS 1.3, with and without a request for ours, go through in
// mid-stream. crypto/tls cannot start one as a server, so the server is openssl.
func TestConnTLSKeyUpdate(t *testing.T) {
	server := startOpenSSL(t)
	type dialled struct {
		conn *Conn
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		conn, err := Dial(t.Context(), DialConfig{URL: "wss://" + server.addr, CA: server.pool})
		done <- dialled{conn, err}
	}()
	key := server.await(t, "Sec-WebSocket-Key: ")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455 section 1.3
	server.send(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	d := <-done
	require.NoError(t, d.err)
	defer d.conn.Close()

	for i, command := range []string{"k\n", "K\n", "K\n", "k\n"} {
		server.send(t, command)
		require.Eventually(t, func() bool {
			n, err := d.conn.ReadChunk()
			return err == nil && n > 0
		}, 5*time.Second, time.Millisecond, "the key update arrives")
		m, err := d.conn.Next()
		require.NoError(t, err)
		require.Equal(t, OpNone, m.Op, "and is no message")
		want := string(rune('a' + i))
		server.send(t, frame(0x81, want+"\n"))
		got, err := collect(t, d.conn, 1)
		require.NoError(t, err)
		assert.Equal(t, []received{text(want + "\n")}, got)
		require.NoError(t, d.conn.WriteText([]byte("x")), "our side goes on with its own new keys")
	}
}

// openSSL is a running s_server.
type openSSL struct {
	addr  string
	pool  *x509.CertPool
	in    io.Writer
	lines chan string
	seen  strings.Builder
}

func startOpenSSL(t *testing.T) *openSSL {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			t.Fatal("openssl is missing: install the package of that name")
		}
		t.Skip("skipped: openssl is missing (install the package of that name)")
	}
	ca := newAuthority(t)
	leaf := ca.leaf(t, false, nil)
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	require.NoError(t, err)
	bundle := filepath.Join(dir, "server.pem")
	require.NoError(t, os.WriteFile(bundle, append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &openSSL{addr: l.Addr().String(), pool: ca.pool, lines: make(chan string, 1000)}
	require.NoError(t, l.Close()) // the port is free for openssl now

	cmd := exec.CommandContext(t.Context(), path, "s_server", "-accept", s.addr, "-cert", bundle, "-tls1_3", "-naccept", "1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	s.in = in
	go func() {
		defer close(s.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.lines <- strings.TrimSpace(scan.Text())
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range s.lines {
			continue
		}
		_ = cmd.Wait()
	})
	s.await(t, "ACCEPT")
	return s
}

// await returns what follows prefix in the first line that has it.
func (s *openSSL) await(t *testing.T, prefix string) string {
	t.Helper()
	for line := range s.lines {
		s.seen.WriteString(line + "\n")
		if _, rest, ok := strings.Cut(line, prefix); ok {
			return rest
		}
	}
	require.Fail(t, "openssl ended", "before %q; it said:\n%s", prefix, s.seen.String())
	return ""
}

func (s *openSSL) send(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(s.in, text)
	require.NoError(t, err)
}
