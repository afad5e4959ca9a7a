package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/wire"
)

// Times and sizes of warming.
const (
	// warmNS is how often a spin decodes a message again: rarely enough that one that
	// comes meanwhile seldom waits, often enough that the caches keep the way.
	warmNS = 20_000
	// warmKeepNS is how old the message of a stream is before it is taken anew.
	warmKeepNS = 1 * ms
	// warmBytes is the longest message kept.
	warmBytes = 4 << 10
)

// warmer keeps the newest message of each stream. While the hot thread spins with nothing
// to do it decodes one now and then, for nothing: else the kernel's code, through which
// a spin goes all the time, has driven the decoder's out of the caches and out of the
// branch predictors by the time of the next message. Hot thread only.
type warmer struct {
	frames []warmFrame // by StreamID; some are empty
	next   int
	atNS   int64
}

type warmFrame struct {
	bytes   []byte // of a capacity that decoders may read
	takenNS int64
}

// newWarmer is for a dialect with so many streams.
func newWarmer(streams int) warmer {
	w := warmer{frames: make([]warmFrame, streams)}
	for i := range w.frames {
		w.frames[i].bytes = make([]byte, 0, warmBytes+wire.Padding)
	}
	return w
}

// keep takes a copy of a stream's message, which was decoded into data just now.
func (w *warmer) keep(id exchanges.StreamID, frame []byte, now int64) {
	w.atNS = now
	if int(id) >= len(w.frames) || len(frame) > warmBytes {
		return
	}
	f := &w.frames[id]
	if now-f.takenNS < warmKeepNS {
		return
	}
	f.takenNS = now
	f.bytes = append(f.bytes[:0], frame...)
}

// due is the message whose turn it is, and its stream; nil if none.
func (w *warmer) due(now int64) (id int, frame []byte) {
	if now-w.atNS < warmNS {
		return 0, nil
	}
	w.atNS = now
	for range w.frames {
		w.next = (w.next + 1) % len(w.frames)
		if frame := w.frames[w.next].bytes; len(frame) > 0 {
			return w.next, frame
		}
	}
	return 0, nil
}

// warm decodes a message that was published long ago into the batch, which is nobody's
// between two messages. The dialect's counts do not see it.
func (h *hot) warm(now int64) {
	id, frame := h.warmer.due(now)
	if frame == nil {
		return
	}
	counts := &h.fast.Fallbacks()[id]
	before := *counts
	if h.binary != nil {
		h.binary.DecodeBinary(frame, h.symbols, &h.batch)
	} else {
		h.dialect.Decode(frame, h.symbols, &h.batch)
	}
	*counts = before
}
