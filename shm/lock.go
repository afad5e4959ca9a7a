package shm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lockNoteSize is the fixed length of what the owner writes into the lock
	// file: one write of few bytes is there whole or not at all.
	lockNoteSize = 64
	// lockNoteFormat is the text of the note.
	lockNoteFormat = "pid %d generation %d"
	// lockNoteTries and lockNoteWait bound how long a refused publisher waits for
	// an owner that has the lock and has not yet written its pid.
	lockNoteTries = 10
	lockNoteWait  = 10 * time.Millisecond
	// lockTryEvery is how often a lock is tried that is about to come free.
	lockTryEvery = 2 * time.Millisecond
)

// lockFile is the open `.feed.lock`. The lock belongs to the open file
// description: closing it, or the death of the process, releases it.
type lockFile struct {
	file *os.File
}

// takeLock opens the lock file and takes the lock, or returns *LockedError. The
// file is never renamed or deleted: two publishers that hold locks on two files
// of one name would both believe in theirs.
func takeLock(dir, feed string) (*lockFile, error) {
	l, err := openLock(dir, feed)
	if err != nil {
		return nil, err
	}
	held, err := lockWhole(l.file)
	switch {
	case err != nil:
		return nil, errors.Join(fault("lock", l.file.Name(), err), l.file.Close())
	case !held:
		pid := l.awaitOwner()
		return nil, errors.Join(&LockedError{Feed: feed, PID: pid}, l.file.Close())
	}
	return l, nil
}

// awaitLock takes the lock as soon as its owner lets go of it; *LockedError when
// that is not before ctx ends. It tries at least once.
func awaitLock(ctx context.Context, dir, feed string) (*lockFile, error) {
	l, err := openLock(dir, feed)
	if err != nil {
		return nil, err
	}
	t := time.NewTicker(lockTryEvery)
	defer t.Stop()
	for {
		held, err := lockWhole(l.file)
		if err != nil {
			return nil, errors.Join(fault("lock", l.file.Name(), err), l.file.Close())
		}
		if held {
			return l, nil
		}
		select {
		case <-ctx.Done():
			pid, _ := l.read()
			return nil, errors.Join(&LockedError{Feed: feed, PID: pid}, l.file.Close())
		case <-t.C:
		}
	}
}

func openLock(dir, feed string) (*lockFile, error) {
	path := lockPath(dir, feed)
	flags := os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW | unix.O_NONBLOCK
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fault("open lock", path, err)
	}
	l := &lockFile{file}
	if err := l.check(); err != nil {
		return nil, errors.Join(fault("open lock", path, err), file.Close())
	}
	return l, nil
}

// lockWhole takes the lock of an open file, without waiting; false when another
// open file description, of this or another process, has it.
func lockWhole(file *os.File) (held bool, err error) {
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &whole)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// check refuses a lock file that somebody else prepared: what is written to it
// must not land in another file of ours.
func (l *lockFile) check() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(l.file.Fd()), &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1:
		return ErrNotRegular
	case int(st.Uid) != os.Geteuid() && os.Geteuid() != 0:
		return ErrPermission
	}
	return nil
}

// note writes who holds the lock and the newest generation of the feed, so that
// the count goes on when the segment was deleted. pid 0: nobody.
func (l *lockFile) note(pid int, generation uint64) error {
	text := fmt.Sprintf(lockNoteFormat, pid, generation)
	text = fmt.Sprintf("%-*s\n", lockNoteSize-1, text)
	_, err := l.file.WriteAt([]byte(text), 0)
	return err
}

// read returns what note wrote; zeros when it is not there or not readable as
// such.
func (l *lockFile) read() (pid int, generation uint64) {
	var buf [lockNoteSize]byte
	n, _ := l.file.ReadAt(buf[:], 0)
	if _, err := fmt.Sscanf(string(buf[:n]), lockNoteFormat, &pid, &generation); err != nil {
		return 0, 0
	}
	if pid < 0 || generation > maxGeneration {
		return 0, 0
	}
	return pid, generation
}

// awaitOwner reads the owner's pid; a note of nobody or of a dead process is the
// last owner's, so the present one gets a moment to write its own. In another pid
// namespace the process seems dead: then the pid is returned all the same.
func (l *lockFile) awaitOwner() int {
	var pid int
	for range lockNoteTries {
		pid, _ = l.read()
		if pid > 0 && !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			break
		}
		time.Sleep(lockNoteWait)
	}
	return pid
}

// release lets go of the lock; the next owner finds the generation.
func (l *lockFile) release(generation uint64) error {
	return errors.Join(l.note(0, generation), l.file.Close())
}
