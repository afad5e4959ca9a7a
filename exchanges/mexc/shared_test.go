package mexc

import (
	"testing"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// message is one WebSocket message that the venue sent.
type message struct {
	binary bool
	data   []byte
}

// decode gives the message to the method for its opcode.
func (m message) decode(d *Dialect, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict {
	if m.binary {
		return d.DecodeBinary(m.data, symbols, b)
	}
	return d.Decode(m.data, symbols, b)
}

// messagesOf are the messages that the venue sent in a recording.
func messagesOf(t testing.TB, path string) []message {
	t.Helper()
	var out []message
	for _, m := range recordings.Messages(t, path) {
		out = append(out, message{binary: m.Binary, data: m.Data})
	}
	return out
}
