package readers

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// replyWithin is the protocol's bound on a reply; commands with a bound of their
	// own get it on top.
	replyWithin = 5 * time.Second
	// beatEvery moves the heartbeat while drivers work: a long reply of a slow one must
	// not see it stand still.
	beatEvery = 100 * time.Millisecond
	// slack is for a machine that does something else as well.
	slack = 20 * time.Second
	// maxReply is more than any reply has: a book of 1,024 levels a side is the
	// longest line.
	maxReply = 1 << 20
)

// process is a driver that runs.
type process struct {
	candidate
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // closed when its output ends
	err   error       // of the last reply: hung, died; it is asked no more
}

func startDriver(t *testing.T, c candidate) *process {
	t.Helper()
	cmd := exec.Command("sh", "-c", c.run)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(append(os.Environ(), "OUT="+built), c.env...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), c.name)
	p := &process{candidate: c, cmd: cmd, in: in, lines: make(chan string, 64)}
	go p.read(out)
	return p
}

func (p *process) read(out io.Reader) {
	defer close(p.lines)
	scan := bufio.NewScanner(out)
	scan.Buffer(nil, maxReply)
	for scan.Scan() {
		p.lines <- scan.Text()
	}
}

func (p *process) send(command string) {
	if p.err != nil {
		return
	}
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.err = fmt.Errorf("%s: command %q could not be written: %w", p.name, command, err)
	}
}

// receive collects a reply, without its end.
func (p *process) receive(command string, within time.Duration) []string {
	if p.err != nil {
		return nil
	}
	var reply []string
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		select {
		case l, more := <-p.lines:
			switch {
			case !more:
				p.err = fmt.Errorf("%s: ended within the reply to %q, after %q", p.name, command, reply)
				return nil
			case l == ".":
				return reply
			}
			reply = append(reply, l)
		case <-late.C:
			p.err = fmt.Errorf("%s: no reply to %q within %v, after %q", p.name, command, within, reply)
			return nil
		}
	}
}

// end lets the driver quit and says how it went.
func (p *process) end() error {
	if p.err == nil {
		p.send("quit")
	}
	_ = p.in.Close() // it is being ended anyway
	done := make(chan error, 1)
	go func() {
		for range p.lines { // until its output ends: Wait closes the pipe
		}
		done <- p.cmd.Wait()
	}()
	select {
	case err := <-done:
		if p.err == nil && err != nil {
			return fmt.Errorf("%s: quit: %w", p.name, err)
		}
		return p.err
	case <-time.After(replyWithin):
		_ = p.cmd.Process.Kill() // it is hanging
		<-done
		if p.err != nil {
			return p.err
		}
		return fmt.Errorf("%s: did not quit", p.name)
	}
}

// rig is a writer's bench: every driver, and what moves the heartbeat.
type rig struct {
	t       *testing.T
	drivers []*process
	beat    func() // before each command and while its replies are collected, nil for none
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t}
	for _, c := range present {
		r.drivers = append(r.drivers, startDriver(t, c))
	}
	t.Cleanup(func() {
		for _, p := range r.drivers {
			if err := p.end(); err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

// ask gives every driver the command and compares the replies with want, or where want
// is empty with the first driver's, which is returned.
func (r *rig) ask(command string, want ...string) []string {
	r.t.Helper()
	return r.compare(command, r.start(command, replyWithin+slack)(), want)
}

// within is ask for a command that has a bound of its own.
func (r *rig) within(d time.Duration, command string, want ...string) []string {
	r.t.Helper()
	return r.compare(command, r.start(command, d+slack)(), want)
}

// start sends the command to all drivers and returns what collects their replies.
func (r *rig) start(command string, within time.Duration) func() [][]string {
	if r.beat != nil {
		r.beat()
	}
	replies := make([][]string, len(r.drivers))
	var all sync.WaitGroup
	for i, p := range r.drivers {
		all.Go(func() {
			p.send(command)
			replies[i] = p.receive(command, within)
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	return func() [][]string {
		again := time.NewTicker(beatEvery)
		defer again.Stop()
		for {
			select {
			case <-done:
				return replies
			case <-again.C:
				if r.beat != nil {
					r.beat()
				}
			}
		}
	}
}

func (r *rig) compare(command string, replies [][]string, want []string) []string {
	r.t.Helper()
	for _, err := range r.verdict(command, replies, want) {
		r.t.Error(err)
	}
	r.living()
	return replies[0]
}

// verdict has an error for each driver that is gone or does not say what is wanted.
func (r *rig) verdict(command string, replies [][]string, want []string) (errs []error) {
	word, _, _ := strings.Cut(command, " ")
	if len(want) == 0 {
		want = replies[0]
	}
	for i, p := range r.drivers {
		have, wanted := replies[i], want
		if _, lacks := p.lacks[word]; lacks {
			wanted = []string{"UNSUPPORTED"}
		}
		switch {
		case p.err != nil:
			errs = append(errs, p.err)
		case strings.Join(have, "\n") != strings.Join(wanted, "\n"):
			errs = append(errs, fmt.Errorf("%s differs on %q: %s", p.name, command,
				firstDifference(strings.Join(have, "\n"), strings.Join(wanted, "\n"))))
		}
	}
	return errs
}

// living drops the drivers that are gone, so that each is told once; without the
// reference there is nothing to compare with.
func (r *rig) living() {
	r.t.Helper()
	for i := 0; i < len(r.drivers); i++ {
		if p := r.drivers[i]; p.err != nil {
			r.drivers = append(r.drivers[:i:i], r.drivers[i+1:]...)
			_ = p.end() // told already
			i--
		}
	}
	require.NotEmpty(r.t, r.drivers, "no driver is left")
}
