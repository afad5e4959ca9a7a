//go:build cgo && linux

package cgoreader

/*
#cgo CFLAGS: -std=c11 -O2 -I${SRCDIR}/include -I${SRCDIR}/src
#include <stdlib.h>
#include "tickring.h"
*/
import "C"

import (
	"embed"
	"fmt"
	"time"
	"unsafe"

	"github.com/tickring/tickring/ring"
)

// Sources is the C library. That the package embeds it also makes go build notice a
// change in a file that the C compiler only reaches by an include.
//
//go:embed include/*.h src/*.c src/*.h
var Sources embed.FS

// The binding passes Go's structs where C expects its own: they are the same bytes.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(ring.Record{})-C.sizeof_tickring_record]
	_ = [1]struct{}{}[unsafe.Sizeof(ring.BookHeader{})-C.sizeof_tickring_book_header]
	_ = [1]struct{}{}[unsafe.Sizeof(ring.Level{})-C.sizeof_tickring_level]
	_ = [1]struct{}{}[unsafe.Sizeof(ring.Instrument{})-C.sizeof_tickring_instrument]
	_ = [1]struct{}{}[unsafe.Sizeof(ring.InstrumentState{})-C.sizeof_tickring_instrument_state]
	_ = [1]struct{}{}[unsafe.Sizeof(ring.Connection{})-C.sizeof_tickring_connection]
)

// Error is a TICKRING_E code of the C library.
type Error int

// Errors that attaching and the tables return, as in tickring.h.
const (
	ErrArgument       = Error(C.TICKRING_E_ARGUMENT)
	ErrName           = Error(C.TICKRING_E_NAME)
	ErrNoFeed         = Error(C.TICKRING_E_NO_FEED)
	ErrPermission     = Error(C.TICKRING_E_PERMISSION)
	ErrNotRegular     = Error(C.TICKRING_E_NOT_REGULAR)
	ErrOwner          = Error(C.TICKRING_E_OWNER)
	ErrTooShort       = Error(C.TICKRING_E_TOO_SHORT)
	ErrNotReady       = Error(C.TICKRING_E_NOT_READY)
	ErrMagic          = Error(C.TICKRING_E_MAGIC)
	ErrByteOrder      = Error(C.TICKRING_E_BYTE_ORDER)
	ErrVersion        = Error(C.TICKRING_E_VERSION)
	ErrHeader         = Error(C.TICKRING_E_HEADER)
	ErrTruncated      = Error(C.TICKRING_E_TRUNCATED)
	ErrSize           = Error(C.TICKRING_E_SIZE)
	ErrFormatHash     = Error(C.TICKRING_E_FORMAT_HASH)
	ErrState          = Error(C.TICKRING_E_STATE)
	ErrDirectory      = Error(C.TICKRING_E_DIRECTORY)
	ErrOtherBoot      = Error(C.TICKRING_E_OTHER_BOOT)
	ErrOtherFeed      = Error(C.TICKRING_E_OTHER_FEED)
	ErrSameGeneration = Error(C.TICKRING_E_SAME_GENERATION)
	ErrNoInstrument   = Error(C.TICKRING_E_NO_INSTRUMENT)
)

// Error is the C library's line for the code.
func (e Error) Error() string { return C.GoString(C.tickring_strerror(C.int(e))) }

// Options are the switches of tickring_options.
type Options struct {
	// AutoReattach lets Next and Wait move to a newer segment by themselves.
	AutoReattach bool
	// IgnoreBootID accepts the file of another boot.
	IgnoreBootID bool
}

// Stats are tickring_stats.
type Stats struct {
	Got, Lost, Overruns, TornRejected, SkippedDepth, Reattached uint64
}

// Reader is one tickring_reader. It is owned by one goroutine at a time and must be
// detached.
type Reader struct {
	c    *C.tickring_reader
	lost C.uint64_t
}

