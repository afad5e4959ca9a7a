package gateiofutures

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

// notice is the result on futures.system.
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
	Contract text    `json:"s"`
	BidPrice decimal `json:"b"`
	BidSize  decimal `json:"B"`
	AskPrice decimal `json:"a"`
	AskSize  decimal `json:"A"`
}

//easyjson:json
type trade struct {
	ID           integer `json:"id"`
	Contract     text    `json:"contract"`
	Size         signed  `json:"size"`
	Price        decimal `json:"price"`
	CreateTime   integer `json:"create_time"`
	CreateTimeMS integer `json:"create_time_ms"`
}

// diff is the result of futures.order_book_update and of futures.obu.
//
//easyjson:json
type diff struct {
	TimeMS   integer `json:"t"`
	Contract text    `json:"s"`
	FirstID  integer `json:"U"`
	LastID   integer `json:"u"`
	Full     flag    `json:"full"`
	Bids     levels  `json:"b"`
	Asks     levels  `json:"a"`
}

//easyjson:json
type topLevels struct {
	TimeMS   integer `json:"t"`
	Contract text    `json:"contract"`
	UpdateID integer `json:"id"`
	Bids     levels  `json:"bids"`
	Asks     levels  `json:"asks"`
}

// objectLevel is a level written with keys.
//
//easyjson:json
type objectLevel struct {
	Price decimal `json:"p"`
	Size  decimal `json:"s"`
}

//easyjson:json
type ticker struct {
	TimeMS       integer `json:"t"`
	Contract     text    `json:"contract"`
	Last         decimal `json:"last"`
	High         decimal `json:"high_24h"`
	Low          decimal `json:"low_24h"`
	BaseVolume   volume  `json:"volume_24h_base"`
	QuoteVolume  volume  `json:"volume_24h_quote"`
	MarkPrice    decimal `json:"mark_price"`
	IndexPrice   decimal `json:"index_price"`
	FundingRate  signed  `json:"funding_rate"`
	FundingTime  integer `json:"funding_next_apply"`
	OpenInterest volume  `json:"total_size"`
}
