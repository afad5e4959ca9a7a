//go:build !amd64

package kit

import "time"

// Ticks is the counter that every process of the bench stamps with: Unix ns here.
func Ticks() int64 { return time.Now().UnixNano() }
