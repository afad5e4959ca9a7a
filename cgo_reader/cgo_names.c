//go:build cgo

#include "src/tickring_names.c"
