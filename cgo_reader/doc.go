// Package cgoreader drives the C reader library of this directory from Go: a thin
// binding with which tests compare the C reader to the Go one. Programs in Go use
// package ring; programs in C, C++ and whatever calls C use include/tickring.h, the
// reference of all readers that are not Go.
//
// Without cgo the package is empty.
package cgoreader

//go:generate go run ./tools/creference -out ../docs/c-reference.md include/tickring.h include/tickring.hpp
