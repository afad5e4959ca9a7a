package readers

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// Every field of the header alone out of its range, other versions and formats, sections
// that do not lie within the file, files that are cut or have grown.
func TestDamagedHeadersAreRefusedByName(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("damage", turns))
	s.quotes(3)
	good := s.copyOf()
	entry := func(kind ring.SectionKind, field int) int { return atDirectory + sectionBytes*(int(kind)-1) + field }
	size := uint64(len(good))
	cases := []struct {
		name string
		do   func(b []byte) []byte
		want string
	}{
		{"nothing wrong", func(b []byte) []byte { return b }, ""},
		{"no magic yet", in64(0, 0), "NOT_READY"},
		{"other magic", in64(0, ring.Magic+1), "MAGIC"},
		{"other byte order", in32(atByteOrder, 0x04030201), "BYTE_ORDER"},
		{"a later version", in32(atVersion, ring.LayoutVersion+1), "VERSION"},
		{"a version of all ones", in32(atVersion, 1<<32-1), "VERSION"},
		{"another header size", in32(atHeaderSize, 8192), "HEADER"},
		{"total size beyond the file", in64(atTotalSize, size+1), "TRUNCATED"},
		{"total size of all ones", in64(atTotalSize, 1<<64-1), "TRUNCATED"},
		{"total size below the file", in64(atTotalSize, size-1), "SIZE"},
		{"total size zero", in64(atTotalSize, 0), "SIZE"},
		{"another format", in64(atHash, ring.FormatHash+1), "FORMAT_HASH"},
		{"generation zero", in64(atGeneration, 0), "HEADER"},
		{"state INITIALISING", in32(atState, 0), "NOT_READY"},
		{"state of no meaning", in32(atState, 4), "HEADER"},
		{"too few sections", in32(atSections, 5), "DIRECTORY"},
		{"too many sections", in32(atSections, 7), "DIRECTORY"},
		{"book depth zero", in32(atBookDepth, 0), "HEADER"},
		{"book depth beyond the limit", in32(atBookDepth, ring.MaxBookDepth+1), "HEADER"},
		{"book depth other than the entries", in32(atBookDepth, 4), "DIRECTORY"},
		{"section of another kind", in32(entry(ring.SectionBoard, 0), 1), "DIRECTORY"},
		{"entry size", in32(entry(ring.SectionRing, 4), 64), "DIRECTORY"},
		{"offset within the header", in64(entry(ring.SectionInstruments, 8), 128), "DIRECTORY"},
		{"offset between lines", in64(entry(ring.SectionRing, 8), uint64(section(good, ring.SectionRing)+8)), "DIRECTORY"},
		{"offset in the section before", in64(entry(ring.SectionConnections, 8), uint64(section(good, ring.SectionInstrumentStates))), "DIRECTORY"},
		{"offset beyond the end", in64(entry(ring.SectionRing, 8), 1<<63), "DIRECTORY"},
		{"count zero", in64(entry(ring.SectionConnections, 16), 0), "DIRECTORY"},
		{"count that overflows", in64(entry(ring.SectionRing, 16), 1<<57), "DIRECTORY"},
		{"count beyond the file", in64(entry(ring.SectionRing, 16), 1<<20), "DIRECTORY"},
		{"slots that are no power of two", in64(entry(ring.SectionRing, 16), 12), "DIRECTORY"},
		{"too few slots", in64(entry(ring.SectionRing, 16), 4), "DIRECTORY"},
		{"instruments that disagree", in64(entry(ring.SectionBoard, 16), 3), "DIRECTORY"},
		{"another boot", in64(atBootID, 1), "OTHER_BOOT"},
		{"an empty file", cut(0), "TOO_SHORT"},
		{"a header but for a byte", cut(ring.HeaderSize - 1), "TOO_SHORT"},
		{"a header alone", cut(ring.HeaderSize), "TRUNCATED"},
		{"cut by a byte", cut(len(good) - 1), "TRUNCATED"},
		{"cut by a page", cut(len(good) - 4096), "TRUNCATED"},
		{"grown by a page", func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, "SIZE"},
		{"zeroes", func(b []byte) []byte { clear(b); return b }, "NOT_READY"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			path := damaged(t, "damage", c.do(append([]byte(nil), good...)))
			if c.want == "" {
				r.ask("open "+path, "OPENED generation=1 next=1")
			} else {
				r.ask("open "+path, "ERROR "+c.want)
			}
		})
	}
	r.t = t
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(s.path()), "other"), good, 0o600))
	r.ask("attach "+filepath.Dir(s.path())+" other", "ERROR OTHER_FEED")
	r.ask("attach "+filepath.Dir(s.path())+" .hidden", "ERROR NAME")
	r.ask("attach "+filepath.Dir(s.path())+" none", "ERROR NO_FEED")
}

