package sim

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

const (
	maxMessageBytes = 1 << 20   // a request of 2000 names takes 40 kB
	maxBacklogBytes = 64 << 20  // 25 s of 10,000 frames a second
	roomBytes       = 256 << 10 // a capture waits while more than this is queued
	closeWait       = 10 * time.Second
	flushWait       = 2 * time.Second
	beforeReset     = 5 * time.Millisecond // for what was sent to arrive
)

// key names one stream a client asked for. Level is the variant that the frames
// of the stream name themselves; interval is known from the request only.
type key struct {
	channel, pair, level, interval string
	whole                          bool // Gate.io futures: sizes without their decimals
}

// conn is one WebSocket client. Its reader is the goroutine that serves it, its
// writer is another; whoever has something to send queues it.
type conn struct {
	srv    *Server
	id     string // conn_id of the answers
	header http.Header
	faults atomic.Pointer[Faults]
	nc     net.Conn
	raw    *trackedConn
	br     *bufio.Reader
	born   time.Time

	recent  []int64 // times of the last client messages, a ring; the reader's
	asked   int     // streams accepted over the connection's life; the answerer's
	late    chan lateMessage
	pending atomic.Int64 // messages in late

	mu      sync.Mutex // guards the fields below
	wake    *sync.Cond // out, ending or dead changed
	out     bytes.Buffer
	flight  int  // bytes the writer took and has not written yet
	data    int  // data frames queued
	flowed  bool // data were queued since the last kick
	reset   bool // end with a TCP reset
	held    *frame
	counts  faultCounts
	truth   ConnectionTruth
	stream  map[key]int // index into truth.Streams
	deflate *deflater   // nil where messages go as they are
	ending  bool        // write what is queued, then nothing more
	dead    bool        // write nothing more
	closed  bool        // a close frame is queued

	keysMu sync.Mutex
	keys   []key // what the client subscribed to, in order
	settle *time.Timer
	gone   bool

	touched bool // has data queued and not kicked; guarded by the market's lock

	lastClientNS atomic.Int64
	emptyNS      atomic.Int64 // since when there is no subscription
	lastDataNS   atomic.Int64
	served       atomic.Bool   // capture: everything is queued
	streaming    atomic.Bool   // capture: data began
	left         atomic.Bool   // the client ended the connection in order
	quit         chan struct{} // closed when the client is gone
}

func newConn(s *Server, nc net.Conn, raw *trackedConn, br *bufio.Reader, id string) *conn {
	now := time.Now()
	c := &conn{
		srv: s, id: id, nc: nc, raw: raw, br: br, born: now,
		recent: make([]int64, s.limits.messages),
		late:   make(chan lateMessage, 4096),
		stream: map[key]int{},
		truth:  ConnectionTruth{ID: id, OpenedNS: now.UnixNano()},
		quit:   make(chan struct{}),
	}
	c.faults.Store(s.fault())
	c.wake = sync.NewCond(&c.mu)
	c.lastClientNS.Store(now.UnixNano())
	c.emptyNS.Store(now.UnixNano())
	return c
}

// fault gives the faults as they stand for this client.
func (c *conn) fault() *Faults { return c.faults.Load() }

// serve runs until the connection is gone.
func (c *conn) serve() {
	idle := c.watchIdle()
	written := make(chan struct{})
	go func() { defer close(written); c.write() }()
	stop := c.answerLate()
	c.read()
	stop()
	idle.Stop()
	c.keysMu.Lock()
	c.gone = true
	close(c.quit)
	if c.settle != nil {
		c.settle.Stop()
	}
	c.keysMu.Unlock()
	c.srv.source.end(c)
	_ = c.nc.SetWriteDeadline(time.Now().Add(flushWait))
	c.mu.Lock()
	c.ending = true
	c.wake.Broadcast()
	c.mu.Unlock()
	<-written
	_ = c.nc.Close()
	_ = c.raw.Close()
}

// lateMessage is a client message that is handled later.
type lateMessage struct {
	due     time.Time
	message []byte
}

// answerLate handles late messages in order; stop ends it and waits for it.
func (c *conn) answerLate() (stop func()) {
	done, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for l := range c.late {
			select {
			case <-time.After(time.Until(l.due)):
				c.srv.dialect.handle(c, l.message)
			case <-quit:
			}
			c.pending.Add(-1)
		}
	}()
	return func() { close(quit); close(c.late); <-done }
}

