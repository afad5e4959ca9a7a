package gateio

import (
	"math/bits"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// hostileTail stands behind frames as the rest of an older one may.
const hostileTail = `0"}}]]},"time_ms":1790134391757,"event":"update"}0123456789[["1","2"],["`

// padded copies a frame before as many bytes of tail, again and again, as a template
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

// accepts wants the items of an accepted frame, which must have its padding, to be
// those of the reference to the bit, and says whether it was accepted.
func (w *twin) accepts(t require.TestingT, frame []byte) bool {
	p, enough := exchanges.Pad(frame)
	if !enough {
		require.Fail(t, "a frame without its padding")
	}
	symbols := learningRoom(&w.symbols)
	w.fastBatch.Reset()
	channel, ok := w.fastChannel(t, p, symbols)
	if !ok {
		if len(w.fastBatch.Items) != 0 {
			require.Fail(t, "refused, and an item is there", "%q", frame)
		}
		return false
	}
	v := w.reference.decodeReference(frame, symbols, &w.referenceBatch)
	// The comparisons with testify's words are slow; they only tell what differs.
	if v.Class != exchanges.ClassData || !slices.Equal(w.referenceBatch.Items, w.fastBatch.Items) || v.Stream != w.fast.fast.streams[channel] ||
		v.RequestID != 0 || v.Code != 0 || v.Symbol != nil || v.Text != nil || v.Unsubscribe || v.Reconnect {
		require.Equal(t, exchanges.Verdict{Class: exchanges.ClassData, Stream: w.fast.fast.streams[channel]}, v, "%q", frame)
		require.Equal(t, w.referenceBatch.Items, w.fastBatch.Items, "%q", frame)
		require.Fail(t, "different", "%q", frame)
	}
	if !slices.Equal(w.referenceBatch.Levels, w.fastBatch.Levels) {
		require.Equal(t, w.referenceBatch.Levels, w.fastBatch.Levels, "%q", frame)
	}
	return true
}

// examples are frames of every shape of templates.txt: with and without each of its
// optional parts, with short and with long values.
func examples(t testing.TB) map[string][][]byte {
	text, err := os.ReadFile("templates.txt")
	require.NoError(t, err)
	frames := make(map[string][][]byte)
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) < 3 || line[0] == '#' {
			continue
		}
		for _, shape := range optionalForms(strings.Join(words[2:], " ")) {
			for _, values := range exampleValues {
				frames[words[0]] = append(frames[words[0]], []byte(fillHoles(shape, values)))
			}
		}
	}
	require.NotEmpty(t, frames)
	return frames
}

var (
	optional  = regexp.MustCompile(`<opt>(.*?)</opt>`)
	anyHole   = regexp.MustCompile(`<([a-z0-9]+)(?: [a-z_]+)?>`)
	shortest  = map[string]string{"uint": "0", "decimal": "0", "volume": "7", "signed": "0", "symbol": "A_B", "text": "", "side": "buy", "levels": "[]", "millis": "1000000000000.0"}
	ordinary  = map[string]string{"uint": "40013503861", "decimal": "84005.60", "volume": "18239.3197469", "signed": "-1.3401", "symbol": "BTC_USDT", "text": "20", "side": "sell", "levels": `[["84005.6","0.035056"],["84002","0"]]`, "millis": "1788336082402.208000"}
	long      = map[string]string{"uint": "9999999999999999", "decimal": "1234567890.0123456700", "volume": "1.234567890123456789012345", "signed": "-100.00000000001", "symbol": "ABCDEFGHIJKLMNOP_QRSTUVWXYZ1234", "text": "0123456789abcdef", "side": "buy", "levels": `[["100.00","99999999.00000001"],["0.00000644","120"],["12345678901.5","0.000000000001"]]`, "millis": "1788336082402.20812345"}
	sixteen   = map[string]string{"uint": "12345678", "decimal": "12345678.12345678", "volume": "100.000", "signed": "3", "symbol": "ABCDEFGHIJK_USDT", "text": "USDT", "side": "sell", "levels": `[["10","20.0"]]`, "millis": "1788336082402"}
	fixedText = map[string]string{"s10": "1790134391", "ms13": "1790134391757"}

	exampleValues = []map[string]string{shortest, ordinary, long, sixteen}
)

