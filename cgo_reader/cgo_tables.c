//go:build cgo

#include "src/tickring_tables.c"
