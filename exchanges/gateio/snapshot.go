package gateio

import (
	"net/url"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// SnapshotPath is the REST path, behind DefaultRESTURL, of a pair's book, as deep as
// its stream of diffs covers: 20 levels at 20 ms, 100 at 100 ms. Greater limits lag
// the stream by tens of seconds (issue 51 of gateio/gatews).
func (d *Dialect) SnapshotPath(native string) string {
	limit := "100"
	if d.book.speed == "20ms" {
		limit = "20"
	}
	return "/spot/order_book?currency_pair=" + url.QueryEscape(native) + "&limit=" + limit + "&with_id=true"
}

// ParseSnapshot reads the answer. Answers of 2021 have no times.
func (d *Dialect) ParseSnapshot(body []byte, b *exchanges.Batch) error {
	var book struct {
		ID     uint64     `json:"id"`
		Update uint64     `json:"update"`
		Bids   [][]string `json:"bids"`
		Asks   [][]string `json:"asks"`
	}
	if err := exchanges.ReadSnapshot(body, &book); err != nil {
		return err
	}
	at := int64(ring.Absent)
	if ns, ok := exchanges.MillisToNS(book.Update); ok && book.Update != 0 {
		at = ns
	}
	return b.AddSnapshot(book.ID, at, book.Bids, book.Asks)
}
