package exchanges

import "github.com/tickring/tickring/ring"

// Class says what a frame was.
type Class uint8

// Classes of a frame.
const (
	// ClassData: the batch holds at least one item.
	ClassData Class = iota
	// ClassAck: a request was accepted.
	ClassAck
	// ClassRefusal: a request was refused, or the venue reports an error.
	ClassRefusal
	// ClassPong answers our application ping.
	ClassPong
	// ClassSystem: a notice of the venue (Text has it); see Verdict.Reconnect.
	ClassSystem
	// ClassIgnored: known, and not published (candles).
	ClassIgnored
	// ClassUnknown: well-formed and of no known shape.
	ClassUnknown
	// ClassMalformed: refused; nothing of it may be published.
	ClassMalformed
)

// Verdict is what a dialect says of one frame. Slices point into the frame.
type Verdict struct {
	Class Class
	// Reason explains ClassMalformed.
	Reason ring.Reason
	// Stream is the stream the frame speaks of, NoStream when unknown.
	Stream StreamID
	// Unsubscribe: the ack or refusal answers an unsubscribe request.
	Unsubscribe bool
	// Reconnect: the venue announced that it will close: connect anew at once.
	Reconnect bool
	// RequestID is the id of the request that is answered, 0 none.
	RequestID uint64
	// TimeNS is the venue's time in a ClassPong, Unix ns, 0 none.
	TimeNS int64
	// Code is the venue's error code, 0 none.
	Code int64
	// Symbol is the venue's symbol that the frame names, empty when none.
	Symbol []byte
	// Text is the venue's words, or what is wrong with the frame.
	Text []byte
	// Refused names what an answer refuses of a request that it accepts in part,
	// for venues that answer so; the rest is accepted. It holds until the next
	// Decode.
	Refused []StreamRef
}

// StreamRef names one stream of one symbol in a frame.
type StreamRef struct {
	Stream StreamID
	// Symbol is the venue's spelling; it points into the frame.
	Symbol []byte
}

// StreamID names one stream of a dialect, e.g. trades or a book at some depth.
type StreamID uint8

// NoStream: none, or unknown.
const NoStream StreamID = 0xFF

// Request asks the venue to begin or end one stream for some symbols.
type Request struct {
	// ID comes back in the answer.
	ID uint64
	// Unsubscribe ends the stream instead of beginning it.
	Unsubscribe bool
	Stream      StreamID
	// Symbols in the venue's spelling, at most StreamInfo.SymbolsPerRequest.
	Symbols []string
	// Mixed, where the dialect takes requests over several streams, holds all
	// pairs of the request; Stream and Symbols are unused then.
	Mixed []StreamSymbol
}

// StreamSymbol is one stream of one symbol, to ask for.
type StreamSymbol struct {
	Stream StreamID
	Symbol string
}

// StreamInfo describes a stream to the session.
type StreamInfo struct {
	ID StreamID
	// Name is the venue's word for it, for logs and status texts.
	Name    string
	Channel ring.Channel
	Kind    ring.Kind
	Rule    BookRule
	// SymbolsPerRequest: how many symbols one request may name.
	SymbolsPerRequest int
	// QuietBoundNS: an instrument silent on this stream for longer is STALE;
	// 0 means that silence says nothing.
	QuietBoundNS int64
	// FirstDataBoundNS: after the ack the first data must come within this, or
	// the stream is asked for again; 0 means that none need come.
	FirstDataBoundNS int64
}
