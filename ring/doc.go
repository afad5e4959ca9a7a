// Package ring is the format and the protocol: bytes and records between two
// processes. It works on a plain []byte, knows no files, no sockets and no
// venues, and imports only the standard library.
//
// One writer thread per segment for its whole life. It never waits and never
// looks at a reader. Any number of readers map the bytes read-only; each keeps a
// private cursor, so that between the writer and each cursor the ring is
// single-producer single-consumer. A reader that is lapped is told how many
// records it lost.
//
// Words, one meaning each:
//
//	venue           an exchange
//	instrument      one tradable symbol on a venue
//	book ticker     best bid and ask (BBO)
//	trade           one execution
//	depth           several levels: a snapshot or a delta
//	ticker          rolling statistics
//	publisher       the process; writer: its side of a ring
//	reader          the consumer's side
//	segment         a mapped file: header, tables, board, books, ring
//	slot            a cell of the ring
//	record          what a slot holds
//	sequence        the ring's counter, from 1
//	venue sequence  the exchange's id
//	generation      names a segment
//	book epoch      counts an instrument's (re)syncs
//	lap             one turn of the ring
//	overrun         the writer lapped a reader: our loss
//	gap             missing venue data: their loss
//
// # Writing record n
//
// commit = 2n-1; store-store barrier; payload; commit = 2n with release.
//
// # Reading record n
//
// Load commit with acquire: below 2n there is nothing yet, above 2n the reader
// was lapped, equal: copy, acquire barrier, load commit again; unchanged means
// that the copy is whole.
//
// A writer that is killed at any instruction leaves at worst one slot and one
// board entry with an odd mark: readers answer EMPTY, then STALE, and BUSY for
// that board entry. Nothing torn is ever handed out.
package ring
