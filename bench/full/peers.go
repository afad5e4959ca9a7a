package main

import (
	"bufio"
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
)

// pacing is a rate, and how many messages of it a round takes.
type pacing struct {
	name        string
	rate        int // messages a second; 0 as fast as it can
	count, warm int
}

func (b *bench) pacings() []pacing {
	if b.small {
		return []pacing{{"1k/s", 1_000, 20, 5}, {"100k/s", 100_000, 200, 50}, {"saturated", 0, 2_000, 500}}
	}
	return []pacing{{"1k/s", 1_000, 100, 20}, {"100k/s", 100_000, 5_000, 1_000}, {"saturated", 0, 50_000, 10_000}}
}

// peer is a way from a writer to a reader: ours, a raw limit, or another's.
type peer struct {
	name string
	key  string // in the lines of figures
	// least is the goal of our C reader's p50 at 100k/s: so many times as fast; 0 is none.
	least float64
	// ring says that it is a ring or queue in memory: the C reader is to be no slower.
	ring bool
	// nanoseconds: it stamps with CLOCK_MONOTONIC, and paces in ns.
	nanoseconds bool
	run         func(b *bench, p pacing, interval int64) ([]kit.Sample, uint64, error)
}

// pair is a peer that is a program of two sides, with the arguments of c/peer.h behind
// those given; "@" in them stands for a path of its own.
func pair(tool string, args ...string) func(*bench, pacing, int64) ([]kit.Sample, uint64, error) {
	return func(b *bench, p pacing, interval int64) ([]kit.Sample, uint64, error) {
		return b.runPair(b.tool(tool), args, p, interval)
	}
}

func (b *bench) runPair(path string, args []string, p pacing, interval int64) ([]kit.Sample, uint64, error) {
	full := make([]string, 0, len(args)+6)
	for _, a := range args {
		full = append(full, strings.ReplaceAll(a, "@", filepath.Join(b.dir, "peer")))
	}
	for _, n := range []int64{int64(p.count), int64(p.warm), int64(b.cpus.Publisher), int64(b.cpus.Reader), int64(b.helper), interval} {
		full = append(full, strconv.FormatInt(n, 10))
	}
	text, err := kit.Output(filepath.Base(path), path, full...)
	if err != nil {
		return nil, 0, err
	}
	return kit.ReadSamples(bufio.NewReader(bytes.NewReader(text)))
}

// ours is a peer over our ring.
func ours(kind string) func(*bench, pacing, int64) ([]kit.Sample, uint64, error) {
	return func(b *bench, p pacing, interval int64) ([]kit.Sample, uint64, error) {
		mode := "paced"
		if p.rate == 0 {
			mode = "saturated"
		}
		samples, lost, _, err := transfer{kind, []int{b.cpus.Reader}, mode, p.count, p.warm, interval}.run(b)
		return samples, lost, err
	}
}

// raw is bare C: words in cache lines, of which each is seen before the next is sent.
func raw(cacheLines int) func(*bench, pacing, int64) ([]kit.Sample, uint64, error) {
	return func(b *bench, p pacing, interval int64) ([]kit.Sample, uint64, error) {
		args := []string{"oneway", strconv.Itoa(cacheLines), strconv.Itoa(p.count), strconv.Itoa(p.warm),
			strconv.Itoa(b.cpus.Publisher), strconv.Itoa(b.cpus.Reader), strconv.FormatInt(interval, 10)}
		text, err := kit.Output("ping", b.tool("ping"), args...)
		if err != nil {
			return nil, 0, err
		}
		times := make([]int64, p.count)
		if err := readNumbers(text, times); err != nil {
			return nil, 0, fmt.Errorf("ping: %w", err)
		}
		samples := make([]kit.Sample, p.count)
		for i, t := range times {
			samples[i] = kit.Sample{Seen: t}
		}
		return samples, 0, nil
	}
}

// Keys of the rows that goals are about.
const (
	keyC    = "tickring_c"
	keyHead = "tickring_c_head"
)

// peers are all that were built, with the servers that they need, which stop ends.
func (b *bench) peers() (list []peer, stop func(), err error) {
	all := []struct {
		tool string
		peer
	}{
		{"ping", peer{name: "raw C to C, one line", key: "raw_1", run: raw(1)}},
		{"ping", peer{name: "raw C to C, two lines", key: "raw_2", run: raw(2)}},
		{"c-reader", peer{name: "tickring, C reader, first line", key: keyHead, run: ours("c-head")}},
		{"c-reader", peer{name: "tickring, C reader", key: keyC, run: ours("c")}},
		{"measure", peer{name: "tickring, Go reader", key: "tickring_go", run: ours("go")}},
		{"rust-reader", peer{name: "tickring, Rust reader", key: "tickring_rust", run: ours("rust")}},
		{"boost", peer{name: "Boost spsc_queue", key: "boost", ring: true, run: pair("boost", "shared")}},
		{"disruptor", peer{name: "Disruptor, two threads", key: "disruptor", ring: true, nanoseconds: true, run: pair("disruptor", "disruptor", "-")}},
		{"aeron", peer{name: "Aeron IPC", key: "aeron", ring: true, nanoseconds: true, run: pair("aeron", "aeron", "@-aeron")}},
		{"iceoryx2", peer{name: "iceoryx2", key: "iceoryx2", ring: true, run: pair("iceoryx2", "tickring-bench")}},
		{"stream", peer{name: "Unix socket", key: "unix", least: 15, run: pair("stream", "unix")}},
		{"stream", peer{name: "loopback TCP", key: "tcp", least: 30, run: pair("stream", "tcp")}},
		{"zeromq", peer{name: "ZeroMQ over ipc", key: "zeromq", least: 100, run: pair("zeromq", "@-zeromq")}},
	}
	for _, p := range all {
		if b.tool(p.tool) != "" {
			list = append(list, p.peer)
		}
	}
	brokers, stop, err := b.startBrokers()
	return append(list, brokers...), stop, err
}

// brokerLimit is longer than any run of the bench.
const brokerLimit = 30 * time.Minute

// brokers are the servers that messages can go through, by their keys.
var brokers = []struct{ name, key string }{{"Redis pub/sub", "redis"}, {"NATS", "nats"}}

// startBrokers starts Redis and NATS where they were built.
func (b *bench) startBrokers() (list []peer, stop func(), err error) {
	var started []*kit.Process
	stop = func() {
		for _, p := range started {
			p.Kill()
		}
	}
	for _, s := range brokers {
		if b.tool(s.key+"-server") == "" || b.tool("broker") == "" {
			continue
		}
		p, port, err := b.startBroker(s.key)
		if err != nil {
			return nil, stop, fmt.Errorf("%s: %w", s.name, err)
		}
		started = append(started, p)
		list = append(list, peer{name: s.name, key: s.key, least: 400, run: pair("broker", s.key+":"+port)})
	}
	return list, stop, nil
}

// startBroker starts a server on the helpers' CPU and waits until it listens.
func (b *bench) startBroker(key string) (*kit.Process, string, error) {
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	args := map[string][]string{
		"redis": {"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", b.dir,
			"--client-output-buffer-limit", "pubsub 0 0 0"},
		"nats": {"-a", "127.0.0.1", "-p", port},
	}[key]
	args = append([]string{"pinned", strconv.Itoa(b.helper), b.tool(key + "-server")}, args...)
	p, err := kit.StartFor(brokerLimit, key+" server", b.tool("measure"), args...)
	if err != nil {
		return nil, "", err
	}
	go drain(p.Out)
	if err := awaitPort(port); err != nil {
		return nil, "", p.Explain(err)
	}
	return p, port, nil
}
