package shm

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"unsafe"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// Prepare is Create without the feed's lock: for a publisher that fills its
// segment while another one still owns the feed. Acquire takes the feed later,
// Publish needs it. The generation is what it would be now, and only Acquire says
// what it is. The file beside the name is locked by this process: no other
// publisher sweeps it while this one lives, and the next one does when it is dead.
//
// Errors as for Create, without *LockedError. Any thread.
func Prepare(opts Options, cfg ring.Config) (*Segment, error) {
	s, made, err := begin(opts, cfg)
	if err != nil {
		return nil, err
	}
	newest, err := s.newestGeneration(notedGeneration(s.opts.Dir, s.feed))
	if err != nil {
		return nil, err
	}
	s.generation = newest + 1
	if err := s.format(cfg, made); err != nil {
		return nil, errors.Join(err, s.Close(false))
	}
	return s, nil
}

// notedGeneration is what the lock file notes, as a stranger to it may read.
func notedGeneration(dir, feed string) uint64 {
	file, err := os.OpenFile(lockPath(dir, feed), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0
	}
	defer file.Close()
	_, noted := (&lockFile{file}).read()
	return noted
}

// Acquire takes the feed of a prepared segment as soon as its owner lets go of it,
// and fixes the segment's generation: one more than the newest that the feed ever
// had by now. It tries at least once, also when ctx has ended. It does nothing
// where the feed is owned already.
//
// Errors: *LockedError when ctx ends before, ErrPublished, and the system's; the
// segment is as it was then. The thread that owns the segment; the writer may go
// on meanwhile, and Bytes are read by nobody else.
func (s *Segment) Acquire(ctx context.Context) error {
	if s.closed || s.published {
		return ErrPublished
	}
	if s.file == nil || s.lock != nil {
		return nil
	}
	var err error
	if s.lock, err = awaitLock(ctx, s.opts.Dir, s.feed); err != nil {
		return err
	}
	provisional := s.generation
	if err := s.number(); err != nil {
		err = errors.Join(err, s.release())
		s.lock, s.generation = nil, provisional
		return err
	}
	// Nobody reads the header before Publish marks it ready.
	at := unsafe.Offsetof(ring.Header{}.Generation)
	binary.NativeEndian.PutUint64(s.buf[at:], s.generation)
	return nil
}

// Release lets go of the feed's lock and keeps the mapping: for a publisher whose
// writer has ended and whose successor is about to publish. Nothing is stored into
// the segment any more. Close is still needed, and removes no published file. It
// does nothing where there is no lock. The thread that owns the segment.
func (s *Segment) Release() error {
	if s.lock == nil {
		return nil
	}
	err := s.release()
	s.lock = nil
	if err != nil {
		return s.fault("release", lockPath(s.opts.Dir, s.feed), err)
	}
	return nil
}
