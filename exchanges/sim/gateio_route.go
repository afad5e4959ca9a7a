package sim

import (
	"bytes"
	"strings"

	"github.com/gobwas/ws"
)

// gateioFrame is what routing reads of a message of the venue.
type gateioFrame struct {
	channel, event, kind string
	refused              bool
	result               []byte
}

// gateioResult names a stream in the ways the channels do.
type gateioResult struct {
	stream, pair, level, name string
}

func readGateioFrame(b []byte) (f gateioFrame, ok bool) {
	ok = members(b, func(name, value []byte) {
		switch string(name) {
		case "channel":
			f.channel, _ = text(value)
		case "event":
			f.event, _ = text(value)
		case "type":
			f.kind, _ = text(value)
		case "error":
			f.refused = string(value) != "null"
		case "result":
			f.result = value
		}
	})
	return f, ok
}

func readGateioResult(b []byte) (r gateioResult) {
	// A list of trades has the pair in its first element.
	if element, ok := bytes.CutPrefix(b, []byte("[")); ok {
		from := skipBlank(element, 0)
		b = element[from:min(skipValue(element, from), len(element))]
	}
	members(b, func(name, value []byte) {
		switch string(name) {
		case "s":
			r.stream, _ = text(value)
		case "currency_pair":
			r.pair, _ = text(value)
		case "l":
			r.level, _ = text(value)
		case "n":
			r.name, _ = text(value)
		}
	})
	return r
}

// routeGateio reads the route of a captured message. Answers to requests, pongs
// and notices about the recorded connection are not resent: they belong to that
// connection. What cannot be read is data for everybody.
func routeGateio(_ ws.OpCode, frame []byte) (route, bool) {
	f, ok := readGateioFrame(frame)
	switch {
	case !ok:
		return route{}, true
	case f.event == "subscribe", f.event == "unsubscribe", f.refused:
		return route{}, false
	case f.channel == chPong, f.channel == chPing, f.channel == chSystem:
		return route{}, false
	case f.channel == "" && f.kind == "upgrade":
		return route{}, false
	}
	r := readGateioResult(f.result)
	switch f.channel {
	case chOBU:
		pair, level, _ := cutOBU(r.stream)
		return route{f.channel, pair, level, true}, true
	case chCandles:
		level, pair, _ := strings.Cut(r.name, "_")
		return route{f.channel, pair, level, false}, true
	case chTop:
		return route{f.channel, r.stream, r.level, false}, true
	}
	return route{channel: f.channel, pair: orDefault(r.pair, r.stream), delta: f.channel == chDiffs}, true
}
