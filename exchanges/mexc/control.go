package mexc

import (
	"bytes"
	"unicode/utf8"

	"github.com/mailru/easyjson/jlexer"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// answer is a control message: a text message is an object of id, code and msg.
type answer struct {
	id, code, msg value
}

// value is a JSON value: of a string the content, of a number, a truth value or a
// null the text, of anything else nothing.
type value struct {
	kind  jlexer.TokenKind
	bytes []byte
}

func (v *value) read(l *jlexer.Lexer) {
	v.kind, v.bytes = l.CurrentToken(), nil
	switch v.kind {
	case jlexer.TokenString:
		v.bytes = l.UnsafeBytes()
	case jlexer.TokenDelim:
		l.SkipRecursive()
	default:
		v.bytes = l.Raw()
	}
}

// Words of the venue.
const (
	wordPong = "PONG"
	// wordAccepted begins an answer that accepts a list, wordRefused the list that
	// it refuses; the first does not occur in the second.
	wordAccepted = "Subscribed successful!"
	wordRefused  = "Not Subscribed successfully!"
	wordReason   = "Reason"
	// streamPrefix begins the name of every spot stream.
	streamPrefix = "spot@"
)

// Decode reads one text message: the answers to requests and pings, and whatever
// else the venue says in words. Data comes in binary messages: see DecodeBinary.
// It never panics, keeps nothing of the frame but for the verdict's slices, which
// hold until the next decode or until the frame's memory is reused, and does not
// allocate once its list has grown, except for strings with escapes and for
// refused frames. Only the thread that owns the Dialect may call it.
//
// An answer that accepts in part is an ack whose Refused has what is refused; one
// that refuses everything is a refusal with the same list. Nothing in it says
// whether it answers a subscription or its end: match RequestID.
func (d *Dialect) Decode(frame []byte, symbols *exchanges.SymbolTable, b *exchanges.Batch) exchanges.Verdict {
	b.Reset()
	d.failure = failure{}
	v := exchanges.Verdict{Stream: exchanges.NoStream}
	line := bytes.TrimSpace(frame)
	switch {
	case !isText(line):
		d.fail(ring.ReasonMalformed, "text message", " is empty or no text", nil)
		return d.refused(v)
	case line[0] == '{':
		return d.judgeAnswer(line, v)
	case line[0] != '"' && exchanges.ValidJSON(line):
		v.Class = exchanges.ClassUnknown
		return v
	}
	// A line of words without an envelope: never lost, it may be why we are cut off.
	v.Class = exchanges.ClassRefusal
	v.Text = bytes.Trim(line, `"`)
	return v
}

// isText says that a line has something to read and nothing that is not text.
func isText(line []byte) bool {
	if len(line) == 0 || !utf8.Valid(line) {
		return false
	}
	for _, c := range line {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

func (d *Dialect) judgeAnswer(line []byte, v exchanges.Verdict) exchanges.Verdict {
	if !exchanges.ValidJSON(line) || !d.readAnswer(line) {
		d.fail(ring.ReasonMalformed, "answer", " is not one whole JSON object", nil)
		return d.refused(v)
	}
	a := &d.answer
	if a.code.kind == jlexer.TokenUndef && a.msg.kind == jlexer.TokenUndef {
		v.Class = exchanges.ClassUnknown
		return v
	}
	v.RequestID = idOf(&a.id)
	v.Code = codeOf(&a.code)
	if a.msg.kind == jlexer.TokenString {
		v.Text = bytes.TrimSpace(a.msg.bytes)
	}
	return d.judgeWords(v)
}

// readAnswer takes the three keys; of one given twice the last value holds.
func (d *Dialect) readAnswer(line []byte) bool {
	d.answer = answer{}
	d.lexer = jlexer.Lexer{Data: line}
	l := &d.lexer
	l.Delim('{')
	for l.Ok() && !l.IsDelim('}') {
		key := l.UnsafeFieldName(false)
		l.WantColon()
		l.FetchToken()
		switch key {
		case "id":
			d.answer.id.read(l)
		case "code":
			d.answer.code.read(l)
		case "msg":
			d.answer.msg.read(l)
		default:
			l.SkipRecursive()
		}
		l.WantComma()
	}
	l.Delim('}')
	return l.Ok()
}

// idOf is the request's id; ours are whole numbers, so anything else is not ours.
func idOf(id *value) uint64 {
	n, _ := exchanges.ParseUint(id.bytes)
	return n
}

// unreadableCode stands for a code that is there and no whole number of 31 bits.
const unreadableCode = -1

func codeOf(code *value) int64 {
	if code.kind == jlexer.TokenUndef || code.kind == jlexer.TokenNull {
		return 0
	}
	n, ok := exchanges.ParseUint(code.bytes)
	if !ok || n >= 1<<31 {
		return unreadableCode
	}
	return int64(n)
}

// judgeWords says what an answer is by its code and, as the code is 0 whatever
// happened, by its words.
func (d *Dialect) judgeWords(v exchanges.Verdict) exchanges.Verdict {
	words := v.Text
	d.rejected = d.rejected[:0]
	list, reason, lists := refusedList(words)
	if lists {
		d.rejectNames(list)
		v.Refused = d.rejected
	}
	switch {
	case v.Code != 0:
		v.Class = exchanges.ClassRefusal
	case string(words) == wordPong:
		v.Class = exchanges.ClassPong
	case lists && len(v.Refused) == 0:
		v.Class = exchanges.ClassAck
	case lists && acceptsSome(words):
		v.Class = exchanges.ClassAck
		v.Text = reason
	case lists:
		v.Class = exchanges.ClassRefusal
		v.Text = reason
	case len(words) == 0 || bytes.HasPrefix(words, []byte(streamPrefix)) || acceptsSome(words):
		v.Class = exchanges.ClassAck
	default:
		// Other words than those of an acceptance: not to be taken for one.
		v.Class = exchanges.ClassRefusal
	}
	return d.nameOnly(v, words)
}

// nameOnly fills in stream and symbol of an answer that names one stream.
func (d *Dialect) nameOnly(v exchanges.Verdict, words []byte) exchanges.Verdict {
	switch {
	case len(v.Refused) == 1 && v.Class == exchanges.ClassRefusal:
		v.Stream, v.Symbol = v.Refused[0].Stream, v.Refused[0].Symbol
	case v.Class == exchanges.ClassAck && bytes.HasPrefix(words, []byte(streamPrefix)) && bytes.IndexByte(words, ',') < 0:
		ref := parseStream(words)
		v.Stream, v.Symbol = ref.Stream, ref.Symbol
	}
	return v
}

// acceptsSome says that an answer lists at least one stream as accepted.
func acceptsSome(words []byte) bool {
	list, _, found := listBehind(words, wordAccepted)
	return found && len(bytes.TrimSpace(list)) > 0
}

// refusedList is the list of what an answer refuses and the venue's reason.
func refusedList(words []byte) (list, reason []byte, found bool) {
	list, rest, found := listBehind(words, wordRefused)
	if !found {
		return nil, nil, false
	}
	return list, reasonIn(rest), true
}

// listBehind is the bracketed list behind a word, and what follows it.
func listBehind(words []byte, word string) (list, rest []byte, found bool) {
	at := bytes.Index(words, []byte(word))
	if at < 0 {
		return nil, nil, false
	}
	rest = words[at+len(word):]
	open := bytes.IndexByte(rest, '[')
	if open < 0 {
		return nil, rest, true
	}
	end := bytes.IndexByte(rest[open:], ']')
	if end < 0 {
		return rest[open+1:], nil, true
	}
	return rest[open+1 : open+end], rest[open+end+1:], true
}

// reasonIn is what stands behind the word Reason and its colon, which is
// full-width; without them, all of it.
func reasonIn(rest []byte) []byte {
	if _, behind, found := bytes.Cut(rest, []byte(wordReason)); found {
		rest = behind
	}
	return bytes.Trim(rest, " .:：")
}

// rejectNames notes the names of a list with commas.
func (d *Dialect) rejectNames(list []byte) {
	for len(list) > 0 {
		var name []byte
		name, list, _ = bytes.Cut(list, []byte{','})
		if name = bytes.TrimSpace(name); len(name) > 0 {
			d.rejected = append(d.rejected, parseStream(name))
		}
	}
}

// parseStream is the stream and pair of a stream's name. Where the pair stands
// depends on the channel; names of channels that this dialect does not ask for
// have no stream, and their pair is taken to be the last part.
func parseStream(name []byte) exchanges.StreamRef {
	stream, middle := exchanges.NoStream, 0
	switch {
	case hasChannel(name, channelBookTicker), hasChannel(name, channelBatch):
		stream = StreamBookTicker
	case hasChannel(name, channelAggreDeals):
		stream = StreamTrades
	case hasChannel(name, channelAggreDepth):
		stream = StreamBook
	case hasChannel(name, channelLimitDepth):
		stream, middle = StreamBook, len(channelLimitDepth)
	case hasChannel(name, channelMiniTicker):
		stream, middle = StreamTicker, len(channelMiniTicker)
	}
	if middle > 0 {
		pair, _, _ := bytes.Cut(name[middle+1:], []byte{'@'})
		return exchanges.StreamRef{Stream: stream, Symbol: pair}
	}
	return exchanges.StreamRef{Stream: stream, Symbol: name[bytes.LastIndexByte(name, '@')+1:]}
}

// hasChannel says that a stream's name begins with the channel and goes on.
func hasChannel(name []byte, channel string) bool {
	return len(name) > len(channel) && string(name[:len(channel)]) == channel && name[len(channel)] == '@'
}
