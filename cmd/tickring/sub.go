package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

const (
	// controlTimeout bounds one question to a publisher that stands still.
	controlTimeout = 5 * time.Second
	// controlPoll is how often a wait looks: an answer of the venue takes longer.
	controlPoll = 5 * time.Millisecond
	// namedInError is how many channels an error line names.
	namedInError = 3
)

// change is a request to a running publisher, and what came of it.
type change struct {
	leave bool
	feed  string
	// flags as they were given
	dir, symbols, channels string
	resend                 string // sub alone
	wait                   time.Duration
	asJSON                 bool

	wantSymbols  []feed.Symbol
	wantChannels ring.Channel
}

func subCommand() *cobra.Command {
	return changeCommand(&change{}, "sub", "Ask a running publisher for more symbols or channels",
		"Ask a running publisher for more symbols or channels and show what the venue answers.\n"+
			"What is asked for already stays as it is; to ask again for what was refused, unsub it first.\n"+
			"Exit 1 when the venue refuses any of it, or does not answer within --wait.\n"+
			"With --resend it asks for whole order books in the ring instead, for readers that joined late.")
}

func unsubCommand() *cobra.Command {
	return changeCommand(&change{leave: true}, "unsub", "End symbols or channels of a running publisher",
		"End symbols or channels of a running publisher. A symbol's row stays in the instrument table.\n"+
			"Exit 1 when a symbol was never asked for, or the venue does not answer within --wait.")
}

