package sim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// mexcRESTSource answers the REST requests that depend on the data. A nil body
// means that there is no such thing.
type mexcRESTSource interface {
	// names lists every pair.
	names() []string
	// info is the object of a pair in exchangeInfo.
	info(pair, status string) []byte
	depth(pair string, limit int, stale bool) []byte
}

// Levels a side of a depth answer: the default, what the documentation allows, and
// what the venue gives at most (probed 2026-10).
const (
	mexcDefaultLimit = 100
	mexcMaxLimit     = 5000
	mexcMostLevels   = 2000
)

// Codes of MEXC's REST errors.
const (
	mexcBadParameter  = 700004
	mexcInvalidSymbol = -1121
)

func (m *mexc) serveREST(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		m.restError(w, http.StatusMethodNotAllowed)
		return
	}
	switch strings.TrimPrefix(r.URL.Path, "/api/v3") {
	case "/ping":
		restBody(w, []byte(`{}`))
	case "/time":
		restBody(w, append(strconv.AppendInt([]byte(`{"serverTime":`), m.srv.now().UnixMilli(), 10), '}'))
	case "/exchangeInfo":
		m.serveInfo(w, r)
	case "/depth":
		m.serveDepth(w, r)
	default:
		m.restError(w, http.StatusNotFound)
	}
}

func mexcRESTError(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Message string `json:"msg"`
		Code    int    `json:"code"`
	}{message, code})
}

// serveInfo describes all pairs, or those asked for.
func (m *mexc) serveInfo(w http.ResponseWriter, r *http.Request) {
	names := m.rest.names()
	if one := r.URL.Query().Get("symbol"); one != "" {
		names = []string{one}
	} else if some := r.URL.Query().Get("symbols"); some != "" {
		names = strings.Split(some, ",")
	}
	b := append([]byte(`{"timezone":"CST","serverTime":`), strconv.FormatInt(m.srv.now().UnixMilli(), 10)...)
	b = append(b, `,"rateLimits":[],"exchangeFilters":[],"symbols":[`...)
	for i, name := range names {
		info := m.rest.info(name, m.tradeStatus(name))
		if info == nil {
			mexcRESTError(w, http.StatusBadRequest, mexcInvalidSymbol, "Invalid symbol.")
			return
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, info...)
	}
	restBody(w, append(b, ']', '}'))
}

// tradeStatus: 1 online, 2 paused; the faults halt some.
func (m *mexc) tradeStatus(pair string) string {
	if m.srv.halted(pair) {
		return "2"
	}
	return "1"
}

func (m *mexc) serveDepth(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	pair := q.Get("symbol")
	if !m.srv.source.knows(pair) {
		mexcRESTError(w, http.StatusBadRequest, mexcInvalidSymbol, "Invalid symbol.")
		return
	}
	limit, err := strconv.Atoi(orDefault(q.Get("limit"), strconv.Itoa(mexcDefaultLimit)))
	if err != nil || limit < 1 || limit > mexcMaxLimit {
		mexcRESTError(w, http.StatusBadRequest, mexcBadParameter, "limit wants 1 to 5000")
		return
	}
	body := m.rest.depth(pair, min(limit, mexcMostLevels), m.srv.fault().RESTStale)
	if body == nil {
		m.restError(w, http.StatusServiceUnavailable)
		return
	}
	restBody(w, body)
}

// appendMEXCInfo writes a pair as exchangeInfo does, keys in its order.
func appendMEXCInfo(b []byte, base, quote string, price, amount int, status string) []byte {
	number := func(name string, n int) { b = append(b, `,"`+name+`":`+strconv.Itoa(n)...) }
	b = append(b, `{"symbol":`...)
	b = appendJSON(b, base+quote)
	b = append(b, `,"status":"`+status+`","baseAsset":`...)
	b = appendJSON(b, base)
	number("baseAssetPrecision", amount)
	b = append(b, `,"quoteAsset":`...)
	b = appendJSON(b, quote)
	number("quotePrecision", price)
	number("quoteAssetPrecision", price)
	number("baseCommissionPrecision", amount)
	number("quoteCommissionPrecision", price)
	b = append(b, `,"orderTypes":["LIMIT","MARKET","LIMIT_MAKER"],"isSpotTradingAllowed":true,"isMarginTradingAllowed":false,`...)
	b = append(b, `"quoteAmountPrecision":"1","baseSizePrecision":"`...)
	b = appendDecimal(b, 1, amount)
	return append(b, `","permissions":["SPOT"],"filters":[],"maxQuoteAmount":"2000000","makerCommission":"0","takerCommission":"0.0005"}`...)
}

// mexcMarketREST answers from the market.
type mexcMarketREST struct{ *synthetic }

func (s mexcMarketREST) names() []string {
	names := make([]string, len(s.market.pairs))
	for i, p := range s.market.pairs {
		names[i] = p.name
	}
	return names
}

func (s mexcMarketREST) info(pair, status string) []byte {
	p := s.market.byName[pair]
	if p == nil {
		return nil
	}
	return appendMEXCInfo(nil, p.base, p.quote, p.priceDecimals, p.amountDecimals, status)
}

func (s mexcMarketREST) depth(pair string, limit int, stale bool) []byte {
	v, ok := s.view(pair, stale)
	if !ok {
		return nil
	}
	b := strconv.AppendUint([]byte(`{"lastUpdateId":`), v.id, 10)
	b = append(b, `,"bids":`...)
	b = v.pair.appendPaddedLevels(b, v.bids[:min(limit, len(v.bids))])
	b = append(b, `,"asks":`...)
	b = v.pair.appendPaddedLevels(b, v.asks[:min(limit, len(v.asks))])
	b = append(b, `,"timestamp":`...)
	return append(strconv.AppendInt(b, s.srv.now().UnixMilli(), 10), '}')
}

func (p *pair) appendPaddedLevels(b []byte, levels []level) []byte {
	b = append(b, '[')
	for i, l := range levels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[', '"')
		b = appendPadded(b, l.ticks, p.priceDecimals)
		b = append(b, '"', ',', '"')
		b = appendPadded(b, l.lots, p.amountDecimals)
		b = append(b, '"', ']')
	}
	return append(b, ']')
}
