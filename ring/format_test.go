package ring

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each fault of a header has its own error; a good header has none.
func TestHeaderFaults(t *testing.T) {
	dir := func(kind SectionKind, change func(*Section)) func(*Header) {
		return func(h *Header) { change(&h.Directory[kind-1]) }
	}
	for _, c := range []struct {
		name  string
		spoil func(h *Header)
		want  error
	}{
		{"a good header", func(*Header) {}, nil},
		{"a closed segment opens", func(h *Header) { h.State = uint32(StateClosed) }, nil},
		{"a superseded segment opens", func(h *Header) { h.State = uint32(StateSuperseded) }, nil},
		{"no magic yet", func(h *Header) { h.Magic = 0 }, ErrNotReady},
		{"magic but still initialising", func(h *Header) { h.State = uint32(StateInitialising) }, ErrNotReady},
		{"another file", func(h *Header) { h.Magic = 0x464c457f }, ErrMagic},
		{"another byte order", func(h *Header) { h.ByteOrder = 0x04030201 }, ErrByteOrder},
		{"a later version", func(h *Header) { h.LayoutVersion++ }, ErrVersion},
		{"another header size", func(h *Header) { h.HeaderSize = 8192 }, ErrHeaderField},
		{"a file cut off", func(h *Header) { h.TotalSize += 4096 }, ErrTruncated},
		{"a file that grew", func(h *Header) { h.TotalSize -= 4096 }, ErrSize},
		{"another build's format", func(h *Header) { h.FormatHash ^= 1 }, ErrFormatHash},
		{"no generation", func(h *Header) { h.Generation = 0 }, ErrHeaderField},
		{"an unknown state", func(h *Header) { h.State = 4 }, ErrHeaderField},
		{"no book depth", func(h *Header) { h.BookDepth = 0 }, ErrHeaderField},
		{"a book depth beyond the limit", func(h *Header) { h.BookDepth = MaxBookDepth + 1 }, ErrHeaderField},
		{"a book depth that is not the section's", func(h *Header) { h.BookDepth++ }, ErrDirectory},
		{"a directory of five", func(h *Header) { h.DirectoryCount = 5 }, ErrDirectory},
		{"a directory of millions", func(h *Header) { h.DirectoryCount = 1 << 31 }, ErrDirectory},
		{"sections in another order", dir(SectionBoard, func(s *Section) { s.Kind = uint32(SectionBooks) }), ErrDirectory},
		{"another record size", dir(SectionRing, func(s *Section) { s.EntrySize = 64 }), ErrDirectory},
		{"no slots", dir(SectionRing, func(s *Section) { s.Count = 0 }), ErrDirectory},
		{"seven slots", dir(SectionRing, func(s *Section) { s.Count = 7 }), ErrDirectory},
		{"four slots", dir(SectionRing, func(s *Section) { s.Count = 4 }), ErrDirectory},
		{"slots past the end", dir(SectionRing, func(s *Section) { s.Count = 1 << 20 }), ErrDirectory},
		{"a count that overflows", dir(SectionRing, func(s *Section) { s.Count = 1 << 60 }), ErrDirectory},
		{"an offset that overflows", dir(SectionRing, func(s *Section) { s.Offset = 1<<64 - 128 }), ErrDirectory},
		{"an offset in the header", dir(SectionInstruments, func(s *Section) { s.Offset = 128 }), ErrDirectory},
		{"an offset between lines", dir(SectionRing, func(s *Section) { s.Offset += 8 }), ErrDirectory},
		{"sections that overlap", dir(SectionBoard, func(s *Section) { s.Offset -= 4096 }), ErrDirectory},
		{"fewer states than instruments", dir(SectionInstrumentStates, func(s *Section) { s.Count-- }), ErrDirectory},
		{"fewer board entries than instruments", dir(SectionBoard, func(s *Section) { s.Count-- }), ErrDirectory},
		{"fewer books than instruments", dir(SectionBooks, func(s *Section) { s.Count-- }), ErrDirectory},
	} {
		t.Run(c.name, func(t *testing.T) {
			buf := segmentBytes(t, testConfig(8))
			MarkReady(buf)
			c.spoil(headerOf(buf))
			v, err := OpenView(buf)
			if c.want == nil {
				require.NoError(t, err)
				assert.NotNil(t, v)
				return
			}
			require.ErrorIs(t, err, c.want)
			assert.Nil(t, v)
		})
	}
}

// Too many rows or connections need a segment of another size to get that far.
func TestDirectoryBounds(t *testing.T) {
	for name, spoil := range map[string]func(h *Header){
		"257 connections": func(h *Header) { h.Directory[SectionConnections-1].Count = MaxConnections + 1 },
		"65,536 instruments": func(h *Header) {
			for _, k := range []SectionKind{SectionInstruments, SectionInstrumentStates, SectionBoard, SectionBooks} {
				h.Directory[k-1].Count = MaxInstruments + 1
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Header{DirectoryCount: DirectoryEntries, BookDepth: 1}
			h.Directory, _ = Config{Slots: 8, MaxInstruments: 1 << 16, BookDepth: 1}.sections()
			for i := range h.Directory {
				if k := SectionKind(i + 1); k != SectionRing && k != SectionConnections {
					h.Directory[i].Count = MaxInstruments
				}
			}
			h.Directory[SectionRing-1].Offset += 1 << 20
			require.NoError(t, checkDirectory(h, 1<<40))
			for i := range h.Directory {
				h.Directory[i].Offset += uint64(i) << 20
			}
			spoil(h)
			require.ErrorIs(t, checkDirectory(h, 1<<40), ErrDirectory)
		})
	}
}

