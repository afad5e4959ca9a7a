// Package wire turns sockets into WebSocket messages for one pinned thread:
// readiness, TLS, framing, clocks, wake-ups and CPU placement. It knows no
// venue and no ring.
//
// # Who calls what
//
// Dial runs on a control goroutine: it resolves, connects, shakes hands and
// takes the descriptor out of the runtime's poller. From then on a Conn, its
// Reader, the Poller and the Clock belong to one goroutine locked to its thread
// (the hot thread) and none of their methods may be called from elsewhere.
// Queue.Push and Waker.Wake are for everyone; Queue.Pop and Waker.Drain are the
// hot thread's.
//
// # The way of a byte
//
//	socket -- recv --> Reader                            ws://
//	socket -- recv --> side -- crypto/tls --> Reader     wss://
//	Reader -- Next --> Message, its payload still in the buffer
//
// One recv fills a fixed buffer, one clock read stamps it, and every message
// that became whole is handed out where it lies. A plain connection allocates
// nothing for a message; with TLS crypto/tls allocates one small object for a
// record (BenchmarkConnTLS prints them).
//
// # The loop
//
//	n, err := conn.ReadChunk()      // readable, or once right after Dial
//	now := clock.Now()
//	for {
//		m, err := conn.Next()       // err: io.EOF, *ProtocolError, a TLS or socket error
//		if m.Op == OpNone { break } // err decides what becomes of the connection
//	}
//
// After Dial the answer's tail may already hold messages, so Next is called
// until OpNone before the first wait: no readiness event announces them.
//
// # Limits
//
// Linux only. Message size, buffered output and queue length are bounded and
// named in constants. Compressed messages (RFC 7692) are read where DialConfig
// offers them; nothing is sent compressed.
package wire
