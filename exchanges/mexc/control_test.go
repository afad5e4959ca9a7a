package mexc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

const (
	nameDeals  = "spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT"
	nameDepth  = "spot@public.aggre.depth.v3.api.pb@100ms@ETHUSDT"
	nameQuote  = "spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT"
	nameBatch  = "spot@public.bookTicker.batch.v3.api.pb@BTCUSDT"
	nameTop    = "spot@public.limit.depth.v3.api.pb@BTCUSDT@20"
	nameTicker = "spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+12:45"
	nameOld    = "spot@public.deals.v3.api@BTCUSDT"
)

// refs writes stream and pair of each refused name.
func refs(list []exchanges.StreamRef) []string {
	var texts []string
	for _, r := range list {
		name := map[exchanges.StreamID]string{
			StreamBookTicker: "book_ticker", StreamTrades: "trades", StreamBook: "book", StreamTicker: "ticker", exchanges.NoStream: "none",
		}[r.Stream]
		texts = append(texts, name+" "+string(r.Symbol))
	}
	return texts
}

// Answers are told by their words, for their code is 0 whatever happened.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, msg string
		class     exchanges.Class
		text      string
		refused   []string
	}{
		{"one name: accepted", nameDeals, exchanges.ClassAck, nameDeals, nil},
		{"names in any order: accepted", nameDepth + "," + nameDeals, exchanges.ClassAck, nameDepth + "," + nameDeals, nil},
		{"accepted in the long form", "Subscribed successful! [" + nameDeals + "].", exchanges.ClassAck, "Subscribed successful! [" + nameDeals + "].", nil},
		{"accepted in part", "Subscribed successful! [" + nameDeals + "," + nameDepth + "]. Not Subscribed successfully! [" + nameTop + "].  Reason： Blocked! ", exchanges.ClassAck, "Blocked!", []string{"book BTCUSDT"}},
		{"accepted in part, the other way round", "Not Subscribed successfully! [" + nameTop + "]. Reason： Blocked! Subscribed successful! [" + nameDeals + "].", exchanges.ClassAck, "Blocked! Subscribed successful! [" + nameDeals + "]", []string{"book BTCUSDT"}},
		{"all refused", "Not Subscribed successfully! [" + strings.Join([]string{nameDeals, nameDepth, nameQuote, nameBatch, nameTop, nameTicker, nameOld}, ",") + "].  Reason： Blocked! ", exchanges.ClassRefusal, "Blocked!", []string{"trades BTCUSDT", "book ETHUSDT", "book_ticker BTCUSDT", "book_ticker BTCUSDT", "book BTCUSDT", "ticker BTCUSDT", "none BTCUSDT"}},
		{"all refused, with nothing accepted said", "Subscribed successful! []. Not Subscribed successfully! [" + nameDeals + "]. Reason： Blocked!", exchanges.ClassRefusal, "Blocked!", []string{"trades BTCUSDT"}},
		{"a narrow colon and blanks", "Not Subscribed successfully! [ " + nameDeals + " , " + nameDepth + " ] .Reason : Blocked!", exchanges.ClassRefusal, "Blocked!", []string{"trades BTCUSDT", "book ETHUSDT"}},
		{"no reason", "Not Subscribed successfully! [" + nameDeals + "]", exchanges.ClassRefusal, "", []string{"trades BTCUSDT"}},
		{"a list that does not end", "Not Subscribed successfully! [" + nameDeals, exchanges.ClassRefusal, "", []string{"trades BTCUSDT"}},
		{"nothing was refused", "Not Subscribed successfully! [].", exchanges.ClassAck, "Not Subscribed successfully! [].", nil},
		{"names that are cut short", "Not Subscribed successfully! [spot@public.limit.depth.v3.api.pb@,spot@public.limit.depth.v3.api.pb,x]. Reason： Blocked!", exchanges.ClassRefusal, "Blocked!", []string{"book ", "none public.limit.depth.v3.api.pb", "none x"}},
		{"other words", "Blocked!", exchanges.ClassRefusal, "Blocked!", nil},
		{"no words", "", exchanges.ClassAck, "", nil},
		{"pong", "PONG", exchanges.ClassPong, "PONG", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := decodeText(t, `{"id":7,"code":0,"msg":"`+c.msg+`"}`)
			assert.Equal(t, c.class, v.Class)
			assert.Equal(t, c.text, string(v.Text))
			assert.Equal(t, c.refused, refs(v.Refused))
			assert.Equal(t, uint64(7), v.RequestID)
			assert.False(t, v.Unsubscribe, "nothing in the answer says so")
		})
	}
}

func decodeText(t testing.TB, frame string) exchanges.Verdict {
	t.Helper()
	b := new(exchanges.Batch)
	v := New().Decode([]byte(frame), knownSymbols(t), b)
	assert.Empty(t, b.Items)
	return v
}

