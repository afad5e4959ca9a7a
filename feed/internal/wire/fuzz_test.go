package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

const fuzzLimit = 3000

// FuzzReader: however a stream is chopped the messages and the verdict are the
// same, and both agree with a model on the frame rules of gobwas/ws.
func FuzzReader(f *testing.F) {
	for _, stream := range []string{
		frame(0x81, `{"time":1,"channel":"spot.trades"}`) + frame(0x89, "p"),
		frame(0x01, "ab") + frame(0x89, "") + frame(0x80, "€"),
		frame(0x82, strings.Repeat("x", 300)) + closeFrame(1000, "bye"),
		frame(0x81, "\xFF"), frame(0xC1, "a"), "\x81\x81\x01\x02\x03\x04a",
		"\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x00", "\x82\x7E\x00\x01a", closeFrame(1005, ""), frame(0x88, "a"),
		frame(0x82, strings.Repeat("x", 2000)) + frame(0x02, strings.Repeat("y", 2000)) + frame(0x80, strings.Repeat("z", 1001)),
	} {
		f.Add([]byte(stream), []byte{1, 7, 40})
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		want, wantErr := feed(NewReader(256, fuzzLimit), string(stream), whole)
		i := 0
		chopped := func() int {
			if len(cuts) == 0 {
				return 1
			}
			i++
			return 1 + int(cuts[i%len(cuts)])
		}
		got, err := feed(NewReader(256, fuzzLimit), string(stream), chopped)
		require.Equal(t, want, got)
		require.ErrorIs(t, err, wantErr)
		if wantErr == nil {
			require.NoError(t, err)
		}
		model, refused := modelOf(stream)
		require.Equal(t, model, got)
		require.Equal(t, refused, err != nil, "%v", err)
	})
}

// modelOf reads stream with the library's header reader and checks. The rules
// it lacks are added here: shortest length form, size limit, UTF-8 of texts,
// close payloads, and the codes registered after RFC 6455.
func modelOf(stream []byte) (got []received, refused bool) {
	src := bytes.NewReader(stream)
	state := ws.StateClientSide
	var open []byte
	var op ws.OpCode
	for {
		before := src.Len()
		h, err := ws.ReadHeader(src)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return got, true
		}
		if err != nil {
			return got, earlyVerdict(stream[len(stream)-before:], state)
		}
		size := before - src.Len()
		if ws.CheckHeader(h, state) != nil ||
			size == 4 && h.Length < 126 || size == 10 && h.Length <= 0xFFFF {
			return got, true
		}
		joined := int64(0)
		if h.OpCode == ws.OpContinuation {
			joined = int64(len(open))
		}
		if h.OpCode.IsData() && h.Length > fuzzLimit-joined {
			return got, true
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(src, p); err != nil {
			return got, false
		}
		switch {
		case h.OpCode == ws.OpClose:
			m, bad := modelClose(p)
			if !bad {
				got = append(got, m)
			}
			return got, bad
		case h.OpCode.IsControl():
			got = append(got, received{Op: Op(h.OpCode), Payload: string(p)})
			continue
		case h.OpCode != ws.OpContinuation:
			op, open = h.OpCode, nil
		}
		open = append(open, p...)
		if !h.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		state = state.Clear(ws.StateFragmented)
		if op == ws.OpText && !utf8.Valid(open) {
			return got, true
		}
		got = append(got, received{Op: Op(op), Payload: string(open)})
	}
}

// earlyVerdict is the model for a header that is cut: its first two bytes
// already decide all but the length.
func earlyVerdict(rest []byte, state ws.State) bool {
	if len(rest) < 2 {
		return false
	}
	h := ws.Header{
		Fin: rest[0]&0x80 != 0, Rsv: rest[0] >> 4 & 7, OpCode: ws.OpCode(rest[0] & 15),
		Masked: rest[1]&0x80 != 0, Length: int64(rest[1] & 0x7F),
	}
	return ws.CheckHeader(h, state) != nil
}

func modelClose(p []byte) (m received, refused bool) {
	if len(p) == 0 {
		return received{Op: OpClose, Code: CloseNoStatus}, false
	}
	if len(p) == 1 {
		return m, true
	}
	code, reason := ws.ParseCloseFrameData(p)
	registered := code >= 1012 && code <= 1014 && utf8.ValidString(reason)
	if !registered && (ws.CheckCloseFrameData(code, reason) != nil || code >= 5000) {
		return m, true
	}
	return received{Op: OpClose, Payload: reason, Code: uint16(code)}, false
}
