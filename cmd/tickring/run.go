package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// runOptions are the flags of run as they were given.
type runOptions struct {
	venue, symbols, channels, source string
	priority                         string
	wait, ca                         string
	sets                             []string
	duration                         time.Duration
	quiet                            bool
	cfg                              feed.PublisherConfig
}

func runCommand() *cobra.Command {
	o := runOptions{}
	cmd := &cobra.Command{
		Use:   "run --venue VENUE --symbols LIST",
		Short: "Publish a venue's data into shared memory",
		Long:  "Publish a venue's data into shared memory until a signal comes.\n\n" + setHelp(),
		Args:  needsNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd.Flags().Changed("slots")); err != nil {
				return err
			}
			return runPublisher(cmd.Context(), &o, cmd.ErrOrStderr())
		},
	}
	o.flags(cmd)
	return cmd
}

// flags are those of run, which record has too.
func (o *runOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	dirFlag(cmd, &o.cfg.Dir)
	f.StringVar(&o.venue, "venue", "", "the venue: "+venueNames)
	f.StringVar(&o.symbols, "symbols", "", "pairs as BTC/USDT,ETH/USDT")
	f.StringVar(&o.channels, "channels", "book_ticker,trades,orderbook,ticker", "what to ask for of each")
	f.StringArrayVar(&o.cfg.URLs, "url", nil, "WebSocket address (default the venue's); again for further ones, in order of preference")
	f.StringVar(&o.cfg.RESTURL, "rest-url", "", "REST address (default the venue's, or none with --url)")
	f.StringVar(&o.ca, "ca", "", "file of certificate authorities to trust instead of the system's")
	f.StringVar(&o.cfg.Feed, "feed", "", "name of the feed (default the venue's)")
	f.StringVar(&o.cfg.Group, "group", "", "group that may read the segment (default the process's own)")
	f.IntVar(&o.cfg.CPU, "cpu", -1, "pin the hot thread to this CPU and keep the rest of the process off it")
	f.StringVar(&o.wait, "wait", feed.WaitAdaptive.String(), "how the hot thread waits: busy, adaptive or block")
	f.IntVar(&o.cfg.Slots, "slots", ring.DefaultSlots, "slots of the ring, a power of two")
	f.IntVar(&o.cfg.MaxInstruments, "instruments", 0, "rows of the instrument table (default 1024, or as many as there are symbols)")
	f.IntVar(&o.cfg.BookDepth, "book-depth", ring.DefaultBookDepth, "levels a side of the books on the board")
	f.StringArrayVar(&o.sets, "set", nil, "choose among a venue's channels, as KEY=VALUE; may be given again")
	f.StringVar(&o.source, "source", "live", "what readers are told of the data's origin: live, simulated or replay")
	f.DurationVar(&o.duration, "for", 0, "end after so long, such as 30s")
	f.BoolVar(&o.cfg.Takeover, "takeover", false, "take the feed over from the publisher that has it, without a gap")
	f.DurationVar(&o.cfg.TakeoverWait, "takeover-wait", 10*time.Second, "how long --takeover waits for the venue's answers and for data")
	f.DurationVar(&o.cfg.IdleAfter, "idle-after", 0, "a pair of which nothing is new for so long keeps its ticker alone until that moves, such as 10m; 0 never")
	f.StringVar(&o.priority, "priority", "", "pairs with connections of their own, dialled, subscribed and resynchronised first")
	f.IntVar(&o.cfg.Legs, "legs", 1, "connections that bring each stream, up to 4: the first arrival is published")
	f.StringArrayVar(&o.cfg.Bind, "bind", nil, "local IP address to connect from: once for all legs, or once for each")
	f.DurationVar(&o.cfg.PerformanceEvery, "performance", 60*time.Second, "log a performance line this often; 0 never")
	f.IntVar(&o.cfg.Backfill, "backfill", 0, "after an outage fetch up to so many trades of each pair by REST, at most 1000; not for mexc, whose trades have no ids there")
	f.DurationVar(&o.cfg.MaxClockSkew, "max-clock-skew", time.Second, "flag records CLOCK_SKEW while the venue's clock is off by more than this; below 0 never")
	f.BoolVar(&o.quiet, "quiet", false, "log warnings and errors only")
}

