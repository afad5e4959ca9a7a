package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/gobwas/httphead"
	"github.com/klauspost/compress/flate"
)

// Deflate says whether a connection offers permessage-deflate (RFC 7692). The server
// decides: without its consent messages come as they are. What this side sends is never
// compressed, which the RFC allows (section 6.1) and a few requests a minute would not
// repay.
type Deflate uint8

// Ways to offer.
const (
	// DeflateOff offers nothing: the server must not compress.
	DeflateOff Deflate = iota
	// DeflateContext lets the server keep its window between messages (context
	// take-over): market data repeat themselves, so that most of the gain is there.
	DeflateContext
	// DeflateFresh asks it to begin each message with an empty window.
	DeflateFresh
)

// Words of RFC 7692 section 7.1.
const (
	deflateName      = "permessage-deflate"
	paramServerFresh = "server_no_context_takeover"
	paramClientFresh = "client_no_context_takeover"
	paramServerBits  = "server_max_window_bits"
	paramClientBits  = "client_max_window_bits"
)

// Bounds of inflating.
const (
	minWindowBits = 8
	maxWindowBits = 15
	// inflateRoom is output between two moves of the window: some hundred messages.
	inflateRoom = 64 << 10
	// maxFinalBlocks of a message: each costs a copy of the window, and a sender that
	// uses them needs one.
	maxFinalBlocks = 64
	// deflateTail is what section 7.2.1 takes off each message, deflateEnd an empty last
	// block: a message that is whole ends exactly with it.
	deflateTail = "\x00\x00\xFF\xFF"
	deflateEnd  = "\x01\x00\x00\xFF\xFF"
)

// ErrDeflate: what a message was compressed to is none, or is cut.
var ErrDeflate = &ProtocolError{CloseInvalidText, "compressed message cannot be inflated"}

// offer is the extension as the handshake names it; nil offers none. The two client
// parameters let the server do without a window for what we send.
func (d Deflate) offer() []httphead.Option {
	if d == DeflateOff {
		return nil
	}
	o := httphead.Option{Name: []byte(deflateName)}
	if d == DeflateFresh {
		o.Parameters.Set([]byte(paramServerFresh), nil)
	}
	o.Parameters.Set([]byte(paramClientFresh), nil)
	o.Parameters.Set([]byte(paramClientBits), nil)
	return []httphead.Option{o}
}

// agreement is what the server answered.
type agreement struct {
	deflate bool
	fresh   bool // each message begins with an empty window
	window  int  // bytes that its matches reach back
}

// agree reads the server's answer to an offer. A parameter that is unknown or has a
// value that it must not have fails the connection (RFC 7692 section 7.1).
func agree(accepted []httphead.Option) (agreement, error) {
	a := agreement{window: 1 << maxWindowBits}
	if len(accepted) == 0 {
		return a, nil
	}
	if len(accepted) > 1 {
		return a, errors.New("the server accepts " + deflateName + " twice")
	}
	a.deflate = true
	var failed error
	accepted[0].Parameters.ForEach(func(key, value []byte) bool {
		failed = a.parameter(string(key), string(value))
		return failed == nil
	})
	return a, failed
}

func (a *agreement) parameter(key, value string) error {
	switch key {
	case paramServerFresh, paramClientFresh:
		if value != "" {
			return fmt.Errorf("%s has a value: %q", key, value)
		}
		a.fresh = a.fresh || key == paramServerFresh
	case paramServerBits, paramClientBits:
		bits, err := strconv.Atoi(value)
		if err != nil || bits < minWindowBits || bits > maxWindowBits || strconv.Itoa(bits) != value {
			return fmt.Errorf("%s is %q: want 8 to 15", key, value)
		}
		if key == paramServerBits {
			a.window = 1 << bits
		}
	default:
		return fmt.Errorf("unknown parameter %q of %s", key, deflateName)
	}
	return nil
}

// inflater turns compressed messages into plain ones, in a buffer that is reused:
//
//	out   [ older ][ window ][ message ][ free ][ Padding ]
//	      0                  from       w       len        cap
//
// A message lies where it was inflated, behind those before it, the last of which are
// the window that it refers to. Once the tables and out have grown to what the stream
// needs nothing is allocated. One goroutine only.
type inflater struct {
	flate  io.Reader // also a flate.Resetter
	src    bytes.Reader
	in     []byte // the compressed message with its trailer
	out    []byte
	w      int // end of the newest message
	window int
	fresh  bool
	limit  int // of a message, in bytes
}

func newInflater(a agreement, maxMessage int) *inflater {
	return &inflater{
		flate: flate.NewReader(bytes.NewReader(nil)), window: a.window, fresh: a.fresh, limit: maxMessage,
		out: newPadded(a.window + inflateRoom),
	}
}

// message inflates one message. The result is valid until the next call; at least
// Padding bytes of allocation follow it. After an error nothing more can be inflated.
func (z *inflater) message(p []byte) ([]byte, *ProtocolError) {
	z.in = append(append(append(z.in[:0], p...), deflateTail...), deflateEnd...)
	z.src.Reset(z.in)
	z.makeRoom()
	from := z.w
	// A sender may end a block as the last one within a message (RFC 7692 section
	// 7.2.3.4): what follows is a stream of its own over the same window.
	for final := 0; z.src.Len() > 0; final++ {
		if final == maxFinalBlocks {
			return nil, ErrDeflate
		}
		history := z.out[max(0, z.w-z.window):z.w]
		if err := z.flate.(flate.Resetter).Reset(&z.src, history); err != nil {
			return nil, ErrDeflate
		}
		if err := z.stream(from); err != nil {
			return nil, err
		}
	}
	return z.out[from:z.w], nil
}

// makeRoom moves the window to the front before room is short, so that a message begins
// within the first window+inflateRoom bytes, however large those before it were.
func (z *inflater) makeRoom() {
	switch {
	case z.fresh:
		z.w = 0
	case z.w > z.window+inflateRoom/2:
		z.w = copy(z.out, z.out[z.w-z.window:z.w])
	}
}

// stream inflates up to the end of a last block.
func (z *inflater) stream(from int) *ProtocolError {
	for {
		left := z.limit + 1 - (z.w - from)
		if left <= 0 {
			return ErrTooBig
		}
		if z.w == len(z.out) {
			z.grow()
		}
		n, err := z.flate.Read(z.out[z.w:min(len(z.out), z.w+left)])
		z.w += n
		switch {
		case z.w-from > z.limit:
			return ErrTooBig
		case err == io.EOF:
			return nil
		case err != nil:
			return ErrDeflate
		}
	}
}

// grow doubles the buffer, up to what the longest message needs.
func (z *inflater) grow() {
	bigger := newPadded(min(2*len(z.out), z.window+inflateRoom+z.limit+1))
	copy(bigger, z.out)
	z.out = bigger
}
