package main

import (
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
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the feeds of a directory",
		Args:  needsNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			infos, err := shm.List(dir)
			if err != nil {
				return err
			}
			return listFeeds(infos, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	dirFlag(cmd, &dir)
	return cmd
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
