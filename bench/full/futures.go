package main

// Messages of Gate.io's perpetuals, one of each channel, for the decoders in Go. The
// others read the same shapes in the spot rows.

const futuresPrefix = "futures_"

func futuresFrames() []frame {
	const (
		head = `{"time":1790360084,"time_ms":1790360084771,"channel":"futures.`
		asks = `[{"p":"84005.7","s":"1152"},{"p":"84006.7","s":"110"},{"p":"84006.8","s":"3238"}]`
		bids = `[{"p":"84005.6","s":"350"},{"p":"84002.4","s":"12887"},{"p":"84002.3","s":"0"}]`
	)
	return []frame{
		{futuresPrefix + bookTicker, head + `book_ticker","event":"update","result":{"t":1790360084770,"u":51013503861,"s":"BTC_USDT","b":"84005.6","B":"350","a":"84005.7","A":"1152"}}`},
		{futuresPrefix + trade, head + `trades","event":"update","result":[{"id":720643714,"size":"-108","create_time":1790360084,"create_time_ms":1790360084769,"price":"84005.6","contract":"BTC_USDT"},{"id":720643715,"size":"12","create_time":1790360084,"create_time_ms":1790360084769,"price":"84005.7","contract":"BTC_USDT"}]}`},
		{futuresPrefix + ticker, head + `tickers","event":"update","result":[{"contract":"BTC_USDT","last":"84005.6","change_percentage":"1.34","total_size":"562213431","volume_24h":"410877213","volume_24h_base":"41087","volume_24h_quote":"3451600123","volume_24h_settle":"3451600123","mark_price":"84006.12","funding_rate":"0.000051","funding_rate_indicative":"0.000048","funding_interval":28800,"funding_offset":0,"funding_next_apply":1790380800,"index_price":"84011.03","quanto_base_rate":"","low_24h":"83121.6","high_24h":"86835.7","price_type":"last","change_from":"24h","change_price":"1110.4","t":1790360084770}]}`},
		{futuresPrefix + "order_book_update", head + `order_book_update","event":"update","result":{"t":1790360084770,"U":51013503861,"u":51013503866,"s":"BTC_USDT","a":` + asks + `,"b":` + bids + `}}`},
		{futuresPrefix + orderBook, head + `order_book","event":"all","result":{"t":1790360084770,"id":51013503866,"contract":"BTC_USDT","asks":` + asks + `,"bids":` + bids + `}}`},
		{futuresPrefix + "obu", head + `obu","event":"update","result":{"t":1790360084770,"s":"ob.BTC_USDT.50","U":51013503861,"u":51013503866,"b":[["84005.6","350"],["84002.4","12887"]],"a":[["84005.7","1152"],["84006.7","0"]]}}`},
	}
}

type (
	futuresLevel struct {
		Price string `json:"p"`
		Size  string `json:"s"`
	}
	futuresTradesMessage struct {
		envelope
		Result []struct {
			ID           uint64 `json:"id"`
			Size         string `json:"size"`
			CreateTime   int64  `json:"create_time"`
			CreateTimeMS int64  `json:"create_time_ms"`
			Price        string `json:"price"`
			Contract     string `json:"contract"`
		} `json:"result"`
	}
	futuresTickersMessage struct {
		envelope
		Result []struct {
			Contract    string `json:"contract"`
			Last        string `json:"last"`
			Interest    string `json:"total_size"`
			BaseVolume  string `json:"volume_24h_base"`
			QuoteVolume string `json:"volume_24h_quote"`
			Mark        string `json:"mark_price"`
			FundingRate string `json:"funding_rate"`
			FundingTime int64  `json:"funding_next_apply"`
			Index       string `json:"index_price"`
			Low         string `json:"low_24h"`
			High        string `json:"high_24h"`
			TimeMS      int64  `json:"t"`
		} `json:"result"`
	}
	futuresUpdateMessage struct {
		envelope
		Result struct {
			TimeMS  int64          `json:"t"`
			FirstID uint64         `json:"U"`
			LastID  uint64         `json:"u"`
			Symbol  string         `json:"s"`
			Asks    []futuresLevel `json:"a"`
			Bids    []futuresLevel `json:"b"`
		} `json:"result"`
	}
	futuresBookMessage struct {
		envelope
		Result struct {
			TimeMS   int64          `json:"t"`
			ID       uint64         `json:"id"`
			Contract string         `json:"contract"`
			Asks     []futuresLevel `json:"asks"`
			Bids     []futuresLevel `json:"bids"`
		} `json:"result"`
	}
)
