package mexc

import (
	"net/url"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// SnapshotPath is the REST path, behind DefaultRESTURL, of a pair's book. The diffs
// cover the whole book; levels beyond the snapshot that never change stay unknown.
func (d *Dialect) SnapshotPath(native string) string {
	return "/api/v3/depth?symbol=" + url.QueryEscape(native) + "&limit=1000"
}

// ParseSnapshot reads the answer; timestamp is not documented and may be missing.
func (d *Dialect) ParseSnapshot(body []byte, b *exchanges.Batch) error {
	var book struct {
		LastUpdateID uint64     `json:"lastUpdateId"`
		Timestamp    uint64     `json:"timestamp"`
		Bids         [][]string `json:"bids"`
		Asks         [][]string `json:"asks"`
	}
	if err := exchanges.ReadSnapshot(body, &book); err != nil {
		return err
	}
	at := int64(ring.Absent)
	if ns, ok := exchanges.MillisToNS(book.Timestamp); ok && book.Timestamp != 0 {
		at = ns
	}
	return b.AddSnapshot(book.LastUpdateID, at, book.Bids, book.Asks)
}
