package gateiofutures

import (
	"strings"
	"testing"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
)

// FuzzDecode wants from any bytes what the model reads in them. The frame stands
// in a greater buffer with plausible bytes behind it, as in a receive buffer.
func FuzzDecode(f *testing.F) {
	for _, line := range recordings.Lines(f, "testdata/frames.jsonl") {
		f.Add(line)
	}
	for _, seed := range hardFrames {
		f.Add([]byte(seed))
	}
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	f.Fuzz(func(t *testing.T, frame []byte) {
		buffer := append(append(make([]byte, 0, len(frame)+32), frame...), `"}]0123456789,{"`...)
		requireModel(t, d, learningRoom(&symbols), b, buffer[:len(frame)])
	})
}

// learningRoom begins a new table before the old one is full.
func learningRoom(symbols **exchanges.SymbolTable) *exchanges.SymbolTable {
	if (*symbols).Count() > 60_000 {
		*symbols = exchanges.NewLearningTable()
	}
	return *symbols
}

// Every own frame, cut short at every length and with every byte changed in
// turn, to one byte of seven in turn, is read as the model reads it.
func TestDamagedFramesAgreeWithTheModel(t *testing.T) {
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	frames := recordings.Lines(t, "testdata/frames.jsonl")
	for _, seed := range hardFrames {
		frames = append(frames, []byte(seed))
	}
	const damages = "\"0x,} \xff"
	for shift, frame := range frames {
		for i := range frame {
			requireModel(t, d, learningRoom(&symbols), b, frame[:i])
			damaged := append([]byte(nil), frame...)
			damaged[i] = damages[(i+shift)%len(damages)]
			requireModel(t, d, learningRoom(&symbols), b, damaged)
		}
	}
}

// hardFrames are well-formed and unlike anything the venue sends, or nearly so.
var hardFrames = []string{
	`null`, `[]`, `{}`, `""`, `{"channel":"futures.trades"}`, `{"channel":null,"event":null}`, ` { "channel" : "futures.pong" } `,
	`{"result":{"status":"success"},"event":"subscribe","channel":"futures.obu","payload":{"a":1}}`,
	`{"event":"update","channel":"futures.trades","result":[]}`,
	`{"event":"update","channel":"futures.trades","result":[null]}`,
	`{"event":"update","channel":"futures.trades","result":[{"id":1,"size":0,"create_time":1,"price":7,"contract":"A_B"}]}`,
	`{"event":"update","channel":"futures.trades","result":{"id":1,"size":"-0.0","create_time":1,"price":"7","contract":"A_B"}}`,
	`{"event":"update","channel":"futures.trades","result":[{"id":1,"size":1e2,"create_time":1,"price":7,"contract":"A_B"}]}`,
	`{"event":"update","channel":"futures.trades","result":[{"id":1,"size":"","create_time":1,"price":7,"contract":"A_B"}]}`,
	`{"event":"update","channel":"futures.trades","result":[{"id":1,"size":true,"create_time":1,"price":7,"contract":"A_B"}]}`,
	`{"event":"update","channel":"futures.trades","result":[[{"id":1,"size":1,"create_time":1,"price":7,"contract":"A_B"}]]}`,
	`{"event":"update","channel":"futures.book_ticker","result":{"t":0,"u":0,"s":"A_B","b":"","B":0,"a":"","A":"0.0"}}`,
	`{"event":"update","channel":"futures.book_ticker","result":{"t":0,"u":0,"s":"A_B","b":"","B":7,"a":"","A":0}}`,
	`{"event":"update","channel":"futures.book_ticker","result":{"t":1,"u":2,"s":"A_B","b":"1","B":2,"b":"3"}}`,
	`{"event":"update","channel":"futures.book_ticker","result":{"t":1,"u":2,"s":"A_B","b":null,"B":"0","b":"3","T":9,"U":[{"x":[]}],"S":"\\"}}`,
	`{"event":"update","channel":"futures.book_ticker","result":{"t":1,"u":2,"s":"\u0041_B","b":"\u0031","B":"2"}}`,
	`{"event":"update","channel":"futures.book_ticker","result":{"t":1,"u":18446744073709551615,"s":"A_B"},"time":9223372037}`,
	`{"event":"update","channel":"futures.book_ticker","result":3,"error":{"code":2,"message":"x"}}`,
	`{"channel":"futures.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":3,"u":2}}`,
	`{"channel":"futures.order_book_update","event":"update","result":{"t":1,"s":"A_B","u":2,"full":true,"b":[{"p":"1","s":2}],"a":null}}`,
	`{"channel":"futures.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":1,"u":2,"b":[["1",2]],"a":[{"s":"2","x":[],"p":1}]}}`,
	`{"channel":"futures.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":1,"u":2,"b":[{"p":"1"}]}}`,
	`{"channel":"futures.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":1,"u":2,"b":[{"p":"1","s":1,"s":2}]}}`,
	`{"channel":"futures.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":1,"u":2,"b":[["1","2","3"]]}}`,
	`{"channel":"futures.obu","result":{"t":1,"s":"ob.A_B.x","U":1,"u":2}}`,
	`{"channel":"futures.obu","result":{"t":1,"s":"ob..50","U":1,"u":2}}`,
	`{"channel":"futures.obu","result":{"t":1,"s":"ob.A.B.50","U":1,"u":2}}`,
	`{"channel":"futures.tickers","event":"update","result":{"contract":"A_B","last":"","total_size":"0.123456789012345678901234567890"}}`,
	`{"channel":"futures.tickers","event":"update","result":[[[{"contract":"A_B","last":"1"}]]]}`,
	`{"channel":"futures.tickers","event":"update","result":[[{"contract":"A_B","last":"1","funding_rate":"-0.01","funding_next_apply":0}],{"contract":"C_D","last":2,"funding_rate":"","mark_price":""}]}`,
	`{"channel":"futures.tickers","event":"update","result":[{"contract":"A_B","last":"1","funding_next_apply":-1}]}`,
	`{"channel":"futures.order_book","event":"all","result":{"t":0,"contract":"A_B","id":0,"bids":[],"asks":[]}}`,
	`{"channel":"futures.order_book","event":"update","result":[{"p":"1","s":-2,"c":"A_B","id":3}]}`,
	`{"channel":"futures.order_book","event":"all","result":{"t":1,"contract":"A_B","id":1,"bids":[],"asks":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}}`,
	`{"channel":"futures.book_ticker","event":"all","result":{}}`,
	`{"type":"upgrade","msg":"soon"}`, `{"type":3}`, `{"type":"other"}`,
}
