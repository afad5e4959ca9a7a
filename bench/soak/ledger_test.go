package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// pad is a ring that a test writes by hand, and the ledger that reads it.
type pad struct {
	w     *ring.Writer
	l     *ledger
	found []string
}

func newPad(t *testing.T, book bookKind) *pad {
	t.Helper()
	c := ring.Config{Feed: "soak", Venue: "gateio", Source: ring.SourceSimulated, Generation: 1, Slots: 64, MaxInstruments: 1, BookDepth: 1}
	size, err := c.Size()
	require.NoError(t, err)
	buf := make([]byte, size)
	require.NoError(t, ring.Format(buf, c))
	p := &pad{}
	p.w, err = ring.NewWriter(buf, func() int64 { return time.Now().UnixNano() })
	require.NoError(t, err)
	_, err = p.w.AddInstrument(ring.InstrumentSpec{Native: "A_B", Base: "A", Quote: "B", Tick: ring.Absent, Lot: ring.Absent, Multiplier: ring.Absent})
	require.NoError(t, err)
	set := setting{book: book, idStep: 1, tradesPerFrame: 1}
	p.l = newLedger(set, p.w.View(), 1, map[string]int{"trades": 1}, func(text string) { p.found = append(p.found, text) })
	return p
}

func (p *pad) put(r ring.Record) {
	p.w.BeginFrame(time.Now().UnixNano())
	p.w.Publish(&r)
	p.w.EndFrame()
}

func (p *pad) trade(id uint64) {
	r := ring.Record{Kind: ring.KindTrade, Flags: ring.FlagFirst | ring.FlagLast}
	r.Trade().TradeID = id
	p.put(r)
}

func (p *pad) quote(id uint64) {
	r := ring.Record{Kind: ring.KindBookTicker, VenueSequence: id, Flags: ring.FlagFirst | ring.FlagLast}
	r.BookTicker().AskPrice = 1
	p.put(r)
}

func (p *pad) depth(first, last uint64, flags ring.Flags) {
	r := ring.Record{Kind: ring.KindDepth, VenueSequence: last, Flags: flags | ring.FlagFirst | ring.FlagLast}
	r.Depth().FirstSequence = first
	p.put(r)
}

// ofKind writes records that have nothing but their kinds, of a venue of perpetuals.
func (p *pad) ofKind(kinds ...ring.Kind) {
	p.l.set.perpetual = true
	for _, k := range kinds {
		p.put(ring.Record{Kind: k, Flags: ring.FlagFirst | ring.FlagLast})
	}
}

func (p *pad) status(code ring.StatusCode, first, last uint64) { p.statusOf(0, code, first, last) }

// on says something of a connection.
func (p *pad) on(row uint16, code ring.StatusCode) { p.statusOf(row, code, 0, 0) }

// tradeOn writes a trade that came over a connection.
func (p *pad) tradeOn(row uint16, id uint64) {
	r := ring.Record{Kind: ring.KindTrade, Flags: ring.FlagFirst | ring.FlagLast}
	r.Trade().TradeID, r.Trade().Connection = id, row
	p.put(r)
}

func (p *pad) statusOf(row uint16, code ring.StatusCode, first, last uint64) {
	r := ring.Record{Kind: ring.KindStatus, Flags: ring.FlagFirst | ring.FlagLast}
	s := r.Status()
	s.Connection = row
	s.Code, s.FirstMissing, s.LastMissing = code, first, last
	s.TextLength = uint16(copy(s.Text[:], "trades"))
	p.put(r)
}

