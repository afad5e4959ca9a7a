//go:build !(amd64 || arm64) || tickring_purego

package ring

import (
	"sync/atomic"
	"unsafe"
)

// publishName names the implementation, for tests and benchmark reports.
const publishName = "generic"

// publishRecord stores mark-1, then the words 1 to 15 of src, then mark, in an
// order that every reader sees. Pairs with Reader.Next.
func publishRecord(dst, src *Record, mark uint64) {
	publishWords(&words(dst)[0], &words(src)[0], RecordSize/8, mark)
}

// publishWords: every store is atomic, hence sequentially consistent in Go.
func publishWords(dst, src *uint64, n int, mark uint64) {
	d, s := unsafe.Slice(dst, n), unsafe.Slice(src, n)
	atomic.StoreUint64(&d[0], mark-1)
	for i := 1; i < n; i++ {
		atomic.StoreUint64(&d[i], s[i])
	}
	atomic.StoreUint64(&d[0], mark)
}

func store64(p *uint64, v uint64) { atomic.StoreUint64(p, v) }

func store32(p *uint32, v uint32) { atomic.StoreUint32(p, v) }

// storeFrame ends a frame: see publish_asm.go.
func storeFrame(lastSequence, watermark *uint64, doorbell *uint32, last uint64, bell uint32) {
	store64(lastSequence, last)
	store64(watermark, last)
	store32(doorbell, bell)
}
