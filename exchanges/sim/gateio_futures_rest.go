package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxFutBookLimit is the deepest book that was seen to be served.
const maxFutBookLimit = 300

func (g *gateioFutures) serveREST(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		restError(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", r.Method+" is not allowed")
		return
	}
	path := strings.TrimPrefix(r.URL.Path, g.restPath())
	contract, one := strings.CutPrefix(path, "/futures/usdt/contracts/")
	switch {
	case path == "/spot/time":
		restBody(w, append(strconv.AppendInt([]byte(`{"server_time":`), g.srv.now().UnixMilli(), 10), '}'))
	case path == "/futures/usdt/contracts":
		restBody(w, g.rest.allPairs())
	case one:
		g.serveContract(w, contract)
	case path == "/futures/usdt/order_book":
		g.serveBook(w, r)
	case path == "/futures/usdt/trades":
		whole := r.Header.Get(sizeHeader) != "1"
		serveTrades(w, r, g.srv, "contract", func(b []byte, p *pair, t trade, baseNS int64) []byte {
			return appendRESTContractTrade(b, p, t, baseNS, whole)
		})
	default:
		restError(w, http.StatusNotFound, "NOT_FOUND", "no such path")
	}
}

func (g *gateioFutures) serveContract(w http.ResponseWriter, contract string) {
	body := g.rest.onePair(contract)
	if body == nil {
		restError(w, http.StatusBadRequest, "CONTRACT_NOT_FOUND", "contract "+contract+" not found")
		return
	}
	restBody(w, body)
}

func (g *gateioFutures) serveBook(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	contract := q.Get("contract")
	if !g.knows(contract) {
		restError(w, http.StatusBadRequest, "CONTRACT_NOT_FOUND", "contract "+contract+" not found")
		return
	}
	limit, err := strconv.Atoi(orDefault(q.Get("limit"), strconv.Itoa(defaultBookLimit)))
	if err != nil || limit < 1 || limit > maxFutBookLimit {
		restError(w, http.StatusBadRequest, "INVALID_PARAM_VALUE", "limit wants 1 to 300")
		return
	}
	if i := q.Get("interval"); i != "" && i != "0" {
		restError(w, http.StatusBadRequest, "INVALID_PARAM_VALUE", "interval wants 0")
		return
	}
	source := g.rest
	if market, ok := source.(futuresREST); ok && r.Header.Get(sizeHeader) != "1" {
		source = futuresWholeREST{market}
	}
	body := source.orderBook(contract, limit, q.Get("with_id") == "true")
	if body == nil {
		restError(w, http.StatusServiceUnavailable, "SERVER_ERROR", "no book of "+contract+" was recorded")
		return
	}
	restBody(w, body)
}

// restError answers with a status that is no fault of the request.
func (g *gateioFutures) restError(w http.ResponseWriter, status int) {
	(&gateio{}).restError(w, status)
}

// appendContract writes a contract as /futures/usdt/contracts does; without a tick
// where none is known.
func appendContract(b []byte, name, tick string, multiplierDecimals int, decimals bool, status string) []byte {
	b = append(b, `{"name":`...)
	b = appendJSON(b, name)
	b = append(b, `,"type":"direct","quanto_multiplier":"`...)
	b = appendDecimal(b, 1, multiplierDecimals)
	b = append(b, '"')
	if tick != "" {
		b = append(b, `,"order_price_round":"`+tick+`","mark_price_round":"`+tick+`"`...)
	}
	b = append(b, `,"order_size_min":1,"order_size_max":1000000,"enable_decimal":`...)
	b = strconv.AppendBool(b, decimals)
	return append(b, `,"in_delisting":false,"status":"`+status+`","funding_interval":28800,"funding_offset":0}`...)
}

// futuresREST answers from the market, futuresWholeREST the same with sizes cut.
type (
	futuresREST      struct{ *synthetic }
	futuresWholeREST struct{ futuresREST }
)

func (s futuresREST) contract(p *pair) []byte {
	status := "trading"
	if s.srv.halted(p.name) {
		status = "circuit_breaker"
	}
	tick := string(appendDecimal(nil, 1, p.priceDecimals))
	return appendContract(nil, p.name, tick, multiplierDecimals(p), p.amountDecimals > 0, status)
}

