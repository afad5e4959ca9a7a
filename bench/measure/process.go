package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Limits of a process of the bench: on a busy machine it may take its time, but a
// hang must not become the bench's.
const (
	processLimit = 60 * time.Second
	stopLimit    = 10 * time.Second
)

// process is one side of a measurement.
type process struct {
	name   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	in     io.WriteCloser
	out    *bufio.Reader
	said   bytes.Buffer
}

// start runs a program; it ends with the bench, whatever ends that.
func start(name, path string, args ...string) (*process, error) {
	ctx, cancel := context.WithTimeout(context.Background(), processLimit)
	p := &process{name: name, cancel: cancel, cmd: exec.CommandContext(ctx, path, args...)}
	p.cmd.Stderr = &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, errIn := p.cmd.StdinPipe()
	out, errOut := p.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		cancel()
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	p.in, p.out = in, bufio.NewReaderSize(out, 1<<16)
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	return p, nil
}

// ready waits for the line "ready".
func (p *process) ready() error {
	line, err := p.out.ReadString('\n')
	if err == nil && line != "ready\n" {
		err = fmt.Errorf("it said %q", line)
	}
	return p.explain(err)
}

// explain adds to an error what the process was and said, and ends it.
func (p *process) explain(err error) error {
	if err == nil {
		return nil
	}
	p.kill()
	return fmt.Errorf("%s: %w: %s", p.name, err, strings.TrimSpace(p.said.String()))
}

// wait is for a process that has ended or is about to; all output was read.
func (p *process) wait() error {
	err := p.cmd.Wait()
	p.cancel()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, err, strings.TrimSpace(p.said.String()))
	}
	return nil
}

// kill ends the process by force; nothing of it is wanted any more.
func (p *process) kill() {
	p.cancel()
	_ = p.cmd.Wait() // that it was killed is no news
}

// interrupt asks the process to end, as a user would.
func (p *process) interrupt() error {
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return p.explain(err)
	}
	forced := time.AfterFunc(stopLimit, p.cancel)
	defer forced.Stop()
	if _, err := io.Copy(io.Discard, p.out); err != nil {
		return p.explain(err)
	}
	return p.wait()
}

// output runs a program to its end and returns what it printed.
func output(name, path string, args ...string) ([]byte, error) {
	p, err := start(name, path, args...)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(p.out)
	if err != nil {
		return nil, p.explain(err)
	}
	return text, p.wait()
}
