package ring

import (
	"structs"
	"unsafe"
)

// This file is the only place where the bytes of a segment are written down.
// The C header, the Rust module and docs/format.md are generated from the
// types and tables below (make generate); a golden file catches drift.
//
// A segment, from its first byte (every section starts on a 4096-byte boundary;
// its place and its entry size are read from the directory, never assumed):
//
//	0     +---------------------------------------------+
//	      | header: constant part, directory            |  Header, 4096 bytes
//	1024  | header: state, heartbeats, watermark, bell  |
//	1792  | header: counters                            |
//	      +---------------------------------------------+
//	      | instruments        Instrument      128 B x I|
//	      | instrument states  InstrumentState  64 B x I|
//	      | connections        Connection      128 B x C|
//	      | board              4 x Record      512 B x I|
//	      | books   BookHeader + 2N x Level  128+32N x I|
//	      | ring               Record          128 B x S|
//	      +---------------------------------------------+
//
// All integers are little-endian and naturally aligned. Reserved bytes are zero.
// Zeroed memory is a valid empty ring, and never a segment that is ready: the
// magic is stored last.

// Sizes and limits of the format.
const (
	// LayoutVersion is raised with every change of bytes that a reader can see.
	// It is 0 while the layout may still move.
	LayoutVersion = 0
	// Magic is "TICKRING" as a little-endian u64 at offset 0; stored last.
	Magic = 0x474e49524b434954
	// ByteOrderTag reads as 0x01020304 only in the byte order of the writer.
	ByteOrderTag = 0x01020304

	HeaderSize          = 4096
	SectionAlign        = 4096
	DirectoryEntries    = 6
	RecordSize          = 128
	BodyOffset          = 32
	BodySize            = 80
	InstrumentSize      = 128
	InstrumentStateSize = 64
	ConnectionSize      = 128
	BoardEntrySize      = 4 * RecordSize
	BookHeaderSize      = 128
	LevelSize           = 16
	LevelsPerRecord     = 4
	// ReadersMagic is "TICKREAD" as a little-endian u64: the file of readers.
	ReadersMagic      = 0x444145524b434954
	ReadersHeaderSize = 128
	ReaderSlotSize    = 128
	// ReaderSlots is how many readers of a feed can name themselves: more than a host
	// has processors for readers that spin.
	ReaderSlots = 256

	// MaxInstruments is one less than the value that says "no instrument".
	MaxInstruments = 0xFFFF
	// MaxConnections is the fixed number of rows of the connection table.
	MaxConnections = 256
	// MaxBookDepth bounds the levels a side of a board book.
	MaxBookDepth = 1024
	// MinSlots and MaxSlots bound the ring; a slot count is a power of two.
	MinSlots = 8
	MaxSlots = 1 << 26
	// NoInstrument in Record.Instrument: the record speaks of no single instrument.
	NoInstrument = 0xFFFF
	// NoConnection in a record's connection: it came from none.
	NoConnection = 0xFFFF
	// Absent in any i64 value: the venue did not say it.
	Absent = -1 << 63

	// HeartbeatIntervalNS is how often the writer moves both heartbeats.
	HeartbeatIntervalNS = 50_000_000
	// StaleAfterNS is how long a reader lets the hot heartbeat stand still, on
	// the reader's own clock, before it answers STALE.
	StaleAfterNS = 1_000_000_000
	// BoardTries is how often a reader tries a board entry before it answers BUSY.
	BoardTries = 1000
	// ReaderReportNS is how often at most a registered reader tells its cursor.
	ReaderReportNS = 10_000_000
	// ReaderForgetNS is how long a reader of another pid namespace, whose life cannot
	// be looked up, keeps its slot without an update.
	ReaderForgetNS = 60_000_000_000
	// MaxSequence is far beyond any real ring; a greater one is damage.
	MaxSequence = 1 << 62
)

