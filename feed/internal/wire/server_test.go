package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// authority signs certificates for loopback servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var serial = struct {
	sync.Mutex
	n int64
}{}

func nextSerial() *big.Int {
	serial.Lock()
	defer serial.Unlock()
	serial.n++
	return big.NewInt(serial.n)
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: nextSerial(), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// leaf issues a certificate for 127.0.0.1, changed by edit; selfSigned does not
// use the authority.
func (a *authority) leaf(t testing.TB, selfSigned bool, edit func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: nextSerial(), Subject: pkix.Name{CommonName: "test server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if edit != nil {
		edit(template)
	}
	parent, signer := a.cert, a.key
	if selfSigned {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve accepts connections on loopback until the test ends and waits for their
// handlers then. The result is host:port.
func serve(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serveOn(t, l, handle)
	return l.Addr().String()
}

func serveOn(t testing.TB, l net.Listener, handle func(net.Conn)) {
	var group sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			group.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
}

// serveTLS is serve behind TLS.
func serveTLS(t testing.TB, cfg *tls.Config, handle func(*tls.Conn)) string {
	t.Helper()
	return serve(t, func(raw net.Conn) {
		conn := tls.Server(raw, cfg)
		if conn.Handshake() == nil {
			handle(conn)
		}
	})
}

// upgradeThen answers the WebSocket upgrade and hands over.
func upgradeThen[C io.ReadWriter](handle func(C)) func(C) {
	return func(conn C) {
		if _, err := ws.Upgrade(conn); err == nil {
			handle(conn)
		}
	}
}

// upgraded is a plain WebSocket server's URL.
func upgraded(t testing.TB, handle func(net.Conn)) string {
	return "ws://" + serve(t, upgradeThen(handle)) + "/"
}

func dialTest(t testing.TB, cfg DialConfig) *Conn {
	t.Helper()
	conn, err := Dial(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// received is a Message whose payload outlives the buffer.
type received struct {
	Op      Op
	Payload string
	Code    uint16
}

func keep(m Message) received {
	if m.Op == OpClose {
		code, reason := m.Close()
		return received{m.Op, string(reason), code}
	}
	return received{m.Op, string(m.Payload), 0}
}

// collect reads from conn until n messages came or the stream ended.
func collect(t testing.TB, conn *Conn, n int) ([]received, error) {
	t.Helper()
	p, err := NewPoller()
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Add(conn.FD(), 1))
	var got []received
	events := make([]Event, 1)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		for {
			m, err := conn.Next()
			if m.Op == OpNone {
				if err != nil {
					return got, err
				}
				break
			}
			got = append(got, keep(m))
			if len(got) == n {
				return got, nil
			}
		}
		_, err := p.Wait(1000, events)
		require.NoError(t, err)
		_, _ = conn.ReadChunk() // Next gives the error after what came before it
	}
	require.Fail(t, "no more messages", "got %d of %d", len(got), n)
	return nil, nil
}
