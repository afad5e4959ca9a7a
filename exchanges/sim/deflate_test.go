package sim

import (
	"testing"

	"github.com/gobwas/httphead"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The first offer that can be met is accepted, with the tighter of both sides' wishes;
// one with a parameter that the RFC does not know is passed over.
func TestCompressionNegotiation(t *testing.T) {
	const name = "permessage-deflate"
	cases := []struct {
		name, offers string
		c            Compression
		fresh        bool
		bits         int // 0 none agreed
	}{
		{"a server without compression", name, Compression{}, false, 0},
		{"no offer", "x-webkit-deflate-frame", Compression{On: true}, false, 0},
		{"a bare offer", name, Compression{On: true}, false, 15},
		{"a client that wants no take-over", name + "; server_no_context_takeover", Compression{On: true}, true, 15},
		{"a server that wants none", name, Compression{On: true, Fresh: true}, true, 15},
		{"a client with a small window", name + "; server_max_window_bits=9; client_max_window_bits", Compression{On: true, WindowBits: 12}, false, 9},
		{"a server with a small window", name + "; server_max_window_bits=15", Compression{On: true, WindowBits: 12}, false, 12},
		{"a second offer after one that is wrong", name + "; server_max_window_bits=7, " + name, Compression{On: true}, false, 15},
		{"an unknown parameter", name + "; level=1", Compression{On: true}, false, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := negotiation{Compression: c.c}
			offers, ok := httphead.ParseOptions([]byte(c.offers), nil)
			require.True(t, ok)
			for _, o := range offers {
				_, err := n.answer(o)
				require.NoError(t, err)
			}
			assert.Equal(t, c.bits != 0, n.agreed)
			if n.agreed {
				assert.Equal(t, c.fresh, n.Fresh)
				assert.Equal(t, c.bits, n.WindowBits)
			}
		})
	}
	_, err := New(Config{Venue: venueGateio, Compression: Compression{On: true, WindowBits: 16}})
	assert.ErrorContains(t, err, "want 8 to 15")
}
