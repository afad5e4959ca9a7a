package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

const (
	slots = 1 << 17 // more than a second of the fastest feed: no record is lost
	// metadataEvery is how often a publisher looks for halts.
	metadataEvery = 300 * time.Millisecond
)

// place names one stream of a world.
type place struct{ instrument, channel int }

// world is one venue, its publisher and the ledger of what was published.
type world struct {
	set     setting
	pairs   int // that the simulator makes; a venue may list some in another market
	random  *rand.Rand
	sim     *sim.Server
	pub     *feed.Publisher
	ledger  *ledger
	say     func(format string, a ...any)
	symbols []feed.Symbol
	native  []string
	wanted  []ring.Channel
	places  map[string]place // the venue's name of a stream: which it is
	codes   []int            // close codes yet to be tried

	long      bool   // of a run that may wait a minute
	storm     string // what is played, for reports
	faults    int
	refused   []time.Duration // recoveries from answers that say no
	settled   []time.Duration // from the end of a storm until all streams are acknowledged
	books     int             // board books that were compared
	recovered int             // recoveries that were looked at

	mu         sync.Mutex
	mismatches []string
	cancel     context.CancelFunc
	followed   chan struct{}
}

// open starts venue and publisher.
func open(set setting, pairs int, seed uint64, say func(string, ...any)) (*world, error) {
	w := &world{set: set, pairs: pairs, random: rand.New(rand.NewPCG(seed, uint64(len(set.venue)))), say: say, followed: make(chan struct{})}
	var err error
	w.sim, err = sim.New(sim.Config{
		Venue: set.venue, TLS: true, Settle: -1, Seed: seed, Rate: set.rate, Symbols: pairs,
	})
	if err != nil {
		return nil, err
	}
	if err := w.sim.Start(); err != nil {
		return nil, err
	}
	if err := w.publish(); err != nil {
		return nil, errors.Join(err, w.sim.Close())
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	go func() { defer close(w.followed); w.ledger.follow(ctx) }()
	return w, nil
}

// publish starts the publisher of every pair that the venue lists.
func (w *world) publish() error {
	dialect, err := w.set.dialect()
	if err != nil {
		return err
	}
	ca := authority(w.sim)
	if err := w.list(dialect, ca, w.pairs); err != nil {
		return err
	}
	w.pub, err = feed.StartPublisher(feed.PublisherConfig{
		Anonymous: true, Dialect: dialect, CPU: -1, Slots: slots, MaxInstruments: w.pairs,
		Symbols: w.symbols, Channels: ring.AllChannels, URLs: []string{w.sim.URL()}, RESTURL: w.sim.RESTURL(),
		CA: ca, Source: ring.SourceSimulated, MetadataInterval: metadataEvery,
	})
	if err != nil {
		return err
	}
	names := map[string]int{}
	for _, s := range dialect.Streams(ring.AllChannels) {
		name := s.Name
		names[name[:min(len(name), 40)]] = placeOf(s.Kind)
	}
	w.ledger = newLedger(w.set, w.pub.View(), len(w.symbols), names, w.mismatch)
	w.places = map[string]place{}
	for i, native := range w.native {
		w.wanted = append(w.wanted, ring.AllChannels)
		for k, ch := range channels {
			w.places[w.set.name(ch, native)] = place{i, k}
		}
	}
	return nil
}

// authority is what signed the venue's certificate.
func authority(s *sim.Server) *x509.CertPool {
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM(s.CAPEM())
	return ca
}

// list asks the venue for its pairs.
func (w *world) list(d feed.Dialect, ca *x509.CertPool, want int) error {
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
	res, err := client.Get(w.sim.RESTURL() + d.MetadataPath())
	if err != nil {
		return fmt.Errorf("list pairs: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("list pairs: %w", err)
	}
	infos, err := d.ParseMetadata(body)
	if err != nil {
		return fmt.Errorf("list pairs: %w", err)
	}
	for _, info := range infos {
		w.symbols = append(w.symbols, feed.Symbol{Base: info.Base, Quote: info.Quote})
		w.native = append(w.native, info.Native)
	}
	if n := len(w.symbols); n > want || n < want-w.set.elsewhere {
		return fmt.Errorf("list pairs: %d, want %d, of which %d may be listed elsewhere", n, want, w.set.elsewhere)
	}
	return nil
}

// mismatch notes what does not agree.
func (w *world) mismatch(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	const kept = 50
	if w.mismatches = append(w.mismatches, text); len(w.mismatches) <= kept {
		w.say("mismatch: %s, book %s, storm %q: %s", w.set.venue, w.set.options[0][1], w.storm, text)
	}
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.mismatches)
}

func (w *world) begin(storm string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.storm = storm
}

// close ends publisher, venue and ledger. What was published is judged to the end.
func (w *world) close() error {
	err := w.pub.Close()
	// The mapping goes with the publisher: nothing is read of it any more.
	return errors.Join(err, w.sim.Close())
}

// stop ends the ledger; it precedes close, for the segment goes with its publisher.
func (w *world) stop() {
	w.cancel()
	<-w.followed
}
