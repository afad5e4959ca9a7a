package feed

import "github.com/tickring/tickring/ring"

// Bounds of what is kept of refused frames.
const (
	badFramesKept = 64
	badFrameBytes = 4096
)

// BadFrame is a message that could not be decoded, kept for diagnosis.
type BadFrame struct {
	// RecvTimeNS is when it was read, Unix ns.
	RecvTimeNS int64
	// Connection is the row of the connection table.
	Connection uint16
	Reason     ring.Reason
	// Size is the message's whole size in bytes; Bytes its beginning, at most 4 KiB.
	Size  int
	Bytes []byte
}

// badFrames are the last refused frames, in places that are taken once. Hot thread
// only.
type badFrames struct {
	places [badFramesKept]BadFrame
	count  uint64
}

// keep copies a frame's beginning over the oldest one. It allocates only until
// every place has been used.
func (b *badFrames) keep(recvNS int64, row uint16, reason ring.Reason, frame []byte) {
	p := &b.places[b.count%badFramesKept]
	b.count++
	p.RecvTimeNS, p.Connection, p.Reason, p.Size = recvNS, row, reason, len(frame)
	p.Bytes = append(p.Bytes[:0], frame[:min(len(frame), badFrameBytes)]...)
}

// list copies what is kept, oldest first.
func (b *badFrames) list() []BadFrame {
	var out []BadFrame
	for i := b.count - min(b.count, badFramesKept); i < b.count; i++ {
		f := b.places[i%badFramesKept]
		f.Bytes = append([]byte(nil), f.Bytes...)
		out = append(out, f)
	}
	return out
}

// BadFrames are the last messages that could not be decoded, oldest first, at most
// 64. Any goroutine.
func (p *Publisher) BadFrames() ([]BadFrame, error) {
	var out []BadFrame
	err := p.command(func(h *hot) { out = h.bad.list() })
	return out, err
}
