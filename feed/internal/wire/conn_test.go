package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func text(p string) received { return received{Op: OpText, Payload: p} }

// transports are the ways a Conn reaches its server.
var transports = []struct {
	name    string
	version uint16 // 0 is plain
}{{"plain", 0}, {"TLS 1.2", tls.VersionTLS12}, {"TLS 1.3", tls.VersionTLS13}}

// dialOver serves handle over one transport and dials it.
func dialOver(t *testing.T, version uint16, cfg DialConfig, handle func(net.Conn)) *Conn {
	t.Helper()
	if version == 0 {
		cfg.URL = upgraded(t, handle)
		return dialTest(t, cfg)
	}
	ca := newAuthority(t)
	server := &tls.Config{
		Certificates: []tls.Certificate{ca.leaf(t, false, nil)},
		MinVersion:   version, MaxVersion: version,
	}
	cfg.CA = ca.pool
	cfg.URL = "wss://" + serveTLS(t, server, upgradeThen(func(c *tls.Conn) { handle(c) })) + "/"
	return dialTest(t, cfg)
}

// Messages go both ways over every transport; the end is io.EOF behind the last
// of them.
func TestConnRoundTrip(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			long := strings.Repeat("0123456789", 20_000)
			heard := make(chan string, 2)
			conn := dialOver(t, tr.version, DialConfig{}, func(c net.Conn) {
				for range 2 {
					p, _, err := wsutil.ReadClientData(c)
					if err != nil {
						return
					}
					heard <- string(p)
				}
				_ = wsutil.WriteServerText(c, []byte("short"))
				_ = wsutil.WriteServerText(c, []byte(long))
				_ = wsutil.WriteServerBinary(c, []byte{1, 2, 3})
			})
			require.NoError(t, conn.WriteText([]byte("subscribe")))
			require.NoError(t, conn.WriteText([]byte(long)))
			for conn.WantWrite() {
				require.NoError(t, conn.Flush())
			}
			assert.Equal(t, "subscribe", <-heard)
			assert.True(t, long == <-heard, "the long text arrives whole")
			got, err := collect(t, conn, 4)
			require.ErrorIs(t, err, io.EOF)
			assert.Equal(t, []received{text("short"), text(long), {Op: OpBinary, Payload: "\x01\x02\x03"}}, got)
			_, err = conn.ReadChunk()
			assert.ErrorIs(t, err, io.EOF, "the end stays")
			assert.True(t, strings.HasSuffix(conn.Endpoint(), conn.RemoteAddr()+"/"), conn.Endpoint())
			assert.Contains(t, conn.Describe(), map[uint16]string{0: "plain"}[tr.version]+
				map[bool]string{true: tls.VersionName(tr.version)}[tr.version != 0])
		})
	}
}

// What the server sends in one go with its answer is there without another
// readiness event, be it in the socket, in a record or inside crypto/tls.
func TestConnMessagesBehindTheAnswer(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			var frames, want = "", []received(nil)
			for i := range 200 {
				p := strings.Repeat("m", 100+i)
				frames += frame(0x81, p)
				want = append(want, text(p))
			}
			handle := func(c net.Conn) {
				// The answer and the frames in one write, hence one record.
				glued := &gluing{Conn: c, tail: frames}
				if _, err := ws.Upgrade(glued); err == nil {
					_, _ = io.Copy(io.Discard, c)
				}
			}
			conn := dialRaw(t, tr.version, handle)
			got, err := collect(t, conn, len(want))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

// gluing appends tail to the first write that ends an HTTP head.
type gluing struct {
	net.Conn
	head, tail string
}

func (g *gluing) Write(p []byte) (int, error) {
	g.head += string(p)
	if strings.HasSuffix(g.head, "\r\n\r\n") {
		_, err := g.Conn.Write([]byte(g.head + g.tail))
		g.head, g.tail = "", ""
		return len(p), err
	}
	return len(p), nil
}

// dialRaw is dialOver for a handler that answers the upgrade itself.
func dialRaw(t *testing.T, version uint16, handle func(net.Conn)) *Conn {
	t.Helper()
	if version == 0 {
		return dialTest(t, DialConfig{URL: "ws://" + serve(t, handle)})
	}
	ca := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, false, nil)}, MinVersion: version, MaxVersion: version}
	addr := serveTLS(t, server, func(c *tls.Conn) { handle(c) })
	return dialTest(t, DialConfig{URL: "wss://" + addr, CA: ca.pool})
}

