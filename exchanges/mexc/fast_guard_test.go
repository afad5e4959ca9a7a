package mexc

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/exchanges"
)

// No read reaches beyond the padding, and none before the push: pages that must not be
// touched lie on both sides. Every cut push goes on with bytes that lead a decoder on
// for as long as may be, and every length is also made as great as a byte can be. A
// read too far ends the test with a fault.
func TestNoReadReachesBeyondThePadding(t *testing.T) {
	page := os.Getpagesize()
	room := 4 * page
	mapping, err := unix.Mmap(-1, 0, page+room+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(mapping)) })
	require.NoError(t, unix.Mprotect(mapping[:page], unix.PROT_NONE))
	require.NoError(t, unix.Mprotect(mapping[page+room:], unix.PROT_NONE))
	memory := mapping[page:]
	w := newTwin()
	for name, frames := range examples(t) {
		for k := 0; k < len(frames); k += 3 {
			frame := frames[k]
			for _, tail := range []string{hostileTail, "9", "\x0a\x7f", "\xff", "\x0a\x0e\x0a\x0584270\x12\x050.025", string(frame)} {
				full := append(append([]byte(nil), frame...), padded(nil, tail)[:exchanges.FastPadding]...)
				for n := range frame {
					from := room - exchanges.FastPadding - n
					copy(memory[from:room], full)
					require.False(t, w.accepts(t, memory[from:from+n:room]), "%s cut to %d bytes", name, n)
					// At the front nothing lies before it.
					copy(memory, full)
					require.False(t, w.accepts(t, memory[:n:room]), "%s cut to %d bytes", name, n)
				}
			}
			from := room - exchanges.FastPadding - len(frame)
			for n := range frame {
				copy(memory[from:room], padded(frame, hostileTail)[:len(frame)+exchanges.FastPadding])
				memory[from+n] = 0xff
				w.accepts(t, memory[from:from+len(frame):room])
			}
		}
	}
}
