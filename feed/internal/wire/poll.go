package wire

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// maxEvents is how many events one Wait takes from the kernel. More stay queued
// there for the next call.
const maxEvents = 128

// Event says what a registered descriptor is ready for.
type Event struct {
	Token uint32 // as given to Add
	// Readable is also set on hang-up and error: reading then tells which.
	Readable bool
	Writable bool
}

// Poller waits for many descriptors (epoll, level-triggered). One goroutine
// only.
type Poller struct {
	fd  int
	raw [maxEvents]unix.EpollEvent
}

// NewPoller returns an empty Poller.
func NewPoller() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &Poller{fd: fd}, nil
}

// Add registers fd for reading. Its events carry token.
func (p *Poller) Add(fd int, token uint32) error {
	return p.control(unix.EPOLL_CTL_ADD, "add", fd, token, false)
}

// Mod replaces fd's token and says whether writability is of interest too.
func (p *Poller) Mod(fd int, token uint32, write bool) error {
	return p.control(unix.EPOLL_CTL_MOD, "modify", fd, token, write)
}

// Del removes fd. Call it before fd is closed.
func (p *Poller) Del(fd int) error {
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return fmt.Errorf("remove descriptor %d from epoll: %w", fd, err)
	}
	return nil
}

func (p *Poller) control(op int, verb string, fd int, token uint32, write bool) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(token)}
	if write {
		ev.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(p.fd, op, fd, &ev); err != nil {
		return fmt.Errorf("%s descriptor %d in epoll: %w", verb, fd, err)
	}
	return nil
}

// Wait fills events and returns how many. timeoutMS 0 looks once and returns,
// below 0 waits without end. Interrupted waits go on for the time that is left.
//
// The look with 0 enters the kernel without telling the scheduler, which saves
// about 50 ns; it cannot block there. Wait itself stays an ordinary call with a
// stack check at its entry: that is the point at which the runtime stops a
// spinning thread for the collector and for timers, so it must not be inlined.
// A loop around it needs no runtime.Gosched, which costs a locked thread two
// thread switches.
//
//go:noinline
func (p *Poller) Wait(timeoutMS int, events []Event) (n int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	raw := p.raw[:min(len(events), maxEvents)]
	if timeoutMS == 0 {
		n, err = epollLook(p.fd, raw)
	} else {
		n, err = p.block(timeoutMS, raw)
	}
	if err != nil {
		return 0, fmt.Errorf("wait on epoll: %w", err)
	}
	for i := range raw[:n] {
		events[i] = Event{
			Token:    uint32(raw[i].Fd),
			Readable: raw[i].Events&^unix.EPOLLOUT != 0,
			Writable: raw[i].Events&unix.EPOLLOUT != 0,
		}
	}
	return n, nil
}

func (p *Poller) block(timeoutMS int, raw []unix.EpollEvent) (int, error) {
	var deadline time.Time
	if timeoutMS > 0 {
		deadline = time.Now().Add(time.Duration(timeoutMS) * time.Millisecond)
	}
	for {
		n, err := unix.EpollWait(p.fd, raw, timeoutMS)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
		if timeoutMS > 0 {
			timeoutMS = int(time.Until(deadline).Milliseconds())
			if timeoutMS <= 0 {
				return 0, nil
			}
		}
	}
}

// Close frees the Poller. The registered descriptors stay open.
func (p *Poller) Close() error {
	if err := unix.Close(p.fd); err != nil {
		return fmt.Errorf("close epoll: %w", err)
	}
	return nil
}
