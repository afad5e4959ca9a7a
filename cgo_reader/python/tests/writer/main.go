// Command writer is the writer of the Python reader's tests: a real process that makes
// segments and publishes what it is told on standard input, a line a command, and
// answers each with a line.
//
//	make PATH FEED SLOTS GENERATION   a live segment with BTC/USDT and ETH/USDT, under PATH
//	quotes N                          N book tickers, a frame each
//	mix N                             N frames of one record of each kind
//	depth N                           one depth event of N records
//	status                            a record of no instrument
//	book                              the book of instrument 0
//	open N                            N book tickers in a frame that does not end
//	add SYMBOL                        another instrument, e.g. XRP/USDT
//	beat                              move the heartbeat, say that data came now
//	state BITS                        state word of instrument 0
//	run N                             N book tickers, 4 a frame, as fast as it can
//	close                             end cleanly
//	readers PATH                      make a file of readers
//	listed PATH                       say "ok" and who is in it: pid generation cursor read lost name
//	supersede GENERATION              say that this generation replaced the segment
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tickring/tickring/ring"
)

const (
	bookDepth      = 5
	maxInstruments = 8
	runFrame       = 4
)

func main() {
	w := &writer{}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Fields(in.Text())
		if len(words) == 0 {
			continue
		}
		w.said = ""
		answer := "ok"
		if err := w.do(words[0], words[1:]); err != nil {
			answer = "error: " + err.Error()
		}
		answer += w.said
		fmt.Println(answer)
	}
}

type writer struct {
	buf  []byte
	boot [16]byte
	said string // behind "ok"
	*ring.Writer
}

func (w *writer) do(name string, args []string) error {
	if name == "make" && len(args) == 4 {
		return w.make(args[0], args[1], number(args[2]), number(args[3]))
	}
	if w.Writer == nil {
		return errors.New("make a segment first")
	}
	n := uint64(1)
	if len(args) > 0 {
		n = number(args[0])
	}
	switch name {
	case "quotes":
		w.each(n, func() []ring.Record { return []ring.Record{quote(w.LastSequence() + 1)} })
	case "mix":
		w.each(n, func() []ring.Record { return mix(w.LastSequence() + 1) })
	case "depth":
		w.each(1, func() []ring.Record { return depth(n) })
	case "status":
		w.each(1, func() []ring.Record { return []ring.Record{status(ring.NoInstrument)} })
	case "open":
		w.publish(n)
	case "book":
		w.book()
	case "add":
		return w.add(args[0])
	case "readers":
		return os.WriteFile(args[0], ring.FormatReaders(w.boot), 0o660)
	case "listed":
		return w.list(args[0])
	case "beat":
		w.beat()
	case "state":
		w.SetState(0, ring.StateBit(n), 1)
	case "run":
		w.run(n)
	case "close":
		w.CloseSegment()
	case "supersede":
		ring.Supersede(w.buf, n)
	default:
		return fmt.Errorf("no command %s", name)
	}
	return nil
}

// number is a decimal word; the tests send no other.
func number(word string) uint64 {
	n, _ := strconv.ParseUint(word, 10, 64)
	return n
}

// make builds a segment beside its path and renames it into place.
func (w *writer) make(path, feed string, slots, generation uint64) error {
	c := ring.Config{Feed: feed, Venue: "tests", Source: ring.SourceLive, Generation: generation, Slots: int(slots),
		MaxInstruments: maxInstruments, BookDepth: bookDepth, CreatedRealtimeNS: time.Now().UnixNano()}
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	if _, err := hex.Decode(w.boot[:], []byte(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))); err != nil {
		return err
	}
	c.BootID = w.boot
	size, err := c.Size()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		return err
	}
	if w.buf, err = syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err != nil {
		return err
	}
	if err := ring.Format(w.buf, c); err != nil {
		return err
	}
	if w.Writer, err = ring.NewWriter(w.buf, func() int64 { return time.Now().UnixNano() }); err != nil {
		return err
	}
	for _, symbol := range []string{"BTC/USDT", "ETH/USDT"} {
		if err := w.add(symbol); err != nil {
			return err
		}
	}
	w.Ready()
	w.beat()
	return os.Rename(path+".new", path)
}

// list says what the file of readers holds, as the publisher reads it.
func (w *writer) list(path string) error {
	buf, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	readers, err := ring.OpenReaders(buf, w.boot)
	if err != nil {
		return err
	}
	var slot ring.ReaderSlot
	for i := range ring.ReaderSlots {
		if readers.Slot(i, &slot) {
			w.said += fmt.Sprintf(" %d:%d:%d:%d:%d:%s", slot.PID, slot.Generation, slot.Cursor, slot.Read, slot.Lost, slot.NameText())
		}
	}
	return nil
}

func (w *writer) add(symbol string) error {
	base, quote, _ := strings.Cut(symbol, "/")
	id, err := w.AddInstrument(ring.InstrumentSpec{Native: base + "_" + quote, Base: base, Quote: quote, Tick: 1, Lot: 1,
		Multiplier: ring.Absent, TickExponent: -2, LotExponent: -6, PriceExponent: -2, QuantityExponent: -6,
		Channels: ring.AllChannels})
	if err != nil {
		return err
	}
	w.SetState(id, ring.BitSubscribed, 1)
	w.SetInstrumentConnection(id, 0)
	return nil
}

