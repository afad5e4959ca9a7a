package wire

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrLockLimit is the answer of MemoryLock where locking could not cover the
// whole process.
var ErrLockLimit = errors.New("memory not locked: RLIMIT_MEMLOCK is finite and CAP_IPC_LOCK is missing; raise it (LimitMEMLOCK=infinity) to lock")

// MemoryLock keeps present and future pages of this process from being swapped
// out. Best effort: go on when it fails.
//
// With a finite limit it does nothing but say so: locking future pages would
// then make the runtime's own growth fail, which ends the process.
func MemoryLock() error {
	if !mayLockAll() {
		return ErrLockLimit
	}
	// ONFAULT: the runtime reserves address space it never touches.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	return nil
}

func mayLockAll() bool {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err == nil && limit.Cur == unix.RLIM_INFINITY {
		return true
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0
}