// Bytes that cannot hold a header.
func TestShortAndCrookedBytes(t *testing.T) {
	for _, n := range []int{0, 1, 8, HeaderSize - 1} {
		_, err := OpenView(bytesOf(make([]uint64, HeaderSize/8))[:n])
		require.ErrorIs(t, err, ErrTooShort)
		_, err = NewWriter(bytesOf(make([]uint64, HeaderSize/8))[:n], nil)
		require.ErrorIs(t, err, ErrTooShort)
	}
	crooked := bytesOf(make([]uint64, HeaderSize/8+1))[4 : HeaderSize+4]
	_, err := OpenView(crooked)
	require.ErrorIs(t, err, ErrConfig)
	_, err = OpenView(bytesOf(make([]uint64, HeaderSize/8)))
	require.ErrorIs(t, err, ErrNotReady, "zeroed memory is never ready")
}

// A writer takes only what this build has formatted.
func TestWriterRefusesAForeignSegment(t *testing.T) {
	for name, spoil := range map[string]func(h *Header){
		"unformatted": func(h *Header) { *h = Header{} },
		"hash":        func(h *Header) { h.FormatHash++ },
		"version":     func(h *Header) { h.LayoutVersion++ },
		"size":        func(h *Header) { h.TotalSize++ },
	} {
		t.Run(name, func(t *testing.T) {
			buf := segmentBytes(t, testConfig(8))
			spoil(headerOf(buf))
			_, err := NewWriter(buf, nil)
			require.ErrorIs(t, err, ErrConfig)
		})
	}
	buf := segmentBytes(t, testConfig(8))
	headerOf(buf).Directory[0].Count = 0
	_, err := NewWriter(buf, nil)
	require.ErrorIs(t, err, ErrDirectory)
}

// Limits of a configuration, each refused with its value.
func TestConfigLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		says   string
	}{
		{"slots that are no power of two", Config{Feed: "f", Slots: 1000}, "slots 1000"},
		{"too few slots", Config{Feed: "f", Slots: 4}, "slots 4"},
		{"too many slots", Config{Feed: "f", Slots: MaxSlots * 2}, "slots"},
		{"negative slots", Config{Feed: "f", Slots: -8}, "slots -8"},
		{"too many instruments", Config{Feed: "f", MaxInstruments: 65536}, "instruments 65536"},
		{"negative instruments", Config{Feed: "f", MaxInstruments: -1}, "instruments -1"},
		{"too deep a book", Config{Feed: "f", BookDepth: 1025}, "book depth 1025"},
		{"no feed name", Config{}, "feed name"},
		{"a long feed name", Config{Feed: strings.Repeat("f", 64)}, "feed name"},
		{"a long venue name", Config{Feed: "f", Venue: strings.Repeat("v", 32)}, "venue name"},
		{"a long version", Config{Feed: "f", PublisherVersion: strings.Repeat("1", 32)}, "version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.config.Size()
			require.ErrorIs(t, err, ErrConfig)
			assert.ErrorContains(t, err, c.says)
			require.ErrorIs(t, Format(nil, c.config), ErrConfig)
		})
	}
	require.ErrorIs(t, Format(make([]byte, 4096), testConfig(8)), ErrConfig, "a buffer of another size")
	size, err := testConfig(8).Size()
	require.NoError(t, err)
	require.ErrorIs(t, Format(bytesOf(make([]uint64, size/8+1))[4:size+4], testConfig(8)), ErrConfig, "a crooked buffer")
}

// What Format was told is what a reader sees.
func TestHeaderIsReadBack(t *testing.T) {
	c := Config{
		Feed: strings.Repeat("f", 63), Venue: "gateio", PublisherVersion: "1.2.3", Source: SourceReplay, Generation: 9,
		Slots: 16, MaxInstruments: 3, BookDepth: 2, BootID: [16]byte{1, 2, 15: 3}, OwnerPID: 4, CreatedRealtimeNS: 77,
	}
	buf := segmentBytes(t, c)
	MarkReady(buf)
	v, err := OpenView(buf)
	require.NoError(t, err)
	assert.Equal(t, c, Config{
		Feed: v.Feed(), Venue: v.Venue(), PublisherVersion: v.PublisherVersion(), Source: v.Source(),
		Generation: v.Generation(), Slots: v.Slots(), MaxInstruments: v.InstrumentCapacity(), BookDepth: v.BookDepth(),
		BootID: v.BootID(), OwnerPID: v.OwnerPID(), CreatedRealtimeNS: v.CreatedRealtimeNS(),
	})
	assert.EqualValues(t, len(buf), v.TotalSize())
	assert.Equal(t, StateLive, v.State())

	size, err := Config{Feed: "f"}.Size()
	require.NoError(t, err)
	buf = segmentBytes(t, Config{Feed: "f"})
	MarkReady(buf)
	v, err = OpenView(buf)
	require.NoError(t, err)
	assert.Equal(t, size, v.TotalSize())
	assert.Equal(t, []int{DefaultSlots, DefaultMaxInstruments, DefaultBookDepth},
		[]int{v.Slots(), v.InstrumentCapacity(), v.BookDepth()})
	assert.Equal(t, SourceLive, v.Source())
	assert.EqualValues(t, 1, v.Generation())
}