// A stream that arrives one byte at a time gives the same messages; with TLS
// the records themselves are cut.
func TestConnOneByteAtATime(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			stream := frame(0x81, "one") + frame(0x01, "tw") + frame(0x89, "p") + frame(0x80, "o") + closeFrame(1000, "end")
			handle := func(c net.Conn) {
				if _, err := ws.Upgrade(c); err == nil {
					for i := range len(stream) {
						_, _ = c.Write([]byte(stream[i : i+1]))
					}
					_, _ = io.Copy(io.Discard, c)
				}
			}
			slow := func(c net.Conn) net.Conn { return &dripping{c} }
			var conn *Conn
			if tr.version == 0 {
				conn = dialTest(t, DialConfig{URL: "ws://" + serve(t, func(c net.Conn) { handle(slow(c)) })})
			} else {
				ca := newAuthority(t)
				cfg := &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, false, nil)}, MaxVersion: tr.version}
				addr := serve(t, func(c net.Conn) { handle(tls.Server(slow(c), cfg)) })
				conn = dialTest(t, DialConfig{URL: "wss://" + addr, CA: ca.pool})
			}
			got, err := collect(t, conn, 4)
			require.NoError(t, err)
			assert.Equal(t, []received{text("one"), {Op: OpPing, Payload: "p"}, text("two"),
				{Op: OpClose, Payload: "end", Code: 1000}}, got)
		})
	}
}

// dripping writes byte by byte.
type dripping struct{ net.Conn }

func (d *dripping) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// More plaintext than the frame buffer holds comes out whole, in order, though
// the socket gives no further event for it.
func TestConnTLSMorePlaintextThanBuffer(t *testing.T) {
	const count = 3000
	conn := dialOver(t, tls.VersionTLS13, DialConfig{FrameBuffer: 512}, func(c net.Conn) {
		var all []byte
		for i := range count {
			all = append(all, frame(0x81, strings.Repeat(string(rune('a'+i%26)), 20+i%80))...)
		}
		_, _ = c.Write(all)
		_, _ = io.Copy(io.Discard, c)
	})
	got, err := collect(t, conn, count)
	require.NoError(t, err)
	for i, m := range got {
		require.Equal(t, strings.Repeat(string(rune('a'+i%26)), 20+i%80), m.Payload)
	}
}

// A message of 10 MiB is refused with 1009 as soon as its header is there.
func TestConnOversize(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			conn := dialOver(t, tr.version, DialConfig{}, func(c net.Conn) {
				_ = wsutil.WriteServerText(c, []byte("before"))
				_ = wsutil.WriteServerBinary(c, make([]byte, 10<<20))
			})
			got, err := collect(t, conn, 2)
			assert.Equal(t, []received{text("before")}, got)
			var breach *ProtocolError
			require.ErrorAs(t, err, &breach)
			assert.Equal(t, CloseTooBig, breach.CloseCode)
			assert.Equal(t, "websocket: message beyond the limit", breach.Error())
			require.NoError(t, conn.SendClose(breach.CloseCode, breach.Reason), "it can still be said")
		})
	}
}

// What a client must send is masked, with a mask of its own each time; a close
// is the last.
func TestConnWritesAsAClientMust(t *testing.T) {
	frames := make(chan ws.Frame, 8)
	conn := dialTest(t, DialConfig{URL: upgraded(t, func(c net.Conn) {
		for {
			h, err := ws.ReadHeader(c)
			if err != nil {
				close(frames)
				return
			}
			f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
			if _, err := io.ReadFull(c, f.Payload); err != nil {
				return
			}
			frames <- f
		}
	})})
	long := strings.Repeat("l", 70_000)
	require.NoError(t, conn.WriteText([]byte("a text")))
	require.NoError(t, conn.WriteText([]byte("a text")))
	require.NoError(t, conn.WriteText([]byte(long[:200])))
	require.NoError(t, conn.WriteText([]byte(long)))
	require.NoError(t, conn.WriteControl(OpPing, []byte("now")))
	require.NoError(t, conn.WriteControl(OpPong, nil))
	require.ErrorIs(t, conn.WriteControl(OpPing, make([]byte, 126)), ErrControlTooLong)
	require.NoError(t, conn.SendClose(1001, strings.Repeat("€", 50)))
	require.ErrorIs(t, conn.WriteText([]byte("late")), ErrCloseSent)
	require.ErrorIs(t, conn.SendClose(1000, ""), ErrCloseSent)
	require.NoError(t, conn.Flush())
	require.NoError(t, conn.Close())
	require.ErrorIs(t, conn.Close(), ErrClosed)
	require.ErrorIs(t, conn.WriteText(nil), ErrClosed)
	_, err := conn.ReadChunk()
	require.ErrorIs(t, err, ErrClosed)

	reason := strings.Repeat("€", 41) // 123 bytes, cut between characters
	want := []struct {
		op      ws.OpCode
		payload string
	}{
		{ws.OpText, "a text"}, {ws.OpText, "a text"}, {ws.OpText, long[:200]}, {ws.OpText, long},
		{ws.OpPing, "now"}, {ws.OpPong, ""}, {ws.OpClose, "\x03\xE9" + reason},
	}
	masks := map[[4]byte]bool{}
	for _, w := range want {
		f := <-frames
		require.NoError(t, ws.CheckHeader(f.Header, ws.StateServerSide))
		masks[f.Header.Mask] = true
		assert.Equal(t, w.op, f.Header.OpCode)
		assert.True(t, w.payload == string(ws.UnmaskFrame(f).Payload))
	}
	assert.Len(t, masks, len(want), "no mask twice")
	_, more := <-frames
	assert.False(t, more)
}

