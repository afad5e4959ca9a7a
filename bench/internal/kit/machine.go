package kit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fact reads one line of a file; "unknown" where there is none.
func fact(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// cpuFact finds a key of /proc/cpuinfo.
func cpuFact(cpuinfo, key string) string {
	for line := range strings.Lines(cpuinfo) {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// compilerVersion is the C compiler's first line; empty without one.
func compilerVersion(cc string) string {
	text, err := exec.Command(cc, "--version").Output()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return first
}

// MachineFacts is the head of the report that the command prints.
func MachineFacts(c CPUs, command, cc, commit string, nsPerTick float64) []string {
	var uts unix.Utsname
	kernel := "unknown"
	if unix.Uname(&uts) == nil {
		kernel = unix.ByteSliceToString(uts.Release[:])
	}
	info := fact("/proc/cpuinfo")
	resolution, cost := ClockStep(nsPerTick)
	compiler := compilerVersion(cc)
	if compiler == "" {
		compiler = "none"
	}
	return []string{
		"date: " + time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		"commit: " + commit,
		"command: " + command,
		fmt.Sprintf("cpu: %s (%s family %s model %s), %d CPUs", cpuFact(info, "model name"), cpuFact(info, "vendor_id"),
			cpuFact(info, "cpu family"), cpuFact(info, "model"), runtime.NumCPU()),
		"kernel: " + kernel + ", clock source " + fact("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
		"go: " + runtime.Version() + " " + runtime.GOARCH + ", C compiler: " + compiler,
		fmt.Sprintf("pinning: PUB_CPU=%d READ_CPU=%d", c.Publisher, c.Reader),
		fmt.Sprintf("stamps: one counter for all processes, %.4f ns a tick, smallest step %.1f ns, reading costs %.1f ns", nsPerTick, resolution, cost),
		"load average at the start: " + fact("/proc/loadavg"),
	}
}

// MachineWarnings say what of the machine makes figures worse than they need be.
func MachineWarnings(c CPUs) []string {
	var list []string
	info := fact("/proc/cpuinfo")
	if strings.Contains(" "+cpuFact(info, "flags")+" ", " hypervisor ") {
		list = append(list, "virtual CPUs: the host may take them away at any time; tails are its, not ours")
	}
	if runtime.NumCPU() < 4 {
		list = append(list, fmt.Sprintf("%d CPUs are shared by both sides and everything else that runs here", runtime.NumCPU()))
	}
	list = append(list, siblingWarnings(c)...)
	var one, five, fifteen float64
	if _, err := fmt.Sscan(fact("/proc/loadavg"), &one, &five, &fifteen); err == nil && one > 0.5 {
		list = append(list, fmt.Sprintf("other programs run: load average %.2f before the first measurement", one))
	}
	return list
}

func siblingWarnings(c CPUs) []string {
	var list []string
	topology := func(cpu int, name string) string {
		return fact(filepath.Join("/sys/devices/system/cpu", fmt.Sprintf("cpu%d", cpu), name))
	}
	threads := topology(c.Publisher, "topology/thread_siblings_list")
	if threads == topology(c.Reader, "topology/thread_siblings_list") && threads != "unknown" {
		list = append(list, "PUB_CPU and READ_CPU are two threads of one core")
	} else if strings.ContainsAny(threads, ",-") {
		list = append(list, "PUB_CPU shares its core with another thread: CPUs "+threads)
	}
	if topology(c.Publisher, "cache/index3/shared_cpu_list") != topology(c.Reader, "cache/index3/shared_cpu_list") {
		list = append(list, "PUB_CPU and READ_CPU share no last-level cache")
	}
	return list
}
