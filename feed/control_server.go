package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// Bounds of the server.
const (
	// maxControlClients at once; a client is a person or a script.
	maxControlClients = 16
	// controlIdle is how long a client may be silent, controlWrite how long it may
	// take to read its answer.
	controlIdle  = 10 * time.Second
	controlWrite = 5 * time.Second
	// statusChunk instruments are copied by one command: a few microseconds of the
	// hot thread's.
	statusChunk = 32
)

// controlServer answers on a feed's control socket. It lives while its publisher
// holds the feed's lock.
type controlServer struct {
	p        *Publisher
	path     string
	socket   unix.Stat_t
	listener *net.UnixListener
	started  time.Time
	rates    rateWindow

	mu      sync.Mutex
	clients map[net.Conn]bool
	closing bool
	heir    net.Conn // the successor's connection: its answer comes last
	quit    chan struct{}
	once    sync.Once
	ended   error // what close came to
	work    sync.WaitGroup
}

// listenControl puts the control socket in place. What has the name is of a dead
// publisher, since this one holds the feed's lock, and is replaced; clients never
// see a socket that is not ready or not yet protected.
func (p *Publisher) listenControl() (*controlServer, error) {
	path := ControlPath(p.cfg.Dir, p.cfg.Feed)
	if err := replaceable(path); err != nil {
		return nil, err
	}
	s := &controlServer{
		p: p, path: path, clients: map[net.Conn]bool{}, quit: make(chan struct{}), started: time.Now(),
	}
	// Where this process dies, the next publisher sweeps names of this form.
	aside := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.%016x.new", p.cfg.Feed, os.Getpid(), rand.Uint64()))
	if err := s.bind(aside); err != nil {
		return nil, fmt.Errorf("listen on control socket %q: %w", path, err)
	}
	if err := s.protect(aside); err != nil {
		return nil, errors.Join(fmt.Errorf("protect control socket %q: %w", path, err), s.listener.Close(), os.Remove(aside))
	}
	if err := os.Rename(aside, path); err != nil {
		return nil, errors.Join(fmt.Errorf("put control socket %q in place: %w", path, err), s.listener.Close(), os.Remove(aside))
	}
	s.rates.add(s.count())
	s.work.Add(2)
	go s.accept()
	go s.sample()
	return s, nil
}

// replaceable refuses to take the place of what is no socket.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at control socket %q: %w", path, err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("control socket %q: another kind of file has the name; remove it", path)
	}
	return nil
}

// bind listens on a socket that is its owner's alone from the first moment: its
// mode is set before it has a name.
func (s *controlServer) bind(path string) error {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if failed := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); failed != nil {
			return failed
		}
		return err
	}}
	return socketName(path, func(name string) error {
		l, err := lc.Listen(context.Background(), "unix", name)
		if err != nil {
			return err
		}
		s.listener = l.(*net.UnixListener)
		s.listener.SetUnlinkOnClose(false)
		return nil
	})
}

// protect gives the segment's group the socket, where a group was chosen.
func (s *controlServer) protect(path string) error {
	if s.p.cfg.Group != "" {
		var segment unix.Stat_t
		if err := unix.Stat(s.p.segment.Path(), &segment); err != nil {
			return err
		}
		if err := os.Lchown(path, -1, int(segment.Gid)); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o660); err != nil {
			return err
		}
	}
	return unix.Lstat(path, &s.socket)
}

// close ends the server: socket gone, clients cut, goroutines ended. A second call
// waits for the first.
func (s *controlServer) close() error {
	s.once.Do(func() { s.ended = s.end() })
	return s.ended
}

func (s *controlServer) end() error {
	s.mu.Lock()
	s.closing = true
	for c := range s.clients {
		if c != s.heir {
			_ = c.Close() // its handler ends over it
		}
	}
	s.mu.Unlock()
	close(s.quit)
	err := errors.Join(s.remove(), s.listener.Close())
	s.work.Wait()
	if err != nil {
		return fmt.Errorf("close control socket: %w", err)
	}
	return nil
}

// remove takes the name away where it still leads to this socket.
func (s *controlServer) remove() error {
	var st unix.Stat_t
	err := unix.Lstat(s.path, &st)
	if err != nil || st.Dev != s.socket.Dev || st.Ino != s.socket.Ino {
		return nil // deleted or replaced from outside: it is not ours
	}
	return os.Remove(s.path)
}

