package ring

import (
	"errors"
	"fmt"
	"math/bits"
)

// Errors of opening a segment. Each header fault has its own.
var (
	ErrTooShort    = errors.New("segment is shorter than its header: not a segment, or truncated")
	ErrNotReady    = errors.New("segment is not ready: its publisher has not finished making it")
	ErrMagic       = errors.New("no tickring segment: wrong magic")
	ErrByteOrder   = errors.New("segment was written in another byte order")
	ErrVersion     = errors.New("segment has another layout version: use the reader that came with its publisher")
	ErrFormatHash  = errors.New("segment has another format hash: reader and publisher are of different builds")
	ErrTruncated   = errors.New("segment file is shorter than its header says: truncated from outside")
	ErrSize        = errors.New("segment file is longer than its header says")
	ErrDirectory   = errors.New("segment directory is damaged")
	ErrHeaderField = errors.New("segment header is damaged")
)

// ErrDamaged stands for the answer DAMAGED where an error is wanted.
var ErrDamaged = errors.New("segment holds bytes that no writer leaves")

// ErrConfig is wrapped by every error about a Config.
var ErrConfig = errors.New("segment configuration")

// Defaults of Config.
const (
	DefaultSlots          = 65_536
	DefaultMaxInstruments = 1024
	DefaultBookDepth      = 20
)

// Config says what a segment is made of. Zero numbers take the defaults.
type Config struct {
	// Feed and Venue are names, at most 63 and 31 bytes.
	Feed, Venue      string
	PublisherVersion string
	Source           Source
	// Generation is at least 1.
	Generation uint64
	// Slots is a power of two from MinSlots to MaxSlots.
	Slots int
	// MaxInstruments is 1 to 65,535; a full table refuses by name.
	MaxInstruments int
	// BookDepth is levels a side of each board book, 1 to MaxBookDepth.
	BookDepth int

	BootID             [16]byte
	OwnerPID           uint32
	OwnerStartTime     uint64
	OwnerPIDNamespace  uint64
	CreatedRealtimeNS  int64
	CreatedMonotonicNS int64
}

func (c Config) withDefaults() Config {
	if c.Slots == 0 {
		c.Slots = DefaultSlots
	}
	if c.MaxInstruments == 0 {
		c.MaxInstruments = DefaultMaxInstruments
	}
	if c.BookDepth == 0 {
		c.BookDepth = DefaultBookDepth
	}
	if c.Source == 0 {
		c.Source = SourceLive
	}
	if c.Generation == 0 {
		c.Generation = 1
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.Slots < MinSlots || c.Slots > MaxSlots || bits.OnesCount(uint(c.Slots)) != 1:
		return fmt.Errorf("%w: slots %d: must be a power of two from %d to %d", ErrConfig, c.Slots, MinSlots, MaxSlots)
	case c.MaxInstruments < 1 || c.MaxInstruments > MaxInstruments:
		return fmt.Errorf("%w: instruments %d: must be 1 to %d", ErrConfig, c.MaxInstruments, MaxInstruments)
	case c.BookDepth < 1 || c.BookDepth > MaxBookDepth:
		return fmt.Errorf("%w: book depth %d: must be 1 to %d", ErrConfig, c.BookDepth, MaxBookDepth)
	case len(c.Feed) == 0 || len(c.Feed) > 63:
		return fmt.Errorf("%w: feed name %q: must have 1 to 63 bytes", ErrConfig, c.Feed)
	case len(c.Venue) > 31:
		return fmt.Errorf("%w: venue name %q: must have at most 31 bytes", ErrConfig, c.Venue)
	case len(c.PublisherVersion) > 31:
		return fmt.Errorf("%w: version %q: must have at most 31 bytes", ErrConfig, c.PublisherVersion)
	}
	return nil
}

// sections lays the directory out for a checked Config with defaults.
func (c Config) sections() (dir [DirectoryEntries]Section, total uint64) {
	off := uint64(HeaderSize)
	put := func(kind SectionKind, size, count int) {
		dir[kind-1] = Section{Kind: uint32(kind), EntrySize: uint32(size), Offset: off, Count: uint64(count)}
		off = (off + uint64(size)*uint64(count) + SectionAlign - 1) &^ (SectionAlign - 1)
	}
	put(SectionInstruments, InstrumentSize, c.MaxInstruments)
	put(SectionInstrumentStates, InstrumentStateSize, c.MaxInstruments)
	put(SectionConnections, ConnectionSize, MaxConnections)
	put(SectionBoard, BoardEntrySize, c.MaxInstruments)
	put(SectionBooks, bookEntrySize(c.BookDepth), c.MaxInstruments)
	put(SectionRing, RecordSize, c.Slots)
	return dir, off
}

