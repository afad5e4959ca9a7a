package sim

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// socketSet holds every accepted TCP connection until it is closed, so that all
// can be cut at once, in the middle of a handshake too.
type socketSet struct {
	mu sync.Mutex
	m  map[*trackedConn]struct{}
}

// listener accepts TCP connections into a socketSet.
type listener struct {
	*net.TCPListener
	set    *socketSet
	faults func() *Faults
}

// trackedConn leaves its set when closed. It plays the faults below TLS.
type trackedConn struct {
	*net.TCPConn
	set    *socketSet
	faults atomic.Pointer[Faults]
	gone   chan struct{} // closed by Close
	once   sync.Once
	greet  sync.Once
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		t := &trackedConn{TCPConn: c, set: l.set, gone: make(chan struct{})}
		l.set.mu.Lock()
		t.faults.Store(l.faults())
		l.set.m[t] = struct{}{}
		l.set.mu.Unlock()
		if !t.faults.Load().DropSockets {
			return t, nil
		}
		t.reset()
	}
}

func (t *trackedConn) Close() error {
	t.once.Do(func() { close(t.gone) })
	t.set.mu.Lock()
	delete(t.set.m, t)
	t.set.mu.Unlock()
	return t.TCPConn.Close()
}

// isClosed reports whether Close was called.
func (t *trackedConn) isClosed() bool {
	select {
	case <-t.gone:
		return true
	default:
		return false
	}
}

// Read delays the first bytes of a client, its TLS hello, as the faults say.
func (t *trackedConn) Read(b []byte) (int, error) {
	t.greet.Do(func() { t.pause(t.faults.Load().TLSDelay) })
	return t.TCPConn.Read(b)
}

// Write lets bytes trickle as the faults say.
func (t *trackedConn) Write(b []byte) (n int, err error) {
	for {
		part := b[n:]
		if most := t.faults.Load().TrickleBytes; most > 0 && len(part) > most {
			part = part[:most]
		}
		m, err := t.TCPConn.Write(part)
		if n += m; err != nil || n == len(b) {
			return n, err
		}
		t.pause(time.Millisecond)
	}
}

// pause waits, but not for a closed connection.
func (t *trackedConn) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-t.gone:
	}
}

// reset closes t with a TCP reset: what waits to be sent is discarded.
func (t *trackedConn) reset() {
	_ = t.SetLinger(0)
	_ = t.Close()
}

// resetAll cuts every socket of a client at ip, or of every client where it is nil.
func (s *socketSet) resetAll(ip net.IP) {
	s.mu.Lock()
	all := make([]*trackedConn, 0, len(s.m))
	for t := range s.m {
		if peer, ok := t.RemoteAddr().(*net.TCPAddr); ip == nil || ok && peer.IP.Equal(ip) {
			all = append(all, t)
		}
	}
	s.mu.Unlock()
	for _, t := range all {
		t.reset()
	}
}

// apply changes the faults of every open socket.
func (s *socketSet) apply(f *Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.m {
		t.faults.Store(f)
	}
}
