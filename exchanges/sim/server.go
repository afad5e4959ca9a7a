package sim

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// source is where the data come from: the synthetic market or a capture. Its
// methods may be called from any goroutine.
type source interface {
	// knows reports whether pair is listed.
	knows(pair string) bool
	// subscribe and unsubscribe follow a change of a client's streams.
	subscribe(c *conn, k key)
	unsubscribe(c *conn, k key)
	// begin starts the data of a client, once.
	begin(c *conn)
	// end forgets a client; nothing is queued for it afterwards.
	end(c *conn)
	// book gives a pair's book, best level first; false when it has none.
	book(pair string) (bookCopy, bool)
	// freeze keeps the books as they are for stale answers, or forgets them.
	freeze(on bool)
	// start and stop frame all the others.
	start()
	stop()
}

// bookCopy is a book as text.
type bookCopy struct {
	id         uint64
	bids, asks [][2]string
}

// dialect is what a venue says and understands. Its methods may be called from any
// goroutine, handle from one a connection.
type dialect interface {
	wsPath() string
	restPath() string
	isREST(path string) bool
	serveREST(w http.ResponseWriter, r *http.Request)
	// restError answers a REST request with an error status in the venue's form.
	restError(w http.ResponseWriter, status int)
	// op is the kind of message the venue's data are.
	op() ws.OpCode
	// handle answers one client message; it does not keep it.
	handle(c *conn, message []byte)
	limits() limits
	// streamName is what the venue calls a stream.
	streamName(k key) string
}

// limits are what a venue allows a connection; 0 is no limit.
type limits struct {
	messages int           // of the client in a second
	streams  int           // over the connection's life
	life     time.Duration // of the connection
	noPong   bool          // ping frames go unanswered

	mustSubscribe bool // pings do not keep a connection without a subscription
}

// Server is one simulated venue. All methods may be called from any goroutine.
type Server struct {
	cfg     Config
	dialect dialect
	limits  limits
	source  source
	stats   *stats
	certs   *certificates // nil without TLS
	sockets *socketSet
	http    *http.Server
	done    chan struct{} // closed when a Once run is served
	stop    chan struct{} // closed by Close
	backlog int           // bytes that may wait for a client of the market
	wg      sync.WaitGroup

	// upgrading is read-held from the answer to an upgrade until the client is
	// registered; who write-holds it for a moment sees every client that has its
	// answer.
	upgrading sync.RWMutex

	faults atomic.Pointer[Faults] // for the clients and requests to come
	truths truths                 // of clients that are gone

	mu        sync.Mutex
	address   string // HOST:PORT, fixed by Start
	accepting net.Listener
	conns     map[*conn]struct{}
	started   bool
	closed    bool
	delivered bool // a client that has left had the whole capture
}

// ErrClosed is returned by a server that was closed.
var ErrClosed = errors.New("sim: server closed")

// New checks the configuration and loads the capture, if any; it opens nothing
// else. The error is one line that says what is allowed.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	s := &Server{
		cfg:     cfg,
		stats:   newStats(),
		sockets: &socketSet{m: map[*trackedConn]struct{}{}},
		conns:   map[*conn]struct{}{},
		done:    make(chan struct{}),
		stop:    make(chan struct{}),
		backlog: maxBacklogBytes,
	}
	s.faults.Store(&cfg.Faults)
	s.dialect, s.source, err = newDialect(s)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	s.limits = s.dialect.limits()
	s.source.freeze(cfg.Faults.RESTStale)
	if cfg.TLS {
		if s.certs, err = newCertificates(time.Now()); err != nil {
			return nil, fmt.Errorf("sim: %w", err)
		}
	}
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelInfo),
	}
	return s, nil
}

func newDialect(s *Server) (dialect, source, error) {
	switch s.cfg.Venue {
	case venueMEXC:
		return newMEXC(s)
	case venueGateioFutures:
		return newGateioFutures(s)
	}
	return newGateio(s)
}