// Header is the first 4096 bytes. The constant part is written before the
// segment is visible; each group of the mutable part has 128 bytes of its own.
type Header struct {
	_ structs.HostLayout

	Magic              uint64     `doc:"TICKRING, stored last: zero while the segment is being made"`
	LayoutVersion      uint32     `doc:"version of the bytes"`
	ByteOrder          uint32     `doc:"0x01020304 in the writer's byte order"`
	FormatHash         uint64     `doc:"hash over every name, offset and type of this format"`
	TotalSize          uint64     `doc:"bytes of the whole segment, equals the file size"`
	Generation         uint64     `doc:"names the segment: the previous one of this feed + 1"`
	HeaderSize         uint32     `doc:"4096"`
	Source             uint32     `doc:"where the data come from, see Source"`
	CreatedRealtimeNS  int64      `doc:"creation, Unix epoch"`
	CreatedMonotonicNS int64      `doc:"creation, CLOCK_MONOTONIC of the host"`
	BootID             [16]byte   `doc:"the host's boot id; a file of another boot is dead"`
	OwnerPID           uint32     `doc:"publisher's pid in its own namespace, for diagnosis"`
	Reserved0          uint32     `doc:"zero"`
	OwnerStartTime     uint64     `doc:"publisher's start, clock ticks since boot, for diagnosis"`
	OwnerPIDNamespace  uint64     `doc:"inode of the publisher's pid namespace, for diagnosis"`
	DirectoryCount     uint32     `doc:"number of directory entries, 6"`
	BookDepth          uint32     `doc:"levels a side of a board book"`
	HeartbeatNS        int64      `doc:"how often the heartbeats move"`
	Reserved1          int64      `doc:"zero"`
	Feed               [64]byte   `doc:"feed name, zero-padded UTF-8"`
	Venue              [32]byte   `doc:"venue name, zero-padded UTF-8"`
	PublisherVersion   [32]byte   `doc:"version text of the publisher, zero-padded UTF-8"`
	Directory          [6]Section `doc:"the sections, in the order of SectionKind"`
	Reserved2          [576]byte  `doc:"zero"`

	State               uint32    `doc:"life of the segment, see State; atomic"`
	Reserved3           uint32    `doc:"zero"`
	SuccessorGeneration uint64    `doc:"generation that replaced this one; stored before SUPERSEDED; atomic"`
	Reserved4           [112]byte `doc:"zero"`

	ProcessHeartbeat       uint64    `doc:"counts up while the publisher's process lives; atomic"`
	ProcessHeartbeatTimeNS int64     `doc:"publisher's clock at that beat"`
	Reserved5              [112]byte `doc:"zero"`

	HotHeartbeat       uint64   `doc:"counts up while the hot thread turns; atomic"`
	HotHeartbeatTimeNS int64    `doc:"publisher's clock at that beat"`
	ClockOffsetNS      int64    `doc:"how far the venue's clock is ahead of the publisher's, below zero behind; atomic"`
	ClockUncertaintyNS int64    `doc:"the true offset is within this of ClockOffsetNS: half a round trip and the venue's resolution; atomic"`
	ClockMeasuredNS    int64    `doc:"when the offset was measured, publisher's clock; zero before the first; stored last; atomic"`
	Reserved6          [88]byte `doc:"zero"`

	Watermark    uint64    `doc:"board and books reflect every record up to this one; atomic, release"`
	LastSequence uint64    `doc:"last committed record when the frame ended: a hint, never polled; atomic"`
	Reserved7    [112]byte `doc:"zero"`

	Doorbell  uint32    `doc:"futex word, changes when records were committed; atomic"`
	Reserved8 [124]byte `doc:"zero"`

	InstrumentCount uint32    `doc:"rows of the instrument table that are valid; atomic, release"`
	Reserved9       [124]byte `doc:"zero"`

	Counters   [64]uint64 `doc:"totals since the segment was made, see Counter; atomic"`
	Reserved10 [1792]byte `doc:"zero"`
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(Header{})-HeaderSize]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.Feed)-128]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.Directory)-256]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.State)-1024]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.ProcessHeartbeat)-1152]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.HotHeartbeat)-1280]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.Watermark)-1408]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.Doorbell)-1536]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.InstrumentCount)-1664]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.Counters)-1792]
)

// Section is one directory entry.
type Section struct {
	_ structs.HostLayout

	Kind      uint32 `doc:"which section, see SectionKind"`
	EntrySize uint32 `doc:"bytes of one entry"`
	Offset    uint64 `doc:"first byte, from the start of the segment"`
	Count     uint64 `doc:"number of entries"`
	Reserved  uint64 `doc:"zero"`
}

var _ = [1]struct{}{}[unsafe.Sizeof(Section{})-32]

