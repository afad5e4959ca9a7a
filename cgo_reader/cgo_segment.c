//go:build cgo

#include "src/tickring_segment.c"
