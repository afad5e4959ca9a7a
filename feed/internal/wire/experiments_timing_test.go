package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Experiments that DECISIONS.md leans on. Two ways are timed in blocks by turns, so that
// what disturbs one disturbs the other; the figures are medians of the blocks, and the
// ratio is the median of the blocks' quotients.
const (
	experimentBlock  = 200
	experimentRounds = 101
)

// byTurns times two ways and reports ns of each and of the second by the first.
func byTurns(b *testing.B, nameA string, a func(), nameB string, other func()) {
	timeA, timeB, q := make([]float64, experimentRounds), make([]float64, experimentRounds), make([]float64, experimentRounds)
	for b.Loop() {
		for i := range experimentRounds {
			start := time.Now()
			for range experimentBlock {
				a()
			}
			middle := time.Now()
			for range experimentBlock {
				other()
			}
			timeA[i] = float64(middle.Sub(start)) / experimentBlock
			timeB[i] = float64(time.Since(middle)) / experimentBlock
			q[i] = timeB[i] / timeA[i]
		}
	}
	for _, list := range [][]float64{timeA, timeB, q} {
		slices.Sort(list)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(timeA[experimentRounds/2], nameA+"-ns")
	b.ReportMetric(timeB[experimentRounds/2], nameB+"-ns")
	b.ReportMetric(q[experimentRounds/2], "ratio")
}

// tcpPair is a connection over loopback: our descriptor, non-blocking, and the peer.
func tcpPair(b *testing.B) (int, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	require.NoError(b, err)
	ours, err := l.Accept()
	require.NoError(b, err)
	f, err := ours.(*net.TCPConn).File()
	require.NoError(b, err)
	require.NoError(b, unix.SetNonblock(int(f.Fd()), true))
	b.Cleanup(func() { _ = peer.Close(); _ = ours.Close(); _ = f.Close() })
	return int(f.Fd()), peer
}

// BenchmarkExperimentPolling: one look with epoll against one recv on each socket, with
// nothing there, and with a message on the last socket, which is then read.
func BenchmarkExperimentPolling(b *testing.B) {
	for _, sockets := range []int{1, 2, 4, 14} {
		p := newTestPoller(b)
		fds, events, buf := make([]int, sockets), make([]Event, 64), make([]byte, 4096)
		var last net.Conn
		for i := range fds {
			fds[i], last = tcpPair(b)
			require.NoError(b, p.Add(fds[i], uint32(i)))
		}
		byEpoll := func() {
			n, _ := p.Wait(0, events)
			for _, e := range events[:n] {
				_, _ = recvNow(fds[e.Token], buf)
			}
		}
		direct := func() {
			for _, fd := range fds {
				_, _ = recvNow(fd, buf)
			}
		}
		b.Run(fmt.Sprintf("idle/sockets=%d", sockets), func(b *testing.B) { byTurns(b, "epoll", byEpoll, "direct", direct) })
		send := func() { _, _ = last.Write(buf[:200]) }
		b.Run(fmt.Sprintf("message/sockets=%d", sockets), func(b *testing.B) {
			byTurns(b, "epoll", func() { send(); byEpoll() }, "direct", func() { send(); direct() })
		})
	}
}

// BenchmarkExperimentKernelStamp: recv against recvmsg that brings the kernel's receive
// time, a message each; the write is in both.
func BenchmarkExperimentKernelStamp(b *testing.B) {
	plain, plainPeer := tcpPair(b)
	stamped, stampedPeer := tcpPair(b)
	require.NoError(b, unix.SetsockoptInt(stamped, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	buf, control := make([]byte, 4096), make([]byte, 128)
	// The kernel begins to stamp a moment after it was asked.
	came := false
	for end := time.Now().Add(2 * time.Second); !came && time.Now().Before(end); {
		_, err := stampedPeer.Write(buf[:200])
		require.NoError(b, err)
		_, oob, _, _, err := unix.Recvmsg(stamped, buf, control, unix.MSG_DONTWAIT)
		came = err == nil && oob > 0
	}
	if !came {
		b.Skip("skipped, this kernel brings no receive times for TCP")
	}
	byTurns(b, "recv", func() {
		_, _ = plainPeer.Write(buf[:200])
		_, _ = recvNow(plain, buf)
	}, "stamped", func() {
		_, _ = stampedPeer.Write(buf[:200])
		_, _, _, _, _ = unix.Recvmsg(stamped, buf, control, unix.MSG_DONTWAIT)
	})
}

// BenchmarkExperimentBusyPoll: an idle recv on a socket with SO_BUSY_POLL against one
// without. Loopback has no queue of a device to look at: only the option's own cost shows.
func BenchmarkExperimentBusyPoll(b *testing.B) {
	plain, _ := tcpPair(b)
	polled, _ := tcpPair(b)
	if err := unix.SetsockoptInt(polled, unix.SOL_SOCKET, unix.SO_BUSY_POLL, 50); err != nil {
		b.Skipf("skipped, the kernel refuses SO_BUSY_POLL: %v (it wants CAP_NET_ADMIN)", err)
	}
	buf := make([]byte, 4096)
	byTurns(b, "recv", func() { _, _ = recvNow(plain, buf) }, "polled", func() { _, _ = recvNow(polled, buf) })
}

// BenchmarkExperimentRecordLayer: opening a record of one message through crypto/tls and
// cutting its frame against the cipher alone, which no record layer can do without.
func BenchmarkExperimentRecordLayer(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 16))
	require.NoError(b, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(b, err)
	// TLS 1.3: the type of the content is sealed behind it, the header is bound to it.
	nonce, header := make([]byte, aead.NonceSize()), make([]byte, recordHeader)
	message := []byte(frame(0x81, sampleText))
	sealed := aead.Seal(nil, nonce, append(message, 23), header)
	into := make([]byte, 0, len(message)+1)
	ca, more := newAuthority(b), make(chan struct{})
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.leaf(b, false, nil)}, MinVersion: tls.VersionTLS13}
	addr := serveTLS(b, cfg, upgradeThen(func(c *tls.Conn) {
		for range more {
			for range experimentBlock {
				if _, err := c.Write(message); err != nil {
					return
				}
			}
		}
	}))
	conn := dialTest(b, DialConfig{URL: "wss://" + addr, CA: ca.pool})
	defer close(more)
	layer, alone, q := make([]float64, 0, experimentRounds), make([]float64, 0, experimentRounds), make([]float64, 0, experimentRounds)
	for b.Loop() {
		layer, alone, q = layer[:0], alone[:0], q[:0]
		for range experimentRounds {
			more <- struct{}{}
			fillSide(b, conn, experimentBlock)
			start := time.Now()
			for range experimentBlock {
				if m, err := conn.Next(); m.Op != OpText || err != nil {
					b.Fatal("message missing")
				}
			}
			middle := time.Now()
			for range experimentBlock {
				if _, err := aead.Open(into, nonce, sealed, header); err != nil {
					b.Fatal(err)
				}
			}
			alone = append(alone, float64(time.Since(middle))/experimentBlock)
			layer = append(layer, float64(middle.Sub(start))/experimentBlock)
			q = append(q, layer[len(layer)-1]/alone[len(alone)-1])
		}
	}
	for _, list := range [][]float64{layer, alone, q} {
		slices.Sort(list)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(layer[experimentRounds/2], "crypto-tls-ns")
	b.ReportMetric(alone[experimentRounds/2], "cipher-ns")
	b.ReportMetric(q[experimentRounds/2], "ratio")
}
