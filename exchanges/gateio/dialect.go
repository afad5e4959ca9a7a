package gateio

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mailru/easyjson/jlexer"

	"github.com/tickring/tickring/exchanges"
)

// Dialect speaks with the venue: it writes requests, reads frames and knows the
// addresses and limits. One Dialect serves one feed. Set is for the start; after
// it Decode and the Append methods belong to one thread, for the decoder keeps
// its scratch memory here. The other methods read constants and options only.
type Dialect struct {
	book     bookChannel
	trades   string
	quietNS  int64
	lexer    jlexer.Lexer
	inner    jlexer.Lexer
	envelope envelope
	quote    bookTicker
	trade    trade
	diff     diff
	top      topLevels
	ticker   ticker
	failure  failure
	why      []byte
	batch    *exchanges.Batch
	symbols  *exchanges.SymbolTable
	fast     fastPath
}

// bookChannel is the book stream that was chosen.
type bookChannel struct {
	option  string
	channel string
	levels  string
	speed   string
	rule    exchanges.BookRule
}

// Keys of Set.
const (
	keyBook   = "gateio.book"
	keyTrades = "gateio.trades"
	keyQuiet  = "gateio.quiet"
)

const (
	defaultBook   = "order_book_update@100ms"
	defaultTrades = "trades"
	// defaultQuiet is generous: 23 s without a push is normal even on pairs that
	// trade (fact sheet, section 3).
	defaultQuiet = 60 * time.Second
	maxQuiet     = 24 * time.Hour
)

// New returns a dialect with the defaults of Options.
func New() *Dialect {
	book, _ := parseBook(defaultBook)
	d := &Dialect{book: book, trades: channelTrades, quietNS: int64(defaultQuiet)}
	d.route()
	return d
}

// Venue returns the name by which users and segments know the venue.
func (d *Dialect) Venue() string { return "gateio" }

// DefaultURL is the venue's public WebSocket address; the last slash matters.
func (d *Dialect) DefaultURL() string { return "wss://api.gateio.ws/ws/v4/" }

// DefaultRESTURL is what MetadataPath is appended to.
func (d *Dialect) DefaultRESTURL() string { return "https://api.gateio.ws/api/v4" }

// Options describes the keys of Set.
func (d *Dialect) Options() []exchanges.OptionInfo {
	return []exchanges.OptionInfo{
		{
			Key: keyBook, Values: bookValues(), Default: defaultBook,
			Doc: "channel behind orderbook: diffs whose snapshot comes by REST, whole top levels, or diffs with a snapshot in the stream (obu)",
		},
		{
			Key: keyTrades, Values: []string{"trades", "trades_v2"}, Default: defaultTrades,
			Doc: "channel behind trades; trades_v2 is no longer maintained by the venue",
		},
		{
			Key: keyQuiet, Values: []string{"0 (never)", "a duration from 1s to 24h"}, Default: "60s",
			Doc: "an instrument whose book ticker or book is silent for longer is STALE",
		},
	}
}

// Set chooses an option; the error is one line that names what is allowed.
func (d *Dialect) Set(key, value string) error {
	switch key {
	case keyBook:
		book, ok := parseBook(value)
		if !ok {
			return fmt.Errorf("set %s=%q: allowed are %s", key, value, strings.Join(bookValues(), ", "))
		}
		d.book = book
	case keyTrades:
		if value != "trades" && value != "trades_v2" {
			return fmt.Errorf("set %s=%q: allowed are trades, trades_v2", key, value)
		}
		d.trades = "spot." + value
	case keyQuiet:
		bound, err := time.ParseDuration(value)
		if err != nil || bound != 0 && (bound < time.Second || bound > maxQuiet) {
			return fmt.Errorf("set %s=%q: allowed are 0 (never) and a duration from 1s to 24h", key, value)
		}
		d.quietNS = int64(bound)
	default:
		return fmt.Errorf("set %q: allowed keys are %s, %s, %s", key, keyBook, keyTrades, keyQuiet)
	}
	d.route()
	return nil
}

// topLevelCounts are the depths that spot.order_book accepts.
var topLevelCounts = []string{"5", "10", "20", "50", "100"}

func bookValues() []string {
	return []string{
		"order_book_update@100ms", "order_book_update@20ms",
		"order_book@5|10|20|50|100 (with @100ms, the default, or @1000ms behind)",
		"obu@50", "obu@400",
	}
}

func parseBook(option string) (bookChannel, bool) {
	parts := strings.Split(option, "@")
	book := bookChannel{option: option}
	switch {
	case len(parts) == 2 && parts[0] == "order_book_update":
		book.channel, book.speed, book.rule = channelDiff, parts[1], exchanges.RuleREST
		return book, parts[1] == "100ms" || parts[1] == "20ms"
	case len(parts) == 2 && parts[0] == "obu":
		book.channel, book.levels, book.rule = channelOBU, parts[1], exchanges.RuleStream
		return book, parts[1] == "50" || parts[1] == "400"
	case len(parts) >= 2 && len(parts) <= 3 && parts[0] == "order_book":
		book.channel, book.levels, book.rule = channelTop, parts[1], exchanges.RuleSnapshots
		book.speed = "100ms"
		if len(parts) == 3 {
			book.speed = parts[2]
		}
		return book, slices.Contains(topLevelCounts, parts[1]) && (book.speed == "100ms" || book.speed == "1000ms")
	}
	return bookChannel{}, false
}

// NativeSymbol is the venue's spelling of base and quote, both upper case:
// BTC, USDT gives BTC_USDT. The error is one line.
func (d *Dialect) NativeSymbol(base, quote string) (string, error) {
	native := base + "_" + quote
	if !isAsset(base) || !isAsset(quote) || len(native) > exchanges.MaxSymbolBytes {
		return "", fmt.Errorf("symbol %q: %s wants BASE/QUOTE in upper-case letters and digits, such as BTC/USDT, at most %d bytes together",
			base+"/"+quote, d.Venue(), exchanges.MaxSymbolBytes-1)
	}
	return native, nil
}

// ParseNative splits the venue's spelling at its one underscore.
func (d *Dialect) ParseNative(native string) (base, quote string, ok bool) {
	base, quote, ok = strings.Cut(native, "_")
	if !ok || !isAsset(base) || !isAsset(quote) {
		return "", "", false
	}
	return base, quote, true
}

// isAsset admits letters of scripts without case too: the venue lists tokens with
// such names.
func isAsset(name string) bool {
	if name == "" || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if !unicode.IsDigit(r) && (!unicode.IsLetter(r) || unicode.IsLower(r)) {
			return false
		}
	}
	return true
}
