package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind says what an item is.
type Kind uint8

// Kinds of items. The first group are inputs: each is one thing that the hot thread
// took and dealt with. The second group are what an input asked of the world while it
// was dealt with, in order.
const (
	// KindConfig describes the feed (JSON); the first item of a file.
	KindConfig Kind = 1
	// KindStart begins a feed at its first record (JSON).
	KindStart Kind = 2
	// KindCheckpoint is the whole state of a feed; value is its last sequence.
	KindCheckpoint Kind = 3
	// KindLoss says that items were lost because the ring was full; value is how
	// many. A checkpoint follows.
	KindLoss Kind = 4
	// KindTick is the hot thread's timer; value is its time.
	KindTick Kind = 5
	// KindEvent is a socket that became ready: A is 1 readable, 2 writable, B its row.
	KindEvent Kind = 6
	// KindDialled is the end of a dial (JSON); B is the row.
	KindDialled Kind = 7
	// KindCommand is what another thread asked for (JSON); A says what.
	KindCommand Kind = 8
	// KindMark ends a turn; value is the last sequence published.
	KindMark Kind = 9

	// KindClock is a reading of the clock, in value.
	KindClock Kind = 32
	// KindChunk is a read of the socket: value bytes; A, B and payload an error.
	KindChunk Kind = 33
	// KindMessage is a message that came: A is the opcode, B the close code.
	KindMessage Kind = 34
	// KindDry: no whole message is left; A, B and payload an error.
	KindDry Kind = 35
	// KindSent is a message that was sent: A is the opcode, B the close code.
	KindSent Kind = 36
	// KindFailed: the send or flush before failed; A, B and payload the error.
	KindFailed Kind = 37
)

// Input says that an item of the kind is taken by the hot thread's loop, not asked
// for while another one is dealt with.
func (k Kind) Input() bool { return k < KindClock }

// Timed says that the item's value is a time, Unix ns.
func (k Kind) Timed() bool { return k == KindTick || k == KindClock }

// Sizes of an item.
const (
	itemHeader = 16
	// MaxItem bounds a payload: a checkpoint of 4,096 instruments with deep books.
	MaxItem = 1 << 28
)

// Item is one thing that the hot thread saw.
type Item struct {
	Kind  Kind
	A     uint8
	B     uint16
	Value int64
	// Payload points into what was decoded.
	Payload []byte
}

// ErrItem: the bytes are no items.
var ErrItem = errors.New("damaged item")

// stride is what a payload of n bytes takes with its header.
func stride(n int) int { return itemHeader + (n+7)&^7 }

func putHeader(b []byte, kind Kind, a uint8, at uint16, value int64, size int) {
	binary.LittleEndian.PutUint32(b, uint32(size))
	b[4], b[5] = uint8(kind), a
	binary.LittleEndian.PutUint16(b[6:], at)
	binary.LittleEndian.PutUint64(b[8:], uint64(value))
}

// Append appends an item.
func Append(dst []byte, it Item) []byte {
	var head [itemHeader]byte
	putHeader(head[:], it.Kind, it.A, it.B, it.Value, len(it.Payload))
	dst = append(append(dst, head[:]...), it.Payload...)
	for range stride(len(it.Payload)) - itemHeader - len(it.Payload) {
		dst = append(dst, 0)
	}
	return dst
}

// Next cuts the first item off b. size is 0 where b ends within it; the error is
// ErrItem where no such item can be.
func Next(b []byte) (it Item, size int, err error) {
	if len(b) < itemHeader {
		return it, 0, nil
	}
	n := binary.LittleEndian.Uint32(b)
	if n > MaxItem || b[4] == 0 {
		return it, 0, fmt.Errorf("%w: kind %d of %d bytes", ErrItem, b[4], n)
	}
	size = stride(int(n))
	if len(b) < size {
		return it, 0, nil
	}
	it = Item{Kind: Kind(b[4]), A: b[5], B: binary.LittleEndian.Uint16(b[6:]), Value: int64(binary.LittleEndian.Uint64(b[8:]))}
	it.Payload = b[itemHeader : itemHeader+int(n)]
	return it, size, nil
}
