package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/tickring/tickring/feed"
)

// checkResend takes --resend in place of --symbols.
func (c *change) checkResend() (err error) {
	if c.symbols != "" {
		return usagef("--symbols and --resend: give one of them")
	}
	if c.wantSymbols, err = feed.ParseSymbols(c.resend); err != nil {
		return usagef("--resend: %w", err)
	}
	return nil
}

// resendTexts say what came of it, and whether the reader gets what it asked for.
var resendTexts = map[string]struct {
	text string
	good bool
}{
	feed.ResendPublished: {"published", true},
	feed.ResendResyncing: {"resyncing: its snapshot follows", true},
	feed.ResendRecent:    {"published less than a second ago", true},
	feed.ResendNoBook:    {"no order book is asked for", false},
	feed.ResendUnknown:   {"not a symbol of this feed", false},
}

// askResend asks for books and shows where in the ring they begin.
func (c *change) askResend(ctx context.Context, control *feed.Control, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	results, err := control.Resend(ctx, c.wantSymbols)
	if errors.Is(err, feed.ErrRequest) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if c.asJSON {
		err = json.NewEncoder(stdout).Encode(results)
	} else {
		t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "SYMBOL\tFROM SEQUENCE\tBOOK\n")
		for _, r := range results {
			fmt.Fprintf(t, "%s\t%d\t%s\n", r.Symbol, r.FirstSequence, resendTexts[r.State].text)
		}
		err = t.Flush()
	}
	if err != nil {
		return outputError(err)
	}
	for _, r := range results {
		if !resendTexts[r.State].good {
			return fmt.Errorf("%s: %s", r.Symbol, resendTexts[r.State].text)
		}
	}
	return nil
}
