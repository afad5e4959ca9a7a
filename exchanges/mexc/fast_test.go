package mexc

import (
	"bytes"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// hostileTail stands behind pushes as the rest of an older one may: keys of all that
// may follow, lengths and digits.
const hostileTail = "0*\x0b82164153436" + "0\xca\xde\xad\xf3\xe83" + "\x0a\x0e\x0a\x0584270\x12\x050.025" + "\x12\x031.5\x1a\x03100\"\x012" + "9999999999999999"

// padded copies a push before as many bytes of tail, again and again, as a template
// may look at.
func padded(frame []byte, tail string) []byte {
	buffer := make([]byte, len(frame)+exchanges.FastPadding)
	behind := buffer[copy(buffer, frame):]
	for n := copy(behind, tail); n < len(behind); n *= 2 {
		copy(behind[n:], behind[:n])
	}
	return buffer[:len(frame)]
}

// twin decodes the same bytes by templates and by the reference.
type twin struct {
	fast, reference                   *Dialect
	symbols                           *exchanges.SymbolTable
	fastBatch, walked, referenceBatch exchanges.Batch
}

func newTwin() *twin {
	return &twin{fast: New(), reference: New(), symbols: exchanges.NewLearningTable()}
}

// accepts wants the items of an accepted push, which must have its padding, to be
// those of the reference to the bit, and says whether it was accepted.
func (w *twin) accepts(t require.TestingT, frame []byte) bool {
	p, enough := exchanges.Pad(frame)
	if !enough {
		require.Fail(t, "a push without its padding")
	}
	symbols := learningRoom(&w.symbols)
	w.fastBatch.Reset()
	channel, ok := w.fastChannel(t, p, symbols)
	if !ok {
		return false
	}
	stream := w.fast.fast.streams[channel]
	v := w.reference.decodeReference(frame, symbols, &w.referenceBatch)
	// The comparisons with testify's words are slow; they only tell what differs.
	if v.Class != exchanges.ClassData || !slices.Equal(w.referenceBatch.Items, w.fastBatch.Items) || v.Stream != stream ||
		v.RequestID != 0 || v.Code != 0 || v.Symbol != nil || v.Text != nil || v.Unsubscribe || v.Reconnect {
		require.Equal(t, exchanges.Verdict{Class: exchanges.ClassData, Stream: stream}, v, "%q", frame)
		require.Equal(t, w.referenceBatch.Items, w.fastBatch.Items, "%q", frame)
		require.Fail(t, "different", "%q", frame)
	}
	if !slices.Equal(w.referenceBatch.Levels, w.fastBatch.Levels) {
		require.Equal(t, w.referenceBatch.Levels, w.fastBatch.Levels, "%q", frame)
	}
	return true
}

// exampleValue is what stands in the holes of an example.
type exampleValue struct {
	symbol, decimal, version, volume, signed, id string
	levels                                       [][2]string
	millis                                       uint64
	taker                                        uint64
	deals                                        int
}

var exampleValues = []exampleValue{
	{"ABT", "0", "0", "7", "0", "1X0_2X9", nil, 1 << 35, 1, 1},
	{"BTCUSDT", "84270.01", "82164153436", "117749638.580420", "-0.0001", "731901896985399296X0_731901896985399297X0", [][2]string{{"84270.01", "5.42169969"}, {"84270.02", "0"}}, 1790281243450, 2, 2},
	{"ABCDEFGHIJKLMNOP_QRSTUVWXYZ12345", "1234567890.0123456700", "18446744073709551615", "1234567890123456789012.345", "-100.00000000001", "999999999999999999X9_0X0", [][2]string{{"100.00", "99999999.00000001"}, {"0.00000644", "120"}, {"12345678901.5", "0.000000000001"}}, 1<<42 - 1, 1, 3},
	{"龙虾USDT", "12345678.12345678", "12345678", "100.000", "3", "12345678X1_1234567890123456X2", [][2]string{{"10", "20.0"}}, 1790281243450, 2, 1},
	{"1INCHUSDT", "0.00000000", "1234567890123456", "0.0", "-12", "10000000000000000X1_12345678901234567X2", [][2]string{{"80000", "1000.0"}}, 1790281243450, 1, 2},
}

func appendNumber(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

// push is a whole message with the fields that stand around every body.
func (v *exampleValue) push(before, behind string, number protowire.Number, body []byte) []byte {
	b := appendText(appendText(nil, 1, before+v.symbol+behind), 3, v.symbol)
	return appendText(appendNumber(b, 6, v.millis), number, string(body))
}

func (v *exampleValue) quote(bid, ask bool) (b []byte) {
	if bid {
		b = appendText(appendText(b, 1, v.decimal), 2, v.decimal)
	}
	if ask {
		b = appendText(appendText(b, 3, v.decimal), 4, v.decimal)
	}
	return b
}

func (v *exampleValue) sideOf(number protowire.Number) (b []byte) {
	for _, l := range v.levels {
		b = appendText(b, number, string(appendText(appendText(nil, 1, l[0]), 2, l[1])))
	}
	return b
}

func (v *exampleValue) trades(withID bool) (b []byte) {
	for range v.deals {
		deal := appendText(appendText(nil, 1, v.decimal), 2, v.decimal)
		deal = appendNumber(appendNumber(deal, 3, v.taker), 4, v.millis)
		if withID {
			deal = appendText(deal, 5, v.id)
		}
		b = appendText(b, 1, string(deal))
	}
	return b
}

func (v *exampleValue) ticker(changes bool) []byte {
	b := appendText(appendText(nil, 1, v.symbol), 2, v.decimal)
	if changes {
		b = appendText(appendText(b, 3, v.signed), 4, v.signed)
	}
	b = appendText(appendText(appendText(appendText(b, 5, v.decimal), 6, v.decimal), 7, v.volume), 8, v.volume)
	if changes {
		b = appendText(appendText(appendText(appendText(b, 9, v.signed), 10, v.signed), 11, v.signed), 12, v.signed)
	}
	return b
}

// examples are pushes of every shape of templates.txt: with and without each of its
// optional parts, with short and with long values.
func examples(t testing.TB) map[string][][]byte {
	frames := make(map[string][][]byte)
	for i := range exampleValues {
		v := &exampleValues[i]
		add := func(name string, frame []byte) { frames[name] = append(frames[name], frame) }
		for _, interval := range []string{"10ms", "100ms"} {
			quotes := channelBookTicker + "@" + interval + "@"
			for _, sides := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
				quote := v.quote(sides[0], sides[1])
				add("book_ticker_"+interval, v.push(quotes, "", 315, appendNumber(appendText(quote, 5, v.version), 6, v.millis)))
				add("book_ticker_"+interval, v.push(quotes, "", 315, appendText(quote, 5, v.version)))
				add("book_ticker_"+interval, v.push(quotes, "", 315, quote))
			}
			deals := channelAggreDeals + "@" + interval
			add("deals_"+interval, v.push(deals+"@", "", 314, appendText(v.trades(true), 2, deals)))
			add("deals_"+interval, v.push(deals+"@", "", 314, v.trades(true)))
			add("deals_"+interval+"_2025", v.push(deals+"@", "", 314, appendText(v.trades(false), 2, deals)))
			depth := channelAggreDepth + "@" + interval
			for _, sides := range [][]byte{slices.Concat(v.sideOf(1), v.sideOf(2)), v.sideOf(1), v.sideOf(2), nil} {
				body := appendText(appendText(appendText(sides, 3, depth), 4, v.version), 5, v.version)
				add("depth_"+interval, v.push(depth+"@", "", 313, body))
				add("depth_"+interval, v.push(depth+"@", "", 313, appendNumber(body, 6, v.millis)))
			}
		}
		addOthers(v, add)
	}
	return requireAllShapes(t, frames)
}

func addOthers(v *exampleValue, add func(name string, frame []byte)) {
	items := func(quotes ...[]byte) (b []byte) {
		for _, q := range quotes {
			b = appendText(b, 1, string(q))
		}
		return b
	}
	batch := items(v.quote(true, true), v.quote(true, false), v.quote(false, true), nil)
	add("book_ticker_batch", v.push(channelBatch+"@", "", 311, appendNumber(appendText(batch, 2, v.version), 3, v.millis)))
	add("book_ticker_batch", v.push(channelBatch+"@", "", 311, items(v.quote(true, true))))
	for _, levels := range []string{"@5", "@20"} {
		body := appendText(slices.Concat(v.sideOf(1), v.sideOf(2)), 3, channelLimitDepth)
		add("depth_limit", v.push(channelLimitDepth+"@", levels, 303, body))
		add("depth_limit", v.push(channelLimitDepth+"@", levels, 303, appendNumber(appendText(body, 4, v.version), 5, v.millis)))
	}
	for _, zone := range []string{"@24H", "@UTC+12:45"} {
		add("mini_ticker", v.push(channelMiniTicker+"@", zone, 309, v.ticker(true)))
		add("mini_ticker", v.push(channelMiniTicker+"@", zone, 309, v.ticker(false)))
	}
}

// requireAllShapes wants examples of each shape of templates.txt and of no other.
func requireAllShapes(t testing.TB, frames map[string][][]byte) map[string][][]byte {
	text, err := os.ReadFile("templates.txt")
	require.NoError(t, err)
	names := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) >= 3 && line[0] != '#' {
			names[words[0]] = true
			require.NotEmpty(t, frames[words[0]], "no example of %s", words[0])
		}
	}
	require.Len(t, frames, len(names))
	return frames
}

