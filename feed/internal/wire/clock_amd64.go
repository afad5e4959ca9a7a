package wire

import (
	"os"
	"strings"
)

// readCounter returns the time stamp counter (RDTSC, not serializing: it may be
// read a few nanoseconds early or late).
//
//go:noescape
func readCounter() uint64

// cpuid runs the instruction of that name for one leaf and returns EAX and EDX.
//
//go:noescape
func cpuid(leaf uint32) (eax, edx uint32)

const clockSourceFile = "/sys/devices/system/clocksource/clocksource0/current_clocksource"

// counterUsable reports whether the counter runs at a constant rate in every
// power state (CPUID 0x80000007, EDX bit 8, which the kernel calls constant_tsc
// and nonstop_tsc) and the kernel has not given it up at run time.
func counterUsable() (name string, ok bool) {
	const name0 = "tsc"
	if top, _ := cpuid(0x80000000); top < 0x80000007 {
		return name0, false
	}
	if _, edx := cpuid(0x80000007); edx&(1<<8) == 0 {
		return name0, false
	}
	// hpet, acpi_pm and jiffies are what a kernel falls back to.
	text, err := os.ReadFile(clockSourceFile)
	if err != nil {
		return name0, true
	}
	switch strings.TrimSpace(string(text)) {
	case "hpet", "acpi_pm", "jiffies", "refined-jiffies":
		return name0, false
	}
	return name0, true
}
