package wire

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// Op says what a Message is. The values of the last five are the opcodes of RFC
// 6455 section 5.2.
type Op uint8

// The kinds of a Message.
const (
	OpNone   Op = 0x0 // nothing whole yet
	OpText   Op = 0x1
	OpBinary Op = 0x2
	OpClose  Op = 0x8
	OpPing   Op = 0x9
	OpPong   Op = 0xA
)

// Sizes of a Reader.
const (
	// DefaultBufferSize is twice what one recv delivers at most, so that compaction
	// stays rare; some thousand market data messages.
	DefaultBufferSize = 2 * recvLimit
	// DefaultMaxMessage is above any book snapshot a public feed sends.
	DefaultMaxMessage = 8 << 20
	// Padding is how many bytes of allocation follow the last byte of any
	// payload. A decoder may load beyond len(payload) that far; what it finds
	// there is stale and must not decide anything.
	Padding = 1024

	minBufferSize = 256
	maxHeaderSize = 10 // of an unmasked frame: 2 + 8 bytes of length
	maxControl    = 125
	// smallTail is moved to the front rather than read behind: copying it costs
	// less than touching new cache lines.
	smallTail = 512
	// maxLowSpace is one TLS record's plaintext.
	maxLowSpace = 16 << 10
)

// Close codes of RFC 6455 section 7.4.1 that this package uses itself.
const (
	CloseNormal        uint16 = 1000
	CloseGoingAway     uint16 = 1001
	CloseProtocolError uint16 = 1002
	CloseNoStatus      uint16 = 1005 // never sent: a close frame without a code
	CloseInvalidText   uint16 = 1007
	CloseTooBig        uint16 = 1009
)

// ProtocolError is a breach of RFC 6455 by the server, or a message beyond the
// limit. The connection cannot be read on: answer with CloseCode and end it.
type ProtocolError struct {
	CloseCode uint16 // 1002, 1007 or 1009
	Reason    string
}

// Error returns the reason as one line.
func (e *ProtocolError) Error() string { return "websocket: " + e.Reason }

// What a Reader answers to a breach. Allocated once: the hot thread formats
// nothing.
var (
	ErrReservedBits   = &ProtocolError{CloseProtocolError, "reserved bits set that no agreed extension has"}
	ErrMasked         = &ProtocolError{CloseProtocolError, "masked frame from the server"}
	ErrOpcode         = &ProtocolError{CloseProtocolError, "unknown opcode"}
	ErrControlLong    = &ProtocolError{CloseProtocolError, "control frame longer than 125 bytes"}
	ErrControlPart    = &ProtocolError{CloseProtocolError, "fragmented control frame"}
	ErrLengthNotShort = &ProtocolError{CloseProtocolError, "frame length not in its shortest form"}
	ErrLengthTopBit   = &ProtocolError{CloseProtocolError, "top bit of the frame length is set"}
	ErrNoMessageOpen  = &ProtocolError{CloseProtocolError, "continuation without a message to continue"}
	ErrMessageOpen    = &ProtocolError{CloseProtocolError, "new message before the fragmented one ended"}
	ErrClosePayload   = &ProtocolError{CloseProtocolError, "close frame with a payload of one byte"}
	ErrCloseCode      = &ProtocolError{CloseProtocolError, "close frame with a code that must not be sent"}
	ErrCloseReason    = &ProtocolError{CloseInvalidText, "close reason is not UTF-8"}
	ErrNotUTF8        = &ProtocolError{CloseInvalidText, "text message is not UTF-8"}
	ErrTooBig         = &ProtocolError{CloseTooBig, "message beyond the limit"}
)

// Message is one whole message or control frame.
type Message struct {
	Op Op
	// Payload lies in the Reader's buffers: valid until the next call of Next
	// or Space. At least Padding bytes of allocation follow it.
	Payload []byte
	// No third field: a struct of four words is passed in registers, a larger one
	// goes through memory on its way out of Next, which takes as long as the rest.
}

// Close reads the payload of an OpClose, which Next has checked: the server's code, or
// CloseNoStatus, and its reason (RFC 6455 section 5.5.1).
func (m Message) Close() (code uint16, reason []byte) {
	if len(m.Payload) < 2 {
		return CloseNoStatus, nil
	}
	return binary.BigEndian.Uint16(m.Payload), m.Payload[2:]
}

// readerState says whether Next may take its short way.
type readerState uint8

const (
	stateBetween    readerState = iota // no message is open
	stateFragmented                    // a fragmented message is open
	stateEnded                         // closed or failed: nothing more comes
)

// Reader cuts a byte stream into WebSocket messages, client side (RFC 6455).
//
//	buf   [ given out ][ not yet read ][ free, Space ][ Padding ]
//	      0            r               w              len        cap
//
// Unfragmented messages are returned in place. Fragments are joined in a second
// buffer; neither allocates once it has grown to the largest message seen, and
// neither grows beyond the message limit. One goroutine only.
type Reader struct {
	buf        []byte
	r, w       int
	state      readerState
	op         Op     // of the open fragmented message
	joined     []byte // its payload so far
	maxMessage int
	maxBuffer  int
	inflate    *inflater // where compressed messages were agreed on
	deflated   bool      // the open fragmented message is compressed
	err        error     // set for good by the first breach
}

