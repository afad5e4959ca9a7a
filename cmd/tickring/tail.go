package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/cmd/tickring/internal/jsonl"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// tailOptions are the flags of tail, checked.
type tailOptions struct {
	dir, feed    string
	json, follow bool
	limit        int64
	kinds        string
	symbols      string
	from         string
	duration     time.Duration
	idle         time.Duration
}

// Places where tail begins.
const (
	fromOldest = "oldest"
	fromLatest = "latest"
	fromBoard  = "board"
)

func tailCommand() *cobra.Command {
	var o tailOptions
	cmd := &cobra.Command{
		Use:   "tail FEED",
		Short: "Print a feed's records as they come",
		Long: "Print a feed's records as they come.\n\n" +
			"--from latest begins with the next record, oldest with what the ring still holds, board with\n" +
			"the latest value of every instrument. Without --follow a closed or replaced feed ends it once\n" +
			"everything was printed; with --follow it waits for the next publisher. Records that the writer\n" +
			"overwrote before they were printed are counted on stderr.",
		Args: needsOne("feed"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.feed = args[0]
			if err := o.check(); err != nil {
				return err
			}
			return runTail(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	dirFlag(cmd, &o.dir)
	f.BoolVar(&o.json, "json", false, "one JSON object a line")
	f.Int64Var(&o.limit, "limit", 0, "end after so many records, 0 for no limit")
	f.StringVar(&o.kinds, "kind", "", "only these kinds: "+kindList+", comma-separated")
	f.StringVar(&o.symbols, "symbol", "", "only these instruments, as BTC/USDT or as the venue spells them, comma-separated")
	f.StringVar(&o.from, "from", fromLatest, "where to begin: oldest, latest or board")
	f.DurationVar(&o.duration, "for", 0, "end after so long, such as 10s")
	f.DurationVar(&o.idle, "idle", 0, "end when nothing came for so long, such as 500ms")
	f.BoolVar(&o.follow, "follow", false, "wait for the feed, and go on with its next publisher")
	return cmd
}

const kindList = "book_ticker, trade, depth, ticker, status, perpetual"

func (o *tailOptions) check() error {
	if err := shm.CheckFeedName(o.feed); err != nil {
		return usageError{err}
	}
	switch o.from {
	case fromOldest, fromLatest, fromBoard:
	default:
		return usagef("--from %q: allowed are oldest, latest, board", o.from)
	}
	if o.limit < 0 {
		return usagef("--limit %d: want 0 (no limit) or more", o.limit)
	}
	if o.duration < 0 || o.idle < 0 {
		return usagef("--for and --idle: want a positive duration, such as 500ms")
	}
	_, err := parseKinds(o.kinds)
	return err
}

// parseKinds reads a comma-separated list of kinds into a set of bits; empty is
// all of them.
func parseKinds(text string) (set uint32, err error) {
	if text == "" {
		return ^uint32(0), nil
	}
next:
	for name := range strings.SplitSeq(text, ",") {
		for k := ring.KindBookTicker; k <= ring.KindPerpetual; k++ {
			if jsonl.KindName(k) == name {
				set |= 1 << k
				continue next
			}
		}
		return 0, usagef("--kind %q: allowed are %s", name, kindList)
	}
	return set, nil
}

// filter chooses records by kind and instrument. Rows of the instrument table are
// judged once each.
type filter struct {
	kinds   uint32
	symbols []string // nil lets all pass
	view    *ring.View
	rows    []bool
}

func newFilter(o *tailOptions) (*filter, error) {
	kinds, err := parseKinds(o.kinds)
	if err != nil {
		return nil, err
	}
	f := &filter{kinds: kinds}
	if o.symbols != "" {
		f.symbols = strings.Split(o.symbols, ",")
	}
	return f, nil
}

// attach forgets the rows of the segment before.
func (f *filter) attach(v *ring.View) { f.view, f.rows = v, f.rows[:0] }

func (f *filter) pass(r *ring.Record) bool {
	if f.kinds&(1<<(r.Kind&31)) == 0 {
		return false
	}
	if f.symbols == nil {
		return true
	}
	for id := len(f.rows); id <= int(r.Instrument) && id < f.view.InstrumentCount(); id++ {
		f.rows = append(f.rows, f.wanted(id))
	}
	return int(r.Instrument) < len(f.rows) && f.rows[r.Instrument]
}

func (f *filter) wanted(id int) bool {
	var in ring.Instrument
	if !f.view.Instrument(id, &in) {
		return false
	}
	for _, s := range f.symbols {
		if s == in.Symbol() || s == in.Native() {
			return true
		}
	}
	return false
}

// runTail prints until the feed, the limit or the context ends.
func runTail(ctx context.Context, o tailOptions, stdout, stderr io.Writer) error {
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	f, err := newFilter(&o)
	if err != nil {
		return err
	}
	t := &tail{opts: o, filter: f, out: newOutput(stdout), notes: stderr, active: time.Now()}
	err = t.run(ctx)
	if flushed := t.out.flush(); err == nil {
		err = flushed
	}
	return err
}
