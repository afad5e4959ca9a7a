package ring

import (
	"encoding/binary"
	"errors"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// patchSize is one patch of a fuzz input: base, offset, value.
const patchSize = 1 + 2 + 8

// patch is one hostile word: base 0 is the header, 1 to 6 a section, 7 the
// segment's end counted backwards.
func patch(base byte, off uint16, value uint64) []byte {
	p := binary.LittleEndian.AppendUint16([]byte{base}, off)
	return binary.LittleEndian.AppendUint64(p, value)
}

func patches(ps ...[]byte) (all []byte) {
	for _, p := range ps {
		all = append(all, p...)
	}
	return all
}

// spoil applies the patches that lie within buf.
func spoil(buf []byte, dir [DirectoryEntries]Section, hostile []byte) {
	for ; len(hostile) >= patchSize; hostile = hostile[patchSize:] {
		off := uint64(binary.LittleEndian.Uint16(hostile[1:]))
		switch base := hostile[0] % 8; base {
		case 0:
		case 7:
			off = uint64(len(buf)) - 1 - off
		default:
			off += dir[base-1].Offset
		}
		if off < uint64(len(buf)) {
			copy(buf[off:], hostile[3:patchSize])
		}
	}
}

var openErrors = []error{
	ErrTooShort, ErrNotReady, ErrMagic, ErrByteOrder, ErrVersion, ErrFormatHash, ErrTruncated, ErrSize, ErrDirectory, ErrHeaderField,
}

// readAll calls everything that a reader can call.
func readAll(t *testing.T, v *View) {
	r := NewReader(v)
	seeks := []func(){func() {}, func() { r.Seek(1) }, r.SeekLatest, func() { r.Join(func() {}) }, func() { r.Seek(1<<64 - 1) }}
	var out Record
	damaged := false
	for _, seek := range seeks {
		seek()
		for range 100 {
			before, skipped := r.NextSequence(), r.Stats.Skipped
			a := r.Next(&out)
			if damaged {
				require.Equal(t, AnswerDamaged, a, "damage is final")
			}
			damaged = a == AnswerDamaged
			if a == AnswerRecord {
				require.True(t, out.sane(false))
				require.Equal(t, out.Sequence()+1, r.NextSequence())
			}
			if a == AnswerOverrun {
				// DEPTH records of a broken event may be dropped before the writer laps again.
				require.Equal(t, before+r.Stats.Skipped-skipped+r.Lost(), r.NextSequence())
				require.NotZero(t, r.Lost())
			}
		}
		r.Wait(0)
	}
	readTables(v, &out)
}

func readTables(v *View, out *Record) {
	book := NewBook(v.BookDepth())
	var in Instrument
	var s InstrumentState
	var c Connection
	for id := -1; id <= v.InstrumentCount(); id++ {
		v.Instrument(id, &in)
		v.InstrumentState(id, &s)
		_, _ = v.Find(v.Symbol(id) + in.Native())
		for place := range BoardStatus + 2 {
			v.ReadBoard(id, place, out)
			_ = out.Status().TextString()
		}
		if v.ReadBook(id, book) == AnswerRecord {
			_, _ = book.Bids(), book.Asks()
		}
	}
	for row := -1; row <= MaxConnections; row++ {
		v.Connection(row, &c)
		_ = c.EndpointText()
	}
	_ = v.Feed() + v.Venue() + v.PublisherVersion() + v.Source().String() + v.State().String()
	_ = v.Counter(1 << 31)
}

// A segment that anybody may have written opens with a known error or reads with
// a known answer; nothing panics, and damage is final.
func FuzzOpenReader(f *testing.F) {
	good := goldenSegment(f)
	dir := headerOf(good).Directory
	at := func(p uintptr) uint16 { return uint16(p) }
	h := Header{}
	f.Add([]byte(nil), uint16(0))
	f.Add([]byte(nil), uint16(1))
	f.Add([]byte(nil), uint16(len(good)-8))
	f.Add(patch(0, 0, 0), uint16(0))
	f.Add(patch(0, at(unsafe.Offsetof(h.LayoutVersion)), 9), uint16(0))
	f.Add(patch(0, at(unsafe.Offsetof(h.TotalSize)), 1<<40), uint16(0))
	f.Add(patch(0, at(unsafe.Offsetof(h.State)), 1), uint16(0))
	f.Add(patch(0, at(unsafe.Offsetof(h.State)), 0), uint16(0))
	f.Add(patch(0, at(unsafe.Offsetof(h.InstrumentCount)), 1<<64-1), uint16(0))
	f.Add(patches(patch(0, at(unsafe.Offsetof(h.LastSequence)), 1<<64-1), patch(0, at(unsafe.Offsetof(h.Watermark)), 1<<63)), uint16(0))
	for i := range uint16(DirectoryEntries) {
		entry := at(unsafe.Offsetof(h.Directory)) + 32*i
		f.Add(patch(0, entry+8, 1<<64-128), uint16(0))
		f.Add(patch(0, entry+16, 1<<60), uint16(0))
	}
	for _, section := range []byte{4, 5, 6} {
		f.Add(patch(section, 0, 1<<64-1), uint16(0))
		f.Add(patch(section, 0, 1), uint16(0))
		f.Add(patch(section, RecordSize+8, 1<<64-1), uint16(0))
		f.Add(patch(section, 40, 1<<64-1), uint16(0))
	}
	f.Fuzz(func(t *testing.T, hostile []byte, cut uint16) {
		buf := bytesOf(make([]uint64, len(good)/8))
		copy(buf, good)
		spoil(buf, dir, hostile)
		v, err := OpenView(buf[:len(buf)-int(cut)%len(buf)])
		if err == nil {
			readAll(t, v)
			return
		}
		for _, known := range openErrors {
			if errors.Is(err, known) {
				return
			}
		}
		t.Errorf("an error of no kind: %v", err)
	})
}
