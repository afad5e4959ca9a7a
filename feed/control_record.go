package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A recording over the control socket: the answer to record is one line as any other,
// with what a replay must know of the feed, and after it the socket carries items until
// the feed ends or the client hangs up. Meanwhile the client may write two lines:
// checkpoint, which has one sent, and end.
const (
	lineCheckpoint = "checkpoint"
	lineEnd        = "end"
)

// errGiven: the client's connection was given to a stream; it is answered there.
var errGiven = errors.New("connection given to a stream")

// record answers and begins the stream. It ends with the feed, whose end it still
// carries.
func (s *controlServer) record(c net.Conn, r *controlRequest) error {
	if err := r.only(); err != nil {
		return err
	}
	t := newTap(s.p, 0)
	if err := t.begin(); err != nil {
		return err
	}
	if err := writeAnswer(c, s.p.describe(), nil); err != nil {
		t.end()
		return err
	}
	s.p.helpers.Add(1)
	go func() {
		defer s.p.helpers.Done()
		s.p.stream(t, c)
	}()
	return errGiven
}

// stream carries items to a client.
func (p *Publisher) stream(t *tap, c net.Conn) {
	defer c.Close()
	_ = c.SetReadDeadline(time.Time{}) // a recording may be silent
	over := make(chan struct{})
	go func() {
		defer close(over)
		for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() == lineCheckpoint; {
			if t.renew() != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(recordPeriod)
	defer tick.Stop()
	for last := false; ; {
		b := t.drain()
		if err := c.SetWriteDeadline(time.Now().Add(controlWrite)); err == nil && len(b) > 0 {
			_, err = c.Write(b)
			last = last || err != nil // nobody reads any more
		}
		if last {
			t.end()
			_ = c.Close() // ends who reads its lines
			<-over
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			last = true
		case <-over:
			t.end()
			last = true
		}
	}
}

// stream is the client's side.
type itemStream struct {
	c    *Control
	mu   sync.Mutex
	got  []byte
	err  error
	over chan struct{}
	out  []byte
}

// openStream asks for a feed's items, and says what the feed is.
func openStream(ctx context.Context, dir, feed string) (*itemStream, json.RawMessage, error) {
	c, err := DialControl(ctx, dir, feed)
	if err != nil {
		return nil, nil, err
	}
	var config json.RawMessage
	if err := c.ask(ctx, map[string]any{"op": opRecord}, &config); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("record feed %q: %w", feed, err), c.Close())
	}
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	s := &itemStream{c: c, over: make(chan struct{})}
	go s.read()
	return s, config, nil
}

// read gathers what comes, so that the feed's side never waits for a disk.
func (s *itemStream) read() {
	defer close(s.over)
	buf := make([]byte, 1<<20)
	for {
		n, err := s.c.lines.Read(buf)
		s.mu.Lock()
		s.got = append(s.got, buf[:n]...)
		if err != nil {
			s.err = err
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// drain gives what came. Once the stream has ended its error is ErrFeedEnded.
func (s *itemStream) drain() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out, s.got = s.got, s.out[:0]
	switch {
	case s.err == nil:
		return s.out, nil
	case errors.Is(s.err, io.EOF), errors.Is(s.err, net.ErrClosed):
		return s.out, ErrFeedEnded
	}
	return s.out, fmt.Errorf("%w: %w", ErrFeedEnded, s.err)
}

func (s *itemStream) line(text string) error {
	_, err := io.WriteString(s.c.conn, text+"\n")
	return err
}

func (s *itemStream) checkpoint() error { return s.line(lineCheckpoint) }

// finish asks for the end and waits until everything has come.
func (s *itemStream) finish() {
	if s.line(lineEnd) != nil {
		return // it has ended
	}
	select {
	case <-s.over:
	case <-time.After(controlPatience):
	}
}

func (s *itemStream) close() error {
	err := s.c.Close()
	<-s.over
	return err
}