// An answer that speaks of one stream names it.
func TestAnswersNameTheirOnlyStream(t *testing.T) {
	v := decodeText(t, `{"id":1,"code":0,"msg":"`+nameTop+`"}`)
	assert.Equal(t, StreamBook, v.Stream)
	assert.Equal(t, "BTCUSDT", string(v.Symbol))
	v = decodeText(t, `{"id":1,"code":0,"msg":"Not Subscribed successfully! [`+nameTicker+`]. Reason： Blocked!"}`)
	assert.Equal(t, StreamTicker, v.Stream)
	assert.Equal(t, "BTCUSDT", string(v.Symbol))
	v = decodeText(t, `{"id":1,"code":0,"msg":"`+nameTop+`,`+nameDeals+`"}`)
	assert.Equal(t, exchanges.NoStream, v.Stream)
	assert.Empty(t, v.Symbol)
}

// The outside of an answer may be written in any way JSON has; an id or a code of
// another kind does not lose it.
func TestAnswersInOtherSpellings(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		class       exchanges.Class
		id          uint64
		code        int64
	}{
		{"keys in another order, and added ones", ` {"msg":"PONG","new":{"id":[5]},"code":0,"id":3} `, exchanges.ClassPong, 3, 0},
		{"a code refuses everything", `{"id":3,"code":30001,"msg":"wrong params"}`, exchanges.ClassRefusal, 3, 30001},
		{"a code refuses even a list of names", `{"id":3,"code":1,"msg":"` + nameDeals + `"}`, exchanges.ClassRefusal, 3, 1},
		{"a code as text", `{"id":"3","code":"2","msg":"no"}`, exchanges.ClassRefusal, 3, 2},
		{"a code that is no number", `{"id":3,"code":"bad","msg":"` + nameDeals + `"}`, exchanges.ClassRefusal, 3, -1},
		{"a code below zero", `{"id":3,"code":-7,"msg":"no"}`, exchanges.ClassRefusal, 3, -1},
		{"a code beyond its range", `{"id":3,"code":99999999999999999999,"msg":"no"}`, exchanges.ClassRefusal, 3, -1},
		{"a code without words", `{"id":3,"code":5}`, exchanges.ClassRefusal, 3, 5},
		{"a null code", `{"id":3,"code":null,"msg":"` + nameDeals + `"}`, exchanges.ClassAck, 3, 0},
		{"an id of another kind", `{"id":[1],"code":0,"msg":"` + nameDeals + `"}`, exchanges.ClassAck, 0, 0},
		{"an id below zero", `{"id":-1,"code":0,"msg":"` + nameDeals + `"}`, exchanges.ClassAck, 0, 0},
		{"words that are no text", `{"id":3,"code":0,"msg":["x"]}`, exchanges.ClassAck, 3, 0},
		{"escapes", `{"id":3,"code":0,"msg":"Not\u0020Subscribed successfully! [` + nameDeals + `]. Reason\uff1a Blocked!"}`, exchanges.ClassRefusal, 3, 0},
		{"no answer", `{"c":"spot@public.deals.v3.api@BTCUSDT","d":{"deals":[{"p":"1"}]}}`, exchanges.ClassUnknown, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := decodeText(t, c.frame)
			assert.Equal(t, c.class, v.Class)
			assert.Equal(t, c.id, v.RequestID)
			assert.Equal(t, c.code, v.Code)
			if strings.Contains(c.frame, `\uff1a`) {
				assert.Equal(t, "Blocked!", string(v.Text))
				assert.Equal(t, []string{"trades BTCUSDT"}, refs(v.Refused))
			}
		})
	}
}

// Words outside JSON are a refusal, not lost as malformed; bytes that are no text
// are malformed.
func TestWordsOutsideJSON(t *testing.T) {
	for frame, want := range map[string]string{
		"Blocked!": "Blocked!", " Blocked!\r\n": "Blocked!", `"Blocked!"`: "Blocked!", "msg format invalid": "msg format invalid", "超限": "超限", "[closed": "[closed",
	} {
		v := decodeText(t, frame)
		assert.Equal(t, exchanges.ClassRefusal, v.Class, frame)
		assert.Equal(t, want, string(v.Text))
		assert.Zero(t, v.RequestID)
	}
	for _, frame := range []string{"", "  ", "{", `{"id":1,"code":0,"msg":"PO`, `{"id":1} {}`, "\x0a\x05BTC\x01", "Blocked\xff", "a\x00b"} {
		v := decodeText(t, frame)
		assert.Equal(t, exchanges.ClassMalformed, v.Class, "%q", frame)
		assert.Equal(t, ring.ReasonMalformed, v.Reason)
		assert.NotEmpty(t, v.Text)
	}
	for _, frame := range []string{"null", "[]", "17", `["PONG"]`} {
		assert.Equal(t, exchanges.ClassUnknown, decodeText(t, frame).Class, frame)
	}
}

// What the previous answer refused is not left over in the next one.
func TestNothingIsLeftOfThePreviousAnswer(t *testing.T) {
	d, symbols, b := New(), knownSymbols(t), new(exchanges.Batch)
	v := d.Decode([]byte(`{"id":1,"code":9,"msg":"Not Subscribed successfully! [`+nameDeals+`]."}`), symbols, b)
	require.Len(t, v.Refused, 1)
	v = d.Decode([]byte(`{"msg":"`+nameDeals+`"}`), symbols, b)
	assert.Equal(t, exchanges.Verdict{Class: exchanges.ClassAck, Stream: StreamTrades, Symbol: []byte("BTCUSDT"), Text: []byte(nameDeals)}, v)
}
