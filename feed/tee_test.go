package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// oneMessage is a socket that always has one more message.
type oneMessage struct {
	socket
	frame []byte
	given bool
}

func (s *oneMessage) ReadChunk() (int, error) { s.given = false; return len(s.frame), nil }

func (s *oneMessage) Next() (wire.Message, error) {
	if s.given {
		return wire.Message{}, nil
	}
	s.given = true
	return wire.Message{Op: wire.OpText, Payload: s.frame}, nil
}

// Intent: from the socket to the record nothing is allocated while a recording is made
// either.
func TestRecordingAllocatesNothing(t *testing.T) {
	b := newBench(t)
	s := &oneMessage{frame: padded(frameBookTicker)}
	b.c.ws = s
	b.h.byRow[b.c.row] = b.c
	r := recording.NewRing(1 << 20)
	b.h.startTee(r)
	buf := make([]byte, 0, 1<<20)
	event := wire.Event{Token: uint32(b.c.row), Readable: true}
	once := func() {
		advance(s.frame)
		b.h.tee.event(event)
		b.h.event(event)
		b.h.tee.end(b.h)
		buf = r.Take(buf[:0])
	}
	once()
	before := b.h.w.LastSequence()
	assert.Zero(t, testing.AllocsPerRun(200, once))
	assert.Greater(t, b.h.w.LastSequence(), before+199)
	var kinds []recording.Kind
	for rest := buf; len(rest) > 0; {
		it, size, err := recording.Next(rest)
		require.NoError(t, err)
		kinds = append(kinds, it.Kind)
		rest = rest[size:]
	}
	assert.Equal(t, []recording.Kind{
		recording.KindEvent, recording.KindChunk, recording.KindClock, recording.KindMessage, recording.KindDry,
	}, kinds)
	b.h.stopTee()
	assert.Same(t, s, b.c.ws.(*oneMessage), "the socket is itself again")
	assert.IsType(t, &wire.Clock{}, b.h.clock)
}

// Intent: an error comes back as what the session decides by.
func TestErrorsOfSocketsComeBack(t *testing.T) {
	for _, want := range []error{
		nil, io.EOF, wire.ErrBackpressure, errors.New("read from socket: reset"), wire.ErrTooBig,
		fmt.Errorf("open TLS record: %w", &wire.ProtocolError{CloseCode: 1002, Reason: "no"}),
	} {
		r := recording.NewRing(1 << 12)
		tee := &tee{ring: r, inside: true}
		tee.answer(recording.KindDry, 0, want)
		it, _, err := recording.Next(r.Take(nil))
		require.NoError(t, err)
		got := errorOf(&it)
		var p *wire.ProtocolError
		switch {
		case errors.As(want, &p):
			var q *wire.ProtocolError
			require.ErrorAs(t, got, &q)
			assert.Equal(t, *p, *q)
		case want == nil || errors.Is(want, io.EOF) || errors.Is(want, wire.ErrBackpressure):
			assert.Equal(t, want, got)
		default:
			assert.EqualError(t, got, want.Error())
		}
	}
}

// Intent: a checkpoint holds everything of the session: what is read from one is
// written as the same bytes again, whatever fields there are.
func TestCheckpointIsTheWholeState(t *testing.T) {
	a := newBench(t, [2]string{"gateio.book", "obu@50"})
	for _, f := range []string{frameSnapshot, frameDelta, frameTrade, frameBookTicker, frameTicker} {
		a.frame(f)
	}
	a.h.bySymbol = nil // a map has no order, and follows from the instruments
	a.h.hosts = nil
	state := a.h.checkpoint()
	b := newBench(t, [2]string{"gateio.book", "obu@50"})
	b.h.bySymbol, b.h.hosts = nil, nil
	require.False(t, bytes.Equal(state, b.h.checkpoint()), "the frames changed something")
	connect := func(string, string) socket { return nil }
	require.NoError(t, b.h.adopt(state, connect))
	rows := &stateEncoder{plainTypes: plainTypes{}, h: a.h, known: map[uintptr]uint64{}}
	rows.number(fingerprint())
	rows.value(reflect.ValueOf(a.h.specs()))
	n := len(rows.out) // the instruments were there before, and have the times of then
	assert.True(t, bytes.Equal(state[n:], b.h.checkpoint()[n:]))
	assert.Same(t, &b.h.streams[0], b.h.instruments[0].subs[0].stream)
	assert.Same(t, b.h.instruments[0], b.h.conns[0].subs[0].inst)

	// The segment shows it: state words, exponents, the verified book.
	book := ring.NewBook(b.r.View().BookDepth())
	require.Equal(t, ring.AnswerRecord, b.r.View().ReadBook(0, book))
	assert.True(t, book.Valid())
	assert.EqualValues(t, 103, book.Header.VenueSequence)
	var was, is ring.InstrumentState
	require.True(t, a.r.View().InstrumentState(0, &was))
	require.True(t, b.r.View().InstrumentState(0, &is))
	assert.Equal(t, was.Word, is.Word)
	assert.Equal(t, was.Stale, is.Stale)

	for cut := 0; cut < len(state); cut += 97 {
		require.Error(t, b.h.adopt(state[:cut], connect), "%d bytes", cut)
	}
	state[0] ^= 1
	require.ErrorIs(t, b.h.adopt(state, connect), ErrOtherBuild)
}

// Intent: a field of the session that a checkpoint cannot hold is found here, not in a
// recording: in its instruments, connections and the like there are no functions,
// channels or interfaces.
func TestEveryFieldOfTheSessionCanBeKept(t *testing.T) {
	// Of hot itself these are left out without a word: they belong to a process.
	ofProcess := map[reflect.Kind]bool{reflect.Func: true, reflect.Chan: true, reflect.Interface: true}
	seen := map[reflect.Type]bool{}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		if seen[typ] || typ == streamType || typ == socketType {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
			assert.Failf(t, "cannot be kept", "%s is a %s", path, typ)
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(path+"[]", typ.Elem())
		case reflect.Map:
			walk(path+" key", typ.Key())
			walk(path+" value", typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				if typ != reflect.TypeFor[hot]() || !notKept[typ.Field(i).Name] && !ofProcess[typ.Field(i).Type.Kind()] {
					walk(path+"."+typ.Field(i).Name, typ.Field(i).Type)
				}
			}
		}
	}
	walk("hot", reflect.TypeFor[hot]())
	for name := range notKept {
		_, there := reflect.TypeFor[hot]().FieldByName(name)
		assert.True(t, there, "%s is no field of hot any more", name)
	}
}
