package mexc

import (
	"encoding/json"
	"fmt"

	"github.com/tickring/tickring/exchanges"
)

// TimePath is the REST path, behind DefaultRESTURL, of the venue's time. Its pongs have
// none.
func (d *Dialect) TimePath() string { return "/api/v3/time" }

// ParseTime reads the answer: Unix ns, whole milliseconds.
func (d *Dialect) ParseTime(body []byte) (int64, error) {
	var answer struct {
		ServerTime uint64 `json:"serverTime"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("read server time: %w", err)
	}
	ns, ok := exchanges.MillisToNS(answer.ServerTime)
	if !ok || ns == 0 {
		return 0, fmt.Errorf("read server time: %d ms is none", answer.ServerTime)
	}
	return ns, nil
}
