// Package feed is the wire and the session: it holds a venue's sockets on one
// pinned thread, keeps subscriptions and connections alive, and publishes what
// the venue's dialect decodes into a segment.
//
// # Threads
//
// The hot thread owns sockets, decoder state, instruments, books and the
// segment's writer; nothing else touches them. It allocates nothing in the steady
// state, takes no lock, logs nothing. Dialling, name look-up, TLS and HTTP
// handshakes and REST run on control goroutines, which hand their results over a
// lock-free queue with an eventfd. The housekeeper goroutine moves the process
// heartbeat, writes the log and rings the doorbell when the hot thread is too
// busy to.
//
// # What a reader may rely on
//
// Data that may be stale or gapped are marked before they can be acted on: at a
// loss of connection the state words are stored first, the books are flagged,
// then the STATUS records follow. A frame that is refused publishes nothing but
// its DECODE_ERROR.
package feed
