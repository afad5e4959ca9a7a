package sim

import (
	"net"
	"sync"
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
	set *socketSet
}

// trackedConn leaves its set when closed.
type trackedConn struct {
	*net.TCPConn
	set *socketSet
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	t := &trackedConn{TCPConn: c, set: l.set}
	l.set.mu.Lock()
	l.set.m[t] = struct{}{}
	l.set.mu.Unlock()
	return t, nil
}

func (t *trackedConn) Close() error {
	t.set.mu.Lock()
	delete(t.set.m, t)
	t.set.mu.Unlock()
	return t.TCPConn.Close()
}

// reset closes t with a TCP reset: what waits to be sent is discarded.
func (t *trackedConn) reset() {
	_ = t.SetLinger(0)
	_ = t.Close()
}

// resetAll cuts every socket.
func (s *socketSet) resetAll() {
	s.mu.Lock()
	all := make([]*trackedConn, 0, len(s.m))
	for t := range s.m {
		all = append(all, t)
	}
	s.mu.Unlock()
	for _, t := range all {
		t.reset()
	}
}
