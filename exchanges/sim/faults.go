package sim

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// Faults are ways to misbehave. The zero value behaves. "Every" counts the data
// frames of one connection; 0 is never.
type Faults struct {
	// Of the handshake.
	HTTPStatus    int           // answer the upgrade with this status, 300 to 599
	NotWebSocket  bool          // answer the upgrade with 200 and a page of text
	CertExpired   bool          // TLS: a certificate that ended yesterday
	CertWrongHost bool          // TLS: a certificate for another host
	TLSDelay      time.Duration // let a new connection wait before its first byte is read

	// Of requests.
	RefusePairs []string      // refuse every request that names one of these
	RefuseAll   bool          // refuse every request
	RefuseText  string        // with this text; empty: the venue's own for an unknown pair
	AckDelay    time.Duration // answer requests so much later
	NoAcks      bool          // swallow subscribe and unsubscribe: no answer, no effect
	LoseAcks    bool          // requests have their effect and no answer

	// Of the connection.
	DropSockets    bool          // cut every socket that is open or comes
	Silent         bool          // send nothing at all
	PingsOnly      bool          // send nothing but pings, and pongs to pings
	HalfOpen       bool          // neither read nor send
	DropAfter      int           // cut a connection after so many data frames
	CloseCode      int           // with a close frame of this code; without DropAfter: in place of the first data
	ResetMidFrame  bool          // reset a connection in the middle of its next data frame
	ConnectionLife time.Duration // cut a connection that is older
	TrickleBytes   int           // send no more than so many bytes a millisecond, below TLS

	// Of data.
	DuplicateEvery int    // send each so manieth frame twice
	ReorderEvery   int    // send each so manieth frame after the next one of its stream
	SkipEvery      int    // leave out each so manieth book delta
	SkipPair       string // of this pair only; empty: of any
	MalformEvery   int    // send only the first half of each so manieth frame's payload

	// Of the clock: times that the server says, of REST, answers and the market, are so
	// much ahead of this host's; below zero behind. A capture's frames are as recorded.
	ClockOffset time.Duration

	// Of REST.
	RESTStatus int           // answer with this status, 400 to 599
	RetryAfter time.Duration // with this Retry-After, rounded up to seconds; 0 without
	RESTDelay  time.Duration // answer so much later, with the data of the moment of asking
	RESTStale  bool          // books are those of the moment this was set (a capture has no others)
	HaltPairs  []string      // metadata say that trading of these is halted
}

func (f Faults) check() error {
	if f.HTTPStatus != 0 && (f.HTTPStatus < 300 || f.HTTPStatus > 599) {
		return fmt.Errorf("fault HTTP status %d: want 300 to 599", f.HTTPStatus)
	}
	if f.RESTStatus != 0 && (f.RESTStatus < 400 || f.RESTStatus > 599) {
		return fmt.Errorf("fault REST status %d: want 400 to 599", f.RESTStatus)
	}
	if f.CloseCode != 0 && (f.CloseCode < 1000 || f.CloseCode > 4999) {
		return fmt.Errorf("fault close code %d: want 1000 to 4999", f.CloseCode)
	}
	if f.DropAfter < 0 || f.AckDelay < 0 {
		return errors.New("fault drop-after and ack-delay: want 0 or more")
	}
	if min(f.DuplicateEvery, f.ReorderEvery, f.SkipEvery, f.MalformEvery, f.TrickleBytes) < 0 {
		return errors.New("fault counts: want 0 or more")
	}
	if min(f.TLSDelay, f.ConnectionLife, f.RetryAfter, f.RESTDelay) < 0 {
		return errors.New("fault durations: want 0 or more")
	}
	return nil
}

func (f *Faults) refuses(pair string) bool {
	return f.RefuseAll || slices.Contains(f.RefusePairs, pair)
}

func (f *Faults) skips(pair string) bool {
	return f.SkipEvery > 0 && (f.SkipPair == "" || f.SkipPair == pair)
}

// now is the time that the server says it is.
func (s *Server) now() time.Time { return time.Now().Add(s.fault().ClockOffset) }

// halted reports whether metadata must say that trading of a pair is halted.
func (s *Server) halted(pair string) bool { return slices.Contains(s.fault().HaltPairs, pair) }

// SetFaults changes the faults for the connections and requests to come; open
// WebSocket connections keep theirs.
func (s *Server) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	s.faults.Store(&f)
	s.source.freeze(f.RESTStale)
	return nil
}

// ApplyFaults changes the faults for open connections too. What a fault withheld
// before stays withheld.
func (s *Server) ApplyFaults(f Faults) error {
	if err := s.SetFaults(f); err != nil {
		return err
	}
	s.sockets.apply(&f)
	for _, c := range s.openConns() {
		if c.fault().HalfOpen && !f.HalfOpen {
			// It was not heard, not silent.
			c.lastClientNS.Store(time.Now().UnixNano())
			c.emptyNS.Store(time.Now().UnixNano())
		}
		c.faults.Store(&f)
	}
	if f.DropSockets {
		s.sockets.resetAll(nil)
	}
	return nil
}

// ResetMidFrameAll resets every client in the middle of its next data frame.
func (s *Server) ResetMidFrameAll() {
	for _, c := range s.openConns() {
		c.mu.Lock()
		c.counts.resetNext = true
		c.mu.Unlock()
	}
}

// SendOversizeAll sends every client a data message of so many bytes.
func (s *Server) SendOversizeAll(sizeBytes int) {
	s.sendAll(s.dialect.op(), bytes.Repeat([]byte{' '}, sizeBytes))
}

