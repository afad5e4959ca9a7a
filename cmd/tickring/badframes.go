package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tickring/tickring/feed"
)

// shownBytes is how much of a bad frame a line for people has.
const shownBytes = 200

// badFrameLine is a bad frame as --json shows it. One of text and b64 is null: a
// message that is no UTF-8 is given in base64. Both hold its first 4 KiB.
type badFrameLine struct {
	RecvTimeNS int64   `json:"recv_time_ns"`
	Connection int     `json:"connection"`
	Reason     string  `json:"reason"`
	SizeBytes  int     `json:"size_bytes"`
	Text       *string `json:"text"`
	Base64     []byte  `json:"b64"`
}

// printBadFrames shows what a publisher could not decode, oldest first, a line
// each; nothing when there was none.
func printBadFrames(ctx context.Context, dir, name string, asJSON bool, w io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	control, err := feed.DialControl(ctx, dir, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	frames, err := control.BadFrames(ctx)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(w)
	for _, f := range frames {
		if asJSON {
			err = lines.Encode(badFrameOf(f))
		} else {
			_, err = fmt.Fprintln(w, badFrameText(f))
		}
		if err != nil {
			return outputError(err)
		}
	}
	return nil
}

func badFrameOf(f feed.ControlBadFrame) badFrameLine {
	line := badFrameLine{RecvTimeNS: f.RecvTimeNS, Connection: f.Connection, Reason: f.Reason, SizeBytes: f.SizeBytes}
	if utf8.Valid(f.Bytes) {
		text := string(f.Bytes)
		line.Text = &text
	} else {
		line.Base64 = f.Bytes
	}
	return line
}

// badFrameText quotes the message: nothing in it can drive a terminal.
func badFrameText(f feed.ControlBadFrame) string {
	shown := f.Bytes[:min(len(f.Bytes), shownBytes)]
	return fmt.Sprintf("%s  connection %d  %s  %d bytes  %s", time.Unix(0, f.RecvTimeNS).UTC().Format("2006-01-02T15:04:05.000000000Z"),
		f.Connection, f.Reason, f.SizeBytes, strconv.QuoteToASCII(string(shown)))
}
