package sim

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
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
)

// key names one stream a client asked for. Level is the variant that the frames
// of the stream name themselves; interval is known from the request only.
type key struct {
	channel, pair, level, interval string
}

// conn is one WebSocket client. Its reader is the goroutine that serves it, its
// writer is another; whoever has something to send queues it.
type conn struct {
	srv    *Server
	id     string // conn_id of the answers
	faults Faults // as they stood when the client came
	nc     net.Conn
	raw    *trackedConn
	br     *bufio.Reader

	mu     sync.Mutex // guards the fields below
	wake   *sync.Cond // out, ending or dead changed
	out    bytes.Buffer
	flight int  // bytes the writer took and has not written yet
	data   int  // data frames queued
	ending bool // write what is queued, then nothing more
	dead   bool // write nothing more
	closed bool // a close frame is queued

	keysMu sync.Mutex
	keys   []key // what the client subscribed to, in order
	settle *time.Timer
	gone   bool

	touched bool // has data queued and not kicked; guarded by the market's lock

	lastClientNS atomic.Int64
	lastDataNS   atomic.Int64
	served       atomic.Bool   // capture: everything is queued
	streaming    atomic.Bool   // capture: data began
	left         atomic.Bool   // the client ended the connection in order
	quit         chan struct{} // closed when the client is gone
}

func newConn(s *Server, nc net.Conn, raw *trackedConn, br *bufio.Reader, id string) *conn {
	c := &conn{srv: s, id: id, faults: s.currentFaults(), nc: nc, raw: raw, br: br, quit: make(chan struct{})}
	c.wake = sync.NewCond(&c.mu)
	c.lastClientNS.Store(time.Now().UnixNano())
	return c
}

// serve runs until the connection is gone.
func (c *conn) serve() {
	idle := c.watchIdle()
	written := make(chan struct{})
	go func() { defer close(written); c.write() }()
	answer, stop := c.answerer()
	c.read(answer)
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

// answerer gives the function that handles a message: at once, or, with the
// acknowledgement fault, later and in order. stop waits for what is under way.
func (c *conn) answerer() (answer func([]byte), stop func()) {
	handle := func(message []byte) { c.srv.dialect.handle(c, message) }
	if c.faults.AckDelay == 0 {
		return handle, func() {}
	}
	type late struct {
		due     time.Time
		message []byte
	}
	queue, done, quit := make(chan late, 4096), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for l := range queue {
			select {
			case <-time.After(time.Until(l.due)):
				handle(l.message)
			case <-quit:
			}
		}
	}()
	answer = func(m []byte) { queue <- late{time.Now().Add(c.faults.AckDelay), bytes.Clone(m)} }
	return answer, func() { close(quit); close(queue); <-done }
}

// read takes client frames until the connection ends.
func (c *conn) read(answer func([]byte)) {
	var message []byte
	state := ws.StateServerSide
	for {
		h, payload, err := c.readFrame(state)
		if err != nil {
			c.refuseFrame(err)
			return
		}
		c.lastClientNS.Store(time.Now().UnixNano())
		switch h.OpCode {
		case ws.OpPing:
			c.srv.stats.update(func(s *Stats) { s.ProtocolPings++ })
			c.queueFrame(ws.OpPong, payload)
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
			c.srv.stats.update(func(s *Stats) { s.Requests++ })
			answer(message)
			message = message[:0]
		}
	}
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
	closed, dead := c.closed, c.dead
	c.mu.Unlock()
	switch {
	case dead:
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

// queueFrame queues a frame that is no data.
func (c *conn) queueFrame(op ws.OpCode, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.dead {
		return
	}
	c.append(op, payload)
	c.wake.Broadcast()
}

func (c *conn) queueText(payload []byte) { c.queueFrame(ws.OpText, payload) }

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
	// bytes.Buffer does not fail.
	_ = ws.WriteHeader(&c.out, ws.Header{Fin: true, OpCode: op, Length: int64(len(payload))})
	c.out.Write(payload)
}

// queueData queues a text frame of data without waking the writer (see kick) and
// reports whether the client still takes data. Any goroutine may call it.
func (c *conn) queueData(payload []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.dead {
		return false
	}
	if c.out.Len()+c.flight > c.srv.backlog {
		c.dead = true
		c.wake.Broadcast()
		c.srv.stats.update(func(s *Stats) { s.SlowCuts++ })
		_ = c.raw.Close()
		return false
	}
	c.append(ws.OpText, payload)
	c.data++
	if c.faults.DropAfter > 0 && c.data >= c.faults.DropAfter {
		if c.faults.CloseCode != 0 {
			c.closeLocked(ws.StatusCode(c.faults.CloseCode), "")
		}
		c.ending = true
		c.wake.Broadcast()
	}
	return true
}

// kick wakes the writer after queueData.
func (c *conn) kick() {
	c.lastDataNS.Store(time.Now().UnixNano())
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
		last, limit := c.lastClientNS.Load(), cfg.IdleTimeout
		if c.subscribed() {
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

// subscribe adds streams; those the client has already stay as they are.
func (c *conn) subscribe(keys []key) {
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
		}
		c.keysMu.Unlock()
		if i >= 0 {
			c.srv.source.unsubscribe(c, k)
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
	if c.faults.CloseCode != 0 && c.faults.DropAfter == 0 {
		c.queueClose(ws.StatusCode(c.faults.CloseCode), "")
		return
	}
	c.srv.source.begin(c)
}
