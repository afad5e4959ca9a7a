package wire

import (
	"strings"
	"testing"
)

// checkBegin and checkDone are where make bench-check begins and ends to count: callgrind
// knows them by name. They call nothing, so that no growing stack enters them twice.
//
//go:noinline
//go:nosplit
func checkBegin() {}

//go:noinline
//go:nosplit
func checkDone() {}

// checked runs an input, once warm, b.N times.
func checked(b *testing.B, input func(n int)) {
	input(64)
	b.ResetTimer()
	checkBegin()
	input(b.N)
	checkDone()
}

// BenchmarkChecked are inputs of make bench-check: frames cut out of the same bytes.
func BenchmarkChecked(b *testing.B) {
	for _, c := range []struct{ name, message string }{
		{"header", frame(0x82, sampleText)}, {"ping", frame(0x89, "")}, {"text", frame(0x81, sampleText)},
		{"short_text", frame(0x81, "01234567")}, {"fragmented", frame(0x01, sampleText[:100]) + frame(0x80, sampleText[100:])},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := NewReader(0, 0)
			r.Advance(copy(r.Space(), strings.Repeat(c.message, 100)))
			checked(b, func(n int) {
				for i := range n {
					if i%100 == 0 {
						r.r = 0
					}
					if m, err := r.Next(); err != nil || m.Op == OpNone {
						panic("message missing")
					}
				}
			})
		})
	}
}
