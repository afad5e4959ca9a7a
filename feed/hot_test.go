package feed

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/feed/internal/wire"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// bench is a hot thread without sockets: frames go in by hand.
type bench struct {
	h *hot
	c *conn
	r *ring.Reader
}

// newBench subscribes BTC/USDT and ETH/USDT with options like gateio.book=obu@50.
func newBench(t testing.TB, options ...[2]string) *bench {
	t.Helper()
	d := gateio.New()
	for _, o := range options {
		require.NoError(t, d.Set(o[0], o[1]))
	}
	cfg := PublisherConfig{
		Anonymous: true, Dialect: d, CPU: -1, Slots: 1 << 12, MaxInstruments: 8, Channels: ring.AllChannels,
		Symbols: []Symbol{{"BTC", "USDT"}, {"ETH", "USDT"}},
	}
	require.NoError(t, cfg.check())
	seg, err := shm.Anonymous(ring.Config{Feed: "t", Slots: cfg.Slots, MaxInstruments: cfg.MaxInstruments})
	require.NoError(t, err)
	h, err := newHot(&cfg, seg.Bytes())
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = h.poller.Close()
		_ = h.waker.Close()
		_ = seg.Close(true)
	})
	for _, s := range cfg.Symbols {
		native, err := d.NativeSymbol(s.Base, s.Quote)
		require.NoError(t, err)
		in, err := h.addInstrument(s, native, nil)
		require.NoError(t, err)
		h.want(in, cfg.Channels)
	}
	h.w.Ready()
	v, err := ring.OpenView(seg.Bytes())
	require.NoError(t, err)
	b := &bench{h: h, c: h.conns[0], r: ring.NewReader(v)}
	for _, s := range b.c.subs {
		s.state = subActive
	}
	b.drain()
	return b
}

// padded is a frame as the wire hands it out: with allocation behind it.
func padded(text string) []byte {
	return append(make([]byte, 0, len(text)+exchanges.FastPadding), text...)
}

// frame publishes one text frame.
func (b *bench) frame(text string) { b.bytes(padded(text)) }

func (b *bench) bytes(frame []byte) {
	b.h.recvNS = time.Now().UnixNano()
	open := b.h.openFrame(b.h.recvNS)
	b.h.text(b.c, frame)
	b.h.closeFrame(open)
}

// drain reads all records that wait.
func (b *bench) drain() []ring.Record {
	var out []ring.Record
	var r ring.Record
	for b.r.Next(&r) == ring.AnswerRecord {
		out = append(out, r)
	}
	return out
}

const (
	frameBookTicker = `{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update","result":{"t":1790359165710,"u":40013503861,"s":"BTC_USDT","b":"83790.9","B":"0.497321","a":"83791","A":"0.055894"}}`
	frameTrade      = `{"time":1790359171,"time_ms":1790359171120,"channel":"spot.trades","event":"update","result":{"id":220643714,"id_market":220643714,"create_time":1790359171,"create_time_ms":"1790359171119.653000","side":"sell","currency_pair":"BTC_USDT","amount":"0.002984","price":"83790.9","range":"220643714-220643714","trade_mode":0}}`
	frameTicker     = `{"time":1790134390,"time_ms":1790134390863,"channel":"spot.tickers","event":"update","result":{"currency_pair":"BTC_USDT","last":"86695.3","lowest_ask":"86691.6","highest_bid":"86690","change_percentage":"1.3401","base_volume":"0.211442","quote_volume":"18239.3197469","high_24h":"86835.7","low_24h":"85121.6"}}`
	frameUpdate     = `{"time":1790134390,"time_ms":1790134390859,"channel":"spot.order_book_update","event":"update","result":{"t":1790134390805,"e":"depthUpdate","E":1790134390,"s":"ETH_USDT","U":474334686,"u":474334687,"b":[["2765.2","1.4816"],["2766.31","1.4816"],["2761.72","0.6967"]],"a":[["2770","0"],["2771","5"]]}}`
	frameOrderBook  = `{"time":1790360084,"time_ms":1790360084771,"channel":"spot.order_book","event":"update","result":{"t":1790360084770,"lastUpdateId":40013700725,"s":"BTC_USDT","l":"20","bids":[["84005.6","0.035056"],["84002.4","0.012887"],["84002.3","0.043173"]],"asks":[["84005.7","0.115252"],["84006.7","0.011023"],["84006.8","0.032386"]]}}`
	frameSnapshot   = `{"channel":"spot.obu","result":{"t":1754006400261,"full":true,"s":"ob.BTC_USDT.50","u":100,"b":[["115765.1","0.337839"],["115764.2","0.005"]],"a":[["115765.2","0.631155"],["115765.9","0.001534"]]},"time_ms":1754006400264,"event":"update"}`
	frameDelta      = `{"channel":"spot.obu","result":{"t":1754006400361,"s":"ob.BTC_USDT.50","U":101,"u":103,"b":[["115765.1","0"]],"a":[["115765.15","1"]]},"time_ms":1754006400364,"event":"update"}`
)

// advance adds 4 to every id of a frame, in place, so that it is news: what was told
// before is not published again.
func advance(frame []byte) {
	for _, key := range [...]string{`"id":`, `"U":`, `"u":`, `"lastUpdateId":`} {
		i := bytes.Index(frame, []byte(key))
		if i < 0 {
			continue
		}
		end := i + len(key)
		for end < len(frame) && frame[end] >= '0' && frame[end] <= '9' {
			end++
		}
		for add, k := byte(4), end-1; add > 0; k-- {
			d := frame[k] - '0' + add
			frame[k], add = '0'+d%10, d/10
		}
	}
}

