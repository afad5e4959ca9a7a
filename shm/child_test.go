package shm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Tests that need another process start this test binary again; these variables
// tell it what to be.
const (
	envRole  = "TICKRING_SHM_TEST_ROLE"
	envDir   = "TICKRING_SHM_TEST_DIR"
	envStep  = "TICKRING_SHM_TEST_STEP"
	envUID   = "TICKRING_SHM_TEST_UID"
	envGroup = "TICKRING_SHM_TEST_GROUP"

	roleHold     = "hold"     // publish, say "holding", wait to be killed
	roleStop     = "stop"     // stop at a step, say "at STEP", wait to be killed
	roleChurn    = "churn"    // publish and close without end
	roleOpen     = "open"     // open, say the error
	roleCreate   = "create"   // create, say the error
	rolePrepare  = "prepare"  // prepare, acquire and publish, stop at a step as roleStop
	roleRegister = "register" // register a reader, say "registered", wait to be killed
	roleTouch    = "touch"    // open, wait for a line, touch the last byte unguarded
	nobody       = 65534      // user and group of no rights
	childFeed    = "gateio"   // the feed of every child
	lineTimeout  = time.Minute
)

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		beChild(role)
		return
	}
	os.Exit(m.Run())
}

func beChild(role string) {
	if uid, err := strconv.Atoi(os.Getenv(envUID)); err == nil {
		must(syscall.Setgroups(nil))
		must(syscall.Setgid(uid))
		must(syscall.Setuid(uid))
	}
	opts := Options{Dir: os.Getenv(envDir), Group: os.Getenv(envGroup)}
	switch role {
	case roleHold:
		s, err := Create(opts, small(childFeed))
		must(err)
		must(s.Publish())
		say("holding")
	case roleStop:
		opts.onStep = func(step string) {
			if step == os.Getenv(envStep) {
				say("at " + step)
			}
		}
		s, err := Create(opts, small(childFeed))
		must(err)
		must(s.Publish())
	case roleChurn:
		fmt.Println("churning")
		for {
			s, err := Create(opts, small(childFeed))
			must(err)
			must(s.Publish())
			must(s.Close(false))
		}
	case roleOpen:
		_, err := Open(opts.Dir, childFeed)
		fmt.Println("result", err)
	case roleCreate:
		_, err := Create(opts, small(childFeed))
		fmt.Println("result", err)
	case rolePrepare:
		opts.onStep = func(step string) {
			if step == os.Getenv(envStep) {
				say("at " + step)
			}
		}
		s, err := Prepare(opts, small(childFeed))
		must(err)
		must(s.Acquire(context.Background()))
		must(s.Publish())
	case roleRegister:
		m, err := Open(opts.Dir, childFeed)
		must(err)
		_, err = m.Register("child")
		if err != nil {
			fmt.Println("result", err)
			return
		}
		say("registered")
	case roleTouch:
		m, err := Open(opts.Dir, childFeed)
		must(err)
		fmt.Println("mapped")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Println("read", m.Bytes()[len(m.Bytes())-1])
	}
}

func must(err error) {
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
}

// say prints a line and waits for the end of standard input: for ever, when the
// parent kills this process as it should.
func say(line string) {
	fmt.Println(line)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(3)
}

// child is another process of this test binary.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
}

func startChild(t *testing.T, role, dir string, env ...string) *child {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envRole+"="+role, envDir+"="+dir)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = io.Discard
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &child{cmd: cmd, stdin: stdin, lines: make(chan string, 16)}
	go func() {
		defer close(c.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			c.lines <- scanner.Text()
		}
	}()
	t.Cleanup(c.kill)
	return c
}

// line returns the next line that the child prints.
func (c *child) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-c.lines:
		require.True(t, ok, "the child ended without a word")
		return line
	case <-time.After(lineTimeout):
		require.Fail(t, "the child says nothing")
		return ""
	}
}

// result is what an open or create child came to.
func (c *child) result(t *testing.T) string {
	t.Helper()
	text, found := strings.CutPrefix(c.line(t), "result ")
	require.True(t, found)
	return text
}

// kill ends the child at once and waits for the end.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}
