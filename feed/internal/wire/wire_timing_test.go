package wire

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sink keeps results alive.
var sink int64

// A book ticker of ordinary length.
var sampleText = `{"time":1700000000,"time_ms":1700000000123,"channel":"spot.book_ticker","event":"update","result":` +
	`{"t":1700000000123,"u":48733182,"s":"BTC_USDT","b":"37030.1","B":"0.28","a":"37030.2","A":"1.07"}}`

// BenchmarkReaderHeader is Next on binary frames, whose payload is not looked
// at: the header alone.
func BenchmarkReaderHeader(b *testing.B) {
	benchmarkReader(b, frame(0x82, sampleText), 1000)
}

// BenchmarkReaderPing is Next on pings without payload.
func BenchmarkReaderPing(b *testing.B) {
	benchmarkReader(b, frame(0x89, ""), 1000)
}

// BenchmarkReaderText is Next on a text of sample length, UTF-8 check included.
func BenchmarkReaderText(b *testing.B) {
	benchmarkReader(b, frame(0x81, sampleText), 1000)
}

// BenchmarkReaderShortText is Next on a text of 8 bytes.
func BenchmarkReaderShortText(b *testing.B) {
	benchmarkReader(b, frame(0x81, "01234567"), 1000)
}

// BenchmarkReaderFragmented is Next on a text in two fragments.
func BenchmarkReaderFragmented(b *testing.B) {
	benchmarkReader(b, frame(0x01, sampleText[:100])+frame(0x80, sampleText[100:]), 1000)
}

// benchmarkReader rewinds over the same bytes: only Next is measured.
func benchmarkReader(b *testing.B, message string, count int) {
	r := NewReader(0, 0)
	r.Advance(copy(r.Space(), strings.Repeat(message, count)))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += count {
		r.r = 0
		for range count {
			m, err := r.Next()
			if err != nil || m.Op == OpNone {
				b.Fatal("message missing")
			}
			sink += int64(len(m.Payload))
		}
	}
}

func BenchmarkValidText(b *testing.B) {
	p := []byte(sampleText)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if !validText(p) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkClockNow(b *testing.B) {
	c := NewClock()
	b.ReportMetric(c.RateNSPerTick(), "ns/tick")
	for b.Loop() {
		sink = c.Now()
	}
}

func BenchmarkClockDiscipline(b *testing.B) {
	c := NewClock()
	for b.Loop() {
		c.Discipline()
	}
}

// BenchmarkTimeNow is what Clock.Now replaces.
func BenchmarkTimeNow(b *testing.B) {
	for b.Loop() {
		sink = time.Now().UnixNano()
	}
}

func BenchmarkPollerLook(b *testing.B) {
	p := newTestPoller(b)
	a, _ := socketPair(b)
	require.NoError(b, p.Add(a, 1))
	events := make([]Event, 8)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := p.Wait(0, events); n != 0 || err != nil {
			b.Fatal("unexpected event")
		}
	}
}

func BenchmarkQueuePushPop(b *testing.B) {
	q := NewQueue[int](64)
	v := new(int)
	b.ReportAllocs()
	for b.Loop() {
		if !q.Push(v) || q.Pop() != v {
			b.Fatal("item missing")
		}
	}
}

// BenchmarkWakeAgain is a wake that finds one under way.
func BenchmarkWakeAgain(b *testing.B) {
	w, err := NewWaker()
	require.NoError(b, err)
	defer w.Close()
	for b.Loop() {
		w.Wake()
	}
}

// BenchmarkConnPlain is write, ReadChunk and Next of one text over a socket
// pair: the write of the other side is in the figure.
func BenchmarkConnPlain(b *testing.B) {
	conn, peer := socketPairConn(b)
	message := []byte(frame(0x81, sampleText))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unix.Write(peer, message); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.ReadChunk(); err != nil {
			b.Fatal(err)
		}
		if m, err := conn.Next(); m.Op != OpText || err != nil {
			b.Fatal("message missing")
		}
	}
}

