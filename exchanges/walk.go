package exchanges

import (
	"unicode/utf8"
	"unsafe"

	"github.com/tickring/tickring/ring"
)

// StepBytes is the most bytes of known form behind the hole of one step.
const StepBytes = 32

// StepOp says what stands at the cursor of a step, or what is read near it.
type StepOp uint8

// Ops of steps. Field is the offset in the item where a value goes; what has no field is
// passed over. At counts from the cursor as it is when the step begins.
const (
	// StepEnd ends the steps: the cursor must stand at the frame's end.
	StepEnd StepOp = iota
	// StepEndEventIsSend is StepEnd, and makes the time of the message that of the event.
	StepEndEventIsSend
	// StepEndMany is StepEnd of a message of several items.
	StepEndMany
	// StepEndEach is the same where each item has its symbol.
	StepEndEach
	// StepForm has no hole. It is the first one, whatever its op says.
	StepForm
	// StepOptional has none: where its form does not stand at the cursor, or the frame ends
	// there, it goes on At bytes of steps further.
	StepOptional
	// StepMore wants the frame to go on.
	StepMore
	// StepOrdered wants the first sequence not to be greater than the sequence.
	StepOrdered
	// StepMany begins an item where its form stands, the key and the length of a message, and
	// else goes on At bytes of steps further; StepManyEnd goes back to it.
	StepMany
	StepManyEnd
	// StepEach begins an item; StepEachEnd goes back to it behind a comma.
	StepEach
	StepEachEnd
	// StepSeconds and StepMillis are the ten and the 13 digits at At, which forms compare.
	StepSeconds
	StepMillis
	// StepUint is Padded.Uint, StepUintSkip the same without a field.
	StepUint
	StepUintSkip
	// StepName is the symbol, StepNameEach that of an item of several, StepAgain the text of
	// StepName once more.
	StepName
	StepNameEach
	StepAgain
	// StepDecimal, StepVolume, StepSigned, StepMillisText and StepSide are methods of Padded.
	StepDecimal
	StepVolume
	StepSigned
	StepSignedSkip
	StepMillisText
	StepSide
	StepText
	StepLevels
	StepObjects
	StepAmount
	StepTaker
	// StepTextName is the symbol in the text of the message's first field, whose length
	// tells its own: Field is the length of what else that text holds. StepTextUntil is the
	// same up to the first byte of the form, and StepTextTail the rest of that text.
	StepTextName
	StepTextUntil
	StepTextTail
	// StepTextAgain, StepTextDecimal, StepTextVolume, StepTextUint, StepTextSigned and
	// StepTextIDPair are of as many bytes as the byte before them says.
	StepTextAgain
	// StepTextAgainMillis is StepTextAgain, and StepMillisVarint with At from behind it.
	StepTextAgainMillis
	StepTextDecimal
	// StepTextDecimals are two, the second behind Key and its length, for the field Second.
	StepTextDecimals
	StepTextVolume
	StepTextUint
	StepTextSigned
	StepTextIDPair
	// StepRest is the length of a message that ends where the frame does.
	StepRest
	// StepMillisVarint and StepSideVarint are the six bytes and the one at At, which forms
	// compare.
	StepMillisVarint
	StepSideVarint
	// StepTextLevels is Padded.TextLevels, of the key At.
	StepTextLevels
	// These look, behind the hole, for what the StepOptional that follows them looks for,
	// and pass over that one.
	StepRestIf
	StepTextDecimalIf
	StepTextDecimalsIf
	StepTextUintIf
)

// Step is a hole of a message and the text of known form behind it, of Size bytes: each
// byte is at least that of Low and at most Span greater. Beyond Size, Span is 255.
type Step struct {
	Op    StepOp
	Size  uint8
	Field uint16
	At    int16
	// Second and Key are of StepTextDecimals.
	Second uint16
	Key    uint8
	Low    [StepBytes]byte
	Span   [StepBytes]byte
}

// Steps are the way through the messages of one shape that make one item. The first four
// fields lie as in an Item, and so does what is behind them.
type Steps struct {
	Kind ring.Kind
	Rule BookRule
	_    uint16
	// Flags and IDFormat are the item's.
	Flags ring.Flags
	_     uint16
	// Channel is the number of the shape's channel.
	Channel  int
	IDFormat ring.IDFormat
	// EventIsSend is for several items what StepEndEventIsSend is for one.
	EventIsSend bool
	List        []Step
}

// The head of an item is copied from its steps at once.
var (
	_ = [1]struct{}{}[unsafe.Offsetof(Steps{}.Rule)-unsafe.Offsetof(Item{}.Rule)]
	_ = [1]struct{}{}[unsafe.Offsetof(Steps{}.Flags)-unsafe.Offsetof(Item{}.Flags)]
	_ = [1]struct{}{}[unsafe.Offsetof(Item{}.Sequence)-8]
	_ = [1]struct{}{}[unsafe.Offsetof(Steps{}.Channel)-8]
)

