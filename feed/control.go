package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// The control protocol: a Unix stream socket beside the segment. A client writes
// one JSON object a line and gets one JSON object a line back, in order:
//
//	{"op":"subscribe","symbols":["BTC/USDT"],"channels":["trades"]}
//	{"ok":true,"result":{...}}
//	{"ok":false,"code":"usage","error":"why"}
//
// "op" chooses the operation; each has its own further keys and refuses others.
// An answer to subscribe or unsubscribe says that the request was written to the
// venue's socket, or is kept until there is one.
const (
	opSubscribe   = "subscribe"   // symbols, channels (default all)
	opUnsubscribe = "unsubscribe" // symbols, channels (default all)
	opStatus      = "status"      // symbols (default all); result is ControlStatus
	opBadFrames   = "bad_frames"  // no keys; result is a list of ControlBadFrame
	opRelease     = "release"     // generation: the one to be let go; see takeover.go
	opResend      = "resend"      // symbols; result is a list of ResendResult
	opRecord      = "record"      // no keys; items follow the answer; see control_record.go
)

// opNames are all operations.
const opNames = opSubscribe + ", " + opUnsubscribe + ", " + opStatus + ", " + opBadFrames + ", " + opResend + ", " + opRelease + ", " + opRecord

// Codes of an answer that is not ok.
const (
	codeUsage  = "usage"  // the request cannot be meant; nothing was done
	codeFailed = "failed" // part of it could not be done; the rest was
	codeClosed = "closed" // the feed has ended
	codeBusy   = "busy"   // too many clients at once
)

// Bounds of the protocol.
const (
	// maxControlRequest holds the symbols of 25,000 instruments, 40 bytes each.
	maxControlRequest = 1 << 20
	// maxControlAnswer holds the status of 65,536 instruments on four channels.
	maxControlAnswer = 64 << 20
	// maxSocketPath is what the kernel takes as the name of a socket, without the
	// zero behind it.
	maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1
)

// ErrNoPublisher: no publisher answers on a feed's control socket.
var ErrNoPublisher = errors.New("no publisher answers")

// ErrRequest is wrapped by a publisher's answer that a request cannot be meant.
var ErrRequest = errors.New("request refused")

// States of one channel of an instrument, as ChannelStatus.State has them.
const (
	ChannelIdle         = "idle"         // not asked for
	ChannelWanted       = "wanted"       // asked for as soon as a connection is there
	ChannelRequested    = "requested"    // asked, no answer yet
	ChannelAcknowledged = "acknowledged" // the venue accepted it
	ChannelRefused      = "refused"      // the venue refused it; Text has its words
	ChannelLeaving      = "leaving"      // its end was asked for, no answer yet
)

// ChannelStatus is what a publisher says of one channel of an instrument.
type ChannelStatus struct {
	// Channel is the name as ParseChannels reads it; Stream the venue's own.
	Channel string `json:"channel"`
	Stream  string `json:"stream"`
	State   string `json:"state"`
	// Text is why the venue refused it, in its words, at most 512 bytes.
	Text      string `json:"text,omitempty"`
	Stale     bool   `json:"stale"`
	Resyncing bool   `json:"resyncing"`
	// Connection is the row of the connection table, -1 none.
	Connection int `json:"connection"`
}

// InstrumentStatus is what a publisher says of an instrument: the channels that
// were ever asked for.
type InstrumentStatus struct {
	ID       int             `json:"id"`
	Symbol   string          `json:"symbol"`
	Native   string          `json:"native"`
	Suspect  bool            `json:"suspect"`
	Halted   bool            `json:"halted"`
	Channels []ChannelStatus `json:"channels"`
}

// ControlPerformance counts what a publisher did. Rates are means over the last
// ten seconds, or since the start; every value is 0 before the first message.
type ControlPerformance struct {
	UptimeSeconds           float64 `json:"uptime_seconds"`
	MessagesProcessed       uint64  `json:"messages_processed"`
	MessagesPerSecond       float64 `json:"messages_per_second"`
	RecordsPublished        uint64  `json:"records_published"`
	RecordsPerSecond        float64 `json:"records_per_second"`
	BytesReceived           uint64  `json:"bytes_received"`
	BytesPerSecond          float64 `json:"bytes_per_second"`
	ActiveSymbols           int     `json:"active_symbols"` // with a channel acknowledged
	Reconnections           uint64  `json:"reconnections"`
	ReconnectionsPerHour    float64 `json:"reconnections_per_hour"`
	SubscriptionSuccessRate float64 `json:"subscription_success_rate"` // of answered and overdue requests, 0 to 1
}

