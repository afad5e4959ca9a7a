package mexc

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/exchanges/internal/recordings"
	"github.com/tickring/tickring/ring"
)

// FuzzDecodeBinary wants from any bytes what protobuf's own library reads in them.
// The frame stands in a greater buffer with plausible bytes behind it, as in a
// receive buffer.
func FuzzDecodeBinary(f *testing.F) {
	for _, frame := range ownFrames(f) {
		f.Add(frame)
	}
	for _, frame := range hardFrames() {
		f.Add(frame)
	}
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	f.Fuzz(func(t *testing.T, frame []byte) {
		buffer := append(append(make([]byte, 0, len(frame)+32), frame...), "0123456789\x0a\x05.9999"...)
		requireModel(t, d, learningRoom(&symbols), b, buffer[:len(frame)])
	})
}

// learningRoom begins a new table before the old one is full.
func learningRoom(symbols **exchanges.SymbolTable) *exchanges.SymbolTable {
	if (*symbols).Count() > 50_000 {
		*symbols = exchanges.NewLearningTable()
	}
	return *symbols
}

// Every own frame, cut short at every length and with every byte changed in turn,
// to one byte of eight in turn, is read as protobuf's own library reads it.
func TestDamagedFramesAgreeWithTheModel(t *testing.T) {
	d, symbols, b := New(), exchanges.NewLearningTable(), new(exchanges.Batch)
	damages := []byte{0, 1, 3, '0', '.', 0x0a, 0x80, 0xff}
	for shift, frame := range append(ownFrames(t), hardFrames()...) {
		requireModel(t, d, symbols, b, frame)
		for i := range frame {
			requireModel(t, d, learningRoom(&symbols), b, frame[:i])
			damaged := append([]byte(nil), frame...)
			damaged[i] = damages[(i+shift)%len(damages)]
			requireModel(t, d, learningRoom(&symbols), b, damaged)
		}
	}
}