// BenchmarkConnTLS measures opening alone: records of one text each, sealed
// beforehand by a real server. allocs/op is what crypto/tls costs a record.
func BenchmarkConnTLS(b *testing.B) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b.Run(tls.VersionName(version), func(b *testing.B) { benchmarkTLS(b, version) })
	}
}

func benchmarkTLS(b *testing.B, version uint16) {
	ca := newAuthority(b)
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.leaf(b, false, nil)}, MinVersion: version, MaxVersion: version}
	more := make(chan struct{})
	addr := serveTLS(b, cfg, upgradeThen(func(c *tls.Conn) {
		message := []byte(frame(0x81, sampleText))
		for range more {
			for range 200 {
				if _, err := c.Write(message); err != nil {
					return
				}
			}
		}
	}))
	conn := dialTest(b, DialConfig{URL: "wss://" + addr, CA: ca.pool})
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	for done := 0; done < b.N; done += 200 {
		more <- struct{}{}
		fillSide(b, conn, 200)
		b.StartTimer()
		for range 200 {
			if m, err := conn.Next(); m.Op != OpText || err != nil {
				b.Fatal("message missing")
			}
		}
		b.StopTimer()
	}
	close(more)
}

// fillSide takes ciphertext from the socket without opening it, until count
// records wait.
func fillSide(b testing.TB, conn *Conn, count int) {
	records := 0
	for deadline := time.Now().Add(10 * time.Second); records < count; {
		if time.Now().After(deadline) {
			b.Fatal("records missing")
		}
		if _, errno := conn.side.recv(conn.fd); errno != 0 && errno != unix.EAGAIN {
			b.Fatal(errno)
		}
		records = 0
		for at := conn.side.r; at+recordHeader <= conn.side.w; records++ {
			at += recordHeader + int(conn.side.in[at+3])<<8 + int(conn.side.in[at+4])
			if at > conn.side.w {
				break
			}
		}
	}
	conn.more = true
}

// TestTLSAllocationsPerRecord prints what crypto/tls allocates for a record and
// holds it to what was found with a margin, so that a change is seen.
func TestTLSAllocationsPerRecord(t *testing.T) {
	const most, count = 4.0, 400
	ca := newAuthority(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, false, nil)}}
	addr := serveTLS(t, cfg, upgradeThen(func(c *tls.Conn) {
		for range count {
			_, _ = c.Write([]byte(frame(0x81, sampleText)))
		}
		_, _ = io.Copy(io.Discard, c)
	}))
	conn := dialTest(t, DialConfig{URL: "wss://" + addr, CA: ca.pool})
	fillSide(t, conn, count)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range count {
		if m, err := conn.Next(); m.Op != OpText || err != nil {
			t.Fatal("message missing")
		}
	}
	runtime.ReadMemStats(&after)
	each := float64(after.Mallocs-before.Mallocs) / count
	t.Logf("crypto/tls allocates %.2f times, %.0f bytes, for a record of one message",
		each, float64(after.TotalAlloc-before.TotalAlloc)/count)
	require.Less(t, each, most)
}

// BenchmarkGobwasReader is the usual helper, for comparison with BenchmarkReaderText.
func BenchmarkGobwasReader(b *testing.B) {
	client, server := net.Pipe()
	defer client.Close()
	message := []byte(frame(0x81, sampleText))
	go func() {
		all := []byte(strings.Repeat(string(message), 1000))
		for {
			if _, err := server.Write(all); err != nil {
				return
			}
		}
	}()
	r := &ahead{c: client, buf: make([]byte, 1<<20)}
	b.ReportAllocs()
	for b.Loop() {
		h, err := ws.ReadHeader(r)
		if err != nil {
			b.Fatal(err)
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(r, p); err != nil {
			b.Fatal(err)
		}
	}
}

// ahead is a plain buffered reader over a connection.
type ahead struct {
	c    net.Conn
	buf  []byte
	r, w int
}

func (a *ahead) Read(p []byte) (int, error) {
	if a.r == a.w {
		n, err := a.c.Read(a.buf)
		if err != nil {
			return 0, err
		}
		a.r, a.w = 0, n
	}
	n := copy(p, a.buf[a.r:a.w])
	a.r += n
	return n, nil
}
