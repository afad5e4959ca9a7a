package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// Faults of a name or of a directory.
var (
	// ErrFeedName: the text cannot name a feed.
	ErrFeedName = errors.New("feed name not allowed")
	// ErrDirectory: the directory is missing, is none, or others may write to it.
	ErrDirectory = errors.New("directory not usable")
	// ErrGroup: the group does not exist or may not be given to the file.
	ErrGroup = errors.New("group not usable")
	// ErrMode: the mode would let others write, or keep the owner out.
	ErrMode = errors.New("file mode not allowed")
)

// Faults when a publisher creates or publishes a segment.
var (
	// ErrNoSpace: the filesystem has no room for the segment.
	ErrNoSpace = errors.New("no space left")
	// ErrPublished: Publish was called twice, or after Close.
	ErrPublished = errors.New("segment already published or closed")
	// ErrNotAcquired: the segment was prepared, and its feed's lock not taken.
	ErrNotAcquired = errors.New("prepared segment has not acquired its feed")
)

// Faults when a reader opens a segment; those of its bytes are ring's.
var (
	// ErrNoFeed: no file of that name.
	ErrNoFeed = errors.New("no such feed")
	// ErrPermission: this user may not do that.
	ErrPermission = errors.New("permission denied")
	// ErrNotRegular: a directory, link, pipe, socket or device has the name.
	ErrNotRegular = errors.New("not a regular file")
	// ErrOwner: the file is a stranger's, in a directory where everybody may write.
	ErrOwner = errors.New("owned by another user in a directory that everybody may write to")
	// ErrOtherBoot: left over from before the machine was restarted.
	ErrOtherBoot = errors.New("left over from another boot of this machine")
	// ErrOtherFeed: the segment in the file bears another name than the file.
	ErrOtherFeed = errors.New("segment of another feed")
)

// Faults of a segment that is mapped.
var (
	// ErrShrunk: the file is smaller than the mapping, truncated from outside.
	ErrShrunk = errors.New("file was truncated while mapped")
	// ErrTruncatedUnderUs: a page of the mapping was gone when it was touched.
	ErrTruncatedUnderUs = errors.New("page of the mapping is gone: file was truncated while mapped")
	// ErrReplaced: the publisher's segment lives, and its name leads elsewhere.
	ErrReplaced = errors.New("another file has the segment's name")
	// ErrUnmapped: Close was called before.
	ErrUnmapped = errors.New("mapping is closed")
)

// Error is what this package returns for a fault of a file: what was tried, on
// which path, what was wrong and what to do about it, in one line.
type Error struct {
	Op     string // "open segment", "create segment", …
	Path   string // the file or directory
	Err    error  // a sentinel of this package or of ring, or the system's error
	Cause  error  // the system's error behind a sentinel, or nil
	Remedy string // what to do, or empty
}

// Error returns the one line.
func (e *Error) Error() string {
	text := e.Op + " " + strconv.Quote(e.Path) + ": " + e.Err.Error()
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// Unwrap lets errors.Is find the sentinel and the system's error.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Cause}
}

// LockedError says that another process publishes the feed.
type LockedError struct {
	Feed string
	PID  int // of the owner, in the owner's pid namespace; 0 when it left none
}

// Error returns one line that names the owner.
func (e *LockedError) Error() string {
	owner := "another process"
	if e.PID > 0 {
		owner = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("feed %q is already published by %s; stop it, or publish under another feed name", e.Feed, owner)
}

// SpaceError says how much memory a segment needs and how much there is.
type SpaceError struct {
	Dir       string
	NeedBytes int64
	FreeBytes int64 // as the filesystem said; -1 when it has no limit of its own
}

// Error returns one line with the numbers.
func (e *SpaceError) Error() string {
	if e.FreeBytes < 0 {
		return fmt.Sprintf("%s: %d bytes needed", ErrNoSpace, e.NeedBytes)
	}
	return fmt.Sprintf("%s: %d bytes needed, %d free", ErrNoSpace, e.NeedBytes, e.FreeBytes)
}

// Is reports that a SpaceError is ErrNoSpace.
func (e *SpaceError) Is(target error) bool { return target == ErrNoSpace }

const (
	replaceRemedy = "start the publisher again: it replaces the file"
	touchRemedy   = "start the publisher again, and let nothing else touch the file"
)

// remedies says what to do about a fault, in the words of an operator.
var remedies = []struct {
	err    error
	remedy string
}{
	{ErrNoFeed, "start its publisher, or point --dir or " + EnvDir + " at its directory"},
	{ErrPermission, "run as the publisher's user or as a member of the segment's group"},
	{ErrNotRegular, "remove it, or choose another feed name"},
	{ErrOwner, "use a directory that only the publisher may write to"},
	{ErrNoReaders, "its publisher makes it when it starts; reading needs none"},
	{ErrReadersFull, "reading goes on without"},
	{ErrReadersBusy, "reading goes on without"},
	{ring.ErrReaders, "the next start of the publisher replaces it; reading needs none"},
	{ring.ErrTooShort, replaceRemedy},
	{ring.ErrMagic, replaceRemedy},
	{ring.ErrTruncated, replaceRemedy},
	{ring.ErrSize, replaceRemedy},
	{ring.ErrDirectory, replaceRemedy},
	{ring.ErrHeaderField, replaceRemedy},
	{ring.ErrDamaged, replaceRemedy},
	{ring.ErrNotReady, replaceRemedy},
	{ErrOtherBoot, replaceRemedy},
	{ErrOtherFeed, "open it by its own name, or restart the publisher"},
	{ErrGroup, "name a group that this user belongs to"},
	{ErrNoSpace, "enlarge the filesystem, use fewer --slots, or another --dir"},
	{ErrReplaced, touchRemedy},
	{ErrShrunk, touchRemedy},
	{ErrTruncatedUnderUs, touchRemedy},
	{ring.ErrVersion, "publisher and reader must be of the same layout version"},
	{ring.ErrFormatHash, "publisher and reader must be of the same layout version"},
	{ring.ErrByteOrder, "read it on a machine of the publisher's byte order"},
}

// fault makes the Error of one layer. err is a sentinel, or the system's error,
// which is translated to one where there is one.
func fault(op, path string, err error) *Error {
	e := &Error{Op: op, Path: path, Err: bare(err)}
	if sentinel := sentinelOf(err); sentinel != nil {
		e.Err, e.Cause = sentinel, err
	}
	for _, r := range remedies {
		if errors.Is(e.Err, r.err) {
			e.Remedy = r.remedy
			break
		}
	}
	return e
}

// bare takes off the path that package os puts around an error: ours says it.
func bare(err error) error {
	if pathError, ok := err.(*fs.PathError); ok {
		return pathError.Err
	}
	return err
}

// sentinelOf translates an error number of the system.
func sentinelOf(err error) error {
	switch {
	case errors.Is(err, ErrGroup):
		return nil // says it already
	case errors.Is(err, unix.ENOENT):
		return ErrNoFeed
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		return ErrPermission
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EISDIR):
		return ErrNotRegular
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return ErrNoSpace
	}
	return nil
}
