package feed

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// ErrConfig is wrapped by every error about a configuration: the caller's usage.
var ErrConfig = errors.New("configuration")

// Symbol is a pair in the spelling of this product, upper case.
type Symbol struct {
	Base, Quote string
}

// String is BASE/QUOTE.
func (s Symbol) String() string { return s.Base + "/" + s.Quote }

// ParseSymbol reads BASE/QUOTE: two names of letters, digits or -_. each, 1 to 16
// bytes in UTF-8. Not all that venues list is ASCII.
func ParseSymbol(text string) (Symbol, error) {
	base, quote, ok := strings.Cut(text, "/")
	if !ok || !nameOK(base) || !nameOK(quote) {
		return Symbol{}, fmt.Errorf("%w: symbol %q: write BASE/QUOTE, e.g. BTC/USDT", ErrConfig, text)
	}
	return Symbol{Base: base, Quote: quote}, nil
}

func nameOK(s string) bool {
	if len(s) == 0 || len(s) > 16 {
		return false
	}
	for _, c := range s { // what is not UTF-8 reads as a sign that is no letter
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// ParseSymbols reads a comma-separated list; doubles are said once.
func ParseSymbols(text string) ([]Symbol, error) {
	var out []Symbol
	seen := map[Symbol]bool{}
	for part := range strings.SplitSeq(text, ",") {
		s, err := ParseSymbol(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out, nil
}

var channelNames = []struct {
	name string
	bit  ring.Channel
}{
	{"book_ticker", ring.ChannelBookTicker},
	{"trades", ring.ChannelTrades},
	{"orderbook", ring.ChannelOrderBook},
	{"ticker", ring.ChannelTicker},
}

// ParseChannels reads a comma-separated list of book_ticker, trades, orderbook,
// ticker.
func ParseChannels(text string) (ring.Channel, error) {
	var set ring.Channel
next:
	for part := range strings.SplitSeq(text, ",") {
		for _, c := range channelNames {
			if c.name == strings.TrimSpace(part) {
				set |= c.bit
				continue next
			}
		}
		return 0, fmt.Errorf("%w: channel %q: allowed are book_ticker, trades, orderbook, ticker", ErrConfig, part)
	}
	return set, nil
}

// WaitMode is how the hot thread waits for its sockets.
type WaitMode uint8

// Wait modes.
const (
	// WaitAdaptive spins a bounded time after the last data, then blocks.
	WaitAdaptive WaitMode = iota
	// WaitBusy never blocks: the thread has a core of its own.
	WaitBusy
	// WaitBlock blocks at once.
	WaitBlock
)

// String is the mode's name on the command line.
func (m WaitMode) String() string {
	switch m {
	case WaitBusy:
		return "busy"
	case WaitBlock:
		return "block"
	}
	return "adaptive"
}

// ParseWaitMode reads busy, adaptive or block.
func ParseWaitMode(text string) (WaitMode, error) {
	for _, m := range []WaitMode{WaitAdaptive, WaitBusy, WaitBlock} {
		if m.String() == text {
			return m, nil
		}
	}
	return 0, fmt.Errorf("%w: wait mode %q: allowed are busy, adaptive, block", ErrConfig, text)
}

// PublisherConfig says what a publisher is to do. Zero values take the defaults.
type PublisherConfig struct {
	// Feed names the segment; default the venue's name.
	Feed string
	// Dir holds the segment; default $TICKRING_DIR or /dev/shm/tickring.
	Dir string
	// Group may read the segment: a name or number; "" leaves the process's own.
	Group string
	// Anonymous keeps the segment in this process's memory: no file, no lock.
	Anonymous bool
	// Slots, MaxInstruments, BookDepth: see ring.Config.
	Slots, MaxInstruments, BookDepth int
	// Source is what readers are told of the data's origin.
	Source ring.Source
	// Version is the publisher's version text.
	Version string

	Dialect  Dialect
	Symbols  []Symbol
	Channels ring.Channel
	// URLs to connect to, in order of preference; default the venue's.
	URLs []string
	// RESTURL is where instrument metadata are fetched; "" fetches none.
	RESTURL string
	// CA verifies the servers; nil is the system's pool.
	CA *x509.CertPool
	// CPU to pin the hot thread to; below 0 leaves the choice to the kernel.
	CPU  int
	Wait WaitMode
	// Exponents fixes the scale of instruments by symbol before any message
	// says more: price and quantity exponents, 0 to -18.
	Exponents map[Symbol][2]int8
	// MetadataInterval is how often metadata are fetched again; 0 is 5 minutes.
	MetadataInterval time.Duration
	// Takeover takes the feed over from the publisher that has it, where one has:
	// this one connects and syncs first, then that one is asked to let go.
	Takeover bool
	// TakeoverWait is how long to wait for the venue's answers, and for data of what
	// the other publisher has fresh; 0 is 10 s. Missing answers end the take-over;
	// missing data, of quiet instruments, do not.
	TakeoverWait time.Duration
	// IdleAfter: an instrument of which nothing is new for so long keeps its ticker
	// alone until that moves, where it is asked for; 0 never.
	IdleAfter time.Duration
	// Priority are symbols, of those subscribed now or later, with connections of their
	// own; after a loss they are dialled, subscribed and resynchronised first.
	Priority []Symbol
	// Legs is how many connections bring each stream, 1 to 4; 0 is 1. Of data with a
	// sequence of the venue's the first arrival is published; others come of one leg,
	// as long as it lives.
	Legs int
	// Bind are local IP addresses that connections leave from: none, one for all legs,
	// or one a leg.
	Bind []string
	// MaxClockSkew is how far the venue's clock may surely be off before records with an
	// event time are flagged CLOCK_SKEW; 0 is 1 s, below 0 flags never. The offset is
	// measured by pongs that have the venue's time, and by REST.
	MaxClockSkew time.Duration
	// ClockEvery is how often the venue is asked for its time by REST; 0 is 30 s.
	ClockEvery time.Duration
	// Backfill is how many of an instrument's trades are fetched by REST at most after an
	// outage, up to 1000; 0 fetches none. MEXC's have no ids there: it is refused.
	Backfill int
	// Compression is whether connections offer it; default they do not.
	Compression Compression
	// PerformanceEvery is how often a performance line is logged, to the second; 0
	// never. An anonymous segment has none: its owner logs what it wants.
	PerformanceEvery time.Duration
	// Options are what Dialect was set to, as KEY and VALUE, for recordings.
	Options [][2]string
	// Logger gets control events, off the hot thread; nil discards.
	Logger *slog.Logger

	record *Recording // made from the first record on; see RecordPublisher
}

// check fills defaults and names what is wrong.
func (c *PublisherConfig) check() error {
	if c.Dialect == nil {
		return fmt.Errorf("%w: no venue given", ErrConfig)
	}
	if c.Feed == "" {
		c.Feed = c.Dialect.Venue()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Source == 0 {
		c.Source = ring.SourceLive
	}
	if c.MaxClockSkew == 0 {
		c.MaxClockSkew = defaultClockSkew
	}
	if c.ClockEvery == 0 {
		c.ClockEvery = defaultClockEvery
	}
	if c.Channels == 0 || c.Channels&^ring.AllChannels != 0 {
		return fmt.Errorf("%w: no channels given: choose among book_ticker, trades, orderbook, ticker", ErrConfig)
	}
	if len(c.URLs) == 0 {
		c.URLs = []string{c.Dialect.DefaultURL()}
	}
	for _, u := range c.URLs {
		if err := checkURL(u, "ws", "wss"); err != nil {
			return err
		}
	}
	if c.RESTURL != "" {
		if err := checkURL(c.RESTURL, "http", "https"); err != nil {
			return err
		}
	}
	if err := c.checkLegs(); err != nil {
		return err
	}
	if err := c.checkBackfill(); err != nil {
		return err
	}
	if err := c.checkTakeover(); err != nil {
		return err
	}
	for s, e := range c.Exponents {
		if e[0] > 0 || e[0] < -18 || e[1] > 0 || e[1] < -18 {
			return fmt.Errorf("%w: exponents of %s: must be 0 to -18", ErrConfig, s)
		}
	}
	return nil
}

func (c *PublisherConfig) checkLegs() error {
	if c.IdleAfter != 0 && c.IdleAfter < time.Second {
		return fmt.Errorf("%w: idle after %s: want a second or more, or 0 for never", ErrConfig, c.IdleAfter)
	}
	c.Legs = max(c.Legs, 1)
	if c.Legs > maxLegs {
		return fmt.Errorf("%w: %d legs: at most %d", ErrConfig, c.Legs, maxLegs)
	}
	if n := len(c.Bind); n > 1 && n != c.Legs {
		return fmt.Errorf("%w: %d addresses to bind to for %d legs: give one for all or one for each", ErrConfig, n, c.Legs)
	}
	for _, ip := range c.Bind {
		if net.ParseIP(ip) == nil {
			return fmt.Errorf("%w: bind to %q: want an IP address of this host", ErrConfig, ip)
		}
	}
	return nil
}

// bindOf is the local address of a leg's connections, "" the kernel's choice.
func (c *PublisherConfig) bindOf(leg uint8) string {
	if len(c.Bind) == 0 {
		return ""
	}
	return c.Bind[min(int(leg), len(c.Bind)-1)]
}

func (c *PublisherConfig) checkTakeover() error {
	switch {
	case c.Takeover && c.Anonymous:
		return fmt.Errorf("%w: a segment in memory has no feed to take over", ErrConfig)
	case c.TakeoverWait < 0:
		return fmt.Errorf("%w: wait %s for a take-over: want 0 or more", ErrConfig, c.TakeoverWait)
	case c.TakeoverWait == 0:
		c.TakeoverWait = takeoverWait
	}
	return nil
}

func checkURL(text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" {
		for _, s := range schemes {
			if u.Scheme == s {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: URL %q: write %s://HOST[:PORT]/PATH", ErrConfig, text, strings.Join(schemes, ":// or "))
}

// natives resolves every symbol to the venue's spelling before anything starts.
func natives(d Dialect, symbols []Symbol) ([]string, error) {
	out := make([]string, len(symbols))
	for i, s := range symbols {
		n, err := d.NativeSymbol(s.Base, s.Quote)
		if err != nil {
			return nil, fmt.Errorf("%w: symbol %s: %w", ErrConfig, s, err)
		}
		if len(n) > exchanges.MaxSymbolBytes {
			return nil, fmt.Errorf("%w: symbol %s: longer than %d bytes", ErrConfig, s, exchanges.MaxSymbolBytes)
		}
		out[i] = n
	}
	return out, nil
}
