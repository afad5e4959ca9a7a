//go:build cgo

#include "src/tickring_text.c"
