package plain

//go:generate go tool easyjson -all -output_filename messages_easyjson.go messages.go

// BookTickerMessage is a message of spot.book_ticker.
type BookTickerMessage struct {
	Time    int64      `json:"time"`
	TimeMS  int64      `json:"time_ms"`
	Channel string     `json:"channel"`
	Event   string     `json:"event"`
	Result  BookTicker `json:"result"`
}

// BookTicker is best bid and ask.
type BookTicker struct {
	TimeMS      int64  `json:"t"`
	UpdateID    uint64 `json:"u"`
	Symbol      string `json:"s"`
	BidPrice    string `json:"b"`
	BidQuantity string `json:"B"`
	AskPrice    string `json:"a"`
	AskQuantity string `json:"A"`
}

// TradeMessage is a message of spot.trades.
type TradeMessage struct {
	Time    int64  `json:"time"`
	TimeMS  int64  `json:"time_ms"`
	Channel string `json:"channel"`
	Event   string `json:"event"`
	Result  Trade  `json:"result"`
}

// Trade is one execution.
type Trade struct {
	ID           uint64 `json:"id"`
	MarketID     uint64 `json:"id_market"`
	CreateTime   int64  `json:"create_time"`
	CreateTimeMS string `json:"create_time_ms"`
	Side         string `json:"side"`
	Symbol       string `json:"currency_pair"`
	Amount       string `json:"amount"`
	Price        string `json:"price"`
	Range        string `json:"range"`
}

// TickerMessage is a message of spot.tickers.
type TickerMessage struct {
	Time    int64  `json:"time"`
	TimeMS  int64  `json:"time_ms"`
	Channel string `json:"channel"`
	Event   string `json:"event"`
	Result  Ticker `json:"result"`
}

// Ticker is the rolling statistics of an instrument.
type Ticker struct {
	Symbol           string `json:"currency_pair"`
	Last             string `json:"last"`
	LowestAsk        string `json:"lowest_ask"`
	HighestBid       string `json:"highest_bid"`
	ChangePercentage string `json:"change_percentage"`
	BaseVolume       string `json:"base_volume"`
	QuoteVolume      string `json:"quote_volume"`
	High             string `json:"high_24h"`
	Low              string `json:"low_24h"`
}

// UpdateMessage is a message of spot.order_book_update and of spot.obu.
type UpdateMessage struct {
	Time    int64  `json:"time"`
	TimeMS  int64  `json:"time_ms"`
	Channel string `json:"channel"`
	Event   string `json:"event"`
	Result  Update `json:"result"`
}

// Update is levels that changed.
type Update struct {
	TimeMS  int64      `json:"t"`
	Full    bool       `json:"full"`
	Symbol  string     `json:"s"`
	FirstID uint64     `json:"U"`
	LastID  uint64     `json:"u"`
	Bids    [][]string `json:"b"`
	Asks    [][]string `json:"a"`
}

// OrderBookMessage is a message of spot.order_book.
type OrderBookMessage struct {
	Time    int64     `json:"time"`
	TimeMS  int64     `json:"time_ms"`
	Channel string    `json:"channel"`
	Event   string    `json:"event"`
	Result  OrderBook `json:"result"`
}

// OrderBook is the top levels of a book.
type OrderBook struct {
	TimeMS   int64      `json:"t"`
	UpdateID uint64     `json:"lastUpdateId"`
	Symbol   string     `json:"s"`
	Bids     [][]string `json:"bids"`
	Asks     [][]string `json:"asks"`
}