// optionalForms are the shape with all of its optional parts, with none, and with each
// one left out alone.
func optionalForms(shape string) []string {
	parts := optional.FindAllStringIndex(shape, -1)
	forms := []string{optional.ReplaceAllString(shape, "$1")}
	if len(parts) == 0 {
		return forms
	}
	for _, at := range parts {
		forms = append(forms, optional.ReplaceAllString(shape[:at[0]]+shape[at[1]:], "$1"))
	}
	return append(forms, optional.ReplaceAllString(shape, ""))
}

// fillHoles makes first ids no greater than last ones.
func fillHoles(shape string, values map[string]string) string {
	return anyHole.ReplaceAllStringFunc(shape, func(hole string) string {
		name := anyHole.FindStringSubmatch(hole)[1]
		if text, ok := fixedText[name]; ok {
			return text
		}
		return values[name]
	})
}

// Every shape accepts its own examples, whatever stands behind them, as the reference
// and the model read them.
func TestShapesAcceptWhatTheyDescribe(t *testing.T) {
	for name, frames := range examples(t) {
		t.Run(name, func(t *testing.T) {
			w, b := newTwin(), new(exchanges.Batch)
			for _, frame := range frames {
				for _, tail := range []string{"\x00", hostileTail, "9", `"`, `]`, string(frame)} {
					assert.True(t, w.accepts(t, padded(frame, tail)), "%s", frame)
				}
				requireModel(t, w.fast, w.symbols, b, padded(frame, hostileTail))
			}
		})
	}
}

// A cut frame is refused though its own rest still stands behind it, and so is a frame
// that goes on.
func TestCutFramesAreRefused(t *testing.T) {
	w := newTwin()
	for name, frames := range examples(t) {
		for _, frame := range frames {
			buffer := padded(frame, hostileTail)
			for n := range frame {
				require.False(t, w.accepts(t, buffer[:n]), "%s cut to %d bytes: %s", name, n, frame[:n])
			}
			longer := padded(append(slices.Clone(frame), ' '), hostileTail)
			require.False(t, w.accepts(t, longer), "white space behind a frame is left to the reference")
		}
	}
}

