package mexc

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
// it the Decode and Append methods belong to one thread, for the decoder keeps its
// scratch memory here. The other methods read constants and options only.
type Dialect struct {
	book   choice
	ticker choice
	trades choice
	zone   string
	quiet  time.Duration
	life   time.Duration
	drop   bool

	fast     fastPath
	lexer    jlexer.Lexer
	answer   answer
	rejected []exchanges.StreamRef
	bids     []exchanges.Level
	failure  failure
	why      []byte
	batch    *exchanges.Batch
	symbols  *exchanges.SymbolTable
}

// choice is one value of an option that picks a channel: the stream's name is the
// words before the pair, the pair, and the words behind it.
type choice struct {
	value  string
	before string
	behind string
	rule   exchanges.BookRule
}

// Keys of Set.
const (
	keyBook    = "mexc.book"
	keyTicker  = "mexc.ticker"
	keyTrades  = "mexc.trades"
	keyZone    = "mexc.zone"
	keyRepeats = "mexc.repeats"
	keyQuiet   = "mexc.quiet"
	keyLife    = "mexc.life"
)

// Defaults of Set.
const (
	defaultBook   = "aggre.depth@100ms"
	defaultTicker = "aggre@10ms"
	defaultTrades = "aggre.deals@10ms"
	defaultZone   = "24H"
	// defaultQuiet: an illiquid pair may be quiet for minutes (fact sheet, 2).
	defaultQuiet = 5 * time.Minute
	// defaultLife is the venue's 24 hours less time to move everything over.
	defaultLife = 23*time.Hour + 50*time.Minute
	maxDuration = 24 * time.Hour
)

const (
	repeatsMark = "mark"
	repeatsDrop = "drop"
)

var bookChoices = []choice{
	{"aggre.depth@100ms", channelAggreDepth + "@100ms@", "", exchanges.RuleREST},
	{"aggre.depth@10ms", channelAggreDepth + "@10ms@", "", exchanges.RuleREST},
	{"limit.depth@5", channelLimitDepth + "@", "@5", exchanges.RuleSnapshots},
	{"limit.depth@10", channelLimitDepth + "@", "@10", exchanges.RuleSnapshots},
	{"limit.depth@20", channelLimitDepth + "@", "@20", exchanges.RuleSnapshots},
}

var tickerChoices = []choice{
	{value: "aggre@10ms", before: channelBookTicker + "@10ms@"},
	{value: "aggre@100ms", before: channelBookTicker + "@100ms@"},
	{value: "batch", before: channelBatch + "@"},
}

var tradesChoices = []choice{
	{value: "aggre.deals@10ms", before: channelAggreDeals + "@10ms@"},
	{value: "aggre.deals@100ms", before: channelAggreDeals + "@100ms@"},
}

// zones are the windows of the mini ticker; 24H rolls, the others begin at
// midnight of the zone.
var zones = []string{
	"24H", "UTC-10", "UTC-8", "UTC-7", "UTC-6", "UTC-5", "UTC-4", "UTC-3",
	"UTC+0", "UTC+1", "UTC+2", "UTC+3", "UTC+4", "UTC+4:30", "UTC+5", "UTC+5:30",
	"UTC+6", "UTC+7", "UTC+8", "UTC+9", "UTC+10", "UTC+11", "UTC+12", "UTC+12:45", "UTC+13",
}

// New returns a dialect with the defaults of Options.
func New() *Dialect {
	book, _ := find(bookChoices, defaultBook)
	ticker, _ := find(tickerChoices, defaultTicker)
	trades, _ := find(tradesChoices, defaultTrades)
	d := &Dialect{book: book, ticker: ticker, trades: trades, zone: defaultZone, quiet: defaultQuiet, life: defaultLife}
	d.fast.route()
	return d
}

func find(choices []choice, value string) (choice, bool) {
	i := slices.IndexFunc(choices, func(c choice) bool { return c.value == value })
	if i < 0 {
		return choice{}, false
	}
	return choices[i], true
}

// Venue returns the name by which users and segments know the venue.
func (d *Dialect) Venue() string { return "mexc" }

// DefaultURL is the venue's public WebSocket address.
func (d *Dialect) DefaultURL() string { return "wss://wbs-api.mexc.com/ws" }

// DefaultRESTURL is what MetadataPath is appended to.
func (d *Dialect) DefaultRESTURL() string { return "https://api.mexc.com" }

