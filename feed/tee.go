package feed

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// What a feed publishes follows from what its hot thread takes in: sockets that are
// ready and their messages, ends of dials, commands, and its clock. A tee writes all of
// it down in that order, and a replay gives it to the same code again. The decision to
// call a symbol stale, or to give a connection up, is not written down: it is made
// again, at the same reading of the clock.

// socket is a connection of the hot thread: a *wire.Conn, one that is written down,
// or one of a recording.
type socket interface {
	ReadChunk() (int, error)
	Next() (wire.Message, error)
	WriteText(p []byte) error
	WriteControl(op wire.Op, p []byte) error
	SendClose(code uint16, reason string) error
	WantWrite() bool
	Flush() error
	Close() error
	FD() int
	Endpoint() string
	Describe() string
}

// hotClock is the hot thread's clock: a *wire.Clock, one that is written down, or
// that of a recording.
type hotClock interface {
	Now() int64
	Discipline()
	Steps() uint64
}

// tee writes down what the hot thread takes in. A nil tee writes nothing. Hot thread
// only, but for its ring. It allocates with dials and commands alone.
type tee struct {
	ring   *recording.Ring
	inside bool // an input that is written down is being dealt with
	ticked bool
}

// Kinds of commands in a recording; the numbers stand in files.
const (
	teeSubscribe    = 1
	teeUnsubscribe  = 2
	teeSnapshot     = 3
	teeInformed     = 4
	teeShutdown     = 5
	teeRelease      = 6
	teeHandlerError = 7
	teeResend       = 8
	teeTime         = 9
	teeTrades       = 10
)

// teeCommand is a command as it is written down; each kind has its own members.
type teeCommand struct {
	Symbols  []teeSymbol  `json:"symbols,omitempty"`
	Channels ring.Channel `json:"channels,omitempty"`
	// Of a snapshot or trades.
	Instrument   int    `json:"instrument,omitempty"`
	Attempt      uint64 `json:"attempt,omitempty"`
	Body         []byte `json:"body,omitempty"`
	Error        string `json:"error,omitempty"`
	RetryAfterNS int64  `json:"retry_after_ns,omitempty"`
	// Of the venue's time; AtNS of trades too.
	OffsetNS      int64 `json:"offset_ns,omitempty"`
	UncertaintyNS int64 `json:"uncertainty_ns,omitempty"`
	AtNS          int64 `json:"at_ns,omitempty"`
}

// teeSymbol is an instrument with what the venue's metadata said of it.
type teeSymbol struct {
	Base   string                    `json:"base"`
	Quote  string                    `json:"quote"`
	Native string                    `json:"native"`
	Info   *exchanges.InstrumentInfo `json:"info,omitempty"`
}

// teeDial is the end of a dial as it is written down.
type teeDial struct {
	Attempt      uint64        `json:"attempt"`
	URL          int           `json:"url"`
	Endpoint     string        `json:"endpoint,omitempty"`
	Describe     string        `json:"describe,omitempty"`
	Failed       bool          `json:"failed,omitempty"`
	Stage        wire.Stage    `json:"stage,omitempty"`
	Code         wire.DialCode `json:"code,omitempty"`
	Reason       string        `json:"reason,omitempty"`
	Status       int           `json:"status,omitempty"`
	RetryAfterNS int64         `json:"retry_after_ns,omitempty"`
	ErrorAt      string        `json:"error_at,omitempty"`
}

// put writes an item of the world's answers, where an input is dealt with that is
// written down too.
func (t *tee) put(kind recording.Kind, a uint8, b uint16, value int64, payload []byte) {
	if t.inside {
		t.ring.Put(kind, a, b, value, payload)
	}
}

// input begins an input.
func (t *tee) input(kind recording.Kind, a uint8, b uint16, value int64, payload []byte) {
	t.inside = true
	t.ring.Put(kind, a, b, value, payload)
}

// end ends an input. After one of the timer it says how far the records are.
func (t *tee) end(h *hot) {
	if t == nil || !t.inside {
		return
	}
	t.inside = false
	if t.ticked {
		t.ticked = false
		t.mark(h)
	}
}

func (t *tee) mark(h *hot) {
	t.ring.Put(recording.KindMark, 0, 0, int64(h.w.LastSequence()), nil)
}

// event begins a socket that became ready.
func (t *tee) event(e wire.Event) {
	if t == nil || e.Token == wakerToken {
		return
	}
	var a uint8
	if e.Readable {
		a |= teeReadable
	}
	if e.Writable {
		a |= teeWritable
	}
	t.input(recording.KindEvent, a, uint16(e.Token), 0, nil)
}

// Bits of an event.
const (
	teeReadable = 1
	teeWritable = 2
)

