package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deflater is a sender's side: one window over all messages, or a new one for each.
type deflater struct {
	out   bytes.Buffer
	w     *flate.Writer
	fresh bool
}

func newDeflater(t testing.TB, window int, fresh bool) *deflater {
	t.Helper()
	d := &deflater{fresh: fresh}
	var err error
	if window == 1<<maxWindowBits {
		d.w, err = flate.NewWriter(&d.out, 6)
	} else {
		d.w, err = flate.NewWriterWindow(&d.out, window)
	}
	require.NoError(t, err)
	return d
}

func (d *deflater) message(p string) string {
	d.out.Reset()
	if d.fresh {
		d.w.Reset(&d.out)
	}
	_, _ = d.w.Write([]byte(p))
	_ = d.w.Flush()
	return strings.TrimSuffix(d.out.String(), deflateTail)
}

// quotes are n messages as a venue sends them: nearly the same, again and again.
func quotes(n int) []string {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`{"time":%d,"channel":"spot.book_ticker","event":"update","result":{"t":%d,"u":%d,"s":"BTC_USDT","b":"%d.%d","B":"0.%05d"}}`,
			1700000000+i, 1700000000123+i*7, 48733182+i, 60000+rng.IntN(50), rng.IntN(10), rng.IntN(100000))
	}
	return out
}

func deflatedReader(a agreement, limit int) *Reader {
	r := NewReader(0, limit)
	a.deflate = true
	if a.window == 0 {
		a.window = 1 << maxWindowBits
	}
	r.inflate = newInflater(a, r.maxMessage)
	return r
}

// What was compressed comes out as it was, with every window and either way of
// beginning a message, over far more output than the buffer holds, with plain, empty
// and large messages in between, and with the padding that decoders rely on.
func TestInflateMessages(t *testing.T) {
	for _, bits := range []int{8, 12, 15} {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("window of %d bits, fresh %v", bits, fresh), func(t *testing.T) {
				d := newDeflater(t, 1<<bits, fresh)
				r := deflatedReader(agreement{window: 1 << bits, fresh: fresh}, 1<<20)
				big := strings.Join(quotes(1500), "\n") // beyond buffer and window
				for i, want := range append(quotes(700), "", "x", big, "", big, "after", "") {
					stream := frame(0xC1, d.message(want))
					if i%7 == 0 {
						stream = frame(0x81, "plain") + frame(0x89, "p") + stream
					}
					got, err := feed(r, stream, func() int { return 1 << 14 })
					require.NoError(t, err)
					require.Equal(t, want, got[len(got)-1].Payload, "message %d", i)
				}
				assert.LessOrEqual(t, len(r.inflate.out), 1<<bits+inflateRoom+1<<20+1)
				assert.GreaterOrEqual(t, cap(r.inflate.out)-len(r.inflate.out), Padding)
			})
		}
	}
}

// The mark stands on the first frame of a data message and nowhere else.
func TestInflateFrames(t *testing.T) {
	hello := newDeflater(t, 1<<maxWindowBits, true).message("Hello")
	cases := []struct {
		name, stream string
		want         []received
		err          error
	}{
		{"one frame", frame(0xC1, hello), []received{text("Hello")}, nil},
		{"the RFC's example", frame(0xC1, "\xf2\x48\xcd\xc9\xc9\x07\x00"), []received{text("Hello")}, nil},
		{"the RFC's example of no compression", frame(0xC1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), []received{text("Hello")}, nil},
		{"the RFC's example of a last block", frame(0xC1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []received{text("Hello")}, nil},
		{"the RFC's example of two blocks", frame(0xC1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), []received{text("Hello")}, nil},
		{"the RFC's example of an empty message", frame(0xC2, "\x00"), []received{{Op: OpBinary}}, nil},
		{"fragments around a ping", frame(0x41, hello[:2]) + frame(0x89, "p") + frame(0x80, hello[2:]),
			[]received{{Op: OpPing, Payload: "p"}, text("Hello")}, nil},
		{"fragments of a plain message", frame(0x01, "He") + frame(0x80, "llo"), []received{text("Hello")}, nil},
		{"the mark on a continuation", frame(0x41, hello[:2]) + frame(0xC0, hello[2:]), nil, ErrReservedBits},
		{"the mark on a ping", frame(0xC9, ""), nil, ErrReservedBits},
		{"the mark on a close frame", frame(0xC8, ""), nil, ErrReservedBits},
		{"another reserved bit", frame(0xA1, "x"), nil, ErrReservedBits},
		{"two reserved bits", frame(0xE1, hello), nil, ErrReservedBits},
		{"no deflate at all", frame(0xC1, "\xFF\xFF\xFF"), nil, ErrDeflate},
		{"a block that is cut", frame(0xC1, hello[:3]), nil, ErrDeflate},
		{"what lies before the window's beginning", frame(0xC1, "\x4a\x04\x11\x00\x00\x00"), nil, ErrDeflate},
		{"text that is not UTF-8 when inflated", frame(0xC1, "\x00\x01\x00\xFE\xFF\xFF\x00"), nil, ErrNotUTF8},
		{"hundreds of last blocks", frame(0xC2, strings.Repeat("\x03\x00", 400)), nil, ErrDeflate},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []func() int{whole, single} {
				got, err := feed(deflatedReader(agreement{}, 1000), c.stream, size)
				if c.err != nil {
					require.ErrorIs(t, err, c.err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, c.want, got)
			}
		})
	}
	_, err := feed(NewReader(0, 0), frame(0xC1, hello), whole)
	assert.ErrorIs(t, err, ErrReservedBits, "not agreed")
}

