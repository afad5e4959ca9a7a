package main

import "github.com/tickring/tickring/bench/plain"

// The messages of package plain without its generated methods, which encoding/json and
// its imitators would call.
type (
	bookTickerMessage struct {
		envelope
		Result struct {
			TimeMS      int64  `json:"t"`
			UpdateID    uint64 `json:"u"`
			Symbol      string `json:"s"`
			BidPrice    string `json:"b"`
			BidQuantity string `json:"B"`
			AskPrice    string `json:"a"`
			AskQuantity string `json:"A"`
		} `json:"result"`
	}
	tradeMessage struct {
		envelope
		Result struct {
			ID           uint64 `json:"id"`
			MarketID     uint64 `json:"id_market"`
			CreateTime   int64  `json:"create_time"`
			CreateTimeMS string `json:"create_time_ms"`
			Side         string `json:"side"`
			Symbol       string `json:"currency_pair"`
			Amount       string `json:"amount"`
			Price        string `json:"price"`
			Range        string `json:"range"`
		} `json:"result"`
	}
	tickerMessage struct {
		envelope
		Result struct {
			Symbol           string `json:"currency_pair"`
			Last             string `json:"last"`
			LowestAsk        string `json:"lowest_ask"`
			HighestBid       string `json:"highest_bid"`
			ChangePercentage string `json:"change_percentage"`
			BaseVolume       string `json:"base_volume"`
			QuoteVolume      string `json:"quote_volume"`
			High             string `json:"high_24h"`
			Low              string `json:"low_24h"`
		} `json:"result"`
	}
	updateMessage struct {
		envelope
		Result struct {
			TimeMS  int64      `json:"t"`
			Full    bool       `json:"full"`
			Symbol  string     `json:"s"`
			FirstID uint64     `json:"U"`
			LastID  uint64     `json:"u"`
			Bids    [][]string `json:"b"`
			Asks    [][]string `json:"a"`
		} `json:"result"`
	}
	bookMessage struct {
		envelope
		Result struct {
			TimeMS   int64      `json:"t"`
			UpdateID uint64     `json:"lastUpdateId"`
			Symbol   string     `json:"s"`
			Bids     [][]string `json:"bids"`
			Asks     [][]string `json:"asks"`
		} `json:"result"`
	}
	envelope struct {
		Time    int64  `json:"time"`
		TimeMS  int64  `json:"time_ms"`
		Channel string `json:"channel"`
		Event   string `json:"event"`
	}
)

// Names of channels, as bench/measure gives them; all others are book updates.
const (
	bookTicker = "book_ticker"
	trade      = "trade"
	ticker     = "ticker"
	orderBook  = "order_book"
)

// bareOf is an empty message of a channel, without methods.
func bareOf(channel string) any {
	switch channel {
	case bookTicker:
		return new(bookTickerMessage)
	case trade:
		return new(tradeMessage)
	case ticker:
		return new(tickerMessage)
	case orderBook:
		return new(bookMessage)
	case futuresPrefix + bookTicker:
		return new(bookTickerMessage) // of the same shape as on spot
	case futuresPrefix + trade:
		return new(futuresTradesMessage)
	case futuresPrefix + ticker:
		return new(futuresTickersMessage)
	case futuresPrefix + "order_book_update":
		return new(futuresUpdateMessage)
	case futuresPrefix + orderBook:
		return new(futuresBookMessage)
	}
	return new(updateMessage)
}

// generatedOf is one with easyjson's methods.
func generatedOf(channel string) plain.Message {
	switch channel {
	case bookTicker:
		return new(plain.BookTickerMessage)
	case trade:
		return new(plain.TradeMessage)
	case ticker:
		return new(plain.TickerMessage)
	case orderBook:
		return new(plain.OrderBookMessage)
	}
	return new(plain.UpdateMessage)
}
