package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// pollEvery is how often a child is looked at until it is ready.
const pollEvery = 10 * time.Millisecond

// child is a process of the demo. It has a group of its own, so that a signal
// from the terminal reaches the demo alone, and it ends when the demo does.
type child struct {
	name    string
	cmd     *exec.Cmd
	said    *lastWords
	done    chan struct{} // closed when it has ended
	err     error         // how; read after done
	stopped bool          // we ended it
}

// startChild starts a program; stdout may be nil.
func startChild(name string, stdout io.Writer, path string, args ...string) (*child, error) {
	c := &child{name: name, said: &lastWords{}, done: make(chan struct{}), cmd: exec.Command(path, args...)}
	c.cmd.Stdout, c.cmd.Stderr = stdout, c.said
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("demo: start the %s: %w", name, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// await tries ready until it has no error.
func (c *child) await(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, demoStart)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return c.died()
		case <-ctx.Done():
			return fmt.Errorf("demo: the %s was not ready within %s: %w%s", c.name, demoStart, err, c.said.quoted())
		case <-time.After(pollEvery):
		}
	}
}

// died says how a child ended that should not have.
func (c *child) died() error {
	how := "it ended"
	if c.err != nil {
		how = c.err.Error()
	}
	return fmt.Errorf("demo: the %s died: %s%s", c.name, how, c.said.quoted())
}

// stop ends the child as a user would, and by force when it does not. It waits
// until the child is gone. A second call does nothing.
func (c *child) stop() error {
	if c.stopped {
		return nil
	}
	c.stopped = true
	// Errors of signals mean that it has ended already, which is what is wanted.
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-c.done:
	case <-time.After(demoStop):
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("demo: the %s did not end within %s%s", c.name, demoStop, c.said.quoted())
	}
	var exit *exec.ExitError
	if errors.As(c.err, &exit) {
		return fmt.Errorf("demo: the %s failed: %w%s", c.name, c.err, c.said.quoted())
	}
	return nil
}

// lastWords keeps the last line that a child wrote to stderr.
type lastWords struct {
	mu   sync.Mutex
	text string
}

// lastWordsBytes bounds what is kept.
const lastWordsBytes = 4096

// Write implements io.Writer.
func (l *lastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text += string(p)
	l.text = l.text[max(0, len(l.text)-lastWordsBytes):]
	return len(p), nil
}

// quoted is ": " and the last line, or nothing.
func (l *lastWords) quoted() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(l.text)
	if text == "" {
		return ""
	}
	return ": " + text[strings.LastIndexByte(text, '\n')+1:]
}
