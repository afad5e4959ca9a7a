package kit

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

// Process is one side of a measurement.
type Process struct {
	name   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	In     io.WriteCloser
	Out    *bufio.Reader
	said   bytes.Buffer
}

// Start runs a program for at most a minute; it ends with the bench, whatever ends
// that.
func Start(name, path string, args ...string) (*Process, error) {
	return StartFor(processLimit, name, path, args...)
}

// StartFor is Start for a program that may run longer.
func StartFor(limit time.Duration, name, path string, args ...string) (*Process, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	p := &Process{name: name, cancel: cancel, cmd: exec.CommandContext(ctx, path, args...)}
	p.cmd.Stderr = &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, errIn := p.cmd.StdinPipe()
	out, errOut := p.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		cancel()
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	p.In, p.Out = in, bufio.NewReaderSize(out, 1<<16)
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start the %s: %w", name, err)
	}
	return p, nil
}

// Ready waits for the line "ready".
func (p *Process) Ready() error {
	line, err := p.Out.ReadString('\n')
	if err == nil && line != "ready\n" {
		err = fmt.Errorf("it said %q", line)
	}
	return p.Explain(err)
}

// Explain adds to an error what the process was and said, and ends it.
func (p *Process) Explain(err error) error {
	if err == nil {
		return nil
	}
	p.Kill()
	return fmt.Errorf("%s: %w: %s", p.name, err, strings.TrimSpace(p.said.String()))
}

// Wait is for a process that has ended or is about to; all output was read.
func (p *Process) Wait() error {
	err := p.cmd.Wait()
	p.cancel()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, err, strings.TrimSpace(p.said.String()))
	}
	return nil
}

// Kill ends the process by force; nothing of it is wanted any more.
func (p *Process) Kill() {
	p.cancel()
	_ = p.cmd.Wait() // that it was killed is no news
}

// Interrupt asks the process to end, as a user would.
func (p *Process) Interrupt() error {
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return p.Explain(err)
	}
	forced := time.AfterFunc(stopLimit, p.cancel)
	defer forced.Stop()
	if _, err := io.Copy(io.Discard, p.Out); err != nil {
		return p.Explain(err)
	}
	return p.Wait()
}

// Output runs a program to its end and returns what it printed.
func Output(name, path string, args ...string) ([]byte, error) {
	p, err := Start(name, path, args...)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(p.Out)
	if err != nil {
		return nil, p.Explain(err)
	}
	return text, p.Wait()
}
