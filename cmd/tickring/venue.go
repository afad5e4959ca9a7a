package main

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/gateiofutures"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/feed"
)

// dialect is what the commands want of a venue beyond what its session needs.
type dialect interface {
	feed.Dialect
	// ParseNative splits the venue's spelling of a pair.
	ParseNative(native string) (base, quote string, ok bool)
	// Set chooses an option; Options lists them.
	Set(key, value string) error
	Options() []exchanges.OptionInfo
}

// venueNames are the venues that --venue accepts.
const venueNames = "gateio, gateio-futures, mexc"

// newDialect makes the dialect of a venue; its error says which there are.
func newDialect(venue string) (dialect, error) {
	switch venue {
	case "gateio":
		return gateio.New(), nil
	case "gateio-futures":
		return gateiofutures.New(), nil
	case "mexc":
		return mexc.New(), nil
	case "":
		return nil, usagef("--venue is missing: allowed are %s", venueNames)
	}
	return nil, usagef("--venue %q: allowed are %s", venue, venueNames)
}