// Every byte of the examples with ordinary and with long values, changed to every byte
// that means something in JSON, to some that do not, and in each of its bits; with
// TICKRING_FULL=1 to every other value. What is still accepted reads as the reference
// reads it.
func TestChangedBytesAgreeWithTheReference(t *testing.T) {
	w, accepted, full := newTwin(), 0, os.Getenv("TICKRING_FULL") == "1"
	telling := "\x00\x1f !\"+,-./0123456789:AEZ[\\]_e{}\x7f\x80\xb0\xff"
	for _, frames := range examples(t) {
		for _, frame := range frames[1:3] {
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

// Text put in or taken out anywhere, and parts in another order.
func TestDamagedExamplesAgreeWithTheReference(t *testing.T) {
	inserts := []string{
		" ", "0", "7", "-", "+", ".", "e5", "E-2", `\u0031`, `\\`, `"`, ",", "[", "]", "}", "\x80", "00000000", "0.0",
		"12345678901234567890", `"t":1,`, `,"u":1`, `"s":"X_Y",`, "null", `["1","2"],`,
	}
	w := newTwin()
	for _, frames := range examples(t) {
		for _, frame := range frames[2:3] {
			for i := range frame {
				for _, text := range inserts {
					w.accepts(t, padded(slices.Concat(frame[:i], []byte(text), frame[i:]), hostileTail))
				}
				w.accepts(t, padded(slices.Concat(frame[:i], frame[i+1:]), hostileTail))
			}
			parts := strings.Split(string(frame), ",")
			for i := 1; i < len(parts); i++ {
				parts[i-1], parts[i] = parts[i], parts[i-1]
				w.accepts(t, padded([]byte(strings.Join(parts, ",")), hostileTail))
				parts[i-1], parts[i] = parts[i], parts[i-1]
			}
		}
	}
}

// Decode uses the templates where there is padding, counts by stream, and tries the
// shape first that fitted last.
func TestDecodeCountsHitsAndFallbacks(t *testing.T) {
	const trade = `{"time":1788336082,"time_ms":1788336082402,"channel":"spot.trades","event":"update","result":{"id":2,"create_time":1788336082,"create_time_ms":"1788336082402.208000","side":"sell","currency_pair":"BTC_USDT","amount":"0.000021","price":"77474"}}`
	d, symbols, b := New(), knownSymbols(t), new(exchanges.Batch)
	decode := func(frame string, class exchanges.Class) {
		require.Equal(t, class, d.Decode(padded([]byte(frame), hostileTail), symbols, b).Class)
	}
	decode(trade, exchanges.ClassData)
	decode(trade, exchanges.ClassData)
	assert.EqualValues(t, 1, d.fast.orders[0], "the second shape of trades fitted last")
	decode(goodTrade, exchanges.ClassData)
	decode(strings.Replace(trade, "BTC", "NOPE", 1), exchanges.ClassMalformed)
	decode(goodTop, exchanges.ClassData)
	decode(`{"channel":"spot.pong"}`, exchanges.ClassPong)
	assert.Equal(t, exchanges.FastStats{Hits: 2, Fallbacks: 1}, d.Fallbacks()[StreamTrades])
	assert.Equal(t, exchanges.FastStats{Fallbacks: 1}, d.Fallbacks()[streamCount], "nobody asks for this channel")

	require.Equal(t, exchanges.ClassData, d.Decode(slices.Clip([]byte(trade)), symbols, b).Class)
	assert.Equal(t, exchanges.FastStats{Hits: 2, Fallbacks: 1}, d.Fallbacks()[StreamTrades], "without padding no template is tried")
	require.NoError(t, d.Set(keyBook, "order_book@20"))
	decode(goodTop, exchanges.ClassData)
	assert.Equal(t, exchanges.FastStats{Fallbacks: 1}, d.Fallbacks()[StreamBook])
}

// A symbol that nobody asked for is refused by the templates and left to the reference.
func TestUnknownSymbolsAreLeftToTheReference(t *testing.T) {
	d, b := New(), new(exchanges.Batch)
	for name, frames := range examples(t) {
		v := d.Decode(padded(frames[0], hostileTail), exchanges.NewSymbolTable(), b)
		assert.Equal(t, exchanges.ClassMalformed, v.Class, name)
		assert.Equal(t, ring.ReasonUnknownSymbol, v.Reason, name)
		assert.Empty(t, b.Items, name)
	}
}

func TestFastPathDoesNotAllocate(t *testing.T) {
	w := newTwin()
	for name, frames := range examples(t) {
		frame := padded(frames[1], hostileTail)
		require.True(t, w.accepts(t, frame), name)
		assert.Zero(t, testing.AllocsPerRun(100, func() { w.fast.Decode(frame, w.symbols, &w.fastBatch) }), name)
	}
}

// Every push of every recording of the venue is accepted; those that are compared, all
// with TICKRING_FULL=1, are what the reference reads.
func TestCapturesNeedNoFallback(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(recordings.Path(t, "captures", "gateio"), "*.jsonl.zst"))
	require.NoError(t, err)
	checked := 0
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "futures-") || strings.HasPrefix(name, "spot-v3-") {
			continue
		}
		checked++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireNoFallback(t, recordings.Texts(t, path))
		})
	}
	assert.NotZero(t, checked)
}

func requireNoFallback(t *testing.T, frames [][]byte) {
	stride := max(1, len(frames)/comparedFrames)
	if os.Getenv("TICKRING_FULL") == "1" {
		stride = 1
	}
	w, d, b := newTwin(), New(), new(exchanges.Batch)
	compared := 0
	for i, frame := range frames {
		buffer := padded(frame, hostileTail)
		d.Decode(buffer, w.symbols, b)
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
// accepts is what the reference reads, and that Decode is what the model reads.
func FuzzFast(f *testing.F) {
	for _, frames := range examples(f) {
		for _, frame := range frames {
			f.Add(frame, []byte(hostileTail))
			f.Add(frame[:len(frame)-3], frame[len(frame)-3:])
		}
	}
	for _, line := range recordings.Lines(f, "testdata/frames.jsonl") {
		f.Add(line, []byte{0})
	}
	for _, frame := range hardFrames {
		f.Add([]byte(frame), []byte("9"))
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

// sharedSeeds are the fixtures' frames and those of the venue's own wire samples, where
// the shared material is there.
func sharedSeeds(f *testing.F) [][]byte {
	base := os.Getenv("TICKRING_SHARED")
	if base == "" {
		base = filepath.Join(recordings.ModuleRoot(f), "..", "shared")
	}
	fixtures := filepath.Join(base, "fixtures", "gateio", "frames.jsonl")
	samples := filepath.Join(base, "captures", "gateio", "wire-samples-2026.jsonl.zst")
	for _, path := range []string{fixtures, samples} {
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	}
	return append(recordings.Lines(f, fixtures), recordings.Texts(f, samples)...)
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