// Start listens and returns. A server starts once.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.started {
		return errors.New("sim: server already started")
	}
	if err := s.listenLocked(s.cfg.Listen); err != nil {
		return err
	}
	s.started = true
	s.source.start()
	s.wg.Go(s.keepHouse)
	if len(s.cfg.Scenario.Steps) > 0 {
		s.wg.Go(s.playScenario)
	}
	if s.cfg.Once {
		s.wg.Go(s.watchOnce)
	}
	return nil
}

func (s *Server) listenLocked(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("sim: listen on %s: %w", address, err)
	}
	s.address = l.Addr().String()
	var accepting net.Listener = listener{TCPListener: l.(*net.TCPListener), set: s.sockets, faults: s.fault}
	if s.certs != nil {
		accepting = tls.NewListener(accepting, &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return s.certs.pick(*s.fault()), nil
			},
			// Faults choose the certificate at each handshake.
			SessionTicketsDisabled: true,
		})
	}
	s.accepting = accepting
	s.wg.Go(func() { _ = s.http.Serve(accepting) })
	return nil
}

// URL is the WebSocket address, such as ws://127.0.0.1:PORT/ws/v4/. Empty before
// Start.
func (s *Server) URL() string { return s.url("ws") + s.dialect.wsPath() }

// RESTURL is the REST address, such as http://127.0.0.1:PORT/api/v4.
func (s *Server) RESTURL() string { return s.url("http") + s.dialect.restPath() }

func (s *Server) url(scheme string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.certs != nil {
		scheme += "s"
	}
	return scheme + "://" + s.address
}

// CAPEM is the PEM of the certificate authority clients must trust; nil without
// TLS. The caller must not change it.
func (s *Server) CAPEM() []byte {
	if s.certs == nil {
		return nil
	}
	return s.certs.caPEM
}

// Stats gives the counters.
func (s *Server) Stats() Stats {
	open := len(s.openConns())
	t := s.stats.copy()
	t.Open = open
	return t
}

// Book gives the present book of a pair, best level first, as the venue's decimal
// text; id 0 when the pair has no book (a capture has none).
func (s *Server) Book(pair string) (id uint64, bids, asks [][2]string) {
	b, _ := s.source.book(pair)
	return b.id, b.bids, b.asks
}

// Close ends everything and waits until it has ended. Further calls do nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.stop)
	conns := s.connsLocked()
	s.mu.Unlock()
	err := s.http.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // the listener was closed already, by Pause or at the end of a Once run
	}
	for _, c := range conns {
		c.kill()
	}
	s.sockets.resetAll(nil)
	s.source.stop()
	s.wg.Wait()
	return err
}

// Wait returns nil when a Once run is served, ErrClosed when the server is closed
// before, or the context's error.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-s.done:
		return nil
	case <-s.stop:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("sim: wait until served: %w", ctx.Err())
	}
}

// DropAll resets every socket, WebSocket and REST, without a word.
func (s *Server) DropAll() { s.sockets.resetAll(nil) }

// DropFrom cuts the connections that come from one address, as the loss of one of a
// client's uplinks does.
func (s *Server) DropFrom(ip net.IP) { s.sockets.resetAll(ip) }

// Pause(false) stops accepting: the listener is closed and connections are
// refused by the kernel; open ones live on. Pause(true) accepts again at the same
// port. The error is that of listening again.
func (s *Server) Pause(accept bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || !s.started:
		return ErrClosed
	case accept && s.accepting == nil:
		return s.listenLocked(s.address)
	case !accept && s.accepting != nil:
		err := s.accepting.Close()
		s.accepting = nil
		return err
	}
	return nil
}

// SendAll sends a text message to every client.
func (s *Server) SendAll(frame []byte) {
	s.sendAll(ws.OpText, frame)
}

// SendRawAll sends bytes to every client as they are, between two frames.
func (s *Server) SendRawAll(raw []byte) {
	for _, c := range s.openConns() {
		c.queueRaw(raw)
	}
}

// CloseAll sends every client a close frame, then ends the connection when the
// client has answered.
func (s *Server) CloseAll(code int, reason string) {
	for _, c := range s.openConns() {
		c.queueClose(ws.StatusCode(code), reason)
	}
}

// fault gives the faults for clients and requests to come.
func (s *Server) fault() *Faults { return s.faults.Load() }

