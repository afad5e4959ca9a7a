package wire

// readCounter returns the virtual counter (CNTVCT_EL0), which the architecture
// requires to run at a constant rate and the kernel lets user code read.
//
//go:noescape
func readCounter() uint64

func counterUsable() (name string, ok bool) { return "cntvct", true }