func (s *Server) sendAll(op ws.OpCode, payload []byte) {
	for _, c := range s.openConns() {
		c.queueFrame(op, payload)
	}
}

// houseEvery is how often the age of connections is looked at, pingEvery how often
// a client that gets pings only is sent one.
const (
	houseEvery = 10 * time.Millisecond
	pingEvery  = 100 * time.Millisecond
)

// keepHouse does what time alone brings.
func (s *Server) keepHouse() {
	tick := time.NewTicker(houseEvery)
	defer tick.Stop()
	for lastPing := time.Now(); ; {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		ping := now.Sub(lastPing) >= pingEvery
		if ping {
			lastPing = now
		}
		s.mu.Lock()
		conns := s.connsLocked()
		s.mu.Unlock()
		for _, c := range conns {
			c.age(now, ping)
		}
	}
}

// age cuts a connection that is too old, without a close frame.
func (c *conn) age(now time.Time, ping bool) {
	f := c.fault()
	life := orDefault(f.ConnectionLife, c.srv.limits.life)
	if life > 0 && now.Sub(c.born) >= life {
		c.mu.Lock()
		counted := c.dead
		c.mu.Unlock()
		if !counted {
			c.srv.stats.update(func(s *Stats) { s.LifeCuts++ })
		}
		c.kill()
		return
	}
	if ping && f.PingsOnly {
		c.queueFrame(ws.OpPing, []byte("alive"))
	}
}

// faultCounts are what the faults of data count on a connection.
type faultCounts struct {
	duplicate, reorder, skip, malform int
	resetNext                         bool
}

// every counts and reports each n-th time.
func every(count *int, n int) bool {
	if n <= 0 {
		return false
	}
	*count++
	return *count%n == 0
}

// misbehave puts a data frame into the queue, or does with it what the faults say;
// the lock is held.
func (c *conn) misbehave(f *frame) fate {
	flt, n := c.fault(), &c.counts
	switch {
	case flt.Silent || flt.HalfOpen || flt.PingsOnly:
		return c.withhold(f)
	case f.delta && flt.skips(f.key.pair) && every(&n.skip, flt.SkipEvery):
		return c.withhold(f)
	case every(&n.malform, flt.MalformEvery):
		c.append(f.op, f.payload[:len(f.payload)/2])
		c.flowed = true
		c.truthOf(f.key).Malformed++
		c.srv.stats.update(func(s *Stats) { s.Malformed++ })
		return c.withhold(f)
	case flt.ResetMidFrame || n.resetNext:
		c.appendHalf(f)
		c.ending, c.reset = true, true
		c.wake.Broadcast()
		return c.withhold(f)
	case c.held != nil && c.held.key == f.key:
		c.put(f)
		c.truthOf(f.key).Reordered++
		c.put(c.held)
		c.held = nil
	case c.held == nil && f.key != (key{}) && every(&n.reorder, flt.ReorderEvery):
		held := *f
		held.payload = bytes.Clone(f.payload)
		c.held = &held
		return fateWithheld
	default:
		c.put(f)
		if every(&n.duplicate, flt.DuplicateEvery) {
			c.truthOf(f.key).Duplicates++
			c.put(f)
		}
	}
	return fateSent
}

// put queues a data frame and counts it.
func (c *conn) put(f *frame) {
	c.append(f.op, f.payload)
	c.data++
	c.flowed = true
	t := c.truthOf(f.key)
	t.Frames++
	t.Items += uint64(f.items)
	t.LastSequence = max(t.LastSequence, f.sequence)
	if f.delta && t.missing {
		t.missing = false
		t.Gaps++
	}
	c.srv.stats.frames(f.channel, 1)
}

// withhold counts a data frame that is not sent.
func (c *conn) withhold(f *frame) fate {
	t := c.truthOf(f.key)
	t.Withheld++
	t.missing = t.missing || f.delta
	return fateWithheld
}

// appendHalf queues the header of a frame and half of its payload.
func (c *conn) appendHalf(f *frame) {
	// bytes.Buffer does not fail.
	_ = ws.WriteHeader(&c.out, ws.Header{Fin: true, OpCode: f.op, Length: int64(len(f.payload))})
	c.out.Write(f.payload[:len(f.payload)/2])
}

// holdReading waits while the client is not to be read.
func (c *conn) holdReading() {
	for c.fault().HalfOpen && !c.raw.isClosed() {
		time.Sleep(houseEvery)
	}
}

// serveREST plays the faults of REST around the venue's answer.
func (s *Server) serveREST(w http.ResponseWriter, r *http.Request) {
	f := s.fault()
	if f.RESTDelay > 0 {
		w = &lateWriter{ResponseWriter: w, wait: func() {
			select {
			case <-time.After(f.RESTDelay):
			case <-s.stop:
			case <-r.Context().Done():
			}
		}}
	}
	if f.RESTStatus == 0 {
		s.dialect.serveREST(w, r)
		return
	}
	if f.RetryAfter > 0 {
		seconds := (f.RetryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	s.dialect.restError(w, f.RESTStatus)
}

// lateWriter waits before it sends the first byte of an answer.
type lateWriter struct {
	http.ResponseWriter
	wait   func()
	waited bool
}

func (w *lateWriter) WriteHeader(status int) {
	w.delay()
	w.ResponseWriter.WriteHeader(status)
}

func (w *lateWriter) Write(b []byte) (int, error) {
	w.delay()
	return w.ResponseWriter.Write(b)
}

func (w *lateWriter) delay() {
	if !w.waited {
		w.waited = true
		w.wait()
	}
}
