package wire

import (
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// TLS record layer, RFC 8446 section 5 and RFC 5246 section 6.2.
const (
	recordHeader = 5
	// maxRecord is the longest record either version allows: 2^14 bytes and
	// 2048 of expansion (TLS 1.2; 256 in TLS 1.3).
	maxRecord     = recordHeader + 1<<14 + 2048
	recordTypeMin = 20 // change_cipher_spec
	recordTypeMax = 24 // heartbeat

	// recvLimit is the most that one recv takes. Larger saves few calls and
	// lets the first message of a burst wait for the copying of the last.
	recvLimit = 128 << 10
	sideSize  = recvLimit + maxRecord
)

// timeoutError is what side answers when it has no whole record: crypto/tls
// keeps its state on an error that is Temporary and resumes at the next Read.
type timeoutError struct{}

func (timeoutError) Error() string   { return "no whole TLS record yet" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

var errWouldBlock error = timeoutError{}

// side is the network as crypto/tls sees it. During the handshake it passes
// through to a blocking connection; afterwards it is memory: the hot thread
// fills it from the socket and sends what gathers in out.
//
// In both lives it gives out one whole record at a time, so crypto/tls never
// holds part of one and ready tells exactly whether a Read can succeed.
type side struct {
	tcp  net.Conn // nil after the handshake
	in   []byte
	r, w int
	left int // bytes of the record being given out that are still in
	out  *outBuffer
}

func newSide(tcp net.Conn, out *outBuffer) *side {
	return &side{tcp: tcp, in: make([]byte, sideSize), out: out}
}

// record returns the size of the whole record at the head, 0 if there is none.
// Bytes that are no TLS count as one record, so that crypto/tls sees them and
// names the fault.
func (s *side) record() int {
	b := s.in[s.r:s.w]
	if len(b) < recordHeader {
		return 0
	}
	size := recordHeader + int(b[3])<<8 + int(b[4])
	if b[0] < recordTypeMin || b[0] > recordTypeMax || b[1] != 3 || size > maxRecord {
		return len(b)
	}
	if size > len(b) {
		return 0
	}
	return size
}

func (s *side) ready() bool { return s.left > 0 || s.record() > 0 }

// space returns where the next bytes from the socket go, at least recvLimit
// unless whole records wait.
func (s *side) space() []byte {
	switch {
	case s.r == s.w:
		s.r, s.w = 0, 0
	case s.r > 0:
		s.w = copy(s.in, s.in[s.r:s.w])
		s.r = 0
	}
	return s.in[s.w:min(len(s.in), s.w+recvLimit)]
}

// recv takes what the socket has. The number is 0 with errno 0 at its end, or
// when there is no room because records wait.
func (s *side) recv(fd int) (int, unix.Errno) {
	n, errno := recvNow(fd, s.space())
	if errno == 0 {
		s.w += n
	}
	return n, errno
}

// Read gives crypto/tls the bytes of one record.
func (s *side) Read(p []byte) (int, error) {
	if s.left == 0 {
		for s.record() == 0 {
			if err := s.wait(); err != nil {
				return 0, err
			}
		}
		s.left = s.record()
	}
	n := copy(p, s.in[s.r:s.r+s.left])
	s.r += n
	s.left -= n
	return n, nil
}

// wait reads on during the handshake.
func (s *side) wait() error {
	if s.tcp == nil {
		return errWouldBlock
	}
	n, err := s.tcp.Read(s.space())
	s.w += n
	if n > 0 {
		return nil
	}
	if err == io.EOF && s.w > s.r {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write takes what crypto/tls sends.
func (s *side) Write(p []byte) (int, error) {
	if s.tcp != nil {
		return s.tcp.Write(p)
	}
	if !s.out.fits(len(p)) {
		return 0, ErrBackpressure
	}
	s.out.add(p)
	return len(p), nil
}

// detach ends the handshake's life.
func (s *side) detach() { s.tcp = nil }

// Close closes the connection while that is still this one's business.
func (s *side) Close() error {
	if s.tcp != nil {
		return s.tcp.Close()
	}
	return nil
}

// LocalAddr is for crypto/tls, which does not use it.
func (s *side) LocalAddr() net.Addr { return memoryAddr{} }

// RemoteAddr is for crypto/tls, which does not use it.
func (s *side) RemoteAddr() net.Addr { return memoryAddr{} }

// SetDeadline holds during the handshake; memory needs none.
func (s *side) SetDeadline(t time.Time) error {
	if s.tcp != nil {
		return s.tcp.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline is as SetDeadline.
func (s *side) SetReadDeadline(t time.Time) error {
	if s.tcp != nil {
		return s.tcp.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is as SetDeadline.
func (s *side) SetWriteDeadline(t time.Time) error {
	if s.tcp != nil {
		return s.tcp.SetWriteDeadline(t)
	}
	return nil
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }
