package feed

import (
	"fmt"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// BookCheck is what a recorded stream of one instrument's book came to.
type BookCheck struct {
	// Sequence is the venue's update id of the book; 0 when none was made.
	Sequence uint64
	// Bids and Asks are price and quantity, best first, canonical decimals.
	Bids, Asks [][2]string
	// GapAt is the index from 0 of the first frame that could not be applied, -1
	// when all could (or were older than the book).
	GapAt int
}

// CheckBook drives recorded frames through the same decoder and the same book rules
// as a live feed, without sockets and clocks. Each of snapshots is the next REST
// answer that a synchronisation gets. The frames must be of one instrument's book;
// others are passed over. Frames are binary messages where binary is set.
func CheckBook(d Dialect, frames, snapshots [][]byte, binary bool) (*BookCheck, error) {
	k, err := newBookChecker(d, frames, snapshots, binary)
	if err != nil {
		return nil, err
	}
	defer k.close()
	for i, f := range frames {
		k.frame(i, f)
	}
	return k.result(), nil
}

type bookChecker struct {
	segment   *shm.Segment
	h         *hot
	c         *conn
	in        *instrument
	binary    bool
	snapshots [][]byte
	dialect   SnapshotDialect // nil where no book is seeded by REST
	out       BookCheck
}

func newBookChecker(d Dialect, frames, snapshots [][]byte, binary bool) (*bookChecker, error) {
	native, ok := bookSymbol(d, frames, binary)
	if !ok {
		return nil, fmt.Errorf("%w: no book data of %s in the frames", ErrConfig, d.Venue())
	}
	cfg := &PublisherConfig{Dialect: d, Anonymous: true, Channels: ring.ChannelOrderBook}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	segment, err := shm.Anonymous(ring.Config{Feed: "book-check", Slots: ring.MinSlots, MaxInstruments: 1})
	if err != nil {
		return nil, err
	}
	h, err := newHot(cfg, segment.Bytes())
	if err != nil {
		return nil, err
	}
	k := &bookChecker{segment: segment, h: h, binary: binary, snapshots: snapshots, out: BookCheck{GapAt: -1}}
	if k.dialect, ok = d.(SnapshotDialect); ok {
		h.fetchSnapshot = func(*instrument, uint64) {}
	}
	if k.in, err = h.addInstrument(Symbol{Base: native}, native, nil); err != nil {
		return nil, err
	}
	h.want(k.in, ring.ChannelOrderBook)
	k.c = h.conns[0]
	k.in.subs[channelIndex(ring.ChannelOrderBook)].state = subActive
	return k, nil
}

// bookSymbol is the instrument of the first depth event.
func bookSymbol(d Dialect, frames [][]byte, binary bool) (string, bool) {
	symbols := exchanges.NewLearningTable()
	var b exchanges.Batch
	for _, f := range frames {
		if decodeWith(d, f, symbols, &b, binary).Class != exchanges.ClassData {
			continue
		}
		for i := range b.Items {
			if b.Items[i].Kind == ring.KindDepth {
				return symbols.Name(b.Items[i].Instrument), true
			}
		}
	}
	return "", false
}

func decodeWith(d Dialect, frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch, binary bool) exchanges.Verdict {
	if bd, ok := d.(BinaryDialect); ok && binary {
		return bd.DecodeBinary(frame, symbols, b)
	}
	return d.Decode(frame, symbols, b)
}

// frame takes one frame and, while the book does not stand, the snapshots that a
// synchronisation would fetch.
func (k *bookChecker) frame(i int, frame []byte) {
	h, in := k.h, k.in
	h.recvNS = int64(i + 1)
	troubles := k.troubles()
	open := h.openFrame(h.recvNS)
	v := decodeWith(h.dialect, frame, h.symbols, &h.batch, k.binary)
	h.judged(k.c, frame, &v)
	h.closeFrame(open)
	if k.troubles() != troubles && k.out.GapAt < 0 {
		k.out.GapAt = i
	}
	for in.rest != nil && !in.bookSynced && len(in.rest.held) > 0 && len(k.snapshots) > 0 {
		k.seed()
	}
	if in.bookSynced {
		k.out.Sequence = in.bookID
	} else if v.Class == exchanges.ClassData && k.out.Sequence == 0 && k.out.GapAt < 0 && len(k.snapshots) == 0 && in.rest != nil {
		k.out.GapAt = i // nothing to apply it to, and nothing more will come
	}
}

// troubles counts what keeps a frame from being applied.
func (k *bookChecker) troubles() uint64 {
	c := &k.h.w.Counters
	return c[ring.CounterGaps] + c[ring.CounterCrossed] + c[ring.CounterDecodeErrors]
}

// seed hands the next snapshot to the synchronisation that waits for one.
func (k *bookChecker) seed() {
	r := &snapshotResult{in: k.in, attempt: k.in.rest.attempt}
	r.err = parseSnapshot(k.dialect, k.snapshots[0], r)
	k.snapshots = k.snapshots[1:]
	k.in.rest.fetching = true
	k.h.snapshotCame(r)
}

func texts(dst [][2]string, side []ring.Level, in *instrument) [][2]string {
	for _, l := range side {
		dst = append(dst, [2]string{
			string(ring.AppendDecimal(nil, l.Price, in.price.exponent)),
			string(ring.AppendDecimal(nil, l.Quantity, in.quantity.exponent)),
		})
	}
	return dst
}

// result is the book that stands, or the last one that did.
func (k *bookChecker) result() *BookCheck {
	if k.in.book != nil && k.out.Sequence != 0 {
		k.out.Bids = texts(nil, k.in.book.bids.appendTo(nil), k.in)
		k.out.Asks = texts(nil, k.in.book.asks.appendTo(nil), k.in)
	}
	return &k.out
}

func (k *bookChecker) close() {
	_ = k.h.poller.Close()
	_ = k.h.waker.Close()
	_ = k.segment.Close(true)
}