func (s *controlServer) accept() {
	defer s.work.Done()
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors: they may come free
			select {
			case <-s.quit:
				return
			case <-time.After(ring.HeartbeatIntervalNS):
				continue
			}
		}
		if !s.admit(c) {
			s.turnAway(c)
			continue
		}
		go s.serve(c)
	}
}

// admit counts a client in, unless there are too many or the server ends.
func (s *controlServer) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.clients) >= maxControlClients {
		return false
	}
	s.clients[c] = true
	s.work.Add(1)
	return true
}

// turnAway says why; the answer fits any socket's buffer, so that it cannot block.
func (s *controlServer) turnAway(c net.Conn) {
	_ = writeAnswer(c, nil, busyError{}) // the client is turned away all the same
	_ = c.Close()
}

type busyError struct{}

func (busyError) Error() string {
	return fmt.Sprintf("%d clients are served at once; try again", maxControlClients)
}

// serve answers a client's lines in turn until it leaves, is silent for too long,
// or sends a line that is too long.
func (s *controlServer) serve(c net.Conn) {
	defer s.work.Done()
	given := false // to a stream, which closes it
	defer func() {
		s.mu.Lock()
		delete(s.clients, c)
		mine := c != s.heir && !given
		s.mu.Unlock()
		if mine {
			_ = c.Close() // nothing is left to be sent
		}
	}()
	lines := bufio.NewScanner(c)
	lines.Buffer(make([]byte, 0, 4096), maxControlRequest)
	for {
		if c.SetReadDeadline(time.Now().Add(controlIdle)) != nil || !lines.Scan() {
			break
		}
		result, err := s.do(c, lines.Bytes())
		if given = errors.Is(err, errGiven); given || errors.Is(err, errReleased) || writeAnswer(c, result, err) != nil {
			return
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		_ = writeAnswer(c, nil, requestf("a line is longer than %d bytes", maxControlRequest)) // the client is cut either way
	}
}

// writeAnswer writes one line.
func writeAnswer(c net.Conn, result any, err error) error {
	a := controlAnswer{OK: err == nil}
	if err != nil {
		a.Error = strings.ReplaceAll(err.Error(), "\n", "; ")
		a.Code = answerCode(err)
	} else if result != nil {
		if a.Result, err = json.Marshal(result); err != nil {
			return fmt.Errorf("encode control answer: %w", err)
		}
	}
	line, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode control answer: %w", err)
	}
	if err := c.SetWriteDeadline(time.Now().Add(controlWrite)); err != nil {
		return err
	}
	_, err = c.Write(append(line, '\n'))
	return err
}

func answerCode(err error) string {
	var busy busyError
	switch {
	case errors.As(err, &busy):
		return codeBusy
	case errors.Is(err, ErrRequest), errors.Is(err, ErrConfig):
		return codeUsage
	case errors.Is(err, ErrClosed):
		return codeClosed
	}
	return codeFailed
}

// do runs one request of a client.
func (s *controlServer) do(c net.Conn, line []byte) (any, error) {
	r, err := parseControlRequest(line)
	if err != nil {
		return nil, err
	}
	switch r.op {
	case opSubscribe:
		return nil, s.change(r, s.p.Subscribe)
	case opUnsubscribe:
		return nil, s.change(r, s.p.Unsubscribe)
	case opStatus:
		return s.status(r)
	case opBadFrames:
		return s.badFrames(r)
	case opResend:
		return s.resend(r)
	case opRelease:
		return nil, s.release(c, r)
	case opRecord:
		return nil, s.record(c, r)
	}
	return nil, requestf("op %q: allowed are %s", r.op, opNames)
}

func (s *controlServer) resend(r *controlRequest) ([]ResendResult, error) {
	if err := r.only("symbols"); err != nil {
		return nil, err
	}
	symbols, err := r.symbols(true)
	if err != nil {
		return nil, err
	}
	return s.p.Resend(symbols)
}

func (s *controlServer) badFrames(r *controlRequest) ([]ControlBadFrame, error) {
	if err := r.only(); err != nil {
		return nil, err
	}
	kept, err := s.p.BadFrames()
	if err != nil {
		return nil, err
	}
	out := make([]ControlBadFrame, 0, len(kept))
	for _, f := range kept {
		out = append(out, ControlBadFrame{
			RecvTimeNS: f.RecvTimeNS, Connection: int(f.Connection), Reason: f.Reason.String(), SizeBytes: f.Size, Bytes: f.Bytes,
		})
	}
	return out, nil
}

