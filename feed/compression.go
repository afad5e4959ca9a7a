package feed

import (
	"fmt"

	"github.com/tickring/tickring/feed/internal/wire"
)

// Compression is whether connections offer the venue permessage-deflate (RFC 7692): its
// messages may then come compressed, ours never are. It saves a slow line and costs the
// hot thread a microsecond and more a message; a venue that knows no compression
// declines, and nothing changes.
type Compression uint8

// Ways to offer compression.
const (
	// CompressionOff offers none.
	CompressionOff Compression = iota
	// CompressionOn lets the venue refer to earlier messages (context take-over), where
	// nearly all of the gain is.
	CompressionOn
	// CompressionFresh asks that each message stands alone.
	CompressionFresh
)

var compressionNames = [...]string{"off", "on", "fresh"}

// String is the name on the command line.
func (c Compression) String() string {
	if int(c) >= len(compressionNames) {
		return "unknown"
	}
	return compressionNames[c]
}

// ParseCompression reads off, on or fresh.
func ParseCompression(text string) (Compression, error) {
	for i, name := range compressionNames {
		if name == text {
			return Compression(i), nil
		}
	}
	return 0, fmt.Errorf("%w: compression %q: allowed are off, on, fresh", ErrConfig, text)
}

// offer is the wire's word for it.
func (c Compression) offer() wire.Deflate {
	switch c {
	case CompressionOn:
		return wire.DeflateContext
	case CompressionFresh:
		return wire.DeflateFresh
	}
	return wire.DeflateOff
}
