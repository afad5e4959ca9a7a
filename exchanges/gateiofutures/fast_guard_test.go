package gateiofutures

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/exchanges"
)

// No read reaches beyond the padding: behind it lies a page that must not be touched,
// and every cut frame goes on there with text that leads a decoder on for as long as
// may be. A read too far ends the test with a fault.
func TestNoReadReachesBeyondThePadding(t *testing.T) {
	page := os.Getpagesize()
	room := 4 * page
	memory, err := unix.Mmap(-1, 0, room+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(memory)) })
	require.NoError(t, unix.Mprotect(memory[room:], unix.PROT_NONE))
	w := newTwin()
	for name, frames := range examples(t) {
		for _, frame := range frames[:len(exampleValues)] {
			for _, tail := range []string{hostileTail, "9", "A", `["1.5","2"],`, `{"p":"1.5","s":2},`, "0.0000000", string(frame)} {
				full := append(append([]byte(nil), frame...), padded(nil, tail)[:exchanges.FastPadding]...)
				for n := range frame {
					from := room - exchanges.FastPadding - n
					copy(memory[from:room], full)
					require.False(t, w.accepts(t, memory[from:from+n:room]), "%s cut to %d bytes", name, n)
				}
			}
		}
	}
}
