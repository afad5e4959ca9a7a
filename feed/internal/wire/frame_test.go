package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// frame builds one unmasked frame with the shortest length form.
func frame(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return string(b) + payload
}

func closeFrame(code uint16, reason string) string {
	return frame(0x88, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// feed gives r the stream in chunks of the sizes that size returns and collects
// all messages up to the first error.
func feed(r *Reader, stream string, size func() int) (got []received, err error) {
	for {
		for {
			var m Message
			if m, err = r.Next(); err != nil {
				return got, err
			}
			if m.Op == OpNone {
				break
			}
			got = append(got, keep(m))
		}
		if stream == "" {
			return got, nil
		}
		n := copy(r.Space()[:], stream[:min(size(), len(stream))])
		r.Advance(n)
		stream = stream[n:]
	}
}

func whole() int  { return 1 << 30 }
func single() int { return 1 }

// What is right comes out in order, however the stream is chopped.
func TestReaderMessages(t *testing.T) {
	long := strings.Repeat("0123456789", 30)
	longer := strings.Repeat("x", 70_000)
	cases := []struct {
		name, stream string
		want         []received
	}{
		{"a short text", frame(0x81, "hello"), []received{{Op: OpText, Payload: "hello"}}},
		{"an empty text", frame(0x81, ""), []received{{Op: OpText}}},
		{"two texts in one chunk", frame(0x81, "a") + frame(0x81, "b"),
			[]received{{Op: OpText, Payload: "a"}, {Op: OpText, Payload: "b"}}},
		{"a length of 125", frame(0x81, long[:125]), []received{{Op: OpText, Payload: long[:125]}}},
		{"a length of 126 in two bytes", frame(0x81, long[:126]), []received{{Op: OpText, Payload: long[:126]}}},
		{"a length of 65,535 in two bytes", frame(0x81, longer[:65535]), []received{{Op: OpText, Payload: longer[:65535]}}},
		{"a length of 65,536 in eight bytes", frame(0x81, longer[:65536]), []received{{Op: OpText, Payload: longer[:65536]}}},
		{"a message above the buffer and below the limit", frame(0x82, longer), []received{{Op: OpBinary, Payload: longer}}},
		{"binary that is not UTF-8", frame(0x82, "\xFF\xFE"), []received{{Op: OpBinary, Payload: "\xFF\xFE"}}},
		{"a ping and a pong", frame(0x89, "p") + frame(0x8A, ""), []received{{Op: OpPing, Payload: "p"}, {Op: OpPong}}},
		{"a text in three fragments", frame(0x01, "ab") + frame(0x00, "cd") + frame(0x80, "ef"),
			[]received{{Op: OpText, Payload: "abcdef"}}},
		{"fragments around a control frame", frame(0x02, "ab") + frame(0x89, "p") + frame(0x80, "cd"),
			[]received{{Op: OpPing, Payload: "p"}, {Op: OpBinary, Payload: "abcd"}}},
		{"empty fragments", frame(0x01, "") + frame(0x00, "") + frame(0x80, ""), []received{{Op: OpText}}},
		{"one fragmented message after another", frame(0x01, "aaaa") + frame(0x80, "a") + frame(0x01, "b") + frame(0x80, "c"),
			[]received{{Op: OpText, Payload: "aaaaa"}, {Op: OpText, Payload: "bc"}}},
		{"a fragmented message beyond the buffer", frame(0x01, longer[:40_000]) + frame(0x80, longer[:30_000]),
			[]received{{Op: OpText, Payload: longer}}},
		{"UTF-8 cut between fragments", frame(0x01, "€"[:1]) + frame(0x80, "€"[1:]), []received{{Op: OpText, Payload: "€"}}},
		{"UTF-8 behind ASCII of every length", utf8Stream(), utf8Wanted()},
		{"a close without code", frame(0x88, ""), []received{{Op: OpClose, Code: CloseNoStatus}}},
		{"a close with reason", closeFrame(1001, "bye €"), []received{{Op: OpClose, Payload: "bye €", Code: 1001}}},
		{"nothing after a close", closeFrame(1000, "") + frame(0x81, "late") + "\xFF\xFF",
			[]received{{Op: OpClose, Code: 1000}}},
		{"a close between fragments", frame(0x01, "a") + closeFrame(1000, ""), []received{{Op: OpClose, Code: 1000}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			sizes := map[string]func() int{
				"whole": whole, "one byte at a time": single,
				"chopped": func() int { return 1 + rng.IntN(100) },
			}
			for how, size := range sizes {
				got, err := feed(NewReader(1024, 100_000), c.stream, size)
				require.NoError(t, err, how)
				assert.Equal(t, c.want, got, how)
			}
		})
	}
}

func utf8Stream() (s string) {
	for i := range 80 {
		s += frame(0x81, strings.Repeat("a", i)+"ß€")
	}
	return s
}

func utf8Wanted() (want []received) {
	for i := range 80 {
		want = append(want, received{Op: OpText, Payload: strings.Repeat("a", i) + "ß€"})
	}
	return want
}

// Each breach has its own error with the close code of RFC 6455, comes after
// what was right before it, and stays.
func TestReaderBreaches(t *testing.T) {
	const limit = 1000
	eight := func(n uint64) string { return "\x82\x7F" + string(binary.BigEndian.AppendUint64(nil, n)) }
	cases := []struct {
		name, stream string
		want         *ProtocolError
		code         uint16
	}{
		{"RSV1, as compression would set it", frame(0xC1, "a"), ErrReservedBits, 1002},
		{"RSV2", frame(0xA1, "a"), ErrReservedBits, 1002},
		{"RSV3 on a control frame", frame(0x99, "a"), ErrReservedBits, 1002},
		{"a masked frame", "\x81\x81\x00\x00\x00\x00a", ErrMasked, 1002},
		{"reserved data opcode 3", frame(0x83, ""), ErrOpcode, 1002},
		{"reserved data opcode 7", frame(0x87, ""), ErrOpcode, 1002},
		{"reserved control opcode 11", frame(0x8B, ""), ErrOpcode, 1002},
		{"reserved control opcode 15", frame(0x8F, ""), ErrOpcode, 1002},
		{"a ping of 126 bytes", frame(0x89, strings.Repeat("a", 126)), ErrControlLong, 1002},
		{"a fragmented ping", frame(0x09, "a"), ErrControlPart, 1002},
		{"125 in the two-byte form", "\x82\x7E\x00\x7D", ErrLengthNotShort, 1002},
		{"65,535 in the eight-byte form", eight(0xFFFF), ErrLengthNotShort, 1002},
		{"the top bit of the length", eight(1 << 63), ErrLengthTopBit, 1002},
		{"a continuation without start", frame(0x80, "a"), ErrNoMessageOpen, 1002},
		{"a continuation behind a whole message", frame(0x81, "a") + frame(0x80, "a"), ErrNoMessageOpen, 1002},
		{"a text inside a fragmented message", frame(0x01, "a") + frame(0x81, "b"), ErrMessageOpen, 1002},
		{"a fragmented binary inside a fragmented message", frame(0x01, "a") + frame(0x02, "b"), ErrMessageOpen, 1002},
		{"a close with one byte", frame(0x88, "a"), ErrClosePayload, 1002},
		{"a close reason that is not UTF-8", closeFrame(1000, "\xC0\x80"), ErrCloseReason, 1007},
		{"a text that is not UTF-8", frame(0x81, "ab\xFFcd"), ErrNotUTF8, 1007},
		{"a text cut inside a character", frame(0x81, "€"[:2]), ErrNotUTF8, 1007},
		{"a surrogate in a text", frame(0x81, "\xED\xA0\x80"), ErrNotUTF8, 1007},
		{"fragments that are not UTF-8 together", frame(0x01, "€"[:1]) + frame(0x80, "a"), ErrNotUTF8, 1007},
		{"one byte above the limit", frame(0x82, strings.Repeat("a", limit+1)), ErrTooBig, 1009},
		{"a text above the limit", frame(0x81, strings.Repeat("a", limit+1)), ErrTooBig, 1009},
		{"2^62 announced", eight(1 << 62), ErrTooBig, 1009},
		{"fragments above the limit together",
			frame(0x01, strings.Repeat("a", limit)) + frame(0x80, "b"), ErrTooBig, 1009},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for how, size := range map[string]func() int{"whole": whole, "one byte at a time": single} {
				r := NewReader(256, limit)
				got, err := feed(r, frame(0x89, "before")+c.stream, size)
				require.NotEmpty(t, got, how)
				assert.Equal(t, received{Op: OpPing, Payload: "before"}, got[0], how)
				require.ErrorIs(t, err, c.want, how)
				assert.Equal(t, c.code, c.want.CloseCode)
				r.Advance(copy(r.Space(), frame(0x81, "after")))
				_, again := r.Next()
				assert.ErrorIs(t, again, c.want, "the error stays")
			}
		})
	}
}

