//go:build amd64 && !tickring_purego

package exchanges

// quotedDecimals reads count decimals of up to 15 bytes, each up to the first byte that
// is neither digit nor point; the next byte of gaps, the lowest first, is how far it is
// from the end of one to the next. lengths holds the bytes of each in the same way; 0 when one is
// anything else. It may load 16 bytes from the start of each.
//
//go:noescape
func quotedDecimals(text *byte, gaps uint64, count int, out *Decimal) (lengths uint64)

// textDecimals reads count protobuf fields that are decimals of up to 15 bytes: the key,
// which is the next byte of keys, the length, the text. n is the bytes of all, 0 when one
// is anything else. It may load 16 bytes from the start of each.
//
//go:noescape
func textDecimals(text *byte, keys uint64, count int, out *Decimal) (n int)