// Every shape accepts its own examples, whatever stands behind them, as the reference
// and the model read them.
func TestShapesAcceptWhatTheyDescribe(t *testing.T) {
	for name, frames := range examples(t) {
		t.Run(name, func(t *testing.T) {
			w, b := newTwin(), new(exchanges.Batch)
			for _, frame := range frames {
				for _, tail := range []string{"\x00", hostileTail, "9", "\x0a", "*", "0", "\xff", string(frame)} {
					buffer := padded(frame, tail)
					require.True(t, w.accepts(t, buffer), "%q", frame)
					require.Equal(t, exchanges.ClassData, requireModel(t, w.fast, w.symbols, b, buffer).Class)
				}
			}
		})
	}
}

// A push cut at any length is refused though the buffer goes on with the rest of it,
// and so is one that goes on.
func TestCutPushesAreRefused(t *testing.T) {
	w := newTwin()
	for name, frames := range examples(t) {
		for _, frame := range frames {
			for _, tail := range []string{hostileTail, string(frame)} {
				whole := padded(frame, tail)
				for n := range frame {
					require.False(t, w.accepts(t, whole[:n:n+exchanges.FastPadding]), "%s cut to %d bytes: %q", name, n, frame[:n])
				}
				require.False(t, w.accepts(t, padded(append(slices.Clone(frame), 0x48, 0x01), tail)), "another field behind the body is left to the reference")
			}
		}
	}
}

