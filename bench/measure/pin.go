package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// pinThread binds the calling goroutine to a thread of its own, and that to a CPU.
func pinThread(cpu int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return nil
}

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
	if err := pinThread(cpu); err != nil {
		return err
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return fmt.Errorf("pinned: %w", err)
	}
	return fmt.Errorf("execute %q: %w", path, unix.Exec(path, args[1:], os.Environ()))
}

// cpus are where the two sides of a measurement run.
type cpus struct{ publisher, reader int }

// chooseCPUs takes PUB_CPU and READ_CPU, by default 0 and 1, out of those allowed.
func chooseCPUs() (cpus, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return cpus{}, fmt.Errorf("ask for the CPUs allowed: %w", err)
	}
	c := cpus{publisher: 0, reader: 1}
	for name, cpu := range map[string]*int{"PUB_CPU": &c.publisher, "READ_CPU": &c.reader} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return c, fmt.Errorf("%s=%q: want the number of a CPU", name, text)
			}
			*cpu = n
		}
		if *cpu < 0 || !set.IsSet(*cpu) {
			return c, fmt.Errorf("CPU %d is not allowed to this process: set %s", *cpu, name)
		}
	}
	if c.publisher == c.reader {
		return c, errors.New("PUB_CPU and READ_CPU are the same: two sides that spin need a CPU each")
	}
	return c, nil
}
