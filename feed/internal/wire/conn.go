package wire

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// What a Conn answers to a write it did not make.
var (
	// ErrBackpressure: the peer has stopped reading and MaxOutput bytes wait.
	// Nothing of the message was taken.
	ErrBackpressure = errors.New("output buffer full: the peer does not read")
	// ErrCloseSent: nothing may follow a close frame (RFC 6455 section 5.5.1).
	ErrCloseSent = errors.New("write after the close frame")
	// ErrControlTooLong: a control frame carries 125 bytes at most.
	ErrControlTooLong = errors.New("control frame payload longer than 125 bytes")
	// ErrClosed: the Conn was closed on this side.
	ErrClosed = errors.New("connection is closed")
)

// Conn is one WebSocket connection, plain or TLS, over a non-blocking
// descriptor that no other part of the process knows. Hot thread only.
type Conn struct {
	fd      int
	reader  *Reader
	tls     *tls.Conn // nil on ws://
	side    *side     // the network below tls
	more    bool      // tls has, or may have, plaintext for the Reader
	readErr error     // found while bytes were still to be given out

	out       *outBuffer
	frame     []byte // scratch for one outgoing frame
	masks     *rand.ChaCha8
	closeSent bool
	closed    bool

	endpoint string
	remote   string
}

// FD returns the descriptor, for the Poller. The Conn keeps owning it.
func (c *Conn) FD() int { return c.fd }

// Endpoint returns scheme, host and path as dialled, without query and
// credentials.
func (c *Conn) Endpoint() string { return c.endpoint }

// RemoteAddr returns the peer's IP address and port.
func (c *Conn) RemoteAddr() string { return c.remote }

// Describe returns one line for diagnosis: endpoint, address and transport.
func (c *Conn) Describe() string {
	transport := "plain"
	if c.tls != nil {
		state := c.tls.ConnectionState()
		transport = tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
	}
	if c.reader.inflate != nil {
		transport += ", compressed"
	}
	return fmt.Sprintf("%s (%s, %s)", c.endpoint, c.remote, transport)
}

// ReadChunk takes what the socket has, at most 128 KiB, with one recv, and makes
// it available to Next. n counts bytes from the socket: 0 and nil mean that it
// had none. When the stream has ended or failed after bytes that are still to
// be given out, Next gives those first and the error (io.EOF, a TLS or a socket
// error) afterwards; ReadChunk answers with the error from the next call on.
//
// It invalidates payloads of earlier Messages. Call Next until OpNone before
// calling it again: it does not read on over whole messages that nobody takes.
func (c *Conn) ReadChunk() (n int, err error) {
	if c.readErr != nil {
		return 0, c.readErr
	}
	if c.closed {
		return 0, ErrClosed
	}
	if c.tls != nil {
		return c.readChunkTLS()
	}
	space := c.reader.Space()
	if len(space) == 0 {
		return 0, nil
	}
	n, errno := recvNow(c.fd, space[:min(len(space), recvLimit)])
	if errno != 0 || n == 0 {
		return 0, c.endOfStream(errno)
	}
	c.reader.Advance(n)
	return n, nil
}

func (c *Conn) readChunkTLS() (int, error) {
	if c.side.ready() {
		c.more = true
		c.decrypt()
		if c.side.ready() {
			return 0, nil
		}
	}
	n, errno := c.side.recv(c.fd)
	if errno != 0 || n == 0 {
		return 0, c.endOfStream(errno)
	}
	c.more = true
	c.decrypt()
	return n, nil
}

// endOfStream turns the answer of a recv without bytes into an error; nil when
// the socket was only empty.
func (c *Conn) endOfStream(errno unix.Errno) error {
	switch errno {
	case unix.EAGAIN:
		return nil
	case 0:
		c.readErr = io.EOF
	default:
		c.readErr = fmt.Errorf("read from socket: %w", errno)
	}
	return c.readErr
}

// decrypt moves plaintext into the Reader until there is no whole record left
// or little room. crypto/tls is called only when it has something to give.
func (c *Conn) decrypt() {
	for first := true; c.more; first = false {
		if !first && c.reader.free() < maxLowSpace {
			return
		}
		space := c.reader.Space()
		if len(space) == 0 {
			return
		}
		n, err := c.tls.Read(space)
		c.reader.Advance(n)
		// A full read may have left plaintext inside crypto/tls.
		c.more = n == len(space) || c.side.ready()
		if err != nil && !isWouldBlock(err) {
			c.readErr = tlsReadError(err)
			c.more = false
		}
	}
	if c.out.pending() > 0 {
		// Alerts and key updates that crypto/tls answered with. A failing
		// socket shows at the next read or write too.
		if err := c.out.flush(c.fd); err != nil && c.readErr == nil {
			c.readErr = err
		}
	}
}