// Every byte of the examples, changed to every byte that means something in a push, to
// some that do not, and in each of its bits; with TICKRING_FULL=1 to every other value.
// What is still accepted reads as the reference reads it.
func TestChangedBytesAgreeWithTheReference(t *testing.T) {
	w, accepted, full := newTwin(), 0, os.Getenv("TICKRING_FULL") == "1"
	telling := "\x00\x01\x02\x03\x0a\x0c\x12\x1a\x20\"*028:;@AX_.-\x7f\x80\x81\xff\xca\xd2\xda"
	for _, frames := range examples(t) {
		for i, frame := range frames {
			if !full && i%3 != 0 {
				continue
			}
			buffer := padded(frame, hostileTail)
			for i, was := range frame {
				for c := range 256 {
					changed := byte(c)
					if !full && bits.OnesCount8(changed^was) != 1 && strings.IndexByte(telling, changed) < 0 {
						continue
					}
					buffer[i] = changed
					if w.accepts(t, buffer) {
						accepted++
					}
				}
				buffer[i] = was
			}
		}
	}
	assert.Greater(t, accepted, 10_000, "other digits are accepted")
}

// Bytes put in or taken out anywhere, with the lengths around them set right or not.
func TestDamagedExamplesAgreeWithTheReference(t *testing.T) {
	inserts := []string{
		"\x00", "0", "7", ".", "-", "+", "e5", "\x80", "\xff", "00000000", "0.0", "12345678901234567890",
		"\x0a\x00", "\x0a\x011", "\x12\x011", "\x1a\x07BTCUSDT", "*\x015", "0\x05", "H\x01", "\xaa\x01\x00", "\xda\x13\x00",
	}
	w := newTwin()
	for _, frames := range examples(t) {
		for _, frame := range frames[len(frames)/5 : len(frames)/5+2] {
			for i := range frame {
				for _, text := range inserts {
					longer := slices.Concat(frame[:i], []byte(text), frame[i:])
					w.accepts(t, padded(longer, hostileTail))
					w.accepts(t, padded(lengthen(longer, len(frame), len(text)), hostileTail))
				}
				w.accepts(t, padded(slices.Concat(frame[:i], frame[i+1:]), hostileTail))
			}
		}
	}
}