func TestConnSendCloseWithoutCode(t *testing.T) {
	closed := make(chan ws.StatusCode, 1)
	conn := dialTest(t, DialConfig{URL: upgraded(t, func(c net.Conn) {
		p, op, err := wsutil.ReadClientData(c)
		var end wsutil.ClosedError
		if !errors.As(err, &end) {
			t.Errorf("the server read %q, %v, %v", p, op, err)
		}
		closed <- end.Code
	})})
	require.NoError(t, conn.SendClose(0, "unsaid"))
	assert.Equal(t, ws.StatusNoStatusRcvd, <-closed)
}

// A peer that stops reading fills the socket, then MaxOutput; the next message
// is refused whole. When it reads again everything accepted arrives, nothing
// torn.
func TestConnBackpressure(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			release := make(chan struct{})
			counted := make(chan int, 1)
			conn := dialOver(t, tr.version, DialConfig{}, func(c net.Conn) {
				<-release
				n := 0
				for {
					p, _, err := wsutil.ReadClientData(c)
					if err != nil || len(p) != 60_000 || !strings.HasPrefix(string(p), fmt.Sprintf("%08d", n)) {
						break
					}
					n++
				}
				counted <- n
			})
			accepted := 0
			message := []byte(strings.Repeat("x", 60_000))
			var err error
			for range 10_000 {
				copy(message, fmt.Sprintf("%08d", accepted))
				if err = conn.WriteText(message); err != nil {
					break
				}
				accepted++
			}
			require.ErrorIs(t, err, ErrBackpressure)
			require.True(t, conn.WantWrite())
			require.LessOrEqual(t, conn.out.pending(), MaxOutput)
			close(release)

			p, err := NewPoller()
			require.NoError(t, err)
			defer p.Close()
			require.NoError(t, p.Add(conn.FD(), 3))
			require.NoError(t, p.Mod(conn.FD(), 3, true))
			for conn.WantWrite() {
				events := make([]Event, 1)
				n, err := p.Wait(5000, events)
				require.NoError(t, err)
				require.Equal(t, 1, n, "the socket turns writable")
				require.True(t, events[0].Writable)
				require.NoError(t, conn.Flush())
			}
			require.NoError(t, conn.SendClose(1000, ""))
			assert.Equal(t, accepted, <-counted)
		})
	}
}

// A caller that reads on without taking messages stops the reading, not the
// memory's bound, and loses nothing.
func TestConnReadWithoutNext(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			const count = 20_000
			payload := strings.Repeat("p", 200)
			conn := dialOver(t, tr.version, DialConfig{FrameBuffer: 4096, MaxMessage: 50_000}, func(c net.Conn) {
				_, _ = c.Write([]byte(strings.Repeat(frame(0x81, payload), count)))
				_, _ = io.Copy(io.Discard, c)
			})
			for end := time.Now().Add(5 * time.Second); conn.reader.free() > 0 && time.Now().Before(end); {
				_, err := conn.ReadChunk()
				require.NoError(t, err)
			}
			require.Zero(t, conn.reader.free(), "full")
			for range 100 {
				_, err := conn.ReadChunk()
				require.NoError(t, err)
			}
			assert.LessOrEqual(t, len(conn.reader.buf), 50_000+maxHeaderSize+maxLowSpace)
			got, err := collect(t, conn, count)
			require.NoError(t, err)
			for _, m := range got {
				require.Equal(t, payload, m.Payload)
			}
		})
	}
}