// setHelp lists the --set keys of every venue.
func setHelp() string {
	var b strings.Builder
	b.WriteString("Keys of --set:\n")
	fmt.Fprintf(&b, "  %sBASE/QUOTE=PRICE:QUANTITY\n      scale of a pair's prices and quantities before any message says more, such as\n"+
		"      %sBTC/USDT=-2:-6 (default the venue's steps, else the first message)\n", exponentsKey, exponentsKey)
	fmt.Fprintf(&b, "  %s=off | on | fresh\n      ask the venue to compress its messages (permessage-deflate), each alone with fresh (default off)\n", compressionKey)
	for venue := range strings.SplitSeq(venueNames, ", ") {
		d, err := newDialect(venue)
		if err != nil {
			continue
		}
		for _, option := range d.Options() {
			fmt.Fprintf(&b, "  %s=%s\n      %s (default %s)\n", option.Key, strings.Join(option.Values, " | "),
				option.Doc, option.Default)
		}
	}
	return b.String()
}

// check turns the flags into a configuration. Its errors say what is allowed.
func (o *runOptions) check(slotsGiven bool) error {
	d, err := newDialect(o.venue)
	if err != nil {
		return err
	}
	if o.symbols == "" {
		return usagef("--symbols is missing: write BASE/QUOTE,..., e.g. BTC/USDT,ETH/USDT")
	}
	if o.cfg.Symbols, err = feed.ParseSymbols(o.symbols); err != nil {
		return usagef("--symbols: %w", err)
	}
	if o.priority != "" {
		if o.cfg.Priority, err = feed.ParseSymbols(o.priority); err != nil {
			return usagef("--priority: %w", err)
		}
	}
	if o.cfg.Channels, err = feed.ParseChannels(o.channels); err != nil {
		return usagef("--channels: %w", err)
	}
	if o.cfg.Wait, err = feed.ParseWaitMode(o.wait); err != nil {
		return usagef("--wait: %w", err)
	}
	if o.cfg.Source, err = parseSource(o.source); err != nil {
		return err
	}
	if err := o.takeCompression(); err != nil {
		return err
	}
	if o.cfg.Exponents, err = applySets(d, o.sets); err != nil {
		return err
	}
	o.cfg.Options = optionPairs(o.sets)
	if o.duration < 0 {
		return usagef("--for %s: want a positive duration, such as 30s", o.duration)
	}
	if o.cfg.TakeoverWait <= 0 {
		return usagef("--takeover-wait %s: want a positive duration, such as 10s", o.cfg.TakeoverWait)
	}
	if every := o.cfg.PerformanceEvery; every != 0 && every < time.Second {
		return usagef("--performance %s: want a second or more, or 0 for none", every)
	}
	if o.cfg.MaxClockSkew == 0 {
		return usagef("--max-clock-skew 0: want a duration such as 1s, or one below 0 to flag nothing")
	}
	if o.cfg.CPU < -1 {
		return usagef("--cpu %d: want the number of a CPU, or -1 for none", o.cfg.CPU)
	}
	o.cfg.Dialect, o.cfg.Version = d, publisherVersion()
	return o.checkSegment(slotsGiven)
}

// checkSegment checks what the segment is made of, before anything is touched.
func (o *runOptions) checkSegment(slotsGiven bool) error {
	if o.cfg.Feed == "" {
		o.cfg.Feed = o.venue
	}
	if err := shm.CheckFeedName(o.cfg.Feed); err != nil {
		return usageError{err}
	}
	if slotsGiven && o.cfg.Slots <= 0 {
		return usagef("--slots %d: want a power of two from %d to %d", o.cfg.Slots, ring.MinSlots, ring.MaxSlots)
	}
	shape := ring.Config{Feed: o.cfg.Feed, Venue: o.venue, Source: o.cfg.Source, Generation: 1,
		Slots: o.cfg.Slots, MaxInstruments: o.cfg.MaxInstruments, BookDepth: o.cfg.BookDepth}
	if _, err := shape.Size(); err != nil {
		return usageError{err}
	}
	return o.readCA()
}