// openConns gives every client whose upgrade was answered and that is not gone.
func (s *Server) openConns() []*conn {
	s.upgrading.Lock()
	defer s.upgrading.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connsLocked()
}

func (s *Server) connsLocked() []*conn {
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// ServeHTTP routes a request of either kind. It is called by the HTTP server.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == s.dialect.wsPath():
		s.upgrade(w, r)
	case s.dialect.isREST(r.URL.Path):
		s.stats.update(func(t *Stats) { t.REST[r.URL.Path]++ })
		s.serveREST(w, r)
	default:
		s.stats.update(func(t *Stats) { t.Refused++ })
		http.NotFound(w, r)
	}
}

func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	if s.refuseUpgrade(w) {
		return
	}
	c := s.accept(w, r)
	if c == nil {
		return
	}
	defer s.wg.Done()
	c.serve()
	s.mu.Lock()
	delete(s.conns, c)
	s.delivered = s.delivered || c.hadAll()
	s.truths.add(c.endTruth())
	s.mu.Unlock()
}

// accept shakes hands and registers the client; nil when it is refused.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) *conn {
	s.upgrading.RLock()
	defer s.upgrading.RUnlock()
	agreed := negotiation{Compression: s.cfg.Compression}
	nc, rw, _, err := ws.HTTPUpgrader{Negotiate: agreed.answer}.Upgrade(r, w)
	if err != nil {
		s.stats.update(func(t *Stats) { t.Refused++ })
		s.cfg.Logger.Info("upgrade refused", "from", r.RemoteAddr, "why", err)
		return nil
	}
	packer, err := newDeflater(agreed)
	if err != nil {
		s.cfg.Logger.Error("client refused", "why", err)
		_ = nc.Close()
		return nil
	}
	c, ok := s.admit(nc, rw.Reader, packer)
	if !ok {
		_ = nc.Close()
		return nil
	}
	c.header = r.Header
	return c
}

// refuseUpgrade plays the faults of the handshake.
func (s *Server) refuseUpgrade(w http.ResponseWriter) bool {
	f := s.fault()
	if f.HTTPStatus == 0 && !f.NotWebSocket {
		return false
	}
	s.stats.update(func(t *Stats) { t.Refused++ })
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	status := http.StatusOK
	if f.HTTPStatus != 0 {
		status = f.HTTPStatus
		if status < 400 {
			w.Header().Set("Location", s.url("http")+"/moved/")
		}
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s: this is not a WebSocket\n", http.StatusText(status))
	return true
}

// admit registers a client, unless the server is closing.
func (s *Server) admit(nc net.Conn, br *bufio.Reader, packer *deflater) (*conn, bool) {
	raw := rawConn(nc)
	c := newConn(s, nc, raw, br, randomHex(8))
	c.deflate = packer
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	s.wg.Add(1)
	s.conns[c] = struct{}{}
	s.truths.last++
	c.truth.Number = s.truths.last
	s.stats.update(func(t *Stats) { t.Connections++ })
	return c, true
}

func rawConn(nc net.Conn) *trackedConn {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	return nc.(*trackedConn)
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // does not fail
	return hex.EncodeToString(b)
}

// watchOnce ends a Once run: when at least one client has got the whole capture
// and every other open client has too or does not want it, all are closed with
// 1000; when the last has answered, the run is served.
func (s *Server) watchOnce() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for closing := false; ; {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		conns := s.openConns()
		if closing && len(conns) == 0 {
			close(s.done)
			return
		}
		if closing || !s.allServed(conns) {
			continue
		}
		closing = true
		_ = s.Pause(false)
		for _, c := range s.openConns() {
			c.queueClose(ws.StatusNormalClosure, "capture served")
		}
	}
}

// allServed reports whether one client has got everything and none waits for data
// or may still ask for some.
func (s *Server) allServed(conns []*conn) bool {
	s.mu.Lock()
	any := s.delivered
	s.mu.Unlock()
	for _, c := range conns {
		quiet := time.Since(time.Unix(0, c.lastClientNS.Load())) > s.cfg.Settle
		switch {
		case c.served.Load():
			any = any || c.gotData()
		case c.streaming.Load(), c.subscribed(), !quiet:
			return false
		}
	}
	return any
}