// Instrument is one row of the append-only instrument table: written whole,
// then the count is raised (release), then INSTRUMENT_ADDED is published, then
// data. A row is never reused. Channels and the exponents may change later.
type Instrument struct {
	_ structs.HostLayout

	ID                 uint32   `doc:"row number"`
	Channels           uint32   `doc:"channels asked for, a set of Channel bits; atomic"`
	VenueSymbol        [32]byte `doc:"the venue's spelling, zero-padded"`
	Base               [16]byte `doc:"base currency, zero-padded"`
	Quote              [16]byte `doc:"quote currency, zero-padded"`
	Tick               int64    `doc:"price step, mantissa; absent when unknown"`
	Lot                int64    `doc:"quantity step, mantissa; absent when unknown"`
	TickExponent       int8     `doc:"of Tick"`
	LotExponent        int8     `doc:"of Lot"`
	PriceExponent      int8     `doc:"a hint: exponent that prices are scaled to at present; each record's own holds"`
	QuantityExponent   int8     `doc:"a hint: exponent that quantities are scaled to at present"`
	MultiplierExponent int8     `doc:"of Multiplier"`
	Reserved0          [3]byte  `doc:"zero"`
	Multiplier         int64    `doc:"base units of one contract, mantissa; absent on spot"`
	AddedTimeNS        int64    `doc:"when the row was written, Unix epoch"`
	Reserved1          [16]byte `doc:"zero"`
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(Instrument{})-InstrumentSize]
	_ = [1]struct{}{}[unsafe.Offsetof(Instrument{}.Tick)-72]
	_ = [1]struct{}{}[unsafe.Offsetof(Instrument{}.TickExponent)-88]
	_ = [1]struct{}{}[unsafe.Offsetof(Instrument{}.Multiplier)-96]
)

// InstrumentState stands beside each instrument: is its data to be trusted, and
// when was it last heard of.
type InstrumentState struct {
	_ structs.HostLayout

	Word                 uint64 `doc:"StateBit set in the low half, book epoch in the high half; atomic"`
	LastSeenNS           int64  `doc:"receive time of the newest data of any channel; zero before the first; atomic"`
	BookTickerLastSeenNS int64  `doc:"receive time of the newest book ticker"`
	TradeLastSeenNS      int64  `doc:"receive time of the newest trade"`
	DepthLastSeenNS      int64  `doc:"receive time of the newest depth event"`
	TickerLastSeenNS     int64  `doc:"receive time of the newest ticker"`
	Connection           uint32 `doc:"connection that carries the instrument, NoConnection when none; atomic"`
	Stale                uint32 `doc:"Channel bits that are stale at present; atomic"`
	Acknowledged         uint32 `doc:"Channel bits that the venue has acknowledged; atomic"`
	Refused              uint32 `doc:"Channel bits that the venue has refused; atomic"`
}

var _ = [1]struct{}{}[unsafe.Sizeof(InstrumentState{})-InstrumentStateSize]

// Connection is one row of the connection table.
type Connection struct {
	_ structs.HostLayout

	State            uint32   `doc:"life of the connection, see ConnectionState; atomic"`
	Reserved0        uint32   `doc:"zero"`
	LastReceiveNS    int64    `doc:"when bytes last came; zero before the first; atomic"`
	ConnectedSinceNS int64    `doc:"when it came up last; zero while down"`
	Reconnects       uint64   `doc:"times it came up again"`
	Frames           uint64   `doc:"messages received"`
	Bytes            uint64   `doc:"bytes received from the socket"`
	DecodeErrors     uint64   `doc:"messages refused by the decoder"`
	RoundTripNS      int64    `doc:"last ping to pong; zero when unknown"`
	Endpoint         [64]byte `doc:"host:port or URL, cut to fit, zero-padded"`
}

var _ = [1]struct{}{}[unsafe.Sizeof(Connection{})-ConnectionSize]

