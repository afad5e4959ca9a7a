package shm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// Mapping is a reader's side of a segment file: mapped read-only, checked. View
// and Bytes may be used from any thread; Close by one, after the others are done.
type Mapping struct {
	path       string
	file       *os.File
	buf        []byte
	view       *ring.View
	generation uint64 // as it was when it was checked
	feed       string
}

// Open maps the segment of a feed read-only. dir is as for Dir. Beyond what
// OpenPath checks, the segment must bear the feed's name (ErrOtherFeed). Errors
// are *NameError, or *Error around one sentinel, with the path and what to do.
// Any thread.
func Open(dir, feed string) (*Mapping, error) {
	if err := CheckFeedName(feed); err != nil {
		return nil, err
	}
	m, err := OpenPath(segmentPath(Dir(dir), feed))
	if err != nil {
		return nil, err
	}
	if m.feed != feed {
		err := fault("open segment", m.path, fmt.Errorf("%w: %q", ErrOtherFeed, m.feed))
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// OpenPath maps a segment file read-only. It checks, in this order: that there is
// a regular file (ErrNoFeed, ErrPermission, ErrNotRegular), whose it is
// (ErrOwner), its size (ring.ErrTooShort), what ring.OpenView checks, and the
// boot (ErrOtherBoot). CLOSED and SUPERSEDED segments open: there may be records
// to drain. Any thread.
func OpenPath(path string) (*Mapping, error) {
	m, err := openPath(path)
	if err != nil {
		return nil, fault("open segment", path, err)
	}
	return m, nil
}

func openPath(path string) (*Mapping, error) {
	m, err := mapPath(path)
	if err != nil {
		return nil, err
	}
	if err := m.checkBoot(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if err := m.populate(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// mapPath opens, checks and maps; the boot is not looked at.
func mapPath(path string) (*Mapping, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	m := &Mapping{path: path, file: file}
	if err := m.mapFile(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Mapping) mapFile() error {
	size, err := regularSize(m.file)
	if err != nil {
		return err
	}
	if err := checkOwner(m.path, m.file); err != nil {
		return err
	}
	m.buf, err = unix.Mmap(int(m.file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	gone := Guard(m.buf, func() {
		if m.view, err = ring.OpenView(m.buf); err == nil {
			m.generation, m.feed = m.view.Generation(), m.view.Feed()
		}
	})
	return errors.Join(gone, err)
}

// checkOwner keeps out a stranger's file: where everybody may write, anybody
// could take the name before the publisher does. In any other directory, whoever
// may write there was let in by its owner.
func checkOwner(path string, file *os.File) error {
	var dir, own unix.Stat_t
	if err := unix.Stat(filepath.Dir(path), &dir); err != nil {
		return err
	}
	if err := unix.Fstat(int(file.Fd()), &own); err != nil {
		return err
	}
	known := own.Uid == 0 || own.Uid == dir.Uid || int(own.Uid) == os.Geteuid()
	if dir.Mode&unix.S_IWOTH != 0 && !known {
		return fmt.Errorf("%w: user %d", ErrOwner, own.Uid)
	}
	return nil
}

func (m *Mapping) checkBoot() error {
	boot, err := BootID()
	if err != nil {
		return err
	}
	if m.view.BootID() != boot {
		return ErrOtherBoot
	}
	return nil
}

// populate fills the page tables, so that no read of the first lap waits for the
// kernel (some 2 us a page). It comes after the checks and leaves out a file with
// holes: a publisher reserves every page, and a sparse file of enormous size
// would be given memory page by page by the very reader that looks at it.
func (m *Mapping) populate() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(m.file.Fd()), &st); err != nil {
		return err
	}
	const statBlock = 512 // st_blocks counts these, whatever the filesystem's own
	if st.Blocks*statBlock < int64(len(m.buf)) {
		return nil
	}
	err := unix.Madvise(m.buf, unix.MADV_POPULATE_READ)
	switch {
	case errors.Is(err, unix.EINVAL): // a kernel before 5.14
		return Guard(m.buf, func() { touch(m.buf) })
	case errors.Is(err, unix.EFAULT), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EHWPOISON):
		return ErrTruncatedUnderUs
	}
	return err
}

// touch reads one byte of each page.
func touch(buf []byte) (sum byte) {
	for at := 0; at < len(buf); at += os.Getpagesize() {
		sum += buf[at]
	}
	return sum
}

// View is the checked look at the segment; it must not be used after Close.
func (m *Mapping) View() *ring.View { return m.view }

// Bytes is the whole mapping, read-only: a store ends the process, and so does
// any touch after Close.
func (m *Mapping) Bytes() []byte { return m.buf }

// Path is the file that was opened.
func (m *Mapping) Path() string { return m.path }

// Guard is the function Guard over this mapping.
func (m *Mapping) Guard(f func()) error { return Guard(m.buf, f) }

// Changed looks at the file system: true when the name leads to another file
// than the one that is mapped, so that opening it again may give another
// generation. ErrNoFeed: the name is gone; the mapping is as good as before.
// ErrShrunk: the mapped file was truncated; touching what is gone ends the
// process outside of Guard. ErrUnmapped after Close. Two or three system calls;
// any thread, not at the same time as Close.
func (m *Mapping) Changed() (bool, error) {
	if m.buf == nil {
		return false, ErrUnmapped
	}
	var mapped, named unix.Stat_t
	if err := unix.Fstat(int(m.file.Fd()), &mapped); err != nil {
		return false, fault("look at segment", m.path, err)
	}
	if mapped.Size < int64(len(m.buf)) {
		return false, fault("look at segment", m.path, ErrShrunk)
	}
	if err := unix.Lstat(m.path, &named); err != nil {
		return false, fault("look at segment", m.path, err)
	}
	return named.Dev != mapped.Dev || named.Ino != mapped.Ino, nil
}

// Successor opens the segment that has taken the name since: nil and no error
// while there is none, or the name is gone. It accepts another generation of the
// same feed only; errors are those of OpenPath, ErrOtherFeed and ErrUnmapped. The
// caller drains this mapping first, tries about every 100 ms, and closes it when
// it has the next. Any thread, not at the same time as Close.
func (m *Mapping) Successor() (*Mapping, error) {
	if m.buf == nil {
		return nil, ErrUnmapped
	}
	same, err := leadsTo(m.path, m.file)
	if err != nil {
		return nil, fault("look at segment", m.path, err)
	}
	if same {
		return nil, nil
	}
	next, err := OpenPath(m.path)
	switch {
	case errors.Is(err, ErrNoFeed):
		return nil, nil
	case err != nil:
		return nil, err
	case next.feed != m.feed:
		err = fault("open segment", m.path, fmt.Errorf("%w: %q", ErrOtherFeed, next.feed))
		return nil, errors.Join(err, next.Close())
	case next.generation == m.generation:
		return nil, next.Close()
	}
	return next, nil
}

// Close unmaps. Everything that came from View or Bytes is invalid after it. A
// second call does nothing.
func (m *Mapping) Close() error {
	var errs []error
	if m.buf != nil {
		errs = append(errs, unix.Munmap(m.buf))
		m.buf, m.view = nil, nil
	}
	if m.file != nil {
		errs = append(errs, m.file.Close())
		m.file = nil
	}
	return errors.Join(errs...)
}
