package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/cmd/tickring/internal/frames"
	"github.com/tickring/tickring/feed"
)

// maxSnapshotFile bounds a REST answer on disk, as a live one is bounded.
const maxSnapshotFile = 16 << 20

func bookCheckCommand() *cobra.Command {
	var venue, updates string
	var rests, sets []string
	cmd := &cobra.Command{
		Use:   "book-check --venue VENUE --updates FILE",
		Short: "Build a book from recorded frames and print it",
		Long: "Build one instrument's order book from recorded frames, by the decoder and the rules of a live\n" +
			"feed, and print it as JSON: the venue's sequence, bids, asks, and gap_at, the index from 0 of the\n" +
			"first frame that could not be applied, or null.\n\n" +
			"--updates is .jsonl (a frame a line), .jsonl.zst, or .lpf (each frame behind its length, four\n" +
			"bytes, big-endian). Each --rest is the next REST answer that a synchronisation gets.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := newDialect(venue)
			if err != nil {
				return err
			}
			if updates == "" {
				return usagef("--updates is missing: a .jsonl or .lpf file of frames")
			}
			if _, err := applySets(d, sets); err != nil {
				return err
			}
			return runBookCheck(cmd.Context(), d, updates, rests, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&venue, "venue", "", "the venue: "+venueNames)
	cmd.Flags().StringVar(&updates, "updates", "", "file of the recorded frames")
	cmd.Flags().StringArrayVar(&rests, "rest", nil, "file of a REST book answer; again for the next one")
	cmd.Flags().StringArrayVar(&sets, "set", nil, "choose among a venue's channels, as KEY=VALUE; may be given again")
	return cmd
}

// bookJSON is what is printed.
type bookJSON struct {
	Sequence uint64      `json:"sequence"`
	Bids     [][2]string `json:"bids"`
	Asks     [][2]string `json:"asks"`
	GapAt    *int        `json:"gap_at"`
}

func runBookCheck(ctx context.Context, d dialect, updates string, rests []string, stdout io.Writer) error {
	list, binary, err := readFrames(ctx, updates)
	if err != nil {
		return err
	}
	snapshots := make([][]byte, len(rests))
	for i, path := range rests {
		if snapshots[i], err = readBounded(path, maxSnapshotFile); err != nil {
			return err
		}
	}
	check, err := feed.CheckBook(d, list, snapshots, binary)
	if err != nil {
		return err
	}
	out := bookJSON{Sequence: check.Sequence, Bids: check.Bids, Asks: check.Asks}
	if out.Bids == nil {
		out.Bids = [][2]string{}
	}
	if out.Asks == nil {
		out.Asks = [][2]string{}
	}
	if check.GapAt >= 0 {
		out.GapAt = &check.GapAt
	}
	return json.NewEncoder(stdout).Encode(out)
}

func readFrames(ctx context.Context, path string) (list [][]byte, binary bool, err error) {
	file, err := frames.Open(path)
	if errors.Is(err, frames.ErrKind) {
		return nil, false, usageError{err}
	}
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	for ctx.Err() == nil {
		frame, err := file.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		list = append(list, append([]byte(nil), frame...))
	}
	return list, file.Binary(), ctx.Err()
}

func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read REST answer: %w", err)
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("read REST answer: %w", err)
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("read REST answer %q: more than %d bytes", path, most)
	}
	return body, nil
}
