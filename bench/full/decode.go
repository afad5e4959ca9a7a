package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bytedance/sonic"
	goccy "github.com/goccy/go-json"
	"github.com/mailru/easyjson"
	"golang.org/x/sys/unix"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/gateiofutures"
)

// Decoders, as they are called in tables and figures.
const (
	decOurs      = "tickring"
	decReference = "easyjson-0alloc"
	decEasyjson  = "easyjson"
	decSonic     = "sonic"
	decGoccy     = "goccy"
	decStandard  = "encoding/json"
	decSimd      = "simdjson"
	decSimdExact = "simdjson+decimals"
	decMsgspec   = "msgspec"
	decVT        = "vtprotobuf"
	decProtobuf  = "protobuf"
)

// decoder decodes the same frame again and again.
type decoder struct {
	name   string
	decode func() error
}

var errRefused = errors.New("refused")

// dialect is a venue's, of those whose messages are texts.
type dialect interface {
	Decode(raw []byte, symbols *exchanges.SymbolTable, batch *exchanges.Batch) exchanges.Verdict
	Fallbacks() []exchanges.FastStats
}

func dialectOf(channel string) dialect {
	if strings.HasPrefix(channel, futuresPrefix) {
		return gateiofutures.New()
	}
	return gateio.New()
}

// goDecoders makes all that are Go for a message of Gate.io. Package plain has spot's
// messages only.
func goDecoders(channel, text string) []decoder {
	raw := padded(text)
	list := []decoder{
		{decOurs, ourDecoder(dialectOf(channel), raw)},
		// A leading blank is JSON as well, and none of the templates': what decodes then is
		// the fallback, easyjson's code with field types that allocate nothing.
		{decReference, ourDecoder(dialectOf(channel), padded(" "+text))},
		{decSonic, func() error { return sonic.ConfigFastest.Unmarshal(raw, bareOf(channel)) }},
		{decGoccy, func() error { return goccy.Unmarshal(raw, bareOf(channel)) }},
		{decStandard, func() error { return json.Unmarshal(raw, bareOf(channel)) }},
	}
	if strings.HasPrefix(channel, futuresPrefix) {
		return list
	}
	return append(list, decoder{decEasyjson, func() error { return easyjson.Unmarshal(raw, generatedOf(channel).(easyjson.Unmarshaler)) }})
}

// padded is a message as the wire hands it out: with allocation behind it.
func padded(text string) []byte {
	return append(make([]byte, 0, len(text)+exchanges.FastPadding), text...)
}

func ourDecoder(d dialect, raw []byte) func() error {
	symbols, batch := exchanges.NewLearningTable(), new(exchanges.Batch)
	return func() error {
		if v := d.Decode(raw, symbols, batch); v.Class != exchanges.ClassData {
			return errRefused
		}
		return nil
	}
}

// decodeTime is how long a decoder is timed in a round.
const decodeTime = 10 * time.Millisecond

// frame is a message of a channel.
type frame struct{ channel, text string }

// readFrames reads lines "CHANNEL TEXT".
func readFrames(path string) ([]frame, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []frame
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		channel, text, ok := strings.Cut(scan.Text(), " ")
		if !ok {
			return nil, fmt.Errorf("%s: line %q: want CHANNEL TEXT", path, scan.Text())
		}
		list = append(list, frame{channel, text})
	}
	return list, scan.Err()
}

// runDecode is "decode": one round of all Go decoders, as lines "decode CHANNEL BYTES
// DECODER ALLOCATIONS NS".
func runDecode(args []string) error {
	f := flag.NewFlagSet("decode", flag.ContinueOnError)
	cpu := f.Int("cpu", 0, "CPU to pin to")
	path := f.String("frames", "", "file of lines CHANNEL TEXT")
	if err := f.Parse(args); err != nil {
		return err
	}
	list, err := readFrames(*path)
	if err != nil {
		return err
	}
	if err := kit.PinThread(*cpu); err != nil {
		return err
	}
	for _, fr := range append(list, futuresFrames()...) {
		for _, d := range goDecoders(fr.channel, fr.text) {
			ns, err := timeFor(decodeTime, d.decode)
			if err != nil {
				return fmt.Errorf("decode %s with %s: %w", fr.channel, d.name, err)
			}
			allocations := testing.AllocsPerRun(20, func() { _ = d.decode() }) // it was tried above
			fmt.Printf("decode %s %d %s %g %.2f\n", fr.channel, len(fr.text), d.name, allocations, ns)
		}
	}
	return nil
}

// timeFor runs f for about d and returns ns a call of this thread's CPU time. The first
// calls do not count: some decoders compile then.
func timeFor(d time.Duration, f func() error) (float64, error) {
	const batch = 64
	calls := -batch
	var began time.Duration
	for calls <= 0 || threadTime()-began < d {
		for range batch {
			if err := f(); err != nil {
				return 0, err
			}
		}
		if calls += batch; calls == 0 {
			began = threadTime()
		}
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