// From frame bytes to committed record nothing is allocated, on any channel.
func TestNothingIsAllocatedFromFrameToRecord(t *testing.T) {
	for _, c := range []struct {
		name, book string
		frames     []string
	}{
		{"a book ticker", "order_book_update@100ms", []string{frameBookTicker}},
		{"a trade", "order_book_update@100ms", []string{frameTrade}},
		{"a ticker", "order_book_update@100ms", []string{frameTicker}},
		{"book deltas", "order_book_update@100ms", []string{frameUpdate}},
		{"whole books", "order_book@20", []string{frameOrderBook}},
		{"a stream's snapshot and delta", "obu@50", []string{frameSnapshot, frameDelta}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, [2]string{"gateio.book", c.book})
			frames := make([][]byte, len(c.frames))
			for i, f := range c.frames {
				frames[i] = padded(f)
			}
			once := func() {
				for _, f := range frames {
					advance(f)
					b.bytes(f)
				}
			}
			once()
			before := b.h.w.LastSequence()
			assert.Zero(t, testing.AllocsPerRun(200, once))
			assert.Greater(t, b.h.w.LastSequence(), before+199)
		})
	}
}

// A stream's book follows snapshot and deltas onto the board.
func TestStreamBookIsOnTheBoard(t *testing.T) {
	b := newBench(t, [2]string{"gateio.book", "obu@50"})
	book := ring.NewBook(b.r.View().BookDepth())
	require.Equal(t, ring.AnswerRecord, b.r.View().ReadBook(0, book))
	assert.False(t, book.Valid(), "an awaited book must not read as valid and empty")

	b.frame(frameSnapshot)
	b.frame(frameDelta)
	require.Equal(t, ring.AnswerRecord, b.r.View().ReadBook(0, book))
	assert.True(t, book.Valid())
	assert.EqualValues(t, 103, book.Header.VenueSequence)
	require.Len(t, book.Bids(), 1)
	require.Len(t, book.Asks(), 3)
	assert.Equal(t, int8(-2), book.Header.PriceExponent)
	assert.EqualValues(t, 11576420, book.Bids()[0].Price)
	assert.EqualValues(t, 11576515, book.Asks()[0].Price)

	var codes []ring.StatusCode
	for _, r := range b.drain() {
		if r.Kind == ring.KindStatus {
			codes = append(codes, r.Status().Code)
		}
	}
	assert.Equal(t, []ring.StatusCode{ring.StatusResyncBegin, ring.StatusResyncEnd, ring.StatusInstrumentChanged}, codes)
}

// A hole in a stream is found at the message that reveals it; nothing is read as
// valid afterwards.
func TestGapInStreamMakesBookSuspect(t *testing.T) {
	b := newBench(t, [2]string{"gateio.book", "obu@50"})
	b.frame(frameSnapshot)
	b.drain()
	b.frame(`{"channel":"spot.obu","result":{"t":1754006400361,"s":"ob.BTC_USDT.50","U":104,"u":106,"b":[["115765.1","0"]]},"time_ms":1754006400364,"event":"update"}`)
	book := ring.NewBook(b.r.View().BookDepth())
	require.Equal(t, ring.AnswerRecord, b.r.View().ReadBook(0, book))
	assert.False(t, book.Valid())
	records := b.drain()
	require.Len(t, records, 2)
	assert.Equal(t, ring.StatusGap, records[0].Status().Code)
	assert.EqualValues(t, 101, records[0].Status().FirstMissing)
	assert.EqualValues(t, 103, records[0].Status().LastMissing)
	assert.Equal(t, ring.KindDepth, records[1].Kind)
	assert.NotZero(t, records[1].Flags&ring.FlagSuspect)
	var st ring.InstrumentState
	require.True(t, b.r.View().InstrumentState(0, &st))
	assert.NotZero(t, st.Bits()&ring.BitSuspect)
	assert.NotZero(t, st.Bits()&ring.BitResyncing)
}

// Frames that follow one another too closely for the thread to block ring the bell all
// the same, once in ringNS, and without a look at the clock of readers.
func TestReadersAreWokenUnderASteadyLoad(t *testing.T) {
	b := newBench(t)
	h := b.h
	h.nextTick = h.clock.Now() + int64(time.Hour)
	busy := func(sinceRing int64) {
		h.worked = true
		h.lastWork = h.clock.Now()
		h.rungNS = h.lastWork - sinceRing
	}
	busy(0)
	assert.Zero(t, h.timeout(), "it spins")
	assert.True(t, h.worked, "rung just now: the bell waits")
	busy(2 * ringNS)
	assert.Zero(t, h.timeout(), "it spins")
	assert.False(t, h.worked, "the bell was due")
	h.cfg.Wait = WaitBusy
	busy(2 * ringNS)
	assert.Zero(t, h.timeout())
	assert.True(t, h.worked, "a helper rings in busy mode")
}

// A connection that is to be dialled brings the tick forward: an outage is not longer by
// what is left of a tick.
func TestADialIsNotKeptWaitingForTheTick(t *testing.T) {
	b := newBench(t)
	h := b.h
	h.cfg.URLs = []string{"ws://127.0.0.1:1/"}
	now := h.clock.Now()
	later := now + int64(time.Hour)
	h.nextTick = later
	h.dialFailed(b.c, &wire.DialError{Code: wire.DialOther, Reason: "refused"}, now)
	assert.Equal(t, b.c.dialNS, h.nextTick)
	h.nextTick = later
	h.newConn(now, connGroup{})
	assert.Equal(t, now, h.nextTick)
	h.hasten(later)
	assert.Equal(t, now, h.nextTick, "what is due earlier stays")
}