// FuzzDecode wants of any text message that it is never data, that words are
// never lost, and that what the verdict points at lies in sane bounds.
func FuzzDecode(f *testing.F) {
	for _, line := range recordings.Lines(f, "testdata/control.txt") {
		f.Add(line)
	}
	for _, seed := range []string{
		"", "Blocked!", `"Blocked!"`, "{", "{}", "null", "[]", `{"msg":null}`, `{"id":-1,"code":1.5,"msg":["x"]}`, `{"id":"7","code":"3","msg":"no"}`,
		`{"msg":"Not Subscribed successfully! ["}`, `{"msg":"Not Subscribed successfully!"}`, `{"msg":"Not Subscribed successfully! [spot@public.limit.depth.v3.api.pb@,,@]"}`,
		`{"id":1,"id":2,"code":0,"msg":"\uff1a"}`, `{"c":"spot@public.deals.v3.api@BTCUSDT","d":{"deals":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	d, symbols, b := New(), exchanges.NewSymbolTable(), new(exchanges.Batch)
	f.Fuzz(func(t *testing.T, frame []byte) {
		v := d.Decode(frame, symbols, b)
		assert.Empty(t, b.Items)
		require.NotEqual(t, exchanges.ClassData, v.Class)
		require.Equal(t, v.Class == exchanges.ClassMalformed, v.Reason != ring.ReasonNone)
		if v.Class == exchanges.ClassMalformed {
			require.False(t, isWords(frame), "words are never malformed: %q", frame)
		}
		for _, refused := range v.Refused {
			require.LessOrEqual(t, len(refused.Symbol), len(frame))
		}
	})
}

// FuzzShortDecimal wants of every text that is read the short way the number that
// the shared parser reads.
func FuzzShortDecimal(f *testing.F) {
	for _, seed := range []string{
		"", "0", "1", ".", "0.", ".0", "-1", "00", "0.0", "00.1", "1.0", "100", "1.2.3", "1..2", "84270.01", "0.00000006", "82583.260000000", "999999999999999999", "1000000000000000000",
		"0.1234567890123456", "1 ", "1e5", "12/", "1:", "0..", "100.100",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, valid := exchanges.ParseDecimal(text)
		got, ok := shortDecimal(text)
		if ok {
			require.True(t, valid, "%q", text)
			require.Equal(t, want, got, "%q", text)
		}
		if valid && len(text) <= shortNumberBytes && text[0] != '-' {
			require.True(t, ok, "%q is short", text)
		}
	})
}

// isWords says that a message is printable ASCII that does not begin like JSON.
func isWords(frame []byte) bool {
	if len(frame) == 0 || frame[0] <= ' ' || frame[0] == '{' || !utf8.Valid(frame) {
		return false
	}
	for _, c := range frame {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// hardFrames are well-formed and unlike anything the venue sends, or nearly so.
func hardFrames() [][]byte {
	quote := appendText(appendText(nil, 1, "1.5"), 2, "2")
	deal := appendText(appendText(nil, 1, "1.5"), 2, "2")
	depth := appendText(appendText(nil, 4, "5"), 5, "7")
	head := appendText(nil, 3, "BTCUSDT")
	with := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	in := func(number protowire.Number, body []byte) []byte { return appendText(nil, number, string(body)) }
	number := func(number protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
	}
	group := protowire.AppendTag(protowire.AppendTag(nil, 9, protowire.StartGroupType), 9, protowire.EndGroupType)
	return [][]byte{
		{}, head, number(6, 5), in(316, quote), number(315, 5), with(head, number(315, 5), in(315, quote)),
		with(in(315, quote), head), with(in(315, quote), in(315, quote), head), with(in(315, quote), in(308, nil), head), with(head, in(301, nil), in(315, quote)), with(head, in(300, nil), in(315, quote)),
		with(head, in(315, group)), with(head, group, in(315, quote)), with(head, in(314, in(1, group))), with(head, in(308, group)),
		with(head, in(315, with(quote, in(1, []byte("1.25"))))), with(head, in(3, []byte("ETHUSDT")), in(315, quote)),
		with(head, number(6, 1), number(6, 2), in(315, quote)), with(head, number(6, 1<<63), in(315, quote)), with(head, number(6, 9223372036854), in(315, quote)),
		with(head, number(6, 9223372036855), in(315, quote)), with(head, number(6, 1<<63)), with(head, in(315, nil)), with(head, in(311, with(in(1, nil), in(1, quote)))),
		with(head, in(314, in(1, with(deal, number(3, 1<<32+1), number(4, 7), in(5, []byte("18446744073709551615X255_0X0")))))),
		with(head, in(314, in(1, with(deal, number(3, 3), in(5, []byte("18446744073709551616X0_1X0")))))),
		with(head, in(314, in(1, with(deal, in(5, []byte("18446744073709551615")))))), with(head, in(314, in(1, with(deal, in(5, []byte("1X256_2X0")))))),
		with(head, in(314, in(1, with(deal, in(5, []byte("01X0_00000000000000000000002X0")))))), with(head, in(314, in(1, with(deal, number(4, 1<<63))))),
		with(head, in(313, with(in(2, quote), in(1, quote), depth, in(2, quote), in(1, quote)))), with(head, in(313, depth), number(7, 1)),
		with(head, in(313, with(in(4, []byte("8")), in(5, []byte("7"))))), with(head, in(313, in(5, []byte("7")))), with(head, in(313, with(depth, in(1, in(1, []byte("5")))))),
		with(head, in(313, with(depth, in(4, []byte("007"))))), with(head, in(303, with(in(1, quote), in(4, []byte("x"))))), with(head, in(303, nil)),
		in(303, nil), in(315, quote), with(in(1, []byte("nothing")), in(315, quote)), with(in(1, []byte("a@BTCUSDT@5")), in(303, nil)), with(in(1, []byte("BTCUSDT@5")), in(303, nil)),
		with(in(1, []byte("a@BTCUSDT@UTC+8")), in(309, in(2, []byte("1")))), with(in(1, []byte("a@24H")), in(310, with(in(1, nil), in(1, in(1, []byte("BTCUSDT"))), number(1, 3)))),
		with(in(3, []byte("\xff\xfe")), in(315, quote)), in(310, in(1, in(1, []byte("\xff")))), with(head, in(309, in(7, []byte("1234567890123456785000000000.5")))),
		with(head, in(309, in(8, []byte("-1")))), with(head, in(315, in(1, []byte("-0")))), with(head, in(315, with(in(1, []byte("-0.0")), in(2, []byte("0"))))),
		// A key of two bytes where one would do, a length of two bytes, a varint of ten.
		with([]byte{0x9a, 0x00, 0x87, 0x00}, []byte("BTCUSDT"), in(315, quote)), with(head, []byte{0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
		with(head, []byte{0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}), with(head, []byte{0x30, 0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, in(315, quote)),
		with(head, []byte{0x00, 0x01}), with(head, []byte{0x02, 0x00}), with(head, []byte{0x0e, 0x00}), with(head, []byte{0x0f, 0x00}), with(head, []byte{0x80, 0x80, 0x80, 0x80, 0x10, 0x00}),
		with(head, []byte{0xfa, 0xff, 0xff, 0xff, 0x0f, 0x00}), with(head, []byte{0x0d, 1, 2, 3}), with(head, []byte{0x09, 1, 2, 3, 4, 5, 6, 7, 8}, in(315, quote)),
	}
}

func appendText(b []byte, number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), text)
}
