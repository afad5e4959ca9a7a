package feed

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// input does what the hot thread did about one input. What that asked of the world
// meanwhile is answered from the items behind it.
func (p *player) input(it *recording.Item) error {
	p.sum.Inputs++
	switch it.Kind {
	case recording.KindConfig:
		p.sum.Inputs--
		return nil // of the next part of the same recording: the log has checked it
	case recording.KindStart:
		return p.start(it)
	case recording.KindCheckpoint:
		return p.resume(it)
	case recording.KindLoss:
		p.lost = true
		p.sum.Losses++
		return nil
	}
	if !p.began {
		return fmt.Errorf("%w: it does not begin with a start or a checkpoint", ErrRecording)
	}
	switch it.Kind {
	case recording.KindTick:
		p.clock.now = it.Value
		p.h.tick(it.Value)
	case recording.KindEvent:
		if it.B < ring.MaxConnections {
			p.h.event(wire.Event{Token: uint32(it.B), Readable: it.A&teeReadable != 0, Writable: it.A&teeWritable != 0})
		}
	case recording.KindDialled:
		return p.dialled(it)
	case recording.KindCommand:
		return p.command(it)
	case recording.KindMark:
		p.compare(it)
	default:
		p.differs() // an answer that nobody asked for
	}
	return nil
}

// start begins the feed at its first record.
func (p *player) start(it *recording.Item) error {
	if p.began {
		return fmt.Errorf("%w: a second feed begins at %s; replay one recording at a time", ErrRecording, timeText(p.clock.now))
	}
	var s teeStart
	if err := json.Unmarshal(it.Payload, &s); err != nil {
		return fmt.Errorf("%w: its start: %w", ErrRecording, err)
	}
	if err := p.h.jitter.UnmarshalBinary(s.Jitter); err != nil {
		return fmt.Errorf("%w: its start: %w", ErrRecording, err)
	}
	p.began = true
	symbols, names := p.learn(s.Symbols)
	return p.h.begin(symbols, names, s.Channels)
}

// learn takes in what the venue's metadata said of instruments.
func (p *player) learn(list []teeSymbol) (symbols []Symbol, names []string) {
	if p.h.metadata == nil {
		p.h.metadata = map[string]*exchanges.InstrumentInfo{}
	}
	for i := range list {
		one := &list[i]
		symbols, names = append(symbols, Symbol{one.Base, one.Quote}), append(names, one.Native)
		delete(p.h.metadata, one.Native)
		if one.Info != nil {
			p.h.metadata[one.Native] = one.Info
		}
	}
	return symbols, names
}

// resume goes on from a checkpoint, unless everything up to it was replayed.
func (p *player) resume(it *recording.Item) error {
	if p.began {
		p.hash()
		p.endPart()
	}
	p.part = recording.NewHash()
	whole := p.began && !p.lost && p.h.w.LastSequence()-p.own == uint64(it.Value)-p.base
	if !whole {
		if p.began {
			p.interrupted()
		}
		if err := p.h.adopt(it.Payload, p.connect); err != nil {
			return fmt.Errorf("%w: %w", ErrRecording, err)
		}
		p.dials = p.dials[:0]
		p.hash() // what it took to say so is no record of the feed
		p.part = recording.NewHash()
	}
	p.began, p.lost = true, false
	p.base, p.own = uint64(it.Value), p.h.w.LastSequence()
	return nil
}

// interrupted says in the stream that the recording has a hole here.
func (p *player) interrupted() {
	open := p.h.openFrame(p.clock.now)
	p.h.status(statusArgs{
		code: ring.StatusGap, scope: ring.ScopeFeed, reason: ring.ReasonSequence, since: p.clock.now, text: textHole,
	})
	p.h.closeFrame(open)
}

var textHole = []byte("the recording has a hole here")

// connect makes the socket of a connection that is up.
func (p *player) connect(endpoint, describe string) socket {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		panic(fmt.Sprintf("no descriptor for a connection: %v", err))
	}
	return &replaySocket{p: p, fd: fd, endpoint: endpoint, describe: describe}
}

