package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// A take-over, step by step. The new publisher fills a segment that nobody sees, on
// sockets of its own, until it has what the owner has and for an overlap longer. Then
// it asks the owner to let go: that one reads its sockets out, says CLOSING, closes
// them, frees the lock and answers. The new one takes the lock and publishes. The old
// segment stays LIVE until it is SUPERSEDED, so that its readers drain it and move on.
// The new segment holds everything since before the release: its readers see some
// records of both, and miss none.

// ErrTakeover is wrapped by every error of a take-over that did not happen.
var ErrTakeover = errors.New("feed not taken over")

// Times of a take-over.
const (
	// takeoverWait is the default of PublisherConfig.TakeoverWait.
	takeoverWait = 10 * time.Second
	// takeoverOverlap is how long both publishers bring the same data before the
	// owner is asked: longer than a venue's connections differ among each other, and
	// short beside what a ring holds.
	takeoverOverlap = 500 * time.Millisecond
	// takeoverLook is how often it is looked at what is still missing.
	takeoverLook = 20 * time.Millisecond
	// releasePatience is how long the owner may take to let go; it needs a few
	// milliseconds, and longer only when it stands still.
	releasePatience = 5 * time.Second
	// acquirePatience is how long the lock may take to come free after that: an
	// owner that was about to let go when patience ended has done so by then.
	acquirePatience = time.Second
	// takeoverNamed bounds the symbols that a warning names.
	takeoverNamed = 8
)

// takeover is the way of a publisher from a prepared segment to the feed.
type takeover struct {
	p          *Publisher
	old        *shm.Mapping // the owner's segment, nil where it cannot be read
	generation uint64       // the owner's
	need       map[Symbol]oldInstrument
}

// oldInstrument is what the owner's segment says of an instrument.
type oldInstrument struct {
	acknowledged ring.Channel
	fresh        ring.Channel // channels of state that are to be trusted
}

// progress is how far the new publisher has come.
type progress struct {
	unanswered int      // streams that the venue has not answered
	missing    []string // channels that are fresh at the owner and not yet here
	refused    []string // streams that the owner has and the venue refuses here
}

// takeOver makes a publisher on a prepared segment the owner of its feed. Where it
// fails nothing was changed, except where the owner died meanwhile.
func (p *Publisher) takeOver(ctx context.Context) error {
	t := &takeover{p: p}
	err := t.run(ctx)
	if t.old != nil {
		err = errors.Join(err, t.old.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: feed %q: %w", ErrTakeover, p.cfg.Feed, err)
	}
	return nil
}

func (t *takeover) run(ctx context.Context) error {
	unheard := t.greet(ctx)
	owned, err := false, unheard
	if unheard == nil {
		owned, err = t.sync(ctx)
	} else if gone, failed := t.inherit(); gone || failed != nil {
		owned, err = gone, failed
	}
	if err == nil && !owned {
		err = t.take(ctx)
	}
	if err != nil {
		return err
	}
	return t.p.publish()
}

// greet asks the owner for its generation: an owner that cannot be asked is no
// reason to trouble the venue.
func (t *takeover) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, releasePatience)
	defer cancel()
	c, err := DialControl(ctx, t.p.cfg.Dir, t.p.cfg.Feed)
	if err != nil {
		return err
	}
	defer c.Close()
	status, err := c.Status(ctx, t.p.cfg.Symbols[:min(len(t.p.cfg.Symbols), 1)])
	if err != nil {
		return err
	}
	t.generation = status.Generation
	if t.old, err = shm.Open(t.p.cfg.Dir, t.p.cfg.Feed); err != nil {
		t.p.cfg.Logger.Warn("segment of the present publisher cannot be read, its state is not waited for",
			"error", err, "feed", t.p.cfg.Feed)
		t.old = nil
	}
	return nil
}

