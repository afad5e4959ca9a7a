package gateiofutures

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// SnapshotPath is the REST path, behind DefaultRESTURL, of a contract's book, exactly
// as deep as its stream of diffs: levels below would never be updated.
func (d *Dialect) SnapshotPath(native string) string {
	return "/futures/" + d.settle + "/order_book?contract=" + url.QueryEscape(native) + "&limit=" + d.book.levels + "&with_id=true"
}

// restLevel is a level of the REST answer; its size is a number or, with Header, a text.
type restLevel struct {
	Price string          `json:"p"`
	Size  json.RawMessage `json:"s"`
}

// ParseSnapshot reads the answer, whose times are seconds with decimals.
func (d *Dialect) ParseSnapshot(body []byte, b *exchanges.Batch) error {
	var book struct {
		ID     uint64      `json:"id"`
		Update json.Number `json:"update"`
		Bids   []restLevel `json:"bids"`
		Asks   []restLevel `json:"asks"`
	}
	if err := exchanges.ReadSnapshot(body, &book); err != nil {
		return err
	}
	return b.AddSnapshot(book.ID, secondsNS(book.Update.String()), pairs(book.Bids), pairs(book.Asks))
}

// pairs are price and size of each level as texts.
func pairs(levels []restLevel) [][]string {
	out := make([][]string, len(levels))
	for i, l := range levels {
		out[i] = []string{l.Price, strings.Trim(string(l.Size), `"`)}
	}
	return out
}

// secondsNS reads Unix seconds with up to nine decimals exactly; absent when it is
// none or 0.
func secondsNS(text string) int64 {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, ok1 := exchanges.ParseUint([]byte(whole))
	ns, ok2 := exchanges.SecondsToNS(seconds)
	if !ok1 || !ok2 || seconds == 0 || len(fraction) > 9 {
		return ring.Absent
	}
	digits := strings.TrimLeft(fraction+"000000000"[len(fraction):], "0")
	if digits == "" {
		return ns
	}
	below, ok := exchanges.ParseUint([]byte(digits))
	if !ok {
		return ring.Absent
	}
	return ns + int64(below)
}
