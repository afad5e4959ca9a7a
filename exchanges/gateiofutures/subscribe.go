package gateiofutures

import (
	"strconv"
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Streams of this dialect; which channel stands behind book is an option. What is told
// of a perpetual comes with the ticker.
const (
	StreamBookTicker exchanges.StreamID = iota
	StreamTrades
	StreamBook
	StreamTicker
)

// Limits and times of the venue; where its documents say nothing, our choice.
const (
	// listSize keeps a list short enough to find the contract that the venue refused
	// it for: one refuses all. A list of 200 was accepted.
	listSize = 20
	// streamsPerConnection: 150 books on one connection were seen to be served in
	// full; no limit is documented.
	streamsPerConnection = 150
	// pingInterval: a connection without subscription and client messages is
	// closed after 30 s.
	pingInterval = 15 * time.Second
	pongDeadline = 10 * time.Second
	ackDeadline  = 10 * time.Second
	// snapshotDeadline: a futures.obu request for an unknown contract is accepted
	// and stays silent; a snapshot otherwise comes with the answer.
	snapshotDeadline = 10 * time.Second
)

// StreamsPerConnection is how many (stream, symbol) pairs one connection takes.
func (d *Dialect) StreamsPerConnection() int { return streamsPerConnection }

// PingIntervalNS is how often AppendPing's message is due.
func (d *Dialect) PingIntervalNS() int64 { return int64(pingInterval) }

// PongDeadlineNS is how long after a ping its pong may take.
func (d *Dialect) PongDeadlineNS() int64 { return int64(pongDeadline) }

// AckDeadlineNS is how long after a request its answer may take.
func (d *Dialect) AckDeadlineNS() int64 { return int64(ackDeadline) }

// Streams lists the streams for the channels asked for, in the order of the
// stream ids.
func (d *Dialect) Streams(ch ring.Channel) []exchanges.StreamInfo {
	all := []exchanges.StreamInfo{
		{
			ID: StreamBookTicker, Name: channelBookTicker, Channel: ring.ChannelBookTicker,
			Kind: ring.KindBookTicker, SymbolsPerRequest: listSize, QuietBoundNS: d.quietNS,
		},
		{
			ID: StreamTrades, Name: channelTrades, Channel: ring.ChannelTrades,
			Kind: ring.KindTrade, SymbolsPerRequest: listSize,
		},
		{
			ID: StreamBook, Name: d.book.channel, Channel: ring.ChannelOrderBook,
			Kind: ring.KindDepth, Rule: d.book.rule, SymbolsPerRequest: 1, QuietBoundNS: d.quietNS,
			FirstDataBoundNS: d.firstDataBoundNS(),
		},
		{
			ID: StreamTicker, Name: channelTicker, Channel: ring.ChannelTicker,
			Kind: ring.KindTicker, SymbolsPerRequest: listSize,
		},
	}
	var chosen []exchanges.StreamInfo
	for _, s := range all {
		if s.Channel&ch != 0 {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

func (d *Dialect) firstDataBoundNS() int64 {
	if d.book.rule == exchanges.RuleStream {
		return int64(snapshotDeadline)
	}
	return 0
}

// streamOf is the stream of a channel, NoStream for one that this dialect does
// not ask for.
func (d *Dialect) streamOf(channel []byte) exchanges.StreamID {
	switch string(channel) {
	case channelBookTicker:
		return StreamBookTicker
	case channelTicker:
		return StreamTicker
	case channelTrades:
		return StreamTrades
	case d.book.channel:
		return StreamBook
	}
	return exchanges.NoStream
}

// AppendRequest appends the request as the venue wants it; nowNS is the Unix
// time, which must be within a minute of the venue's. A request for no symbol
// appends nothing; a book request takes the first symbol only, as Streams says.
func (d *Dialect) AppendRequest(dst []byte, r exchanges.Request, nowNS int64) []byte {
	channel, known := d.channelOf(r.Stream)
	if !known || len(r.Symbols) == 0 {
		return dst
	}
	dst = appendTime(dst, nowNS)
	dst = append(dst, `,"id":`...)
	dst = strconv.AppendUint(dst, r.ID, 10)
	dst = append(dst, `,"channel":"`...)
	dst = append(dst, channel...)
	dst = append(dst, `","event":"`...)
	if r.Unsubscribe {
		dst = append(dst, "un"...)
	}
	dst = append(dst, `subscribe","payload":[`...)
	dst = d.appendPayload(dst, r)
	return append(dst, `]}`...)
}

func (d *Dialect) channelOf(s exchanges.StreamID) (string, bool) {
	switch s {
	case StreamBookTicker:
		return channelBookTicker, true
	case StreamTrades:
		return channelTrades, true
	case StreamBook:
		return d.book.channel, true
	case StreamTicker:
		return channelTicker, true
	}
	return "", false
}

func (d *Dialect) appendPayload(dst []byte, r exchanges.Request) []byte {
	if r.Stream != StreamBook {
		return appendStrings(dst, r.Symbols...)
	}
	symbol := r.Symbols[0]
	switch d.book.channel {
	case channelOBU:
		return appendString(dst, "ob."+symbol+"."+d.book.levels)
	case channelTop:
		return appendStrings(dst, symbol, d.book.levels, d.book.speed)
	}
	if r.Unsubscribe {
		return appendStrings(dst, symbol, d.book.speed) // documented without the level
	}
	return appendStrings(dst, symbol, d.book.speed, d.book.levels)
}

func appendStrings(dst []byte, list ...string) []byte {
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return dst
}

// AppendPing appends the venue's own ping, which it answers with futures.pong.
func (d *Dialect) AppendPing(dst []byte, nowNS int64) []byte {
	return append(appendTime(dst, nowNS), `,"channel":"futures.ping"}`...)
}

func appendTime(dst []byte, nowNS int64) []byte {
	dst = append(dst, `{"time":`...)
	return strconv.AppendInt(dst, nowNS/int64(time.Second), 10)
}

// appendString quotes s for JSON. Symbols need no escape; one that does is
// escaped all the same, so that no name can end the string.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
