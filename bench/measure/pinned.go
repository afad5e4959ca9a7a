package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/bench/internal/kit"
)

// runPinned is "pinned CPU PROGRAM ARGS…": it becomes that program, all threads of
// which stay on the CPU.
func runPinned(args []string) error {
	if len(args) < 2 {
		return errors.New("pinned: want CPU and program")
	}
	cpu, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("pinned: CPU %q: %w", args[0], err)
	}
	if err := kit.PinThread(cpu); err != nil {
		return err
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return fmt.Errorf("pinned: %w", err)
	}
	return fmt.Errorf("execute %q: %w", path, unix.Exec(path, args[1:], os.Environ()))
}
