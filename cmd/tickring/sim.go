package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/exchanges/sim"
)

// simOptions are the flags of sim.
type simOptions struct {
	config   sim.Config
	speed    string
	urlFile  string
	scenario string
	faults   []string
}

func simCommand() *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:   "sim --venue VENUE",
		Short: "Play a venue's server on this machine",
		Long: "Play a venue's server on this machine: a made-up market, or a capture byte for byte.\n\n" +
			"The WebSocket address is printed on stdout. --url-file holds it too, and the REST address and,\n" +
			"with --tls, the file of the certificate authority, one a line.\n\n" + faultHelp(),
		Args: needsNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return runSim(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config.Venue, "venue", "", "the venue to play: "+venueNames)
	f.StringVar(&o.config.Listen, "listen", "127.0.0.1:0", "address to listen on")
	f.StringVar(&o.config.Capture, "capture", "", "serve this .jsonl or .jsonl.zst capture instead of a made-up market")
	f.StringVar(&o.speed, "speed", "1", "of a capture: 1 as recorded, N times as fast, max")
	f.DurationVar(&o.config.Settle, "settle", sim.DefaultSettle, "data begin when requests were quiet for so long")
	f.BoolVar(&o.config.Once, "once", false, "end after a client had the whole capture")
	f.BoolVar(&o.config.TLS, "tls", false, "serve TLS under a certificate authority made at start")
	f.Uint64Var(&o.config.Seed, "seed", 1, "of the made-up market: the same seed, the same market")
	f.IntVar(&o.config.Rate, "rate", sim.DefaultRate, "of the made-up market: frames a second a connection")
	f.IntVar(&o.config.Symbols, "symbols", sim.DefaultSymbols, "of the made-up market: how many pairs are listed")
	f.StringVar(&o.scenario, "scenario", "", "TOML file of faults by the clock")
	f.StringArrayVar(&o.faults, "fault", nil, "misbehave, as NAME[,KEY=VALUE]...; may be given again")
	f.DurationVar(&o.config.ConnectionLife, "connection-life", 0, "cut a connection that is older (default mexc 24h, gateio never)")
	f.BoolVar(&o.config.RefuseOverLimit, "refuse-over-limit", false, "mexc: refuse streams beyond the limit of a connection instead of staying silent")
	f.BoolVar(&o.config.Compression.On, "compression", false, "compress for clients that offer it (permessage-deflate)")
	f.StringVar(&o.urlFile, "url-file", "", "write the addresses into this file")
	return cmd
}

// check reads what flags cannot, and lets the simulator judge the rest. Zero is a
// default there and a mistake here.
func (o *simOptions) check() error {
	if _, err := newDialect(o.config.Venue); err != nil {
		return err
	}
	if o.config.Rate < 1 || o.config.Symbols < 1 {
		return usagef("--rate %d --symbols %d: want 1 or more", o.config.Rate, o.config.Symbols)
	}
	if o.config.Settle < 0 {
		return usagef("--settle %s: want 0 or more, such as 500ms", o.config.Settle)
	}
	if o.config.Settle == 0 {
		o.config.Settle = -1 // the simulator's word for at once
	}
	if o.config.Once && o.config.Capture == "" {
		return usagef("--once wants a --capture")
	}
	if err := o.readFaults(); err != nil {
		return err
	}
	return o.parseSpeed()
}

func (o *simOptions) parseSpeed() error {
	if o.speed == "max" {
		o.config.Speed = 0
		return nil
	}
	speed, err := strconv.ParseFloat(o.speed, 64)
	if err != nil || !(speed > 0) || speed > maxSpeed {
		return usagef("--speed %q: allowed are 1, a number of times above 0, max", o.speed)
	}
	o.config.Speed = speed
	return nil
}

// maxSpeed keeps a factor finite; beyond it max is meant.
const maxSpeed = 1e9

func runSim(ctx context.Context, o simOptions, stdout, stderr io.Writer) (err error) {
	server, err := sim.New(o.config)
	if err != nil {
		if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
			return err
		}
		return usageError{err}
	}
	if err := server.Start(); err != nil {
		return errors.Join(err, server.Close())
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := o.announce(server, stdout, stderr); err != nil {
		return err
	}
	err = server.Wait(ctx)
	fmt.Fprintln(stderr, servedText(server.Stats()))
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// servedText says what was sent, by channel: what a reader should have seen.
func servedText(s sim.Stats) string {
	text := fmt.Sprintf("served: connections=%d frames=%d", s.Connections, s.FramesTotal)
	for _, channel := range slices.Sorted(maps.Keys(s.Frames)) {
		text += fmt.Sprintf(" %s=%d", cmp.Or(channel, "other"), s.Frames[channel])
	}
	return text
}

// announce says where the server is: a client may connect from then on.
func (o *simOptions) announce(server *sim.Server, stdout, stderr io.Writer) error {
	lines := server.URL() + "\n" + server.RESTURL() + "\n"
	if o.urlFile != "" {
		if ca := server.CAPEM(); ca != nil {
			path := o.urlFile + ".ca"
			if err := writeAside(path, ca); err != nil {
				return err
			}
			lines += path + "\n"
			fmt.Fprintf(stderr, "certificate authority: %s\n", path)
		}
		if err := writeAside(o.urlFile, []byte(lines)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(stdout, server.URL())
	return outputError(err)
}

// writeAside puts a file in place whole: who reads it sees all or nothing.
func writeAside(path string, content []byte) error {
	aside, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	_, err = aside.Write(content)
	err = errors.Join(err, aside.Chmod(0o644), aside.Close())
	if err == nil {
		err = os.Rename(aside.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %q: %w", path, err), os.Remove(aside.Name()))
	}
	return nil
}
