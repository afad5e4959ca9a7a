//go:build cgo

#include "src/tickring_reader.c"
