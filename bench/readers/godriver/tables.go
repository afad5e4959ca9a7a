package main

import (
	"fmt"
	"time"

	"github.com/tickring/tickring/ring"
)

func boardLine(l *line, slot ring.BoardSlot, rec *ring.Record) string {
	return l.key("slot", slot.String()).record(rec)
}

func (d *driver) board(args []string) string {
	var rec ring.Record
	for _, slot := range boardSlots {
		if slot.String() != args[1] {
			continue
		}
		a := d.reader.view().ReadBoard(int(number(args[0])), slot, &rec)
		if a == ring.AnswerRecord {
			return boardLine(newLine("BOARD"), slot, &rec)
		}
		return a.String()
	}
	return "ERROR ARGUMENT"
}

func (d *driver) book(args []string) string {
	id := int(number(args[0]))
	b := ring.NewBook(d.reader.view().BookDepth())
	if a := d.reader.view().ReadBook(id, b); a != ring.AnswerRecord {
		return a.String()
	}
	h := &b.Header
	return newLine("BOOK").uint("instrument", uint64(id)).uint("version", h.Version).uint("as_of", h.AsOf).
		int("event_time_ns", h.EventTimeNS).int("recv_time_ns", h.RecvTimeNS).
		uint("venue_sequence", h.VenueSequence).uint("book_epoch", uint64(h.BookEpoch)).
		uint("bid_count", uint64(h.BidCount)).uint("ask_count", uint64(h.AskCount)).
		small("price_exponent", h.PriceExponent).small("quantity_exponent", h.QuantityExponent).
		key("flags", set(uint64(h.Flags), ring.BookFlagNames[:])).int("publish_time_ns", h.PublishTimeNS).
		key("bids", levels(b.Bids())).key("asks", levels(b.Asks())).String()
}

func (d *driver) segment([]string) string {
	v := d.reader.view()
	return newLine("SEGMENT").text("feed", []byte(v.Feed())).text("venue", []byte(v.Venue())).
		uint("generation", v.Generation()).key("source", named(v.Source(), "SOURCE_")).
		key("state", named(v.State(), "STATE_")).uint("slots", uint64(v.Slots())).
		uint("book_depth", uint64(v.BookDepth())).uint("instrument_count", uint64(v.InstrumentCount())).
		uint("watermark", v.Watermark()).uint("last_sequence", v.LastSequence()).String()
}

func (d *driver) instruments([]string) string {
	v := d.reader.view()
	var in ring.Instrument
	for id := 0; v.Instrument(id, &in); id++ {
		d.say(newLine("INSTRUMENT").uint("id", uint64(id)).text("symbol", []byte(in.Symbol())).
			key("channels", set(uint64(in.Channels), ring.ChannelNames[:])).padded("venue_symbol", in.VenueSymbol[:]).
			padded("base", in.Base[:]).padded("quote", in.Quote[:]).int("tick", in.Tick).int("lot", in.Lot).
			small("tick_exponent", in.TickExponent).small("lot_exponent", in.LotExponent).
			small("price_exponent", in.PriceExponent).small("quantity_exponent", in.QuantityExponent).
			small("multiplier_exponent", in.MultiplierExponent).int("multiplier", in.Multiplier).
			int("added_time_ns", in.AddedTimeNS).String())
	}
	return ""
}

func (d *driver) find(args []string) string {
	id, ok := d.reader.view().Find(args[0])
	if !ok {
		return "ERROR NO_INSTRUMENT"
	}
	return fmt.Sprintf("FOUND id=%d", id)
}

func (d *driver) state(args []string) string {
	var s ring.InstrumentState
	id := int(number(args[0]))
	if !d.reader.view().InstrumentState(id, &s) {
		return "ERROR NO_INSTRUMENT"
	}
	return newLine("STATE").uint("instrument", uint64(id)).
		key("bits", set(uint64(s.Bits()), ring.StateBitNames[:])).uint("book_epoch", uint64(s.BookEpoch())).
		int("last_seen_ns", s.LastSeenNS).int("book_ticker_last_seen_ns", s.BookTickerLastSeenNS).
		int("trade_last_seen_ns", s.TradeLastSeenNS).int("depth_last_seen_ns", s.DepthLastSeenNS).
		int("ticker_last_seen_ns", s.TickerLastSeenNS).row("connection", uint64(s.Connection)).
		key("stale", set(uint64(s.Stale), ring.ChannelNames[:])).
		key("acknowledged", set(uint64(s.Acknowledged), ring.ChannelNames[:])).
		key("refused", set(uint64(s.Refused), ring.ChannelNames[:])).String()
}

func (d *driver) connection(args []string) string {
	var c ring.Connection
	row := int(number(args[0]))
	if !d.reader.view().Connection(row, &c) {
		return "ERROR ARGUMENT"
	}
	return newLine("CONNECTION").uint("row", uint64(row)).key("state", named(ring.ConnectionState(c.State), "CONNECTION_STATE_")).
		int("last_receive_ns", c.LastReceiveNS).int("connected_since_ns", c.ConnectedSinceNS).
		uint("reconnects", c.Reconnects).uint("frames", c.Frames).uint("bytes", c.Bytes).
		uint("decode_errors", c.DecodeErrors).int("round_trip_ns", c.RoundTripNS).
		padded("endpoint", c.Endpoint[:]).String()
}

func (d *driver) counter(args []string) string {
	index := number(args[0])
	return fmt.Sprintf("COUNTER index=%d value=%d", index, d.reader.view().Counter(ring.Counter(index)))
}

func (d *driver) fresh(args []string) string {
	within := time.Duration(number(args[1]))
	if !d.reader.damaged && d.reader.view().FreshWithin(int(number(args[0])), within) {
		return "FRESH 1"
	}
	return "FRESH 0"
}

func (d *driver) age(args []string) string {
	age, ok := d.reader.view().QuoteAge(int(number(args[0])))
	switch {
	case !ok:
		return "AGE none"
	case int64(age) <= number(args[1]):
		return "AGE within"
	}
	return "AGE beyond"
}