func (w *writer) beat() {
	now := time.Now().UnixNano()
	w.HotBeat(now)
	w.SetConnection(0, &ring.ConnectionRow{State: ring.ConnectionUp, LastReceiveNS: now, RoundTripNS: ring.Absent})
	w.Seen(0, ring.KindBookTicker, now)
}

func (w *writer) each(n uint64, records func() []ring.Record) {
	for range n {
		w.BeginFrame(time.Now().UnixNano())
		for _, r := range records() {
			w.Publish(&r)
		}
		w.EndFrame()
	}
}

func (w *writer) publish(n uint64) {
	w.BeginFrame(time.Now().UnixNano())
	for range n {
		r := quote(w.LastSequence() + 1)
		w.Publish(&r)
	}
}

func (w *writer) run(n uint64) {
	for done := uint64(0); done < n; done += runFrame {
		w.publish(min(runFrame, n-done))
		w.EndFrame()
	}
	w.beat()
}

func (w *writer) book() {
	b := ring.NewBook(bookDepth)
	b.Header = ring.BookHeader{AsOf: w.LastSequence(), EventTimeNS: ring.Absent, VenueSequence: 7, BookEpoch: 1, BidCount: 2,
		AskCount: 1, PriceExponent: -2, QuantityExponent: -6, Flags: uint16(ring.BookValid)}
	copy(b.BidLevels(), []ring.Level{{Price: 10000, Quantity: 1_500_000}, {Price: 9999, Quantity: 1}})
	copy(b.AskLevels(), []ring.Level{{Price: 10001, Quantity: 2}})
	w.WriteBook(0, b)
}

// quote is a book ticker whose every word follows from its sequence; odd ones are ETH's.
func quote(n uint64) ring.Record {
	r := ring.Record{Kind: ring.KindBookTicker, Flags: ring.FlagFirst | ring.FlagLast, PriceExponent: -2, QuantityExponent: -6,
		Instrument: uint16(n % 2), VenueSequence: n, EventTimeNS: int64(n * 7)}
	*r.BookTicker() = ring.BookTicker{BidPrice: int64(n), BidQuantity: int64(n * 2), AskPrice: int64(n + 1),
		AskQuantity: int64(n * 3), SendTimeNS: int64(n * 5), BookEpoch: uint32(n), Connection: 0}
	return r
}

func status(instrument uint16) ring.Record {
	r := ring.Record{Kind: ring.KindStatus, Flags: ring.FlagSynthetic | ring.FlagLast, Instrument: instrument, EventTimeNS: ring.Absent}
	s := r.Status()
	*s = ring.Status{Code: ring.StatusGap, Scope: uint8(ring.ScopeInstrument), Reason: uint32(ring.ReasonHTTPBase) + 429,
		Connection: ring.NoConnection, FirstMissing: 5, LastMissing: 9, TextLength: 5}
	copy(s.Text[:], "lücke")
	s.TextLength = uint16(len("lücke"))
	return r
}

func depth(records uint64) []ring.Record {
	list := make([]ring.Record, records)
	for i := range list {
		r := ring.Record{Kind: ring.KindDepth, PriceExponent: -2, QuantityExponent: -6, EventTimeNS: ring.Absent}
		*r.Depth() = ring.Depth{Levels: [4]ring.Level{{Price: 10000, Quantity: int64(i)}, {Price: 9900, Quantity: 0}, {Price: 10100, Quantity: 3}},
			FirstSequence: 3, BookEpoch: 1, Bids: 2, Asks: 1}
		if i == 0 {
			r.Flags |= ring.FlagFirst
		}
		if i == len(list)-1 {
			r.Flags |= ring.FlagLast
		}
		list[i] = r
	}
	return list
}

// mix is one record of each kind, with extremes and absent values among them.
func mix(n uint64) []ring.Record {
	trade := ring.Record{Kind: ring.KindTrade, Flags: ring.FlagFirst | ring.FlagLast, PriceExponent: -2, QuantityExponent: -6}
	*trade.Trade() = ring.Trade{Price: 123456, Quantity: -1, TradeID: n, SecondID: n + 1, Aggressor: uint8(ring.AggressorSell),
		IDFormat: uint8(n % 4), TextLength: 3, Text: [24]byte{'a', 'b', 'c'}, IDSuffix1: 1, Count: 1}
	ticker := ring.Record{Kind: ring.KindTicker, PriceExponent: 3, EventTimeNS: ring.Absent}
	*ticker.Ticker() = ring.Ticker{Last: int64(n), Bid: ring.Absent, Ask: 1<<63 - 1, Open: -1, BaseVolume: 123450,
		QuoteVolume: 5, BaseVolumeExponent: -5, QuoteVolumeExponent: 20}
	perpetual := ring.Record{Kind: ring.KindPerpetual, Instrument: 1, PriceExponent: -1}
	*perpetual.Perpetual() = ring.Perpetual{MarkPrice: 641001, IndexPrice: 641000, FundingRate: -125, FundingExponent: -6,
		OpenInterest: ring.Absent, Connection: ring.NoConnection}
	list := []ring.Record{quote(n), trade, ticker, perpetual, status(1)}
	return append(list, depth(2)...)
}
