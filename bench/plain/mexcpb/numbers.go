package mexcpb

import (
	"fmt"
	"strconv"
)

// Numbers parses the prices and quantities of a push as most programs do, into float64,
// and returns how many there were. Empty texts are none.
func (m *Push) Numbers() (int, error) {
	switch body := m.Body.(type) {
	case *Push_Quote:
		return body.Quote.numbers()
	case *Push_Quotes:
		return sum(body.Quotes.Items, (*Quote).numbers)
	case *Push_Deals:
		return sum(body.Deals.Items, func(d *Deal) (int, error) { return parse(d.Price, d.Quantity) })
	case *Push_Diff:
		return levels(body.Diff.Asks, body.Diff.Bids)
	case *Push_TopLevels:
		return levels(body.TopLevels.Asks, body.TopLevels.Bids)
	case *Push_Ticker:
		t := body.Ticker
		return parse(t.Price, t.High, t.Low, t.Volume, t.Quantity)
	}
	return 0, nil
}

func (q *Quote) numbers() (int, error) {
	return parse(q.BidPrice, q.BidQuantity, q.AskPrice, q.AskQuantity)
}

func levels(sides ...[]*Level) (n int, err error) {
	for _, side := range sides {
		k, err := sum(side, func(l *Level) (int, error) { return parse(l.Price, l.Quantity) })
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func sum[T any](list []T, numbers func(T) (int, error)) (n int, err error) {
	for _, item := range list {
		k, err := numbers(item)
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func parse(texts ...string) (n int, err error) {
	for _, t := range texts {
		if t == "" {
			continue
		}
		v, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return n, fmt.Errorf("parse number %q: %w", t, err)
		}
		if v >= 0 {
			n++
		}
	}
	return n, nil
}
