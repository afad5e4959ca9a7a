package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailru/easyjson"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/bench/plain"
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
)

// The decoders that are compared, in the order of the table's columns.
const (
	ours       = "tickring"
	asItComes  = "easyjson"
	withFloats = "easyjson+floats"
	standard   = "encoding/json"
)

var decoderNames = []string{ours, asItComes, withFloats, standard}

// decoder decodes the same frame again and again.
type decoder struct {
	name   string
	decode func() error
}

// decodersOf makes all of them for a frame.
func decodersOf(f frame) []decoder {
	// As the wire hands a message out: with allocation behind it.
	raw := append(make([]byte, 0, len(f.text)+exchanges.FastPadding), f.text...)
	d, symbols, batch := gateio.New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	refused := errors.New("refused")
	return []decoder{
		{ours, func() error {
			if v := d.Decode(raw, symbols, batch); v.Class != exchanges.ClassData {
				return refused
			}
			return nil
		}},
		{asItComes, func() error { return easyjson.Unmarshal(raw, messageOf(f.channel)) }},
		{withFloats, func() error {
			m := messageOf(f.channel)
			if err := easyjson.Unmarshal(raw, m); err != nil {
				return err
			}
			_, err := m.Numbers()
			return err
		}},
		{standard, func() error { return json.Unmarshal(raw, bare(messageOf(f.channel))) }},
	}
}

// message is one of plain's.
type message interface {
	easyjson.Unmarshaler
	plain.Message
}

// messageOf is an empty message of the channel, as a program that decodes a stream
// makes one for each frame.
func messageOf(channel string) message {
	switch channel {
	case "book_ticker":
		return new(plain.BookTickerMessage)
	case "trade":
		return new(plain.TradeMessage)
	case "ticker":
		return new(plain.TickerMessage)
	case "order_book":
		return new(plain.OrderBookMessage)
	}
	return new(plain.UpdateMessage)
}

// bare takes the generated methods off a message, which encoding/json would call.
func bare(m message) any {
	switch m := m.(type) {
	case *plain.BookTickerMessage:
		type bare plain.BookTickerMessage
		return (*bare)(m)
	case *plain.TradeMessage:
		type bare plain.TradeMessage
		return (*bare)(m)
	case *plain.TickerMessage:
		type bare plain.TickerMessage
		return (*bare)(m)
	case *plain.OrderBookMessage:
		type bare plain.OrderBookMessage
		return (*bare)(m)
	case *plain.UpdateMessage:
		type bare plain.UpdateMessage
		return (*bare)(m)
	}
	panic(fmt.Sprintf("bare: no case for %T", m))
}

// How often and how long each decoder is timed.
const (
	decodeRounds = 7
	decodeTime   = 10 * time.Millisecond
)

// runDecode is "decode": it times all decoders, turn by turn, and prints
// "decode CHANNEL BYTES DECODER ALLOCATIONS NS…", the median of each round.
func runDecode(args []string) error {
	f := flag.NewFlagSet("decode", flag.ContinueOnError)
	cpu := f.Int("cpu", 0, "CPU to pin to")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := kit.PinThread(*cpu); err != nil {
		return err
	}
	for _, fr := range frames() {
		if err := timeDecoders(fr, decodersOf(fr)); err != nil {
			return fmt.Errorf("decode %s: %w", fr.channel, err)
		}
	}
	for _, fr := range pushes() {
		if err := timeDecoders(fr, pushDecodersOf(fr)); err != nil {
			return fmt.Errorf("decode %s: %w", fr.channel, err)
		}
	}
	return nil
}

func timeDecoders(f frame, list []decoder) error {
	ns := make([][]float64, len(list))
	for range decodeRounds {
		for i, d := range list {
			took, err := timeFor(decodeTime, d.decode)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			ns[i] = append(ns[i], took)
		}
	}
	for i, d := range list {
		allocations := testing.AllocsPerRun(100, func() { _ = d.decode() }) // each was tried above
		fmt.Printf("decode %s %d %s %g %s\n", f.channel, len(f.text), d.name, allocations, strings.Trim(fmt.Sprint(ns[i]), "[]"))
	}
	return nil
}

// timeFor runs f for about d and returns ns per call, of this thread's CPU time: what
// else runs on the CPU meanwhile does not count. The calling goroutine is locked to
// its thread.
func timeFor(d time.Duration, f func() error) (float64, error) {
	const batch = 64
	calls := 0
	began := threadTime()
	for threadTime()-began < d {
		for range batch {
			if err := f(); err != nil {
				return 0, err
			}
		}
		calls += batch
	}
	return float64(threadTime()-began) / float64(calls), nil
}

// threadTime is the CPU time that the calling thread has had.
func threadTime() time.Duration {
	var ts unix.Timespec
	// It fails for unknown clocks only.
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// decodeRow is what a decoder needed for a channel's frame.
type decodeRow struct {
	bytes       int
	allocations float64
	rounds      []float64 // ns per frame
}

func (r decodeRow) ns() float64 { return kit.Median(slices.Clone(r.rounds)) }

// parseDecode reads what runDecode printed, by channel and decoder.
func parseDecode(text string) (map[string]map[string]decodeRow, error) {
	rows := map[string]map[string]decodeRow{}
	for line := range strings.Lines(text) {
		var r decodeRow
		var channel, name string
		fields := strings.Fields(line)
		if len(fields) < 6 {
			return nil, fmt.Errorf("decode said %q", line)
		}
		if _, err := fmt.Sscanf(strings.Join(fields[:5], " "), "decode %s %d %s %g", &channel, &r.bytes, &name, &r.allocations); err != nil {
			return nil, fmt.Errorf("decode said %q: %w", line, err)
		}
		for _, f := range fields[5:] {
			var ns float64
			if _, err := fmt.Sscan(f, &ns); err != nil {
				return nil, fmt.Errorf("decode said %q: %w", line, err)
			}
			r.rounds = append(r.rounds, ns)
		}
		if rows[channel] == nil {
			rows[channel] = map[string]decodeRow{}
		}
		rows[channel][name] = r
	}
	return rows, nil
}

// quotient is how many times as long a takes as b, the median over the rounds.
func quotient(a, b decodeRow) float64 {
	n := min(len(a.rounds), len(b.rounds))
	q := make([]float64, n)
	for i := range q {
		q[i] = a.rounds[i] / b.rounds[i]
	}
	return kit.Median(q)
}
