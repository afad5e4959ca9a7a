package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// captureREST answers with the recorded bodies, and makes a list of pairs from
// the data where none was recorded.
type captureREST struct {
	capture  *capture
	recorded []byte            // body of /spot/currency_pairs; nil when not recorded
	objects  map[string][]byte // its elements by pair
	named    map[string]bool   // every pair the capture names
	made     func() map[string]*decimals

	mu    sync.Mutex
	books map[string][][]byte // bodies left, by pair; the last stays
}

func newCaptureREST(c *capture) (*captureREST, error) {
	r := &captureREST{
		capture: c,
		objects: map[string][]byte{},
		named:   map[string]bool{},
		books:   map[string][][]byte{},
	}
	r.made = sync.OnceValue(func() map[string]*decimals { return measureDecimals(c) })
	for _, row := range c.rest {
		switch {
		case strings.HasSuffix(row.path, "/spot/currency_pairs"):
			if err := r.addPairs(row.body); err != nil {
				return nil, err
			}
		case strings.HasSuffix(row.path, "/spot/order_book"):
			pair := row.query.Get("currency_pair")
			r.named[pair] = true
			r.books[pair] = append(r.books[pair], row.body)
		}
	}
	for _, route := range c.routes {
		r.named[route.pair] = true
	}
	for _, asked := range c.asked {
		r.addAsked(asked)
	}
	delete(r.named, "")
	return r, nil
}

func (r *captureREST) addPairs(body []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("read recorded currency pairs: %w", err)
	}
	for _, object := range list {
		var id struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(object, &id); err != nil {
			return fmt.Errorf("read recorded currency pair: %w", err)
		}
		r.objects[id.ID] = object
		r.named[id.ID] = true
	}
	r.recorded = body
	return nil
}

// addAsked takes the pairs of a recorded request; one of another protocol names
// none.
func (r *captureREST) addAsked(request []byte) {
	var q gateioRequest
	if json.Unmarshal(request, &q) != nil {
		return
	}
	keys, _ := parsePayload(q.Channel, q.Payload)
	for _, k := range keys {
		r.named[k.pair] = true
	}
}

// pairs gives every pair the capture names.
func (r *captureREST) pairs() map[string]bool { return r.named }

func (r *captureREST) allPairs() []byte {
	if r.recorded != nil {
		return r.recorded
	}
	names := make([]string, 0, len(r.named))
	for pair := range r.named {
		names = append(names, pair)
	}
	slices.Sort(names)
	b := []byte{'['}
	for i, pair := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r.makePair(pair)...)
	}
	return append(b, ']')
}

func (r *captureREST) onePair(pair string) []byte {
	switch {
	case r.objects[pair] != nil:
		return r.objects[pair]
	case r.named[pair]:
		return r.makePair(pair)
	}
	return nil
}

func (r *captureREST) makePair(pair string) []byte {
	d := orDefault(r.made()[pair], &decimals{})
	return appendPairInfo(nil, pair, d.price, d.amount, "tradable")
}

// orderBook gives the recorded bodies of a pair in order; they are what they are,
// whatever the limit.
func (r *captureREST) orderBook(pair string, _ int, _ bool) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.books[pair]
	if len(left) == 0 {
		return nil
	}
	if len(left) > 1 {
		r.books[pair] = left[1:]
	}
	return left[0]
}

// decimals are the greatest numbers of decimals seen of a pair.
type decimals struct{ price, amount int }

// gateioNumbers are the members that hold prices and amounts on the channels.
type gateioNumbers struct {
	Price  string          `json:"price"`
	Amount string          `json:"amount"`
	BidQty json.RawMessage `json:"B"`
	AskQty json.RawMessage `json:"A"`
	Bid    json.RawMessage `json:"b"`
	Ask    json.RawMessage `json:"a"`
	Bids   [][2]string     `json:"bids"`
	Asks   [][2]string     `json:"asks"`
	Last   string          `json:"last"`
	High   string          `json:"highest_bid"`
	Low    string          `json:"lowest_ask"`
}

func measureDecimals(c *capture) map[string]*decimals {
	seen := map[string]*decimals{}
	for _, f := range c.frames {
		r := c.routes[f.route]
		if r.pair == "" || r.channel == chCandles {
			continue
		}
		var frame struct {
			Result gateioNumbers `json:"result"`
		}
		readLoosely(f.data, &frame)
		d := seen[r.pair]
		if d == nil {
			d = &decimals{}
			seen[r.pair] = d
		}
		d.take(&frame.Result)
	}
	return seen
}

func (d *decimals) take(n *gateioNumbers) {
	d.takePrice(n.Price, n.Last, n.High, n.Low)
	d.takeAmount(n.Amount)
	for _, levels := range [][][2]string{n.Bids, n.Asks} {
		d.takeLevels(levels)
	}
	for _, raw := range []json.RawMessage{n.Bid, n.Ask} {
		var price string
		var levels [][2]string
		if len(raw) > 0 && raw[0] == '"' && readLoosely(raw, &price) {
			d.takePrice(price)
		} else if len(raw) > 0 && readLoosely(raw, &levels) {
			d.takeLevels(levels)
		}
	}
	for _, raw := range []json.RawMessage{n.BidQty, n.AskQty} {
		var amount string
		if len(raw) > 0 && readLoosely(raw, &amount) {
			d.takeAmount(amount)
		}
	}
}

func (d *decimals) takeLevels(levels [][2]string) {
	for _, l := range levels {
		d.takePrice(l[0])
		d.takeAmount(l[1])
	}
}

func (d *decimals) takePrice(prices ...string) {
	for _, p := range prices {
		d.price = max(d.price, decimalsOf(p))
	}
}

func (d *decimals) takeAmount(amount string) { d.amount = max(d.amount, decimalsOf(amount)) }

// decimalsOf counts the decimals of a number, zeros at the end left out.
func decimalsOf(number string) int {
	_, fraction, _ := strings.Cut(number, ".")
	return len(strings.TrimRight(fraction, "0"))
}

// readLoosely decodes JSON and puts up with members of another type, which stay
// empty; false when it is no JSON.
func readLoosely(b []byte, into any) bool {
	err := json.Unmarshal(b, into)
	var wrongType *json.UnmarshalTypeError
	return err == nil || errors.As(err, &wrongType)
}