func (o *runOptions) readCA() error {
	if len(o.cfg.URLs) == 0 && o.cfg.RESTURL == "" {
		o.cfg.RESTURL = o.cfg.Dialect.DefaultRESTURL()
	}
	if o.ca == "" {
		return nil
	}
	pem, err := os.ReadFile(o.ca)
	if err != nil {
		return fmt.Errorf("--ca: %w", err)
	}
	o.cfg.CA = x509.NewCertPool()
	if !o.cfg.CA.AppendCertsFromPEM(pem) {
		return usagef("--ca %q: no certificate in it; want a PEM file", o.ca)
	}
	return nil
}

func parseSource(text string) (ring.Source, error) {
	for _, s := range []ring.Source{ring.SourceLive, ring.SourceSimulated, ring.SourceReplay} {
		if strings.ToLower(s.String()) == text {
			return s, nil
		}
	}
	return 0, usagef("--source %q: allowed are live, simulated, replay", text)
}

// exponentsKey begins the keys of --set that every venue has.
const exponentsKey = "exponents."

// compressionKey is of --set, for every venue.
const compressionKey = "ws.compression"

// takeCompression takes the key of the wire out of the flags: the rest is the venue's.
func (o *runOptions) takeCompression() (err error) {
	o.sets = slices.DeleteFunc(o.sets, func(set string) bool {
		key, value, _ := strings.Cut(set, "=")
		if key != compressionKey {
			return false
		}
		var failed error
		if o.cfg.Compression, failed = feed.ParseCompression(value); failed != nil {
			err = usagef("--set %q: %w", set, failed)
		}
		return true
	})
	return err
}

// applySets gives a venue its options and returns the scales that were chosen.
func applySets(d dialect, sets []string) (map[feed.Symbol][2]int8, error) {
	scales := map[feed.Symbol][2]int8{}
	for _, set := range sets {
		key, value, ok := strings.Cut(set, "=")
		if !ok {
			return nil, usagef("--set %q: want KEY=VALUE; see tickring run --help", set)
		}
		if pair, ok := strings.CutPrefix(key, exponentsKey); ok {
			symbol, err := feed.ParseSymbol(pair)
			if err != nil {
				return nil, usagef("--set %q: %w", set, err)
			}
			if scales[symbol], err = parseExponents(value); err != nil {
				return nil, usagef("--set %q: %w", set, err)
			}
			continue
		}
		if err := d.Set(key, value); err != nil {
			return nil, usageError{err}
		}
	}
	return scales, nil
}

// parseExponents reads PRICE:QUANTITY, each 0 to -18.
func parseExponents(text string) (out [2]int8, err error) {
	price, quantity, ok := strings.Cut(text, ":")
	for i, part := range []string{price, quantity} {
		n, err := strconv.ParseInt(part, 10, 8)
		if !ok || err != nil || n > 0 || n < -18 {
			return out, fmt.Errorf("%q: want PRICE:QUANTITY, two exponents from 0 to -18, such as -2:-6", text)
		}
		out[i] = int8(n)
	}
	return out, nil
}

// runPublisher publishes until the context, the time or the hot thread ends, or a
// successor has taken the feed over.
func runPublisher(ctx context.Context, o *runOptions, stderr io.Writer) error {
	if err := feed.PrepareProcess(o.cfg.CPU); err != nil {
		return usageOr(err)
	}
	level := slog.LevelInfo
	if o.quiet {
		level = slog.LevelWarn
	}
	o.cfg.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	p, err := feed.StartPublisherContext(ctx, o.cfg)
	if errors.Is(err, feed.ErrTakeover) && ctx.Err() != nil {
		return nil // a signal came before anything was taken
	}
	if err != nil {
		return usageOr(err)
	}
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	select {
	case <-ctx.Done():
		return p.Close()
	case <-p.Done():
		return errors.Join(p.Err(), p.Close())
	}
}

// usageOr marks the errors that a different command line would not give.
func usageOr(err error) error {
	for _, usage := range []error{feed.ErrConfig, ring.ErrConfig, shm.ErrFeedName, shm.ErrMode, shm.ErrGroup} {
		if errors.Is(err, usage) {
			return usageError{err}
		}
	}
	return err
}
