package gateio

//go:generate go tool easyjson -no_std_marshalers -output_filename messages_easyjson.go messages.go

// The messages of the venue as the generator reads them. Keys that differ by case
// only are different keys; keys that are not named here are skipped. Every field
// remembers whether it was given, and is reset by assigning the zero message
// before each frame. The generator writes encoders too; nothing calls them, and
// the field types have no text of their own to write.

//easyjson:json
type envelope struct {
	Time    integer `json:"time"`
	TimeMS  integer `json:"time_ms"`
	ID      value   `json:"id"`
	Channel text    `json:"channel"`
	Event   text    `json:"event"`
	Payload payload `json:"payload"`
	Error   value   `json:"error"`
	Result  result  `json:"result"`
	// Type and Message are there in an upgrade notice without envelope only.
	Type    value `json:"type"`
	Message value `json:"msg"`
}

// refusal is the value of the key error.
//
//easyjson:json
type refusal struct {
	Code    value `json:"code"`
	Message value `json:"message"`
}

// notice is the result on spot.system.
//
//easyjson:json
type notice struct {
	Type    value `json:"type"`
	Message value `json:"msg"`
}

//easyjson:json
type bookTicker struct {
	TimeMS   integer `json:"t"`
	UpdateID integer `json:"u"`
	Symbol   text    `json:"s"`
	BidPrice decimal `json:"b"`
	BidQty   decimal `json:"B"`
	AskPrice decimal `json:"a"`
	AskQty   decimal `json:"A"`
}

//easyjson:json
type trade struct {
	ID           integer `json:"id"`
	MarketID     integer `json:"id_market"`
	CreateTime   integer `json:"create_time"`
	CreateTimeMS millis  `json:"create_time_ms"`
	Side         text    `json:"side"`
	Symbol       text    `json:"currency_pair"`
	Amount       decimal `json:"amount"`
	Price        decimal `json:"price"`
}

// diff is the result of spot.order_book_update and of spot.obu.
//
//easyjson:json
type diff struct {
	TimeMS  integer `json:"t"`
	Symbol  text    `json:"s"`
	FirstID integer `json:"U"`
	LastID  integer `json:"u"`
	Full    flag    `json:"full"`
	Bids    levels  `json:"b"`
	Asks    levels  `json:"a"`
}

//easyjson:json
type topLevels struct {
	TimeMS   integer `json:"t"`
	Symbol   text    `json:"s"`
	UpdateID integer `json:"lastUpdateId"`
	Bids     levels  `json:"bids"`
	Asks     levels  `json:"asks"`
}

//easyjson:json
type ticker struct {
	Symbol      text    `json:"currency_pair"`
	Last        decimal `json:"last"`
	Ask         decimal `json:"lowest_ask"`
	Bid         decimal `json:"highest_bid"`
	High        decimal `json:"high_24h"`
	Low         decimal `json:"low_24h"`
	BaseVolume  volume  `json:"base_volume"`
	QuoteVolume volume  `json:"quote_volume"`
}
