package shm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// Faults of a feed's file of readers. None of them keeps anybody from reading.
var (
	// ErrNoReaders: the feed has no file of readers.
	ErrNoReaders = errors.New("no file of readers")
	// ErrReadersFull: every slot is a living reader's.
	ErrReadersFull = errors.New("every slot for readers is taken")
	// ErrReadersBusy: somebody holds the lock of the file and does not let go.
	ErrReadersBusy = errors.New("file of readers is locked by another process")
)

// readersPath is the file in which readers of a feed may name themselves.
func readersPath(segment string) string { return segment + readersSuffix }

// makeReaders leaves a good file of readers beside the segment's name: the one that
// is there, whose readers stay registered, or a new one. The feed's lock is held.
func (s *Segment) makeReaders() error {
	path := readersPath(s.Path())
	var own unix.Stat_t
	if err := unix.Fstat(int(s.file.Fd()), &own); err != nil {
		return readersFault("make file of readers", path, err)
	}
	// Who may read the segment may name himself; strangers may do neither.
	mode := os.FileMode(0o600)
	if own.Mode&0o040 != 0 {
		mode |= 0o060
	}
	if kept, err := keepReaders(path, int(own.Gid), mode); kept || err != nil {
		return err
	}
	if err := s.newReaders(path, int(own.Gid), mode); err != nil {
		return readersFault("make file of readers", path, err)
	}
	return nil
}

// keepReaders says whether the file that is there can stay.
func keepReaders(path string, gid int, mode os.FileMode) (bool, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, nil // absent, or nothing that a reader could open
	}
	defer file.Close()
	var st unix.Stat_t
	if _, err := readReaders(path, file); err != nil || unix.Fstat(int(file.Fd()), &st) != nil {
		return false, nil
	}
	if int(st.Uid) != os.Geteuid() {
		return false, nil
	}
	return protect(file, gid, mode) == nil, nil
}

// newReaders makes the file beside its name and renames it into place. What a crash
// leaves in between is swept with what it leaves of a segment.
func (s *Segment) newReaders(path string, gid int, mode os.FileMode) error {
	boot, err := BootID()
	if err != nil {
		return err
	}
	build := buildPath(s.opts.Dir, s.feed, os.Getpid(), rand.Uint64())
	file, err := os.OpenFile(build, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(ring.FormatReaders(boot), 0)
	if err = errors.Join(err, protect(file, gid, mode), file.Close()); err == nil {
		err = os.Rename(build, path)
	}
	if err != nil {
		return errors.Join(bare(err), os.Remove(build))
	}
	return nil
}

// ReadersFault is nil, or says why Publish could not leave a file of readers beside
// the segment. Readers go on without. The thread that called Publish.
func (s *Segment) ReadersFault() error { return s.readers }

// checkReaders refuses what no publisher made: readers must not write into another
// file of theirs, nor read one of enormous size.
func checkReaders(path string, file *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1:
		return ErrNotRegular
	case st.Size != ring.ReadersSize:
		return fmt.Errorf("%w: %d bytes, want %d", ring.ErrReaders, st.Size, ring.ReadersSize)
	}
	return checkOwner(path, file)
}

// readReaders copies a checked file of readers. Nothing is mapped: what others do to
// the file meanwhile changes no byte of the copy and ends no process.
func readReaders(path string, file *os.File) (*ring.Readers, error) {
	if err := checkReaders(path, file); err != nil {
		return nil, err
	}
	boot, err := BootID()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, ring.ReadersSize)
	if _, err := file.ReadAt(buf, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ring.ErrReaders, err)
	}
	return ring.OpenReaders(buf, boot)
}

// readersFault makes the Error of a file of readers.
func readersFault(op, path string, err error) error {
	if errors.Is(err, unix.ENOENT) {
		err = ErrNoReaders
	}
	return fault(op, path, err)
}

// ReaderInfo is what one reader said of itself. It is a stranger's word.
type ReaderInfo struct {
	Slot int
	// Name is printable ASCII, at most 48 bytes.
	Name string
	// PID is the reader's, in its own pid namespace; Here says that it is this one.
	PID  uint32
	Here bool
	// Generation is the segment that the numbers are of.
	Generation uint64
	Cursor     uint64 // sequence expected next
	Read       uint64 // records handed out
	Lost       uint64 // records overwritten before they were read
	// UpdatedAge is how long ago the reader said so; never negative.
	UpdatedAge time.Duration
}

// Lag is how many records the reader is behind the writer's last whole frame; false
// when it is in another generation or says what cannot be.
func (i ReaderInfo) Lag(v *ring.View) (uint64, bool) {
	last := v.LastSequence()
	if i.Generation != v.Generation() || last > ring.MaxSequence || i.Cursor == 0 || i.Cursor > last+uint64(v.Slots()) {
		return 0, false
	}
	return last + 1 - min(i.Cursor, last+1), true
}

// ListReaders says who reads a feed, of those that have registered and live, by slot.
// dir is as for Dir. ErrNoReaders when the publisher left no file, and the faults of
// a damaged one; it is read, never mapped. Any thread, not a hot one.
func ListReaders(dir, feed string) ([]ReaderInfo, error) {
	if err := CheckFeedName(feed); err != nil {
		return nil, err
	}
	path := readersPath(segmentPath(Dir(dir), feed))
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, readersFault("read file of readers", path, err)
	}
	defer file.Close()
	readers, err := readReaders(path, file)
	if err != nil {
		return nil, readersFault("read file of readers", path, err)
	}
	here, err := pidNamespace()
	if err != nil {
		return nil, err
	}
	now := monotonicNS()
	var infos []ReaderInfo
	var slot ring.ReaderSlot
	for i := range ring.ReaderSlots {
		if readers.Slot(i, &slot) && !gone(&slot, here, now) {
			infos = append(infos, ReaderInfo{
				Slot: i, Name: slot.NameText(), PID: slot.PID, Here: slot.PIDNamespace == here,
				Generation: slot.Generation, Cursor: slot.Cursor, Read: slot.Read, Lost: slot.Lost,
				UpdatedAge: time.Duration(max(0, now-max(0, slot.UpdatedMonotonicNS))),
			})
		}
	}
	return infos, nil
}

// gone says whether a slot's reader does not live any more. In this pid namespace the
// process is looked up; of another one only silence tells.
func gone(s *ring.ReaderSlot, here uint64, nowMonotonicNS int64) bool {
	if s.PIDNamespace == here {
		started, err := startTimeOf(fmt.Sprintf("/proc/%d/stat", s.PID))
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
			return true
		}
		return err == nil && started != s.StartTime
	}
	last := s.UpdatedMonotonicNS
	return last < 0 || last > nowMonotonicNS || nowMonotonicNS-last > ring.ReaderForgetNS
}
