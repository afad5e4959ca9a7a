package gateio

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// TradesPath is the REST path, behind DefaultRESTURL, of a pair's last trades; the venue
// gives 1,000 at most.
func (d *Dialect) TradesPath(native string, limit int) string {
	return "/spot/trades?currency_pair=" + url.QueryEscape(native) + "&limit=" + strconv.Itoa(limit)
}

// restTrade is one element of the answer: texts where the stream has numbers, and the id
// within the market under another name.
type restTrade struct {
	ID           json.Number `json:"id"`
	SequenceID   json.Number `json:"sequence_id"`
	CreateTimeMS json.Number `json:"create_time_ms"`
	Side         string      `json:"side"`
	Amount       string      `json:"amount"`
	Price        string      `json:"price"`
}

// ParseTrades reads the answer. One trade that is none refuses it whole.
func (d *Dialect) ParseTrades(body []byte, b *exchanges.Batch) error {
	var list []restTrade
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("read trades: %w", err)
	}
	b.Reset()
	for i := range list {
		if !list[i].item(b.Add(ring.KindTrade)) {
			return fmt.Errorf("read trades: trade %d of %d is none, or too many", i+1, len(list))
		}
	}
	return nil
}

// item fills an item; false when something is missing or no number.
func (t *restTrade) item(it *exchanges.Item) bool {
	if it == nil {
		return false
	}
	var ok [4]bool
	it.IDFormat = ring.IDUint64
	it.TradeID, ok[0] = exchanges.ParseUint([]byte(t.ID))
	it.EventTimeNS, ok[1] = exchanges.ParseMillisNS([]byte(t.CreateTimeMS))
	it.Prices[exchanges.TradePrice], ok[2] = exchanges.ParseDecimal([]byte(t.Price))
	it.Quantities[exchanges.TradeQty], ok[3] = exchanges.ParseDecimal([]byte(t.Amount))
	if ok != [4]bool{true, true, true, true} || it.Prices[0].Mantissa < 0 || it.Quantities[0].Mantissa < 0 {
		return false
	}
	if t.SequenceID != "" {
		var known bool
		if it.SecondID, known = exchanges.ParseUint([]byte(t.SequenceID)); !known {
			return false
		}
	}
	switch t.Side {
	case "buy":
		it.Aggressor = ring.AggressorBuy
	case "sell":
		it.Aggressor = ring.AggressorSell
	default:
		return false
	}
	return true
}