// isWouldBlock compares identity: ours comes back from crypto/tls unwrapped.
func isWouldBlock(err error) bool { return err == errWouldBlock }

func tlsReadError(err error) error {
	if err == io.EOF {
		return err
	}
	return fmt.Errorf("open TLS record: %w", err)
}

// Next returns the next whole message or control frame of what was read; OpNone
// when there is none. The error is a *ProtocolError, or what ended the stream
// once everything before the end was given out; it comes with OpNone and stays.
// The payload is valid until the next call of Next or ReadChunk.
func (c *Conn) Next() (Message, error) {
	m, err := c.reader.Next()
	for m.Op == OpNone && err == nil {
		if !c.more {
			return Message{}, c.readErr
		}
		// Goes on for ever only if Space stayed empty, which needs an unread
		// whole message: the Reader has just said that there is none.
		c.decrypt()
		m, err = c.reader.Next()
	}
	return m, err
}

// WriteText sends p as one text message. What the socket does not take at once
// is kept: see WantWrite. Errors: ErrBackpressure (nothing taken, try later or
// give the connection up), ErrCloseSent, ErrClosed, a socket error.
func (c *Conn) WriteText(p []byte) error { return c.write(OpText, p) }

// WriteControl sends a control frame with at most 125 bytes. For OpClose use
// SendClose.
func (c *Conn) WriteControl(op Op, p []byte) error {
	if op != OpPing && op != OpPong {
		panic("wire: WriteControl of an op that is neither ping nor pong")
	}
	if len(p) > maxControl {
		return ErrControlTooLong
	}
	return c.write(op, p)
}

// SendClose sends a close frame; nothing can be sent after it. Code 0 sends one
// without code. A reason beyond 123 bytes is cut between characters.
func (c *Conn) SendClose(code uint16, reason string) error {
	var body [maxControl]byte
	n := 0
	if code != 0 {
		binary.BigEndian.PutUint16(body[:], code)
		n = 2 + copy(body[2:], cutText(reason, maxControl-2))
	}
	err := c.write(OpClose, body[:n])
	if err == nil {
		c.closeSent = true
	}
	return err
}

func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (c *Conn) write(op Op, p []byte) error {
	switch {
	case c.closed:
		return ErrClosed
	case c.closeSent:
		return ErrCloseSent
	case !c.out.fits(outputSize(len(p), c.tls != nil)):
		return ErrBackpressure
	}
	c.frame = c.appendFrame(c.frame[:0], op, p)
	if c.tls == nil {
		c.out.add(c.frame)
	} else if _, err := c.tls.Write(c.frame); err != nil {
		return fmt.Errorf("seal TLS record: %w", err)
	}
	return c.out.flush(c.fd)
}

// outputSize bounds what a message of n bytes becomes on the wire. crypto/tls
// starts with records of about 1,200 bytes, each up to 85 longer: less than an
// eighth.
func outputSize(n int, sealed bool) int {
	const frameHeader = 14
	n += frameHeader
	if sealed {
		n += n/8 + 128
	}
	return n
}

// appendFrame appends p as one masked frame. Masks come from a cryptographic
// generator, as RFC 6455 section 10.3 asks.
func (c *Conn) appendFrame(b []byte, op Op, p []byte) []byte {
	const masked = 0x80
	b = append(b, 0x80|byte(op))
	switch n := len(p); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n <= 0xFFFF:
		b = append(b, masked|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, masked|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	var mask [4]byte
	binary.LittleEndian.PutUint32(mask[:], uint32(c.masks.Uint64()))
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, p...)
	ws.Cipher(b[start:], mask, 0)
	return b
}

// WantWrite reports whether bytes wait for the socket. Then ask the Poller for
// writability and call Flush when it comes.
func (c *Conn) WantWrite() bool { return c.out.pending() > 0 }

// Flush writes what waits, as far as the socket takes it.
func (c *Conn) Flush() error {
	if c.closed {
		return ErrClosed
	}
	return c.out.flush(c.fd)
}

// Close ends the connection: the TLS close alert is tried without waiting, the
// descriptor is freed. Remove it from the Poller before. A second call is
// ErrClosed.
func (c *Conn) Close() error {
	if c.closed {
		return ErrClosed
	}
	if c.tls != nil {
		// Writes the alert into out; it can fail on a broken connection only,
		// which is closed anyway.
		_ = c.tls.Close()
	}
	_ = c.out.flush(c.fd)
	c.closed = true
	c.reader.release()
	if err := unix.Close(c.fd); err != nil {
		return fmt.Errorf("close socket: %w", err)
	}
	return nil
}
