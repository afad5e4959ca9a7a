package mexc

import (
	"bytes"
	"unicode/utf8"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// failure is the first thing found wrong in a push.
type failure struct {
	reason ring.Reason
	symbol []byte
}

// push is the wrapper of one binary message.
type push struct {
	channel []byte
	symbol  []byte
	// body is the one body, field its number, 0 when there is none.
	body  []byte
	field uint32
	// news: a field stands where bodies stand and the schema knows none.
	news        bool
	sendTimeMS  uint64
	hasSendTime bool
	sendTimeNS  int64
}

// DecodeBinary reads one binary message, a push, into the batch, which it resets
// first. It never panics, keeps nothing of the frame but for the verdict's slices,
// which hold until the next decode or until the frame's memory is reused, and does
// not allocate once the batch has grown. Only the thread that owns the Dialect may
// call it.
//
// Unknown fields are skipped by their wire type, of a field given twice the last
// value holds, and any order of fields will do, as protobuf wants. Two bodies in
// one push are refused. Nothing of a refused push is left in the batch.
//
// A push with exchanges.FastPadding bytes of allocation behind it is first tried as one
// of the shapes of templates.txt, with the same outcome in a fraction of the time.
func (d *Dialect) DecodeBinary(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) (v exchanges.Verdict) {
	b.Reset()
	if p, padded := exchanges.Pad(frame); padded {
		if steps := fastSteps(p, &d.fast.orders); steps != nil {
			// Written now: a byte written just before the caller copies the verdict would hold
			// that up. The zero of the class is ClassData.
			v.Stream = d.fast.streams[steps.Channel]
			if p.Walk(steps, symbols, b) {
				d.fast.stats[v.Stream].Hits++
				return v
			}
		}
	}
	return d.decodeUnwalked(frame, symbols, b)
}

// decodeUnwalked is DecodeBinary of a frame that has no steps, or that they refuse.
func (d *Dialect) decodeUnwalked(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) (v exchanges.Verdict) {
	p, padded := exchanges.Pad(frame)
	if !padded {
		return d.decodeReference(frame, symbols, b)
	}
	if channel, ok := fastDecode(p, symbols, b, &d.fast.orders); ok {
		v.Class, v.Stream = exchanges.ClassData, d.fast.streams[channel]
		d.fast.stats[v.Stream].Hits++
		return v
	}
	v = d.decodeReference(frame, symbols, b)
	if v.Class == exchanges.ClassData {
		d.fast.stats[v.Stream].Fallbacks++
	}
	return v
}

// decodeReference is DecodeBinary without templates.
func (d *Dialect) decodeReference(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict {
	b.Reset()
	d.batch, d.symbols = b, symbols
	d.failure = failure{}
	v := d.judgePush(frame)
	if v.Class != exchanges.ClassData {
		b.Reset()
	}
	return v
}

func (d *Dialect) judgePush(frame []byte) exchanges.Verdict {
	var p push
	v := exchanges.Verdict{Stream: exchanges.NoStream}
	if len(frame) == 0 {
		d.fail(ring.ReasonMalformed, "push", " is empty", nil)
		return d.refused(v)
	}
	if !d.readWrapper(frame, &p) {
		return d.refused(v)
	}
	v.Stream = streamOfBody(p.field)
	switch {
	case p.field == 0 && p.news:
		v.Class = exchanges.ClassUnknown
		return v
	case v.Stream == exchanges.NoStream:
		// No body, candles, or a channel that the venue has closed.
		v.Class = exchanges.ClassIgnored
		return v
	}
	if !d.readBody(&p) {
		return d.refused(v)
	}
	v.Class = exchanges.ClassData
	if len(d.batch.Items) == 0 {
		v.Class = exchanges.ClassIgnored
	}
	return v
}

// streamOfBody is the stream that a body belongs to, NoStream for bodies that are
// not published.
func streamOfBody(field uint32) exchanges.StreamID {
	switch field {
	case bodyAggreBookTicker, bodyBookTickerBatch:
		return StreamBookTicker
	case bodyAggreDeals:
		return StreamTrades
	case bodyAggreDepth, bodyLimitDepth:
		return StreamBook
	case bodyMiniTicker, bodyMiniTickers:
		return StreamTicker
	}
	return exchanges.NoStream
}

// readWrapper finds the parts of a push; the body may precede the symbol.
func (d *Dialect) readWrapper(frame []byte, p *push) bool {
	w := walker{rest: frame}
	for w.next() {
		switch w.key {
		case textKey(fieldChannel):
			p.channel = w.text
		case textKey(fieldSymbol):
			p.symbol = w.text
		case varintKey(fieldSendTime):
			p.sendTimeMS, p.hasSendTime = w.value, true
		default:
			number := w.key >> keyShift
			if number < firstBody {
				continue
			}
			if number > lastBody || w.key != textKey(number) {
				p.news = true
				continue
			}
			if p.field != 0 {
				d.fail(ring.ReasonMalformed, "push", " has two bodies", p.symbol)
				return false
			}
			p.body, p.field = w.text, number
		}
	}
	if w.damaged {
		d.fail(ring.ReasonMalformed, "push", " is cut off or damaged", p.symbol)
	}
	return !w.damaged
}

// readBody decodes the body into the batch.
func (d *Dialect) readBody(p *push) bool {
	p.sendTimeNS = ring.Absent
	if p.hasSendTime {
		var ok bool
		if p.sendTimeNS, ok = exchanges.MillisToNS(p.sendTimeMS); !ok {
			d.fail(ring.ReasonNumber, "sendTime", " is beyond its range", p.symbol)
			return false
		}
	}
	switch p.field {
	case bodyAggreBookTicker:
		return d.readBookTicker(p)
	case bodyAggreDeals:
		return d.readDeals(p)
	case bodyAggreDepth, bodyLimitDepth:
		return d.readDepth(p)
	case bodyBookTickerBatch:
		return d.readBookTickerBatch(p)
	case bodyMiniTicker:
		return d.readMiniTicker(p)
	default:
		return d.readMiniTickers(p)
	}
}

// instrument is the id of the pair that a push names: by its symbol, else by its
// body's own, else by its channel.
func (d *Dialect) instrument(p *push, own []byte) (uint16, bool) {
	if len(p.symbol) == 0 {
		p.symbol = own
	}
	if len(p.symbol) == 0 {
		p.symbol = pairOfChannel(p.channel, p.field)
	}
	switch {
	case len(p.symbol) == 0:
		d.fail(ring.ReasonMissingKey, "symbol", " is missing", nil)
		return 0, false
	case !utf8.Valid(p.symbol):
		d.fail(ring.ReasonMalformed, "symbol", " is not UTF-8", p.symbol)
		return 0, false
	}
	id, known := d.symbols.Lookup(p.symbol)
	if !known {
		d.fail(ring.ReasonUnknownSymbol, "nobody asked for this symbol", "", p.symbol)
	}
	return id, known
}

// pairOfChannel cuts the pair out of a channel: its last part, or the last but one
// where a depth or a zone stands behind.
func pairOfChannel(channel []byte, field uint32) []byte {
	at := bytes.LastIndexByte(channel, '@')
	if field == bodyLimitDepth || field == bodyMiniTicker {
		if at < 0 {
			return nil
		}
		channel = channel[:at]
		at = bytes.LastIndexByte(channel, '@')
	}
	if at < 0 {
		return nil
	}
	return channel[at+1:]
}

// fail notes the first thing that is wrong.
func (d *Dialect) fail(reason ring.Reason, key, what string, symbol []byte) {
	if d.failure.reason != ring.ReasonNone {
		return
	}
	d.failure = failure{reason: reason, symbol: symbol}
	d.why = append(append(d.why[:0], key...), what...)
}

// refused is the verdict on a frame of which something was found wrong.
func (d *Dialect) refused(v exchanges.Verdict) exchanges.Verdict {
	return exchanges.Verdict{
		Class: exchanges.ClassMalformed, Reason: d.failure.reason,
		Stream: v.Stream, Symbol: d.failure.symbol, Text: d.why,
	}
}