func (s futuresREST) allPairs() []byte {
	var list [][]byte
	for _, p := range s.market.pairs {
		if p.quote == "USDT" {
			list = append(list, s.contract(p))
		}
	}
	return joinObjects(list)
}

func joinObjects(list [][]byte) []byte {
	b := []byte{'['}
	for i, object := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, object...)
	}
	return append(b, ']')
}

func (s futuresREST) onePair(contract string) []byte {
	if p := s.market.byName[contract]; p != nil && p.quote == "USDT" {
		return s.contract(p)
	}
	return nil
}

func (s futuresREST) orderBook(contract string, limit int, withID bool) []byte {
	return s.appendBook(contract, limit, withID, false)
}

func (s futuresWholeREST) orderBook(contract string, limit int, withID bool) []byte {
	return s.appendBook(contract, limit, withID, true)
}

// appendBook: times are seconds with decimals.
func (s futuresREST) appendBook(contract string, limit int, withID, whole bool) []byte {
	v, ok := s.view(contract, s.srv.fault().RESTStale)
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
	b = appendDecimal(b, s.srv.now().UnixMilli(), 3)
	b = append(b, `,"update":`...)
	b = appendDecimal(b, v.changedMS, 3)
	b = append(b, `,"asks":`...)
	b = v.pair.appendObjects(b, v.asks[:min(limit, len(v.asks))], whole)
	b = append(b, `,"bids":`...)
	b = v.pair.appendObjects(b, v.bids[:min(limit, len(v.bids))], whole)
	return append(b, '}')
}

// futuresCaptureREST answers with the recorded bodies, and lists the contracts that a
// recording names where it has no list.
type futuresCaptureREST struct {
	recorded []byte            // body of /futures/usdt/contracts; nil when not recorded
	objects  map[string][]byte // its elements by name
	named    map[string]bool   // every contract the capture names

	mu    sync.Mutex
	books map[string][][]byte // bodies left, by contract; the last stays
}

func newFuturesCaptureREST(c *capture) (*futuresCaptureREST, error) {
	r := &futuresCaptureREST{objects: map[string][]byte{}, named: map[string]bool{}, books: map[string][][]byte{}}
	for _, row := range c.rest {
		switch {
		case strings.HasSuffix(row.path, "/contracts"):
			if err := r.addContracts(row.body); err != nil {
				return nil, err
			}
		case strings.HasSuffix(row.path, "/order_book"):
			contract := row.query.Get("contract")
			r.named[contract] = true
			r.books[contract] = append(r.books[contract], row.body)
		}
	}
	for _, route := range c.routes {
		r.named[route.pair] = true
	}
	for _, asked := range c.asked {
		var q gateioRequest
		if json.Unmarshal(asked, &q) != nil {
			continue
		}
		keys, _ := parseFutPayload(q.Channel, q.Payload)
		for _, k := range keys {
			r.named[k.pair] = true
		}
	}
	delete(r.named, "")
	return r, nil
}

func (r *futuresCaptureREST) addContracts(body []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("read recorded contracts: %w", err)
	}
	for _, object := range list {
		var c struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(object, &c); err != nil {
			return fmt.Errorf("read recorded contract: %w", err)
		}
		r.objects[c.Name] = object
		r.named[c.Name] = true
	}
	r.recorded = body
	return nil
}

func (r *futuresCaptureREST) allPairs() []byte {
	if r.recorded != nil {
		return r.recorded
	}
	var names []string
	for name := range r.named {
		names = append(names, name)
	}
	slices.Sort(names)
	var list [][]byte
	for _, name := range names {
		list = append(list, r.onePair(name))
	}
	return joinObjects(list)
}

func (r *futuresCaptureREST) onePair(contract string) []byte {
	switch {
	case r.objects[contract] != nil:
		return r.objects[contract]
	case r.named[contract]:
		return appendContract(nil, contract, "", 0, true, "trading")
	}
	return nil
}

// orderBook gives the recorded bodies of a contract in order; they are what they are.
func (r *futuresCaptureREST) orderBook(contract string, _ int, _ bool) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.books[contract]
	if len(left) == 0 {
		return nil
	}
	if len(left) > 1 {
		r.books[contract] = left[1:]
	}
	return left[0]
}