func in32(at int, v uint32) func([]byte) []byte {
	return func(b []byte) []byte { put32(b, at, v); return b }
}

func in64(at int, v uint64) func([]byte) []byte {
	return func(b []byte) []byte { put64(b, at, v); return b }
}

func cut(size int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:size] }
}

// What is no regular file is not opened, nor waited for.
func TestOtherKindsOfFiles(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t)
	fifo, link, dangling := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	s := write(t, t.TempDir(), layout("file", turns))
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	require.NoError(t, os.Symlink(s.path(), link))
	require.NoError(t, os.Symlink(filepath.Join(dir, "none"), dangling))
	for _, path := range []string{dir, fifo, link, dangling, "/dev/null"} {
		r.ask("open "+path, "ERROR NOT_REGULAR")
	}
	r.ask("open "+filepath.Join(dir, "none", "file"), "ERROR NO_FEED")
	if os.Geteuid() == 0 {
		t.Log("skipped as root: a file that may not be read")
		return
	}
	require.NoError(t, os.Chmod(s.path(), 0))
	r.ask("open "+s.path(), "ERROR PERMISSION")
}

// Slots, hints and states that no writer leaves are DAMAGED, for good; the largest that a
// writer may leave is not.
func TestSlotsThatNoWriterLeaves(t *testing.T) {
	r := newRig(t)
	const huge = uint64(ring.MaxSequence)
	cases := []struct {
		name string
		do   func(b []byte)
		want string // the answer at sequence 4 of 20 in 16 slots
	}{
		{"kind 0", in8(slotBytes(20, 8), 0), "DAMAGED"},
		{"kind 7", in8(slotBytes(20, 8), 7), "DAMAGED"},
		{"kind 255", in8(slotBytes(20, 8), 255), "DAMAGED"},
		{"text longer than its field", bodyOf(ring.KindTrade, 108, 25), "DAMAGED"},
		{"text as long as its field", bodyOf(ring.KindTrade, 108, 24), "RECORD"},
		{"status text longer than its field", bodyOf(ring.KindStatus, 46, 41), "DAMAGED"},
		{"five levels", bodyOf(ring.KindDepth, 110, 5), "DAMAGED"},
		{"levels that overflow a byte", func(b []byte) { bodyOf(ring.KindDepth, 110, 255)(b); in8(slotBytes(20, 111), 255)(b) }, "DAMAGED"},
		{"a mark of another slot", in64At(slotBytes(20, 0), 2*21), "DAMAGED"},
		{"a mark beyond every sequence", in64At(slotBytes(20, 0), 1<<64-1), "DAMAGED"},
		{"a mark just beyond every sequence", in64At(slotBytes(20, 0), 2*huge+2), "DAMAGED"},
		{"a mark of an earlier lap", in64At(slotBytes(20, 0), 2*4), "EMPTY"},
		{"no mark", in64At(slotBytes(20, 0), 0), "EMPTY"},
		{"a hint beyond every sequence", func(b []byte) { in64At(slotBytes(20, 0), 2*36)(b); put64(b, atLast, huge+1) }, "DAMAGED"},
		{"a hint far beyond the slot", func(b []byte) { in64At(slotBytes(20, 0), 2*36)(b); put64(b, atLast, 36+1<<40+1) }, "DAMAGED"},
		{"a hint as far as may be", func(b []byte) { in64At(slotBytes(20, 0), 2*36)(b); put64(b, atLast, 36+1<<40) }, "OVERRUN"},
		{"a state of no meaning, and nothing to read", func(b []byte) { in64At(slotBytes(20, 0), 0)(b); put32(b, atState, 77) }, "DAMAGED"},
		{"INITIALISING again", func(b []byte) { in64At(slotBytes(20, 0), 0)(b); put32(b, atState, 0) }, "DAMAGED"},
		{"a state of no meaning, and a record", in32At(atState, 77), "RECORD"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			s := write(t, t.TempDir(), layout("slots", turns))
			r.beat = s.beat
			s.quotes(20)
			r.ask("open "+s.path(), "OPENED generation=1 next=6")
			r.ask("next 14")
			c.do(s.seg.Bytes())
			lines := r.ask("next 1")
			require.Len(t, lines, 1)
			require.Regexp(t, "^"+c.want, lines[0])
			put64(s.seg.Bytes(), atLast, 20)
			again := r.ask("next 1")
			if c.want == "DAMAGED" {
				require.Equal(t, []string{"DAMAGED"}, again)
			}
			r.beat = nil
		})
	}
	r.t = t
}

