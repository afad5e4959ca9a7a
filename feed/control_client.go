package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/ring"
)

// controlPatience is how long a client waits for an answer when its context sets
// no end: a publisher answers within a few milliseconds, or stands still.
const controlPatience = 5 * time.Second

// Control speaks with the publisher of a feed, in this or another process. One
// goroutine at a time.
type Control struct {
	feed  string
	conn  net.Conn
	lines *bufio.Reader
}

// DialControl connects to the publisher of a feed. dir is as for shm.Dir. The error
// wraps ErrNoPublisher where none listens, os.ErrPermission where the socket is not
// this user's.
func DialControl(ctx context.Context, dir, feed string) (*Control, error) {
	path := ControlPath(dir, feed)
	var c net.Conn
	err := socketName(path, func(name string) (err error) {
		var d net.Dialer
		c, err = d.DialContext(ctx, "unix", name)
		return err
	})
	switch {
	case err == nil:
		return &Control{feed: feed, conn: c, lines: bufio.NewReader(c)}, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("feed %q: %w on %s; start it with tickring run", feed, ErrNoPublisher, path)
	case errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("feed %q: control socket %s: %w; run as the publisher's user, or start the publisher with --group",
			feed, path, unix.EACCES)
	}
	return nil, fmt.Errorf("feed %q: connect to control socket %s: %w", feed, path, err)
}

// Close hangs up.
func (c *Control) Close() error { return c.conn.Close() }

// Subscribe asks the publisher for channels of symbols. It returns when the request
// was written to the venue, or is kept until a connection is there; Status says what
// came of it. Errors that wrap ErrRequest: nothing was done.
func (c *Control) Subscribe(ctx context.Context, symbols []Symbol, channels ring.Channel) error {
	return c.change(ctx, opSubscribe, symbols, channels)
}

// Unsubscribe is Subscribe for the end of channels.
func (c *Control) Unsubscribe(ctx context.Context, symbols []Symbol, channels ring.Channel) error {
	return c.change(ctx, opUnsubscribe, symbols, channels)
}

func (c *Control) change(ctx context.Context, op string, symbols []Symbol, channels ring.Channel) error {
	return c.ask(ctx, map[string]any{"op": op, "symbols": symbolTexts(symbols), "channels": ChannelList(channels)}, nil)
}

// Status asks what the publisher knows of symbols, of all when none is given.
func (c *Control) Status(ctx context.Context, symbols []Symbol) (*ControlStatus, error) {
	request := map[string]any{"op": opStatus}
	if len(symbols) > 0 {
		request["symbols"] = symbolTexts(symbols)
	}
	out := &ControlStatus{}
	if err := c.ask(ctx, request, out); err != nil {
		return nil, err
	}
	return out, nil
}

// BadFrames asks for the last messages that could not be decoded, oldest first, at
// most 64.
func (c *Control) BadFrames(ctx context.Context) ([]ControlBadFrame, error) {
	var out []ControlBadFrame
	err := c.ask(ctx, map[string]any{"op": opBadFrames}, &out)
	return out, err
}

// Resend asks for books to be published whole: for readers that joined late or were
// lapped.
func (c *Control) Resend(ctx context.Context, symbols []Symbol) ([]ResendResult, error) {
	var out []ResendResult
	err := c.ask(ctx, map[string]any{"op": opResend, "symbols": symbolTexts(symbols)}, &out)
	return out, err
}

func symbolTexts(symbols []Symbol) []string {
	out := make([]string, len(symbols))
	for i, s := range symbols {
		out[i] = s.String()
	}
	return out
}

// ask writes one request and reads its answer. After an error of the connection the
// client is of no more use.
func (c *Control) ask(ctx context.Context, request any, result any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode control request: %w", err)
	}
	if len(line) >= maxControlRequest {
		return fmt.Errorf("%w: it has %d bytes, at most %d are taken; ask for fewer symbols at once", ErrRequest, len(line), maxControlRequest)
	}
	answer, err := c.exchange(ctx, append(line, '\n'))
	if err != nil {
		return fmt.Errorf("ask publisher of feed %q: %w", c.feed, err)
	}
	var a controlAnswer
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("answer of the publisher of feed %q: %w", c.feed, err)
	}
	if !a.OK {
		return a.asError()
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("answer of the publisher of feed %q: %w", c.feed, err)
	}
	return nil
}

func (a *controlAnswer) asError() error {
	switch a.Code {
	case codeUsage:
		return &answerError{text: a.Error, kind: ErrRequest}
	case codeClosed:
		return &answerError{text: a.Error, kind: ErrClosed}
	}
	return &answerError{text: a.Error}
}

// answerError is a publisher's words, and which kind of error they are.
type answerError struct {
	text string
	kind error
}

func (e *answerError) Error() string { return e.text }
func (e *answerError) Unwrap() error { return e.kind }

// exchange sends a line and reads one, until the context ends.
func (c *Control) exchange(ctx context.Context, line []byte) ([]byte, error) {
	deadline, set := ctx.Deadline()
	if !set {
		deadline = time.Now().Add(controlPatience)
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) }) // it only ends the wait
	defer stop()
	// A server that turns a client away closes before it reads: its answer counts.
	_, writeErr := c.conn.Write(line)
	answer, err := readLine(c.lines, maxControlAnswer)
	if err != nil {
		return nil, errors.Join(ctx.Err(), writeErr, err)
	}
	return answer, nil
}

// readLine reads up to a newline, of at most limit bytes.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(line) > limit {
			return nil, fmt.Errorf("an answer of more than %d bytes", limit)
		}
	}
}
