package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/cmd/tickring/internal/frames"
	"github.com/tickring/tickring/cmd/tickring/internal/jsonl"
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/feed"
)

func decodeCommand() *cobra.Command {
	var venue string
	cmd := &cobra.Command{
		Use:   "decode --venue VENUE FILE",
		Short: "Print what a venue's recorded frames say, as JSON",
		Long: "Print what a venue's recorded frames say, as JSON, one line a record.\n\n" +
			"FILE is .jsonl (one frame a line), .jsonl.zst (the same, compressed), .bin (one frame) or\n" +
			".lpf (each frame behind its length, four bytes, big-endian). A frame that is no data prints\n" +
			"control, one that is refused malformed. A depth event is one line. Of a venue that sends binary\n" +
			"messages, a frame in a .bin or .lpf file is one unless it begins with a brace.",
		Args: needsOne("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := newDialect(venue)
			if err != nil {
				return err
			}
			return runDecode(cmd.Context(), d, args[0], cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&venue, "venue", "", "the venue whose frames these are: "+venueNames)
	return cmd
}

// decoder turns frames into lines.
type decoder struct {
	dialect dialect
	binary  feed.BinaryDialect // nil where the venue or the file has text only
	symbols *exchanges.SymbolTable
	batch   exchanges.Batch
	lines   *jsonl.Frames
	names   []string // BASE/QUOTE by instrument
	out     *output
}

func runDecode(ctx context.Context, d dialect, path string, stdout io.Writer) error {
	file, err := frames.Open(path)
	if errors.Is(err, frames.ErrKind) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	defer file.Close()
	dec := &decoder{
		dialect: d, symbols: exchanges.NewLearningTable(), out: newOutput(stdout),
		lines: jsonl.NewFrames(filepath.Base(path), d.Venue()),
	}
	if file.Binary() {
		dec.binary, _ = d.(feed.BinaryDialect)
	}
	err = dec.all(ctx, file)
	if flushed := dec.out.flush(); err == nil {
		err = flushed
	}
	return err
}

func (d *decoder) all(ctx context.Context, file *frames.File) error {
	for ctx.Err() == nil {
		frame, err := file.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		d.frame(file.Line(), frame)
		if err := d.out.flushLarge(); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) frame(line int, frame []byte) {
	v := d.decode(frame)
	switch v.Class {
	case exchanges.ClassData:
		for i := range d.batch.Items {
			symbol := d.symbol(d.batch.Items[i].Instrument)
			d.out.buf = d.lines.AppendItem(d.out.buf, line, i, symbol, &d.batch)
		}
	case exchanges.ClassMalformed:
		d.out.buf = d.lines.AppendMalformed(d.out.buf, line, why(&v))
	default:
		d.out.buf = d.lines.AppendControl(d.out.buf, line, controlName(&v))
	}
}

// decode takes a frame for binary where it may be: no protobuf message begins with
// a brace, which would open a group.
func (d *decoder) decode(frame []byte) exchanges.Verdict {
	if d.binary != nil && !bytes.HasPrefix(frame, []byte("{")) {
		return d.binary.DecodeBinary(frame, d.symbols, &d.batch)
	}
	return d.dialect.Decode(frame, d.symbols, &d.batch)
}

// symbol is BASE/QUOTE of an instrument that the table has learnt, or the venue's
// spelling where that names no pair.
func (d *decoder) symbol(id uint16) string {
	for len(d.names) < d.symbols.Count() {
		native := d.symbols.Name(uint16(len(d.names)))
		name := native
		if base, quote, ok := d.dialect.ParseNative(native); ok {
			name = base + "/" + quote
		}
		d.names = append(d.names, name)
	}
	if int(id) >= len(d.names) {
		return ""
	}
	return d.names[id]
}

func why(v *exchanges.Verdict) string {
	if len(v.Text) > 0 {
		return string(v.Text)
	}
	return v.Reason.String()
}

// controlName is the word for a frame that is no data. An answer that accepts a
// request in part is an error: something was refused.
func controlName(v *exchanges.Verdict) string {
	switch v.Class {
	case exchanges.ClassAck:
		if len(v.Refused) > 0 {
			return "error"
		}
		return "ack"
	case exchanges.ClassRefusal:
		return "error"
	case exchanges.ClassPong:
		return "pong"
	case exchanges.ClassSystem:
		return "system"
	case exchanges.ClassIgnored:
		return "ignored"
	}
	return "unknown"
}
