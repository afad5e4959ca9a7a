package shm

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// Publish marks the segment LIVE, gives it the feed's name, and tells the
// segment that had the name that it is SUPERSEDED. From then on readers may map
// it. A crash at any point leaves the name with the old segment or with the new
// one, each whole.
//
// Errors: ErrPublished, ErrNotAcquired, and the system's when the name cannot be taken. That the
// old segment could not be told (see Told) is none: its readers find the new one
// when its heartbeat stands still. One thread, once.
func (s *Segment) Publish() error {
	if s.closed || s.published {
		return ErrPublished
	}
	if s.file != nil && s.lock == nil {
		return ErrNotAcquired
	}
	ring.MarkReady(s.buf)
	s.opts.onStep(stepReady)
	if s.file == nil {
		s.published = true
		return nil
	}
	if err := s.lock.note(os.Getpid(), s.generation); err != nil {
		return s.fault("note generation in", lockPath(s.opts.Dir, s.feed), err)
	}
	s.opts.onStep(stepNoted)
	s.readers = s.makeReaders() // before the name: readers look for it next
	s.opts.onStep(stepReaders)
	old, err := openOld(s.Path()) // by the name, so before the name changes hands
	if err != nil {
		s.told = err
	}
	if err := os.Rename(s.buildPath, s.Path()); err != nil {
		if old != nil {
			err = errors.Join(err, old.Close())
		}
		return s.fault("publish segment", s.Path(), err)
	}
	s.published = true
	s.opts.onStep(stepRenamed)
	if old != nil {
		s.told = errors.Join(supersede(old, s.generation), old.Close())
	}
	s.opts.onStep(stepTold)
	return nil
}

// Told is nil, or says why the segment that Publish replaced could not be marked
// SUPERSEDED: it was damaged, truncated, of another layout or not ours to write.
// The thread that called Publish.
func (s *Segment) Told() error { return s.told }

// openOld opens the file that has the name; nil when there is none.
func openOld(path string) (*os.File, error) {
	old, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fault("open old segment", path, err)
	}
	return old, nil
}

// supersede marks the old segment. It may be anything by now: it is checked as a
// reader checks it, and touched only where a page that is gone is an error.
func supersede(old *os.File, successor uint64) error {
	size, err := regularSize(old)
	if err != nil {
		return fault("supersede", old.Name(), err)
	}
	buf, err := unix.Mmap(int(old.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fault("map old segment", old.Name(), err)
	}
	var damage error
	gone := Guard(buf, func() {
		var view *ring.View
		if view, damage = ring.OpenView(buf); damage == nil && view.State() != ring.StateSuperseded {
			ring.Supersede(buf, successor)
			// Its writer is dead or gone, so the bell is ours: readers that sleep
			// on it move on at once.
			atomic.AddUint32(view.Doorbell(), 1)
			ring.Ring(view.Doorbell())
		}
	})
	if err := errors.Join(gone, damage, unix.Munmap(buf)); err != nil {
		return fault("supersede", old.Name(), err)
	}
	return nil
}

// regularSize is the size of a file that can hold a segment.
func regularSize(file *os.File) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return 0, err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return 0, ErrNotRegular
	case st.Size < ring.HeaderSize:
		return 0, fmt.Errorf("%w: %d bytes", ring.ErrTooShort, st.Size)
	}
	return st.Size, nil
}

// Close unmaps the segment and releases the lock. The writer has stored CLOSED
// before, and nothing touches Bytes any more. A published file stays, so that
// late readers drain it, unless remove is set; one that was not published goes.
// Only this segment's own file is removed, never one that took its name. A second
// call does nothing. One thread.
func (s *Segment) Close(remove bool) error {
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	if s.buf != nil {
		errs = append(errs, unix.Munmap(s.buf))
		s.buf = nil
	}
	if s.file != nil {
		errs = append(errs, s.removeFile(remove), s.file.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.release())
	}
	if err := errors.Join(errs...); err != nil {
		return s.fault("close segment", segmentPath(s.opts.Dir, s.feed), err)
	}
	return nil
}

// Check looks at what others may have done to a published segment: ErrNoFeed (its
// name was deleted: readers that have it go on, no new one finds it),
// ErrReplaced (another file has the name), ErrShrunk (it was truncated: the next
// touch of what is gone ends this process outside of Guard). Nil for anonymous
// memory. Three system calls: for a watching thread, not for the hot one; not at
// the same time as Close.
func (s *Segment) Check() error {
	if s.file == nil || !s.published || s.closed {
		return nil
	}
	var open unix.Stat_t
	if err := unix.Fstat(int(s.file.Fd()), &open); err != nil {
		return s.fault("look at segment", s.Path(), err)
	}
	if open.Size < int64(len(s.buf)) {
		return s.fault("look at segment", s.Path(), ErrShrunk)
	}
	same, err := leadsTo(s.Path(), s.file)
	switch {
	case err != nil:
		return s.fault("look at segment", s.Path(), err)
	case same:
		return nil
	case open.Nlink == 0:
		return s.fault("look at segment", s.Path(), unix.ENOENT)
	}
	return s.fault("look at segment", s.Path(), ErrReplaced)
}

// release keeps the generation of the newest segment that had the name.
func (s *Segment) release() error {
	_, noted := s.lock.read()
	return s.lock.release(noted)
}

func (s *Segment) removeFile(remove bool) error {
	path := s.buildPath
	if s.published {
		if !remove {
			return nil
		}
		path = s.Path()
	}
	same, err := leadsTo(path, s.file)
	if err != nil || !same {
		return err
	}
	if s.published {
		err = os.Remove(readersPath(path))
		if errors.Is(err, unix.ENOENT) {
			err = nil
		}
	}
	return errors.Join(err, os.Remove(path))
}

// leadsTo says whether a name is that of an open file; false when it is gone.
func leadsTo(path string, file *os.File) (bool, error) {
	var named, open unix.Stat_t
	err := unix.Lstat(path, &named)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := unix.Fstat(int(file.Fd()), &open); err != nil {
		return false, err
	}
	return named.Dev == open.Dev && named.Ino == open.Ino, nil
}

// Anonymous makes a segment in memory of this process alone: no file, no lock,
// no name. Publish marks it LIVE, Close frees it. cfg.Generation 0 means 1; the
// rest as for Create. Any thread.
func Anonymous(cfg ring.Config) (*Segment, error) {
	if cfg.Generation == 0 {
		cfg.Generation = 1
	}
	size, err := cfg.Size()
	if err != nil {
		return nil, err
	}
	if err := identify(&cfg); err != nil {
		return nil, err
	}
	buf, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of anonymous memory: %w", size, err)
	}
	s := &Segment{opts: Options{}.withDefaults(), feed: cfg.Feed, generation: cfg.Generation, buf: buf}
	if err := ring.Format(buf, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("format anonymous segment: %w", err), s.Close(false))
	}
	return s, nil
}
