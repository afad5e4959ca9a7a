package ring

// Named values of the format. Each type has a table from value to the field's
// name; the tables feed String, the generated readers and docs/format.md.

// Kind says what the body of a record holds.
type Kind uint8

// Kinds of record.
const (
	KindBookTicker Kind = 1
	KindTrade      Kind = 2
	KindDepth      Kind = 3
	KindTicker     Kind = 4
	KindStatus     Kind = 5
	KindPerpetual  Kind = 6
)

// Flags is the set in Record.Flags.
type Flags uint16

// Flags of a record.
const (
	FlagFirst       Flags = 1 << 0  // first record of an event
	FlagLast        Flags = 1 << 1  // last record of an event
	FlagSnapshot    Flags = 1 << 2  // levels replace the book
	FlagBackfill    Flags = 1 << 3  // fetched after an outage
	FlagSynthetic   Flags = 1 << 4  // made by the publisher, not by the venue
	FlagSuspect     Flags = 1 << 5  // the instrument's data were not verified when it was published
	FlagRepeat      Flags = 1 << 6  // says nothing that its predecessor did not
	FlagKernelTime  Flags = 1 << 7  // RecvTimeNS is the kernel's stamp
	FlagRounded     Flags = 1 << 8  // a volume had more digits than fit
	FlagClockSkew   Flags = 1 << 9  // the venue's clock is off
	FlagConflated   Flags = 1 << 10 // merged from several updates
	definedFlagBits       = 1<<11 - 1
)

// StatusCode says what a STATUS record reports.
type StatusCode uint16

// Status codes.
const (
	StatusConnecting        StatusCode = 1
	StatusUp                StatusCode = 2
	StatusSubscribed        StatusCode = 3
	StatusSubscribeRefused  StatusCode = 4
	StatusStale             StatusCode = 5
	StatusFresh             StatusCode = 6
	StatusGap               StatusCode = 7
	StatusResyncBegin       StatusCode = 8
	StatusResyncEnd         StatusCode = 9
	StatusDown              StatusCode = 10
	StatusFailover          StatusCode = 11
	StatusRollover          StatusCode = 12
	StatusDecodeError       StatusCode = 13
	StatusHandlerError      StatusCode = 14
	StatusInstrumentAdded   StatusCode = 15
	StatusInstrumentChanged StatusCode = 16
	StatusInstrumentRemoved StatusCode = 17
	StatusClosing           StatusCode = 18
)

// Scope says what a STATUS record speaks of.
type Scope uint8

// Scopes of a STATUS record.
const (
	ScopeFeed       Scope = 0
	ScopeConnection Scope = 1
	ScopeInstrument Scope = 2
)

// Reason says why, in a STATUS record. An HTTP status is 1000 + status, a
// WebSocket close code 10000 + code.
type Reason uint32

