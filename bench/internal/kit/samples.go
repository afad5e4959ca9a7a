package kit

import (
	"bufio"
	"encoding/binary"
	"fmt"
)

// MaxSamples is as reader.c's: what is beyond is read and not kept.
const MaxSamples = 1 << 20

// Sample is what a reader notes of a record: its receive time, a second time (the one
// intended, or the publish time), and when the reader had it.
type Sample struct{ First, Second, Seen int64 }

// ReadSamples reads what a reader, Go or C, prints after "ready".
func ReadSamples(from *bufio.Reader) (samples []Sample, lost uint64, err error) {
	line, err := from.ReadString('\n')
	if err != nil {
		return nil, 0, fmt.Errorf("read the reader's count: %w", err)
	}
	var n int
	if _, err := fmt.Sscanf(line, "samples %d lost %d", &n, &lost); err != nil || n < 0 || n > MaxSamples {
		return nil, 0, fmt.Errorf("reader said %q", line)
	}
	samples = make([]Sample, n)
	if err := binary.Read(from, binary.LittleEndian, samples); err != nil && n > 0 {
		return nil, 0, fmt.Errorf("read %d samples: %w", n, err)
	}
	return samples, lost, nil
}
