package ring

import "unsafe"

// bytesOf views 8-byte aligned words as bytes.
func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)
}

// bookHeaderAt is a board book's header in the segment itself.
func bookHeaderAt(v *View, id int) *BookHeader {
	return (*BookHeader)(unsafe.Pointer(v.bookAt(id)))
}
