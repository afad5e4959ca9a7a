package wire

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// DefaultDialTimeout bounds name look-up, connect and both handshakes together.
const DefaultDialTimeout = 10 * time.Second

// DialConfig says where to connect and how. The zero value of every field but
// URL is useful.
type DialConfig struct {
	// URL is ws:// or wss:// with host, optional port, path and query.
	URL string
	// CA verifies the server; nil is the system's pool.
	CA *x509.CertPool
	// Timeout of the whole dial; 0 is DefaultDialTimeout.
	Timeout time.Duration
	// BindIP is the local address to connect from; empty leaves the choice to
	// the kernel.
	BindIP string
	// ReadBuffer is SO_RCVBUF in bytes; 0 leaves the kernel's autotuning.
	ReadBuffer int
	// FrameBuffer and MaxMessage size the Reader, in bytes; 0 is its defaults.
	FrameBuffer, MaxMessage int
	// UserAgent of the upgrade request; empty is "tickring".
	UserAgent string
	// Header is sent with the upgrade request. It is not changed.
	Header http.Header
	// Deflate offers compressed messages.
	Deflate Deflate
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
}

// Dial resolves, connects, shakes hands twice and returns a Conn ready for the
// hot thread. It blocks; every failure is a *DialError. Control goroutines only.
func Dial(ctx context.Context, cfg DialConfig) (*Conn, error) {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = DefaultDialTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	d := &dialling{cfg: cfg, url: u, timeout: timeout}
	tcp, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := d.shakeHands(ctx, tcp)
	if err != nil {
		_ = tcp.Close() // the handshake's error is the one to report
		return nil, err
	}
	return conn, nil
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	var parse *url.Error
	switch {
	case errors.As(err, &parse):
		return nil, urlError(text, "is malformed: "+oneLine(parse.Err.Error()), err)
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, urlError(text, "must start with ws:// or wss://", nil)
	case u.Hostname() == "":
		return nil, urlError(text, "names no host", nil)
	case u.User != nil:
		return nil, urlError(u.Redacted(), "must not carry a user name", nil)
	case u.Fragment != "":
		return nil, urlError(text, "must not carry a fragment (#)", nil)
	}
	return u, nil
}

// dialling is one Dial under way.
type dialling struct {
	cfg     DialConfig
	url     *url.URL
	timeout time.Duration
	answer  httpAnswer
}

func (d *dialling) address() string {
	port := d.url.Port()
	if port == "" {
		port = "80"
		if d.url.Scheme == "wss" {
			port = "443"
		}
	}
	return net.JoinHostPort(d.url.Hostname(), port)
}

// endpoint is the URL without its query, which may hold a token.
func (d *dialling) endpoint() string {
	return d.url.Scheme + "://" + d.url.Host + d.url.EscapedPath()
}

func (d *dialling) connect(ctx context.Context) (*net.TCPConn, error) {
	dialer := net.Dialer{Resolver: d.cfg.Resolver}
	if d.cfg.BindIP != "" {
		ip := net.ParseIP(d.cfg.BindIP)
		if ip == nil {
			return nil, d.failBind(d.cfg.BindIP, errors.New("not an IP address"))
		}
		dialer.LocalAddr = &net.TCPAddr{IP: ip}
	}
	conn, err := dialer.DialContext(ctx, "tcp", d.address())
	if err != nil {
		return nil, d.failConnect(ctx, err)
	}
	tcp := conn.(*net.TCPConn)
	if d.cfg.ReadBuffer > 0 {
		if err := tcp.SetReadBuffer(d.cfg.ReadBuffer); err != nil {
			_ = tcp.Close()
			return nil, d.failConnect(ctx, fmt.Errorf("set receive buffer to %d: %w", d.cfg.ReadBuffer, err))
		}
	}
	return tcp, nil
}

