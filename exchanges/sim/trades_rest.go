package sim

import (
	"net/http"
	"slices"
	"strconv"
)

// Recent trades by REST, of the made-up market. A capture has none.

const (
	defaultTradesLimit = 100 // of the venue
	mostTrades         = 1000
)

// keepTrades remembers the last executions of a pair; the lock is held.
func (p *pair) keepTrades(ts []trade) {
	if len(p.recent)+len(ts) > 2*mostTrades {
		p.recent = append(p.recent[:0], p.recent[max(0, len(p.recent)-mostTrades):]...)
	}
	p.recent = append(p.recent, ts...)
}

// recentTrades are a pair's last executions, newest first, and the wall time of market
// time 0 as the server says it.
func (s *synthetic) recentTrades(name string, limit int) (p *pair, ts []trade, baseNS int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p = s.market.byName[name]; p == nil {
		return nil, nil, 0
	}
	ts = slices.Clone(p.recent[max(0, len(p.recent)-limit):])
	slices.Reverse(ts)
	return p, ts, s.momentAt(s.clockNS).baseNS
}

// serveTrades answers with the trades of the pair that a parameter names, each written by
// each.
func serveTrades(w http.ResponseWriter, r *http.Request, srv *Server, parameter string, each func(b []byte, p *pair, t trade, baseNS int64) []byte) {
	market, ok := srv.source.(*synthetic)
	name := r.URL.Query().Get(parameter)
	if !srv.source.knows(name) {
		restError(w, http.StatusBadRequest, "INVALID_PARAM_VALUE", "unknown "+parameter+" "+name)
		return
	}
	limit, err := strconv.Atoi(orDefault(r.URL.Query().Get("limit"), strconv.Itoa(defaultTradesLimit)))
	if err != nil || limit < 1 || limit > mostTrades {
		restError(w, http.StatusBadRequest, "INVALID_PARAM_VALUE", "limit wants 1 to 1000")
		return
	}
	if !ok {
		restError(w, http.StatusServiceUnavailable, "SERVER_ERROR", "no trades of "+name+" were recorded")
		return
	}
	p, ts, baseNS := market.recentTrades(name, limit)
	b := []byte{'['}
	for i, t := range ts {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(b, p, t, baseNS)
	}
	restBody(w, append(b, ']'))
}

// appendRESTTrade writes a trade as /spot/trades does: numbers as texts.
func appendRESTTrade(b []byte, p *pair, t trade, baseNS int64) []byte {
	at, side := baseNS+t.atNS, "sell"
	if t.buy {
		side = "buy"
	}
	id := strconv.FormatUint(t.id, 10)
	b = append(b, `{"id":"`+id+`","create_time":"`...)
	b = strconv.AppendInt(b, at/1e9, 10)
	b = append(b, `","create_time_ms":"`...)
	b = appendDecimal(b, at/1000, 3)
	b = append(b, `","currency_pair":"`+p.name+`","side":"`+side+`","amount":"`...)
	b = p.appendAmount(b, t.lots)
	b = append(b, `","price":"`...)
	b = p.appendPrice(b, t.ticks)
	return append(b, `","sequence_id":"`+id+`"}`...)
}

// appendRESTContractTrade writes a trade as /futures/usdt/trades does: create_time_ms is
// seconds.
func appendRESTContractTrade(b []byte, p *pair, t trade, baseNS int64, whole bool) []byte {
	at := baseNS + t.atNS
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, t.id, 10)
	b = append(b, `,"create_time":`...)
	b = strconv.AppendInt(b, at/1e9, 10)
	b = append(b, `,"create_time_ms":`...)
	b = appendDecimal(b, at/1e6, 3)
	b = append(b, `,"contract":"`+p.name+`","size":`...)
	b = p.appendTaken(b, t, whole)
	b = append(b, `,"price":"`...)
	b = p.appendPrice(b, t.ticks)
	return append(b, `"}`...)
}
