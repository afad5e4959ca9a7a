package feed_test

import (
	"fmt"
	"log"
	"time"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
)

// One process, two venues, one clock: buy at Gate.io, sell at MEXC. The two
// servers are simulators that send one quote each; without URLs the markets go to
// the venues themselves.
func ExampleComposite() {
	pair := feed.Symbol{Base: "BTC", Quote: "USDT"}
	gate, other := exampleVenue("gateio"), exampleVenue("mexc")
	defer gate.Close()
	defer other.Close()
	c, err := feed.NewComposite([]feed.Config{
		{PublisherConfig: feed.PublisherConfig{Dialect: gateio.New(), URLs: []string{gate.URL()}, CPU: -1, Slots: 1 << 12}},
		{PublisherConfig: feed.PublisherConfig{Dialect: mexc.New(), URLs: []string{other.URL()}, CPU: -1, Slots: 1 << 12}},
	}, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Initialize([]feed.Symbol{pair}, feed.ChannelBookTicker); err != nil {
		log.Fatal(err)
	}
	await(func() bool { return subscribed(gate) && subscribed(other) })
	gate.SendAll([]byte(`{"time":1790359165,"time_ms":1790359165714,"channel":"spot.book_ticker","event":"update",` +
		`"result":{"t":1790359165710,"u":5,"s":"BTC_USDT","b":"64000.1","B":"2","a":"64000.2","A":"1"}}`))
	other.SendRawAll(mexcQuote("BTCUSDT", "64010.45", "64010.46", 7))

	var s feed.Spread
	await(func() (ok bool) {
		s, ok = c.Spread(pair, "gateio", "mexc")
		return ok
	})
	fmt.Printf("%s: buy at %s for %s, sell at %s for %s: %s\n", s.Symbol, s.BuyAt, s.Ask, s.SellAt, s.Bid, s.Difference)
	fmt.Println("received within a second of each other:", time.Duration(s.ApartNS).Abs() < time.Second)
	// Output:
	// BTC/USDT: buy at gateio for 64000.2, sell at mexc for 64010.45: 10.25
	// received within a second of each other: true
}

// exampleVenue is a venue's server on loopback that says nothing of its own.
func exampleVenue(venue string) *sim.Server {
	s, err := sim.New(sim.Config{Venue: venue, Symbols: 3, Settle: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Start(); err != nil {
		log.Fatal(err)
	}
	return s
}

func subscribed(s *sim.Server) bool { return len(s.Truth().Active()) == 1 }

// await looks until it is so, for ten seconds at most.
func await(so func() bool) {
	for end := time.Now().Add(10 * time.Second); !so() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}
