package wire

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollLook is epoll_pwait with a zero timeout as a raw system call: it cannot
// block, so the scheduler need not know. An interruption is an empty look.
func epollLook(fd int, events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

// recvNow is recv with MSG_DONTWAIT as a raw system call: it cannot block
// either. p must not be empty: the answer 0 means that the peer has closed.
func recvNow(fd int, p []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}
