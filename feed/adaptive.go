package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Adaptive subscriptions: an instrument of which nothing is new for longer than
// IdleAfter keeps its ticker, the slow channel, and ends the fast ones; the first ticker
// that tells something new brings them back. What rests is marked stale, so that nobody
// takes the last quote for the present one.

// fastChannels are ended while an instrument rests.
const fastChannels = ring.ChannelBookTicker | ring.ChannelTrades | ring.ChannelOrderBook

// pulse is what tells that an instrument moves. Hot thread only.
type pulse struct {
	movedNS int64        // when something new came last, 0 before the first
	resting ring.Channel // ended for want of movement; asked for again when it moves
	ticker  tickerMark   // the last ticker
}

// tickerMark is what of a ticker moves with the market.
type tickerMark struct {
	last, bid, ask, volume exchanges.Decimal
}

// moved notes that an item told something new; a repeated quote does not.
func (h *hot) moved(in *instrument, it *exchanges.Item) {
	if it.Kind != ring.KindTicker {
		in.pulse.movedNS = h.recvNS
		return
	}
	m := tickerMark{it.Prices[exchanges.TickerLast], it.Prices[exchanges.TickerBid], it.Prices[exchanges.TickerAsk], it.Quantities[exchanges.BaseVolume]}
	known := in.pulse.ticker != tickerMark{}
	if m == in.pulse.ticker {
		return
	}
	in.pulse.ticker = m
	if known && in.pulse.resting != 0 {
		h.wake(in)
	}
}

// rest ends the fast channels of instruments that have been still for too long.
func (h *hot) rest(now int64) {
	for _, in := range h.instruments {
		ticker := in.subs[channelIndex(ring.ChannelTicker)]
		if ticker == nil || ticker.state != subActive || in.wanted&fastChannels == 0 || !in.isStill(h.idleAfterNS, now) {
			continue
		}
		resting := in.wanted & fastChannels
		h.unwant(in, resting)
		in.pulse.resting = resting
		in.stale |= resting
		h.settle(in)
		h.w.SetStaleChannels(in.id, in.stale)
		open := h.openFrame(now)
		h.announceStale(in, ring.ReasonQuiet, in.pulse.movedNS)
		h.closeFrame(open)
	}
}

// isStill says that every fast channel was asked for and answered, and that nothing new
// came for a time since.
func (in *instrument) isStill(idleNS, now int64) bool {
	since := in.pulse.movedNS
	for k, s := range in.subs {
		switch {
		case s == nil || s.stream.Channel&fastChannels == 0 || s.state == subIdle || s.state == subRefused:
		case s.state != subActive:
			return false
		default:
			since = max(since, in.subs[k].activeNS)
		}
	}
	return now-since > idleNS
}

// wake asks for what an instrument rested from.
func (h *hot) wake(in *instrument) {
	channels := in.pulse.resting
	in.pulse.movedNS = h.recvNS
	h.want(in, channels)
	h.hasten(h.recvNS) // the requests go out with the next tick
}

// rouse takes channels from what rests: they are asked for, or ended for good.
func (in *instrument) rouse(channels ring.Channel) {
	ended := in.pulse.resting & channels
	in.pulse.resting &^= ended
	in.stale &^= ended
}