// A message within the limit passes; one byte more is refused however little of it came,
// with the code for what is too big and without taking the memory.
func TestInflateBomb(t *testing.T) {
	d := newDeflater(t, 1<<maxWindowBits, true)
	r := deflatedReader(agreement{fresh: true}, 1<<20)
	got, err := feed(r, frame(0xC2, d.message(strings.Repeat("a", 1<<20))), whole)
	require.NoError(t, err)
	require.Len(t, got[0].Payload, 1<<20)
	for _, size := range []int{1<<20 + 1, 32 << 20} {
		bomb := d.message(strings.Repeat("a", size))
		require.Less(t, len(bomb), 1<<20)
		r := deflatedReader(agreement{}, 1<<20)
		_, err := feed(r, frame(0xC2, bomb), whole)
		require.ErrorIs(t, err, ErrTooBig)
		assert.Equal(t, CloseTooBig, err.(*ProtocolError).CloseCode)
		assert.Less(t, len(r.inflate.out), 3<<20)
	}
}

// A stream of market data allocates nothing once buffers and tables have grown.
func TestInflateAllocatesNothing(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		d := newDeflater(t, 1<<maxWindowBits, fresh)
		r := deflatedReader(agreement{fresh: fresh}, 0)
		var stream [][]byte
		for _, q := range quotes(1500) {
			stream = append(stream, []byte(frame(0xC1, d.message(q))))
		}
		next := 0
		run := func() {
			r.Advance(copy(r.Space(), stream[next]))
			if m, err := r.Next(); err != nil || m.Op != OpText {
				panic("message missing")
			}
			next++
		}
		for range 900 {
			run()
		}
		assert.Zero(t, testing.AllocsPerRun(500, run), "fresh %v", fresh)
	}
}

// compressing answers the upgrade with an extension header and sends messages.
func compressing(t *testing.T, answer string, send func(io.Writer)) string {
	return "ws://" + serve(t, func(c net.Conn) {
		u := ws.Upgrader{
			Negotiate: func(o httphead.Option) (httphead.Option, error) {
				if string(o.Name) != deflateName {
					return httphead.Option{}, nil
				}
				got, _ := httphead.ParseOptions([]byte(answer), nil)
				if len(got) == 0 {
					return httphead.Option{}, nil
				}
				return got[0], nil
			},
		}
		if _, err := u.Upgrade(c); err == nil {
			send(c)
		}
	}) + "/"
}

// The server decides what is used; an answer that the RFC does not allow ends the dial
// with the reason.
func TestDialDeflate(t *testing.T) {
	cases := []struct{ name, answer, says string }{
		{"not accepted", "", ""},
		{"with its window kept", deflateName, ""},
		{"with all parameters", deflateName + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9", ""},
		{"an unknown parameter", deflateName + "; level=9", "unknown parameter"},
		{"a window that is too small", deflateName + "; server_max_window_bits=7", "want 8 to 15"},
		{"a window without a value", deflateName + "; server_max_window_bits", "want 8 to 15"},
		{"a window with a leading zero", deflateName + "; server_max_window_bits=09", "want 8 to 15"},
		{"a value where none belongs", deflateName + "; server_no_context_takeover=1", "has a value"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			window, fresh := 1<<maxWindowBits, strings.Contains(c.answer, paramServerFresh)
			if strings.Contains(c.answer, "=10") {
				window = 1 << 10
			}
			want := quotes(50)
			d := newDeflater(t, window, fresh)
			url := compressing(t, c.answer, func(w io.Writer) {
				for _, q := range want {
					if c.answer == "" {
						_, _ = io.WriteString(w, frame(0x81, q))
					} else {
						_, _ = io.WriteString(w, frame(0xC1, d.message(q)))
					}
				}
				time.Sleep(time.Millisecond) // the end may come in a chunk of its own
			})
			cfg := DialConfig{URL: url, Deflate: DeflateContext}
			if c.says != "" {
				e := dialFails(t, cfg)
				assert.Equal(t, DialNotWebSocket, e.Code)
				assert.Contains(t, e.Error(), c.says)
				return
			}
			conn := dialTest(t, cfg)
			assert.Equal(t, c.answer != "", strings.Contains(conn.Describe(), "compressed"))
			got, err := collect(t, conn, len(want))
			require.NoError(t, err)
			for i := range want {
				require.Equal(t, text(want[i]), got[i])
			}
		})
	}
}

