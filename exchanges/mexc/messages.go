package mexc

// Fields of the wrapper, PushDataV3ApiWrapper in the venue's schema. Number 2 is
// not used.
const (
	fieldChannel  = 1
	fieldSymbol   = 3
	fieldSendTime = 6
)

// Bodies: the wrapper holds one of them, or none.
const (
	// firstBody to lastBody are the numbers that the schema gives to bodies.
	firstBody = 301
	lastBody  = 315

	bodyLimitDepth      = 303
	bodyMiniTicker      = 309
	bodyMiniTickers     = 310
	bodyBookTickerBatch = 311
	bodyAggreDepth      = 313
	bodyAggreDeals      = 314
	bodyAggreBookTicker = 315
)

// Fields of a quote: alone in PublicAggreBookTickerV3Api, and without version as
// an item of PublicBookTickerBatchV3Api.
const (
	fieldBidPrice     = 1
	fieldBidQuantity  = 2
	fieldAskPrice     = 3
	fieldAskQuantity  = 4
	fieldQuoteVersion = 5

	fieldBatchItems   = 1
	fieldBatchVersion = 2
)

// Fields of PublicAggreDealsV3Api and of one deal.
const (
	fieldDeals = 1

	fieldDealPrice    = 1
	fieldDealQuantity = 2
	fieldDealType     = 3
	fieldDealTime     = 4
	fieldDealID       = 5
)

// Values of tradeType.
const (
	dealBuy  = 1
	dealSell = 2
)

// Fields of PublicAggreDepthsV3Api and PublicLimitDepthsV3Api, and of a level.
const (
	fieldAsks         = 1
	fieldBids         = 2
	fieldFromVersion  = 4
	fieldToVersion    = 5
	fieldDepthVersion = 4

	fieldLevelPrice    = 1
	fieldLevelQuantity = 2
)

// Fields of PublicMiniTickerV3Api and of the list of them. The names of the two
// volumes mislead: volume is turnover in the quote asset, quantity the volume in
// the base asset.
const (
	fieldTickers = 1

	fieldTickerSymbol   = 1
	fieldTickerPrice    = 2
	fieldTickerHigh     = 5
	fieldTickerLow      = 6
	fieldTickerVolume   = 7
	fieldTickerQuantity = 8
)