// shakeHands does TLS where asked and the upgrade, and makes the Conn. The
// caller closes tcp on failure.
func (d *dialling) shakeHands(ctx context.Context, tcp *net.TCPConn) (*Conn, error) {
	// A deadline in the past makes a blocked read or write return.
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	c := &Conn{
		reader:   NewReader(d.cfg.FrameBuffer, d.cfg.MaxMessage),
		out:      &outBuffer{b: make([]byte, 0, 4<<10)},
		frame:    make([]byte, 0, 4<<10),
		endpoint: d.endpoint(),
		remote:   tcp.RemoteAddr().String(),
	}
	var seed [32]byte
	rand.Read(seed[:]) // never fails, see crypto/rand
	c.masks = mathrand.NewChaCha8(seed)

	stream := io.ReadWriter(tcp)
	if d.url.Scheme == "wss" {
		c.side = newSide(tcp, c.out)
		c.tls = tls.Client(c.side, &tls.Config{
			RootCAs:    d.cfg.CA,
			ServerName: d.url.Hostname(),
			MinVersion: tls.VersionTLS12,
		})
		if err := c.tls.Handshake(); err != nil {
			return nil, d.failTLS(ctx, err)
		}
		stream = c.tls
	}
	if err := d.upgrade(ctx, stream, c.reader); err != nil {
		return nil, err
	}
	if !stop() {
		return nil, d.failUpgrade(ctx, ctx.Err())
	}
	if err := c.takeDescriptor(tcp); err != nil {
		return nil, d.failUpgrade(ctx, err)
	}
	return c, nil
}

// upgrade does the HTTP exchange. What the server sent right behind its answer
// goes into r.
func (d *dialling) upgrade(ctx context.Context, stream io.ReadWriter, r *Reader) error {
	agent := d.cfg.UserAgent
	if agent == "" {
		agent = "tickring"
	}
	header := d.cfg.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("User-Agent", agent)
	dialer := ws.Dialer{
		Header:        ws.HandshakeHeaderHTTP(header),
		OnStatusError: d.answer.read,
		Extensions:    d.cfg.Deflate.offer(),
	}
	rest, hands, err := dialer.Upgrade(stream, d.url)
	if err != nil {
		return d.failUpgrade(ctx, err)
	}
	agreed, err := agree(hands.Extensions)
	if err != nil {
		return d.fail(StageUpgrade, DialNotWebSocket, err, "the server's answer to the offer of compression is wrong: %v", err)
	}
	if agreed.deflate {
		r.inflate = newInflater(agreed, r.maxMessage)
	}
	if rest == nil {
		return nil
	}
	defer ws.PutReader(rest)
	if err := moveBuffered(r, rest); err != nil {
		return d.failUpgrade(ctx, err)
	}
	return nil
}

// moveBuffered copies what rest holds into r.
func moveBuffered(r *Reader, rest *bufio.Reader) error {
	p, err := rest.Peek(rest.Buffered())
	if err != nil {
		return fmt.Errorf("take over bytes behind the answer: %w", err)
	}
	for len(p) > 0 {
		n := copy(r.Space(), p)
		if n == 0 {
			return errors.New("take over bytes behind the answer: frame buffer too small")
		}
		r.Advance(n)
		p = p[n:]
	}
	return nil
}

// takeDescriptor moves the socket out of the runtime's poller: a duplicate
// belongs to the Conn, the original is closed.
func (c *Conn) takeDescriptor(tcp *net.TCPConn) error {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach the socket: %w", err)
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(orig uintptr) {
		fd, dupErr = unix.FcntlInt(orig, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return fmt.Errorf("reach the socket: %w", err)
	}
	if dupErr != nil {
		return fmt.Errorf("duplicate the socket: %w", dupErr)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("make the socket non-blocking: %w", err)
	}
	if err := tcp.Close(); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("leave the runtime's poller: %w", err)
	}
	c.fd = fd
	if c.side != nil {
		c.side.detach()
		// Records and plaintext may have come with the handshake.
		c.more = true
	}
	return nil
}