// Attach opens a feed in dir; "" is TICKRING_DIR or /dev/shm/tickring. Its errors wrap
// an Error.
func Attach(dir, feed string, o Options) (*Reader, error) {
	var cdir *C.char
	if dir != "" {
		cdir = C.CString(dir)
		defer C.free(unsafe.Pointer(cdir))
	}
	cfeed := C.CString(feed)
	defer C.free(unsafe.Pointer(cfeed))
	opts, r := o.c(), &Reader{}
	if code := C.tickring_attach(cdir, cfeed, &opts, &r.c); code != 0 {
		return nil, fmt.Errorf("attach feed %q: %w", feed, Error(code))
	}
	return r, nil
}

// AttachPath opens a segment by the path of its file. Its errors wrap an Error.
func AttachPath(path string, o Options) (*Reader, error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	opts, r := o.c(), &Reader{}
	if code := C.tickring_attach_path(cpath, &opts, &r.c); code != 0 {
		return nil, fmt.Errorf("attach segment %q: %w", path, Error(code))
	}
	return r, nil
}

func (o Options) c() C.tickring_options {
	var c C.tickring_options
	c.size = C.uint32_t(unsafe.Sizeof(c))
	if o.AutoReattach {
		c.auto_reattach = 1
	}
	if o.IgnoreBootID {
		c.ignore_boot_id = 1
	}
	return c
}

// Detach unmaps the segment; the reader must not be used afterwards. Calling it again
// does nothing.
func (r *Reader) Detach() {
	C.tickring_detach(r.c)
	r.c = nil
}

// Next copies the next record; *out is valid after RECORD only.
func (r *Reader) Next(out *ring.Record) ring.Answer {
	return ring.Answer(C.tickring_next(r.c, record(out), &r.lost))
}

// NextHead is Next for the first 64 bytes.
func (r *Reader) NextHead(out *ring.Record) ring.Answer {
	return ring.Answer(C.tickring_next_head(r.c, record(out), &r.lost))
}

// Lost is how many records the last OVERRUN cost.
func (r *Reader) Lost() uint64 { return uint64(r.lost) }

// Wait sleeps until Next has something to say, at most for d; negative: no limit.
func (r *Reader) Wait(d time.Duration) ring.Answer {
	return ring.Answer(C.tickring_wait(r.c, C.int64_t(d)))
}

// Board copies the newest record of one kind of an instrument.
func (r *Reader) Board(id uint32, slot ring.BoardSlot, out *ring.Record) ring.Answer {
	return ring.Answer(C.tickring_board(r.c, C.uint32_t(id), C.uint32_t(slot), record(out)))
}

// Book copies an instrument's board book. bids and asks need the same length; that many
// levels a side are copied at most.
func (r *Reader) Book(id uint32, h *ring.BookHeader, bids, asks []ring.Level) ring.Answer {
	n := min(len(bids), len(asks))
	return ring.Answer(C.tickring_book(r.c, C.uint32_t(id), (*C.tickring_book_header)(unsafe.Pointer(h)),
		levels(bids), levels(asks), C.uint32_t(n)))
}

// Reattach tries the name again and moves to another generation.
func (r *Reader) Reattach() error { return code(C.tickring_reattach(r.c)) }

// FromOldest, FromLatest and Join set the cursor; Join returns the watermark.
func (r *Reader) FromOldest() { C.tickring_from_oldest(r.c) }

// FromLatest: see FromOldest.
func (r *Reader) FromLatest() { C.tickring_from_latest(r.c) }

// Join: see FromOldest.
func (r *Reader) Join() uint64 { return uint64(C.tickring_join(r.c)) }

// NextSequence is the sequence that Next expects.
func (r *Reader) NextSequence() uint64 { return uint64(C.tickring_next_sequence(r.c)) }

// Instrument copies one row of the instrument table.
func (r *Reader) Instrument(id uint32, out *ring.Instrument) error {
	return code(C.tickring_get_instrument(r.c, C.uint32_t(id), (*C.tickring_instrument)(unsafe.Pointer(out))))
}

