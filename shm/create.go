package shm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// maxGeneration is far beyond any real count; a greater one is damage, and is not
// continued.
const maxGeneration = 1 << 62

// The steps of making a segment, in order; a crash is possible between any two.
const (
	stepLocked    = "locked"
	stepSwept     = "swept"
	stepCreated   = "created"
	stepReserved  = "reserved"
	stepMapped    = "mapped"
	stepFormatted = "formatted"
	stepReady     = "ready"
	stepNoted     = "noted"
	stepReaders   = "readers"
	stepRenamed   = "renamed"
	stepTold      = "told"
)

// Segment is the publisher's side of a segment file: locked, reserved, mapped
// for writing. Its methods are for one thread at a time.
type Segment struct {
	opts       Options
	feed       string
	generation uint64
	lock       *lockFile // nil for anonymous memory, and until Acquire
	file       *os.File  // nil for anonymous memory
	buildPath  string
	buf        []byte
	published  bool
	closed     bool
	told       error

	readers error // why there is no file of readers
}

// Create takes the feed's lock, reserves memory for a segment and formats it
// beside the name, where no reader sees it. cfg.Feed is the feed's name;
// Generation, boot id, owner and creation times are filled in. The segment's
// generation is one more than the feed's newest ever, whether or not that is
// still there.
//
// Errors, one line each: *NameError, ErrMode, ErrGroup, ErrDirectory,
// *LockedError, ErrPermission, ErrNotRegular (a directory has the name),
// *SpaceError, and ring's about cfg. Any thread; it may block for a tenth of a
// second.
func Create(opts Options, cfg ring.Config) (*Segment, error) {
	s, shape, err := begin(opts, cfg)
	if err != nil {
		return nil, err
	}
	if s.lock, err = takeLock(s.opts.Dir, s.feed); err != nil {
		return nil, err
	}
	if err := s.build(cfg, shape); err != nil {
		return nil, errors.Join(err, s.Close(false))
	}
	return s, nil
}

// shape is what a file is made of.
type shape struct {
	size int64
	gid  int // -1 leaves it as it is
}

// begin checks what can be checked before anything is touched, and makes the
// directory.
func begin(opts Options, cfg ring.Config) (*Segment, shape, error) {
	var made shape
	opts = opts.withDefaults()
	if err := CheckFeedName(cfg.Feed); err != nil {
		return nil, made, err
	}
	if err := opts.check(); err != nil {
		return nil, made, err
	}
	var err error
	if made.size, err = cfg.Size(); err != nil {
		return nil, made, err
	}
	if made.gid, err = groupID(opts.Group); err != nil {
		return nil, made, err
	}
	if err := prepareDir(opts, made.gid); err != nil {
		return nil, made, err
	}
	return &Segment{opts: opts, feed: cfg.Feed}, made, nil
}

// build does everything that needs the lock. What it leaves behind when it fails
// is Close's to clear.
func (s *Segment) build(cfg ring.Config, made shape) error {
	if err := s.number(); err != nil {
		return err
	}
	return s.format(cfg, made)
}

// number fixes the segment's generation, and clears what dead publishers left. The
// lock is held.
func (s *Segment) number() error {
	_, noted := s.lock.read()
	previous, err := s.newestGeneration(noted)
	if err != nil {
		return err
	}
	s.generation = previous + 1
	if err := s.lock.note(os.Getpid(), previous); err != nil {
		return s.fault("note owner in", lockPath(s.opts.Dir, s.feed), err)
	}
	s.opts.onStep(stepLocked)
	if err := sweep(s.opts.Dir, s.feed); err != nil {
		return s.fault("sweep", s.opts.Dir, err)
	}
	s.opts.onStep(stepSwept)
	return nil
}

