package feed

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Trades of an outage. When a stream of trades that was lost is acknowledged again and a
// first trade came of it, or none within a second, the venue's recent trades are fetched
// by REST. Those between the last one published before the loss and the first live one
// are published in order, BACKFILL, each once; a GAP says what could not be had. Where a
// leg survives nothing is lost, and nothing fetched.

// Bounds of filling.
const (
	// maxBackfill is what Gate.io answers at most.
	maxBackfill = 1000
	// fillWaitNS: a market may be quiet, and REST trails the stream by a second.
	fillWaitNS = 1 * second
	// fillAgainNS is the wait after an answer that is too old or failed; it doubles.
	fillAgainNS = 500 * ms
	// maxFillTries: REST that is behind after them, 7.5 s, is taken as it is; one that
	// fails is given up.
	maxFillTries = 5
)

// TradesDialect is a Dialect whose venue tells its recent trades by REST, with the ids
// that its stream has.
type TradesDialect interface {
	Dialect
	// TradesPath is the REST path of one symbol's last trades, at most limit, up to 1000.
	TradesPath(native string, limit int) string
	// ParseTrades fills the batch with one TRADE item each, in any order, with a
	// number for an id. Any thread.
	ParseTrades(body []byte, b *exchanges.Batch) error
}

// tradeFill is what an instrument keeps from the loss of its trades until they are
// filled in.
type tradeFill struct {
	lostNS   int64
	lastID   uint64 // greatest published before the loss
	firstID  uint64 // least that came live since, 0 none yet
	ackNS    int64  // when the stream was acknowledged again, 0 not yet
	nextNS   int64  // no fetch before
	tries    int
	fetching bool
	attempt  uint64 // names the fetch in flight; a result of another is dropped
}

func (c *PublisherConfig) checkBackfill() error {
	if c.Backfill == 0 {
		return nil
	}
	if c.Backfill < 0 || c.Backfill > maxBackfill {
		return fmt.Errorf("%w: backfill of %d trades: want 1 to %d, or 0 for none", ErrConfig, c.Backfill, maxBackfill)
	}
	if _, ok := c.Dialect.(TradesDialect); !ok {
		return fmt.Errorf("%w: backfill: %s gives its trades no ids by REST, so none could be told from those published; run it with backfill 0",
			ErrConfig, c.Dialect.Venue())
	}
	if c.RESTURL == "" {
		return fmt.Errorf("%w: backfill needs the venue's REST address", ErrConfig)
	}
	return nil
}

// rememberTrades makes the memory of trades hold what a fill brings beside live ones.
func (h *hot) rememberTrades(in *instrument) {
	if h.cfg.Backfill > 0 {
		size := toldTrades
		for size < 2*h.cfg.Backfill {
			size *= 2
		}
		in.trades.ids = make([][2]uint64, size)
	}
}

// tradesLost notes that a stream of trades was lost. One that is lost again before it
// was filled is filled from where it was lost first.
func (h *hot) tradesLost(in *instrument, now int64) {
	if h.fetchTrades == nil || in.tradeID == 0 {
		return
	}
	f := in.fill
	if f == nil {
		in.fill = &tradeFill{lostNS: now, lastID: in.tradeID}
		return
	}
	f.firstID, f.ackNS, f.nextNS, f.tries, f.fetching = 0, 0, 0, 0, false
	f.attempt++
}

// tradesBack notes that the stream was acknowledged again.
func (in *instrument) tradesBack(now int64) {
	if f := in.fill; f != nil && f.ackNS == 0 {
		f.ackNS, f.nextNS = now, now
		if f.firstID == 0 {
			f.nextNS += fillWaitNS
		}
	}
}

// cameLive notes a trade of the stream.
func (f *tradeFill) cameLive(id uint64, now int64) {
	if id <= f.lastID || f.firstID != 0 && f.firstID <= id {
		return
	}
	if f.firstID == 0 && f.ackNS != 0 && f.tries == 0 {
		f.nextNS = now
	}
	f.firstID = id
}

// wantTrades asks for the trades that are due, within the host's pace.
func (h *hot) wantTrades(c *conn, now int64) {
	if h.fetchTrades == nil {
		return
	}
	for _, s := range c.subs {
		f := s.inst.fill
		if f == nil || s.stream.Channel != ring.ChannelTrades || f.ackNS == 0 || f.fetching || now < f.nextNS {
			continue
		}
		if now < h.restUntilNS || !h.restPace.take(now, snapshotsPerSecond, snapshotsPerSecond) {
			return
		}
		f.fetching = true
		f.attempt++
		f.tries++
		h.fetchTrades(s.inst, f.attempt)
	}
}

// tradesResult is what a control goroutine made of a fetch.
type tradesResult struct {
	in           *instrument
	attempt      uint64
	items        []exchanges.Item // ascending by id, each id once; some, when err is nil
	body         []byte           // what they were read from
	recvNS       int64            // when the answer was there
	err          error
	retryAfterNS int64
}

var errNoTrades = errors.New("no trades in the answer")