// lengthen adds to the length of the body, which is the last field of a push that had
// so many bytes, where that length is one byte.
func lengthen(frame []byte, had, by int) []byte {
	longer := slices.Clone(frame)
	for at := 1; at < len(longer); at++ {
		if rest := had - at - 1; longer[at-1] == 0x13 && int(longer[at]) == rest {
			longer[at] += byte(by)
			break
		}
	}
	return longer
}

// Fields out of order, given twice, unknown ones and lengths longer than they need be
// are left to the reference, which reads them.
func TestOtherEncodingsAreLeftToTheReference(t *testing.T) {
	v := &exampleValues[1]
	channel := appendText(nil, 1, channelBookTicker+"@10ms@"+v.symbol)
	symbol, sent := appendText(nil, 3, v.symbol), appendNumber(nil, 6, v.millis)
	body := appendText(nil, 315, string(v.quote(true, true)))
	price, quantity := appendText(nil, 1, v.decimal), appendText(nil, 2, v.decimal)
	in := func(parts ...[]byte) []byte { return appendText(nil, 315, string(bytes.Join(parts, nil))) }
	padLength := slices.Clone(in(price, quantity))
	padLength = slices.Concat(padLength[:2], []byte{padLength[2] | 0x80, 0}, padLength[3:])
	w, d, b := newTwin(), New(), new(exchanges.Batch)
	require.True(t, w.accepts(t, padded(bytes.Join([][]byte{channel, symbol, sent, body}, nil), hostileTail)))
	for name, parts := range map[string][][]byte{
		"symbol before channel":  {symbol, channel, sent, body},
		"body before time":       {channel, symbol, body, sent},
		"symbol twice":           {channel, symbol, symbol, sent, body},
		"no symbol":              {channel, sent, body},
		"no time":                {channel, symbol, body},
		"an unknown field":       {channel, symbol, sent, appendNumber(nil, 7, 1), body},
		"another pair's channel": {appendText(nil, 1, channelBookTicker+"@10ms@ETHUSDT"), symbol, sent, body},
		"another channel":        {appendText(nil, 1, "spot@public.aggre.bookTicker.v4.api.pb@10ms@"+v.symbol), symbol, sent, body},
		"quantity before price":  {channel, symbol, sent, in(quantity, price)},
		"a price twice":          {channel, symbol, sent, in(price, price, quantity)},
		"a new field in a quote": {channel, symbol, sent, in(price, quantity, appendNumber(nil, 7, 1))},
		"a longer length":        {channel, symbol, sent, padLength},
		"a time of five bytes":   {channel, symbol, appendNumber(nil, 6, 1<<35-1), body},
		"a time of seven bytes":  {channel, symbol, appendNumber(nil, 6, 1<<42), body},
	} {
		frame := padded(bytes.Join(parts, nil), hostileTail)
		assert.False(t, w.accepts(t, frame), name)
		assert.Equal(t, exchanges.ClassData, requireModel(t, d, w.symbols, b, frame).Class, name)
	}
	assert.Equal(t, exchanges.FastStats{Fallbacks: 14}, d.Fallbacks()[StreamBookTicker])
}

