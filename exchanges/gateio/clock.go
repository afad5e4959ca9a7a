package gateio

import (
	"encoding/json"
	"fmt"

	"github.com/tickring/tickring/exchanges"
)

// TimePath is the REST path, behind DefaultRESTURL, of the venue's time.
func (d *Dialect) TimePath() string { return "/spot/time" }

// ParseTime reads the answer: Unix ns, whole milliseconds.
func (d *Dialect) ParseTime(body []byte) (int64, error) {
	var answer struct {
		ServerTime uint64 `json:"server_time"`
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

// pongTimeNS is the venue's time in a pong, 0 where it has none in milliseconds: whole
// seconds measure nothing.
func (d *Dialect) pongTimeNS() int64 {
	if d.envelope.TimeMS.state != given {
		return 0
	}
	ns, ok := exchanges.MillisToNS(d.envelope.TimeMS.n)
	if !ok {
		return 0
	}
	return ns
}