// How a walk stopped.
const (
	walkRefused = iota
	// walkEnded: the item is whole. walkUnnamed: but for its instrument.
	walkEnded
	walkUnnamed
	// walkMany: the items are whole but for what they share.
	walkMany
	// walkNamed: but for their instruments, whose names they hold.
	walkNamed
	// walkLeft: a step needs what the vectors do not do.
	walkLeft
	// walkFull: there is no room for an item.
	walkFull
)

// walk is where a walk stands. It lies in the batch, so that nobody clears it, and holds
// no pointers: what the assembly keeps here for itself is of no use behind it.
type walk struct {
	//lint:ignore U1000 the assembly's, as are the two others
	start, end, symbols, list uintptr
	//lint:ignore U1000 where the room for levels ends, and the level
	room, until uintptr
	// step is the distance from the first step, in bytes, at the index in the frame.
	step, at uintptr
	// symbol is where the symbol stands, of length bytes; key has it with zeros behind where
	// it has 15 bytes at most.
	symbol, length int
	key            [packedSymbolBytes]byte
	stop           uint8
	// count is how many items of a message of several have begun, blank what each begins
	// with.
	count int
	//lint:ignore U1000 the assembly's
	blank Item
}

// Walks says that Walk may be called here.
func Walks() bool { return vectors }

// Walk decodes a frame of the shape of the steps into one more item of the batch. Refused,
// it adds none; levels may have been left in the batch.
func (p Padded) Walk(s *Steps, symbols *SymbolTable, b *Batch) bool {
	walkFrame(s, p.text(0), p.end, symbols, b)
	return b.walk.stop == walkEnded || p.walkOn(s, symbols, b)
}

// walkOn takes the long way wherever the walk stops, to the end.
func (p Padded) walkOn(s *Steps, symbols *SymbolTable, b *Batch) (ok bool) {
	w := &b.walk
	for {
		n := len(b.Items)
		switch w.stop {
		case walkFull:
			if !b.grow(n + w.count) {
				return false
			}
			walkFrame(s, p.text(0), p.end, symbols, b)
		case walkLeft:
			last := n + max(w.count, 1)
			if !p.longWay(&s.List[w.step/uintptr(StepSize)], &b.Items[:last][last-1], b) {
				return false
			}
			walkBehind(s, p.text(0), p.end, symbols, b)
		case walkUnnamed:
			it := &b.Items[:n+1][n]
			if it.Instrument, ok = symbols.Lookup(p.Slice(w.symbol, w.length)); ok {
				b.Items = b.Items[:n+1]
			}
			return ok
		case walkMany:
			return p.finishMany(s, symbols, b)
		case walkNamed:
			b.Items = b.Items[:n+w.count]
			if !b.Named(p, symbols) {
				b.Items = b.Items[:n]
				return false
			}
			return true
		case walkRefused:
			return false
		default:
			return true
		}
	}
}

// finishMany gives the items of a message what they share, and adds them. Without items
// there is nothing to accept.
func (p Padded) finishMany(s *Steps, symbols *SymbolTable, b *Batch) bool {
	w, n := &b.walk, len(b.Items)
	if w.count == 0 {
		return false
	}
	id, known := symbols.Lookup(p.Slice(w.symbol, w.length))
	if !known {
		return false
	}
	b.Items = b.Items[:n+w.count]
	items := b.Items[n:]
	for k := range items {
		it := &items[k]
		// A sequence that stands behind the items is in the last one.
		it.Instrument, it.Sequence = id, items[len(items)-1].Sequence
		if s.EventIsSend {
			it.EventTimeNS = it.SendTimeNS
		}
		if s.Kind == ring.KindTrade {
			it.Index, it.Count = uint16(k), uint16(len(items))
		}
	}
	return true
}

