package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gobwas/ws"
)

// routeMEXC reads the route of a captured message: the channel it names, byte for
// byte. Text messages are answers and belong to the recorded connection. A frame
// that names no channel goes to everybody.
func routeMEXC(op ws.OpCode, frame []byte) (route, bool) {
	if op == ws.OpText {
		return route{}, false
	}
	channel := ""
	fields(frame, func(f field) {
		if f.number == 1 && f.wire == wireBytes {
			channel = string(f.content)
		}
	})
	k, ok := parseMEXCName(channel)
	if !ok {
		return route{}, true
	}
	return route{channel: k.channel, pair: k.pair, level: k.level, delta: mexcFamily(k) == mexcDepth}, true
}

// mexcCaptureREST answers with the recorded bodies, and makes the list of pairs
// from the data where none was recorded.
type mexcCaptureREST struct {
	objects map[string][]byte // recorded elements of exchangeInfo by pair
	named   map[string]bool   // every pair the capture names
	made    func() map[string]*decimals

	mu    sync.Mutex
	books map[string][][]byte // bodies left, by pair; the last stays
}

func newMEXCCaptureREST(c *capture) (*mexcCaptureREST, error) {
	r := &mexcCaptureREST{objects: map[string][]byte{}, named: map[string]bool{}, books: map[string][][]byte{}}
	r.made = sync.OnceValue(func() map[string]*decimals { return measureMEXC(c) })
	for _, row := range c.rest {
		switch {
		case strings.HasSuffix(row.path, "/exchangeInfo"):
			if err := r.addInfo(row.body); err != nil {
				return nil, err
			}
		case strings.HasSuffix(row.path, "/depth"):
			pair := row.query.Get("symbol")
			r.named[pair] = true
			r.books[pair] = append(r.books[pair], row.body)
		}
	}
	for _, route := range c.routes {
		r.named[route.pair] = true
	}
	for _, asked := range c.asked {
		var q mexcRequest
		if json.Unmarshal(asked, &q) != nil {
			continue
		}
		for _, name := range q.Params {
			if k, ok := parseMEXCName(name); ok {
				r.named[k.pair] = true
			}
		}
	}
	delete(r.named, "")
	delete(r.named, everyPair)
	return r, nil
}

func (r *mexcCaptureREST) addInfo(body []byte) error {
	var list struct {
		Symbols []json.RawMessage `json:"symbols"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("read recorded exchangeInfo: %w", err)
	}
	for _, object := range list.Symbols {
		var id struct {
			Symbol string `json:"symbol"`
		}
		if err := json.Unmarshal(object, &id); err != nil {
			return fmt.Errorf("read recorded symbol: %w", err)
		}
		r.objects[id.Symbol] = object
		r.named[id.Symbol] = true
	}
	return nil
}

func (r *mexcCaptureREST) names() []string {
	names := make([]string, 0, len(r.named))
	for pair := range r.named {
		names = append(names, pair)
	}
	slices.Sort(names)
	return names
}

func (r *mexcCaptureREST) info(pair, status string) []byte {
	switch {
	case r.objects[pair] != nil:
		return r.objects[pair]
	case !r.named[pair]:
		return nil
	}
	base, quote := splitPair(pair)
	d := orDefault(r.made()[pair], &decimals{})
	return appendMEXCInfo(nil, base, quote, d.price, d.amount, status)
}

// depth gives the recorded bodies of a pair in order; they are what they are,
// whatever the limit.
func (r *mexcCaptureREST) depth(pair string, _ int, _ bool) []byte {
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

// quoteAssets are ends of pair names, for captures without exchangeInfo.
var quoteAssets = []string{"USDT", "USDC", "USDE", "USD1", "BTC", "ETH", "EUR"}

// splitPair guesses base and quote of a name that runs them together.
func splitPair(name string) (base, quote string) {
	for _, q := range quoteAssets {
		if base, ok := strings.CutSuffix(name, q); ok && base != "" {
			return base, q
		}
	}
	return name, ""
}

// mexcNumbers says which fields of a body, or of its repeated items, are prices and
// which amounts.
var mexcNumbers = map[uint64]struct {
	items          bool
	prices, counts []uint64
}{
	bodyBookTicker: {false, []uint64{1, 3}, []uint64{2, 4}},
	bodyBatch:      {true, []uint64{1, 3}, []uint64{2, 4}},
	bodyDeals:      {true, []uint64{1}, []uint64{2}},
	bodyDepth:      {true, []uint64{1}, []uint64{2}},
	bodyTop:        {true, []uint64{1}, []uint64{2}},
	bodyMiniTicker: {false, []uint64{2, 5, 6}, []uint64{8}},
}

// measureMEXC finds the greatest numbers of decimals of each pair.
func measureMEXC(c *capture) map[string]*decimals {
	seen := map[string]*decimals{}
	for _, f := range c.frames {
		pair := c.routes[f.route].pair
		d := seen[pair]
		if d == nil {
			d = &decimals{}
			seen[pair] = d
		}
		fields(f.data, func(body field) {
			kind, ok := mexcNumbers[body.number]
			take := func(f field) {
				switch {
				case f.wire != wireBytes:
				case slices.Contains(kind.prices, f.number):
					d.takePrice(string(f.content))
				case slices.Contains(kind.counts, f.number):
					d.takeAmount(string(f.content))
				}
			}
			switch {
			case !ok:
			case !kind.items:
				fields(body.content, take)
			default:
				fields(body.content, func(item field) {
					if item.number <= 2 && item.wire == wireBytes {
						fields(item.content, take)
					}
				})
			}
		})
	}
	return seen
}
