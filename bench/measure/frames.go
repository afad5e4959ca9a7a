package main

import (
	"fmt"
	"strings"
)

// frame is one message of a channel, of today's shape. The six whose names
// BenchmarkFrame of package feed has are of the same text there, so that decoding
// alone and the whole way can be compared.
type frame struct{ channel, text string }

// runFrames is "frames": it prints "CHANNEL TEXT" for each, for decoders of programs
// other than this one.
func runFrames([]string) error {
	for _, f := range frames() {
		if _, err := fmt.Printf("%s %s\n", f.channel, f.text); err != nil {
			return err
		}
	}
	return nil
}

const twentyLevels = "order_book_update_20"

func frames() []frame {
	return []frame{
		{"book_ticker", `{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165710,"u":40013503861,"s":"BTC_USDT","b":"83790.9","B":"0.497321","a":"83791","A":"0.055894"}}`},
		{"trade", `{"time":1790359171,"time_ms":1790359171120,"channel":"spot.trades","event":"update","result":{"id":220643714,"id_market":220643714,"create_time":1790359171,"create_time_ms":"1790359171119.653000","side":"sell","currency_pair":"BTC_USDT","amount":"0.002984","price":"83790.9","range":"220643714-220643714","trade_mode":0}}`},
		{"ticker", `{"time":1790134390,"time_ms":1790134390863,"channel":"spot.tickers","event":"update","result":{"currency_pair":"BTC_USDT","last":"86695.3","lowest_ask":"86691.6","highest_bid":"86690","change_percentage":"1.3401","base_volume":"0.211442","quote_volume":"18239.3197469","high_24h":"86835.7","low_24h":"85121.6"}}`},
		{"order_book_update", `{"time":1790134390,"time_ms":1790134390859,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390805,"e":"depthUpdate","E":1790134390,"s":"ETH_USDT","U":474334686,"u":474334687,"b":[["2765.2","1.4816"],["2766.31","1.4816"],["2761.72","0.6967"]],"a":[["2770","0"],["2771","5"]]}}`},
		{"order_book", `{"time":1790360084,"time_ms":1790360084771,"channel":"spot.order_book","event":"update","result":{"t":1790360084770,"lastUpdateId":40013700725,"s":"BTC_USDT","l":"20","bids":[["84005.6","0.035056"],["84002.4","0.012887"],["84002.3","0.043173"]],"asks":[["84005.7","0.115252"],["84006.7","0.011023"],["84006.8","0.032386"]]}}`},
		{"obu", `{"channel":"spot.obu","result":{"t":1754006400261,"full":true,"s":"ob.BTC_USDT.50","u":100,"b":[["115765.1","0.337839"],["115764.2","0.005"]],"a":[["115765.2","0.631155"],["115765.9","0.001534"]]},"time_ms":1754006400264,"event":"update"}`},
		{twentyLevels, updateOf(20)},
	}
}

// updateOf is a book update of so many levels, half of them bids.
func updateOf(levels int) string {
	side := func(first, step int) string {
		var list []string
		for i := range levels / 2 {
			price := first + step*i
			list = append(list, fmt.Sprintf(`["%d.%d","0.%06d"]`, price/10, price%10, 35056+7919*i))
		}
		return strings.Join(list, ",")
	}
	return `{"time":1790360084,"time_ms":1790360084771,"channel":"spot.order_book_update","event":"update","result":{"t":1790360084770,"e":"depthUpdate","E":1790360084,"s":"BTC_USDT","U":40013700725,"u":40013700761,"b":[` +
		side(840056, -3) + `],"a":[` + side(840057, 4) + `]}}`
}
