package gateio

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
	`null`, `[]`, `{}`, `""`, `{"channel":"spot.trades"}`, `{"channel":null,"event":null}`, ` { "channel" : "spot.pong" } `,
	`{"result":{"status":"success"},"event":"subscribe","channel":"spot.obu","payload":{"a":1}}`,
	`{"event":"update","channel":"spot.trades","result":[]}`,
	`{"event":"update","channel":"spot.trades","result":[null]}`,
	`{"event":"update","channel":"spot.book_ticker","result":{"t":1,"u":2,"s":"A_B","b":"1","B":"2","b":"3"}}`,
	`{"event":"update","channel":"spot.book_ticker","result":{"t":1,"u":2,"s":"A_B","b":null,"B":"2","b":"3","T":9,"U":[{"x":[]}],"S":"\\"}}`,
	`{"event":"update","channel":"spot.book_ticker","result":{"t":1,"u":2,"s":"\u0041_B","b":"\u0031","B":"2"}}`,
	`{"event":"update","channel":"spot.book_ticker","result":{"t":1,"u":18446744073709551615,"s":"A_B"},"time":9223372037}`,
	`{"event":"update","channel":"spot.book_ticker","result":3,"error":{"code":2,"message":"x"}}`,
	`{"\u0063hannel":"spot.book_ticker","event":"update","result":{"t":1e3,"u":2,"s":"A_B"}}`,
	`{"channel":"spot.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":3,"u":2}}`,
	`{"channel":"spot.order_book_update","event":"update","result":{"t":1,"s":"A_B","u":2,"full":true,"b":[["1","2"]],"a":null}}`,
	`{"channel":"spot.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":1,"u":2,"b":[["1","2","3"]]}}`,
	`{"channel":"spot.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":1,"u":2,"b":[["1"]]}}`,
	`{"channel":"spot.order_book_update","event":"update","result":{"t":1,"s":"A_B","U":1,"u":2,"b":[[1,2]]}}`,
	`{"channel":"spot.obu","result":{"t":1,"s":"ob.A_B.x","U":1,"u":2}}`,
	`{"channel":"spot.obu","result":{"t":1,"s":"ob..50","U":1,"u":2}}`,
	`{"channel":"spot.obu","result":{"t":1,"s":"ob.A.B.50","U":1,"u":2}}`,
	`{"channel":"spot.tickers","event":"update","result":{"currency_pair":"A_B","last":"","base_volume":"0.123456789012345678901234567890"}}`,
	`{"channel":"spot.trades","event":"update","result":{"id":1,"create_time":1,"side":"buy","currency_pair":"A_B","amount":"1","price":"-1"}}`,
	`{"channel":"spot.order_book","event":"update","result":{"t":1,"s":"A_B","lastUpdateId":1,"bids":[],"asks":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}}`,
	`{"channel":"spot.order_book","event":"all","result":{}}`,
	`{"type":"upgrade","msg":"soon"}`, `{"type":3}`, `{"type":"other"}`,
}