// Options describes the keys of Set.
func (d *Dialect) Options() []exchanges.OptionInfo {
	return []exchanges.OptionInfo{
		{
			Key: keyBook, Values: valuesOf(bookChoices), Default: defaultBook,
			Doc: "channel behind orderbook: diffs whose snapshot comes by REST, or whole top levels",
		},
		{
			Key: keyTicker, Values: valuesOf(tickerChoices), Default: defaultTicker,
			Doc: "channel behind bookticker: quotes of each window, most of them repeated, or quotes on change",
		},
		{
			Key: keyTrades, Values: valuesOf(tradesChoices), Default: defaultTrades,
			Doc: "channel behind trades: the trades of each window",
		},
		{
			Key: keyZone, Values: zones, Default: defaultZone,
			Doc: "window of the ticker: rolling, or the day of a time zone",
		},
		{
			Key: keyRepeats, Values: []string{repeatsMark, repeatsDrop}, Default: repeatsMark,
			Doc: "a quote equal to the one before is published with REPEAT, or only moves freshness",
		},
		{
			Key: keyQuiet, Values: []string{"0 (never)", "a duration from 1s to 24h"}, Default: "5m",
			Doc: "an instrument whose book ticker, book or ticker is silent for longer is STALE",
		},
		{
			Key: keyLife, Values: []string{"a duration from 1s to 24h"}, Default: "23h50m",
			Doc: "a connection is replaced, the new one first, when it is so old; the venue ends it after 24h",
		},
	}
}

func valuesOf(choices []choice) []string {
	values := make([]string, 0, len(choices))
	for _, c := range choices {
		values = append(values, c.value)
	}
	return values
}

// Set chooses an option; the error is one line that names what is allowed.
func (d *Dialect) Set(key, value string) error {
	switch key {
	case keyBook:
		return pick(&d.book, bookChoices, key, value)
	case keyTicker:
		return pick(&d.ticker, tickerChoices, key, value)
	case keyTrades:
		return pick(&d.trades, tradesChoices, key, value)
	case keyZone:
		if !slices.Contains(zones, value) {
			return notAllowed(key, value, strings.Join(zones, ", "))
		}
		d.zone = value
	case keyRepeats:
		if value != repeatsMark && value != repeatsDrop {
			return notAllowed(key, value, repeatsMark+", "+repeatsDrop)
		}
		d.drop = value == repeatsDrop
	case keyQuiet:
		bound, err := time.ParseDuration(value)
		if err != nil || bound != 0 && (bound < time.Second || bound > maxDuration) {
			return notAllowed(key, value, "0 (never) and a duration from 1s to 24h")
		}
		d.quiet = bound
	case keyLife:
		life, err := time.ParseDuration(value)
		if err != nil || life < time.Second || life > maxDuration {
			return notAllowed(key, value, "a duration from 1s to 24h")
		}
		d.life = life
	default:
		return fmt.Errorf("set %q: allowed keys are %s", key, strings.Join([]string{
			keyBook, keyTicker, keyTrades, keyZone, keyRepeats, keyQuiet, keyLife,
		}, ", "))
	}
	return nil
}

func pick(to *choice, choices []choice, key, value string) error {
	c, ok := find(choices, value)
	if !ok {
		return notAllowed(key, value, strings.Join(valuesOf(choices), ", "))
	}
	*to = c
	return nil
}

func notAllowed(key, value, allowed string) error {
	return fmt.Errorf("set %s=%q: allowed are %s", key, value, allowed)
}

// DropRepeats says that a quote equal to the one before is not to be published;
// it still is a sign of life.
func (d *Dialect) DropRepeats() bool { return d.drop }

// NativeSymbol is the venue's spelling of base and quote, both upper case:
// BTC, USDT gives BTCUSDT. The error is one line.
func (d *Dialect) NativeSymbol(base, quote string) (string, error) {
	native := base + quote
	if !isAsset(base) || !isAsset(quote) || len(native) > exchanges.MaxSymbolBytes {
		return "", fmt.Errorf("symbol %q: %s wants BASE/QUOTE in upper-case letters and digits, such as BTC/USDT, at most %d bytes together",
			base+"/"+quote, d.Venue(), exchanges.MaxSymbolBytes)
	}
	return native, nil
}

// knownQuotes are assets that the venue lists as quotes.
var knownQuotes = []string{"USDT", "USDC", "USD1", "USDE", "TUSD", "EUR", "BTC", "ETH", "MX"}

// ParseNative splits the venue's spelling before the longest known quote that it
// ends in. Nothing in the spelling says where the base ends, so this serves files
// whose pairs nobody listed; the split of metadata, or the caller's, is the sure
// one. It answers false when the pair ends in no known quote.
func (d *Dialect) ParseNative(native string) (base, quote string, ok bool) {
	for _, q := range knownQuotes {
		if b, ends := strings.CutSuffix(native, q); ends && isAsset(b) && len(q) > len(quote) {
			base, quote = b, q
		}
	}
	return base, quote, quote != ""
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
