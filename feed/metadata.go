package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// Bounds of fetching metadata.
const (
	metadataTimeout  = 5 * time.Second
	metadataMaxBytes = 64 << 20
	// metadataInterval is how often halts and listings are looked for.
	metadataInterval = 5 * time.Minute
	// metadataRetry is the wait after a fetch that failed; Retry-After may ask for
	// more, up to metadataInterval.
	metadataRetry = 30 * time.Second
)

// metadata are the venue's instrument list: steps, scales and halts. It is fetched
// by REST off the hot thread, kept beside the segment, and read from there when the
// venue does not answer. Without either, scales come from the first messages.
type metadata struct {
	cfg   *PublisherConfig
	url   string // "" when none is to be fetched
	cache string // "" when none is kept
	infos map[string]*exchanges.InstrumentInfo
	wait  time.Duration // until the next fetch
	asked time.Duration // what the last answer asked us to wait, 0 nothing
}

func newMetadata(cfg *PublisherConfig) *metadata {
	m := &metadata{cfg: cfg}
	path := cfg.Dialect.MetadataPath()
	if cfg.RESTURL == "" || path == "" {
		return m
	}
	m.url = strings.TrimSuffix(cfg.RESTURL, "/") + path
	if !cfg.Anonymous {
		m.cache = filepath.Join(shm.Dir(cfg.Dir), "."+cfg.Feed+".metadata")
	}
	return m
}

// table is what is known, by the venue's spelling. It is not changed afterwards.
func (m *metadata) table() map[string]*exchanges.InstrumentInfo { return m.infos }

// refresh fetches the list, or takes the kept one if none is known yet. True when
// the table is new.
func (m *metadata) refresh(ctx context.Context) bool {
	if m.url == "" {
		return false
	}
	m.asked = 0
	body, err := m.fetch(ctx)
	if err == nil {
		err = m.take(body)
	}
	if err == nil {
		m.wait = metadataInterval
		m.keep(body)
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	m.wait = max(metadataRetry, m.asked)
	if m.infos != nil {
		m.cfg.Logger.Warn("instrument metadata not refreshed, what is known holds", "error", err)
		return false
	}
	return m.recall(err)
}

// recall takes the kept list in place of one that could not be fetched.
func (m *metadata) recall(why error) bool {
	if m.cache != "" {
		if body, err := os.ReadFile(m.cache); err == nil && m.take(body) == nil {
			m.cfg.Logger.Warn("instrument metadata are those of an earlier run", "error", why)
			return true
		}
	}
	m.cfg.Logger.Warn("no instrument metadata, scales come from the first messages", "error", why)
	return false
}

func (m *metadata) take(body []byte) error {
	infos, err := m.cfg.Dialect.ParseMetadata(body)
	if err != nil {
		return fmt.Errorf("get %s: %w", m.url, err)
	}
	table := make(map[string]*exchanges.InstrumentInfo, len(infos))
	for i := range infos {
		table[infos[i].Native] = &infos[i]
	}
	m.infos = table
	return nil
}

// keep writes the list beside the segment, whole or not at all. A failure costs
// only the next start without a venue.
func (m *metadata) keep(body []byte) {
	if m.cache == "" {
		return
	}
	// Two publishers live for a while in a take-over: each writes a file of its own.
	fresh := fmt.Sprintf("%s.%d.new", m.cache, os.Getpid())
	err := os.MkdirAll(filepath.Dir(m.cache), 0o750)
	if err == nil {
		err = os.WriteFile(fresh, body, 0o600)
	}
	if err == nil {
		err = os.Rename(fresh, m.cache)
	}
	if err != nil {
		m.cfg.Logger.Warn("instrument metadata not kept", "error", err)
	}
}

var errHTTP = errors.New("unwelcome answer")

func (m *metadata) fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", m.url, err)
	}
	setHeader(req, m.cfg.Dialect)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: m.cfg.CA, MinVersion: tls.VersionTLS12},
	}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", m.url, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
			m.asked = min(time.Duration(s)*time.Second, metadataInterval)
		}
		return nil, fmt.Errorf("get %s: %w: HTTP %s", m.url, errHTTP, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, metadataMaxBytes))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", m.url, err)
	}
	return body, nil
}

// librarian keeps the metadata fresh and hands them to the hot thread.
func (p *Publisher) librarian(m *metadata) {
	defer p.helpers.Done()
	if m.url == "" {
		return
	}
	for {
		wait := m.wait
		if p.cfg.MetadataInterval > 0 {
			wait = max(p.cfg.MetadataInterval, m.asked)
		}
		select {
		case <-p.ctx.Done():
			return
		case <-p.done:
			return
		case <-time.After(wait):
		}
		fresh := m.refresh(p.ctx)
		p.resting.ask(m.asked)
		if fresh {
			table := m.table()
			_ = p.command(func(h *hot) {
				h.tee.informed(h, table)
				h.informed(table)
			}) // closed meanwhile: nobody wants it
		}
	}
}

// informed takes a new table in: halts reach the state word, with a record.
func (h *hot) informed(table map[string]*exchanges.InstrumentInfo) {
	h.metadata = table
	open := h.openFrame(h.clock.Now())
	for _, in := range h.instruments {
		info := table[in.native]
		h.multiplierTold(in, info)
		halted := info != nil && info.Halted
		if halted == (in.bits&ring.BitHalted != 0) {
			continue
		}
		text := textTrades
		in.bits &^= ring.BitHalted
		if halted {
			text = textHalted
			in.bits |= ring.BitHalted
		}
		h.storeState(in)
		h.instrumentStatus(in, ring.StatusInstrumentChanged, ring.ReasonNone, text)
	}
	h.closeFrame(open)
}

var (
	textHalted = []byte("trading is halted")
	textTrades = []byte("trading goes on")
)
