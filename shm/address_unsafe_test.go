package shm

import "unsafe"

// address is for system calls that take one.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
