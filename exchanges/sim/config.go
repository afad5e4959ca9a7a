package sim

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"
)

// Defaults and bounds of [Config].
const (
	DefaultSettle        = 500 * time.Millisecond
	DefaultRate          = 1000             // frames a second: a few busy pairs
	DefaultSymbols       = 100              // the number of the load test
	DefaultIdleTimeout   = 30 * time.Second // probed on the venue's US site, 2026-09
	DefaultSilentTimeout = 60 * time.Second // probed on the venue's US site, 2026-09

	maxSymbols = 2000      // 15 kB of book each
	maxRate    = 1_000_000 // beyond what one core makes
)

// Config says what a [Server] serves. The zero value of a field is its default.
type Config struct {
	Venue   string        // "gateio", "gateio-futures" or "mexc"
	Listen  string        // TCP address, default "127.0.0.1:0"
	TLS     bool          // serve TLS under a CA made at start; see Server.CAPEM
	Capture string        // .jsonl or .jsonl.zst file; empty is the synthetic market
	Speed   float64       // capture: 1 as recorded, N times as fast, 0 as fast as the client reads
	Settle  time.Duration // data start when requests were quiet so long; default 500 ms, negative: at once
	Once    bool          // capture: close with 1000 when served, then Wait returns
	Seed    uint64        // synthetic: the same seed gives the same market
	Rate    int           // synthetic: frames a second a connection, over all its streams; default 1000
	Symbols int           // synthetic: listed pairs, 1 to 2000, default 100
	Logger  *slog.Logger  // nil discards
	Faults  Faults

	IdleTimeout   time.Duration // no subscription and no client message; default 30 s
	SilentTimeout time.Duration // neither data nor a client message; default 60 s

	ConnectionLife  time.Duration // a connection that is older is cut; default: mexc 24 h, gateio never
	RefuseOverLimit bool          // mexc: answer Blocked! beyond 30 streams; false: accept and stay silent
	Scenario        Scenario      // faults by the clock, from Start; see LoadScenario
	Compression     Compression   // for clients that offer it; default none
}

// withDefaults fills the zero fields and checks the rest; its error is one line
// that says what is allowed.
func (c Config) withDefaults() (Config, error) {
	c.Listen = orDefault(c.Listen, "127.0.0.1:0")
	c.Settle = max(orDefault(c.Settle, DefaultSettle), 0)
	c.Rate = orDefault(c.Rate, DefaultRate)
	c.Symbols = orDefault(c.Symbols, DefaultSymbols)
	c.IdleTimeout = orDefault(c.IdleTimeout, DefaultIdleTimeout)
	c.SilentTimeout = orDefault(c.SilentTimeout, DefaultSilentTimeout)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, c.check()
}

func (c Config) check() error {
	if c.Venue != venueGateio && c.Venue != venueGateioFutures && c.Venue != venueMEXC {
		return fmt.Errorf("venue %q: want %q, %q or %q", c.Venue, venueGateio, venueGateioFutures, venueMEXC)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen address %q: want HOST:PORT, like 127.0.0.1:0", c.Listen)
	}
	if c.Speed < 0 || c.Speed != c.Speed {
		return fmt.Errorf("speed %v: want 0 (as fast as the client reads) or more", c.Speed)
	}
	if c.Rate < 1 || c.Rate > maxRate {
		return fmt.Errorf("rate %d: want 1 to %d frames a second", c.Rate, maxRate)
	}
	if c.Symbols < 1 || c.Symbols > maxSymbols {
		return fmt.Errorf("symbols %d: want 1 to %d", c.Symbols, maxSymbols)
	}
	if c.IdleTimeout < 0 || c.SilentTimeout < 0 {
		return errors.New("idle and silent timeout: want a positive duration")
	}
	if c.ConnectionLife < 0 {
		return errors.New("connection life: want a positive duration")
	}
	if c.Once && c.Capture == "" {
		return errors.New("once: wants a capture")
	}
	return errors.Join(c.checkCapture(), c.Faults.check(), c.Scenario.check(), c.Compression.check())
}

func (c Config) checkCapture() error {
	if c.Capture == "" {
		return nil
	}
	if !strings.HasSuffix(c.Capture, ".jsonl") && !strings.HasSuffix(c.Capture, ".jsonl.zst") {
		return fmt.Errorf("capture %q: want a .jsonl or .jsonl.zst file", c.Capture)
	}
	if _, err := os.Stat(c.Capture); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
