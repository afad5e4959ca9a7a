//go:build cgo

#include "src/tickring_filter.c"
