package readers

import (
	"unsafe"

	"github.com/tickring/tickring/ring"
)

// words are a record's, as they lie in a slot. Through encoding/binary the millions of a long
// run cost seconds under the race detector.
func words(r *ring.Record) *[ring.RecordSize / 8]uint64 {
	return (*[ring.RecordSize / 8]uint64)(unsafe.Pointer(r))
}