// A close frame in the middle of a fragmented message, and a socket that ends in
// mid-frame: the first is a close, the second io.EOF without a message.
func TestConnEndsInMidFrame(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			conn := dialOver(t, tr.version, DialConfig{}, func(c net.Conn) {
				_, _ = c.Write([]byte(frame(0x81, "whole") + frame(0x81, "cut short")[:5]))
			})
			got, err := collect(t, conn, 2)
			require.ErrorIs(t, err, io.EOF)
			assert.Equal(t, []received{text("whole")}, got)
		})
	}
}

// A reset is an error of its own, not an orderly end.
func TestConnReset(t *testing.T) {
	conn := dialTest(t, DialConfig{URL: upgraded(t, func(c net.Conn) {
		_ = c.(*net.TCPConn).SetLinger(0)
	})})
	_, err := collect(t, conn, 1)
	require.ErrorIs(t, err, unix.ECONNRESET)
	assert.NotErrorIs(t, err, io.EOF)
}

// The close alert ends the stream though the socket stays open, and does not
// overtake the messages before it.
func TestConnTLSCloseAlert(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		hold := make(chan struct{})
		conn := dialOver(t, version, DialConfig{}, func(c net.Conn) {
			_ = wsutil.WriteServerText(c, []byte("last"))
			_ = c.(*tls.Conn).CloseWrite()
			<-hold
		})
		got, err := collect(t, conn, 2)
		require.ErrorIs(t, err, io.EOF)
		assert.Equal(t, []received{text("last")}, got)
		close(hold)
	}
}

// A record that was tampered with is an error, and the fault is told to the
// server by an alert.
func TestConnTLSBadRecord(t *testing.T) {
	ca := newAuthority(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, false, nil)}}
	alerted := make(chan error, 1)
	addr := serve(t, func(raw net.Conn) {
		c := tls.Server(raw, cfg)
		if _, err := ws.Upgrade(c); err != nil {
			return
		}
		_ = wsutil.WriteServerText(c, []byte("good"))
		_, _ = raw.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32)))
		_, err := c.Read(make([]byte, 1))
		alerted <- err
	})
	conn := dialTest(t, DialConfig{URL: "wss://" + addr, CA: ca.pool})
	got, err := collect(t, conn, 2)
	assert.Equal(t, []received{text("good")}, got)
	require.ErrorContains(t, err, "bad record MAC")
	assert.ErrorContains(t, <-alerted, "remote error: tls: bad record MAC")
}

// Bytes that are no TLS at all behind a good handshake are an error at once,
// without waiting for the length they seem to announce.
func TestConnTLSGarbage(t *testing.T) {
	ca := newAuthority(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, false, nil)}}
	addr := serve(t, func(raw net.Conn) {
		c := tls.Server(raw, cfg)
		if _, err := ws.Upgrade(c); err == nil {
			_, _ = raw.Write([]byte("HTTP/1.1 500 no\r\n"))
			_, _ = io.Copy(io.Discard, raw)
		}
	})
	conn := dialTest(t, DialConfig{URL: "wss://" + addr, CA: ca.pool})
	_, err := collect(t, conn, 1)
	require.ErrorContains(t, err, "open TLS record")
}

// Two connections' worth of plain traffic allocates nothing on our side.
func TestConnPlainAllocatesNothing(t *testing.T) {
	conn, peer := socketPairConn(t)
	stream := []byte(frame(0x81, strings.Repeat("a", 180)) + frame(0x81, strings.Repeat("b", 300)))
	run := func() {
		if _, err := unix.Write(peer, stream); err != nil {
			panic(err)
		}
		if n, err := conn.ReadChunk(); n != len(stream) || err != nil {
			panic("short read")
		}
		for range 2 {
			if m, err := conn.Next(); m.Op != OpText || err != nil {
				panic("message missing")
			}
		}
		if m, err := conn.Next(); m.Op != OpNone || err != nil {
			panic("message too many")
		}
		if n, err := conn.ReadChunk(); n != 0 || err != nil {
			panic("socket not empty")
		}
	}
	run()
	assert.Zero(t, testing.AllocsPerRun(1000, run))
}

// socketPairConn is a plain Conn over one end of a socket pair.
func socketPairConn(t testing.TB) (*Conn, int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
	return &Conn{fd: pair[0], reader: NewReader(0, 0), out: &outBuffer{}}, pair[1]
}

// ReadChunk on an idle socket says so at once and is no end.
func TestConnIdle(t *testing.T) {
	hold := make(chan struct{})
	conn := dialTest(t, DialConfig{URL: upgraded(t, func(net.Conn) { <-hold })})
	start := time.Now()
	for range 100 {
		n, err := conn.ReadChunk()
		require.NoError(t, err)
		require.Zero(t, n)
	}
	assert.Less(t, time.Since(start), time.Second)
	close(hold)
}