// dialled ends a dial as it ended.
func (p *player) dialled(it *recording.Item) error {
	var d teeDial
	if err := json.Unmarshal(it.Payload, &d); err != nil {
		return fmt.Errorf("%w: a dial: %w", ErrRecording, err)
	}
	r := &dialResult{attempt: d.Attempt, conn: p.dialler(it.B, &d)}
	if d.Failed {
		r.err = &wire.DialError{
			Endpoint: d.ErrorAt, Stage: d.Stage, Code: d.Code, Reason: d.Reason, Status: d.Status,
			RetryAfter: time.Duration(d.RetryAfterNS),
		}
	} else {
		r.ws = p.connect(d.Endpoint, d.Describe)
	}
	p.h.dialled(r)
	return nil
}

// dialler is the connection that a dial was for.
func (p *player) dialler(row uint16, d *teeDial) *conn {
	for i, have := range p.dials {
		if have.c.row == row && have.attempt == d.Attempt {
			p.dials = append(p.dials[:i], p.dials[i+1:]...)
			return have.c
		}
	}
	for _, c := range p.h.conns { // begun before the checkpoint
		if c.row == row && c.attempt == d.Attempt && c.dialing {
			return c
		}
	}
	// Of a connection that was given up before the checkpoint: only its host learns.
	return &conn{row: row, url: min(max(d.URL, 0), len(p.cfg.URLs)-1), attempt: d.Attempt + 1}
}

// command does what was asked for.
func (p *player) command(it *recording.Item) error {
	var c teeCommand
	if err := json.Unmarshal(it.Payload, &c); err != nil {
		return fmt.Errorf("%w: a command: %w", ErrRecording, err)
	}
	symbols, names := make([]Symbol, 0, 1), []string(nil)
	for i := range c.Symbols {
		symbols = append(symbols, Symbol{c.Symbols[i].Base, c.Symbols[i].Quote})
	}
	if len(symbols) == 0 && (it.A == teeHandlerError || it.A == teeResend) {
		return fmt.Errorf("%w: a command without a symbol", ErrRecording)
	}
	switch it.A {
	case teeSubscribe:
		symbols, names = p.learn(c.Symbols)
		_ = p.h.subscribe(symbols, names, c.Channels) // who asked was told
	case teeUnsubscribe:
		_ = p.h.unsubscribe(symbols, c.Channels)
	case teeSnapshot:
		p.snapshot(&c)
	case teeTrades:
		p.trades(&c)
	case teeTime:
		p.time(&c)
	case teeInformed:
		table := map[string]*exchanges.InstrumentInfo{}
		for i := range c.Symbols {
			table[c.Symbols[i].Native] = c.Symbols[i].Info
		}
		p.h.informed(table)
	case teeShutdown:
		p.h.shutdown()
		p.ended = true
	case teeRelease:
		p.h.release()
		p.ended = true
	case teeHandlerError:
		p.h.handlerFailed(symbols[0], c.Channels)
	case teeResend:
		p.h.resend(symbols[0])
	default:
		p.differs() // a command of a later version
	}
	// What the asking thread's own business read of the clock, behind the command.
	for more := true; more; {
		_, more = p.log.answer(recording.KindClock)
	}
	return nil
}

func (p *player) snapshot(c *teeCommand) {
	if c.Instrument < 0 || c.Instrument >= len(p.h.instruments) {
		p.differs()
		return
	}
	r := &snapshotResult{in: p.h.instruments[c.Instrument], attempt: c.Attempt, retryAfterNS: c.RetryAfterNS}
	switch {
	case c.Error != "":
		r.err = errors.New(c.Error)
	case p.rest == nil:
		r.err = errNoSnapshot
	default:
		r.err = parseSnapshot(p.rest, c.Body, r)
	}
	p.h.snapshotCame(r)
}

func (p *player) trades(c *teeCommand) {
	if c.Instrument < 0 || c.Instrument >= len(p.h.instruments) {
		p.differs()
		return
	}
	r := &tradesResult{in: p.h.instruments[c.Instrument], attempt: c.Attempt, retryAfterNS: c.RetryAfterNS, recvNS: c.AtNS}
	d, ok := p.cfg.Dialect.(TradesDialect)
	switch {
	case c.Error != "":
		r.err = errors.New(c.Error)
	case !ok:
		r.err = errNoTrades
	default:
		r.err = parseTrades(d, c.Body, r)
	}
	p.h.tradesCame(r)
}

