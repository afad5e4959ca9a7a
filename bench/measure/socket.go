package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
)

// How long the parts of a run from socket to reader take.
const (
	socketTime   = 1500 * time.Millisecond
	socketSettle = "100ms"
	socketStart  = 15 * time.Second
	socketWarm   = 200 // records: the first ones meet cold caches
)

// benchSymbols are the simulator's pairs that the publisher asks for.
const benchSymbols = "BTC/USDT,ETH/USDT,SOL/USDT,XRP/USDT,DOGE/USDT"

// socketRun is one way of running venue and publisher.
type socketRun struct {
	tls  bool
	wait string
	rate int
}

func (s socketRun) name() string {
	return fmt.Sprintf("%s %s %dk/s", choose(s.tls, "tls", "plain"), s.wait, s.rate/1000)
}

// reportSocket measures the stages between the publisher's read of the socket and
// the reader, with the simulator and the publisher as processes.
func (b *bench) reportSocket() error {
	b.Printf("\n== socket to reader, ns; tickring sim -> loopback -> tickring run -> %s reader, book tickers, %s a run\n",
		choose(b.cReader != "", "C", "Go"), socketTime)
	b.Printf("   recv->publish: socket read to first commit of its frame (decrypt, frame, decode); clocks of one host,\n")
	b.Printf("   the reader's is the system's and the publisher follows that: they may be 100 ns apart\n")
	b.Printf("   adaptive: the reader sleeps on the doorbell when idle, so publish->reader is mostly a wake-up;\n")
	b.Printf("   busy: the reader spins\n")
	if runtime.NumCPU() < 4 {
		b.Printf("   fewer than 4 CPUs: the simulator has none of its own and takes the spinning sides' by turns\n")
	}
	b.Printf("%s\n", kit.TableHead("row"))
	for _, tls := range []bool{false, true} {
		for _, wait := range []string{"adaptive", "busy"} {
			for _, rate := range []int{1_000, 10_000} {
				if err := b.socketRow(socketRun{tls, wait, rate}, wait == "adaptive"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) socketRow(s socketRun, wait bool) error {
	samples, lost, err := b.socketSamples(s, wait)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	if len(samples) == 0 {
		return fmt.Errorf("%s: no record came", s.name())
	}
	stages := []*kit.Series{kit.NewSeries(s.name() + " recv->publish"), kit.NewSeries(s.name() + " publish->reader"), kit.NewSeries(s.name() + " recv->reader")}
	values := make([][]float64, len(stages))
	for _, x := range samples {
		for i, v := range []int64{x.Second - x.First, x.Seen - x.Second, x.Seen - x.First} {
			values[i] = append(values[i], float64(v))
		}
	}
	for i, row := range stages {
		row.Lost = lost
		if err := row.Add(values[i]); err != nil {
			return err
		}
		b.Printf("%s\n", row.Line())
	}
	key := "socket_" + strings.NewReplacer(" ", "_", "/s", "").Replace(s.name())
	b.Figure(key+"_recv_publish_p50", stages[0].P50(), "ns")
	b.Figure(key+"_publish_reader_p50", stages[1].P50(), "ns")
	return nil
}

// socketSamples brings up venue, publisher and reader, each after the one before it,
// and ends them again.
func (b *bench) socketSamples(s socketRun, wait bool) (samples []kit.Sample, lost uint64, err error) {
	const feed = "socket"
	urls := filepath.Join(b.dir, ".venue")
	args := []string{"sim", "--venue", "gateio", "--settle", socketSettle, "--rate", strconv.Itoa(s.rate), "--symbols", "10", "--url-file", urls}
	if s.tls {
		args = append(args, "--tls")
	}
	venue, err := kit.Start("simulator", b.tickring, args...)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		err = errors.Join(err, venue.Interrupt(), removeIfThere(urls), removeIfThere(filepath.Join(b.dir, feed)))
	}()
	lines, err := awaitLines(urls, 2)
	if err != nil {
		return nil, 0, err
	}
	args = []string{"run", "--venue", "gateio", "--symbols", benchSymbols, "--channels", "book_ticker", "--url", lines[0],
		"--rest-url", lines[1], "--dir", b.dir, "--feed", feed, "--source", "simulated", "--quiet",
		"--wait", s.wait, "--cpu", strconv.Itoa(b.cpus.Publisher)}
	if s.tls {
		args = append(args, "--ca", lines[2])
	}
	publisher, err := kit.Start("publisher", b.tickring, args...)
	if err != nil {
		return nil, 0, err
	}
	reader, err := b.readerOf(feed, wait)
	if err != nil {
		return nil, 0, publisher.Explain(err)
	}
	time.Sleep(socketTime)
	if err := publisher.Interrupt(); err != nil {
		reader.Kill()
		return nil, 0, err
	}
	if samples, lost, err = kit.ReadSamples(reader.Out); err != nil {
		return nil, 0, reader.Explain(err)
	}
	return samples, lost, reader.Wait()
}

// readerOf attaches a reader as soon as the feed is there.
func (b *bench) readerOf(feed string, wait bool) (*kit.Process, error) {
	if err := await(filepath.Join(b.dir, feed), func(path string) (bool, error) {
		_, err := os.Stat(path)
		return err == nil, ignoreMissing(err)
	}); err != nil {
		return nil, err
	}
	return b.startReader(side{c: b.cReader != ""}, feed, socketWarm, wait, true)
}

// awaitLines waits until a file has at least n whole lines.
func awaitLines(path string, n int) (lines []string, err error) {
	err = await(path, func(path string) (bool, error) {
		text, err := os.ReadFile(path)
		lines = strings.Fields(string(text))
		return len(lines) >= n && strings.HasSuffix(string(text), "\n"), ignoreMissing(err)
	})
	return lines, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// await looks at a path until it is as wanted.
func await(path string, wanted func(string) (bool, error)) error {
	for end := time.Now().Add(socketStart); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok, err := wanted(path); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s was not ready within %s", filepath.Base(path), socketStart)
}

func removeIfThere(path string) error { return ignoreMissing(os.Remove(path)) }
