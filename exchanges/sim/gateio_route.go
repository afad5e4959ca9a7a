package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// gateioFrame is what routing reads of a message of the venue.
type gateioFrame struct {
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Type    string          `json:"type"`
	Error   json.RawMessage `json:"error"`
	Result  json.RawMessage `json:"result"`
}

// gateioResult names a stream in the ways the channels do.
type gateioResult struct {
	Stream string `json:"s"`
	Pair   string `json:"currency_pair"`
	Level  string `json:"l"`
	Name   string `json:"n"`
}

// routeGateio reads the route of a captured message. Answers to requests, pongs
// and notices about the recorded connection are not resent: they belong to that
// connection. What cannot be read is data for everybody.
func routeGateio(frame []byte) (route, bool) {
	var f gateioFrame
	if !readLoosely(frame, &f) {
		return route{}, true
	}
	switch {
	case f.Event == "subscribe", f.Event == "unsubscribe":
		return route{}, false
	case len(f.Error) > 0 && string(f.Error) != "null":
		return route{}, false
	case f.Channel == chPong, f.Channel == chPing, f.Channel == chSystem:
		return route{}, false
	case f.Channel == "" && f.Type == "upgrade":
		return route{}, false
	}
	return resultRoute(f), true
}

func resultRoute(f gateioFrame) route {
	result := bytes.TrimSpace(f.Result)
	if bytes.HasPrefix(result, []byte("[")) {
		var list []json.RawMessage
		if !readLoosely(result, &list) || len(list) == 0 {
			return route{channel: f.Channel}
		}
		result = list[0]
	}
	var r gateioResult
	if !readLoosely(result, &r) {
		return route{channel: f.Channel}
	}
	switch f.Channel {
	case chOBU:
		pair, level, _ := cutOBU(r.Stream)
		return route{f.Channel, pair, level}
	case chCandles:
		level, pair, _ := strings.Cut(r.Name, "_")
		return route{f.Channel, pair, level}
	case chTop:
		return route{f.Channel, r.Stream, r.Level}
	}
	return route{channel: f.Channel, pair: orDefault(r.Pair, r.Stream)}
}

// readLoosely decodes JSON and puts up with members of another type, which stay
// empty; false when it is no JSON.
func readLoosely(b []byte, into any) bool {
	err := json.Unmarshal(b, into)
	var wrongType *json.UnmarshalTypeError
	return err == nil || errors.As(err, &wrongType)
}
