package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// channelCount is the number of channels, each with one stream at a time.
const channelCount = 4

// channelIndex is the place of a channel in an instrument's subscriptions.
func channelIndex(ch ring.Channel) int {
	switch ch {
	case ring.ChannelBookTicker:
		return 0
	case ring.ChannelTrades:
		return 1
	case ring.ChannelOrderBook:
		return 2
	}
	return 3
}

// kindIndex is channelIndex by kind of record; 4 for kinds of no channel. What is told
// of a perpetual comes with the ticker.
var kindIndex = [8]uint8{
	ring.KindBookTicker: 0, ring.KindTrade: 1, ring.KindDepth: 2, ring.KindTicker: 3,
	0: 4, ring.KindStatus: 4, ring.KindPerpetual: 3, 7: 4,
}

// subState is the life of one (stream, instrument) pair.
type subState uint8

const (
	subIdle      subState = iota // not asked for
	subWanted                    // to be asked for
	subRequested                 // asked, no answer yet
	subActive                    // acknowledged
	subRefused                   // refused; asked again after a reconnect
	subLeaving                   // unsubscribe to be sent
)

// subscription is one (stream, instrument) pair.
type subscription struct {
	inst   *instrument
	stream *exchanges.StreamInfo
	state  subState
	conn   *conn
	leg    uint8
	jumped bool // it brought a depth event behind a hole that may be filled

	lastDataNS  int64 // receive time of the newest data, 0 before the first
	activeNS    int64 // when it was acknowledged
	firstDataNS int64 // when the first data must have come, 0 none awaited
	retryNS     int64 // not asked for before
	retryWaitNS int64 // grows with each retry of the subscription alone
	badNS       int64 // receive time of the last message that could not be decoded
	counted     bool  // among its connection's used
	unheard     bool  // a request on this socket was not answered in time

	refusal string // the venue's words, of the newest refusal
}

// connGroup says which streams may share a connection.
type connGroup struct {
	leg    uint8
	urgent bool // it carries none but symbols that come first, and is dealt with first
}

// group is that of the stream's connections.
func (s *subscription) group() connGroup { return connGroup{s.leg, s.inst.urgent} }

// instrument is the hot thread's own side of a row of the instrument table.
type instrument struct {
	id     uint16
	symbol Symbol
	native string
	urgent bool // of the symbols that come first
	wanted ring.Channel
	subs   [channelCount]*subscription          // the carriers
	legs   [channelCount][maxLegs]*subscription // by leg, the carriers among them

	price    scale
	quantity scale
	// mark is the exponent of mark and index prices; multiplier is zero where there is none.
	mark       int8
	multiplier exchanges.Decimal

	bits           ring.StateBit
	epoch          uint32
	stale          ring.Channel // channels without trustworthy freshness
	staleAnnounced bool         // a STALE record stands against it

	quote    quote  // the last one published
	quoteSeq uint64 // venue sequence of the last book ticker
	quoteNS  int64  // when the venue said it
	quoteRow uint16 // the connection that brought it
	tradeID  uint64 // greatest number of a trade
	trades   *tradeMemory
	fill     *tradeFill // trades of an outage that are to be fetched, nil none
	pulse    pulse      // whether it moves, where that is asked for
	mergeNS  int64      // until then two connections may bring the same data

	quoteFirst, depthFirst arrival // of the newest, where there are several legs
	holeNS                 int64   // since when a hole in one leg waits for another, 0 none

	book       *localBook // of a stream that a book can be made of
	rest       *restBook  // where the book's snapshot comes by REST
	bookSynced bool
	bookID     uint64 // venue sequence of the book, or of the last delta
	depthID    uint64 // venue sequence of the connection's newest depth event
	depthNS    int64  // when the venue said it
	lostNS     int64  // when the connection was lost; a GAP is due with the next book data
	lostID     uint64 // bookID at that time

	resentNS    int64  // when the book was last published because somebody asked
	resentFirst uint64 // the ring's number of its RESYNC_BEGIN
}

// isEvent says that a stream reports events: its silence says nothing.
func isEvent(s *exchanges.StreamInfo) bool { return s.Kind == ring.KindTrade }

// wants says whether data of a kind are asked for.
func (in *instrument) wants(k ring.Kind) bool {
	i := kindIndex[k&7]
	return i < channelCount && in.wanted&(1<<i) != 0
}

// quote is what a book ticker says, to tell repeats.
type quote struct {
	bidPrice, bidQuantity, askPrice, askQuantity int64
	priceExponent, quantityExponent              int8
	known                                        bool
}

// widen brings a quote along when its instrument's scale moves, so that one which
// says the same afterwards is still a repeat.
func (q *quote) widen(prices bool, from, to int8) {
	exponent, mantissas := &q.quantityExponent, [2]*int64{&q.bidQuantity, &q.askQuantity}
	if prices {
		exponent, mantissas = &q.priceExponent, [2]*int64{&q.bidPrice, &q.askPrice}
	}
	if !q.known || *exponent != from {
		return
	}
	*exponent = to
	for _, m := range mantissas {
		if *m != ring.Absent {
			*m *= pow10[int(from)-int(to)] // fits: the scale has noted it
		}
	}
}