// BookHeader opens one entry of the books section; BookDepth bids, best first,
// then BookDepth asks, best first, follow it as Level.
type BookHeader struct {
	_ structs.HostLayout

	Version          uint64   `doc:"odd while the entry is being written, 0 never written; atomic"`
	AsOf             uint64   `doc:"sequence of the last record that the entry reflects"`
	EventTimeNS      int64    `doc:"the venue's time of that record; absent where it gives none"`
	RecvTimeNS       int64    `doc:"its receive time"`
	VenueSequence    uint64   `doc:"the venue's update id of the book"`
	BookEpoch        uint32   `doc:"counts the instrument's synchronisations"`
	BidCount         uint16   `doc:"valid bids"`
	AskCount         uint16   `doc:"valid asks"`
	PriceExponent    int8     `doc:"of every price"`
	QuantityExponent int8     `doc:"of every quantity"`
	Flags            uint16   `doc:"BookFlag set"`
	Reserved0        uint32   `doc:"zero"`
	PublishTimeNS    int64    `doc:"publish time of the record in AsOf"`
	Reserved1        [64]byte `doc:"zero"`
}

var _ = [1]struct{}{}[unsafe.Sizeof(BookHeader{})-BookHeaderSize]

// Level is one price level.
type Level struct {
	_ structs.HostLayout

	Price    int64 `doc:"mantissa"`
	Quantity int64 `doc:"mantissa; in a DEPTH record 0 deletes the level"`
}

var _ = [1]struct{}{}[unsafe.Sizeof(Level{})-LevelSize]

// Record is what a slot of the ring, or of the board, holds: two cache lines.
// Line one is the decision, line two the provenance: a reader in a hurry copies
// and validates the first 64 bytes alone.
//
//	0   Commit          8
//	8   Kind            1  PriceExponent 1  QuantityExponent 1  Reserved 1
//	12  Flags           2  Instrument    2
//	16  RecvTimeNS      8
//	24  VenueSequence   8
//	32  Body           80  BookTicker, Trade, Depth, Ticker, Status or Perpetual
//	112 EventTimeNS     8
//	120 PublishTimeNS   8
type Record struct {
	_ structs.HostLayout

	Commit           uint64     `doc:"2n-1 while record n is being written, 2n when it is there, 0 never written; atomic"`
	Kind             Kind       `doc:"what the body holds"`
	PriceExponent    int8       `doc:"of every price of the record"`
	QuantityExponent int8       `doc:"of every quantity of the record"`
	Reserved         uint8      `doc:"zero"`
	Flags            Flags      `doc:"Flag set"`
	Instrument       uint16     `doc:"row of the instrument table, 0xFFFF none"`
	RecvTimeNS       int64      `doc:"when the bytes were read from the socket, or the kernel's stamp when flagged KERNEL_TIME"`
	VenueSequence    uint64     `doc:"the venue's update id or version, 0 none"`
	Body             [10]uint64 `doc:"by kind"`
	EventTimeNS      int64      `doc:"the venue's time of the event; absent where it gives none, never a guess"`
	PublishTimeNS    int64      `doc:"taken once per frame, before its first commit"`
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(Record{})-RecordSize]
	_ = [1]struct{}{}[unsafe.Offsetof(Record{}.Kind)-8]
	_ = [1]struct{}{}[unsafe.Offsetof(Record{}.Flags)-12]
	_ = [1]struct{}{}[unsafe.Offsetof(Record{}.RecvTimeNS)-16]
	_ = [1]struct{}{}[unsafe.Offsetof(Record{}.Body)-BodyOffset]
	_ = [1]struct{}{}[unsafe.Offsetof(Record{}.EventTimeNS)-112]
	_ = [1]struct{}{}[unsafe.Offsetof(Record{}.PublishTimeNS)-120]
)

// BookTicker is the body of kind BOOK_TICKER: best bid and ask. A side that is
// empty has absent price and quantity.
type BookTicker struct {
	_ structs.HostLayout

	BidPrice    int64    `doc:"mantissa, absent when there is no bid"`
	BidQuantity int64    `doc:"mantissa"`
	AskPrice    int64    `doc:"mantissa, absent when there is no ask"`
	AskQuantity int64    `doc:"mantissa"`
	SendTimeNS  int64    `doc:"when the venue sent the message"`
	BookEpoch   uint32   `doc:"counts the instrument's synchronisations"`
	Connection  uint16   `doc:"row of the connection table, 0xFFFF none"`
	Reserved    [34]byte `doc:"zero"`
}