// Reasons.
const (
	ReasonNone           Reason = 0
	ReasonRefused        Reason = 1  // the venue refused, Text has its words
	ReasonUnknownSymbol  Reason = 2  // data of an instrument nobody asked for
	ReasonMalformed      Reason = 3  // not what the venue's documents say
	ReasonNumber         Reason = 4  // a number that does not fit or is none
	ReasonMissingKey     Reason = 5  // a required key is not there
	ReasonUnknownMessage Reason = 6  // a message of no known shape
	ReasonOversize       Reason = 7  // a message beyond the limit
	ReasonProtocol       Reason = 8  // the peer broke the WebSocket protocol
	ReasonClosedByPeer   Reason = 9  // the connection ended without a close code
	ReasonTimeout        Reason = 10 // no answer in time
	ReasonRequested      Reason = 11 // our own wish
	ReasonSequence       Reason = 12 // the venue's sequence jumped
	ReasonCrossed        Reason = 13 // best bid at or above best ask
	ReasonSnapshot       Reason = 14 // a snapshot is awaited
	ReasonNoSnapshot     Reason = 15 // no usable snapshot can be had
	ReasonQuiet          Reason = 16 // no data within the bound
	ReasonExponent       Reason = 17 // more digits than before: the scale was widened
	ReasonTableFull      Reason = 18 // the instrument table is full
	ReasonDNS            Reason = 19 // the name did not resolve
	ReasonConnectRefused Reason = 20 // nobody listens there
	ReasonTLSWrongHost   Reason = 21 // the certificate names another host
	ReasonTLSExpired     Reason = 22 // the certificate is out of its time
	ReasonTLSUnknownCA   Reason = 23 // the certificate's issuer is not trusted
	ReasonTLS            Reason = 24 // the TLS handshake failed
	ReasonNotWebSocket   Reason = 25 // the answer was no WebSocket handshake
	ReasonNetwork        Reason = 26 // the socket failed
	ReasonUpgrade        Reason = 27 // the venue announced that it will close
	ReasonBackpressure   Reason = 28 // our requests could not be written
	ReasonBoundsExceeded Reason = 29 // more levels or trades than a message may have
	ReasonHTTPBase       Reason = 1000
	ReasonCloseCodeBase  Reason = 10000
)

// Aggressor is the side of the taker.
type Aggressor uint8

// Sides of the taker.
const (
	AggressorUnknown Aggressor = 0
	AggressorBuy     Aggressor = 1
	AggressorSell    Aggressor = 2
)

// IDFormat says how a trade id is held.
type IDFormat uint8

// Formats of a trade id.
const (
	IDNone     IDFormat = 0 // the venue gives none
	IDUint64   IDFormat = 1 // TradeID, in decimal, is the venue's text
	IDMEXCPair IDFormat = 2 // TradeID IDSuffix1 and SecondID IDSuffix2
	IDText     IDFormat = 3 // Text
)

// Channel is a set of the four things to ask of an instrument.
type Channel uint32

// Channels.
const (
	ChannelBookTicker Channel = 1 << 0
	ChannelTrades     Channel = 1 << 1
	ChannelOrderBook  Channel = 1 << 2
	ChannelTicker     Channel = 1 << 3
	AllChannels               = ChannelBookTicker | ChannelTrades | ChannelOrderBook | ChannelTicker
)

// State is the life of a segment.
type State uint32

// States of a segment.
const (
	StateInitialising State = 0
	StateLive         State = 1
	StateClosed       State = 2
	StateSuperseded   State = 3
)

// Source says where a segment's data come from.
type Source uint32

// Sources.
const (
	SourceLive      Source = 1
	SourceSimulated Source = 2
	SourceReplay    Source = 3
)

// StateBit is a bit of an instrument's state word.
type StateBit uint32

// Bits of the state word.
const (
	BitSubscribed StateBit = 1 << 0 // the venue acknowledged
	BitStale      StateBit = 1 << 1 // quiet beyond its bound, or its connection is down
	BitSuspect    StateBit = 1 << 2 // its book is not verified
	BitResyncing  StateBit = 1 << 3 // a snapshot is on its way
	BitRefused    StateBit = 1 << 4 // the venue refused it
	BitHalted     StateBit = 1 << 5 // trading is halted
)

// ConnectionState is the life of a connection.
type ConnectionState uint32

// States of a connection.
const (
	ConnectionUnused     ConnectionState = 0
	ConnectionConnecting ConnectionState = 1
	ConnectionUp         ConnectionState = 2
	ConnectionDown       ConnectionState = 3
	ConnectionClosed     ConnectionState = 4
)

// BookFlag is a bit of BookHeader.Flags.
type BookFlag uint16

// Flags of a board book.
const (
	BookValid   BookFlag = 1 << 0 // synchronised: may be used
	BookSuspect BookFlag = 1 << 1 // not, or no longer, verified
)

// SectionKind numbers the sections in the directory.
type SectionKind uint32

