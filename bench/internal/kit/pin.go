package kit

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// PinThread binds the calling goroutine to a thread of its own, and that to a CPU.
func PinThread(cpu int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return nil
}

// CPUs are where the two sides of a measurement run.
type CPUs struct{ Publisher, Reader int }

// ChooseCPUs takes PUB_CPU and READ_CPU, by default 0 and 1, out of those allowed.
func ChooseCPUs() (CPUs, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return CPUs{}, fmt.Errorf("ask for the CPUs allowed: %w", err)
	}
	c := CPUs{Publisher: 0, Reader: 1}
	for name, cpu := range map[string]*int{"PUB_CPU": &c.Publisher, "READ_CPU": &c.Reader} {
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
	if c.Publisher == c.Reader {
		return c, errors.New("PUB_CPU and READ_CPU are the same: two sides that spin need a CPU each")
	}
	return c, nil
}
