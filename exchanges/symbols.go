package exchanges

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/tickring/tickring/ring"
)

// Limits of a symbol table.
const (
	// MaxSymbolBytes is the room for a venue's symbol in the instrument table.
	MaxSymbolBytes = 32
	// packedSymbolBytes is what two words hold.
	packedSymbolBytes = 16
	// minSymbolSlots is the size of an empty table, a power of two.
	minSymbolSlots = 64
	// slotsPerSymbol keeps the load at or below 1/4, so that a miss and a hit
	// both look at little more than one slot.
	slotsPerSymbol = 4
)

// Reasons for which Add refuses a symbol.
var (
	ErrSymbolLength = errors.New("a symbol has 1 to 32 bytes")
	ErrSymbolID     = errors.New("an instrument id is below 65535")
	ErrSymbolTaken  = errors.New("the symbol already has another instrument id")
)

// SymbolTable finds the instrument id of a venue's symbol. Symbols of up to 16
// bytes are compared as two words in an open-addressing table; longer ones go
// through a map. Lookup does not allocate. A table is used by one thread: the
// decoding one, which also adds to it between frames.
type SymbolTable struct {
	slots []symbolSlot
	shift uint64
	short int
	long  map[string]uint16
	names []string
	next  int
	learn bool
}

// symbolSlot is free when length is 0.
type symbolSlot struct {
	low, high uint64
	length    uint16
	id        uint16
}

// NewSymbolTable returns an empty table.
func NewSymbolTable() *SymbolTable {
	t := &SymbolTable{long: make(map[string]uint16)}
	t.resize(minSymbolSlots)
	return t
}

// NewLearningTable returns an empty table that gives the next id to every symbol
// it is asked for and does not know, up to ring.MaxInstruments. Such a Lookup
// allocates; it is meant for files whose symbols nobody listed.
func NewLearningTable() *SymbolTable {
	t := NewSymbolTable()
	t.learn = true
	return t
}

// Add gives symbol the instrument id. Adding the same pair twice changes nothing.
// The error says which symbol was refused and wraps ErrSymbolLength, ErrSymbolID
// or ErrSymbolTaken. It may allocate, and is not for the middle of a frame.
func (t *SymbolTable) Add(symbol string, id uint16) error {
	switch known, found := t.find([]byte(symbol)); {
	case len(symbol) == 0 || len(symbol) > MaxSymbolBytes:
		return fmt.Errorf("add symbol %q: %w", symbol, ErrSymbolLength)
	case id >= ring.MaxInstruments:
		return fmt.Errorf("add symbol %q with id %d: %w", symbol, id, ErrSymbolID)
	case found && known == id:
		return nil
	case found:
		return fmt.Errorf("add symbol %q with id %d: %w: %d", symbol, id, ErrSymbolTaken, known)
	}
	t.insert(symbol, id)
	return nil
}

func (t *SymbolTable) insert(symbol string, id uint16) {
	for len(t.names) <= int(id) {
		t.names = append(t.names, "")
	}
	t.names[id] = symbol
	t.next = max(t.next, int(id)+1)
	if len(symbol) > packedSymbolBytes {
		t.long[symbol] = id
		return
	}
	if (t.short+1)*slotsPerSymbol > len(t.slots) {
		t.resize(2 * len(t.slots))
	}
	low, high := packSymbol([]byte(symbol))
	t.place(symbolSlot{low: low, high: high, length: uint16(len(symbol)), id: id})
	t.short++
}

// place puts a symbol that is not there into the first free slot of its chain.
func (t *SymbolTable) place(s symbolSlot) {
	mask := uint64(len(t.slots) - 1)
	i := hashSymbol(s.low, s.high) >> (t.shift & 63) & mask
	for t.slots[i].length != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

func (t *SymbolTable) resize(slots int) {
	old := t.slots
	t.slots = make([]symbolSlot, slots)
	t.shift = uint64(64 - bits.TrailingZeros(uint(slots)))
	for _, s := range old {
		if s.length != 0 {
			t.place(s)
		}
	}
}

// Lookup returns the instrument id of symbol, and whether there is one; the id is
// ring.NoInstrument when not. Symbols of 8 to 16 bytes that are there are found without a
// further call.
func (t *SymbolTable) Lookup(symbol []byte) (uint16, bool) {
	if n := len(symbol); n >= wordBytes && n <= packedSymbolBytes {
		low, high := packWords(symbol)
		for i := hashSymbol(low, high) >> (t.shift & 63); ; i++ {
			s := t.slot(i)
			if s.low == low && s.high == high && int(s.length) == n {
				return s.id, true
			}
			if s.length == 0 {
				break
			}
		}
	}
	return t.lookupSlow(symbol)
}

func (t *SymbolTable) lookupSlow(symbol []byte) (uint16, bool) {
	if id, found := t.find(symbol); found || !t.learn {
		return id, found
	}
	if len(symbol) == 0 || len(symbol) > MaxSymbolBytes || t.next >= ring.MaxInstruments {
		return ring.NoInstrument, false
	}
	id := uint16(t.next)
	t.insert(string(symbol), id)
	return id, true
}

func (t *SymbolTable) find(symbol []byte) (uint16, bool) {
	if len(symbol) > packedSymbolBytes {
		id, found := t.long[string(symbol)]
		if !found {
			id = ring.NoInstrument
		}
		return id, found
	}
	low, high := packSymbol(symbol)
	length := uint16(len(symbol))
	mask := uint64(len(t.slots) - 1)
	for i := hashSymbol(low, high) >> (t.shift & 63) & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.length == 0 {
			return ring.NoInstrument, false
		}
		if s.low == low && s.high == high && s.length == length {
			return s.id, true
		}
	}
}

// Name returns the symbol that was added last under the id, empty when none was.
func (t *SymbolTable) Name(id uint16) string {
	if int(id) >= len(t.names) {
		return ""
	}
	return t.names[id]
}

// Count returns one more than the greatest id in the table.
func (t *SymbolTable) Count() int { return t.next }

// packSymbol packs at most 16 bytes into two words with zeros behind.
func packSymbol(s []byte) (low, high uint64) {
	n := len(s)
	switch {
	case n >= wordBytes:
		return packWords(s)
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(s)) | uint64(binary.LittleEndian.Uint32(s[n-4:]))<<(uint(8*(n-4))&63), 0
	case n > 0:
		return uint64(s[0]) | uint64(s[n>>1])<<(8*(n>>1)) | uint64(s[n-1])<<(8*(n-1)), 0
	}
	return 0, 0
}

// packWords is packSymbol of 8 to 16 bytes: the last eight overlap the first ones.
func packWords(s []byte) (low, high uint64) {
	return binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[len(s)-8:]) >> uint(128-8*len(s))
}

// Odd multipliers without structure: parts of the golden ratio and of pi.
const (
	mixLow  = 0x9e3779b97f4a7c15
	mixHigh = 0x243f6a8885a308d3
)

// hashSymbol is multiply-shift over two words: the upper bits depend on every
// bit of both. The length is left to the comparison.
func hashSymbol(low, high uint64) uint64 { return low*mixLow + high*mixHigh }