// ControlStatus is a publisher's answer to status.
type ControlStatus struct {
	Feed        string             `json:"feed"`
	Generation  uint64             `json:"generation"`
	Performance ControlPerformance `json:"performance"`
	Legs        []LegReport        `json:"legs,omitempty"` // where there are several
	Instruments []InstrumentStatus `json:"instruments"`
	// Unknown are the symbols asked about that were never subscribed.
	Unknown []string `json:"unknown"`
}

// ControlBadFrame is a message that a publisher could not decode.
type ControlBadFrame struct {
	RecvTimeNS int64  `json:"recv_time_ns"`
	Connection int    `json:"connection"`
	Reason     string `json:"reason"`
	// SizeBytes is the message's whole size; Bytes its beginning, at most 4 KiB.
	SizeBytes int    `json:"size_bytes"`
	Bytes     []byte `json:"bytes"`
}

// ControlPath is where the publisher of a feed listens. dir is as for shm.Dir.
func ControlPath(dir, feed string) string {
	return filepath.Join(shm.Dir(dir), "."+feed+".control")
}

// socketName calls use with a name for path that the kernel takes however long the
// path is: one that leads through the open directory.
func socketName(path string, use func(name string) error) error {
	if len(path) <= maxSocketPath {
		return use(path)
	}
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open directory of %q: %w", path, err)
	}
	defer unix.Close(fd)
	return use(filepath.Join("/proc/self/fd", strconv.Itoa(fd), filepath.Base(path)))
}

// controlAnswer is one line of the publisher.
type controlAnswer struct {
	OK     bool            `json:"ok"`
	Code   string          `json:"code,omitempty"`
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// controlRequest is a parsed line of a client: its keys, each once.
type controlRequest struct {
	op     string
	fields map[string]json.RawMessage
}

// requestf is an error about a request that cannot be meant.
func requestf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRequest, fmt.Sprintf(format, args...))
}

// parseControlRequest reads one JSON object whose keys are exact and not doubled.
func parseControlRequest(line []byte) (*controlRequest, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	r := &controlRequest{fields: map[string]json.RawMessage{}}
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, requestf("want one JSON object a line")
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, requestf("malformed JSON: %v", err)
		}
		key, _ := t.(string) // the decoder admits no other key
		if _, doubled := r.fields[key]; doubled {
			return nil, requestf("key %q is there twice", key)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, requestf("value of key %q: malformed JSON: %v", key, err)
		}
		r.fields[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, requestf("malformed JSON: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, requestf("more than one JSON object in a line")
	}
	if err := json.Unmarshal(r.fields["op"], &r.op); err != nil || r.op == "" {
		return nil, requestf("key \"op\" is missing or no text: allowed are %s", opNames)
	}
	delete(r.fields, "op")
	return r, nil
}

// only refuses keys that the operation does not have.
func (r *controlRequest) only(keys ...string) error {
	for key := range r.fields {
		if !slices.Contains(keys, key) {
			return requestf("op %q: unknown key %q: allowed are %s", r.op, key, strings.Join(append([]string{"op"}, keys...), ", "))
		}
	}
	return nil
}

// texts is a key that holds a list of texts; present says that it was given.
func (r *controlRequest) texts(key string) (list []string, present bool, err error) {
	raw, present := r.fields[key]
	if !present {
		return nil, false, nil
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return nil, true, requestf("op %q: key %q: want a list of at least one text", r.op, key)
	}
	return list, true, nil
}

// symbols is the list of symbols, doubles said once.
func (r *controlRequest) symbols(needed bool) ([]Symbol, error) {
	texts, present, err := r.texts("symbols")
	if err != nil {
		return nil, err
	}
	if needed && !present {
		return nil, requestf("op %q: key \"symbols\" is missing", r.op)
	}
	var out []Symbol
	seen := map[Symbol]bool{}
	for _, text := range texts {
		s, err := ParseSymbol(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRequest, err)
		}
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out, nil
}

// channels is the set of channels, all when none is given.
func (r *controlRequest) channels() (ring.Channel, error) {
	names, present, err := r.texts("channels")
	if err != nil {
		return 0, err
	}
	if !present {
		return ring.AllChannels, nil
	}
	var set ring.Channel
	for _, name := range names {
		bit, ok := channelNamed(name)
		if !ok {
			return 0, requestf("channel %q: allowed are book_ticker, trades, orderbook, ticker", name)
		}
		set |= bit
	}
	return set, nil
}

func channelNamed(name string) (ring.Channel, bool) {
	for _, c := range channelNames {
		if c.name == name {
			return c.bit, true
		}
	}
	return 0, false
}

// ChannelList are the names of a set's channels, as ParseChannels reads them.
func ChannelList(set ring.Channel) []string {
	names := []string{}
	for _, c := range channelNames {
		if set&c.bit != 0 {
			names = append(names, c.name)
		}
	}
	return names
}