// tick begins a turn of the timer.
func (t *tee) tick(now int64) {
	if t == nil {
		return
	}
	t.ticked = true
	t.input(recording.KindTick, 0, 0, now, nil)
}

// dialled begins the end of a dial, whose socket will be written down.
func (t *tee) dialled(r *dialResult) {
	if t == nil {
		return
	}
	d := teeDial{Attempt: r.attempt, URL: r.conn.url}
	if r.ws != nil {
		d.Endpoint, d.Describe = r.ws.Endpoint(), r.ws.Describe()
		r.ws = t.wrap(r.ws)
	}
	if r.err != nil {
		d.Failed, d.Stage, d.Code, d.Reason = true, r.err.Stage, r.err.Code, r.err.Reason
		d.Status, d.RetryAfterNS, d.ErrorAt = r.err.Status, int64(r.err.RetryAfter), r.err.Endpoint
	}
	t.input(recording.KindDialled, 0, r.conn.row, 0, encodeTee(d))
}

// encodeTee encodes what is made of plain members and cannot fail.
func encodeTee(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("feed: an item of a recording cannot be encoded: " + err.Error())
	}
	return b
}

func (t *tee) command(kind uint8, c teeCommand) {
	if t != nil {
		t.input(recording.KindCommand, kind, 0, 0, encodeTee(c))
	}
}

// asked begins a subscribe or unsubscribe.
func (t *tee) asked(kind uint8, h *hot, symbols []Symbol, names []string, channels ring.Channel) {
	if t == nil {
		return
	}
	t.command(kind, teeCommand{Symbols: teeSymbols(h, symbols, names), Channels: channels})
}

func teeSymbols(h *hot, symbols []Symbol, names []string) []teeSymbol {
	out := make([]teeSymbol, 0, len(symbols))
	for i, s := range symbols {
		one := teeSymbol{Base: s.Base, Quote: s.Quote}
		if names != nil {
			one.Native, one.Info = names[i], h.metadata[names[i]]
		}
		out = append(out, one)
	}
	return out
}

// snapshot begins a fetched snapshot.
func (t *tee) snapshot(r *snapshotResult) {
	if t == nil {
		return
	}
	c := teeCommand{Instrument: int(r.in.id), Attempt: r.attempt, RetryAfterNS: r.retryAfterNS}
	if r.err != nil {
		c.Error = r.err.Error()
	} else {
		c.Body = r.body
	}
	t.command(teeSnapshot, c)
}

// trades begins fetched trades.
func (t *tee) trades(r *tradesResult) {
	if t == nil {
		return
	}
	c := teeCommand{Instrument: int(r.in.id), Attempt: r.attempt, RetryAfterNS: r.retryAfterNS, AtNS: r.recvNS}
	if r.err != nil {
		c.Error = r.err.Error()
	} else {
		c.Body = r.body
	}
	t.command(teeTrades, c)
}

// timed begins an answer about the venue's time.
func (t *tee) timed(r *timeResult) {
	if t == nil {
		return
	}
	c := teeCommand{OffsetNS: r.sample.offsetNS, UncertaintyNS: r.sample.uncertaintyNS, AtNS: r.sample.atNS, RetryAfterNS: r.retryAfterNS}
	if r.err != nil {
		c.Error = r.err.Error()
	}
	t.command(teeTime, c)
}

// informed begins new metadata: what they say of the instruments there are.
func (t *tee) informed(h *hot, table map[string]*exchanges.InstrumentInfo) {
	if t == nil {
		return
	}
	var c teeCommand
	for _, in := range h.instruments {
		if info := table[in.native]; info != nil {
			c.Symbols = append(c.Symbols, teeSymbol{Base: in.symbol.Base, Quote: in.symbol.Quote, Native: in.native, Info: info})
		}
	}
	t.command(teeInformed, c)
}

// of begins a command about one symbol.
func (t *tee) of(kind uint8, s Symbol, channels ring.Channel) {
	if t != nil {
		t.command(kind, teeCommand{Symbols: []teeSymbol{{Base: s.Base, Quote: s.Quote}}, Channels: channels})
	}
}

// wrap makes a socket one that is written down.
func (t *tee) wrap(s socket) socket { return &recordedSocket{socket: s, tee: t} }

// recordedSocket writes down what a socket brings and takes.
type recordedSocket struct {
	socket
	tee *tee
}

func (s *recordedSocket) ReadChunk() (int, error) {
	n, err := s.socket.ReadChunk()
	s.tee.answer(recording.KindChunk, int64(n), err)
	return n, err
}