// parseTrades reads an answer; the trades ascend by id.
func parseTrades(d TradesDialect, body []byte, r *tradesResult) error {
	var b exchanges.Batch
	if err := d.ParseTrades(body, &b); err != nil {
		return err
	}
	for i := range b.Items {
		if it := &b.Items[i]; it.Kind != ring.KindTrade || it.IDFormat != ring.IDUint64 || it.TradeID == 0 {
			return errNoTrades
		}
	}
	slices.SortFunc(b.Items, func(a, b exchanges.Item) int { return cmp.Compare(a.TradeID, b.TradeID) })
	r.items = slices.CompactFunc(b.Items, func(a, b exchanges.Item) bool { return a.TradeID == b.TradeID })
	if len(r.items) == 0 {
		return errNoTrades
	}
	return nil
}

// tradesCame takes fetched trades in.
func (h *hot) tradesCame(r *tradesResult) {
	in, now := r.in, h.clock.Now()
	f := in.fill
	if f == nil || r.attempt != f.attempt || !f.fetching {
		return
	}
	f.fetching = false
	if r.retryAfterNS > 0 {
		h.restUntilNS = max(h.restUntilNS, now+r.retryAfterNS)
	}
	behind := r.err == nil && f.firstID != 0 && r.items[len(r.items)-1].TradeID+1 < f.firstID
	if (r.err != nil || behind) && f.tries < maxFillTries {
		f.nextNS = now + fillAgainNS<<(f.tries-1)
		if r.err != nil {
			h.log(logTrades, slogSymbol(in), slogError(r.err))
		}
		return
	}
	in.fill = nil
	h.recvNS = now
	if r.err == nil {
		h.recvNS = r.recvNS
	}
	open := h.openFrame(h.recvNS)
	if r.err != nil {
		h.tradesMissing(in, f, f.lastID+1, max(f.firstID, 1)-1, textNotFetched)
	} else {
		h.fillTrades(in, f, r.items)
	}
	h.closeFrame(open)
}

// fillTrades publishes what of an answer was missed, and says what it does not reach.
// The frame is open.
func (h *hot) fillTrades(in *instrument, f *tradeFill, items []exchanges.Item) {
	oldest, newest := items[0].TradeID, items[len(items)-1].TradeID
	if oldest > f.lastID+1 {
		last := oldest - 1
		if f.firstID != 0 {
			last = min(last, f.firstID-1) // what came live since is not missing
		}
		h.tradesMissing(in, f, f.lastID+1, last, textBeyondWindow)
	}
	missed := items[:0]
	for _, it := range items {
		if it.TradeID > f.lastID && (f.firstID == 0 || it.TradeID < f.firstID) && !in.trades.has(tradeKey(&it)) {
			missed = append(missed, it)
		}
	}
	for i := range missed {
		missed[i].Index, missed[i].Count = uint16(i), uint16(len(missed))
		h.publishMissed(in, &missed[i])
	}
	if f.firstID != 0 && newest+1 < f.firstID {
		h.tradesMissing(in, f, newest+1, f.firstID-1, textTrails)
	}
}

// publishMissed publishes one trade that came by REST; the board keeps the newest.
func (h *hot) publishMissed(in *instrument, it *exchanges.Item) {
	it.Instrument, it.Flags = in.id, ring.FlagBackfill
	in.trades.add(tradeKey(it))
	if len(in.trades.firsts) > 0 {
		in.trades.came(arrival{})
	}
	c := in.subs[channelIndex(ring.ChannelTrades)].conn
	if r := h.tradeRecord(c, in, it); r != nil {
		r.Trade().Connection = ring.NoConnection
		h.w.Publish(r)
		h.w.Counters[ring.CounterTrades]++
		h.w.Counters[ring.CounterBackfilled]++
	}
}

var (
	textNotFetched   = []byte("trades could not be fetched")
	textBeyondWindow = []byte("trades beyond what the venue still has")
	textTrails       = []byte("trades that the venue's REST lacks")
)

// tradesMissing says that trades of an outage will not come; last 0 is unknown. The frame
// is open.
func (h *hot) tradesMissing(in *instrument, f *tradeFill, first, last uint64, text []byte) {
	h.w.Counters[ring.CounterGaps]++
	h.status(statusArgs{
		code: ring.StatusGap, scope: ring.ScopeInstrument, reason: ring.ReasonSequence, inst: in,
		first: first, last: last, since: f.lostNS, text: text,
	})
}

// backfill gives the hot thread a way to fetch, where the configuration wants it.
func (p *Publisher) backfill(h *hot) {
	d, ok := h.dialect.(TradesDialect)
	if !ok || p.cfg.RESTURL == "" || p.cfg.Backfill == 0 {
		return
	}
	client := p.restClient()
	h.fetchTrades = func(in *instrument, attempt uint64) {
		path := d.TradesPath(in.native, p.cfg.Backfill)
		p.helpers.Add(1)
		go func() {
			defer p.helpers.Done()
			r := &tradesResult{in: in, attempt: attempt}
			body, wait, err := client.get(p.ctx, path)
			r.recvNS = time.Now().UnixNano()
			if err == nil {
				err = parseTrades(d, body, r)
			}
			r.body, r.err, r.retryAfterNS = body, err, int64(wait)
			_ = p.command(func(h *hot) {
				h.tee.trades(r)
				h.tradesCame(r)
			}) // closed meanwhile: nobody wants it
		}()
	}
}
