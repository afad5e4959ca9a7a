package exchanges

import "unsafe"

// Offsets of an item's fields, for Step.Field. Prices and quantities follow each other at
// FieldNext.
const (
	FieldSequence      = uint16(unsafe.Offsetof(Item{}.Sequence))
	FieldFirstSequence = uint16(unsafe.Offsetof(Item{}.FirstSequence))
	FieldEventTimeNS   = uint16(unsafe.Offsetof(Item{}.EventTimeNS))
	FieldSendTimeNS    = uint16(unsafe.Offsetof(Item{}.SendTimeNS))
	FieldWindowEndNS   = uint16(unsafe.Offsetof(Item{}.WindowEndNS))
	FieldPrices        = uint16(unsafe.Offsetof(Item{}.Prices))
	FieldQuantities    = uint16(unsafe.Offsetof(Item{}.Quantities))
	FieldBids          = uint16(unsafe.Offsetof(Item{}.BidsFrom))
	FieldAsks          = uint16(unsafe.Offsetof(Item{}.AsksFrom))
	FieldTradeID       = uint16(unsafe.Offsetof(Item{}.TradeID))
	FieldSecondID      = uint16(unsafe.Offsetof(Item{}.SecondID))
	FieldAggressor     = uint16(unsafe.Offsetof(Item{}.Aggressor))
	FieldNext          = uint16(unsafe.Sizeof(Decimal{}))
)

// StepSize is the bytes of a Step, by which StepOptional counts.
const StepSize = int16(unsafe.Sizeof(Step{}))

// fieldOf is the field of an item at an offset, which is one of the above.
func fieldOf[T any](it *Item, offset uint16) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(it), offset))
}