// answer handles a message at once, or later when the faults say so or an earlier
// one still waits.
func (c *conn) answer(message []byte) {
	delay := c.fault().AckDelay
	if delay == 0 && c.pending.Load() == 0 {
		c.srv.dialect.handle(c, message)
		return
	}
	c.pending.Add(1)
	c.late <- lateMessage{time.Now().Add(delay), bytes.Clone(message)}
}

// flooding notes a client message and reports whether there were too many within a
// second.
func (c *conn) flooding(now time.Time) bool {
	if len(c.recent) == 0 {
		return false
	}
	at := &c.recent[c.truth.Messages%uint64(len(c.recent))]
	early := *at != 0 && now.UnixNano()-*at < int64(time.Second)
	*at = now.UnixNano()
	return early
}

// read takes client frames until the connection ends.
func (c *conn) read() {
	var message []byte
	state := ws.StateServerSide
	for {
		h, payload, err := c.readFrame(state)
		if err != nil {
			c.refuseFrame(err)
			return
		}
		c.holdReading()
		c.lastClientNS.Store(time.Now().UnixNano())
		switch h.OpCode {
		case ws.OpPing:
			c.srv.stats.update(func(s *Stats) { s.ProtocolPings++ })
			if !c.srv.limits.noPong {
				c.queueFrame(ws.OpPong, payload)
			}
		case ws.OpPong:
		case ws.OpClose:
			c.left.Store(true)
			code, _ := ws.ParseCloseFrameData(payload)
			c.queueClose(code, "")
			return
		default:
			message = append(message, payload...)
			if len(message) > maxMessageBytes {
				c.refuseFrame(errTooBig)
				return
			}
			state = state.Set(ws.StateFragmented)
			if !h.Fin {
				continue
			}
			state = state.Clear(ws.StateFragmented)
			if !utf8.Valid(message) {
				c.refuseFrame(errNotUTF8)
				return
			}
			if !c.take(message) {
				return
			}
			message = message[:0]
		}
	}
}

// take counts and handles a message; false when the client sent too many.
func (c *conn) take(message []byte) bool {
	c.srv.stats.update(func(s *Stats) { s.Requests++ })
	if c.flooding(time.Now()) {
		c.srv.stats.update(func(s *Stats) { s.FloodCuts++ })
		c.srv.cfg.Logger.Info("client cut for too many messages a second", "conn", c.id)
		c.kill()
		return false
	}
	c.mu.Lock()
	c.truth.Messages++
	c.mu.Unlock()
	c.answer(message)
	return true
}

var (
	errTooBig  = errors.New("message too big")
	errNotUTF8 = errors.New("message is not UTF-8")
)

