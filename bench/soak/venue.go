package main

import (
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/gateiofutures"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// Deadlines of the session, shorter than the venues' so that a second of silence is
// as telling as half a minute.
const (
	pingInterval = 500 * time.Millisecond
	pongDeadline = 1500 * time.Millisecond
	ackDeadline  = 700 * time.Millisecond

	snapshotDeadline = time.Second
)

// hastyGateio is the dialect with short deadlines.
type hastyGateio struct{ *gateio.Dialect }

// PingIntervalNS, PongDeadlineNS and AckDeadlineNS stand for the venue's.
func (hastyGateio) PingIntervalNS() int64 { return int64(pingInterval) }
func (hastyGateio) PongDeadlineNS() int64 { return int64(pongDeadline) }
func (hastyGateio) AckDeadlineNS() int64  { return int64(ackDeadline) }

// Streams has a short bound for a snapshot that does not come.
func (d hastyGateio) Streams(ch ring.Channel) []exchanges.StreamInfo {
	return hastySnapshots(d.Dialect.Streams(ch))
}

func hastySnapshots(streams []exchanges.StreamInfo) []exchanges.StreamInfo {
	for i := range streams {
		streams[i].FirstDataBoundNS = min(streams[i].FirstDataBoundNS, int64(snapshotDeadline))
	}
	return streams
}

// hastyFutures is the dialect with short deadlines.
type hastyFutures struct{ *gateiofutures.Dialect }

// PingIntervalNS, PongDeadlineNS and AckDeadlineNS stand for the venue's.
func (hastyFutures) PingIntervalNS() int64 { return int64(pingInterval) }
func (hastyFutures) PongDeadlineNS() int64 { return int64(pongDeadline) }
func (hastyFutures) AckDeadlineNS() int64  { return int64(ackDeadline) }

// Streams has a short bound for a snapshot that does not come.
func (d hastyFutures) Streams(ch ring.Channel) []exchanges.StreamInfo {
	return hastySnapshots(d.Dialect.Streams(ch))
}

// hastyMEXC is the dialect with short deadlines.
type hastyMEXC struct{ *mexc.Dialect }

// PingIntervalNS, PongDeadlineNS and AckDeadlineNS stand for the venue's.
func (hastyMEXC) PingIntervalNS() int64 { return int64(pingInterval) }
func (hastyMEXC) PongDeadlineNS() int64 { return int64(pongDeadline) }
func (hastyMEXC) AckDeadlineNS() int64  { return int64(ackDeadline) }

// bookKind is what the depth events of a world are.
type bookKind uint8

const (
	bookDeltas    bookKind = iota // deltas whose snapshot comes by REST
	bookStream                    // a snapshot in the stream, then deltas
	bookSnapshots                 // every event is the whole book
)

// setting is one way to run a venue.
type setting struct {
	venue   string
	options [][2]string
	book    bookKind
	// rolling: connections are replaced all the time, so that items of two overlap.
	rolling bool
	// idStep is how far the ids of consecutive trades lie apart.
	idStep uint64
	// tradesPerFrame is 1 where a frame has one trade, 0 where it has any number.
	tradesPerFrame uint64
	// halves is 1 where half of a message may be a whole one.
	halves uint64
	// perpetual: a ticker is two records.
	perpetual bool
	// elsewhere is how many of the pairs the venue may list in another market.
	elsewhere int
	// rate is frames a second and connection.
	rate int
	// name is what the venue's account calls the stream of a channel.
	name func(ch ring.Channel, native string) string
}

// gateioSetting runs Gate.io with one of its book channels.
func gateioSetting(option, stream, suffix string, book bookKind) setting {
	return setting{
		venue: "gateio", options: [][2]string{{"gateio.book", option}}, book: book, idStep: 1, tradesPerFrame: 1, rate: 600,
		name: func(ch ring.Channel, native string) string {
			switch ch {
			case ring.ChannelBookTicker:
				return "spot.book_ticker " + native
			case ring.ChannelTrades:
				return "spot.trades " + native
			case ring.ChannelTicker:
				return "spot.tickers " + native
			}
			return stream + " " + native + " " + suffix
		},
	}
}

// quotedInBTC is how many of the pairs that the simulator makes are not settled in USDT.
const quotedInBTC = 2

// futuresSetting runs Gate.io's perpetuals with one of their book channels. The
// executions of one taker are one frame.
func futuresSetting(option, stream, suffix string, book bookKind) setting {
	return setting{
		venue: "gateio-futures", options: [][2]string{{"gateio-futures.book", option}}, book: book, idStep: 1,
		perpetual: true, elsewhere: quotedInBTC, rate: 300,
		name: func(ch ring.Channel, native string) string {
			switch ch {
			case ring.ChannelBookTicker:
				return "futures.book_ticker " + native
			case ring.ChannelTrades:
				return "futures.trades " + native
			case ring.ChannelTicker:
				return "futures.tickers " + native
			}
			return stream + " " + native + " " + suffix
		},
	}
}

// mexcSetting runs MEXC with one of its book channels.
func mexcSetting(book bookKind, before, behind, quotes string, options ...[2]string) setting {
	return setting{
		venue: "mexc", options: options, book: book, idStep: 2, halves: 1, rate: 60,
		name: func(ch ring.Channel, native string) string {
			switch ch {
			case ring.ChannelBookTicker:
				return quotes + native
			case ring.ChannelTrades:
				return "spot@public.aggre.deals.v3.api.pb@10ms@" + native
			case ring.ChannelTicker:
				return "spot@public.miniTicker.v3.api.pb@" + native + "@24H"
			}
			return before + native + behind
		},
	}
}

// rounds are the settings that run side by side, one of each venue, in turn.
func rounds() [][]setting {
	const windows, batch = "spot@public.aggre.bookTicker.v3.api.pb@10ms@", "spot@public.bookTicker.batch.v3.api.pb@"
	const limit, aggre = "spot@public.limit.depth.v3.api.pb@", "spot@public.aggre.depth.v3.api.pb@100ms@"
	rolling := mexcSetting(bookSnapshots, limit, "@20", batch,
		[2]string{"mexc.book", "limit.depth@20"}, [2]string{"mexc.ticker", "batch"}, [2]string{"mexc.life", "3s"})
	rolling.rolling = true
	return [][]setting{
		{
			gateioSetting("obu@50", "spot.obu", "50", bookStream),
			mexcSetting(bookDeltas, aggre, "", batch, [2]string{"mexc.book", "aggre.depth@100ms"}, [2]string{"mexc.ticker", "batch"}),
			futuresSetting("order_book_update@100ms", "futures.order_book_update", "100 100ms", bookDeltas),
		},
		{
			gateioSetting("order_book_update@100ms", "spot.order_book_update", "100ms", bookDeltas),
			mexcSetting(bookSnapshots, limit, "@20", windows, [2]string{"mexc.book", "limit.depth@20"}),
			futuresSetting("obu@50", "futures.obu", "50", bookStream),
		},
		{
			gateioSetting("order_book@20", "spot.order_book", "20100ms", bookSnapshots),
			rolling,
			futuresSetting("order_book@20", "futures.order_book", "20", bookSnapshots),
		},
	}
}

// dialect makes the setting's dialect.
func (s setting) dialect() (feed.Dialect, error) {
	switch s.venue {
	case "mexc":
		d := mexc.New()
		return hastyMEXC{d}, set(d.Set, s.options)
	case "gateio-futures":
		d := gateiofutures.New()
		return hastyFutures{d}, set(d.Set, s.options)
	}
	d := gateio.New()
	return hastyGateio{d}, set(d.Set, s.options)
}

func set(one func(key, value string) error, options [][2]string) error {
	for _, o := range options {
		if err := one(o[0], o[1]); err != nil {
			return err
		}
	}
	return nil
}