// The ledger finds each thing that must not be, and nothing in what may.
func TestLedgerJudges(t *testing.T) {
	for _, c := range []struct {
		name  string
		book  bookKind
		write func(p *pad)
		found string
	}{
		{"trades out of order are none", bookDeltas, func(p *pad) { p.trade(2); p.trade(1); p.trade(3) }, ""},
		{"a trade told twice", bookDeltas, func(p *pad) { p.trade(2); p.trade(2) }, "trade 2 told twice"},
		{"a trade again after a loss is another connection's", bookDeltas, func(p *pad) {
			p.status(ring.StatusSubscribed, 0, 0)
			p.trade(2)
			p.status(ring.StatusDown, 0, 0)
			p.status(ring.StatusUp, 0, 0)
			p.trade(2)
		}, ""},
		{"a trade again after the loss of a carrier whose successors were lost before it", bookDeltas, func(p *pad) {
			p.on(0, ring.StatusUp)
			p.on(0, ring.StatusSubscribed)
			p.tradeOn(0, 2)
			for _, successor := range []uint16{1, 2} {
				p.on(0, ring.StatusRollover)
				p.on(successor, ring.StatusUp)
				p.on(successor, ring.StatusSubscribed)
			}
			p.on(0, ring.StatusDown)
			p.on(3, ring.StatusUp)
			p.tradeOn(3, 2)
		}, ""},
		{"a row that another connection uses is no carrier", bookDeltas, func(p *pad) {
			p.on(0, ring.StatusUp)
			p.on(0, ring.StatusSubscribed)
			p.tradeOn(0, 2)
			p.on(0, ring.StatusRollover)
			p.on(1, ring.StatusUp)
			p.on(1, ring.StatusSubscribed)
			p.on(1, ring.StatusUp) // the successor was lost; another's has its row
			p.on(1, ring.StatusDown)
			p.tradeOn(0, 2)
		}, "trade 2 told twice"},
		{"a trade told twice by a connection and its successor", bookDeltas, func(p *pad) {
			p.on(0, ring.StatusUp)
			p.on(0, ring.StatusSubscribed)
			p.tradeOn(0, 2)
			p.on(0, ring.StatusRollover)
			p.on(1, ring.StatusUp)
			p.on(1, ring.StatusSubscribed)
			p.tradeOn(1, 2)
		}, "trade 2 told twice"},
		{"an older quote behind a newer", bookDeltas, func(p *pad) { p.quote(2); p.quote(1) }, "quote 1 behind 2"},
		{"deltas in a chain", bookDeltas, func(p *pad) { p.depth(1, 2, 0); p.depth(3, 5, 0) }, ""},
		{"a hole nobody said", bookDeltas, func(p *pad) { p.depth(1, 2, 0); p.depth(4, 5, 0) }, "no GAP for 3 to 3"},
		{"a hole that was said", bookDeltas, func(p *pad) {
			p.depth(1, 2, 0)
			p.status(ring.StatusGap, 3, 3)
			p.depth(4, 5, 0)
		}, ""},
		{"a hole that was said wrong", bookDeltas, func(p *pad) {
			p.depth(1, 2, 0)
			p.status(ring.StatusGap, 3, 4)
			p.depth(4, 5, 0)
		}, "GAP 3 to 4, and 3 to 3 is missing"},
		{"a GAP where nothing is missing", bookDeltas, func(p *pad) {
			p.depth(1, 2, 0)
			p.status(ring.StatusGap, 3, 3)
			p.depth(3, 5, 0)
		}, "GAP 3 to 3, and nothing is missing"},
		{"a delta told twice", bookDeltas, func(p *pad) { p.depth(1, 2, 0); p.depth(1, 2, 0) }, "depth event 2 behind 2"},
		{"a snapshot covers a hole", bookStream, func(p *pad) { p.depth(1, 2, 0); p.depth(0, 9, ring.FlagSnapshot); p.depth(10, 11, 0) }, ""},
		{"a ticker and its perpetual", bookDeltas, func(p *pad) {
			p.w.BeginFrame(1)
			for _, k := range []ring.Kind{ring.KindTicker, ring.KindPerpetual} {
				p.w.Publish(&ring.Record{Kind: k, Flags: ring.FlagFirst | ring.FlagLast})
			}
			p.w.EndFrame()
			p.l.set.perpetual = true
		}, ""},
		{"a ticker without its perpetual", bookDeltas, func(p *pad) { p.ofKind(ring.KindTicker, ring.KindTrade) }, "a TRADE where the PERPETUAL"},
		{"a perpetual without a ticker", bookDeltas, func(p *pad) { p.ofKind(ring.KindTrade, ring.KindPerpetual) }, "a PERPETUAL without its ticker"},
		{"a perpetual of another message", bookDeltas, func(p *pad) { p.ofKind(ring.KindTicker, ring.KindPerpetual) }, "a PERPETUAL without its ticker"},
		{"an older whole book", bookSnapshots, func(p *pad) { p.depth(0, 9, ring.FlagSnapshot); p.depth(0, 8, ring.FlagSnapshot) }, "depth event 8 behind 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPad(t, c.book)
			c.write(p)
			for p.l.take() == ring.AnswerRecord {
			}
			if c.found == "" {
				assert.Empty(t, p.found)
				return
			}
			require.Len(t, p.found, 1)
			assert.Contains(t, p.found[0], c.found)
		})
	}
}

// Trades that were never told are counted, within a subscription only.
func TestLedgerCountsHolesInTrades(t *testing.T) {
	p := newPad(t, bookDeltas)
	for _, id := range []uint64{1, 2, 5} {
		p.trade(id)
	}
	p.status(ring.StatusSubscribed, 0, 0)
	p.trade(9)
	p.trade(10)
	p.l.take()
	s := p.l.streams[0][1]
	assert.EqualValues(t, 2, s.holes+s.missing(1))
}

// What came before the answer to a request is forgotten with its connection, and with no
// other: the stream is stale until more comes.
func TestLedgerForgetsWhatWasNeverAnswered(t *testing.T) {
	for row, heard := range map[uint16]int{0: 1, 1: 0} {
		p := newPad(t, bookDeltas)
		p.on(0, ring.StatusUp)
		p.on(1, ring.StatusUp)
		p.tradeOn(1, 1)
		p.on(row, ring.StatusDown)
		p.l.take()
		assert.EqualValues(t, heard, p.l.streams[0][1].heard, "row %d is lost", row)
	}
}

// A reader that was lapped counts what it lost.
func TestLedgerCountsWhatItLost(t *testing.T) {
	p := newPad(t, bookDeltas)
	for id := range uint64(200) {
		p.trade(id + 1)
	}
	for p.l.take() == ring.AnswerRecord {
	}
	assert.NotZero(t, p.l.lost)
}

// What has grown is named, once it had time to go.
func TestStockNamesALeak(t *testing.T) {
	before := takeStock()
	stop := make(chan struct{})
	for range stockGoroutines + 10 {
		go func() { <-stop }()
	}
	time.AfterFunc(200*time.Millisecond, func() { close(stop) })
	assert.Empty(t, before.grown(stockRunning, stockWait), "gone in time")

	before.goroutines = -stockGoroutines - 1
	assert.Contains(t, before.grown(stockRunning, 0)[0], "goroutines")
}
