package ring

import _ "unsafe" // for go:linkname

// The runtime keeps these names and types for other packages: go.dev/issue/67401. A
// goroutine between the two calls stays on its thread's processor.

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()

// writeBarrier is on while the collector marks, from a stop of the world to a stop of
// the world.
//
//go:linkname writeBarrier runtime.writeBarrier
var writeBarrier struct {
	enabled bool
	pad     [3]byte
	alignme uint64
}

func collectorMarks() bool { return writeBarrier.enabled }