func (c *conn) readFrame(state ws.State) (ws.Header, []byte, error) {
	h, err := ws.ReadHeader(c.br)
	if err != nil {
		return h, nil, err
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, nil, err
	}
	if h.Length > maxMessageBytes {
		return h, nil, errTooBig
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(c.br, payload); err != nil {
		return h, nil, err
	}
	ws.Cipher(payload, h.Mask, 0)
	return h, payload, nil
}

// refuseFrame answers a client that broke the protocol; an ended socket needs no
// answer.
func (c *conn) refuseFrame(err error) {
	var protocol ws.ProtocolError
	code := ws.StatusCode(0)
	switch {
	case errors.As(err, &protocol), errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
		code = ws.StatusProtocolError
	case errors.Is(err, errTooBig):
		code = ws.StatusMessageTooBig
	case errors.Is(err, errNotUTF8):
		code = ws.StatusInvalidFramePayloadData
	default:
		if errors.Is(err, io.EOF) {
			c.left.Store(true)
		}
		c.kill()
		return
	}
	c.srv.stats.update(func(s *Stats) { s.ProtocolErrors++ })
	c.srv.cfg.Logger.Info("client broke the protocol", "conn", c.id, "why", err)
	c.queueClose(code, err.Error())
	// Closing with bytes unread resets the socket, and the close frame with it.
	_ = c.nc.SetReadDeadline(time.Now().Add(flushWait))
	_, _ = io.Copy(io.Discard, c.br)
}

// write sends what is queued, as much as there is at a time.
func (c *conn) write() {
	var spare bytes.Buffer
	for {
		c.mu.Lock()
		c.flight = 0
		for c.out.Len() == 0 && !c.ending && !c.dead {
			c.wake.Wait()
		}
		if c.dead || c.out.Len() == 0 {
			c.mu.Unlock()
			break
		}
		c.out, spare = spare, c.out
		c.flight = spare.Len()
		c.wake.Broadcast()
		c.mu.Unlock()
		if _, err := c.nc.Write(spare.Bytes()); err != nil {
			c.kill()
			return
		}
		spare.Reset()
	}
	c.afterLast()
}

// afterLast ends the sending side: a client that was sent a close frame gets time
// to answer it, so that nothing it has not read yet is lost; any other is cut.
func (c *conn) afterLast() {
	c.mu.Lock()
	closed, dead, reset := c.closed, c.dead, c.reset
	c.mu.Unlock()
	switch {
	case dead:
	case reset:
		time.Sleep(beforeReset)
		c.raw.reset()
	case closed:
		_ = c.nc.SetReadDeadline(time.Now().Add(closeWait))
	default:
		_ = c.raw.Close()
	}
}

// kill ends the connection at once, without a close frame.
func (c *conn) kill() {
	c.mu.Lock()
	c.dead = true
	c.wake.Broadcast()
	c.mu.Unlock()
	_ = c.raw.Close()
}

// queueFrame queues a frame that is no data, unless the client is to hear nothing.
func (c *conn) queueFrame(op ws.OpCode, payload []byte) {
	if f := c.fault(); f.Silent || f.HalfOpen {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.dead {
		return
	}
	c.append(op, payload)
	c.wake.Broadcast()
}

func (c *conn) queueText(payload []byte) { c.queueFrame(ws.OpText, payload) }

// queueAnswer queues the answer to a request other than a ping.
func (c *conn) queueAnswer(payload []byte) {
	if f := c.fault(); f.LoseAcks || f.PingsOnly {
		return
	}
	c.queueText(payload)
}

// queueRaw queues bytes as they are.
func (c *conn) queueRaw(raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.dead {
		return
	}
	c.out.Write(raw)
	c.wake.Broadcast()
}

// queueClose queues a close frame; nothing is sent after it. Code 0 or 1005 is a
// frame without a body.
func (c *conn) queueClose(code ws.StatusCode, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(code, reason)
}

func (c *conn) closeLocked(code ws.StatusCode, reason string) {
	if c.ending || c.dead {
		return
	}
	var body []byte
	if code != 0 && code != ws.StatusNoStatusRcvd {
		body = ws.NewCloseFrameBody(code, reason)
	}
	c.append(ws.OpClose, body)
	c.ending, c.closed = true, true
	c.wake.Broadcast()
}

func (c *conn) append(op ws.OpCode, payload []byte) {
	h := ws.Header{Fin: true, OpCode: op}
	if c.deflate != nil && op.IsData() {
		payload, h.Rsv = c.deflate.message(payload), rsvDeflated
	}
	h.Length = int64(len(payload))
	// bytes.Buffer does not fail.
	_ = ws.WriteHeader(&c.out, h)
	c.out.Write(payload)
}

// frame is one data frame on its way. The payload is the caller's.
type frame struct {
	key      key // zero where it belongs to no one stream
	channel  string
	op       ws.OpCode
	payload  []byte
	items    int    // trades, or 1
	sequence uint64 // of its last item; 0 none
	delta    bool   // it changes a book the client keeps
}

// fate is what became of a data frame.
type fate uint8

const (
	fateSent     fate = iota
	fateWithheld      // by a fault
	fateGone          // the client takes no more data
)

// queueData queues a frame of data, or does with it what the faults say, without
// waking the writer (see kick). Any goroutine may call it.
func (c *conn) queueData(f *frame) fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.dead {
		return fateGone
	}
	if c.out.Len()+c.flight > c.srv.backlog {
		c.dead = true
		c.wake.Broadcast()
		c.srv.stats.update(func(s *Stats) { s.SlowCuts++ })
		_ = c.raw.Close()
		return fateGone
	}
	fate, faults := c.misbehave(f), c.fault()
	if faults.DropAfter > 0 && c.data >= faults.DropAfter {
		if faults.CloseCode != 0 {
			c.closeLocked(ws.StatusCode(faults.CloseCode), "")
		}
		c.ending = true
		c.wake.Broadcast()
	}
	return fate
}

// kick wakes the writer after queueData.
func (c *conn) kick() {
	c.mu.Lock()
	if c.flowed {
		c.flowed = false
		c.lastDataNS.Store(time.Now().UnixNano())
	}
	c.mu.Unlock()
	c.wake.Broadcast()
}

// waitRoom waits until less than roomBytes are queued; false when the client
// takes no more data.
func (c *conn) waitRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.out.Len() >= roomBytes && !c.ending && !c.dead {
		c.wake.Broadcast()
		c.wake.Wait()
	}
	return !c.ending && !c.dead
}