// Trade is the body of kind TRADE: one execution.
type Trade struct {
	_ structs.HostLayout

	Price      int64    `doc:"mantissa"`
	Quantity   int64    `doc:"mantissa, base currency"`
	TradeID    uint64   `doc:"by IDFormat"`
	Aggressor  uint8    `doc:"side of the taker, see Aggressor"`
	IDFormat   uint8    `doc:"how the venue's trade id is held, see IDFormat"`
	Index      uint16   `doc:"position in the venue's message, from 0"`
	Count      uint16   `doc:"trades in the venue's message"`
	Connection uint16   `doc:"row of the connection table, 0xFFFF none"`
	SendTimeNS int64    `doc:"when the venue sent the message"`
	SecondID   uint64   `doc:"second half of a pair id, or the id in the market; 0 none"`
	Text       [24]byte `doc:"a trade id that is text"`
	BookEpoch  uint32   `doc:"counts the instrument's synchronisations"`
	TextLength uint8    `doc:"valid bytes of Text, at most 24"`
	IDSuffix1  uint8    `doc:"first suffix of a pair id"`
	IDSuffix2  uint8    `doc:"second suffix of a pair id"`
	Reserved   uint8    `doc:"zero"`
}

// Depth is the body of kind DEPTH: up to four levels, bids first. An event spans
// consecutive records from FIRST to LAST; one without levels is one record.
type Depth struct {
	_ structs.HostLayout

	Levels        [4]Level `doc:"Bids bids, then Asks asks, in the venue's order"`
	FirstSequence uint64   `doc:"the venue's first update id of the event, 0 none"`
	BookEpoch     uint32   `doc:"counts the instrument's synchronisations"`
	Connection    uint16   `doc:"row of the connection table, 0xFFFF none"`
	Bids          uint8    `doc:"bids in this record"`
	Asks          uint8    `doc:"asks in this record; Bids + Asks is at most 4"`
}

// Ticker is the body of kind TICKER: the venue's rolling statistics.
type Ticker struct {
	_ structs.HostLayout

	Last                int64  `doc:"price mantissa"`
	Bid                 int64  `doc:"price mantissa"`
	Ask                 int64  `doc:"price mantissa"`
	Open                int64  `doc:"price mantissa"`
	High                int64  `doc:"price mantissa"`
	Low                 int64  `doc:"price mantissa"`
	BaseVolume          int64  `doc:"mantissa, by BaseVolumeExponent"`
	QuoteVolume         int64  `doc:"mantissa, by QuoteVolumeExponent"`
	WindowEndNS         int64  `doc:"end of the window, where the venue says it"`
	BaseVolumeExponent  int8   `doc:"of BaseVolume"`
	QuoteVolumeExponent int8   `doc:"of QuoteVolume"`
	Connection          uint16 `doc:"row of the connection table, 0xFFFF none"`
	BookEpoch           uint32 `doc:"counts the instrument's synchronisations"`
}

// Status is the body of kind STATUS: the truth about the data, in the data.
type Status struct {
	_ structs.HostLayout

	Code         StatusCode `doc:"what happened"`
	Scope        uint8      `doc:"what it speaks of, see Scope"`
	Reserved0    uint8      `doc:"zero"`
	Reason       uint32     `doc:"why, see Reason; an HTTP status is 1000 + status, a close code 10000 + code"`
	BookEpoch    uint32     `doc:"counts the instrument's synchronisations"`
	Connection   uint16     `doc:"row of the connection table, 0xFFFF none"`
	TextLength   uint16     `doc:"valid bytes of Text, at most 40"`
	FirstMissing uint64     `doc:"first venue sequence that is missing, 0 unknown"`
	LastMissing  uint64     `doc:"last venue sequence that is missing, 0 unknown"`
	SinceNS      int64      `doc:"since when it has been so"`
	Text         [40]byte   `doc:"the venue's or our words, UTF-8, cut at a character"`
}