func (s *controlServer) change(r *controlRequest, apply func([]Symbol, ring.Channel) error) error {
	if err := r.only("symbols", "channels"); err != nil {
		return err
	}
	symbols, err := r.symbols(true)
	if err != nil {
		return err
	}
	channels, err := r.channels()
	if err != nil {
		return err
	}
	return apply(symbols, channels)
}

func (s *controlServer) status(r *controlRequest) (*ControlStatus, error) {
	if err := r.only("symbols"); err != nil {
		return nil, err
	}
	symbols, err := r.symbols(false)
	if err != nil {
		return nil, err
	}
	out := &ControlStatus{
		Feed: s.p.cfg.Feed, Generation: s.p.segment.Generation(),
		Instruments: []InstrumentStatus{}, Unknown: []string{},
	}
	if len(symbols) == 0 {
		err = s.everyInstrument(out)
	} else {
		err = s.namedInstruments(out, symbols)
	}
	if err == nil {
		out.Performance, err = s.performance()
	}
	if err == nil && s.p.cfg.Legs > 1 {
		err = s.p.command(func(h *hot) { out.Legs = h.legReports() })
	}
	return out, err
}

func (s *controlServer) everyInstrument(out *ControlStatus) error {
	copies := make([]instrumentCopy, statusChunk)
	for first, more := 0, true; more; first += statusChunk {
		n := 0
		if err := s.p.command(func(h *hot) {
			for ; n < statusChunk && first+n < len(h.instruments); n++ {
				copies[n].take(h.instruments[first+n])
			}
			more = first+n < len(h.instruments)
		}); err != nil {
			return err
		}
		for i := range copies[:n] {
			out.Instruments = append(out.Instruments, copies[i].status())
		}
	}
	return nil
}

func (s *controlServer) namedInstruments(out *ControlStatus, symbols []Symbol) error {
	copies := make([]instrumentCopy, statusChunk)
	for len(symbols) > 0 {
		chunk := symbols[:min(len(symbols), statusChunk)]
		symbols = symbols[len(chunk):]
		if err := s.p.command(func(h *hot) {
			for i, symbol := range chunk {
				copies[i].found = false
				if in := h.bySymbol[symbol]; in != nil {
					copies[i].take(in)
				}
			}
		}); err != nil {
			return err
		}
		for i, symbol := range chunk {
			if copies[i].found {
				out.Instruments = append(out.Instruments, copies[i].status())
			} else {
				out.Unknown = append(out.Unknown, symbol.String())
			}
		}
	}
	return nil
}

// instrumentCopy is what the hot thread hands out of an instrument.
type instrumentCopy struct {
	found  bool
	id     uint16
	symbol Symbol
	native string
	bits   ring.StateBit
	stale  ring.Channel
	subs   [channelCount]subscriptionCopy
}

type subscriptionCopy struct {
	asked   bool
	channel ring.Channel
	stream  string
	state   subState
	leaving bool
	refusal string
	row     int
}

// take copies without allocating. Hot thread only.
func (c *instrumentCopy) take(in *instrument) {
	*c = instrumentCopy{found: true, id: in.id, symbol: in.symbol, native: in.native, bits: in.bits, stale: in.stale}
	for k, s := range in.subs {
		if s == nil {
			continue
		}
		c.subs[k] = subscriptionCopy{
			asked: true, channel: s.stream.Channel, stream: s.stream.Name, state: s.state, refusal: s.refusal, row: -1,
		}
		if s.conn != nil {
			c.subs[k].row = int(s.conn.row)
			c.subs[k].leaving = s.state == subIdle && s.conn.awaitsEnd(s)
		}
	}
}

// awaitsEnd says whether the venue has yet to confirm that a subscription ended.
func (c *conn) awaitsEnd(s *subscription) bool {
	for _, p := range c.pending {
		if !p.leaving {
			continue
		}
		for _, have := range p.subs {
			if have == s {
				return true
			}
		}
	}
	return false
}

var subStateNames = [...]string{
	subIdle: ChannelIdle, subWanted: ChannelWanted, subRequested: ChannelRequested,
	subActive: ChannelAcknowledged, subRefused: ChannelRefused, subLeaving: ChannelLeaving,
}

