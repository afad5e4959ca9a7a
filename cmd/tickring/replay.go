package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// replayOptions are the flags of replay as they were given.
type replayOptions struct {
	feed.ReplayOptions
	speed, from, to string
	channels        string
	sets            []string
	json, quiet     bool
}

func replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Publish a recording, marked REPLAY",
		Long: "Publish a recording, marked REPLAY: the venue's messages go through the same decoders and the same\n" +
			"session, and the records are the recorded feed's but for publish times and sequences. Readers never\n" +
			"take them for fresh. Several files are the parts of one recording, in order. A capture (.jsonl or\n" +
			".jsonl.zst, one row a message) needs --venue.\n\n" +
			"With --from the feed is built up from the last checkpoint before, and gets its name when that time is\n" +
			"reached. Exit 1 when the records are not those that were recorded, as the recording's own hashes say.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("replay: name the recording; see tickring replay --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths = args
			if err := o.check(cmd.Flags().Changed("slots")); err != nil {
				return err
			}
			return runReplay(cmd.Context(), &o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	dirFlag(cmd, &o.Dir)
	f.StringVar(&o.speed, "speed", "1", "1 as recorded, N times as fast, or max")
	f.StringVar(&o.from, "from", "", "begin at this time, as 2026-11-28T12:00:00Z or nanoseconds since 1970")
	f.StringVar(&o.to, "to", "", "end at this time")
	f.StringVar(&o.Feed, "feed", "", "name of the feed (default the recorded one's with -replay)")
	f.StringVar(&o.Group, "group", "", "group that may read the segment (default the process's own)")
	f.IntVar(&o.Slots, "slots", 0, "slots of the ring, a power of two (default as recorded)")
	f.StringVar(&o.Venue, "venue", "", "the venue of a capture: "+venueNames)
	f.StringVar(&o.channels, "channels", "book_ticker,trades,orderbook,ticker", "what to publish of a capture")
	f.StringArrayVar(&o.sets, "set", nil, "choose among a venue's channels, as KEY=VALUE; may be given again")
	f.BoolVar(&o.json, "json", false, "the summary as one JSON object")
	f.BoolVar(&o.quiet, "quiet", false, "log warnings and errors only")
	return cmd
}

func (o *replayOptions) check(slotsGiven bool) (err error) {
	if o.Speed, err = parseSpeed(o.speed); err != nil {
		return err
	}
	if o.FromNS, err = parseTime("--from", o.from); err != nil {
		return err
	}
	if o.ToNS, err = parseTime("--to", o.to); err != nil {
		return err
	}
	if o.ToNS != 0 && o.ToNS < o.FromNS {
		return usagef("--to %s: it is before --from %s", o.to, o.from)
	}
	if o.Feed != "" {
		if err := shm.CheckFeedName(o.Feed); err != nil {
			return usageError{err}
		}
	}
	if slotsGiven && o.Slots <= 0 {
		return usagef("--slots %d: want a power of two from %d to %d", o.Slots, ring.MinSlots, ring.MaxSlots)
	}
	if o.Channels, err = feed.ParseChannels(o.channels); err != nil {
		return usagef("--channels: %w", err)
	}
	for _, set := range o.sets {
		if strings.HasPrefix(set, exponentsKey) || !strings.Contains(set, "=") {
			return usagef("--set %q: want KEY=VALUE of a venue; see tickring run --help", set)
		}
	}
	if strings.HasSuffix(o.Paths[0], ".jsonl") || strings.HasSuffix(o.Paths[0], ".jsonl.zst") {
		if _, err := newDialect(o.Venue); err != nil {
			return err
		}
	}
	o.Options, o.Version, o.NewDialect = optionPairs(o.sets), publisherVersion(), dialectWith
	return nil
}

// dialectWith makes a venue's dialect with options set.
func dialectWith(venue string, options [][2]string) (feed.Dialect, error) {
	d, err := newDialect(venue)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		if err := d.Set(o[0], o[1]); err != nil {
			return nil, usageError{err}
		}
	}
	return d, nil
}

