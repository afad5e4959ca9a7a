package feed

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Intent: what a take-over waits for, by what the owner shows and what is here.
func TestWhatATakeoverWaitsFor(t *testing.T) {
	all := uint32(ring.AllChannels)
	state := func(bits ring.StateBit, stale, acknowledged uint32) ring.InstrumentState {
		return ring.InstrumentState{Word: uint64(bits), Stale: stale, Acknowledged: acknowledged}
	}
	here := func(set func(in *instrument)) *instrument {
		in := &instrument{symbol: Symbol{"BTC", "USDT"}}
		for i, name := range []string{"quotes", "trades", "book", "ticker"} {
			in.subs[i] = &subscription{inst: in, state: subActive, stream: &exchanges.StreamInfo{Name: name, Channel: 1 << i}}
		}
		if set != nil {
			set(in)
		}
		return in
	}
	cases := []struct {
		name       string
		old        ring.InstrumentState
		here       *instrument
		unanswered int
		missing    string
		refused    string
	}{
		{"all there", state(0, 0, all), here(nil), 0, "", ""},
		{"streams not answered", state(0, 0, all), here(func(in *instrument) {
			in.subs[0].state, in.subs[1].state = subWanted, subRequested
		}), 2, "", ""},
		{"no data of any channel: trades are not waited for", state(0, 0, all), here(func(in *instrument) {
			in.stale = ring.AllChannels
		}), 0, "quotes book ticker", ""},
		{"what is stale at the owner is not waited for", state(0, uint32(ring.ChannelTicker), all), here(func(in *instrument) {
			in.stale = ring.AllChannels
		}), 0, "quotes book", ""},
		{"a book that is suspect at the owner is not waited for", state(ring.BitSuspect, 0, all), here(func(in *instrument) {
			in.stale, in.bits = ring.ChannelOrderBook, ring.BitSuspect
		}), 0, "", ""},
		{"a book that is suspect here alone is", state(0, 0, all), here(func(in *instrument) {
			in.bits = ring.BitSuspect
		}), 0, "book", ""},
		{"what the owner does not have is not waited for", state(0, 0, 0), here(func(in *instrument) {
			in.stale = ring.AllChannels
		}), 0, "", ""},
		{"a refusal is an answer", state(0, 0, uint32(ring.ChannelTrades)), here(func(in *instrument) {
			in.subs[0].state, in.subs[1].state = subRefused, subRefused
		}), 0, "", "trades"},
		{"channels that are not asked for here", state(0, 0, all), here(func(in *instrument) {
			in.subs[0], in.subs[2].state, in.stale = nil, subIdle, ring.AllChannels
		}), 0, "ticker", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var seen progress
			c.here.compare(oldState(&c.old), &seen)
			assert.Equal(t, c.unanswered, seen.unanswered)
			assert.Equal(t, c.missing, strings.ReplaceAll(strings.Join(seen.missing, " "), "BTC/USDT ", ""))
			assert.Equal(t, c.refused, strings.ReplaceAll(strings.Join(seen.refused, " "), "BTC/USDT ", ""))
		})
	}
}