// DecodeBinary uses the templates where there is padding, counts by stream, and tries
// the shape first that fitted last.
func TestDecodeCountsHitsAndFallbacks(t *testing.T) {
	symbols, b, d := knownSymbols(t), new(exchanges.Batch), New()
	v := exampleValues[1]
	decode := func(frame []byte, class exchanges.Class) {
		require.Equal(t, class, d.DecodeBinary(padded(frame, hostileTail), symbols, b).Class)
	}
	deals := channelAggreDeals + "@10ms@"
	today, old := v.push(deals, "", 314, v.trades(true)), v.push(deals, "", 314, v.trades(false))
	decode(today, exchanges.ClassData)
	assert.EqualValues(t, 0, d.fast.orders[0])
	decode(old, exchanges.ClassData)
	assert.EqualValues(t, 1, d.fast.orders[0], "the second shape of deals fitted last")
	decode(old, exchanges.ClassData)
	decode(today, exchanges.ClassData)
	assert.EqualValues(t, 0, d.fast.orders[0])
	decode(encode(t, goodDeals), exchanges.ClassData) // its times are of 1970
	decode(encode(t, goodQuote), exchanges.ClassData)
	decode(encode(t, goodAll), exchanges.ClassData)
	decode(encode(t, `{"channel":"spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT","symbol":"BTCUSDT","sendTime":"1790281246250"}`), exchanges.ClassIgnored)
	other := v
	other.symbol = "NOPEUSDT"
	decode(other.push(deals, "", 314, v.trades(true)), exchanges.ClassMalformed)
	want := []exchanges.FastStats{
		StreamBookTicker: {Fallbacks: 1}, StreamTrades: {Hits: 4, Fallbacks: 1}, StreamBook: {}, StreamTicker: {Fallbacks: 1}, streamCount: {},
	}
	assert.Equal(t, want, d.Fallbacks())
	require.Equal(t, exchanges.ClassData, d.DecodeBinary(slices.Clip(today), symbols, b).Class)
	assert.Equal(t, want, d.Fallbacks(), "without padding no template is tried")
}

// A symbol that nobody asked for is refused by the templates and left to the reference.
func TestUnknownSymbolsAreLeftToTheReference(t *testing.T) {
	d, b := New(), new(exchanges.Batch)
	for name, frames := range examples(t) {
		v := d.DecodeBinary(padded(frames[0], hostileTail), exchanges.NewSymbolTable(), b)
		assert.Equal(t, exchanges.ClassMalformed, v.Class, name)
		assert.Equal(t, ring.ReasonUnknownSymbol, v.Reason, name)
		assert.Empty(t, b.Items, name)
	}
}

func TestFastPathDoesNotAllocate(t *testing.T) {
	w := newTwin()
	for name, frames := range examples(t) {
		for _, frame := range frames {
			frame = padded(frame, hostileTail)
			require.True(t, w.accepts(t, frame), name)
			assert.Zero(t, testing.AllocsPerRun(10, func() { w.fast.DecodeBinary(frame, w.symbols, &w.fastBatch) }), name)
		}
	}
}

