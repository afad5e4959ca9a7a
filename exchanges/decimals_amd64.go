//go:build amd64 && !tickring_purego

package exchanges

import "golang.org/x/sys/cpu"

// vectors says that the functions below can run here: every x86-64 server since 2013.
var vectors = cpu.X86.HasAVX && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// quotedDecimals reads count decimals of up to 15 bytes, each up to the first byte that
// is neither digit nor point; the next byte of gaps, the lowest first, is how far it is
// from the end of one to the next. lengths holds the bytes of each in the same way; 0 when one is anything else. It may load 16
// bytes from the start of each.
//
//go:noescape
func quotedDecimals(text *byte, gaps uint64, count int, out *Decimal) (lengths uint64)

// textDecimals reads count protobuf fields that are decimals of up to 16 bytes: the key,
// which is the next byte of keys, the length, the text. n is the bytes of all, 0 when one
// is anything else. It may load 16 bytes from the start of each.
//
//go:noescape
func textDecimals(text *byte, keys uint64, count int, out *Decimal) (n int)
