package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/shm"
)

// recordOptions are the flags of record: those of run, and its own.
type recordOptions struct {
	run        runOptions
	feed       string
	rotateSize string
	json       bool
	file       feed.RecordOptions
}

func recordCommand() *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use:   "record (FEED | --venue VENUE --symbols LIST) -o FILE",
		Short: "Record a venue's raw messages, for replay",
		Long: "Record a venue's raw messages, for replay.\n\n" +
			"record FEED records a feed that runs, from its present state on; the feed's publisher must allow it\n" +
			"(its user, or its --group). record --venue takes the flags of run and records connections of its own\n" +
			"from the first record on; it publishes a segment only where --feed names one. Either goes on until\n" +
			"the feed ends, a signal comes or the time of --for is over. A recorder that is killed loses the last\n" +
			"second at most. The hash is that of the records: a replay prints the same.\n\n" + setHelp(),
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, args); err != nil {
				return err
			}
			return runRecord(cmd.Context(), &o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.run.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.file.Path, "output", "o", "", "the file; with a rotation its parts are FILE.0001 and so on")
	f.BoolVar(&o.file.Force, "force", false, "replace a file that is there")
	f.StringVar(&o.rotateSize, "rotate-size", "", "begin a new part at this size, such as 1GiB")
	f.DurationVar(&o.file.RotateEvery, "rotate-every", 0, "begin a new part after so long, such as 1h")
	f.BoolVar(&o.json, "json", false, "the summary as one JSON object")
	return cmd
}

// recordFeedFlags are the flags that make sense for a feed that runs.
const recordFeedFlags = " dir output force rotate-size rotate-every json for quiet help "

func (o *recordOptions) check(cmd *cobra.Command, args []string) (err error) {
	if o.file.Path == "" {
		return usagef("record: -o is missing: name the file to write")
	}
	if o.file.RotateBytes, err = parseSize(o.rotateSize); err != nil {
		return usagef("--rotate-size %q: %w", o.rotateSize, err)
	}
	if o.file.RotateEvery < 0 || o.run.duration < 0 {
		return usagef("--rotate-every and --for: want a positive duration, such as 1h")
	}
	switch {
	case len(args) > 1:
		return usagef("record: want one feed, got %d; see tickring record --help", len(args))
	case len(args) == 1:
		o.feed = args[0]
		if err := shm.CheckFeedName(o.feed); err != nil {
			return usageError{err}
		}
		cmd.Flags().Visit(func(f *pflag.Flag) {
			if err == nil && !strings.Contains(recordFeedFlags, " "+f.Name+" ") {
				err = usagef("record FEED: --%s is for record --venue alone: a feed that runs is recorded as it is", f.Name)
			}
		})
		return err
	case o.run.venue == "":
		return usagef("record: name a feed that runs, or a venue with --venue: allowed are %s", venueNames)
	}
	o.run.cfg.Anonymous = o.run.cfg.Feed == ""
	return o.run.check(cmd.Flags().Changed("slots"))
}

// parseSize reads bytes with an optional unit: KB, MB, GB of 1,000, KiB, MiB, GiB of
// 1,024; "" is 0.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	digits := strings.TrimRight(text, "KMGTBi")
	units := map[string]int64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	unit, known := units[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n <= 0 || n > math.MaxInt64/unit {
		return 0, errors.New("want a size such as 500MB or 1GiB")
	}
	return n * unit, nil
}

// runRecord records until the feed, the context or the time ends, and prints the summary.
func runRecord(ctx context.Context, o *recordOptions, stdout, stderr io.Writer) error {
	if o.feed == "" {
		if err := feed.PrepareProcess(o.run.cfg.CPU); err != nil {
			return usageOr(err)
		}
	}
	if o.run.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.run.duration)
		defer cancel()
	}
	sum, err := o.record(ctx, stderr)
	if err != nil && len(sum.Files) == 0 {
		return usageOr(err)
	}
	if errors.Is(err, feed.ErrFeedEnded) {
		fmt.Fprintf(stderr, "record: feed %q has ended\n", o.feed)
		err = nil
	}
	if sum.Losses > 0 {
		fmt.Fprintf(stderr, "record: %d times the recording was behind and lost %d items; the feed lost nothing\n", sum.Losses, sum.LostItems)
	}
	return errors.Join(err, printRecorded(newOutput(stdout), &sum, o.json))
}

func (o *recordOptions) record(ctx context.Context, stderr io.Writer) (feed.RecordSummary, error) {
	if o.feed != "" {
		r, err := feed.RecordFeed(ctx, o.run.cfg.Dir, o.feed, o.file)
		if err != nil {
			return feed.RecordSummary{}, err
		}
		watchRecording(ctx, r, nil, stderr)
		return r.Close()
	}
	level := slog.LevelInfo
	if o.run.quiet || isTerminal(stderr) {
		level = slog.LevelWarn
	}
	o.run.cfg.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	p, r, err := feed.RecordPublisher(ctx, o.run.cfg, o.file)
	if err != nil {
		return feed.RecordSummary{}, err
	}
	watchRecording(ctx, r, p.Done(), stderr)
	failed := p.Err()
	closed := p.Close()
	sum, err := r.Close()
	return sum, errors.Join(failed, closed, err)
}

// recordLine is how often a terminal is told how far a recording is.
const recordLine = 500 * time.Millisecond

// watchRecording waits for the end: of the context, the feed, or the recording over an
// error of its own.
func watchRecording(ctx context.Context, r *feed.Recording, feedEnded <-chan struct{}, stderr io.Writer) {
	tick := time.NewTicker(recordLine)
	defer tick.Stop()
	terminal := isTerminal(stderr)
	for {
		select {
		case <-ctx.Done():
		case <-r.Done():
		case <-feedEnded:
		case <-tick.C:
			if terminal {
				s := r.Progress()
				fmt.Fprintf(stderr, "\r%d frames, %d records, %s in %d files \x1b[K", s.FramesIn, s.Records, sizeText(s.Bytes), len(s.Files))
			}
			continue
		}
		if terminal {
			fmt.Fprint(stderr, "\r\x1b[K")
		}
		return
	}
}

// sizeText is a size for people.
func sizeText(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

func printRecorded(out *output, s *feed.RecordSummary, asJSON bool) error {
	if asJSON {
		return printJSON(out, s)
	}
	err := out.printf("recorded %d frames, %d records, %s (%s before compression), %s to %s\n", s.FramesIn, s.Records,
		sizeText(s.Bytes), sizeText(s.Raw), timeText(s.FirstNS), timeText(s.LastNS))
	for i, name := range s.Files {
		if err == nil && len(s.Files) > 1 {
			err = out.printf("%s  %s\n", name, hashText(s.PartHashes[i]))
		}
	}
	if err != nil {
		return err
	}
	return out.printf("hash %s\n", hashText(s.Hash))
}

func hashText(hash string) string {
	if hash == "" {
		return "unknown: not every record was seen"
	}
	return hash
}

func timeText(ns int64) string {
	if ns == 0 {
		return "-"
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
}

func printJSON(out *output, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode summary: %w", err)
	}
	return out.printf("%s\n", line)
}

// optionPairs are the --set flags of a venue, as KEY and VALUE.
func optionPairs(sets []string) [][2]string {
	var out [][2]string
	for _, set := range sets {
		key, value, _ := strings.Cut(set, "=")
		if !strings.HasPrefix(key, exponentsKey) {
			out = append(out, [2]string{key, value})
		}
	}
	return out
}
