package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

func lsCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the feeds of a directory",
		Args:  needsNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			infos, err := shm.List(dir)
			if err != nil {
				return err
			}
			if asJSON {
				return outputError(json.NewEncoder(cmd.OutOrStdout()).Encode(feedRows(infos)))
			}
			return listFeeds(infos, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	dirFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array")
	return cmd
}

// feedRow is a feed as ls --json shows it. A file that is no segment is DAMAGED
// and says why in error; what could not be read of it is null.
type feedRow struct {
	Feed           string  `json:"feed"`
	Path           string  `json:"path"`
	State          string  `json:"state"`
	SizeBytes      int64   `json:"size_bytes"`
	Venue          *string `json:"venue"`
	Source         *string `json:"source"`
	Generation     *uint64 `json:"generation"`
	OwnerPID       *uint32 `json:"owner_pid"`
	CreatedNS      *int64  `json:"created_ns"`
	Watermark      *uint64 `json:"watermark"`
	Instruments    *int    `json:"instruments"`
	HeartbeatAgeNS *int64  `json:"hot_heartbeat_age_ns"` // null also before the first beat
	Error          *string `json:"error"`
}

// feedRows are the rows of ls --json, never nil.
func feedRows(infos []shm.Info) []feedRow {
	rows := []feedRow{}
	for _, i := range infos {
		row := feedRow{Feed: i.Feed, Path: i.Path, SizeBytes: i.SizeBytes}
		if i.Err != nil {
			why := faultOf(i.Err)
			row.State, row.Error = "DAMAGED", &why
			rows = append(rows, row)
			continue
		}
		source := i.Source.String()
		row.State, row.Venue, row.Source, row.Generation = stateOf(i), &i.Venue, &source, &i.Generation
		row.OwnerPID, row.CreatedNS, row.Watermark, row.Instruments = &i.OwnerPID, &i.CreatedNS, &i.Watermark, &i.Instruments
		if i.HeartbeatAge >= 0 {
			age := int64(i.HeartbeatAge)
			row.HeartbeatAgeNS = &age
		}
		rows = append(rows, row)
	}
	return rows
}

func listFeeds(infos []shm.Info, stdout, stderr io.Writer) error {
	if len(infos) == 0 {
		fmt.Fprintln(stderr, "no feeds; tickring run publishes one")
		return nil
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FEED\tVENUE\tSTATE\tSOURCE\tGENERATION\tOWNER\tRECORDS\tINSTRUMENTS\tBYTES\tBEAT")
	for _, i := range infos {
		if i.Err != nil {
			fmt.Fprintf(table, "%s\t-\tDAMAGED\t-\t-\t-\t-\t-\t%d\t%s\n", i.Feed, i.SizeBytes, faultOf(i.Err))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", i.Feed, i.Venue, stateOf(i), i.Source,
			i.Generation, i.OwnerPID, i.Watermark, i.Instruments, i.SizeBytes, ageText(i.HeartbeatAge))
	}
	return outputError(table.Flush())
}

// faultOf is what is wrong with a file, without its path, which stands beside it.
func faultOf(err error) string {
	var fault *shm.Error
	if errors.As(err, &fault) {
		return fault.Err.Error()
	}
	return oneLine(err)
}

// stateOf is the state as a reader would answer: a LIVE segment whose hot thread
// stands still is STALE.
func stateOf(i shm.Info) string {
	if i.State == ring.StateLive && !i.Alive() {
		return ring.AnswerStale.String()
	}
	return i.State.String()
}

func ageText(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return d.Round(time.Millisecond).String() + " ago"
}