// sync waits until this publisher has what the owner has. owned: the owner has gone
// meanwhile, and the feed is this publisher's.
func (t *takeover) sync(ctx context.Context) (owned bool, err error) {
	deadline := time.Now().Add(t.p.cfg.TakeoverWait)
	var answered time.Time // since when every stream is
	tick := time.NewTicker(takeoverLook)
	defer tick.Stop()
	for {
		if owned, err := t.inherit(); owned || err != nil {
			return owned, err
		}
		seen, err := t.look()
		if err != nil {
			return false, err
		}
		now := time.Now()
		if seen.unanswered > 0 {
			answered = time.Time{}
		} else if answered.IsZero() {
			answered = now
		}
		switch late := now.After(deadline); {
		case late && seen.unanswered > 0:
			return false, fmt.Errorf("the venue has not answered %d subscriptions within %s; the present publisher goes on",
				seen.unanswered, t.p.cfg.TakeoverWait)
		case seen.unanswered == 0 && now.Sub(answered) >= takeoverOverlap && (late || len(seen.missing) == 0):
			t.warn(&seen)
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
		}
	}
}

// inherit takes a feed that nobody owns any more.
func (t *takeover) inherit() (bool, error) {
	past, cancel := context.WithCancel(context.Background())
	cancel() // it tries once
	err := t.p.segment.Acquire(past)
	var locked *shm.LockedError
	if errors.As(err, &locked) {
		return false, nil
	}
	if err == nil {
		t.p.cfg.Logger.Warn("the present publisher is gone, publishing at once", "feed", t.p.cfg.Feed)
	}
	return err == nil, err
}

// look compares what is here with what the owner shows.
func (t *takeover) look() (progress, error) {
	t.readOld()
	var seen progress
	err := t.p.command(func(h *hot) {
		for _, in := range h.instruments {
			in.compare(t.need[in.symbol], &seen)
		}
	})
	return seen, err
}

// readOld reads the states of the owner's segment anew: what was fresh may have
// gone stale since. A segment that was truncated says nothing.
func (t *takeover) readOld() {
	t.need = map[Symbol]oldInstrument{}
	if t.old == nil {
		return
	}
	gone := t.old.Guard(func() {
		v := t.old.View()
		var row ring.Instrument
		var state ring.InstrumentState
		for id := range v.InstrumentCount() {
			if !v.Instrument(id, &row) || !v.InstrumentState(id, &state) {
				continue
			}
			if s, err := ParseSymbol(row.Symbol()); err == nil {
				t.need[s] = oldState(&state)
			}
		}
	})
	if gone != nil {
		t.need = nil
	}
}

// oldState says which channels of state an instrument has fresh: trades are events,
// and a book must be verified to be worth waiting for.
func oldState(s *ring.InstrumentState) oldInstrument {
	o := oldInstrument{acknowledged: ring.Channel(s.Acknowledged)}
	o.fresh = o.acknowledged &^ ring.Channel(s.Stale) &^ ring.ChannelTrades
	if s.Bits()&ring.BitSuspect != 0 {
		o.fresh &^= ring.ChannelOrderBook
	}
	return o
}

// compare adds what of an instrument is not there yet. Hot thread only.
func (in *instrument) compare(old oldInstrument, seen *progress) {
	for _, s := range in.subs {
		if s == nil {
			continue
		}
		ch := s.stream.Channel
		switch s.state {
		case subWanted, subRequested:
			seen.unanswered++
		case subRefused:
			if old.acknowledged&ch != 0 {
				seen.refused = append(seen.refused, in.symbol.String()+" "+s.stream.Name)
			}
		case subActive:
			untrue := ch == ring.ChannelOrderBook && in.bits&ring.BitSuspect != 0
			if old.fresh&ch != 0 && (in.stale&ch != 0 || untrue) {
				seen.missing = append(seen.missing, in.symbol.String()+" "+s.stream.Name)
			}
		}
	}
}

// warn says what readers will have no longer, or only later.
func (t *takeover) warn(seen *progress) {
	wanted := map[Symbol]bool{}
	for _, s := range t.p.cfg.Symbols {
		wanted[s] = true
	}
	var dropped []string
	for s, old := range t.need {
		if old.acknowledged != 0 && !wanted[s] {
			dropped = append(dropped, s.String())
		}
	}
	slices.Sort(dropped)
	for _, w := range []struct {
		text string
		list []string
	}{
		{"no data yet of streams that the present publisher has fresh", seen.missing},
		{"the venue refuses streams that the present publisher has", seen.refused},
		{"not asked for here, though the present publisher has them", dropped},
	} {
		if n := len(w.list); n > 0 {
			t.p.cfg.Logger.Warn(w.text, "count", n, "first", strings.Join(w.list[:min(n, takeoverNamed)], ", "), "feed", t.p.cfg.Feed)
		}
	}
}

