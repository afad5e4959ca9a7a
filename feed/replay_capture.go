package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
)

// A capture is somebody else's recording: messages and REST answers with their times,
// one JSON object a line. It does not say what was connected when, so that a replay
// takes every stream for subscribed and every connection for up, and decides nothing by
// the clock.

// maxCaptureRow bounds a line; the longest known has 5 MB.
const maxCaptureRow = 64 << 20

// captureRow is one line.
type captureRow struct {
	TimeNS *int64 `json:"t"`
	Dir    string `json:"dir"`
	Op     string `json:"op"`
	Data   string `json:"data"`
	Base64 []byte `json:"b64"`
	URL    string `json:"url"`
}

// isCapture says whether a file is one, by its name.
func isCapture(path string) bool {
	return strings.HasSuffix(path, ".jsonl") || strings.HasSuffix(path, ".jsonl.zst")
}

// nativeParser splits a venue's spelling of a pair.
type nativeParser interface {
	ParseNative(native string) (base, quote string, ok bool)
}

// captureLines calls take with each row of a capture.
func captureLines(path string, take func(row *captureRow) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open capture: %w", err)
	}
	defer file.Close()
	var from io.Reader = file
	if strings.HasSuffix(path, ".zst") {
		z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return fmt.Errorf("open capture %q: %w", path, err)
		}
		defer z.Close()
		from = z
	}
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 1<<20), maxCaptureRow)
	number := 0
	for lines.Scan() {
		number++
		if len(lines.Bytes()) == 0 {
			continue
		}
		var row captureRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return fmt.Errorf("%w %q: row %d: %w", ErrRecording, path, number, err)
		}
		if err := take(&row); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w %q: row %d: %w", ErrRecording, path, number+1, err)
	}
	return nil
}

// message is what a row brings, OpNone where it is no message of the venue.
func (r *captureRow) message() wire.Message {
	m := wire.Message{}
	switch {
	case r.Dir != "in":
		return m
	case r.Op == "text":
		m.Op, m.Payload = wire.OpText, []byte(r.Data)
	case r.Op == "bin":
		m.Op, m.Payload = wire.OpBinary, r.Base64
	default:
		return m
	}
	padded := make([]byte, 0, len(m.Payload)+wire.Padding)
	m.Payload = append(padded, m.Payload...)
	return m
}

// capture replays one.
func (p *player) capture(ctx context.Context) error {
	if len(p.o.Paths) != 1 {
		return fmt.Errorf("%w: a capture is replayed alone", ErrConfig)
	}
	p.cfg = PublisherConfig{
		Feed: p.o.Feed, Dir: p.o.Dir, Group: p.o.Group, Anonymous: p.o.Anonymous, Slots: p.o.Slots, CPU: -1,
		Channels: p.o.Channels, Options: p.o.Options,
	}
	if p.cfg.Channels == 0 {
		p.cfg.Channels = ring.AllChannels
	}
	if p.cfg.Feed == "" {
		p.cfg.Feed = p.o.Venue + "-replay"
	}
	names, err := p.survey()
	if err != nil {
		return err
	}
	p.cfg.MaxInstruments = max(ring.DefaultMaxInstruments, len(names))
	if err := p.build(p.o.Venue, true); err != nil {
		return err
	}
	p.verifying = false
	return p.play(ctx, func(ctx context.Context) error { return p.rows(ctx, names) })
}