func (s *recordedSocket) Next() (wire.Message, error) {
	m, err := s.socket.Next()
	if err != nil || m.Op == wire.OpNone {
		s.tee.answer(recording.KindDry, 0, err)
		return m, err
	}
	code, payload := uint16(0), m.Payload
	if m.Op == wire.OpClose {
		code, payload = m.Close()
	}
	s.tee.put(recording.KindMessage, uint8(m.Op), code, 0, payload)
	return m, nil
}

func (s *recordedSocket) WriteText(p []byte) error {
	s.tee.put(recording.KindSent, uint8(wire.OpText), 0, 0, p)
	return s.tee.failed(s.socket.WriteText(p))
}

func (s *recordedSocket) WriteControl(op wire.Op, p []byte) error {
	s.tee.put(recording.KindSent, uint8(op), 0, 0, p)
	return s.tee.failed(s.socket.WriteControl(op, p))
}

func (s *recordedSocket) SendClose(code uint16, reason string) error {
	s.tee.put(recording.KindSent, uint8(wire.OpClose), code, 0, []byte(reason))
	return s.tee.failed(s.socket.SendClose(code, reason))
}

func (s *recordedSocket) Flush() error { return s.tee.failed(s.socket.Flush()) }

// Classes of errors of a socket: what becomes of a connection hangs on them.
const (
	teeNoError      = 0
	teeEOF          = 1
	teeProtocol     = 2
	teeBackpressure = 3
	teeOther        = 4
)

// answer writes an answer that may be an error.
func (t *tee) answer(kind recording.Kind, value int64, err error) {
	if err == nil {
		t.put(kind, teeNoError, 0, value, nil)
		return
	}
	class, code, text := classify(err)
	t.put(kind, class, code, value, []byte(text))
}

// failed writes that a send or flush failed, and nothing when it did not.
func (t *tee) failed(err error) error {
	if err != nil {
		t.answer(recording.KindFailed, 0, err)
	}
	return err
}

func classify(err error) (class uint8, code uint16, text string) {
	var p *wire.ProtocolError
	switch {
	case errors.As(err, &p):
		return teeProtocol, p.CloseCode, p.Reason
	case errors.Is(err, io.EOF):
		return teeEOF, 0, ""
	case errors.Is(err, wire.ErrBackpressure):
		return teeBackpressure, 0, ""
	}
	return teeOther, 0, err.Error()
}

// recordedClock writes down what inputs that are written down read of it.
type recordedClock struct {
	hotClock
	tee *tee
}

func (c *recordedClock) Now() int64 {
	ns := c.hotClock.Now()
	c.tee.put(recording.KindClock, 0, 0, ns, nil)
	return ns
}

// startTee begins to write down. Hot thread, or before it runs.
func (h *hot) startTee(r *recording.Ring) {
	h.tee = &tee{ring: r}
	h.clock = &recordedClock{hotClock: h.clock, tee: h.tee}
	for _, c := range h.conns {
		if c.ws != nil {
			c.ws = h.tee.wrap(c.ws)
		}
	}
}

// stopTee ends it. Hot thread only.
func (h *hot) stopTee() {
	if h.tee == nil {
		return
	}
	h.tee.mark(h)
	h.tee = nil
	h.clock = h.clock.(*recordedClock).hotClock
	for _, c := range h.conns {
		if s, ok := c.ws.(*recordedSocket); ok {
			c.ws = s.socket
		}
	}
}

// begin asks for what the configuration says. Before the hot thread runs.
func (h *hot) begin(symbols []Symbol, names []string, channels ring.Channel) error {
	for i, s := range symbols {
		in, err := h.addInstrument(s, names[i], h.metadata[names[i]])
		if err != nil {
			return err
		}
		h.want(in, channels)
	}
	if len(h.conns) == 0 {
		h.newConn(h.clock.Now(), connGroup{})
	}
	return nil
}

// teeStart is the beginning of a feed as it is written down.
type teeStart struct {
	Jitter   []byte       `json:"jitter"`
	Symbols  []teeSymbol  `json:"symbols"`
	Channels ring.Channel `json:"channels"`
}

// started begins the feed's first input.
func (t *tee) started(h *hot, symbols []Symbol, names []string, channels ring.Channel) {
	if t == nil {
		return
	}
	s := teeStart{Jitter: jitterState(&h.jitter), Symbols: teeSymbols(h, symbols, names), Channels: channels}
	t.input(recording.KindStart, 0, 0, 0, encodeTee(s))
	t.ticked = true // a mark behind it
}

func jitterState(p *rand.PCG) []byte {
	b, err := p.MarshalBinary()
	if err != nil {
		panic("feed: a generator has no state: " + err.Error())
	}
	return b
}

// random is a random number below n, of the feed's own generator: a replay has the
// same.
func (h *hot) random(n int64) int64 { return rand.New(&h.jitter).Int64N(n) }
