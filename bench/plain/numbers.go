package plain

import (
	"fmt"
	"strconv"
)

// Message is a message of any channel. Numbers parses its prices and quantities as
// most programs do, into float64, and returns how many there were.
type Message interface {
	Numbers() (int, error)
}

// parse turns texts into numbers; an empty one is none.
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

func parseLevels(sides ...[][]string) (n int, err error) {
	for _, side := range sides {
		for _, level := range side {
			k, err := parse(level...)
			if n += k; err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Numbers implements Message.
func (m *BookTickerMessage) Numbers() (int, error) {
	r := &m.Result
	return parse(r.BidPrice, r.BidQuantity, r.AskPrice, r.AskQuantity)
}

// Numbers implements Message.
func (m *TradeMessage) Numbers() (int, error) { return parse(m.Result.Price, m.Result.Amount) }

// Numbers implements Message.
func (m *TickerMessage) Numbers() (int, error) {
	r := &m.Result
	return parse(r.Last, r.LowestAsk, r.HighestBid, r.BaseVolume, r.QuoteVolume, r.High, r.Low)
}

// Numbers implements Message.
func (m *UpdateMessage) Numbers() (int, error) { return parseLevels(m.Result.Bids, m.Result.Asks) }

// Numbers implements Message.
func (m *OrderBookMessage) Numbers() (int, error) { return parseLevels(m.Result.Bids, m.Result.Asks) }