// Every close code is taken or refused as RFC 6455 and the registry say.
func TestReaderCloseCodes(t *testing.T) {
	for code := range uint16(6000) {
		allowed := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		got, err := feed(NewReader(256, 0), closeFrame(code, "r"), whole)
		if allowed {
			require.NoError(t, err, code)
			require.Equal(t, []received{{Op: OpClose, Payload: "r", Code: code}}, got)
			continue
		}
		require.ErrorIs(t, err, ErrCloseCode, code)
	}
}

// A payload is the buffer itself, with Padding bytes of allocation behind it
// even when it ends where the buffer ends.
func TestReaderPayloadInPlaceAndPadded(t *testing.T) {
	r := NewReader(300, 4000)
	for range 50 {
		stream := frame(0x81, strings.Repeat("a", 200)) + frame(0x01, "b") + frame(0x80, strings.Repeat("c", 180))
		for stream != "" {
			space := r.Space()
			n := copy(space, stream)
			r.Advance(n)
			stream = stream[n:]
			for {
				m, err := r.Next()
				require.NoError(t, err)
				if m.Op == OpNone {
					break
				}
				require.GreaterOrEqual(t, cap(m.Payload)-len(m.Payload), Padding)
				if m.Payload[0] == 'a' {
					require.Same(t, &r.buf[r.r-1], &m.Payload[199], "not copied")
				}
			}
		}
	}
}

