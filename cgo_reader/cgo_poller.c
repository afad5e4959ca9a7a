//go:build cgo

#include "src/tickring_poller.c"
