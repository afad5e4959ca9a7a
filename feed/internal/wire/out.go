package wire

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// MaxOutput bounds the bytes that wait for the socket. A feed sends requests of
// a few hundred bytes; a megabyte unsent means that the peer has stopped
// reading.
const MaxOutput = 1 << 20

// outBuffer holds finished wire bytes until the socket takes them.
type outBuffer struct {
	b []byte
	r int // b[:r] is sent
}

func (o *outBuffer) pending() int { return len(o.b) - o.r }

// fits reports whether n more bytes stay within MaxOutput.
func (o *outBuffer) fits(n int) bool { return o.pending()+n <= MaxOutput }

func (o *outBuffer) add(p []byte) {
	if o.r > 0 && len(o.b)+len(p) > cap(o.b) {
		o.b = o.b[:copy(o.b, o.b[o.r:])]
		o.r = 0
	}
	o.b = append(o.b, p...)
}

// flush writes what it can. Nil with bytes still pending means that the socket
// is full.
func (o *outBuffer) flush(fd int) error {
	for o.r < len(o.b) {
		n, err := unix.Write(fd, o.b[o.r:])
		switch {
		case err == nil:
			o.r += n
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return nil
		default:
			return fmt.Errorf("write to socket: %w", err)
		}
	}
	o.b, o.r = o.b[:0], 0
	return nil
}
