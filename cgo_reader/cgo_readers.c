//go:build cgo

#include "src/tickring_readers.c"
