// Package sim is the other end: an exchange's server side on loopback, for the
// demo, tests, benchmarks and conformance runs.
//
// A [Server] speaks WebSocket and REST on one listener, plain or TLS, and is as
// strict as the venue: it refuses what the venue refuses, in the venue's words.
// Its data come either from a synthetic market, which is seeded and consistent
// with itself, or from a capture, whose frames are sent byte for byte.
//
// The files fall into sets. The core knows sockets, faults, market and captures and
// no venue words: server.go, listener.go, conn.go, cert.go, stats.go, truth.go,
// faults.go, scenario.go, market.go, book.go, pairs.go, synthetic.go, replay.go,
// capture.go. A dialect set knows one venue, its requests, answers, text of frames,
// routing of captured frames and REST: gateio*.go Gate.io spot v4, gateio_futures*.go
// its perpetual futures, mexc*.go MEXC spot v3 (with protobuf.go).
//
// # Faults
//
// [Faults] are knobs: [Server.SetFaults] turns them for connections to come,
// [Server.ApplyFaults] for open ones too. [Scenario] turns them by the clock; as a
// file:
//
//	repeat = "30s"
//
//	[[step]]
//	at = "2s"
//	fault = "drop_socket"   # with for: nobody is let in meanwhile
//	for = "1s"
//
//	[[step]]
//	at = "5s"
//	fault = "skip_deltas"
//	pair = "BTC_USDT"       # as the venue spells it
//	every = 10
//	for = "5s"
//
// [Server.Truth] says what each client subscribed to and got, and which gaps were
// made; a test compares with it.
//
// # What the synthetic market promises
//
// One book a pair, one update counter a pair, shared by every channel and REST:
// the u of a book ticker is the book's id, the top of a snapshot is the quote of
// the last book ticker up to its id, diffs chain without a gap, and a diff
// stream applied to its snapshot gives the book. The same seed, settings and
// requests give the same frames but for times and the ids of connection and
// request. A connection that joins a market already running sees its present,
// not its beginning.
//
// Windowed channels (book diffs, snapshots, tickers, candles) send at most once
// a window, so [Config.Rate] is met as far as the subscribed channels allow.
//
// # Limits
//
// Of Gate.io's futures the market lists the pairs quoted in USDT as contracts; those of
// four bases trade fractions of a contract, which a client without the size header sees
// cut. A stream of book v2 of an unknown contract is acknowledged and silent.
//
// The quote of Gate.io's book ticker is sent on every change, not conflated to
// 10 ms. MEXC's windows repeat an unchanged quote where the rate leaves room, so
// that some 96 of 100 quotes are repeats; the batch stream has changes only.
// A client that does not read is cut off once 64 MiB wait for it (synthetic
// market); a capture waits for such a client instead.
//
// Facts about the venue: Gate.io spot WebSocket v4 and REST v4 documentation,
// https://www.gate.com/docs/developers/apiv4/ws/en/, copies of 2025-06 to
// 2026-09; MEXC spot v3 documentation,
// https://www.mexc.com/api-docs/spot-v3/websocket-market-streams, and the schema of
// mexcdevelop/websocket-proto of 2026-06; and frames published from the live venues.
package sim
