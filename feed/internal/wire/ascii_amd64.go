package wire

// ascii16 reports whether n bytes from p, 16 or more, are ASCII.
//
//go:noescape
func ascii16(p *byte, n int) bool

func ascii(p []byte) bool {
	if len(p) >= 16 {
		return ascii16(&p[0], len(p))
	}
	return asciiWords(p)
}