// What is offered follows the configuration; nothing is offered unless it says so.
func TestDialDeflateOffer(t *testing.T) {
	for mode, want := range map[Deflate]string{
		DeflateOff:     "",
		DeflateContext: "permessage-deflate;client_no_context_takeover;client_max_window_bits",
		DeflateFresh:   "permessage-deflate;server_no_context_takeover;client_no_context_takeover;client_max_window_bits",
	} {
		offered := make(chan string, 2) // the answer comes after what is put here
		addr := serve(t, func(c net.Conn) {
			u := ws.Upgrader{Negotiate: func(o httphead.Option) (httphead.Option, error) {
				var words []string
				o.Parameters.ForEach(func(k, v []byte) bool { words = append(words, string(k)+string(v)); return true })
				offered <- string(o.Name) + ";" + strings.Join(words, ";")
				return httphead.Option{}, nil
			}}
			_, _ = u.Upgrade(c)
		})
		conn, err := Dial(context.Background(), DialConfig{URL: "ws://" + addr + "/", Deflate: mode})
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		close(offered)
		assert.Equal(t, want, <-offered)
	}
}

// FuzzInflate: whatever compressed frames hold, the verdict is the same however they are
// chopped, the limit holds, and what inflates agrees with the standard use of the library.
func FuzzInflate(f *testing.F) {
	d := newDeflater(f, 1<<maxWindowBits, false)
	var stream string
	for _, q := range quotes(3) {
		stream += frame(0xC1, d.message(q))
	}
	for _, s := range []string{
		stream, frame(0xC1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), frame(0x41, "\xf2\x48") + frame(0x80, "\xcd\xc9\xc9\x07\x00"),
		frame(0xC2, "\x00") + frame(0x82, "plain"), frame(0xC1, "\xFF"), frame(0xC2, strings.Repeat("\x03\x00", 100)), frame(0xC9, ""),
	} {
		f.Add([]byte(s), uint8(13))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint8) {
		want, wantErr := feed(deflatedReader(agreement{}, fuzzLimit), string(stream), whole)
		got, err := feed(deflatedReader(agreement{}, fuzzLimit), string(stream), func() int { return 1 + int(cut) })
		require.Equal(t, want, got)
		require.Equal(t, wantErr, err)
		for _, m := range got {
			require.LessOrEqual(t, len(m.Payload), fuzzLimit)
		}
		// The same bytes as one compressed message of its own.
		plain, err := io.ReadAll(io.LimitReader(flate.NewReader(strings.NewReader(string(stream)+deflateTail+deflateEnd)), fuzzLimit+1))
		z := newInflater(agreement{window: 1 << maxWindowBits}, fuzzLimit)
		if out, refused := z.message(stream); refused == nil && err == nil {
			require.True(t, bytes.HasPrefix(out, plain))
		} else if refused == nil {
			require.NoError(t, err)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	for _, fresh := range []bool{false, true} {
		b.Run(fmt.Sprintf("fresh=%v", fresh), func(b *testing.B) {
			d := newDeflater(b, 1<<maxWindowBits, fresh)
			var stream []string
			plain, packed := 0, 0
			for _, q := range quotes(1000) {
				stream = append(stream, d.message(q))
				plain, packed = plain+len(q), packed+len(stream[len(stream)-1])
			}
			z := newInflater(agreement{window: 1 << maxWindowBits, fresh: fresh}, DefaultMaxMessage)
			in := make([][]byte, len(stream))
			for i, s := range stream {
				in[i] = []byte(s)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if _, err := z.message(in[i%len(in)]); err != nil {
					z = newInflater(agreement{window: 1 << maxWindowBits, fresh: fresh}, DefaultMaxMessage)
				}
			}
			b.ReportMetric(float64(plain)/float64(packed), "ratio")
		})
	}
}