// NewReader returns a Reader with a buffer of bufSize bytes that refuses
// messages longer than maxMessage bytes. Zero or less means DefaultBufferSize
// and DefaultMaxMessage.
func NewReader(bufSize, maxMessage int) *Reader {
	if bufSize <= 0 {
		bufSize = DefaultBufferSize
	}
	if maxMessage <= 0 {
		maxMessage = DefaultMaxMessage
	}
	bufSize = max(bufSize, minBufferSize)
	return &Reader{
		buf:        newPadded(bufSize),
		maxMessage: maxMessage,
		maxBuffer:  max(bufSize, maxMessage+maxHeaderSize+maxLowSpace),
	}
}

func newPadded(n int) []byte { return make([]byte, n, n+Padding) }

// Space returns the free part of the buffer for the next bytes of the stream.
// It may move or grow what is unread, so payloads handed out before become
// invalid. It is empty only when the caller has left whole messages unread up
// to the limit.
func (r *Reader) Space() []byte {
	unread := r.w - r.r
	switch {
	case unread == 0:
		r.r, r.w = 0, 0
	case r.r > 0 && (unread <= smallTail || len(r.buf)-r.w < r.lowSpace()):
		copy(r.buf, r.buf[r.r:r.w])
		r.r, r.w = 0, unread
	}
	if len(r.buf)-r.w < r.lowSpace() && len(r.buf) < r.maxBuffer {
		r.grow()
	}
	return r.buf[r.w:]
}

// lowSpace is the free room below which reading on is not worth a call.
func (r *Reader) lowSpace() int { return min(len(r.buf)/4, maxLowSpace) }

func (r *Reader) grow() {
	bigger := newPadded(min(2*len(r.buf), r.maxBuffer))
	copy(bigger, r.buf[r.r:r.w])
	r.buf, r.r, r.w = bigger, 0, r.w-r.r
}

// release gives the buffers back. Nothing comes any more; what was handed out stays
// valid for who still holds it.
func (r *Reader) release() {
	r.buf, r.joined, r.inflate, r.r, r.w, r.state = nil, nil, nil, 0, 0, stateEnded
}

// free is the room behind the unread bytes as they lie now.
func (r *Reader) free() int { return len(r.buf) - r.w }

// Advance records that n bytes were put at the start of Space.
func (r *Reader) Advance(n int) {
	if n < 0 || n > len(r.buf)-r.w {
		panic("wire: Advance beyond Space")
	}
	r.w += n
}

// Next returns the next whole message or control frame, or OpNone when more
// bytes are needed. After a *ProtocolError it answers with the same error for
// ever; after a close frame it drops what follows (RFC 6455 section 5.5.1).
func (r *Reader) Next() (Message, error) {
	b := r.buf[r.r:r.w]
	// The short way: a final text or binary frame of up to 64 KiB between
	// messages, four bytes at least, so that one check covers both
	// header forms.
	if len(b) < 4 || b[0]-0x81 > 1 || r.state != stateBetween {
		return r.next(b)
	}
	head, size := 2, int(b[1])
	if size >= 126 {
		head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
		if b[1] != 126 || size < 126 {
			return r.next(b)
		}
	}
	end := head + size
	if end > len(b) || size > r.maxMessage {
		return r.next(b)
	}
	p := b[head:end]
	op := Op(b[0] & 0x0F)
	if op == OpText && !validText(p) {
		return r.next(b)
	}
	r.r += end
	return Message{Op: op, Payload: p}, nil
}

// next is the full rule; it comes to the same result as the short way.
func (r *Reader) next(b []byte) (Message, error) {
	for {
		if r.state == stateEnded {
			r.r = r.w
			return Message{}, r.err
		}
		h, err := r.parse(b)
		if err != nil {
			return r.fail(err)
		}
		end := h.head + h.size
		if h.head == 0 || end > len(b) {
			return Message{}, nil
		}
		p := b[h.head:end]
		b = b[end:]
		r.r += end
		m, err := r.take(h, p)
		if err != nil {
			return r.fail(err)
		}
		if m.Op != OpNone {
			return m, nil
		}
	}
}

func (r *Reader) fail(err *ProtocolError) (Message, error) {
	r.state, r.err = stateEnded, err
	r.r = r.w
	return Message{}, err
}

// header is a frame's header. head is 0 when it is not whole yet.
type header struct {
	op         Op // 0 is a continuation
	fin        bool
	deflated   bool // of the first frame of a compressed message
	head, size int
}

