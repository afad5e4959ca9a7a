package wire

import (
	"net"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A plain connection carries messages both ways and ends with io.EOF.
func TestConnPlainRoundTrip(t *testing.T) {
	heard := make(chan string, 1)
	url := upgraded(t, func(c net.Conn) {
		p, op, err := wsutil.ReadClientData(c)
		if err != nil || op != ws.OpText {
			return
		}
		heard <- string(p)
		_ = wsutil.WriteServerText(c, []byte(`{"a":1}`))
		_ = wsutil.WriteServerBinary(c, []byte{1, 2, 3})
	})
	conn := dialTest(t, DialConfig{URL: url})
	require.NoError(t, conn.WriteText([]byte("subscribe")))
	assert.Equal(t, "subscribe", <-heard)
	got, err := collect(t, conn, 2)
	require.NoError(t, err)
	assert.Equal(t, []received{{Op: OpText, Payload: `{"a":1}`}, {Op: OpBinary, Payload: "\x01\x02\x03"}}, got)
}