// survey finds the instruments that a capture speaks of, and its span.
func (p *player) survey() (names []string, err error) {
	d, err := p.o.NewDialect(p.o.Venue, p.o.Options)
	if err != nil {
		return nil, err
	}
	binary, _ := d.(BinaryDialect)
	symbols, batch := exchanges.NewLearningTable(), exchanges.Batch{}
	err = captureLines(p.o.Paths[0], func(row *captureRow) error {
		if row.TimeNS != nil {
			if p.pace.fromNS == 0 {
				p.pace.fromNS = *row.TimeNS
			}
			p.pace.toNS = *row.TimeNS
		}
		switch m := row.message(); {
		case m.Op == wire.OpText:
			d.Decode(m.Payload, symbols, &batch)
		case m.Op == wire.OpBinary && binary != nil:
			binary.DecodeBinary(m.Payload, symbols, &batch)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for id := range symbols.Count() {
		names = append(names, symbols.Name(uint16(id)))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w %q: no data of %s in it; choose another --venue", ErrRecording, p.o.Paths[0], p.o.Venue)
	}
	return names, nil
}

// rows takes every row in turn.
func (p *player) rows(ctx context.Context, names []string) error {
	if p.clock.now = p.pace.fromNS; p.clock.now == 0 {
		p.clock.now = time.Now().UnixNano() // the source kept no time at all
	}
	var symbols []Symbol
	var natives []string
	parse, _ := p.cfg.Dialect.(nativeParser)
	for _, native := range names {
		if parse == nil {
			break
		}
		if base, quote, ok := parse.ParseNative(native); ok {
			symbols, natives = append(symbols, Symbol{base, quote}), append(natives, native)
		}
	}
	if err := p.h.begin(symbols, natives, p.cfg.Channels); err != nil {
		return err
	}
	p.began = true
	if p.o.FromNS == 0 {
		if err := p.show(); err != nil {
			return err
		}
	}
	p.pace.begin(p)
	err := captureLines(p.o.Paths[0], func(row *captureRow) error { return p.row(ctx, row) })
	if errors.Is(err, errRangeOver) {
		err = nil
	}
	return errors.Join(err, p.show())
}

var errRangeOver = errors.New("behind the end of the range")

// row takes one row. One without a time has that of the row before.
func (p *player) row(ctx context.Context, row *captureRow) error {
	if row.TimeNS != nil {
		p.clock.now = max(p.clock.now, *row.TimeNS)
	}
	at := p.clock.now
	if p.o.ToNS != 0 && at > p.o.ToNS {
		return errRangeOver
	}
	if err := p.reached(at); err != nil {
		return err
	}
	if err := p.pace.wait(ctx, at); err != nil {
		return err
	}
	m := row.message()
	switch {
	case m.Op != wire.OpNone:
		p.sum.Inputs++
		c := p.h.conns[0]
		p.connected()
		p.h.recvNS = at
		open := p.h.openFrame(at)
		p.h.message(c, m)
		p.h.closeFrame(open)
	case row.Op == "rest":
		p.restRow(row)
	}
	if at-p.h.nextTick > tickNS {
		p.h.nextTick = at
		p.h.w.HotBeat(at)
		p.h.w.FlushCounters()
	}
	p.hash()
	return nil
}

// connected has every connection up and every stream acknowledged.
func (p *player) connected() {
	for _, c := range p.h.conns {
		if c.ws != nil {
			continue
		}
		url := p.cfg.URLs[c.url]
		c.ws = p.connect(url, url)
		c.state, c.stats.State, c.stats.ConnectedSinceNS = ring.ConnectionUp, ring.ConnectionUp, p.clock.now
		p.h.byRow[c.row] = c
		p.h.w.SetConnection(c.row, &c.stats)
		for _, s := range c.subs {
			s.state, s.activeNS = subActive, p.clock.now
			p.h.settle(s.inst)
		}
	}
}

// restRow takes a REST answer for the snapshot of the instrument that its URL names.
func (p *player) restRow(row *captureRow) {
	u, err := url.Parse(row.URL)
	if err != nil || p.rest == nil {
		return
	}
	for _, values := range u.Query() {
		for _, value := range values {
			id, ok := p.h.symbols.Lookup([]byte(value))
			if !ok || p.h.instruments[id].rest == nil {
				continue
			}
			p.connected()
			r := &snapshotResult{in: p.h.instruments[id]}
			if parseSnapshot(p.rest, []byte(row.Data), r) != nil {
				continue // another answer that names a symbol
			}
			p.sum.Inputs++
			r.in.rest.fetching = true
			r.in.rest.attempt++
			r.attempt = r.in.rest.attempt
			p.h.snapshotCame(r)
			return
		}
	}
}