// parse reads and checks the header at the start of b.
func (r *Reader) parse(b []byte) (header, *ProtocolError) {
	if len(b) < 2 {
		return header{}, nil
	}
	h := header{op: Op(b[0] & 0x0F), fin: b[0]&0x80 != 0, deflated: b[0]&rsv1 != 0}
	if err := r.check(h, b[0], b[1]); err != nil {
		return h, err
	}
	size := uint64(b[1] & 0x7F)
	head := 2
	switch {
	case size == 126:
		if len(b) < 4 {
			return h, nil
		}
		head, size = 4, uint64(binary.BigEndian.Uint16(b[2:]))
		if size < 126 {
			return h, ErrLengthNotShort
		}
	case size == 127:
		if len(b) < 10 {
			return h, nil
		}
		head, size = 10, binary.BigEndian.Uint64(b[2:])
		if size>>63 != 0 {
			return h, ErrLengthTopBit
		}
		if size <= 0xFFFF {
			return h, ErrLengthNotShort
		}
	}
	open := 0
	if h.op == 0 {
		open = len(r.joined)
	}
	if h.op < OpClose && size > uint64(r.maxMessage-open) {
		return h, ErrTooBig
	}
	h.head, h.size = head, int(size)
	return h, nil
}

// check applies the rules that the first two bytes decide.
func (r *Reader) check(h header, b0, b1 byte) *ProtocolError {
	switch {
	case b0&0x70 != 0 && !r.mayDeflate(h, b0):
		return ErrReservedBits
	case h.op > OpPong || h.op > OpBinary && h.op < OpClose:
		return ErrOpcode
	case b1&0x80 != 0:
		return ErrMasked
	case h.op >= OpClose && !h.fin:
		return ErrControlPart
	case h.op >= OpClose && b1 > maxControl:
		return ErrControlLong
	case h.op == 0 && r.state != stateFragmented:
		return ErrNoMessageOpen
	case h.op > 0 && h.op < OpClose && r.state == stateFragmented:
		return ErrMessageOpen
	}
	return nil
}

// rsv1 marks the first frame of a compressed message (RFC 7692 section 6).
const rsv1 = 0x40

// mayDeflate says that reserved bits are the mark of compression alone, agreed on, on
// the first frame of a data message.
func (r *Reader) mayDeflate(h header, b0 byte) bool {
	return r.inflate != nil && b0&0x70 == rsv1 && (h.op == OpText || h.op == OpBinary)
}

// take makes a whole frame into a message, or into a part of one (OpNone).
func (r *Reader) take(h header, p []byte) (Message, *ProtocolError) {
	switch {
	case h.op == OpClose:
		r.state = stateEnded
		return closeMessage(p)
	case h.op >= OpClose:
		return Message{Op: h.op, Payload: p}, nil
	case h.fin && r.state == stateBetween:
		return r.data(h.op, h.deflated, p)
	case h.op != 0:
		r.state, r.op, r.deflated = stateFragmented, h.op, h.deflated
		r.joined = r.joined[:0]
	}
	r.join(p)
	if !h.fin {
		return Message{}, nil
	}
	r.state = stateBetween
	m, err := r.data(r.op, r.deflated, r.joined)
	r.joined = r.joined[:0]
	return m, err
}

func (r *Reader) join(p []byte) {
	if cap(r.joined)-len(r.joined) < len(p)+Padding {
		r.joined = slices.Grow(r.joined, len(p)+Padding)
	}
	r.joined = append(r.joined, p...)
}

// data is a data message, inflated where it came compressed.
func (r *Reader) data(op Op, deflated bool, p []byte) (Message, *ProtocolError) {
	if deflated {
		var err *ProtocolError
		if p, err = r.inflate.message(p); err != nil {
			return Message{}, err
		}
	}
	return dataMessage(op, p)
}

func dataMessage(op Op, p []byte) (Message, *ProtocolError) {
	if op == OpText && !validText(p) {
		return Message{}, ErrNotUTF8
	}
	return Message{Op: op, Payload: p}, nil
}

func closeMessage(p []byte) (Message, *ProtocolError) {
	m := Message{Op: OpClose, Payload: p}
	code, reason := m.Close()
	switch {
	case len(p) == 0:
		return m, nil
	case len(p) == 1:
		return Message{}, ErrClosePayload
	case !validCloseCode(code):
		return Message{}, ErrCloseCode
	case !utf8.Valid(reason):
		return Message{}, ErrCloseReason
	}
	return m, nil
}

// validCloseCode reports whether a server may send code: RFC 6455 section 7.4
// with the codes registered since (1012 restart, 1013 try again later, 1014 bad
// gateway), which venues use before maintenance.
func validCloseCode(code uint16) bool {
	switch {
	case code < 1000 || code >= 5000:
		return false
	case code >= 3000:
		return true
	}
	return code <= 1003 || code >= 1007 && code <= 1014
}

// highBits is set in a byte that is not ASCII, eight at a time.
const highBits = 0x8080808080808080

// validText reports whether p is UTF-8. Market data is ASCII nearly throughout.
func validText(p []byte) bool { return ascii(p) || utf8.Valid(p) }

// asciiWords reports whether p is ASCII, eight bytes a turn.
func asciiWords(p []byte) bool {
	var or uint64
	for ; len(p) >= 8; p = p[8:] {
		or |= binary.LittleEndian.Uint64(p)
	}
	for _, c := range p {
		or |= uint64(c)
	}
	return or&highBits == 0
}
