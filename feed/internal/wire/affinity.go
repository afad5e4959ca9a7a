package wire

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// reexecVariable marks a process that ExcludeAndReexec has started anew. Its
// value is "pid:cpu:list": the pid tells it from one inherited by a child, the
// list is the CPU set from before.
const reexecVariable = "TICKRING_REEXEC"

// maxCPU bounds the numbers looked at: what unix.CPUSet can hold.
const maxCPU = 1024

// ErrSingleCPU is the answer of ExcludeAndReexec when there is no other CPU to
// leave to the rest of the process. Running on, unpinned or pinned, is possible.
var ErrSingleCPU = errors.New("only one CPU is allowed to this process: the hot thread shares it")

// PinThread binds the calling thread to one CPU. The caller has locked its
// goroutine to the thread with runtime.LockOSThread.
func PinThread(cpu int) error {
	if cpu < 0 || cpu >= maxCPU {
		return cpuError(cpu)
	}
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin thread to CPU %d: %w", cpu, err)
	}
	return nil
}

// AvailableCPUs returns the CPUs this process may use, ascending. After
// ExcludeAndReexec it still contains the excluded one.
func AvailableCPUs() []int {
	if m, ok := ownMarker(); ok {
		return m.cpus
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		// Cannot happen for the own thread with a set of this size.
		return []int{0}
	}
	cpus := make([]int, 0, set.Count())
	for i := range maxCPU {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus
}

func cpuError(cpu int) error {
	return fmt.Errorf("CPU %d is not available: allowed are %s", cpu, formatCPUs(AvailableCPUs()))
}

// ExcludeAndReexec takes cpu out of the process's CPU set and executes the
// program again, once, with the same arguments: threads that the runtime starts
// inherit the smaller set, so all of them stay off the hot CPU and only
// PinThread goes there. It returns nil in the new image, and an error when cpu is
// not allowed, when it is the only one (ErrSingleCPU), or when a step failed.
//
// Call it first thing in main: nothing but descriptors without close-on-exec
// survives.
func ExcludeAndReexec(cpu int) error {
	if m, ok := ownMarker(); ok {
		if m.cpu != cpu {
			return fmt.Errorf("exclude CPU %d: already running without CPU %d", cpu, m.cpu)
		}
		return nil
	}
	cpus := AvailableCPUs()
	if !slices.Contains(cpus, cpu) {
		return cpuError(cpu)
	}
	if len(cpus) == 1 {
		return ErrSingleCPU
	}
	var set unix.CPUSet
	for _, c := range cpus {
		if c != cpu {
			set.Set(c)
		}
	}
	// exec keeps the affinity of the thread that calls it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("exclude CPU %d: %w", cpu, err)
	}
	err := execAgain(marker{cpu, cpus})
	set.Set(cpu)
	return errors.Join(
		fmt.Errorf("execute again without CPU %d: %w", cpu, err),
		unix.SchedSetaffinity(0, &set))
}

// execAgain replaces the process by a new image of its program. It returns only
// on failure.
func execAgain(m marker) error {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, reexecVariable+"=")
	})
	env = append(env, reexecVariable+"="+m.String())
	// By its path, so that process lists show its name; the link still works
	// when the file was removed or replaced.
	if path, err := os.Executable(); err == nil {
		if err := unix.Exec(path, os.Args, env); !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return unix.Exec("/proc/self/exe", os.Args, env)
}

// EnsureProcs raises GOMAXPROCS to spinners + 2 where it is lower, and returns
// what holds. A small CPU set gives a small default, and a thread that spins
// keeps its share to itself: collector, timers and control need two more.
func EnsureProcs(spinners int) int {
	want := spinners + 2
	if have := runtime.GOMAXPROCS(0); have >= want {
		return have
	}
	runtime.GOMAXPROCS(want)
	return want
}

type marker struct {
	cpu  int
	cpus []int
}

func (m marker) String() string {
	return fmt.Sprintf("%d:%d:%s", os.Getpid(), m.cpu, formatCPUs(m.cpus))
}

// ownMarker returns the marker that this very process was executed with.
func ownMarker() (marker, bool) {
	pid, rest, ok := strings.Cut(os.Getenv(reexecVariable), ":")
	if !ok || pid != strconv.Itoa(os.Getpid()) {
		return marker{}, false
	}
	cpuText, list, ok := strings.Cut(rest, ":")
	if !ok {
		return marker{}, false
	}
	cpu, err := strconv.Atoi(cpuText)
	if err != nil {
		return marker{}, false
	}
	m := marker{cpu: cpu}
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return marker{}, false
		}
		m.cpus = append(m.cpus, n)
	}
	return m, true
}

func formatCPUs(cpus []int) string {
	parts := make([]string, len(cpus))
	for i, c := range cpus {
		parts[i] = strconv.Itoa(c)
	}
	return strings.Join(parts, ",")
}
