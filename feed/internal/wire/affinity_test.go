package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// reexecTestVariable carries the CPU to the test process that excludes it.
const reexecTestVariable = "WIRE_TEST_EXCLUDE"

// excluded is what that process tells.
type excluded struct {
	PID       int
	Error     string
	Available []int
	Threads   []string // allowed CPUs of each thread, the pinned one left out
	Pinned    string
	Procs     int
	Name      string
	Args      int
}

func TestMain(m *testing.M) {
	if cpu, err := strconv.Atoi(os.Getenv(reexecTestVariable)); err == nil {
		excludeAndTell(cpu)
		return
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func excludeAndTell(cpu int) {
	e := excluded{PID: os.Getpid(), Args: len(os.Args)}
	if err := ExcludeAndReexec(cpu); err != nil {
		e.Error = err.Error()
	} else {
		runtime.LockOSThread()
		if err := PinThread(cpu); err != nil {
			e.Error = err.Error()
		}
		e.Available = AvailableCPUs()
		e.Procs = EnsureProcs(1)
		name, _ := os.ReadFile("/proc/self/comm")
		e.Name = strings.TrimSpace(string(name))
		statuses, _ := filepath.Glob("/proc/self/task/*/status")
		for _, path := range statuses {
			text, _ := os.ReadFile(path)
			_, rest, _ := strings.Cut(string(text), "Cpus_allowed_list:")
			list, _, _ := strings.Cut(rest, "\n")
			if strings.Contains(path, "/"+strconv.Itoa(unix.Gettid())+"/") {
				e.Pinned = strings.TrimSpace(list)
			} else {
				e.Threads = append(e.Threads, strings.TrimSpace(list))
			}
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(e)
}

// exclude runs a process that excludes cpu; its pid and what it told come back.
func exclude(t *testing.T, cpu int, prefix ...string) (int, excluded) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	args := append(prefix, self, "one", "two")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), reexecTestVariable+"="+strconv.Itoa(cpu), reexecVariable+"=1:7:7")
	out, err := cmd.Output()
	require.NoError(t, err)
	var e excluded
	require.NoError(t, json.Unmarshal(out, &e), string(out))
	return cmd.Process.Pid, e
}

// A real process: executed again in place, every thread but the pinned one off
// the hot CPU, arguments kept. A marker inherited from a parent means nothing.
func TestExcludeAndReexec(t *testing.T) {
	cpus := AvailableCPUs()
	if len(cpus) < 2 {
		t.Skip("skipped: this machine has one CPU")
	}
	hot := cpus[len(cpus)-1]
	pid, e := exclude(t, hot)
	require.Empty(t, e.Error)
	assert.Equal(t, pid, e.PID)
	assert.Equal(t, 3, e.Args)
	assert.Equal(t, cpus, e.Available, "the hot CPU still counts as available")
	assert.Equal(t, strconv.Itoa(hot), e.Pinned)
	assert.GreaterOrEqual(t, e.Procs, 3)
	assert.NotEqual(t, "exe", e.Name)
	require.NotEmpty(t, e.Threads)
	for _, list := range e.Threads {
		assert.NotContains(t, strings.Split(list, ","), strconv.Itoa(hot))
	}
}

func TestExcludeRefusals(t *testing.T) {
	_, e := exclude(t, 999)
	assert.Contains(t, e.Error, "CPU 999 is not available: allowed are "+formatCPUs(AvailableCPUs()))
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			t.Fatal("taskset is missing: install util-linux")
		}
		t.Skip("skipped in part: taskset is missing (install util-linux)")
	}
	first := AvailableCPUs()[0]
	_, e = exclude(t, first, taskset, "-c", strconv.Itoa(first))
	assert.Equal(t, ErrSingleCPU.Error(), e.Error)
}

func TestPinThread(t *testing.T) {
	cpus := AvailableCPUs()
	require.NotEmpty(t, cpus)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
		for _, cpu := range cpus {
			assert.NoError(t, PinThread(cpu))
			var set unix.CPUSet
			assert.NoError(t, unix.SchedGetaffinity(0, &set))
			assert.Equal(t, 1, set.Count())
			assert.True(t, set.IsSet(cpu))
		}
		assert.ErrorContains(t, PinThread(-1), "allowed are")
		assert.ErrorContains(t, PinThread(99999), "allowed are")
		assert.ErrorContains(t, PinThread(maxCPU-1), "CPU 1023")
	}()
	<-done
}

func TestMarker(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	cases := []struct {
		name, text string
		ok         bool
	}{
		{"ours", own + ":3:1,2,3", true},
		{"another process's", "1:3:1,2,3", false},
		{"none", "", false},
		{"no list", own + ":3", false},
		{"a CPU that is no number", own + ":x:1", false},
		{"a list that is none", own + ":3:1,x", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(reexecVariable, c.text)
			m, ok := ownMarker()
			require.Equal(t, c.ok, ok)
			if ok {
				assert.Equal(t, marker{3, []int{1, 2, 3}}, m)
				assert.Equal(t, c.text, m.String())
				assert.NoError(t, ExcludeAndReexec(3))
				assert.ErrorContains(t, ExcludeAndReexec(2), "already running without CPU 3")
				assert.Equal(t, []int{1, 2, 3}, AvailableCPUs())
			}
		})
	}
}

// Locking memory works or names the limit; it never leaves a process that dies
// at its next growth.
func TestMemoryLock(t *testing.T) {
	err := MemoryLock()
	t.Cleanup(func() { _ = unix.Munlockall() })
	t.Logf("result: %v", err)
	switch {
	case err == nil:
	case errors.Is(err, ErrLockLimit), errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EAGAIN):
	default:
		require.NoError(t, err)
	}
	grown := make([]byte, 64<<20)
	for i := 0; i < len(grown); i += 4096 {
		grown[i] = 1
	}
	runtime.KeepAlive(grown)
}