// parseSpeed reads 1, N or max, which is 0.
func parseSpeed(text string) (float64, error) {
	if text == "max" {
		return 0, nil
	}
	speed, err := strconv.ParseFloat(text, 64)
	if err != nil || speed <= 0 || math.IsInf(speed, 0) || math.IsNaN(speed) {
		return 0, usagef("--speed %q: want 1, how much faster such as 10 or 0.5, or max", text)
	}
	return speed, nil
}

// parseTime reads an RFC 3339 time or nanoseconds; "" is 0.
func parseTime(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if ns, err := strconv.ParseInt(text, 10, 64); err == nil && ns > 0 {
		return ns, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.UnixNano() <= 0 {
		return 0, usagef("%s %q: want a time such as 2026-11-28T12:00:00Z, or nanoseconds since 1970", flag, text)
	}
	return t.UnixNano(), nil
}

// errDiffers: the records are not those that were recorded.
var errDiffers = errors.New("the records are not those that were recorded")

// runReplay publishes until the recording or the context ends, and prints the summary.
func runReplay(ctx context.Context, o *replayOptions, stdout, stderr io.Writer) error {
	level := slog.LevelWarn
	o.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if o.quiet {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	terminal := isTerminal(stderr) && !o.quiet
	begun := time.Now()
	if terminal {
		o.Progress = func(p feed.ReplayProgress) { fmt.Fprint(stderr, progressBar(&p, time.Since(begun))) }
	}
	sum, err := feed.Replay(ctx, o.ReplayOptions)
	if terminal {
		fmt.Fprint(stderr, "\r\x1b[K")
	}
	if err != nil && ctx.Err() != nil {
		err = nil // a signal ended it
	}
	if err != nil && sum.Inputs == 0 {
		return usageOr(err)
	}
	if sum.TornBytes > 0 {
		fmt.Fprintf(stderr, "replay: the recorder was killed: %d bytes behind the last whole block are left out\n", sum.TornBytes)
	}
	if sum.Losses > 0 {
		fmt.Fprintf(stderr, "replay: the recording has %d holes; each is said in the stream\n", sum.Losses)
	}
	if sum.Differences > 0 && err == nil {
		err = fmt.Errorf("%w: %d differences, the first at %s; was it recorded by another version?", errDiffers,
			sum.Differences, timeText(sum.FirstDifferenceNS))
	}
	return errors.Join(err, printReplayed(newOutput(stdout), &sum, o.json))
}

// progressCells is the width of a progress bar.
const progressCells = 30

// progressBar is one line that overwrites itself.
func progressBar(p *feed.ReplayProgress, elapsed time.Duration) string {
	full := int(p.Done * progressCells)
	at := time.Unix(0, p.NowNS).UTC().Format("2006-01-02 15:04:05")
	times := float64(p.NowNS-p.FirstNS) / float64(max(elapsed, 1))
	return fmt.Sprintf("\r[%s%s] %3.0f %%  %s  %d records  %.3gx \x1b[K", strings.Repeat("#", full),
		strings.Repeat("-", progressCells-full), 100*p.Done, at, p.Records, max(times, 0))
}

func printReplayed(out *output, s *feed.ReplaySummary, asJSON bool) error {
	if asJSON {
		return printJSON(out, s)
	}
	err := out.printf("replayed %d inputs, %d records into feed %s in %.2f s, %s to %s\n", s.Inputs, s.Records, s.Feed, s.Seconds,
		timeText(s.FirstNS), timeText(s.LastNS))
	if err == nil && s.Verified > 0 {
		err = out.printf("held against %d hashes of the recording, %d differences\n", s.Verified, s.Differences)
	}
	for i := range s.PartHashes {
		if err == nil && len(s.PartHashes) > 1 {
			err = out.printf("part %d  %s\n", i+1, hashText(s.PartHashes[i]))
		}
	}
	if err != nil {
		return err
	}
	return out.printf("hash %s\n", hashText(s.Hash))
}
