// Package recording keeps what a feed's hot thread saw: items in the order in which
// that thread took them, from a lock-free ring in memory to blocks in files and back.
// It knows bytes, times and hashes; what an item does to a feed is feed's.
//
// A file is a header, blocks, and an index at the end:
//
//	file    header 64 B · block … block · index
//	block   header 128 B · items, zstd
//	index   header 128 B · 32 B for each block · trailer 32 B
//	item    size u32 · kind u8 · A u8 · B u16 · value i64 · payload, padded to 8
//
// All numbers are little-endian. Each block stands alone: it can be decompressed and
// checked without its neighbours, and it is written by one call of write, so that a
// process that is killed loses what was not yet in a block and nothing else. The
// index is rebuilt by walking over the blocks where it is missing. A block ends with
// a mark, which says how many records had been published by then, and carries the
// hash of those records.
package recording