// Sections, in the order of the directory.
const (
	SectionInstruments      SectionKind = 1
	SectionInstrumentStates SectionKind = 2
	SectionConnections      SectionKind = 3
	SectionBoard            SectionKind = 4
	SectionBooks            SectionKind = 5
	SectionRing             SectionKind = 6
)

// BoardSlot is the place of a kind in a board entry.
type BoardSlot uint32

// Places in a board entry.
const (
	BoardBookTicker BoardSlot = 0
	BoardTrade      BoardSlot = 1
	BoardTicker     BoardSlot = 2
	BoardStatus     BoardSlot = 3
)

// Counter is an index into Header.Counters.
type Counter uint32

// Counters.
const (
	CounterFrames          Counter = 0  // messages received
	CounterBytes           Counter = 1  // bytes received from sockets
	CounterRecords         Counter = 2  // records published
	CounterBookTickers     Counter = 3  // BOOK_TICKER records
	CounterTrades          Counter = 4  // TRADE records
	CounterDepths          Counter = 5  // DEPTH records
	CounterTickers         Counter = 6  // TICKER records
	CounterStatuses        Counter = 7  // STATUS records
	CounterDecodeErrors    Counter = 8  // messages refused by the decoder
	CounterUnknownSymbols  Counter = 9  // data of an instrument nobody asked for
	CounterUnknownMessages Counter = 10 // messages of no known shape
	CounterIgnored         Counter = 11 // messages known and not published
	CounterAcks            Counter = 12 // requests acknowledged
	CounterRefusals        Counter = 13 // requests refused
	CounterPongs           Counter = 14 // application pongs
	CounterProtocolErrors  Counter = 15 // WebSocket protocol errors
	CounterReconnects      Counter = 16 // connections that came up again
	CounterConnectFailures Counter = 17 // attempts to connect that failed
	CounterGaps            Counter = 18 // gaps in a venue sequence
	CounterResyncs         Counter = 19 // books synchronised again
	CounterWidened         Counter = 20 // instrument scales widened
	CounterRounded         Counter = 21 // volumes rounded
	CounterBinaryFrames    Counter = 22 // binary messages on a text protocol
	CounterAckTimeouts     Counter = 23 // requests without an answer in time
	CounterStale           Counter = 24 // times an instrument went stale
	CounterClockSteps      Counter = 25 // steps of the publisher's clock
	CounterCrossed         Counter = 26 // books found crossed or emptied
	CounterOddScale        Counter = 27 // records published at a scale of their own
	CounterDuplicates      Counter = 28 // data that were told before, or that newer data had overtaken
	CounterRepeats         Counter = 29 // quotes that said nothing new
	CounterRollovers       Counter = 30 // planned moves to a new connection

	CounterFastMessages        Counter = 31 // messages that a template accepted
	CounterFallbacksBookTicker Counter = 32 // book tickers of no template's shape
	CounterFallbacksTrades     Counter = 33 // trades of no template's shape
	CounterFallbacksOrderBook  Counter = 34 // books of no template's shape
	CounterFallbacksTicker     Counter = 35 // tickers of no template's shape
	CounterFallbacksOther      Counter = 36 // messages of no template's shape on channels nobody asked for

	CounterPerpetuals Counter = 37 // PERPETUAL records
	CounterBackfilled Counter = 38 // trades fetched after an outage
)

// Answer is what a reader's call says. The same in every language.
type Answer int32

// Answers.
const (
	AnswerRecord     Answer = 0 // a record was copied out
	AnswerEmpty      Answer = 1 // nothing new yet
	AnswerOverrun    Answer = 2 // the writer lapped this reader: records were lost
	AnswerStale      Answer = 3 // the writer's hot thread stands still; reversible
	AnswerClosed     Answer = 4 // closed cleanly and drained
	AnswerSuperseded Answer = 5 // replaced by a newer segment and drained
	AnswerDamaged    Answer = 6 // bytes that no writer leaves
	AnswerBusy       Answer = 7 // board only: no whole copy in 1,000 tries
)
