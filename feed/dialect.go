package feed

import (
	"net/http"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// Dialect is a venue's language: it builds requests, decodes frames and names
// limits. It knows no sockets. Decode, AppendRequest and AppendPing are called by
// the hot thread alone; all else before it starts, or by control threads. One
// interface call per frame is what it costs; each venue's package has one.
type Dialect interface {
	// Venue is the name, e.g. "gateio".
	Venue() string
	// DefaultURL and DefaultRESTURL are the venue's public addresses.
	DefaultURL() string
	DefaultRESTURL() string
	// NativeSymbol is the venue's spelling of BASE/QUOTE, or why there is none.
	NativeSymbol(base, quote string) (string, error)
	// Streams are what to ask for, for a set of channels, by the options set.
	Streams(channels ring.Channel) []exchanges.StreamInfo
	// AppendRequest appends the text of a request. nowNS is Unix ns.
	AppendRequest(dst []byte, r exchanges.Request, nowNS int64) []byte
	// AppendPing appends the text of an application ping.
	AppendPing(dst []byte, nowNS int64) []byte
	// PingIntervalNS is how often to ping; PongDeadlineNS how long the link may
	// be silent after one; AckDeadlineNS how long a request may go unanswered.
	PingIntervalNS() int64
	PongDeadlineNS() int64
	AckDeadlineNS() int64
	// StreamsPerConnection bounds the (stream, instrument) pairs of a connection.
	StreamsPerConnection() int
	// Decode says what one frame is and fills the batch. It allocates nothing in
	// the steady state and never panics. Slices of the verdict point into frame.
	Decode(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict
	// MetadataPath is the REST path of the instrument list, "" when there is none.
	MetadataPath() string
	// ParseMetadata reads the answer.
	ParseMetadata(body []byte) ([]exchanges.InstrumentInfo, error)
}

// BinaryDialect is a Dialect whose data come in binary messages. Text messages go
// to Decode all the same.
type BinaryDialect interface {
	Dialect
	// DecodeBinary is Decode for a binary message.
	DecodeBinary(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict
}

// MixedDialect is a Dialect whose requests may name several streams at once.
type MixedDialect interface {
	Dialect
	// StreamsPerRequest bounds the pairs of one request.
	StreamsPerRequest() int
}

// LifelongDialect is a Dialect whose venue counts the streams of a connection over
// its life: what was unsubscribed counts on.
type LifelongDialect interface {
	Dialect
	StreamsCountForLife() bool
}

// MortalDialect is a Dialect whose venue ends connections of a certain age.
type MortalDialect interface {
	Dialect
	// ConnectionLifeNS is the age at which to move to a new connection, 0 never.
	ConnectionLifeNS() int64
}

// RepeatingDialect is a Dialect whose venue sends unchanged quotes again.
type RepeatingDialect interface {
	Dialect
	// DropRepeats: do not publish them; they count as signs of life.
	DropRepeats() bool
}

// ThrottledDialect is a Dialect whose venue limits a client's messages.
type ThrottledDialect interface {
	Dialect
	// MessagesPerSecond is the venue's limit on one connection.
	MessagesPerSecond() int
}

// SnapshotDialect is a Dialect whose books of rule RuleREST are seeded by REST.
type SnapshotDialect interface {
	Dialect
	// SnapshotPath is the REST path of one symbol's book, as deep as the stream
	// covers.
	SnapshotPath(native string) string
	// ParseSnapshot fills the batch with one DEPTH item whose Sequence is the
	// book's update id. Any thread.
	ParseSnapshot(body []byte, b *exchanges.Batch) error
}

// FastDialect is a Dialect that tries templates before its reference decoder.
type FastDialect interface {
	Dialect
	// Fallbacks are the counts by StreamID, then of channels nobody asks for. The
	// hot thread only.
	Fallbacks() []exchanges.FastStats
}

// HeaderDialect is a Dialect whose venue wants header lines of its own.
type HeaderDialect interface {
	Dialect
	// Header goes with every WebSocket handshake and every REST request.
	Header() http.Header
}

// headerOf is what a dialect adds to a request; nil is nothing.
func headerOf(d Dialect) http.Header {
	if hd, ok := d.(HeaderDialect); ok {
		return hd.Header()
	}
	return nil
}

// setHeader adds a dialect's header lines to a REST request.
func setHeader(r *http.Request, d Dialect) {
	for key, values := range headerOf(d) {
		r.Header[http.CanonicalHeaderKey(key)] = values
	}
}

// A decoder's templates may read so far beyond a message as the wire guarantees.
var _ [wire.Padding - exchanges.FastPadding]struct{}