// requireNoFallback wants every push with data of a recording to be accepted; those
// that are compared, all with TICKRING_FULL=1, are what the reference reads.
func requireNoFallback(t *testing.T, messages []message) {
	stride := max(1, len(messages)/comparedMessages)
	if os.Getenv("TICKRING_FULL") == "1" {
		stride = 1
	}
	w, d, b := newTwin(), New(), new(exchanges.Batch)
	compared := 0
	for i, m := range messages {
		if !m.binary {
			continue
		}
		buffer := padded(m.data, hostileTail)
		d.DecodeBinary(buffer, w.symbols, b)
		if i%stride == 0 && w.accepts(t, buffer) {
			compared++
		}
	}
	var sum exchanges.FastStats
	for _, s := range d.Fallbacks() {
		sum.Hits += s.Hits
		sum.Fallbacks += s.Fallbacks
	}
	assert.NotZero(t, compared)
	assert.Zero(t, sum.Fallbacks)
	t.Logf("%d pushes by templates, %d by the reference; %d compared", sum.Hits, sum.Fallbacks, compared)
}

// FuzzFast wants from any bytes, with any bytes behind them, that what a template
// accepts is what the reference reads, and that DecodeBinary is what protobuf's own
// library reads.
func FuzzFast(f *testing.F) {
	for _, frames := range examples(f) {
		// A few of each shape: a short run is to have time for more than its seeds.
		for i := 0; i < len(frames); i += 1 + len(frames)/4 {
			f.Add(frames[i], []byte(hostileTail))
		}
		f.Add(frames[0][:len(frames[0])-3], frames[0][len(frames[0])-3:])
	}
	for _, frame := range append(ownFrames(f), hardFrames()...) {
		f.Add(frame, []byte("9"))
	}
	for _, frame := range sharedSeeds(f) {
		f.Add(frame, []byte(hostileTail))
	}
	w, b := newTwin(), new(exchanges.Batch)
	f.Fuzz(func(t *testing.T, frame, tail []byte) {
		if len(tail) == 0 {
			tail = []byte(hostileTail)
		}
		buffer := padded(frame, string(tail))
		w.accepts(t, buffer)
		requireModel(t, w.fast, learningRoom(&w.symbols), b, buffer)
	})
}

// sharedSeeds are the fixtures' pushes and those of the recorded samples, where the
// shared material is there.
func sharedSeeds(f *testing.F) (frames [][]byte) {
	base := os.Getenv("TICKRING_SHARED")
	if base == "" {
		base = filepath.Join(recordings.ModuleRoot(f), "..", "shared")
	}
	for _, pattern := range []string{"fixtures/mexc/frames/*.bin", "captures/mexc/*s-*2026.jsonl.zst", "captures/mexc/message-*.jsonl.zst"} {
		paths, err := filepath.Glob(filepath.Join(base, filepath.FromSlash(pattern)))
		require.NoError(f, err)
		for _, path := range paths {
			if filepath.Ext(path) == ".bin" {
				frame, err := os.ReadFile(path)
				require.NoError(f, err)
				frames = append(frames, frame)
				continue
			}
			for _, m := range messagesOf(f, path) {
				if m.binary {
					frames = append(frames, m.data)
				}
			}
		}
	}
	return frames
}

// fastChannel decodes a frame by a template, both ways, which must agree, and says of
// which channel it is.
func (w *twin) fastChannel(t require.TestingT, p exchanges.Padded, symbols *exchanges.SymbolTable) (channel int, ok bool) {
	orders := &w.fast.fast.orders
	steps := fastSteps(p, orders)
	w.walked.Reset()
	walked := steps != nil && p.Walk(steps, symbols, &w.walked)
	if channel, ok = fastDecode(p, symbols, &w.fastBatch, orders); !walked {
		// The shape that fitted, if one did, is now the first of its group.
		steps = fastSteps(p, orders)
		w.walked.Reset()
		walked = steps != nil && p.Walk(steps, symbols, &w.walked)
	}
	if steps == nil || !ok && !walked {
		return channel, ok
	}
	if walked != ok || steps.Channel != channel || !slices.Equal(w.walked.Items, w.fastBatch.Items) || !slices.Equal(w.walked.Levels, w.fastBatch.Levels) {
		require.Equal(t, w.fastBatch.Items, w.walked.Items)
		require.Equal(t, w.fastBatch.Levels, w.walked.Levels)
		require.Fail(t, "steps and words do not agree", "walked %v, ok %v", walked, ok)
	}
	return channel, ok
}