// take asks the owner to let go and takes the lock. An owner that does not answer in
// time may have let go all the same: the lock says.
func (t *takeover) take(ctx context.Context) error {
	refusal := t.ask(ctx)
	wait, cancel := context.WithTimeout(context.Background(), acquirePatience)
	defer cancel()
	err := t.p.segment.Acquire(wait)
	switch {
	case err == nil:
		return nil
	case refusal != nil:
		return fmt.Errorf("%w; the present publisher goes on", refusal)
	}
	return err
}

// ask returns when the owner has let go, refuses, or does not answer. The
// connection is closed by then: an owner that reads the request later finds nobody
// behind it, and stays.
func (t *takeover) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, releasePatience)
	defer cancel()
	c, err := DialControl(ctx, t.p.cfg.Dir, t.p.cfg.Feed)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.ask(ctx, map[string]any{"op": opRelease, "generation": t.generation}, nil)
}

// The owner's side.

// errReleased: the feed is let go; the answer comes when its lock is free.
var errReleased = errors.New("released")

// release lets go of the feed for the client of a connection, unless that has hung
// up: a request that is read late must not end a feed for nobody.
func (s *controlServer) release(c net.Conn, r *controlRequest) error {
	if err := r.only("generation"); err != nil {
		return err
	}
	var generation uint64
	if err := json.Unmarshal(r.fields["generation"], &generation); err != nil {
		return requestf("op %q: key \"generation\" is missing or no number", r.op)
	}
	if own := s.p.segment.Generation(); generation != own {
		return requestf("op %q: generation %d is not published here, but %d", r.op, generation, own)
	}
	heir, err := peerOf(c)
	if err != nil {
		return err
	}
	if uid := int(heir.Uid); uid != os.Geteuid() && uid != 0 {
		return requestf("op %q: allowed to the publisher's user alone", r.op)
	}
	left := false
	err = s.p.command(func(h *hot) {
		if left = listens(c); left {
			h.tee.command(teeRelease, teeCommand{})
			h.release()
			h.stopTee()
		}
	})
	switch {
	case err != nil:
		return err
	case !left:
		return errors.New("the client has hung up; the feed goes on")
	}
	<-s.p.done
	s.mu.Lock()
	s.heir = c
	s.mu.Unlock()
	s.p.helpers.Add(1)
	go s.depart(c, heir.Pid)
	return errReleased
}

// depart frees what the successor needs, and tells it: control socket, then lock.
// The segment stays mapped until Close.
func (s *controlServer) depart(c net.Conn, heir int32) {
	defer s.p.helpers.Done()
	err := errors.Join(s.close(), s.p.segment.Release())
	if err != nil {
		s.p.cfg.Logger.Error("feed let go with an error", "error", err, "feed", s.p.cfg.Feed)
	} else {
		s.p.cfg.Logger.Info("feed let go, its successor goes on", "successor_pid", heir, "feed", s.p.cfg.Feed)
	}
	_ = writeAnswer(c, nil, err) // a successor that has gone meanwhile left the lock free
	_ = c.Close()
}

// peerOf says who is behind a connection.
func peerOf(c net.Conn) (*unix.Ucred, error) {
	var peer *unix.Ucred
	err := onSocket(c, func(fd int) (err error) {
		peer, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	return peer, err
}

// listens says whether the client of a connection is still there. It does not wait.
func listens(c net.Conn) bool {
	var one [1]byte
	n := 0
	err := onSocket(c, func(fd int) (err error) {
		n, _, err = unix.Recvfrom(fd, one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return err
	})
	return n > 0 || errors.Is(err, unix.EAGAIN)
}

func onSocket(c net.Conn, f func(fd int) error) error {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// release ends the feed for a successor: what the sockets hold is published, then
// they are closed. The segment stays LIVE and stands still; a successor marks it
// SUPERSEDED, and where none comes its readers find it STALE.
func (h *hot) release() {
	for _, c := range slices.Clone(h.conns) {
		if c.ws != nil {
			h.readOut(c)
		}
	}
	h.leave(textTakenOver)
	h.w.FlushCounters()
	ring.Ring(h.w.Doorbell())
}

var textTakenOver = []byte("taken over")
