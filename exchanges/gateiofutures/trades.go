package gateiofutures

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// TradesPath is the REST path, behind DefaultRESTURL, of a contract's last trades; the
// venue gives 1,000 at most.
func (d *Dialect) TradesPath(native string, limit int) string {
	return "/futures/" + d.settle + "/trades?contract=" + url.QueryEscape(native) + "&limit=" + strconv.Itoa(limit)
}

// restTrade is one element of the answer. Its create_time_ms is seconds with decimals,
// despite its name; the size is a number or, with Header, a text.
type restTrade struct {
	ID           json.Number     `json:"id"`
	CreateTimeMS json.Number     `json:"create_time_ms"`
	Size         json.RawMessage `json:"size"`
	Price        string          `json:"price"`
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
	var ok [3]bool
	it.IDFormat = ring.IDUint64
	it.TradeID, ok[0] = exchanges.ParseUint([]byte(t.ID))
	it.Prices[exchanges.TradePrice], ok[1] = exchanges.ParseDecimal([]byte(t.Price))
	size, sized := exchanges.ParseDecimal([]byte(strings.Trim(string(t.Size), `"`)))
	ok[2] = sized
	it.Quantities[exchanges.TradeQty], it.Aggressor = taken(size)
	it.EventTimeNS = secondsNS(t.CreateTimeMS.String())
	return ok == [3]bool{true, true, true} && it.EventTimeNS != ring.Absent && it.Prices[0].Mantissa >= 0
}