func (c *instrumentCopy) status() InstrumentStatus {
	out := InstrumentStatus{
		ID: int(c.id), Symbol: c.symbol.String(), Native: c.native, Channels: []ChannelStatus{},
		Suspect: c.bits&ring.BitSuspect != 0, Halted: c.bits&ring.BitHalted != 0,
	}
	for i := range c.subs {
		s := &c.subs[i]
		if !s.asked {
			continue
		}
		ch := ChannelStatus{
			Channel: ChannelList(s.channel)[0], Stream: s.stream, State: subStateNames[s.state], Connection: s.row,
			Stale:     c.stale&s.channel != 0,
			Resyncing: s.channel == ring.ChannelOrderBook && c.bits&ring.BitResyncing != 0,
		}
		if s.leaving {
			ch.State = ChannelLeaving
		}
		if s.state == subRefused {
			ch.Text = s.refusal
		}
		out.Channels = append(out.Channels, ch)
	}
	return out
}

// rateWindow keeps a count a second for the last ten.
type rateWindow struct {
	mu      sync.Mutex
	samples [11]counted
	n       int
}

// counted are counters at a time.
type counted struct {
	at                               time.Time
	frames, records, bytes           uint64
	acks, refusals, timeouts, reconn uint64
	active                           int
}

func (w *rateWindow) add(c counted) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples[w.n%len(w.samples)] = c
	w.n++
}

// oldest is the sample that rates are counted from.
func (w *rateWindow) oldest() counted {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n < len(w.samples) {
		return w.samples[0]
	}
	return w.samples[w.n%len(w.samples)]
}

func (s *controlServer) sample() {
	defer s.work.Done()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	said := s.started
	for {
		select {
		case now := <-t.C:
			s.rates.add(s.count())
			// Half a tick of grace: a line is due to the second.
			if every := s.p.cfg.PerformanceEvery; every > 0 && now.Sub(said) > every-time.Second/2 {
				said = now
				s.sayPerformance()
			}
		case <-s.quit:
			return
		}
	}
}

// count reads the counters in the segment; zeros where that is gone, which the hot
// thread reports.
func (s *controlServer) count() (c counted) {
	_ = shm.Guard(s.p.segment.Bytes(), func() {
		v := s.p.hot.w.View()
		c = counted{
			at: time.Now(), frames: v.Counter(ring.CounterFrames), records: v.Counter(ring.CounterRecords),
			bytes: v.Counter(ring.CounterBytes), acks: v.Counter(ring.CounterAcks), refusals: v.Counter(ring.CounterRefusals),
			timeouts: v.Counter(ring.CounterAckTimeouts), reconn: v.Counter(ring.CounterReconnects),
		}
		var state ring.InstrumentState
		for id := range v.InstrumentCount() {
			if v.InstrumentState(id, &state) && state.Acknowledged != 0 {
				c.active++
			}
		}
	})
	return c
}

func (s *controlServer) performance() (ControlPerformance, error) {
	now, then := s.count(), s.rates.oldest()
	if now.at.IsZero() {
		return ControlPerformance{}, ErrClosed
	}
	up := now.at.Sub(s.started).Seconds()
	window := now.at.Sub(then.at)
	return ControlPerformance{
		UptimeSeconds: up, ActiveSymbols: now.active,
		MessagesProcessed: now.frames, MessagesPerSecond: perSecond(now.frames, then.frames, window),
		RecordsPublished: now.records, RecordsPerSecond: perSecond(now.records, then.records, window),
		BytesReceived: now.bytes, BytesPerSecond: perSecond(now.bytes, then.bytes, window),
		Reconnections: now.reconn, ReconnectionsPerHour: ratio(float64(now.reconn), up/3600),
		SubscriptionSuccessRate: ratio(float64(now.acks), float64(now.acks+now.refusals+now.timeouts)),
	}, nil
}

// sayPerformance logs the performance line.
func (s *controlServer) sayPerformance() {
	p, err := s.performance()
	if err != nil {
		return // the segment is gone, which the hot thread reports
	}
	s.p.cfg.Logger.Info("performance", "feed", s.p.cfg.Feed,
		"messages_processed", p.MessagesProcessed, "messages_per_second", p.MessagesPerSecond,
		"records_published", p.RecordsPublished, "records_per_second", p.RecordsPerSecond,
		"bytes_per_second", p.BytesPerSecond, "active_symbols", p.ActiveSymbols, "uptime_seconds", p.UptimeSeconds,
		"reconnections", p.Reconnections, "subscription_success_rate", p.SubscriptionSuccessRate)
}

// perSecond is 0 in a window that is shorter than the counters' own period.
func perSecond(now, then uint64, window time.Duration) float64 {
	if window < ring.HeartbeatIntervalNS || now < then {
		return 0
	}
	return float64(now-then) / window.Seconds()
}

func ratio(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}