// The buffer grows for a long message, never beyond what the limit asks, and
// never for many short ones that are taken.
func TestReaderGrowth(t *testing.T) {
	r := NewReader(4096, 1<<20)
	for range 10_000 {
		r.Advance(copy(r.Space(), frame(0x81, "short message")))
		m, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, OpText, m.Op)
	}
	assert.Len(t, r.buf, 4096, "short messages need no more room")
	big := bytes.Repeat([]byte{'x'}, 1<<20)
	got, err := feed(r, frame(0x82, string(big)), func() int { return 5000 })
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.True(t, string(big) == got[0].Payload)
	assert.LessOrEqual(t, len(r.buf), 1<<20+maxHeaderSize+maxLowSpace)
}

// A caller that never takes what it read runs into an empty Space, not into
// unbounded memory.
func TestReaderSpaceEndsWithoutNext(t *testing.T) {
	r := NewReader(256, 1000)
	stream := strings.Repeat(frame(0x81, "0123456789"), 10_000)
	for range 10_000 {
		r.Advance(copy(r.Space(), stream))
	}
	assert.Empty(t, r.Space())
	m, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, "0123456789", string(m.Payload))
}

func TestReaderAdvanceBeyondSpacePanics(t *testing.T) {
	r := NewReader(256, 1000)
	assert.Panics(t, func() { r.Advance(len(r.Space()) + 1) })
}

// Neither a plain nor a fragmented message allocates once the buffers have
// grown.
func TestReaderAllocatesNothing(t *testing.T) {
	r := NewReader(0, 0)
	stream := []byte(frame(0x81, strings.Repeat("a", 180)) + frame(0x89, "p") +
		frame(0x01, strings.Repeat("b", 5000)) + frame(0x80, "€"))
	run := func() {
		r.Advance(copy(r.Space(), stream))
		for range 3 {
			if m, err := r.Next(); err != nil || m.Op == OpNone {
				panic("message missing")
			}
		}
	}
	run()
	assert.Zero(t, testing.AllocsPerRun(1000, run))
}

// A byte that is not ASCII is found at each place of texts of each length, and what lies
// beside the text is not looked at.
func TestASCIIFindsEachByte(t *testing.T) {
	const beside = 64
	for size := range 200 {
		buf := bytes.Repeat([]byte{0xFF}, beside+size+beside)
		text := buf[beside : beside+size]
		copy(text, bytes.Repeat([]byte{0x7F}, size))
		require.True(t, ascii(text), size)
		require.True(t, asciiWords(text), size)
		for i := range text {
			text[i] |= 0x80
			require.False(t, ascii(text), "%d of %d", i, size)
			require.False(t, asciiWords(text), "%d of %d", i, size)
			text[i] = 0x7F
		}
	}
}
