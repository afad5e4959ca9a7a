package shm

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func u64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

// freeBytes is what this user may still take of a filesystem; limited is false
// for a memory filesystem without a size of its own.
func freeBytes(dir string) (limited bool, free int64) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return false, -1
	}
	return true, int64(st.Bavail) * int64(st.Bsize)
}

// checkFree refuses what cannot fit before any page is taken: a reservation that
// fails half-way has starved its neighbours for that moment.
func checkFree(dir string, size int64) error {
	if limited, free := freeBytes(dir); limited && free < size {
		return &SpaceError{Dir: dir, NeedBytes: size, FreeBytes: free}
	}
	return nil
}

// reserve gives the file its size and its memory. ftruncate would give the size
// alone: the first touch of a page on a full filesystem would then be a SIGBUS.
func reserve(file *os.File, size int64) error {
	for {
		err := unix.Fallocate(int(file.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return writeZeros(file, size)
		}
		return err
	}
}

// writeZeros reserves on filesystems that cannot fallocate.
func writeZeros(file *os.File, size int64) error {
	zeros := make([]byte, 1<<16)
	for at := int64(0); at < size; {
		n, err := file.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
