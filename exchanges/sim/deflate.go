package sim

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/klauspost/compress/flate"
)

// Words of RFC 7692 section 7.1.
const (
	deflateName      = "permessage-deflate"
	paramServerFresh = "server_no_context_takeover"
	paramClientFresh = "client_no_context_takeover"
	paramServerBits  = "server_max_window_bits"
	paramClientBits  = "client_max_window_bits"
)

const (
	minWindowBits  = 8
	mostWindowBits = 15
	// deflateTail ends what a flush of the compressor gives; messages go without it.
	deflateTail = "\x00\x00\xFF\xFF"
)

// Compression is how the server compresses for clients that offer permessage-deflate.
// The zero value declines the offer, as the venues do. Faults of the handshake and of
// frames hold as without it.
type Compression struct {
	On         bool
	Fresh      bool // begin each message with an empty window, asked for or not
	WindowBits int  // 8 to 15; 0 is 15, and a client may ask for less
}

func (c Compression) check() error {
	if c.WindowBits != 0 && (c.WindowBits < minWindowBits || c.WindowBits > mostWindowBits) {
		return fmt.Errorf("compression window of %d bits: want %d to %d", c.WindowBits, minWindowBits, mostWindowBits)
	}
	return nil
}

// negotiation is one client's handshake.
type negotiation struct {
	Compression
	agreed bool
}

// answer takes the first offer that can be met; what is returned goes into the answer,
// nothing for the empty option.
func (n *negotiation) answer(offer httphead.Option) (httphead.Option, error) {
	if !n.On || n.agreed || string(offer.Name) != deflateName {
		return httphead.Option{}, nil
	}
	out := httphead.Option{Name: []byte(deflateName)}
	fresh, bits, known := n.Fresh, orDefault(n.WindowBits, mostWindowBits), true
	offer.Parameters.ForEach(func(key, value []byte) bool {
		switch string(key) {
		case paramServerFresh:
			fresh = true
		case paramClientFresh:
			out.Parameters.Set(key, nil)
		case paramServerBits:
			asked, err := strconv.Atoi(string(value))
			known = known && err == nil && asked >= minWindowBits && asked <= mostWindowBits
			bits = min(bits, asked)
		case paramClientBits:
		default:
			known = false
		}
		return known
	})
	if !known {
		return httphead.Option{}, nil
	}
	if fresh {
		out.Parameters.Set([]byte(paramServerFresh), nil)
	}
	if bits < mostWindowBits {
		out.Parameters.Set([]byte(paramServerBits), []byte(strconv.Itoa(bits)))
	}
	n.agreed, n.Fresh, n.WindowBits = true, fresh, bits
	return out, nil
}

// deflater compresses the messages to one client, over one window. Guarded by the
// connection's lock.
type deflater struct {
	w     *flate.Writer
	out   bytes.Buffer
	fresh bool
}

// newDeflater is nil where nothing was agreed.
func newDeflater(n negotiation) (*deflater, error) {
	if !n.agreed {
		return nil, nil
	}
	d := &deflater{fresh: n.Fresh}
	var err error
	if n.WindowBits == mostWindowBits {
		d.w, err = flate.NewWriter(&d.out, flate.BestSpeed)
	} else {
		d.w, err = flate.NewWriterWindow(&d.out, 1<<n.WindowBits)
	}
	if err != nil {
		return nil, fmt.Errorf("sim: make a compressor: %w", err)
	}
	return d, nil
}

// message is p as it goes into a frame, valid until the next call.
func (d *deflater) message(p []byte) []byte {
	d.out.Reset()
	if d.fresh {
		d.w.Reset(&d.out)
	}
	// bytes.Buffer does not fail, and nothing else here can.
	_, _ = d.w.Write(p)
	_ = d.w.Flush()
	return bytes.TrimSuffix(d.out.Bytes(), []byte(deflateTail))
}

// rsvDeflated marks the first frame of a compressed message.
var rsvDeflated = ws.Rsv(true, false, false)
