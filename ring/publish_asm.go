//go:build (amd64 || arm64) && !tickring_purego

package ring

// publishName names the implementation, for tests and benchmark reports.
const publishName = "assembly"

// publishRecord stores mark-1, then the words 1 to 15 of src, then mark, in an
// order that every reader sees. Pairs with Reader.Next. A crash inside leaves
// an odd mark, which no reader accepts.
//
//go:noescape
func publishRecord(dst, src *Record, mark uint64)

// publishWords is publishRecord for n words behind the mark in dst[0].
//
//go:noescape
func publishWords(dst, src *uint64, n int, mark uint64)

// store64 is a release store (a plain move on amd64, where Go's own atomic store
// is a locked exchange).
//
//go:noescape
func store64(p *uint64, v uint64)

//go:noescape
func store32(p *uint32, v uint32)

// storeFrame is store64 of last to both words and store32 of bell, in this order: one
// call instead of three at the end of each frame.
//
//go:noescape
func storeFrame(lastSequence, watermark *uint64, doorbell *uint32, last uint64, bell uint32)