// Connection copies one row of the connection table.
func (r *Reader) Connection(row uint32, out *ring.Connection) error {
	return code(C.tickring_get_connection(r.c, C.uint32_t(row), (*C.tickring_connection)(unsafe.Pointer(out))))
}

// State is an instrument's state word.
func (r *Reader) State(id uint32) (uint64, error) {
	var word C.uint64_t
	err := code(C.tickring_state(r.c, C.uint32_t(id), &word))
	return uint64(word), err
}

// Find is the id of "BTC/USDT" or of the venue's own spelling.
func (r *Reader) Find(symbol string) (uint32, error) {
	text := C.CString(symbol)
	defer C.free(unsafe.Pointer(text))
	var id C.uint32_t
	err := code(C.tickring_find(r.c, text, &id))
	return uint32(id), err
}

// Symbol is "BTC/USDT" of an id.
func (r *Reader) Symbol(id uint32) (string, error) {
	text := (*C.char)(C.malloc(C.TICKRING_SYMBOL_MAX))
	defer C.free(unsafe.Pointer(text))
	if err := code(C.tickring_symbol(r.c, C.uint32_t(id), text, C.TICKRING_SYMBOL_MAX)); err != nil {
		return "", err
	}
	return C.GoString(text), nil
}

// FreshWithin says that the instrument's data can be trusted to be at most d old.
func (r *Reader) FreshWithin(id uint32, d time.Duration) bool {
	return C.tickring_fresh_within(r.c, C.uint32_t(id), C.int64_t(d)) != 0
}

// Facts of the segment.

// Feed is the feed's name.
func (r *Reader) Feed() string { return C.GoString(C.tickring_feed(r.c)) }

// Venue is the venue's name.
func (r *Reader) Venue() string { return C.GoString(C.tickring_venue(r.c)) }

// Generation names the segment.
func (r *Reader) Generation() uint64 { return uint64(C.tickring_generation(r.c)) }

// InstrumentCount is the number of rows of the instrument table that are valid.
func (r *Reader) InstrumentCount() uint32 { return uint32(C.tickring_instrument_count(r.c)) }

// BookDepth is levels a side of a board book.
func (r *Reader) BookDepth() int { return int(C.tickring_book_depth(r.c)) }

// Slots is the size of the ring in records.
func (r *Reader) Slots() uint64 { return uint64(C.tickring_slots(r.c)) }

// LastSequence is the last record when the newest frame ended.
func (r *Reader) LastSequence() uint64 { return uint64(C.tickring_last_sequence(r.c)) }

// Counter is one of the publisher's totals.
func (r *Reader) Counter(c ring.Counter) uint64 {
	return uint64(C.tickring_counter(r.c, C.uint32_t(c)))
}

// Stats are this reader's totals.
func (r *Reader) Stats() Stats {
	s := C.tickring_get_stats(r.c)
	return Stats{uint64(s.got), uint64(s.lost), uint64(s.overruns), uint64(s.torn_rejected),
		uint64(s.skipped_depth), uint64(s.reattached)}
}

// Double is the double nearest to mantissa x 10^exponent; NaN when absent.
func Double(mantissa int64, exponent int) float64 {
	return float64(C.tickring_double(C.int64_t(mantissa), C.int(exponent)))
}

// DecimalText is the canonical decimal; "" when absent.
func DecimalText(mantissa int64, exponent int) string {
	text := (*C.char)(C.malloc(C.TICKRING_DECIMAL_TEXT_MAX))
	defer C.free(unsafe.Pointer(text))
	n := C.tickring_decimal_text(C.int64_t(mantissa), C.int(exponent), text, C.TICKRING_DECIMAL_TEXT_MAX)
	return C.GoStringN(text, C.int(n))
}

func record(r *ring.Record) *C.tickring_record {
	return (*C.tickring_record)(unsafe.Pointer(r))
}

func levels(l []ring.Level) *C.tickring_level {
	return (*C.tickring_level)(unsafe.Pointer(unsafe.SliceData(l)))
}

func code(c C.int) error {
	if c == 0 {
		return nil
	}
	return Error(c)
}