func changeCommand(c *change, name, short, long string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name + " FEED --symbols LIST",
		Short: short,
		Long:  long,
		Args:  needsOne("feed"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.feed = args[0]
			if err := c.check(); err != nil {
				return err
			}
			return c.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	dirFlag(cmd, &c.dir)
	f.StringVar(&c.symbols, "symbols", "", "pairs as BTC/USDT,ETH/USDT")
	f.StringVar(&c.channels, "channels", "book_ticker,trades,orderbook,ticker", "which channels of each")
	if !c.leave {
		f.StringVar(&c.resend, "resend", "", "publish these pairs' order books whole, as BTC/USDT,ETH/USDT; asks the venue for nothing")
	}
	f.DurationVar(&c.wait, "wait", 2*time.Second, "how long the venue may take to answer; 0 does not wait")
	f.BoolVar(&c.asJSON, "json", false, "one JSON object")
	return cmd
}

func (c *change) check() (err error) {
	if err := shm.CheckFeedName(c.feed); err != nil {
		return usageError{err}
	}
	if c.resend != "" {
		return c.checkResend()
	}
	if c.symbols == "" {
		return usagef("--symbols is missing: write BASE/QUOTE,..., e.g. BTC/USDT,ETH/USDT")
	}
	if c.wantSymbols, err = feed.ParseSymbols(c.symbols); err != nil {
		return usagef("--symbols: %w", err)
	}
	if c.wantChannels, err = feed.ParseChannels(c.channels); err != nil {
		return usagef("--channels: %w", err)
	}
	if c.wait < 0 {
		return usagef("--wait %s: want 0 or more, such as 2s", c.wait)
	}
	return nil
}

// run asks, waits for the venue's answers, and shows them. Parts that failed take
// nothing from the rest.
func (c *change) run(ctx context.Context, stdout io.Writer) (err error) {
	control, err := dialControl(ctx, c.dir, c.feed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	if c.resend != "" {
		return c.askResend(ctx, control, stdout)
	}
	failed := c.ask(ctx, control)
	if errors.Is(failed, feed.ErrRequest) {
		return usageError{failed}
	}
	if failed != nil && errors.Is(failed, feed.ErrClosed) {
		return failed
	}
	outcome, err := c.await(ctx, control)
	if err != nil {
		return errors.Join(failed, err)
	}
	if err := c.show(outcome, stdout); err != nil {
		return err
	}
	return errors.Join(failed, c.verdict(outcome))
}

// dialControl connects to the publisher of a feed.
func dialControl(ctx context.Context, dir, name string) (*feed.Control, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	return feed.DialControl(ctx, dir, name)
}

func (c *change) ask(ctx context.Context, control *feed.Control) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	if c.leave {
		return control.Unsubscribe(ctx, c.wantSymbols, c.wantChannels)
	}
	return control.Subscribe(ctx, c.wantSymbols, c.wantChannels)
}

// changeOutcome is what sub and unsub print.
type changeOutcome struct {
	Feed       string           `json:"feed"`
	WaitedNS   int64            `json:"waited_ns"`
	Done       int              `json:"done"`
	Refused    int              `json:"refused"`
	Unanswered int              `json:"unanswered"`
	Channels   []channelOutcome `json:"channels"`
	Unknown    []string         `json:"unknown"` // symbols that the publisher does not have
}

// channelOutcome is one channel of one symbol.
type channelOutcome struct {
	Symbol string `json:"symbol"`
	feed.ChannelStatus
}

// await looks until every channel is settled, the time is over, or a signal comes.
func (c *change) await(ctx context.Context, control *feed.Control) (*changeOutcome, error) {
	began := time.Now()
	for {
		outcome, err := c.look(ctx, control)
		if err != nil {
			return nil, err
		}
		waited := time.Since(began)
		outcome.WaitedNS = int64(waited)
		if outcome.Unanswered == 0 || waited >= c.wait {
			return outcome, nil
		}
		select {
		case <-time.After(min(controlPoll, c.wait-waited)):
		case <-ctx.Done():
			return outcome, nil
		}
	}
}

func (c *change) look(ctx context.Context, control *feed.Control) (*changeOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	status, err := control.Status(ctx, c.wantSymbols)
	if err != nil {
		return nil, err
	}
	out := &changeOutcome{Feed: c.feed, Channels: []channelOutcome{}, Unknown: status.Unknown}
	for _, in := range status.Instruments {
		for _, ch := range in.Channels {
			if set, err := feed.ParseChannels(ch.Channel); err != nil || set&c.wantChannels == 0 {
				continue
			}
			out.add(channelOutcome{in.Symbol, ch}, c.leave)
		}
	}
	return out, nil
}

func (o *changeOutcome) add(ch channelOutcome, leave bool) {
	o.Channels = append(o.Channels, ch)
	switch {
	case leave && ch.State == feed.ChannelIdle, !leave && ch.State == feed.ChannelAcknowledged:
		o.Done++
	case !leave && ch.State == feed.ChannelRefused:
		o.Refused++
	default:
		o.Unanswered++
	}
}

func (c *change) show(o *changeOutcome, w io.Writer) error {
	if c.asJSON {
		return outputError(json.NewEncoder(w).Encode(o))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, ch := range o.Channels {
		fmt.Fprintf(t, "%s\t%s\t%s\n", ch.Symbol, ch.Channel, stateText(ch.ChannelStatus))
	}
	return outputError(t.Flush())
}

// stateText is a channel's state and, where it was refused, why.
func stateText(ch feed.ChannelStatus) string {
	if ch.Text == "" {
		return ch.State
	}
	return ch.State + ": " + oneLine(errors.New(ch.Text))
}

// verdict is the error of a change that was not wholly done. Without a wait an
// answer that is not there yet is none.
func (c *change) verdict(o *changeOutcome) error {
	missing := o.Unanswered
	if c.wait == 0 {
		missing = 0
	}
	if o.Refused+missing == 0 {
		return nil
	}
	var named []string
	for _, ch := range o.Channels {
		settled := ch.State == feed.ChannelAcknowledged || ch.State == feed.ChannelIdle && c.leave
		if settled || missing == 0 && ch.State != feed.ChannelRefused {
			continue
		}
		if len(named) == namedInError {
			named = append(named, "...")
			break
		}
		named = append(named, ch.Symbol+" "+ch.Channel+" "+stateText(ch.ChannelStatus))
	}
	return fmt.Errorf("feed %q: %d channels refused, %d not answered within %s: %s", c.feed, o.Refused, missing, c.wait,
		strings.Join(named, "; "))
}
