package mexc

import (
	"strconv"
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Streams of this dialect; which channel stands behind each is an option.
const (
	StreamBookTicker exchanges.StreamID = iota
	StreamTrades
	StreamBook
	StreamTicker
)

// Channels of the venue, as a stream's name begins. The place of pair, interval,
// depth and zone behind them differs between channels.
const (
	channelBookTicker = "spot@public.aggre.bookTicker.v3.api.pb"
	channelBatch      = "spot@public.bookTicker.batch.v3.api.pb"
	channelAggreDeals = "spot@public.aggre.deals.v3.api.pb"
	channelAggreDepth = "spot@public.aggre.depth.v3.api.pb"
	channelLimitDepth = "spot@public.limit.depth.v3.api.pb"
	channelMiniTicker = "spot@public.miniTicker.v3.api.pb"
)

// Limits and times of the venue; where its documents say nothing, our choice.
const (
	// streamLimit is the venue's, for one connection over its whole life; one
	// request may name as many.
	streamLimit = 30
	// pingInterval: the venue cuts a connection after 30 s without a valid
	// subscription, and after about 60 s without any traffic.
	pingInterval = 20 * time.Second
	pongDeadline = 10 * time.Second
	ackDeadline  = 10 * time.Second
)

// MessagesPerSecond is how many messages the venue takes from a client; beyond it
// the connection is cut (documented).
func (d *Dialect) MessagesPerSecond() int { return 100 }

// StreamsPerConnection is how many streams one connection takes, those included
// that it has given up: see StreamsCountForLife.
func (d *Dialect) StreamsPerConnection() int { return streamLimit }

// StreamsPerRequest is how many pairs Request.Mixed may have.
func (d *Dialect) StreamsPerRequest() int { return streamLimit }

// StreamsCountForLife says that an ended stream still counts against
// StreamsPerConnection, until the connection itself ends.
func (d *Dialect) StreamsCountForLife() bool { return true }

// ConnectionLifeNS is the age at which a connection is to be replaced, the new
// one first; the venue ends it after 24 hours.
func (d *Dialect) ConnectionLifeNS() int64 { return int64(d.life) }

// PingIntervalNS is how often AppendPing's message is due.
func (d *Dialect) PingIntervalNS() int64 { return int64(pingInterval) }

// PongDeadlineNS is how long after a ping its pong may take.
func (d *Dialect) PongDeadlineNS() int64 { return int64(pongDeadline) }

// AckDeadlineNS is how long after a request its answer may take.
func (d *Dialect) AckDeadlineNS() int64 { return int64(ackDeadline) }

// Streams lists the streams for the channels asked for, in the order of the
// stream ids. None has a bound for its first data: of a quiet pair the venue sends
// nothing, or pushes without a body.
func (d *Dialect) Streams(ch ring.Channel) []exchanges.StreamInfo {
	quietNS := int64(d.quiet)
	all := []exchanges.StreamInfo{
		{ID: StreamBookTicker, Name: d.ticker.value, Channel: ring.ChannelBookTicker, Kind: ring.KindBookTicker, QuietBoundNS: quietNS},
		{ID: StreamTrades, Name: d.trades.value, Channel: ring.ChannelTrades, Kind: ring.KindTrade},
		{ID: StreamBook, Name: d.book.value, Channel: ring.ChannelOrderBook, Kind: ring.KindDepth, Rule: d.book.rule, QuietBoundNS: quietNS},
		{ID: StreamTicker, Name: "miniTicker@" + d.zone, Channel: ring.ChannelTicker, Kind: ring.KindTicker, QuietBoundNS: quietNS},
	}
	var chosen []exchanges.StreamInfo
	for _, s := range all {
		if s.Channel&ch != 0 {
			s.SymbolsPerRequest = streamLimit
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// AppendRequest appends the request as the venue wants it: the pairs of Mixed, or
// Symbols of Stream where Mixed is empty. Streams that this dialect does not have
// are left out; a request for nothing appends nothing. nowNS is not used.
func (d *Dialect) AppendRequest(dst []byte, r exchanges.Request, nowNS int64) []byte {
	start := len(dst)
	dst = append(dst, `{"method":"`...)
	if r.Unsubscribe {
		dst = append(dst, "UN"...)
	}
	dst = append(dst, `SUBSCRIPTION","params":[`...)
	none := len(dst)
	for _, pair := range r.Mixed {
		dst = d.appendStream(dst, none, pair.Stream, pair.Symbol)
	}
	if len(r.Mixed) == 0 {
		for _, symbol := range r.Symbols {
			dst = d.appendStream(dst, none, r.Stream, symbol)
		}
	}
	if len(dst) == none {
		return dst[:start]
	}
	dst = append(dst, `],"id":`...)
	dst = strconv.AppendUint(dst, r.ID, 10)
	return append(dst, '}')
}

// appendStream appends a stream's name to a list that begins at none.
func (d *Dialect) appendStream(dst []byte, none int, stream exchanges.StreamID, symbol string) []byte {
	before, behind := "", ""
	switch stream {
	case StreamBookTicker:
		before = d.ticker.before
	case StreamTrades:
		before = d.trades.before
	case StreamBook:
		before, behind = d.book.before, d.book.behind
	case StreamTicker:
		before, behind = channelMiniTicker+"@", d.zone
	default:
		return dst
	}
	if len(dst) > none {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, before...)
	dst = appendEscaped(dst, symbol)
	if stream == StreamTicker {
		dst = append(dst, '@')
	}
	dst = append(dst, behind...)
	return append(dst, '"')
}

// AppendPing appends the venue's own ping; protocol pings may go unanswered.
func (d *Dialect) AppendPing(dst []byte, nowNS int64) []byte {
	return append(dst, `{"method":"PING"}`...)
}

// appendEscaped appends s for the inside of a JSON string. Symbols need no escape;
// one that does is escaped all the same, so that no name can end the string.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
