package gateiofutures

import (
	"bytes"

	"github.com/mailru/easyjson/jlexer"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Channels of the venue that this dialect knows.
const (
	channelBookTicker = "futures.book_ticker"
	channelTrades     = "futures.trades"
	channelDiff       = "futures.order_book_update"
	channelTop        = "futures.order_book"
	channelOBU        = "futures.obu"
	channelTicker     = "futures.tickers"
	channelCandles    = "futures.candlesticks"
	channelPong       = "futures.pong"
	channelSystem     = "futures.system"
)

// eventAll is what a push of whole top levels says in place of update.
const eventAll = "all"

// failure is the first thing found wrong in a result.
type failure struct {
	reason ring.Reason
	symbol []byte
}

// Decode reads one frame into the batch, which it resets first. It never panics,
// keeps nothing of the frame but for the verdict's slices, which hold until the
// next Decode or until the frame's memory is reused, and does not allocate once
// the batch has grown, except for strings with escapes and for refused frames.
// Only the thread that owns the Dialect may call it.
//
// Precedence when several things are wrong: text that is no JSON object; a key
// given twice or a value of the wrong type; then the first missing key, number
// that does not fit or unknown symbol. A frame that names an error is a refusal
// whatever else it says. Nothing of a refused frame is left in the batch.
//
// A frame with exchanges.FastPadding bytes of allocation behind it is first tried as
// one of the shapes of templates.txt, with the same outcome in a fraction of the time.
func (d *Dialect) Decode(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) (v exchanges.Verdict) {
	b.Reset()
	if p, padded := exchanges.Pad(frame); padded {
		if steps := fastSteps(p, &d.fast.orders); steps != nil {
			// Written now: a byte written just before the caller copies the verdict would hold
			// that up. The zero of the class is ClassData.
			v.Stream = d.fast.streams[steps.Channel]
			if p.Walk(steps, symbols, b) {
				d.statsOf(v.Stream).Hits++
				return v
			}
		}
	}
	return d.decodeUnwalked(frame, symbols, b)
}

// decodeUnwalked is Decode of a frame that has no steps, or that they refuse.
func (d *Dialect) decodeUnwalked(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) (v exchanges.Verdict) {
	p, padded := exchanges.Pad(frame)
	if !padded {
		return d.decodeReference(frame, symbols, b)
	}
	if channel, ok := fastDecode(p, symbols, b, &d.fast.orders); ok {
		v.Class, v.Stream = exchanges.ClassData, d.fast.streams[channel]
		d.statsOf(v.Stream).Hits++
		return v
	}
	v = d.decodeReference(frame, symbols, b)
	if v.Class == exchanges.ClassData {
		d.statsOf(v.Stream).Fallbacks++
	}
	return v
}

// decodeReference is Decode without templates: any order of keys, white space and
// unknown keys are read.
func (d *Dialect) decodeReference(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict {
	b.Reset()
	d.batch, d.symbols = b, symbols
	if !exchanges.ValidJSON(frame) || !isObject(frame) {
		return d.malformed(ring.ReasonMalformed, "not one whole JSON object", "")
	}
	err := d.readEnvelope(frame, true)
	if err != nil {
		err = d.readEnvelope(frame, false)
	}
	var v exchanges.Verdict
	if err != nil {
		v = d.malformed(ring.ReasonMalformed, "envelope: ", lexerReason(err))
	} else {
		v = d.judge()
	}
	if v.Class != exchanges.ClassData {
		b.Reset()
	}
	return v
}

// isObject is asked of valid JSON only.
func isObject(frame []byte) bool {
	return bytes.TrimLeft(frame, " \t\r\n")[0] == '{'
}

// readEnvelope reads the frame's outer keys. In place means that a result may be
// decoded before all keys are known; when that fails the caller comes again
// without, so that the outcome does not hang on the order of the keys.
func (d *Dialect) readEnvelope(frame []byte, inPlace bool) error {
	d.batch.Reset()
	d.failure = failure{}
	items := d.envelope.Payload.items[:0]
	d.envelope = envelope{}
	d.envelope.Payload.items = items
	d.envelope.Result.decoder = d
	d.envelope.Result.inPlace = inPlace
	d.lexer = jlexer.Lexer{Data: frame}
	d.envelope.UnmarshalEasyJSON(&d.lexer)
	return d.lexer.Error()
}

// knowsEnough says that the keys read so far make the frame data of a channel
// that is decoded.
func (d *Dialect) knowsEnough() bool {
	e := &d.envelope
	if e.Error.state != notGiven {
		return false
	}
	if string(e.Channel.bytes) == channelTop {
		return string(e.Event.bytes) == eventAll
	}
	return string(e.Event.bytes) == "update" && isData(e.Channel.bytes)
}

func isData(channel []byte) bool {
	switch string(channel) {
	case channelBookTicker, channelTrades, channelDiff, channelTop, channelOBU, channelTicker:
		return true
	}
	return false
}

// judge says what the frame is, by its envelope.
func (d *Dialect) judge() exchanges.Verdict {
	e := &d.envelope
	v := exchanges.Verdict{Stream: d.streamOf(e.Channel.bytes), RequestID: idOf(&e.ID)}
	v.Unsubscribe = string(e.Event.bytes) == "unsubscribe"
	if e.Error.state != notGiven {
		return d.judgeRefusal(v)
	}
	switch string(e.Event.bytes) {
	case "subscribe", "unsubscribe":
		v.Class = exchanges.ClassAck
		v.Symbol = d.symbolOfRequest(nil)
		return v
	case "", "update", eventAll:
		if class, odd := oddEvent(e.Channel.bytes, e.Event.bytes); odd {
			v.Class = class
			return v
		}
	default:
		v.Class = exchanges.ClassUnknown
		return v
	}
	switch string(e.Channel.bytes) {
	case channelPong:
		v.Class = exchanges.ClassPong
		v.TimeNS = d.pongTimeNS()
	case channelSystem:
		return d.judgeNotice(v)
	case channelCandles:
		v.Class = exchanges.ClassIgnored
	case "":
		return d.judgeBare(v)
	default:
		v.Class = exchanges.ClassUnknown
		if isData(e.Channel.bytes) {
			return d.judgeData(v)
		}
	}
	return v
}

// oddEvent says what a push is whose event is not that of its channel's data: whole
// top levels say all; what says update there are single levels without ids, as they
// were sent until some time after 2021.
func oddEvent(channel, event []byte) (exchanges.Class, bool) {
	top := string(channel) == channelTop
	switch {
	case top && string(event) == "update":
		return exchanges.ClassIgnored, true
	case !top && string(event) == eventAll:
		return exchanges.ClassUnknown, true
	}
	return exchanges.ClassData, false
}

// idOf is the request's id; ours are whole numbers, so anything else is not ours.
func idOf(id *value) uint64 {
	if id.kind != jlexer.TokenNumber {
		return 0
	}
	n, _ := exchanges.ParseUint(id.bytes)
	return n
}

// judgeRefusal reads the error, in whatever shape it comes.
func (d *Dialect) judgeRefusal(v exchanges.Verdict) exchanges.Verdict {
	e := &d.envelope
	v.Class = exchanges.ClassRefusal
	v.Text = e.Error.bytes
	if e.Error.kind == jlexer.TokenDelim {
		var r refusal
		d.inner = jlexer.Lexer{Data: e.Error.bytes}
		if e.Error.bytes[0] == '{' {
			r.UnmarshalEasyJSON(&d.inner)
		}
		if code, ok := exchanges.ParseUint(r.Code.bytes); ok && code < 1<<31 {
			v.Code = int64(code)
		}
		if r.Message.kind == jlexer.TokenString {
			v.Text = r.Message.bytes
		}
	}
	v.Symbol = d.symbolOfRequest(v.Text)
	return v
}

// unknownContract begins the venue's words on a symbol that it does not know.
const unknownContract = "unknown currency pair"

// symbolOfRequest is the contract that an answer speaks of: the one that its words
// name, or the only one of the payload.
func (d *Dialect) symbolOfRequest(words []byte) []byte {
	if len(words) > len(unknownContract) && string(words[:len(unknownContract)]) == unknownContract {
		if contract := bytes.Trim(words[len(unknownContract):], ": "); len(contract) > 0 && bytes.IndexByte(contract, ' ') < 0 {
			return contract
		}
	}
	items := d.envelope.Payload.items
	if len(items) == 0 {
		return nil
	}
	switch string(d.envelope.Channel.bytes) {
	case channelDiff, channelTop:
		return items[0]
	case channelCandles:
		return items[len(items)-1]
	}
	if len(items) > 1 {
		return nil
	}
	switch string(d.envelope.Channel.bytes) {
	case channelOBU:
		contract, _ := contractOfStream(items[0])
		return contract
	case channelBookTicker, channelTrades, channelTicker:
		return items[0]
	}
	return nil
}

// contractOfStream cuts CONTRACT out of ob.CONTRACT.LEVEL.
func contractOfStream(stream []byte) ([]byte, bool) {
	const prefix = "ob."
	dot := bytes.LastIndexByte(stream, '.')
	if dot <= len(prefix) || string(stream[:len(prefix)]) != prefix {
		return nil, false
	}
	if _, ok := exchanges.ParseUint(stream[dot+1:]); !ok {
		return nil, false
	}
	return stream[len(prefix):dot], true
}

// judgeNotice reads futures.system.
func (d *Dialect) judgeNotice(v exchanges.Verdict) exchanges.Verdict {
	r := &d.envelope.Result
	v.Class = exchanges.ClassSystem
	v.Text = r.raw
	if len(r.raw) == 0 || r.raw[0] != '{' {
		return v
	}
	var n notice
	d.inner = jlexer.Lexer{Data: r.raw}
	n.UnmarshalEasyJSON(&d.inner)
	v.Reconnect = isUpgrade(&n.Type)
	if n.Message.kind == jlexer.TokenString {
		v.Text = n.Message.bytes
	}
	return v
}

// judgeBare reads a frame without channel: the upgrade notice as it is documented, or
// nothing that is known.
func (d *Dialect) judgeBare(v exchanges.Verdict) exchanges.Verdict {
	e := &d.envelope
	v.Class = exchanges.ClassUnknown
	if e.Type.kind == jlexer.TokenString {
		v.Class = exchanges.ClassSystem
		v.Reconnect = isUpgrade(&e.Type)
		v.Text = e.Message.bytes
	}
	return v
}

func isUpgrade(kind *value) bool {
	return kind.kind == jlexer.TokenString && string(kind.bytes) == "upgrade"
}

// judgeData decodes the result, if that was not done in place, and adds what the
// envelope says.
func (d *Dialect) judgeData(v exchanges.Verdict) exchanges.Verdict {
	r := &d.envelope.Result
	if r.state == notGiven {
		return d.malformed(ring.ReasonMissingKey, "result", " is missing")
	}
	if !r.decoded {
		d.inner = jlexer.Lexer{Data: r.raw}
		d.decodeResult(&d.inner)
		if err := d.inner.Error(); err != nil {
			return d.malformed(ring.ReasonMalformed, "result: ", lexerReason(err))
		}
	}
	sendTimeNS, ok := d.sendTimeNS()
	if !ok {
		d.fail(ring.ReasonNumber, "time", " is beyond its range", d.failure.symbol)
	}
	if d.failure.reason != ring.ReasonNone {
		return exchanges.Verdict{
			Class: exchanges.ClassMalformed, Reason: d.failure.reason,
			Stream: v.Stream, Symbol: d.failure.symbol, Text: d.why,
		}
	}
	v.Class = exchanges.ClassData
	if len(d.batch.Items) == 0 {
		v.Class = exchanges.ClassIgnored
	}
	for i := range d.batch.Items {
		it := &d.batch.Items[i]
		it.SendTimeNS = sendTimeNS
		if it.EventTimeNS == ring.Absent && (it.Kind == ring.KindTicker || it.Kind == ring.KindPerpetual) {
			it.EventTimeNS = sendTimeNS
		}
	}
	return v
}

// sendTimeNS is when the venue sent the frame: time_ms, or time where that is not
// there or 0; false when it does not fit.
func (d *Dialect) sendTimeNS() (int64, bool) {
	e := &d.envelope
	switch {
	case e.TimeMS.state == given && e.TimeMS.n != 0:
		return exchanges.MillisToNS(e.TimeMS.n)
	case e.TimeMS.state == badNumber || e.Time.state == badNumber:
		return ring.Absent, false
	case e.Time.state == given && e.Time.n != 0:
		return exchanges.SecondsToNS(e.Time.n)
	}
	return ring.Absent, true
}

// fail notes the first thing that is wrong.
func (d *Dialect) fail(reason ring.Reason, key, what string, symbol []byte) {
	if d.failure.reason != ring.ReasonNone {
		return
	}
	d.failure = failure{reason: reason, symbol: symbol}
	d.why = append(append(d.why[:0], key...), what...)
}

// malformed refuses a frame whose result was not looked at.
func (d *Dialect) malformed(reason ring.Reason, key, what string) exchanges.Verdict {
	d.why = append(append(d.why[:0], key...), what...)
	return exchanges.Verdict{
		Class: exchanges.ClassMalformed, Reason: reason, Stream: exchanges.NoStream, Text: d.why,
	}
}

// lexerReason is what a lexer says, without the frame's bytes.
func lexerReason(err error) string {
	if e, ok := err.(*jlexer.LexerError); ok {
		return e.Reason
	}
	return err.Error()
}