// longWay reads the hole at which the steps stopped as Padded does, and lets them go on
// behind it.
func (p Padded) longWay(s *Step, it *Item, b *Batch) bool {
	w := &b.walk
	at := int(w.at)
	n, ok := 0, true
	switch s.Op {
	case StepUint:
		*fieldOf[uint64](it, s.Field), n = p.Uint(at)
	case StepUintSkip:
		_, n = p.Uint(at)
	case StepName:
		n = p.Name(at)
		w.named(p, at, n)
	case StepNameEach:
		n = p.Name(at)
		it.BidsFrom, it.BidsTo = int32(at), int32(at+n)
	case StepAgain:
		n = w.length
		ok = p.Same(at, w.symbol, n)
	case StepDecimal:
		d := fieldOf[Decimal](it, s.Field)
		d.Mantissa, d.Exponent, n = p.Decimal(at)
	case StepSigned:
		d := fieldOf[Decimal](it, s.Field)
		d.Mantissa, d.Exponent, n = p.Signed(at)
	case StepSignedSkip:
		n = p.SignedDecimal(at)
	case StepVolume:
		var flag ring.Flags
		d := fieldOf[Decimal](it, s.Field)
		d.Mantissa, d.Exponent, flag, n = p.longVolume(at)
		it.Flags |= flag
	case StepAmount:
		d := fieldOf[Decimal](it, s.Field)
		d.Mantissa, d.Exponent, n = p.Amount(at)
	case StepTaker:
		d := fieldOf[Decimal](it, s.Field)
		d.Mantissa, d.Exponent, it.Aggressor, n = p.Taker(at)
	case StepMillisText:
		*fieldOf[int64](it, s.Field), n = p.MillisText(at)
	case StepSide:
		it.Aggressor, n = p.Side(at)
	case StepText:
		n, ok = p.Text(at)
		w.at = uintptr(at + n)
		return ok
	case StepLevels, StepObjects:
		n = p.side(s, it, b)
	default:
		n, ok = p.longText(s, it, b)
	}
	w.at = uintptr(at + n)
	return ok && n != 0
}

// named keeps the symbol of n bytes from index at.
func (w *walk) named(p Padded, at, n int) {
	w.symbol, w.length = at, n
	if uint(n) < packedSymbolBytes {
		w.key = [packedSymbolBytes]byte{}
		copy(w.key[:], p.Slice(at, n))
	}
}

// longText is longWay of the steps of protobuf messages.
func (p Padded) longText(s *Step, it *Item, b *Batch) (n int, ok bool) {
	w := &b.walk
	at := int(w.at)
	n = int(p.Byte(at - 1))
	switch s.Op {
	case StepTextName, StepTextUntil:
		if n = int(p.Byte(1)) - int(s.Field); s.Op == StepTextUntil {
			n = p.Until(at, s.Low[0])
		}
		ok = uint(n-1) < MaxSymbolBytes && utf8.Valid(p.Slice(at, n))
		w.named(p, at, n)
	case StepTextAgain:
		ok = n == w.length && p.Same(at, w.symbol, n)
	case StepTextAgainMillis:
		if ok = n == w.length && p.Same(at, w.symbol, n); ok {
			*fieldOf[int64](it, s.Field), ok = p.MillisVarint(at + n + int(s.At))
		}
	case StepTextDecimal, StepTextDecimalIf:
		d := fieldOf[Decimal](it, s.Field)
		d.Mantissa, d.Exponent, ok = p.TextDecimal(at, n)
	case StepTextDecimals, StepTextDecimalsIf:
		n, ok = p.twoDecimals(s, it, at)
	case StepTextVolume:
		var flag ring.Flags
		d := fieldOf[Decimal](it, s.Field)
		d.Mantissa, d.Exponent, flag, ok = p.TextVolume(at, n)
		it.Flags |= flag
	case StepTextUint, StepTextUintIf:
		*fieldOf[uint64](it, s.Field), ok = p.TextUint(at, n)
	case StepTextSigned:
		ok = p.TextSigned(at, n)
	case StepTextIDPair:
		it.TradeID, it.SecondID, it.IDSuffix1, it.IDSuffix2, ok = p.IDPair(at, n)
	case StepRest, StepRestIf:
		n = p.Rest(at)
		ok = true
	case StepTextLevels:
		from := len(b.Levels)
		var end int
		end, ok = p.TextLevels(at, byte(s.At), b)
		n = end - at
		*fieldOf[[2]int32](it, s.Field) = [2]int32{int32(from), int32(len(b.Levels))}
	}
	return n, ok
}

// twoDecimals reads two texts and what stands between them.
func (p Padded) twoDecimals(s *Step, it *Item, at int) (n int, ok bool) {
	n = int(p.Byte(at - 1))
	first, second := fieldOf[Decimal](it, s.Field), fieldOf[Decimal](it, s.Second)
	if first.Mantissa, first.Exponent, ok = p.TextDecimal(at, n); !ok || p.Byte(at+n) != s.Key {
		return 0, false
	}
	behind := int(p.Byte(at + n + 1))
	second.Mantissa, second.Exponent, ok = p.TextDecimal(at+n+2, behind)
	return n + 2 + behind, ok
}

// side reads one side of a book.
func (p Padded) side(s *Step, it *Item, b *Batch) (n int) {
	at, from := int(b.walk.at), len(b.Levels)
	if s.Op == StepLevels {
		n = p.Levels(at, b)
	} else {
		n = p.ObjectLevels(at, b)
	}
	*fieldOf[[2]int32](it, s.Field) = [2]int32{int32(from), int32(len(b.Levels))}
	return n
}
