package gateiofutures

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mailru/easyjson/jlexer"

	"github.com/tickring/tickring/exchanges"
)

// Dialect speaks with the venue: it writes requests, reads frames and knows the
// addresses and limits. One Dialect serves one feed. Set is for the start; after
// it Decode and the Append methods belong to one thread, for the decoder keeps
// its scratch memory here. The other methods read constants and options only.
type Dialect struct {
	settle   string
	book     bookChannel
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
	channel string
	levels  string
	speed   string
	rule    exchanges.BookRule
}

// Keys of Set.
const (
	keySettle = "gateio-futures.settle"
	keyBook   = "gateio-futures.book"
	keyQuiet  = "gateio-futures.quiet"
)

const (
	defaultSettle = "usdt"
	defaultBook   = "order_book_update@100ms"
	// defaultQuiet is generous: 36 s without a push were seen on a thin contract
	// (fact sheet, section 3).
	defaultQuiet = 60 * time.Second
	maxQuiet     = 24 * time.Hour
)

// New returns a dialect with the defaults of Options.
func New() *Dialect {
	book, _ := parseBook(defaultBook)
	d := &Dialect{settle: defaultSettle, book: book, quietNS: int64(defaultQuiet)}
	d.route()
	return d
}

// Venue returns the name by which users and segments know the venue.
func (d *Dialect) Venue() string { return "gateio-futures" }

// DefaultURL is the venue's public WebSocket address of the settle currency; unlike
// that of spot it has no slash at its end.
func (d *Dialect) DefaultURL() string { return "wss://fx-ws.gateio.ws/v4/ws/" + d.settle }

// DefaultRESTURL is what MetadataPath and SnapshotPath are appended to.
func (d *Dialect) DefaultRESTURL() string { return "https://api.gateio.ws/api/v4" }

// Header asks for sizes with their decimals, on the WebSocket's handshake and on
// REST: without it 1.7 contracts are sent as 1, and half a contract as 0, which
// deletes its level.
func (d *Dialect) Header() http.Header { return http.Header{"X-Gate-Size-Decimal": {"1"}} }

// Options describes the keys of Set.
func (d *Dialect) Options() []exchanges.OptionInfo {
	return []exchanges.OptionInfo{
		{
			Key: keySettle, Values: []string{"usdt", "btc"}, Default: defaultSettle,
			Doc: "currency that contracts are settled in; a connection serves those of one",
		},
		{
			Key: keyBook, Values: bookValues(), Default: defaultBook,
			Doc: "channel behind orderbook: diffs whose snapshot comes by REST, whole top levels, or diffs with a snapshot in the stream (obu)",
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
	case keySettle:
		if value != "usdt" && value != "btc" {
			return fmt.Errorf("set %s=%q: allowed are usdt, btc", key, value)
		}
		d.settle = value
	case keyBook:
		book, ok := parseBook(value)
		if !ok {
			return fmt.Errorf("set %s=%q: allowed are %s", key, value, strings.Join(bookValues(), ", "))
		}
		d.book = book
	case keyQuiet:
		bound, err := time.ParseDuration(value)
		if err != nil || bound != 0 && (bound < time.Second || bound > maxQuiet) {
			return fmt.Errorf("set %s=%q: allowed are 0 (never) and a duration from 1s to 24h", key, value)
		}
		d.quietNS = int64(bound)
	default:
		return fmt.Errorf("set %q: allowed keys are %s, %s, %s", key, keySettle, keyBook, keyQuiet)
	}
	d.route()
	return nil
}

// Depths that the book channels accept (fact sheet, section 4).
var (
	topLevelCounts  = []string{"1", "5", "10", "20", "50", "100"}
	diffLevelCounts = []string{"20", "50", "100"}
	obuLevelCounts  = []string{"50", "400"}
)

func bookValues() []string {
	return []string{
		"order_book_update@100ms (100 levels; 20 or 50 with @20 or @50 behind)", "order_book_update@20ms (20 levels)",
		"order_book@1|5|10|20|50|100", "obu@50", "obu@400",
	}
}

func parseBook(option string) (bookChannel, bool) {
	parts := strings.Split(option, "@")
	if len(parts) < 2 {
		return bookChannel{}, false
	}
	switch {
	case parts[0] == "order_book_update":
		return parseDiffs(parts[1:])
	case len(parts) == 2 && parts[0] == "obu":
		book := bookChannel{channel: channelOBU, levels: parts[1], rule: exchanges.RuleStream}
		return book, slices.Contains(obuLevelCounts, parts[1])
	case len(parts) == 2 && parts[0] == "order_book":
		book := bookChannel{channel: channelTop, levels: parts[1], speed: "0", rule: exchanges.RuleSnapshots}
		return book, slices.Contains(topLevelCounts, parts[1])
	}
	return bookChannel{}, false
}

// parseDiffs reads SPEED or SPEED, LEVELS; the fast stream has 20 levels only.
func parseDiffs(parts []string) (bookChannel, bool) {
	book := bookChannel{channel: channelDiff, speed: parts[0], rule: exchanges.RuleREST}
	switch book.speed {
	case "100ms":
		book.levels = "100"
	case "20ms":
		book.levels = "20"
	default:
		return book, false
	}
	if len(parts) == 1 {
		return book, true
	}
	allowed := len(parts) == 2 && slices.Contains(diffLevelCounts, parts[1]) && (book.speed == "100ms" || parts[1] == "20")
	book.levels = parts[1]
	return book, allowed
}

// NativeSymbol is the venue's spelling of base and quote, both upper case: BTC, USDT
// gives BTC_USDT. The REST list has contracts with names of other scripts; the
// WebSocket refuses them, and with one of them its whole list. The error is one line.
func (d *Dialect) NativeSymbol(base, quote string) (string, error) {
	native := base + "_" + quote
	if !isAsset(base) || !isAsset(quote) || len(native) > exchanges.MaxSymbolBytes {
		return "", fmt.Errorf("symbol %q: %s wants BASE/QUOTE in letters A to Z and digits, such as BTC/USDT, at most %d bytes together",
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

func isAsset(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
