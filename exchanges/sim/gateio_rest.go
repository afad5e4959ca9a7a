package sim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// restSource answers the REST requests that depend on the data. A nil body means
// that there is no such thing.
type restSource interface {
	allPairs() []byte
	onePair(pair string) []byte
	orderBook(pair string, limit int, withID bool) []byte
}

const (
	defaultBookLimit = 10 // of the venue
	maxBookLimit     = 1000
)

func (g *gateio) serveREST(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		restError(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", r.Method+" is not allowed")
		return
	}
	path := strings.TrimPrefix(r.URL.Path, g.restPath())
	pair, one := strings.CutPrefix(path, "/spot/currency_pairs/")
	switch {
	case path == "/spot/time":
		restBody(w, append(strconv.AppendInt([]byte(`{"server_time":`), g.srv.now().UnixMilli(), 10), '}'))
	case path == "/spot/currency_pairs":
		restBody(w, g.rest.allPairs())
	case one:
		g.servePair(w, pair)
	case path == "/spot/order_book":
		g.serveBook(w, r)
	case path == "/spot/trades":
		serveTrades(w, r, g.srv, "currency_pair", appendRESTTrade)
	default:
		restError(w, http.StatusNotFound, "NOT_FOUND", "no such path")
	}
}

func (g *gateio) servePair(w http.ResponseWriter, pair string) {
	body := g.rest.onePair(pair)
	if body == nil {
		restError(w, http.StatusBadRequest, "INVALID_CURRENCY_PAIR", "unknown currency pair "+pair)
		return
	}
	restBody(w, body)
}

func (g *gateio) serveBook(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	pair := q.Get("currency_pair")
	if !g.srv.source.knows(pair) {
		restError(w, http.StatusBadRequest, "INVALID_CURRENCY_PAIR", "unknown currency pair "+pair)
		return
	}
	limit, err := strconv.Atoi(orDefault(q.Get("limit"), strconv.Itoa(defaultBookLimit)))
	if err != nil || limit < 1 || limit > maxBookLimit {
		restError(w, http.StatusBadRequest, "INVALID_PARAM_VALUE", "limit wants 1 to 1000")
		return
	}
	if i := q.Get("interval"); i != "" && i != "0" {
		restError(w, http.StatusBadRequest, "INVALID_PARAM_VALUE", "interval wants 0")
		return
	}
	body := g.rest.orderBook(pair, limit, q.Get("with_id") == "true")
	if body == nil {
		restError(w, http.StatusServiceUnavailable, "SERVER_ERROR", "no book of "+pair+" was recorded")
		return
	}
	restBody(w, body)
}

func restBody(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func restError(w http.ResponseWriter, status int, label, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"label": label, "message": message})
}

// restError answers with a status that is no fault of the request.
func (g *gateio) restError(w http.ResponseWriter, status int) {
	label := "SERVER_ERROR"
	if status == http.StatusTooManyRequests {
		label = "TOO_MANY_REQUESTS"
	}
	restError(w, status, label, http.StatusText(status))
}

// tradeStatus is the status of a pair; the faults halt some.
func tradeStatus(s *Server, pair string) string {
	if s.halted(pair) {
		return "untradable"
	}
	return "tradable"
}

// appendPairInfo writes a pair as /spot/currency_pairs does.
func appendPairInfo(b []byte, pair string, precision, amountPrecision int, status string) []byte {
	base, quote, _ := strings.Cut(pair, "_")
	b = append(b, `{"id":`...)
	b = appendJSON(b, pair)
	b = append(b, `,"base":`...)
	b = appendJSON(b, base)
	b = append(b, `,"quote":`...)
	b = appendJSON(b, quote)
	b = append(b, `,"fee":"0.2","min_base_amount":"`...)
	b = appendDecimal(b, 1, amountPrecision)
	b = append(b, `","min_quote_amount":"1","amount_precision":`...)
	b = strconv.AppendInt(b, int64(amountPrecision), 10)
	b = append(b, `,"precision":`...)
	b = strconv.AppendInt(b, int64(precision), 10)
	return append(b, `,"trade_status":"`+status+`","sell_start":1516378650,"buy_start":1516378650,"type":"normal"}`...)
}

// syntheticREST answers from the market.
type syntheticREST struct{ *synthetic }

func (s syntheticREST) allPairs() []byte {
	b := []byte{'['}
	for i, p := range s.market.pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPairInfo(b, p.name, p.priceDecimals, p.amountDecimals, tradeStatus(s.srv, p.name))
	}
	return append(b, ']')
}

func (s syntheticREST) onePair(pair string) []byte {
	p := s.market.byName[pair]
	if p == nil {
		return nil
	}
	return appendPairInfo(nil, p.name, p.priceDecimals, p.amountDecimals, tradeStatus(s.srv, p.name))
}

func (s syntheticREST) orderBook(pair string, limit int, withID bool) []byte {
	v, ok := s.view(pair, s.srv.fault().RESTStale)
	if !ok {
		return nil
	}
	b := []byte{'{'}
	if withID {
		b = append(b, `"id":`...)
		b = strconv.AppendUint(b, v.id, 10)
		b = append(b, ',')
	}
	b = append(b, `"current":`...)
	b = strconv.AppendInt(b, s.srv.now().UnixMilli(), 10)
	b = append(b, `,"update":`...)
	b = strconv.AppendInt(b, v.changedMS, 10)
	b = append(b, `,"asks":`...)
	b = v.pair.appendLevels(b, v.asks[:min(limit, len(v.asks))])
	b = append(b, `,"bids":`...)
	b = v.pair.appendLevels(b, v.bids[:min(limit, len(v.bids))])
	return append(b, '}')
}
