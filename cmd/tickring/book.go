package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// bookPeriod is how often a live ladder is drawn: as often as an eye can use.
const bookPeriod = 250 * time.Millisecond

type bookOptions struct {
	dir, feed, symbol string
	levels            int
	json, live        bool
	period            time.Duration
}

func bookCommand() *cobra.Command {
	var o bookOptions
	cmd := &cobra.Command{
		Use:   "book FEED SYMBOL",
		Short: "Show an instrument's order book",
		Long: "Show an instrument's order book as it stands on the board, once, or drawn again and again with\n" +
			"--live until a signal comes. A book that is not verified is shown as SUSPECT.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("want FEED and SYMBOL, e.g. tickring book gateio BTC/USDT")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.feed, o.symbol = args[0], args[1]
			if err := shm.CheckFeedName(o.feed); err != nil {
				return usageError{err}
			}
			if o.levels < 1 || o.period < time.Millisecond {
				return usagef("--levels must be at least 1, --every at least 1ms")
			}
			return runBook(cmd.Context(), &o, cmd.OutOrStdout())
		},
	}
	dirFlag(cmd, &o.dir)
	cmd.Flags().IntVar(&o.levels, "levels", 10, "levels a side, at most what the board has")
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON object a look")
	cmd.Flags().BoolVar(&o.live, "live", false, "look again until a signal comes")
	cmd.Flags().DurationVar(&o.period, "every", bookPeriod, "how often --live looks")
	return cmd
}

// bookView is what is shown of one look.
type bookView struct {
	Feed          string      `json:"feed"`
	Symbol        string      `json:"symbol"`
	State         string      `json:"state"` // valid, suspect, none or busy
	Sequence      uint64      `json:"as_of"`
	VenueSequence uint64      `json:"venue_sequence"`
	BookEpoch     uint32      `json:"book_epoch"`
	EventTimeNS   *int64      `json:"event_time_ns"`
	RecvTimeNS    *int64      `json:"recv_time_ns"`
	Bids          [][2]string `json:"bids"`
	Asks          [][2]string `json:"asks"`
}

func runBook(ctx context.Context, o *bookOptions, stdout io.Writer) (err error) {
	m, err := shm.Open(o.dir, o.feed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	id, ok := m.View().Find(o.symbol)
	if !ok {
		return fmt.Errorf("feed %q has no instrument %s: tickring stat %s lists them", o.feed, o.symbol, o.feed)
	}
	book := ring.NewBook(m.View().BookDepth())
	out := newOutput(stdout)
	tell := func() {}
	if o.live { // without a name in the file of readers it shows the same
		if named, err := m.Register("tickring book " + o.symbol); err == nil {
			defer named.Close()
			tell = func() { named.Tell(m.View(), m.View().Watermark()) }
		}
	}
	redraw := o.live && !o.json && isTerminal(stdout)
	for {
		var look bookView
		if gone := m.Guard(func() { look = lookAtBook(m.View(), id, book, o); tell() }); gone != nil {
			return gone
		}
		if err := look.show(out, o, redraw); err != nil {
			return err
		}
		if !o.live || m.View().State() != ring.StateLive {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.period):
		}
	}
}

func lookAtBook(v *ring.View, id int, book *ring.Book, o *bookOptions) bookView {
	look := bookView{Feed: v.Feed(), Symbol: v.Symbol(id), State: "none", Bids: [][2]string{}, Asks: [][2]string{}}
	switch v.ReadBook(id, book) {
	case ring.AnswerRecord:
	case ring.AnswerBusy:
		look.State = "busy"
		return look
	default:
		return look
	}
	h := &book.Header
	look.State = "suspect"
	if book.Valid() {
		look.State = "valid"
	}
	look.Sequence, look.VenueSequence, look.BookEpoch = h.AsOf, h.VenueSequence, h.BookEpoch
	look.EventTimeNS, look.RecvTimeNS = present(h.EventTimeNS), present(h.RecvTimeNS)
	look.Bids = bookLevels(book.Bids(), h, o.levels)
	look.Asks = bookLevels(book.Asks(), h, o.levels)
	return look
}

func present(ns int64) *int64 {
	if ns == ring.Absent {
		return nil
	}
	return &ns
}

func bookLevels(side []ring.Level, h *ring.BookHeader, most int) [][2]string {
	out := make([][2]string, 0, min(len(side), most))
	for _, l := range side[:min(len(side), most)] {
		out = append(out, [2]string{priceText(l.Price, h.PriceExponent), priceText(l.Quantity, h.QuantityExponent)})
	}
	return out
}

func (b *bookView) show(out *output, o *bookOptions, redraw bool) error {
	if o.json {
		line, err := json.Marshal(b)
		if err != nil {
			return err
		}
		out.buf = append(append(out.buf, line...), '\n')
		return out.flush()
	}
	text := b.ladder()
	if redraw {
		text = "\x1b[H\x1b[J" + text // home, clear: a ladder that stands still
	}
	out.buf = append(out.buf, text...)
	return out.flush()
}

// ladder is asks above bids, the best of each in the middle.
func (b *bookView) ladder() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s  %s  sequence %d  epoch %d\n", b.Feed, b.Symbol, strings.ToUpper(b.State), b.VenueSequence, b.BookEpoch)
	fmt.Fprintf(&s, "%18s %18s %18s\n", "bid quantity", "price", "ask quantity")
	for i := len(b.Asks) - 1; i >= 0; i-- {
		fmt.Fprintf(&s, "%18s %18s %18s\n", "", b.Asks[i][0], b.Asks[i][1])
	}
	for _, l := range b.Bids {
		fmt.Fprintf(&s, "%18s %18s %18s\n", l[1], l[0], "")
	}
	return s.String()
}
