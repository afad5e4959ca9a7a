//go:build !amd64

package main

import "time"

// ticks is the counter that every process of the bench stamps with: Unix ns here.
func ticks() int64 { return time.Now().UnixNano() }
