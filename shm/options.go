package shm

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	defaultFileMode = 0o640
	defaultDirMode  = 0o750
	othersWrite     = 0o022
)

// Options says where segments live and who may read them. The zero value takes
// the defaults.
type Options struct {
	// Dir is the directory; empty: see Dir.
	Dir string
	// Group owns the file, and the directory where Create makes it: a name or a
	// number; empty leaves the process's group.
	Group string
	// Mode of the file, 0640 when zero. The owner reads and writes; nobody else
	// may write.
	Mode os.FileMode
	// DirMode of a directory that Create makes, 0750 when zero.
	DirMode os.FileMode

	// onStep is called between the steps of making a segment; tests die there.
	onStep func(step string)
}

func (o Options) withDefaults() Options {
	o.Dir = Dir(o.Dir)
	if o.Mode == 0 {
		o.Mode = defaultFileMode
	}
	if o.DirMode == 0 {
		o.DirMode = defaultDirMode
	}
	if o.onStep == nil {
		o.onStep = func(string) {}
	}
	return o
}

func (o Options) check() error {
	if o.Mode&^os.ModePerm != 0 || o.Mode&0o600 != 0o600 || o.Mode&othersWrite != 0 {
		return fmt.Errorf("%w: %#o; the owner must read and write, nobody else may write", ErrMode, o.Mode)
	}
	if o.DirMode&^os.ModePerm != 0 || o.DirMode&0o700 != 0o700 || o.DirMode&othersWrite != 0 {
		return fmt.Errorf("%w: directory %#o; the owner needs all of it, nobody else may write", ErrMode, o.DirMode)
	}
	return nil
}

// groupID resolves a group; -1 leaves it as it is.
func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if id, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(id), nil
	}
	found, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("%w: %q: %v", ErrGroup, group, err)
	}
	return strconv.Atoi(found.Gid)
}

// protect sets owner group and mode on an open file: the umask has its say at
// creation only. Group first: nobody of the old group ever has the new mode.
func protect(file *os.File, gid int, mode os.FileMode) error {
	if gid >= 0 {
		if err := file.Chown(-1, gid); err != nil {
			return fmt.Errorf("%w: %d: %w", ErrGroup, gid, bare(err))
		}
	}
	return file.Chmod(mode)
}

// prepareDir makes the directory when it is not there, and refuses one in which
// strangers could swap the files.
func prepareDir(o Options, gid int) error {
	err := os.MkdirAll(filepath.Dir(filepath.Clean(o.Dir)), 0o755)
	if err != nil {
		return dirFault(o.Dir, err, "make its parent directory, or choose another --dir")
	}
	err = os.Mkdir(o.Dir, 0o700)
	switch {
	case err == nil:
		return protectDir(o, gid)
	case !errors.Is(err, unix.EEXIST):
		return dirFault(o.Dir, err, "run as a user who may write there, or choose another --dir")
	}
	return checkDir(o.Dir)
}

func protectDir(o Options, gid int) error {
	dir, err := os.Open(o.Dir)
	if err != nil {
		return dirFault(o.Dir, err, "")
	}
	defer dir.Close()
	if err := protect(dir, gid, o.DirMode); err != nil {
		return dirFault(o.Dir, err, "run as a member of the group")
	}
	return nil
}

func checkDir(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return dirFault(path, err, "choose another --dir")
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return dirFault(path, errors.New("not a directory"), "choose another --dir")
	case st.Mode&unix.S_IWOTH != 0 && st.Mode&unix.S_ISVTX == 0:
		return dirFault(path, errors.New("everybody may rename files in it"), "take write permission from others, or set its sticky bit")
	case unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS) != nil:
		return dirFault(path, ErrPermission, "run as its owner, or choose another --dir")
	}
	return nil
}

func dirFault(path string, err error, remedy string) error {
	e := fault("use directory", path, err)
	e.Err, e.Cause = fmt.Errorf("%w: %w", ErrDirectory, e.Err), err
	e.Remedy = remedy
	return e
}