// Perpetual is the body of kind PERPETUAL: mark, index, funding, open interest.
type Perpetual struct {
	_ structs.HostLayout

	MarkPrice            int64    `doc:"price mantissa"`
	IndexPrice           int64    `doc:"price mantissa"`
	FundingRate          int64    `doc:"mantissa, by FundingExponent"`
	FundingTimeNS        int64    `doc:"next funding"`
	OpenInterest         int64    `doc:"mantissa, contracts, by OpenInterestExponent"`
	SendTimeNS           int64    `doc:"when the venue sent the message"`
	BookEpoch            uint32   `doc:"counts the instrument's synchronisations"`
	Connection           uint16   `doc:"row of the connection table, 0xFFFF none"`
	FundingExponent      int8     `doc:"of FundingRate"`
	OpenInterestExponent int8     `doc:"of OpenInterest"`
	Reserved             [24]byte `doc:"zero"`
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(BookTicker{})-BodySize]
	_ = [1]struct{}{}[unsafe.Sizeof(Trade{})-BodySize]
	_ = [1]struct{}{}[unsafe.Sizeof(Depth{})-BodySize]
	_ = [1]struct{}{}[unsafe.Sizeof(Ticker{})-BodySize]
	_ = [1]struct{}{}[unsafe.Sizeof(Status{})-BodySize]
	_ = [1]struct{}{}[unsafe.Sizeof(Perpetual{})-BodySize]

	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(BookTicker{}.BookEpoch)-72]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(BookTicker{}.Connection)-76]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Trade{}.Aggressor)-56]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Trade{}.Connection)-62]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Trade{}.SendTimeNS)-64]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Trade{}.Text)-80]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Trade{}.BookEpoch)-104]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Trade{}.TextLength)-108]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Depth{}.FirstSequence)-96]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Depth{}.BookEpoch)-104]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Depth{}.Bids)-110]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Ticker{}.WindowEndNS)-96]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Ticker{}.BaseVolumeExponent)-104]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Ticker{}.Connection)-106]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Ticker{}.BookEpoch)-108]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Status{}.Scope)-34]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Status{}.Reason)-36]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Status{}.BookEpoch)-40]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Status{}.TextLength)-46]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Status{}.FirstMissing)-48]
	_ = [1]struct{}{}[BodyOffset+unsafe.Offsetof(Status{}.Text)-72]
)

// ReadersHeader opens the file <feed>.readers, in which readers may name themselves
// so that lags can be told by name; SlotCount slots follow it. The
// publisher makes the file and never maps or trusts it; nothing in it changes what a
// reader of the segment gets. Only the holder of a write lock on the file's first
// byte may change Claims or claim and free a slot.
type ReadersHeader struct {
	_ structs.HostLayout

	Magic         uint64   `doc:"TICKREAD"`
	LayoutVersion uint32   `doc:"version of the bytes, as in the segment"`
	ByteOrder     uint32   `doc:"0x01020304 in the writer's byte order"`
	FormatHash    uint64   `doc:"the segment's format hash"`
	SlotCount     uint32   `doc:"256"`
	SlotSize      uint32   `doc:"128"`
	BootID        [16]byte `doc:"boot of the host on which the file was made; a file of another boot is replaced"`
	Claims        uint64   `doc:"slots claimed so far; the next claim is one more"`
	Reserved      [72]byte `doc:"zero"`
}

var _ = [1]struct{}{}[unsafe.Sizeof(ReadersHeader{})-ReadersHeaderSize]

// ReaderSlot is what one reader says of itself. Its owner alone stores cursor and
// counts, each word by itself, and only while Claim is its own. A slot is free when
// its claim is zero or its process is gone.
type ReaderSlot struct {
	_ structs.HostLayout

	Claim              uint64   `doc:"number of the claim, 0 free; stored last; atomic"`
	PID                uint32   `doc:"the reader's process, in its own pid namespace"`
	Reserved0          uint32   `doc:"zero"`
	StartTime          uint64   `doc:"field 22 of /proc/PID/stat: a pid comes again, with its start never"`
	PIDNamespace       uint64   `doc:"inode of /proc/self/ns/pid: where the pid can be looked up"`
	Generation         uint64   `doc:"segment that the cursor is of; atomic"`
	Cursor             uint64   `doc:"sequence that the reader expects next; atomic"`
	Read               uint64   `doc:"records handed out in this generation; atomic"`
	Lost               uint64   `doc:"records overwritten before they were read, in this generation; atomic"`
	UpdatedMonotonicNS int64    `doc:"CLOCK_MONOTONIC of the last update; atomic"`
	Name               [48]byte `doc:"what the reader calls itself, zero-padded; not to be trusted"`
	Reserved1          [8]byte  `doc:"zero"`
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(ReaderSlot{})-ReaderSlotSize]
	_ = [1]struct{}{}[unsafe.Offsetof(ReaderSlot{}.Generation)-32]
	_ = [1]struct{}{}[unsafe.Offsetof(ReaderSlot{}.Name)-72]
)