func bookEntrySize(depth int) int { return BookHeaderSize + 2*depth*LevelSize }

// Size is the number of bytes the segment needs.
func (c Config) Size() (int64, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return 0, err
	}
	_, total := c.sections()
	return int64(total), nil
}

// Format fills header and directory of a zeroed, 8-byte aligned buf of exactly
// Size bytes. The segment is not ready until MarkReady.
func Format(buf []byte, c Config) error {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return err
	}
	dir, total := c.sections()
	if uint64(len(buf)) != total {
		return fmt.Errorf("%w: buffer has %d bytes, the segment needs %d", ErrConfig, len(buf), total)
	}
	if !aligned(buf) {
		return fmt.Errorf("%w: buffer is not 8-byte aligned", ErrConfig)
	}
	h := headerOf(buf)
	h.LayoutVersion, h.ByteOrder, h.FormatHash = LayoutVersion, ByteOrderTag, FormatHash
	h.TotalSize, h.Generation, h.HeaderSize, h.Source = total, c.Generation, HeaderSize, uint32(c.Source)
	h.CreatedRealtimeNS, h.CreatedMonotonicNS = c.CreatedRealtimeNS, c.CreatedMonotonicNS
	h.BootID, h.OwnerPID, h.OwnerStartTime, h.OwnerPIDNamespace = c.BootID, c.OwnerPID, c.OwnerStartTime, c.OwnerPIDNamespace
	h.DirectoryCount, h.BookDepth, h.HeartbeatNS = DirectoryEntries, uint32(c.BookDepth), HeartbeatIntervalNS
	copy(h.Feed[:], c.Feed)
	copy(h.Venue[:], c.Venue)
	copy(h.PublisherVersion[:], c.PublisherVersion)
	h.Directory = dir
	return nil
}

// checkDirectory verifies every entry against the total size before any is used.
func checkDirectory(h *Header, total uint64) error {
	if h.DirectoryCount != DirectoryEntries {
		return fmt.Errorf("%w: %d entries, want %d", ErrDirectory, h.DirectoryCount, DirectoryEntries)
	}
	if h.BookDepth < 1 || h.BookDepth > MaxBookDepth {
		return fmt.Errorf("%w: book depth %d", ErrHeaderField, h.BookDepth)
	}
	sizes := [DirectoryEntries]uint32{
		InstrumentSize, InstrumentStateSize, ConnectionSize, BoardEntrySize,
		uint32(bookEntrySize(int(h.BookDepth))), RecordSize,
	}
	end := uint64(HeaderSize)
	for i := range h.Directory {
		s := &h.Directory[i]
		if s.Kind != uint32(i+1) || s.EntrySize != sizes[i] {
			return fmt.Errorf("%w: entry %d has kind %d and entry size %d", ErrDirectory, i, s.Kind, s.EntrySize)
		}
		if s.Count == 0 || s.Count > MaxSlots || s.Offset%128 != 0 || s.Offset < end || s.Offset > total ||
			s.Count*uint64(s.EntrySize) > total-s.Offset {
			return fmt.Errorf("%w: section %d does not lie within the segment", ErrDirectory, s.Kind)
		}
		end = s.Offset + s.Count*uint64(s.EntrySize)
	}
	return checkCounts(h)
}

func checkCounts(h *Header) error {
	inst := h.Directory[SectionInstruments-1].Count
	slots := h.Directory[SectionRing-1].Count
	switch {
	case inst > MaxInstruments,
		h.Directory[SectionInstrumentStates-1].Count != inst,
		h.Directory[SectionBoard-1].Count != inst,
		h.Directory[SectionBooks-1].Count != inst:
		return fmt.Errorf("%w: instrument sections disagree", ErrDirectory)
	case h.Directory[SectionConnections-1].Count > MaxConnections:
		return fmt.Errorf("%w: %d connections", ErrDirectory, h.Directory[SectionConnections-1].Count)
	case slots < MinSlots || bits.OnesCount64(slots) != 1:
		return fmt.Errorf("%w: %d slots is no power of two of at least %d", ErrDirectory, slots, MinSlots)
	}
	return nil
}

// text is the string in a zero-padded field, cut at its size.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