// Header words beyond their range, while the segment is mapped.
func TestHeaderWordsBeyondTheirRange(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("words", turns))
	r.beat = s.beat
	s.quotes(3)
	b := s.seg.Bytes()
	put32(b, atInstruments, 1<<32-1)
	r.ask("open " + s.path())
	r.ask("instruments")
	r.ask("state 3")
	r.ask("state 4", "ERROR NO_INSTRUMENT")
	r.ask("find XRP/USDT", "ERROR NO_INSTRUMENT")
	put32(b, atInstruments, 2)
	put64(b, atWatermark, ring.MaxSequence+1)
	r.ask("join")
	r.ask("next 1", "DAMAGED")
	put64(b, atWatermark, 3)
	put64(b, atLast, 1<<63)
	r.ask("open " + s.path())
	r.ask("next 1", "DAMAGED")
	put64(b, atLast, 3)
	board := section(b, ring.SectionBoard)
	r.ask("open " + s.path())
	put64(b, board, 2*ring.MaxSequence+2)
	r.ask("board 0 BOOK_TICKER", "DAMAGED")
	put64(b, board, 6)
	b[board+8] = 9
	r.ask("board 0 BOOK_TICKER", "DAMAGED")
	books := section(b, ring.SectionBooks)
	put64(b, books, 2)
	binary.LittleEndian.PutUint16(b[books+44:], 4)
	r.ask("book 0", "DAMAGED")
	r.ask("next 4")
}

// slotBytes is a byte of the slot of a sequence.
func slotBytes(n uint64, offset int) func([]byte) int {
	return func(b []byte) int { return slotAt(b, n) + offset }
}

func in8(at func([]byte) int, v byte) func([]byte) { return func(b []byte) { b[at(b)] = v } }

func in64At(at func([]byte) int, v uint64) func([]byte) {
	return func(b []byte) { put64(b, at(b), v) }
}

func in32At(at int, v uint32) func([]byte) { return func(b []byte) { put32(b, at, v) } }

// bodyOf turns record 20 into another kind of zeroes but for one byte.
func bodyOf(kind ring.Kind, offset int, v byte) func([]byte) {
	return func(b []byte) {
		at := slotAt(b, 20)
		clear(b[at+ring.BodyOffset : at+ring.BodyOffset+ring.BodySize])
		b[at+8], b[at+offset] = byte(kind), v
	}
}