// format makes the file beside the name, of the segment's generation.
func (s *Segment) format(cfg ring.Config, made shape) error {
	cfg.Generation = s.generation
	if err := identify(&cfg); err != nil {
		return err
	}
	if err := s.openBuild(made); err != nil {
		return err
	}
	var err error
	s.buf, err = unix.Mmap(int(s.file.Fd()), 0, int(made.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return s.fault("map", s.buildPath, err)
	}
	s.opts.onStep(stepMapped)
	if err := ring.Format(s.buf, cfg); err != nil {
		return fmt.Errorf("format segment of feed %q: %w", s.feed, err)
	}
	s.opts.onStep(stepFormatted)
	return nil
}

// openBuild makes the file beside the name and reserves its memory. Until it is
// protected nobody but this user may open it.
func (s *Segment) openBuild(made shape) error {
	if err := checkFree(s.opts.Dir, made.size); err != nil {
		return s.spaceFault(err)
	}
	if err := s.claimBuild(); err != nil {
		return err
	}
	if err := protect(s.file, made.gid, s.opts.Mode); err != nil {
		return s.fault("protect", s.buildPath, err)
	}
	s.opts.onStep(stepCreated)
	if err := reserve(s.file, made.size); err != nil {
		if errors.Is(err, unix.ENOSPC) {
			_, free := freeBytes(s.opts.Dir)
			err = &SpaceError{Dir: s.opts.Dir, NeedBytes: made.size, FreeBytes: free}
		}
		return s.spaceFault(err)
	}
	s.opts.onStep(stepReserved)
	return nil
}

// claimTries bounds how often a sweep may come between the making of a file and
// its lock: each needs another publisher that starts in that very microsecond.
const claimTries = 16

// claimBuild makes a file beside the name and locks it, which keeps it from being
// swept while this process lives. A sweep that comes between the two wins: then
// another file is made.
func (s *Segment) claimBuild() error {
	for range claimTries {
		path := buildPath(s.opts.Dir, s.feed, os.Getpid(), rand.Uint64())
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return s.fault("create", path, err)
		}
		s.file, s.buildPath = file, path
		held, err := lockWhole(file)
		if err != nil {
			return s.fault("lock", path, err)
		}
		same, err := leadsTo(path, file)
		if err != nil {
			return s.fault("look at", path, err)
		}
		if held && same {
			return nil
		}
		if err := file.Close(); err != nil {
			return s.fault("close", path, err)
		}
		s.file = nil
	}
	return s.fault("create", s.buildPath, errSwept)
}

var errSwept = errors.New("other publishers sweep it away each time; start it again")

func (s *Segment) spaceFault(err error) error {
	e := fault("reserve memory for segment", segmentPath(s.opts.Dir, s.feed), err)
	var space *SpaceError
	if errors.As(err, &space) {
		e.Err, e.Cause = space, nil
	}
	return e
}

func (s *Segment) fault(verb, path string, err error) error {
	e := fault(verb, path, err)
	if errors.Is(e.Err, ErrPermission) {
		e.Remedy = "run as the user who published the feed before, or choose another --dir"
	}
	return e
}

// newestGeneration is the newest generation that the feed had: by the file or,
// when that was deleted or damaged, by what the lock file notes.
func (s *Segment) newestGeneration(noted uint64) (uint64, error) {
	path := segmentPath(s.opts.Dir, s.feed)
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch {
	case errors.Is(err, unix.ENOENT):
		return noted, nil
	case err != nil:
		return 0, s.fault("look at", path, err)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return 0, s.fault("replace", path, unix.EISDIR)
	}
	return max(noted, fileGeneration(path)), nil
}

// fileGeneration reads the generation in a file's header; 0 when there is no
// header or none that can be believed. It maps nothing: the file is a stranger's
// until it was checked.
func fileGeneration(path string) uint64 {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0
	}
	defer file.Close()
	var head [ring.HeaderSize]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return 0
	}
	generation := u64(head[unsafe.Offsetof(ring.Header{}.Generation):])
	if u64(head[unsafe.Offsetof(ring.Header{}.Magic):]) != ring.Magic || generation > maxGeneration {
		return 0
	}
	return generation
}

// sweep removes what dead publishers of the feed left half built. The lock is
// held; of those that live only they that prepare have a file, and it is locked.
func sweep(dir, feed string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !isBuildName(entry.Name(), feed) {
			continue
		}
		if err := sweepFile(filepath.Join(dir, entry.Name())); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// sweepFile removes a file unless its maker lives. It holds the file's lock while
// it removes it, so that a maker that is about to lock it notices. What may not be
// opened is another user's: it stays.
func sweepFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return nil
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ELOOP), errors.Is(err, unix.EISDIR):
		return os.Remove(path) // a socket, or what no publisher made
	case err != nil:
		return err
	}
	defer file.Close()
	held, err := lockWhole(file)
	if err != nil || !held {
		return err
	}
	return os.Remove(path)
}

// Bytes is the whole mapping, writable; nil after Close. It is page-aligned and
// stays where it is. Touching it after Close ends the process.
func (s *Segment) Bytes() []byte { return s.buf }

// Path is the segment's file, there once it is published; empty for anonymous
// memory.
func (s *Segment) Path() string {
	if s.file == nil {
		return ""
	}
	return segmentPath(s.opts.Dir, s.feed)
}

// Generation names the segment. That of a prepared one may grow with Acquire.
func (s *Segment) Generation() uint64 { return s.generation }