func (p *player) time(c *teeCommand) {
	r := &timeResult{sample: clockSample{c.OffsetNS, c.UncertaintyNS, c.AtNS}, retryAfterNS: c.RetryAfterNS}
	if c.Error != "" {
		r.err = errors.New(c.Error)
	}
	p.h.timeCame(r)
}

// replayClock answers with the recorded readings, in order.
type replayClock struct {
	player *player
	real   hotClock
	now    int64
}

// Now is the next recorded reading; the one before where there is none.
func (c *replayClock) Now() int64 {
	if c.player.log == nil {
		return c.now // of a capture: the row's
	}
	if it, ok := c.player.log.answer(recording.KindClock); ok {
		c.now = it.Value
	} else {
		c.player.unanswered()
	}
	return c.now
}

// Discipline keeps the clock of publish times, which is this process's.
func (c *replayClock) Discipline()   { c.real.Discipline() }
func (c *replayClock) Steps() uint64 { return c.real.Steps() }

// replaySocket answers as a socket did. Its descriptor leads nowhere.
type replaySocket struct {
	p                  *player
	fd                 int
	endpoint, describe string
	payload            []byte
}

func (s *replaySocket) ReadChunk() (int, error) {
	it, ok := s.p.log.answer(recording.KindChunk)
	if !ok {
		s.p.unanswered()
		return 0, nil
	}
	return int(it.Value), errorOf(&it)
}

func (s *replaySocket) Next() (wire.Message, error) {
	s.p.hash()
	if it, ok := s.p.log.answer(recording.KindMessage); ok {
		// Decoders may read beyond a message, as far as the wire guarantees.
		if need := 2 + len(it.Payload) + wire.Padding; cap(s.payload) < need {
			s.payload = make([]byte, 0, need+need/2)
		}
		s.payload = s.payload[:0]
		if op := wire.Op(it.A); op == wire.OpClose && it.B != wire.CloseNoStatus {
			s.payload = binary.BigEndian.AppendUint16(s.payload, it.B)
		}
		s.payload = append(s.payload, it.Payload...)
		return wire.Message{Op: wire.Op(it.A), Payload: s.payload}, nil
	}
	it, ok := s.p.log.answer(recording.KindDry)
	if !ok {
		s.p.unanswered()
		return wire.Message{}, nil
	}
	return wire.Message{}, errorOf(&it)
}

func (s *replaySocket) WriteText(p []byte) error { return s.sent(wire.OpText, p) }

func (s *replaySocket) WriteControl(op wire.Op, p []byte) error { return s.sent(op, p) }

func (s *replaySocket) SendClose(_ uint16, reason string) error {
	return s.sent(wire.OpClose, []byte(reason))
}

// sent takes a message that was sent at this place too.
func (s *replaySocket) sent(op wire.Op, p []byte) error {
	if s.p.log == nil {
		return nil
	}
	it, ok := s.p.log.answer(recording.KindSent)
	switch {
	case !ok:
		s.p.unanswered()
	case wire.Op(it.A) != op || string(it.Payload) != string(p):
		s.p.differs()
	}
	return s.Flush()
}

// Flush fails where it did.
func (s *replaySocket) Flush() error {
	if s.p.log == nil {
		return nil
	}
	it, ok := s.p.log.answer(recording.KindFailed)
	if !ok {
		return nil
	}
	return errorOf(&it)
}

func (s *replaySocket) WantWrite() bool  { return false }
func (s *replaySocket) Close() error     { return unix.Close(s.fd) }
func (s *replaySocket) FD() int          { return s.fd }
func (s *replaySocket) Endpoint() string { return s.endpoint }
func (s *replaySocket) Describe() string { return s.describe }

// errorOf is the error that an item stands for.
func errorOf(it *recording.Item) error {
	switch it.A {
	case teeNoError:
		return nil
	case teeEOF:
		return io.EOF
	case teeProtocol:
		return &wire.ProtocolError{CloseCode: it.B, Reason: string(it.Payload)}
	case teeBackpressure:
		return wire.ErrBackpressure
	}
	return errors.New(string(it.Payload))
}
