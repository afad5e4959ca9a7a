package ring

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A claim is numbered, a report is stored only under it, a slot that was freed is
// free.
func TestClaimReportFree(t *testing.T) {
	boot := [16]byte{1}
	r, err := OpenReaders(FormatReaders(boot), boot)
	require.NoError(t, err)
	var s ReaderSlot
	assert.False(t, r.Slot(7, &s))
	who := ReaderSlot{PID: 5, StartTime: 6, PIDNamespace: 8}
	who.SetName("strategy")
	claim := r.Claim(7, &who)
	require.True(t, r.Report(7, claim, 2, 11, ReaderStats{Records: 9, Lost: 1}, 99))
	require.True(t, r.Slot(7, &s))
	who.Claim, who.Generation, who.Cursor, who.Read, who.Lost, who.UpdatedMonotonicNS = claim, 2, 11, 9, 1, 99
	assert.Equal(t, who, s)
	assert.Equal(t, "strategy", s.NameText())

	second := r.Claim(7, &ReaderSlot{PID: 6})
	assert.Greater(t, second, claim)
	assert.False(t, r.Report(7, claim, 3, 12, ReaderStats{}, 100), "another one's slot")
	require.True(t, r.Slot(7, &s))
	assert.Zero(t, s.Cursor)
	assert.False(t, r.Free(7, claim))
	assert.True(t, r.Free(7, second))
	assert.False(t, r.Slot(7, &s))
}

// A file of readers that anybody may have written opens with a known error or is
// read within its bounds; names are printable ASCII.
func FuzzOpenReaders(f *testing.F) {
	boot := [16]byte{1}
	h, s := ReadersHeader{}, ReaderSlot{}
	f.Add(uint32(0), []byte{0}, uint16(0))
	f.Add(uint32(0), []byte(nil), uint16(1))
	f.Add(uint32(unsafe.Offsetof(h.SlotCount)), []byte{0xff, 0xff, 0xff, 0xff}, uint16(0))
	f.Add(uint32(ReadersHeaderSize), []byte{1}, uint16(0))
	f.Add(uint32(ReadersHeaderSize+unsafe.Offsetof(s.Name)), []byte("\x1b]0;title\x07\xff\u202e"), uint16(0))
	f.Fuzz(func(t *testing.T, off uint32, hostile []byte, cut uint16) {
		buf := FormatReaders(boot)
		copy(buf[int(off)%len(buf):], hostile)
		r, err := OpenReaders(buf[:len(buf)-int(cut)%len(buf)], boot)
		if err != nil {
			known := errors.Is(err, ErrReaders) || errors.Is(err, ErrVersion) || errors.Is(err, ErrFormatHash)
			require.True(t, known, err)
			return
		}
		var slot ReaderSlot
		for i := range ReaderSlots {
			r.Slot(i, &slot)
			name := slot.NameText()
			require.LessOrEqual(t, len(name), 48)
			require.Equal(t, -1, strings.IndexFunc(name, func(c rune) bool { return c < ' ' || c > '~' }), name)
		}
	})
}
