package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/ring"
)

// Bounds of a fetch.
const (
	snapshotTimeout  = 5 * time.Second
	snapshotMaxBytes = 16 << 20
	// snapshotRest is how long the host is left alone after it refused without
	// saying for how long: MEXC's edge locks out for a minute.
	snapshotRest = 60 * time.Second
)

// hostRest is until when a host wants no request of the feed, told by the answer to any
// of them. Any goroutine.
type hostRest struct{ untilNS atomic.Int64 }

func (r *hostRest) ask(d time.Duration) {
	until := time.Now().Add(d).UnixNano()
	for have := r.untilNS.Load(); until > have && !r.untilNS.CompareAndSwap(have, until); have = r.untilNS.Load() {
	}
}

// left is how long the host wants to be left alone, 0 or less when it does not.
func (r *hostRest) left() time.Duration {
	return time.Duration(r.untilNS.Load() - time.Now().UnixNano())
}

var errResting = errors.New("the host asked to be left alone")

// rest is the HTTP client of a feed's control goroutines.
type rest struct {
	client  *http.Client
	resting *hostRest
	base    string
	dialect Dialect
}

func newREST(cfg *PublisherConfig, resting *hostRest) *rest {
	return &rest{
		resting: resting,
		base:    strings.TrimSuffix(cfg.RESTURL, "/"), dialect: cfg.Dialect,
		client: &http.Client{Timeout: snapshotTimeout, Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: cfg.CA, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 4, MaxConnsPerHost: 4,
		}},
	}
}

// restClient is the feed's one client, made when it is first asked for. Before the hot
// thread runs.
func (p *Publisher) restClient() *rest {
	if p.rest == nil {
		p.rest = newREST(&p.cfg, &p.resting)
	}
	return p.rest
}

// get fetches a path; retryAfter is set when the host asks to be left alone.
func (r *rest) get(ctx context.Context, path string) (body []byte, retryAfter time.Duration, err error) {
	if left := r.resting.left(); left > 0 {
		return nil, left, fmt.Errorf("get %s: %w", path, errResting)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("get %s: %w", path, err)
	}
	setHeader(req, r.dialect)
	res, err := r.client.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("get %s: %w", path, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		wait := restFor(res)
		r.resting.ask(wait)
		return nil, wait, fmt.Errorf("get %s: %w: HTTP %s", path, errHTTP, res.Status)
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, snapshotMaxBytes+1))
	if err == nil && len(body) > snapshotMaxBytes {
		err = errors.New("answer beyond 16 MiB")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("get %s: %w", path, err)
	}
	return body, 0, nil
}

// restFor is how long an answer asks to be left alone.
func restFor(res *http.Response) time.Duration {
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	switch res.StatusCode {
	case http.StatusForbidden, http.StatusTeapot, http.StatusTooManyRequests:
		return snapshotRest
	}
	return 0
}

// snapshots gives the hot thread a way to fetch, where dialect and configuration
// have one.
func (p *Publisher) snapshots(h *hot) {
	d, ok := h.dialect.(SnapshotDialect)
	if !ok || p.cfg.RESTURL == "" {
		return
	}
	client := p.restClient()
	h.fetchSnapshot = func(in *instrument, attempt uint64) {
		path := d.SnapshotPath(in.native)
		p.helpers.Add(1)
		go func() {
			defer p.helpers.Done()
			r := &snapshotResult{in: in, attempt: attempt}
			body, wait, err := client.get(p.ctx, path)
			if err == nil {
				err = parseSnapshot(d, body, r)
			}
			r.body, r.err, r.retryAfterNS = body, err, int64(wait)
			_ = p.command(func(h *hot) {
				h.tee.snapshot(r)
				h.snapshotCame(r)
			}) // closed meanwhile: nobody wants it
		}()
	}
}

var errNoSnapshot = errors.New("no book in the answer")

func parseSnapshot(d SnapshotDialect, body []byte, r *snapshotResult) error {
	if err := d.ParseSnapshot(body, &r.batch); err != nil {
		return err
	}
	if len(r.batch.Items) != 1 || r.batch.Items[0].Kind != ring.KindDepth {
		return errNoSnapshot
	}
	return nil
}