// watchIdle cuts a client that is silent for too long, as the venue does: without
// a close frame.
func (c *conn) watchIdle() *time.Timer {
	cfg := c.srv.cfg
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(min(cfg.IdleTimeout, cfg.SilentTimeout), func() {
		<-ready
		if c.isGone() {
			return
		}
		if c.fault().HalfOpen {
			timer.Reset(cfg.IdleTimeout)
			return
		}
		last, limit := c.lastClientNS.Load(), cfg.IdleTimeout
		if c.srv.limits.mustSubscribe {
			last = c.emptyNS.Load()
		}
		if c.subscribed() {
			last = c.lastClientNS.Load()
			last, limit = max(last, c.lastDataNS.Load()), cfg.SilentTimeout
		}
		left := limit - time.Since(time.Unix(0, last))
		if left > 0 {
			timer.Reset(left)
			return
		}
		c.srv.stats.update(func(s *Stats) { s.IdleCloses++ })
		c.srv.cfg.Logger.Info("silent client cut", "conn", c.id)
		c.kill()
	})
	close(ready)
	return timer
}

func (c *conn) isGone() bool {
	c.keysMu.Lock()
	defer c.keysMu.Unlock()
	return c.gone
}

// hadAll reports whether the client took all that was queued for it and then
// ended the connection in order.
func (c *conn) hadAll() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left.Load() && c.served.Load() && c.data > 0 && c.out.Len()+c.flight == 0
}

// gotData reports whether a capture was served to the client, with data in it.
func (c *conn) gotData() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served.Load() && c.data > 0
}

func (c *conn) subscribed() bool {
	c.keysMu.Lock()
	defer c.keysMu.Unlock()
	return len(c.keys) > 0
}

func (c *conn) has(k key) bool {
	c.keysMu.Lock()
	defer c.keysMu.Unlock()
	return slices.Contains(c.keys, k)
}

// wanted gives a copy of the streams the client subscribed to, in order.
func (c *conn) wanted() []key {
	c.keysMu.Lock()
	defer c.keysMu.Unlock()
	return slices.Clone(c.keys)
}

// subscribe answers and adds streams; those the client has already stay as they
// are. Data come after the answer, and who has the answer finds the streams in the
// truth.
func (c *conn) subscribe(keys []key, answer []byte) {
	for _, k := range keys {
		if !c.has(k) {
			c.noteSubscribed(k)
		}
	}
	c.queueAnswer(answer)
	for _, k := range keys {
		c.keysMu.Lock()
		known := slices.Contains(c.keys, k)
		if !known {
			c.keys = append(c.keys, k)
		}
		c.keysMu.Unlock()
		if !known {
			c.srv.source.subscribe(c, k)
		}
	}
}

func (c *conn) unsubscribe(keys []key) {
	for _, k := range keys {
		c.keysMu.Lock()
		i := slices.Index(c.keys, k)
		if i >= 0 {
			c.keys = slices.Delete(c.keys, i, i+1)
			c.emptyNS.Store(time.Now().UnixNano())
		}
		c.keysMu.Unlock()
		if i >= 0 {
			c.srv.source.unsubscribe(c, k)
			c.noteUnsubscribed(k)
		}
	}
}

// restartSettle puts the start of the data off: a request was answered just now.
func (c *conn) restartSettle() {
	c.keysMu.Lock()
	defer c.keysMu.Unlock()
	if c.gone || len(c.keys) == 0 {
		return
	}
	if c.settle == nil {
		c.settle = time.AfterFunc(c.srv.cfg.Settle, c.begin)
		return
	}
	if c.settle.Stop() {
		c.settle.Reset(c.srv.cfg.Settle)
	}
}

// begin runs once, on the timer's goroutine, when requests have been quiet.
func (c *conn) begin() {
	if f := c.fault(); f.CloseCode != 0 && f.DropAfter == 0 {
		c.queueClose(ws.StatusCode(f.CloseCode), "")
		return
	}
	c.srv.source.begin(c)
}
