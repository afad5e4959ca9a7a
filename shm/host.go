package shm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

const bootIDPath = "/proc/sys/kernel/random/boot_id"

// BootID returns the id that the kernel took at this boot; containers of one host
// share it. Any thread.
func BootID() ([16]byte, error) {
	var id [16]byte
	text, err := os.ReadFile(bootIDPath)
	if err != nil {
		return id, fmt.Errorf("read boot id: %w", err)
	}
	digits := bytes.ReplaceAll(bytes.TrimSpace(text), []byte("-"), nil)
	if hex.DecodedLen(len(digits)) != len(id) {
		return id, fmt.Errorf("read boot id %q: not 32 hexadecimal digits", text)
	}
	if _, err := hex.Decode(id[:], digits); err != nil {
		return id, fmt.Errorf("read boot id %q: %w", text, err)
	}
	return id, nil
}

// identify fills in who makes the segment, where and when.
func identify(cfg *ring.Config) error {
	var err error
	if cfg.BootID, err = BootID(); err != nil {
		return err
	}
	cfg.OwnerPID = uint32(os.Getpid())
	if cfg.OwnerStartTime, err = startTime(); err != nil {
		return err
	}
	if cfg.OwnerPIDNamespace, err = pidNamespace(); err != nil {
		return err
	}
	cfg.CreatedRealtimeNS = time.Now().UnixNano()
	cfg.CreatedMonotonicNS = monotonicNS()
	return nil
}

// monotonicNS is CLOCK_MONOTONIC, which every Linux has.
func monotonicNS() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic("shm: no monotonic clock: " + err.Error())
	}
	return now.Nano()
}

// startTime returns this process's start in clock ticks since boot.
func startTime() (uint64, error) { return startTimeOf("/proc/self/stat") }

// startTimeOf reads a start from proc(5) stat: field 22. The second field is the command in parentheses and may hold
// anything, so the count starts behind the last parenthesis.
func startTimeOf(path string) (uint64, error) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read start time: %w", err)
	}
	const fieldsBehindCommand = 22 - 2
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < fieldsBehindCommand {
		return 0, fmt.Errorf("read start time: %s is short", path)
	}
	ticks, err := strconv.ParseUint(string(fields[fieldsBehindCommand-1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read start time: %w", err)
	}
	return ticks, nil
}

// pidNamespace returns the inode that names this process's pid namespace.
func pidNamespace() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return 0, fmt.Errorf("read own pid namespace: %w", err)
	}
	return st.Ino, nil
}
