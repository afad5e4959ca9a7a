package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// flushBytes is when a buffer is written even though more is to come: a pipe takes
// this much at once.
const flushBytes = 64 << 10

// output gathers lines and writes them in large pieces.
type output struct {
	w   io.Writer
	buf []byte
}

func newOutput(w io.Writer) *output {
	return &output{w: w, buf: make([]byte, 0, 2*flushBytes)}
}

// flushLarge writes once enough was gathered.
func (o *output) flushLarge() error {
	if len(o.buf) < flushBytes {
		return nil
	}
	return o.flush()
}

// flush writes what was gathered; errPipe when nobody reads any more.
func (o *output) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return outputError(err)
}

// printf writes one formatted piece at once.
func (o *output) printf(format string, args ...any) error {
	o.buf = fmt.Appendf(o.buf, format, args...)
	return o.flush()
}

func outputError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return errPipe
	}
	return fmt.Errorf("write output: %w", err)
}

// readerGone says that the output is a pipe whose reader has closed it, which is
// otherwise seen by the next write only.
func (o *output) readerGone() bool {
	file, ok := o.w.(*os.File)
	if !ok {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(file.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&unix.POLLERR != 0
}

// isTerminal says whether a writer is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
