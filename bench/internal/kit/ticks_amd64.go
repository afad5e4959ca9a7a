package kit

// Ticks is the counter that every process of the bench stamps with (ticks.h has the
// same for C): the time stamp counter, read after all earlier loads are done.
//
//go:noescape
func Ticks() int64
