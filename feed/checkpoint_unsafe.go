package feed

import (
	"reflect"
	"unsafe"
)

// exposed is a value whose unexported fields may be read and set. What is not
// addressable is returned as it is.
func exposed(v reflect.Value) reflect.Value {
	if !v.CanAddr() {
		return v
	}
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// appendPlain appends the bytes of a value without pointers.
func appendPlain(dst []byte, v reflect.Value) []byte {
	if !v.CanAddr() {
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		v = c
	}
	return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(v.UnsafeAddr())), v.Type().Size())...)
}

// takePlain sets a value without pointers from bytes and returns how many it took.
// It panics where they are too few.
func takePlain(src []byte, v reflect.Value) int {
	size := int(v.Type().Size())
	copy(unsafe.Slice((*byte)(unsafe.Pointer(v.UnsafeAddr())), size), src[:size])
	return size
}

// appendPlainSlice appends the bytes of a slice's elements, which hold no pointers.
func appendPlainSlice(dst []byte, v reflect.Value) []byte {
	if v.Len() == 0 {
		return dst
	}
	return append(dst, unsafe.Slice((*byte)(v.UnsafePointer()), v.Len()*int(v.Type().Elem().Size()))...)
}

// takePlainSlice fills a slice's elements, which hold no pointers, from bytes and
// returns how many it took.
func takePlainSlice(src []byte, v reflect.Value) int {
	size := v.Len() * int(v.Type().Elem().Size())
	if size == 0 {
		return 0
	}
	copy(unsafe.Slice((*byte)(v.UnsafePointer()), size), src[:size])
	return size
}
