//go:build !amd64

package wire

func ascii(p []byte) bool { return asciiWords(p) }
